//! What the person felt of a turn: from the key to the first token, the first line, the end. Pure.

/// Turns that a session's median is made of.
const REMEMBERED: usize = 200;

/// Moments of one turn, microseconds of the client's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Felt {
    /// The key that sent the prompt.
    pub key: u64,
    /// First token of the model.
    pub token: Option<u64>,
    /// First line of a hunk, or of an answer in words.
    pub hunk: Option<u64>,
    /// Nothing more will come.
    pub settled: Option<u64>,
}

impl Felt {
    /// Since the key, each in microseconds: token, hunk, settled.
    pub fn since_key(&self) -> [Option<u64>; 3] {
        [self.token, self.hunk, self.settled].map(|at| at.map(|at| at.saturating_sub(self.key)))
    }
}

/// The first hunks of a session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    first: Vec<u64>,
}

impl Session {
    /// A turn is over.
    pub(crate) fn add(&mut self, felt: &Felt) {
        if let [_, Some(hunk), _] = felt.since_key() {
            if self.first.len() == REMEMBERED {
                self.first.remove(0);
            }
            self.first.push(hunk);
        }
    }

    /// Median from key to first hunk, microseconds.
    pub(crate) fn p50(&self) -> Option<u64> {
        let mut sorted = self.first.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len().checked_sub(1)? / 2).copied()
    }
}
