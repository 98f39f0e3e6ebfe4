//! Lines of another process, each with the moment at which it could be read.

use anyhow::bail;
use rustix::time::{ClockId, clock_gettime};
use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Microseconds of `CLOCK_MONOTONIC`: comparable between processes of one machine.
pub(crate) fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let us = now
        .tv_sec
        .saturating_mul(1_000_000)
        .saturating_add(now.tv_nsec / 1_000);
    u64::try_from(us).unwrap_or_default()
}

/// Read by a thread of its own that does nothing else, so that working on a line delays no stamp.
#[derive(Debug)]
pub(crate) struct Lines(Receiver<(u64, String)>);

impl Lines {
    pub(crate) fn of(mut from: impl Read + Send + 'static) -> Lines {
        let (tell, told) = channel();
        thread::spawn(move || {
            let mut piece = [0; 64 * 1024];
            let mut rest = Vec::new();
            while let Ok(n @ 1..) = from.read(&mut piece) {
                let t_us = now_us();
                rest.extend_from_slice(piece.get(..n).unwrap_or_default());
                while let Some(end) = rest.iter().position(|b| *b == b'\n') {
                    let line: Vec<u8> = rest.drain(..=end).collect();
                    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                    if tell.send((t_us, line)).is_err() {
                        return;
                    }
                }
            }
        });
        Lines(told)
    }

    /// The next line, if one comes within that time; an error at the end of all lines.
    pub(crate) fn next(&self, within: Duration) -> anyhow::Result<Option<(u64, String)>> {
        match self.0.recv_timeout(within) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the other side has ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_stamped() {
        let before = now_us();
        let lines = Lines::of(&b"a\nb c\n\nlast without an end"[..]);
        let mut seen = Vec::new();
        while let Ok(next) = lines.next(Duration::from_secs(20)) {
            let (t_us, line) = next.unwrap();
            assert!((before..=now_us()).contains(&t_us));
            seen.push(line);
        }
        assert_eq!(seen, ["a", "b c", ""]);
    }
}
