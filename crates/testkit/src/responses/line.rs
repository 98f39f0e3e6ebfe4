//! One connection of the fake: plain TCP, or TLS on top of it where a client begins so.
//!
//! One thread reads and others write. The lock around the TLS state is not held while anybody waits for bytes.

use rustls::{ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The first byte of a TLS connection: a record of the handshake.
const HANDSHAKE: u8 = 0x16;

/// A connection. Clones are the same one.
pub(super) struct Stream {
    tcp: TcpStream,
    tls: Option<Arc<Mutex<ServerConnection>>>,
    /// What came last, as it was on the wire; empty until it is read encrypted.
    raw: Vec<u8>,
}

/// Bytes of the wire that are read at once: rustls holds no more than a record or two that nobody has taken.
const READ: usize = 16 << 10;

impl Stream {
    /// Looks at the first byte: with `tls`, a client may begin a handshake.
    pub(super) fn begin(tcp: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<Stream> {
        tcp.set_nodelay(true)?;
        let mut first = [0];
        let tls = match tls {
            Some(config) if tcp.peek(&mut first)? == 1 && first[0] == HANDSHAKE => {
                let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
                connection.set_buffer_limit(None);
                Some(Arc::new(Mutex::new(connection)))
            }
            Some(_) | None => None,
        };
        Ok(Stream {
            tcp,
            tls,
            raw: Vec::new(),
        })
    }

    pub(super) fn try_clone(&self) -> io::Result<Stream> {
        Ok(Stream {
            tcp: self.tcp.try_clone()?,
            tls: self.tls.clone(),
            raw: Vec::new(),
        })
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.tcp.shutdown(how)
    }
}

fn lock(tls: &Mutex<ServerConnection>) -> MutexGuard<'_, ServerConnection> {
    tls.lock().unwrap_or_else(PoisonError::into_inner)
}

fn flush(tls: &mut ServerConnection, mut tcp: &TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(&mut tcp)?;
    }
    Ok(())
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &self.tls else {
            return self.tcp.read(into);
        };
        self.raw.resize(READ, 0);
        loop {
            match lock(tls).reader().read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            let came = self.tcp.read(&mut self.raw)?;
            if came == 0 {
                return Ok(0);
            }
            let mut connection = lock(tls);
            let mut rest = &self.raw[..came];
            while !rest.is_empty() {
                connection.read_tls(&mut rest)?;
                let sense = connection.process_new_packets();
                // The alert of a failed handshake is for the client.
                flush(&mut connection, &self.tcp)?;
                sense.map_err(io::Error::other)?;
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.tls {
            None => self.tcp.write(bytes),
            Some(tls) => {
                let mut connection = lock(tls);
                connection.writer().write_all(bytes)?;
                flush(&mut connection, &self.tcp)?;
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}
