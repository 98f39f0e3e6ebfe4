//! Lines as numbers: equal keys get equal ids, and the places of an id are known in order.

use crate::text::Text;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::borrow::Cow;
use std::hash::BuildHasher;
use std::ops::Range;

/// What of a line counts. The line may hold its terminator.
pub(crate) type Key = fn(&str) -> Cow<'_, str>;

/// Ids of some lines of a text and, per id, where its lines are. Lines count from the first of them.
#[derive(Debug, Clone)]
pub(crate) struct LineTable {
    text: Text,
    start: usize,
    key: Key,
    hasher: DefaultHashBuilder,
    /// Ids by the hash of their keys; the keys themselves stay in the text.
    ids: HashTable<u32>,
    /// First line of each id.
    first: Vec<u32>,
    of_line: Vec<u32>,
    /// `places[starts[id]..starts[id + 1]]` are the lines of `id`, ascending.
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl LineTable {
    /// One id for each distinct key of the lines in `range`; cost linear in the lines.
    pub(crate) fn new(text: &Text, range: Range<usize>, key: Key) -> LineTable {
        let lines = &text.lines()[range.clone()];
        let hasher = DefaultHashBuilder::default();
        // Many lines are alike, and a look-up is as fast as its table is small: it grows where they are not.
        let mut ids: HashTable<u32> = HashTable::with_capacity(lines.len() / 4);
        let mut first: Vec<u32> = Vec::new();
        let mut of_line = Vec::with_capacity(lines.len());
        let key_of = |first: &[u32], id: u32| key(&lines[first[id as usize] as usize]);
        for (i, line) in lines.iter().enumerate() {
            let own = key(line);
            let hash = hasher.hash_one(&*own);
            let id = match ids.find(hash, |id| key_of(&first, *id) == own) {
                Some(id) => *id,
                None => {
                    let id = first.len() as u32;
                    first.push(i as u32);
                    ids.insert_unique(hash, id, |id| hasher.hash_one(&*key_of(&first, *id)));
                    id
                }
            };
            of_line.push(id);
        }
        let mut starts = vec![0u32; first.len() + 1];
        of_line.iter().for_each(|id| starts[*id as usize + 1] += 1);
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut fill = starts.clone();
        let mut places = vec![0u32; of_line.len()];
        for (line, id) in of_line.iter().enumerate() {
            let slot = &mut fill[*id as usize];
            places[*slot as usize] = line as u32;
            *slot += 1;
        }
        LineTable {
            text: text.clone(),
            start: range.start,
            key,
            hasher,
            ids,
            first,
            of_line,
            starts,
            places,
        }
    }

    /// The id of a key, if any line has it.
    pub(crate) fn id(&self, key: &str) -> Option<u32> {
        let first_of = |id: u32| &self.text.lines()[self.start + self.first[id as usize] as usize];
        self.ids
            .find(self.hasher.hash_one(key), |id| (self.key)(first_of(*id)) == key)
            .copied()
    }

    /// The id of line `line`.
    pub(crate) fn at(&self, line: usize) -> Option<u32> {
        self.of_line.get(line).copied()
    }

    /// Lines with this id, ascending.
    pub(crate) fn places(&self, id: u32) -> &[u32] {
        let id = id as usize;
        &self.places[self.starts[id] as usize..self.starts[id + 1] as usize]
    }
}
