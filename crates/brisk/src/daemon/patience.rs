//! Accepting connections when accepting fails. The usual failure (no files left) lasts: tried again at once it would
//! take a whole core and fill the log. So each failure in a row waits longer.

use super::note;
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// After the first failure.
const FIRST: Duration = Duration::from_millis(10);
/// No wait is longer: when files are free again, the next client waits at most so long.
const LONGEST: Duration = Duration::from_secs(1);

/// Something that connections come from.
pub(super) trait Accept {
    /// One connection.
    type Stream;
    /// Waits for the next one. Dropping the future loses none.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// One row of failures. It lives outside of the wait, which may be dropped and begun anew at any time.
#[derive(Default)]
pub(super) struct Patience {
    wait: Option<(Duration, Instant)>,
}

impl Patience {
    /// The next connection, after as many failures as it takes. Safe to drop.
    pub(super) async fn next<A: Accept>(&mut self, door: &A, name: &str) -> A::Stream {
        loop {
            if let Some((_, until)) = self.wait {
                sleep_until(until).await;
            }
            match door.accept().await {
                Ok(stream) => {
                    self.wait = None;
                    return stream;
                }
                Err(e) => {
                    let wait = match self.wait {
                        None => FIRST,
                        Some((last, _)) => (last * 2).min(LONGEST),
                    };
                    // Once a row: a failure that lasts must not fill the log.
                    if self.wait.is_none() {
                        note(&format!("{name}: a connection could not be accepted: {e}"));
                    }
                    self.wait = Some((wait, Instant::now() + wait));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::time::timeout;

    /// Fails so many times, then lets one in; notes when it was tried.
    struct Door {
        failures: usize,
        tried: Mutex<Vec<Instant>>,
    }

    impl Accept for Door {
        type Stream = usize;
        async fn accept(&self) -> io::Result<usize> {
            let mut tried = self.tried.lock().unwrap();
            tried.push(Instant::now());
            if tried.len().is_multiple_of(self.failures + 1) {
                Ok(tried.len())
            } else {
                Err(io::Error::from_raw_os_error(24))
            }
        }
    }

    fn waits(door: &Door) -> Vec<u128> {
        let tried = door.tried.lock().unwrap();
        tried.windows(2).map(|w| (w[1] - w[0]).as_millis()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_failure_in_a_row_waits_longer_up_to_a_bound() {
        let door = Door {
            failures: 10,
            tried: Mutex::default(),
        };
        let mut patience = Patience::default();
        assert_eq!(patience.next(&door, "test").await, 11);
        let want = [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000];
        assert_eq!(waits(&door), want);
        // A success ends the row.
        patience.next(&door, "test").await;
        assert_eq!(waits(&door)[10..13], [0, 10, 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn being_dropped_does_not_shorten_the_wait() {
        let door = Door {
            failures: 1_000,
            tried: Mutex::default(),
        };
        let mut patience = Patience::default();
        for _ in 0..1_000 {
            let _ = timeout(Duration::from_millis(1), patience.next(&door, "test")).await;
        }
        assert!(waits(&door).len() <= 7, "{:?}", waits(&door));
    }
}
