//! A line with a round trip: bytes come out some time after they went in, and a connection carries only so many in its
//! first round trips, as TCP does. What it cannot show: loss, a bound on bytes a second.

use crate::signal::Signal;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// What a new TCP connection sends before the first acknowledgement, bytes: ten segments (RFC 6928).
const FIRST_WINDOW: usize = 10 * 1460;

/// How much a connection may send in a round trip: twice as much in each that was full (RFC 5681, slow start). Pure.
#[derive(Debug)]
struct Window {
    size: usize,
    left: usize,
    round_trip: Duration,
    /// When the current round began.
    since: Instant,
}

impl Window {
    fn new(round_trip: Duration, now: Instant) -> Window {
        Window {
            size: FIRST_WINDOW,
            left: FIRST_WINDOW,
            round_trip,
            since: now,
        }
    }

    /// How many of these bytes leave together, at least one of them, and when.
    fn send(&mut self, bytes: usize, now: Instant) -> (usize, Instant) {
        if now >= self.since + self.round_trip {
            // All was acknowledged in between.
            self.since = now;
            self.left = self.size;
        } else if self.left == 0 {
            self.since += self.round_trip;
            self.size *= 2;
            self.left = self.size;
        }
        let sent = bytes.min(self.left).max(1);
        self.left = self.left.saturating_sub(sent);
        (sent, self.since.max(now))
    }
}

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
    pump(from, to, round_trip, ready);
    pump(server, client, round_trip, ready);
    Ok(())
}

/// Bytes and when they are due; empty at the end of the connection.
type Line = Signal<VecDeque<(Instant, Vec<u8>)>>;

/// Two threads for one direction: one stamps what comes in, one lets it out in time.
fn pump(mut from: TcpStream, mut to: TcpStream, round_trip: Duration, ready: Instant) {
    let line: Arc<Line> = Arc::default();
    let out = Arc::clone(&line);
    thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        let mut window = Window::new(round_trip, ready);
        let delay = round_trip / 2;
        let mut last = ready;
        loop {
            let n = from.read(&mut piece).unwrap_or(0);
            let mut rest = &piece[..n];
            while !rest.is_empty() {
                let (sent, at) = window.send(rest.len(), Instant::now().max(ready));
                let (now, later) = rest.split_at(sent);
                line.change(|queue| queue.push_back((at + delay, now.to_vec())));
                (rest, last) = (later, at);
            }
            if n == 0 {
                // The end overtakes nothing.
                let due = Instant::now().max(last) + delay;
                line.change(|queue| queue.push_back((due, Vec::new())));
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
    fn a_new_connection_begins_with_little_and_doubles() {
        let round_trip = Duration::from_millis(20);
        let start = Instant::now();
        let mut window = Window::new(round_trip, start);
        let mut left = 120_000;
        let mut rounds = Vec::new();
        while left > 0 {
            let (sent, at) = window.send(left, start);
            rounds.push((sent, (at - start).as_millis()));
            left -= sent;
        }
        let full = FIRST_WINDOW;
        assert_eq!(
            rounds,
            [
                (full, 0),
                (2 * full, 20),
                (4 * full, 40),
                (120_000 - 7 * full, 60)
            ]
        );
        // Later it is as large as it has become.
        let later = start + round_trip * 10;
        assert_eq!(window.send(8 * full, later), (8 * full, later));
        assert_eq!(window.send(1, later), (1, later + round_trip));
    }

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
