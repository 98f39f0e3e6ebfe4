//! Reading requests: as much of HTTP/1.1 as a client of a model speaks.

use std::io::{self, Read};

/// Head and body of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Incoming {
    /// A header's first value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Requests of one connection; keeps what was read beyond the last one.
pub(crate) struct Requests<R> {
    from: R,
    buffer: Vec<u8>,
}

impl<R: Read> Requests<R> {
    pub(crate) fn new(from: R) -> Requests<R> {
        Requests {
            from,
            buffer: Vec::new(),
        }
    }

    /// The next request; `None` when the client has closed or reset the connection, or speaks something else.
    pub(crate) fn next(&mut self) -> Option<Incoming> {
        let (mut incoming, head, length) = loop {
            if let Some(parsed) = parse_head(&self.buffer)? {
                break parsed;
            }
            self.fill().ok()?;
        };
        while self.buffer.len() < head + length {
            self.fill().ok()?;
        }
        let rest = self.buffer.split_off(head + length);
        incoming.body = std::mem::replace(&mut self.buffer, rest).split_off(head);
        Some(incoming)
    }

    /// What was read beyond the last request: the beginning of another protocol.
    pub(crate) fn into_rest(self) -> Vec<u8> {
        self.buffer
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut piece = [0; 16 * 1024];
        let n = self.from.read(&mut piece)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&piece[..n]);
        Ok(())
    }
}

/// The outer `None` is a request that this server does not understand, the inner one a head that is not whole yet.
fn parse_head(bytes: &[u8]) -> Option<Option<(Incoming, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(bytes).ok()? {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial => return Some(None),
    };
    let headers: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|h| {
            (
                h.name.to_ascii_lowercase(),
                String::from_utf8_lossy(h.value).into_owned(),
            )
        })
        .collect();
    let length = match headers.iter().find(|(name, _)| name == "content-length") {
        Some((_, value)) => value.parse().ok()?,
        None => 0,
    };
    let incoming = Incoming {
        method: request.method?.to_owned(),
        path: request.path?.to_owned(),
        headers,
        body: Vec::new(),
    };
    Some(Some((incoming, head, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            buf[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn requests_are_read_one_after_the_other_in_any_cut() {
        let wire = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET /v1/models HTTP/1.1\r\n\r\n";
        let mut requests = Requests::new(Slow(wire));
        let first = requests.next().unwrap();
        assert_eq!(
            (first.method.as_str(), first.body.as_slice()),
            ("POST", b"{}".as_slice())
        );
        assert_eq!(requests.next().unwrap().path, "/v1/models");
        assert_eq!(requests.next(), None);
    }

    #[test]
    fn a_cut_body_and_noise_are_no_request() {
        for wire in [
            "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab",
            "\u{1}\u{2}\u{3}\r\n\r\n",
        ] {
            assert_eq!(Requests::new(wire.as_bytes()).next(), None);
        }
    }
}
