//! Lines of a server, each within a bound.

use std::io::{self, BufRead, BufReader, Read};

/// Bytes of one line.
pub(super) const LINE: usize = 4 << 20;

/// Reads lines until the end; one that is too long is an error.
pub(super) struct Lines<R> {
    inner: BufReader<R>,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(inner: R) -> Lines<R> {
        Lines {
            inner: BufReader::new(inner),
        }
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<io::Result<String>> {
        let mut bytes = Vec::new();
        let bound = LINE as u64 + 1;
        match (&mut self.inner).take(bound).read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            Ok(_) if bytes.len() > LINE => Some(Err(io::Error::other(format!(
                "one line is longer than {LINE} bytes"
            )))),
            Ok(_) => Some(Ok(String::from_utf8_lossy(&bytes).into_owned())),
            Err(e) => Some(Err(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_a_bound() {
        let lines = |text: &[u8]| {
            Lines::new(text)
                .map(|l| l.map_err(|e| e.to_string()))
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(b"a\nb"), [Ok("a\n".to_owned()), Ok("b".to_owned())]);
        let long = vec![b'x'; LINE + 9];
        assert!(lines(&long)[0].as_ref().unwrap_err().contains("longer"));
    }
}
