//! Guesses how an answer goes on, from the text that it mostly repeats.

/// A guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guess {
    /// The bytes that would come next.
    pub(crate) text: Vec<u8>,
}

/// Follows the old text while the answer repeats it.
pub(crate) struct Drafter {
    old: Vec<u8>,
    answer: Vec<u8>,
    at: Option<usize>,
}

const LONGEST: usize = 48;
const SHORTEST: usize = 6;

impl Drafter {
    pub(crate) fn new(prediction: &str, ending: &str) -> Self {
        let mut old = prediction.trim_end_matches('\n').as_bytes().to_vec();
        old.extend_from_slice(ending.as_bytes());
        Self {
            old,
            answer: Vec::new(),
            at: Some(0),
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.answer.extend_from_slice(bytes);
        self.at = match self.at {
            Some(at) if self.old[at..].starts_with(bytes) => Some(at + bytes.len()),
            _ => self.find(),
        };
    }

    fn find(&self) -> Option<usize> {
        (SHORTEST..=LONGEST.min(self.answer.len())).rev().find_map(|n| {
            let tail = &self.answer[self.answer.len() - n..];
            self.old.windows(n).position(|w| w == tail).map(|at| at + n)
        })
    }

    pub(crate) fn guess(&self, bytes: usize) -> Option<Guess> {
        let at = self.at?;
        let text = self.old[at..self.old.len().min(at + bytes)].to_vec();
        (!text.is_empty()).then_some(Guess { text })
    }

    pub(crate) fn answer(&self) -> &[u8] {
        &self.answer
    }
}
