//! Lines as numbers: equal keys get equal ids, and the places of an id are known in order.

use std::collections::HashMap;

/// Ids of the lines of one text and, per id, where its lines are.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineTable {
    ids: HashMap<String, u32>,
    of_line: Vec<u32>,
    /// `places[starts[id]..starts[id + 1]]` are the lines of `id`, ascending.
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl LineTable {
    /// One id for each distinct key; cost linear in the keys.
    pub(crate) fn new<'a>(keys: impl Iterator<Item = &'a str>) -> LineTable {
        let mut ids: HashMap<String, u32> = HashMap::with_capacity(keys.size_hint().0);
        let mut of_line = Vec::with_capacity(keys.size_hint().0);
        for key in keys {
            let id = match ids.get(key) {
                Some(id) => *id,
                None => {
                    let id = ids.len() as u32;
                    ids.insert(key.to_owned(), id);
                    id
                }
            };
            of_line.push(id);
        }
        let mut starts = vec![0u32; ids.len() + 1];
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
            ids,
            of_line,
            starts,
            places,
        }
    }

    /// The id of a key, if any line has it.
    pub(crate) fn id(&self, key: &str) -> Option<u32> {
        self.ids.get(key).copied()
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
