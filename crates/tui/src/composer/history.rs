//! What was sent before: stepped through, or searched.

/// Entries that are kept.
const DEPTH: usize = 1_000;
/// A longer one is not remembered, bytes.
const LONGEST: usize = 64 * 1024;

/// Earlier prompts, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: Vec<String>,
    /// Where the person is, and what they had written before they went there.
    at: Option<(usize, String)>,
    search: Option<Search>,
}

#[derive(Debug)]
struct Search {
    wanted: String,
    /// Entries from here on were passed over.
    below: usize,
}

impl History {
    pub(super) fn new(mut entries: Vec<String>) -> History {
        entries.drain(..entries.len().saturating_sub(DEPTH));
        History {
            entries,
            at: None,
            search: None,
        }
    }

    pub(super) fn push(&mut self, text: &str) {
        self.at = None;
        self.search = None;
        if !text.trim().is_empty()
            && text.len() <= LONGEST
            && self.entries.last().map(String::as_str) != Some(text)
        {
            self.entries.push(text.to_owned());
        }
        if self.entries.len() > DEPTH {
            self.entries.remove(0);
        }
    }

    /// The person writes: where they were in the history no longer counts.
    pub(super) fn leave(&mut self) {
        self.at = None;
    }

    /// One entry older or newer; newer than the newest is what was being written.
    pub(super) fn step(&mut self, older: bool, current: &str) -> Option<String> {
        let (at, draft) = match self.at.take() {
            Some(at) => at,
            None => (self.entries.len(), current.to_owned()),
        };
        let next = if older { at.checked_sub(1) } else { Some(at + 1) };
        match next {
            Some(n) if n < self.entries.len() => {
                self.at = Some((n, draft));
                self.entries.get(n).cloned()
            }
            Some(n) if n == self.entries.len() => Some(draft),
            _ => {
                if at < self.entries.len() {
                    self.at = Some((at, draft));
                }
                None
            }
        }
    }

    pub(super) fn searching(&self) -> Option<&str> {
        self.search.as_ref().map(|s| s.wanted.as_str())
    }

    pub(super) fn search(&mut self) {
        let below = self.entries.len();
        self.search = Some(Search {
            wanted: String::new(),
            below,
        });
    }

    pub(super) fn stop(&mut self) {
        self.search = None;
    }

    pub(super) fn narrow(&mut self, c: char) -> Option<String> {
        self.search.as_mut()?.wanted.push(c);
        self.find(false)
    }

    pub(super) fn widen(&mut self) -> Option<String> {
        let below = self.entries.len();
        let search = self.search.as_mut()?;
        search.wanted.pop();
        search.below = below;
        self.find(false)
    }

    /// The next older match.
    pub(super) fn again(&mut self) -> Option<String> {
        self.find(true)
    }

    fn find(&mut self, older: bool) -> Option<String> {
        let search = self.search.as_mut()?;
        let end = if older {
            search.below
        } else {
            (search.below + 1).min(self.entries.len())
        };
        let found = self
            .entries
            .iter()
            .take(end)
            .rposition(|e| e.contains(&search.wanted))?;
        search.below = found;
        self.entries.get(found).cloned()
    }
}
