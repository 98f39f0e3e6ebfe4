//! What a server counts is what is paid for and what quotas are settled by, so it is believed only within what can be: a
//! prompt fits the model's window, and an answer is bounded by what was asked for. One absurd number must not use up a
//! day's money.

use brisk_domain::port::{ModelEvent, Sink, Usage};
use brisk_domain::tool::{Calling, Calls};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of text that make a token, where nobody counted.
const BYTES_PER_TOKEN: usize = 4;

/// What one request can have taken, tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Most {
    /// The model's window.
    pub(super) context: usize,
    /// What its answer may take, thoughts included.
    pub(super) answer: usize,
    /// Bytes that are sent.
    pub(super) sent: usize,
}

impl Most {
    /// The counts as they are believed, of an answer of so many bytes. Text has a token a byte at the utmost; what is beyond
    /// that and beyond the bound is replaced by an estimate from the text.
    fn believed(self, counted: Usage, written: usize) -> Usage {
        let or = |count: usize, most: usize, bytes: usize| {
            if count <= most.max(bytes) {
                count
            } else {
                bytes.div_ceil(BYTES_PER_TOKEN)
            }
        };
        let input = or(counted.input, self.context, self.sent);
        Usage {
            input,
            cached: counted.cached.min(input),
            output: or(counted.output, self.answer, written),
            accepted: counted.accepted,
        }
    }
}

/// One request: what it can have taken, and how much has been written.
pub(super) struct Belief {
    most: Most,
    written: Arc<AtomicUsize>,
}

impl Belief {
    pub(super) fn new(most: Most) -> Belief {
        Belief {
            most,
            written: Arc::default(),
        }
    }

    /// Hands on what comes, with counts that can be.
    pub(super) fn sink(&self, sink: Sink) -> Sink {
        let (most, written) = (self.most, Arc::clone(&self.written));
        Arc::new(move |event| {
            if let ModelEvent::Text { text } = &event {
                written.fetch_add(text.len(), Ordering::Relaxed);
            }
            sink(match event {
                ModelEvent::Done { finish, usage } => ModelEvent::Done {
                    finish,
                    usage: most.believed(usage, written.load(Ordering::Relaxed)),
                },
                other @ (ModelEvent::Sent | ModelEvent::Text { .. } | ModelEvent::Failed { .. }) => other,
            });
        })
    }

    /// Hands on calls, which are written, too.
    pub(super) fn calls(&self, calls: Calls) -> Calls {
        let written = Arc::clone(&self.written);
        Arc::new(move |calling| {
            if let Calling::Writes { bytes } = &calling {
                written.fetch_add(*bytes, Ordering::Relaxed);
            }
            calls(calling);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::port::Finish;
    use std::sync::Mutex;

    #[test]
    fn counts_are_believed_within_what_can_be() {
        const ABSURD: usize = 1 << 62;
        let most = Most {
            context: 8_000,
            answer: 100,
            sent: 400,
        };
        let usage = |input, cached, output| Usage {
            input,
            cached,
            output,
            accepted: 0,
        };
        // What was counted, the bytes that were written, what is believed.
        let cases = [
            (usage(90, 10, 5), 20, usage(90, 10, 5)),
            (usage(8_000, 0, 100), 0, usage(8_000, 0, 100)),
            (usage(8_001, 0, 5), 20, usage(100, 0, 5)),
            (usage(ABSURD, ABSURD, 5), 20, usage(100, 100, 5)),
            (usage(90, 0, ABSURD), 20, usage(90, 0, 5)),
            (usage(usize::MAX, 0, usize::MAX), 0, usage(100, 0, 0)),
            // A server that writes more than it was asked for is paid for it.
            (usage(90, 0, 900), 1_000, usage(90, 0, 900)),
        ];
        for (counted, written, want) in cases {
            let seen = Arc::new(Mutex::new(None));
            let told = Arc::clone(&seen);
            let belief = Belief::new(most);
            let sink = belief.sink(Arc::new(move |event| {
                if let ModelEvent::Done { usage, .. } = event {
                    *told.lock().unwrap() = Some(usage);
                }
            }));
            let calls = belief.calls(Arc::new(|_| {}));
            calls(Calling::Writes { bytes: written / 2 });
            sink(ModelEvent::Text {
                text: "x".repeat(written - written / 2),
            });
            sink(ModelEvent::Done {
                finish: Finish::Stop,
                usage: counted,
            });
            assert_eq!(*seen.lock().unwrap(), Some(want), "{counted:?}");
        }
    }
}
