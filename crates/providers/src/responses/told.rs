//! Which items of an answer were told piece by piece, so that their ends, which repeat them, are not told again. Pure.
//!
//! Items may be written side by side. An item is known by its id, else by its number; where a server gives neither,
//! an end belongs to the pieces just before it.

use brisk_protocol::responses::Place;

/// The pieces' items so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    items: Vec<Key>,
    /// A piece came since the last beginning or end of an item.
    lately: bool,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    index: Option<u64>,
}

impl Key {
    /// Whether it is this place; `None` if they have no name in common.
    fn is(&self, place: &Place<'_>) -> Option<bool> {
        match (&self.id, &place.item) {
            (Some(ours), Some(theirs)) => Some(ours == theirs),
            (None, _) | (_, None) => Some(self.index? == place.index?),
        }
    }
}

impl Told {
    pub(super) fn began(&mut self) {
        self.lately = false;
    }

    pub(super) fn piece(&mut self, of: &Place<'_>) {
        self.lately = true;
        let named = of.item.is_some() || of.index.is_some();
        if named && !self.items.iter().any(|key| key.is(of) == Some(true)) {
            self.items.push(Key {
                id: of.item.as_deref().map(str::to_owned),
                index: of.index,
            });
        }
    }

    /// An item has ended; says whether its text was told.
    pub(super) fn ended(&mut self, at: &Place<'_>) -> bool {
        let lately = std::mem::take(&mut self.lately);
        if let Some(found) = self.items.iter().position(|key| key.is(at) == Some(true)) {
            self.items.remove(found);
            return true;
        }
        let comparable = self.items.iter().any(|key| key.is(at).is_some());
        // The pieces belong to another item, which is still to end.
        self.lately = lately && comparable;
        lately && !comparable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `+`, `-`: a piece and an end, with id and number; `.`: an item begins.
    fn ends(events: &str) -> Vec<bool> {
        let mut told = Told::default();
        let mut all = Vec::new();
        for event in events.split(' ') {
            let (what, names) = event.split_at(1);
            let (id, index) = names.split_once('/').unwrap_or_default();
            let place = Place {
                response: None,
                item: (!id.is_empty()).then(|| id.into()),
                index: index.parse().ok(),
            };
            match what {
                "." => told.began(),
                "+" => told.piece(&place),
                _ => all.push(told.ended(&place)),
            }
        }
        all
    }

    #[test]
    fn an_end_repeats_only_what_was_told() {
        for (events, want) in [
            ("-", &[false][..]),
            (". + -", &[true]),
            (". + - . -", &[true, false]),
            // Another item begins before the first has ended.
            (". +a/0 . -a/0", &[true]),
            (". +/0 . -/0", &[true]),
            (". +a/ . -a/0 -b/1", &[true, false]),
            (". +a/0 . -b/1 -a/0", &[false, true]),
            (". +a/0 . +b/1 -a/0 -b/1", &[true, true]),
            // The end names what the pieces did not.
            (". +/0 -a/0", &[true]),
            (". + -a/0", &[true]),
            (". +a/ -/0", &[true]),
            (". + . -a/0", &[false]),
            // A number is used again for another item.
            (". +/0 -/0 . -/0", &[true, false]),
            (". +a/0 -b/0", &[false]),
        ] {
            assert_eq!(ends(events), want, "{events}");
        }
    }
}
