//! A line with a round trip: bytes come out some time after they went in. What it cannot show: loss, a window that
//! opens slowly, a bound on bytes a second.

use crate::signal::Signal;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A port in front of a server. It lives as long as the program.
#[derive(Debug)]
pub struct DelayedPort {
    address: SocketAddr,
}

impl DelayedPort {
    /// Every byte takes half of `round_trip`; the first bytes of a connection one more round trip, which is what a
    /// TCP handshake takes.
    pub fn start(target: SocketAddr, round_trip: Duration) -> io::Result<DelayedPort> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is gone shows in what the client does next.
                drop(relay(client, target, round_trip));
            }
        });
        Ok(DelayedPort { address })
    }

    /// `http://127.0.0.1:PORT`, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn relay(client: TcpStream, target: SocketAddr, round_trip: Duration) -> io::Result<()> {
    let server = TcpStream::connect(target)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ready = Instant::now() + round_trip;
    let (to, from) = (server.try_clone()?, client.try_clone()?);
    pump(from, to, round_trip / 2, ready);
    pump(server, client, round_trip / 2, ready);
    Ok(())
}

/// Bytes and when they are due; empty at the end of the connection.
type Line = Signal<VecDeque<(Instant, Vec<u8>)>>;

/// Two threads for one direction: one stamps what comes in, one lets it out in time.
fn pump(mut from: TcpStream, mut to: TcpStream, delay: Duration, ready: Instant) {
    let line: Arc<Line> = Arc::default();
    let out = Arc::clone(&line);
    thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        loop {
            let n = from.read(&mut piece).unwrap_or(0);
            let due = Instant::now().max(ready) + delay;
            line.change(|queue| queue.push_back((due, piece[..n].to_vec())));
            if n == 0 {
                return;
            }
        }
    });
    thread::spawn(move || {
        loop {
            let (due, bytes) = out.until(VecDeque::pop_front);
            // Nothing is ever ready here: only the moment ends the wait.
            while out.until_or(due, |_| None::<()>).is_some() {}
            if bytes.is_empty() || to.write_all(&bytes).is_err() {
                drop(to.shutdown(Shutdown::Both));
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_order_and_not_too_soon() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let round_trip = Duration::from_millis(20);
        let port = DelayedPort::start(listener.local_addr().unwrap(), round_trip).unwrap();
        let begun = Instant::now();
        let mut client = TcpStream::connect(port.address).unwrap();
        client.write_all(&[7; 100_000]).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut got = vec![0; 100_000];
        server.read_exact(&mut got).unwrap();
        assert!(begun.elapsed() >= round_trip * 3 / 2);
        assert!(got.iter().all(|byte| *byte == 7));
        server.write_all(b"x").unwrap();
        drop(server);
        let mut back = Vec::new();
        client.read_to_end(&mut back).unwrap();
        assert_eq!(back, b"x");
        assert!(begun.elapsed() >= round_trip * 2);
    }
}
