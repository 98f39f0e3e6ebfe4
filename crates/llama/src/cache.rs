//! Which tokens each sequence of the key/value cache holds, and which sequence a prompt should take.
//!
//! Background work does not take the sequence that a person used last, where there is another: else two jobs would cost
//! whoever edits beside them the reading of the whole file, each time. But not for ever: without the person, two jobs
//! with one sequence read their conversations anew at every turn.

use crate::Token;
use brisk_domain::port::Priority;

/// A prefix of another sequence is copied only when it saves at least so many tokens: a copy moves the whole
/// window's memory, which costs as much as reading a few tokens.
const WORTH_A_COPY: usize = 24;

/// A person's sequence is given up after so many requests of background work in a row: minutes of it, at least.
const KEPT_FOR: u32 = 16;

/// One sequence.
#[derive(Debug, Clone, Default)]
struct Slot {
    key: Option<u64>,
    tokens: Vec<Token>,
    used: u64,
}

/// Where a prompt goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The sequence to use.
    pub(crate) slot: usize,
    /// Copy this sequence over first.
    pub(crate) copy_from: Option<usize>,
    /// Tokens that are there already; the rest of the sequence must go.
    pub(crate) keep: usize,
}

/// The sequences, least recently used first out.
#[derive(Debug)]
pub(crate) struct Cache {
    slots: Vec<Slot>,
    clock: u64,
    /// The sequence of the last request of a person, and how many of background work came since.
    persons: Option<(usize, u32)>,
}

impl Cache {
    pub(crate) fn new(sequences: usize) -> Self {
        Self {
            slots: vec![Slot::default(); sequences.max(1)],
            clock: 0,
            persons: None,
        }
    }

    #[cfg(test)]
    fn tokens(&self, slot: usize) -> &[Token] {
        self.slots.get(slot).map_or(&[], |s| &s.tokens)
    }

    /// Chooses a sequence for a prompt and books the prefix that it will hold. The last token of the prompt is
    /// never taken from the cache, because its logits are needed.
    pub(crate) fn take(&mut self, key: u64, priority: Priority, prompt: &[Token]) -> Plan {
        let usable = &prompt[..prompt.len().saturating_sub(1)];
        let shared: Vec<usize> = self
            .slots
            .iter()
            .map(|slot| common_prefix(&slot.tokens, usable))
            .collect();
        if priority == Priority::Background {
            let older = self.persons.map(|(slot, since)| (slot, since + 1));
            self.persons = older.filter(|(_, since)| *since <= KEPT_FOR);
        }
        let barred = self
            .persons
            .map(|(slot, _)| slot)
            .filter(|_| priority == Priority::Background && self.slots.len() > 1);
        let open = || (0..self.slots.len()).filter(|&i| Some(i) != barred);
        let own = open().find(|&i| self.slots[i].key == Some(key));
        let slot = own.unwrap_or_else(|| {
            // Never an occupied sequence while another is free.
            open().min_by_key(|&i| self.slots[i].used).unwrap_or(0)
        });
        if priority == Priority::Interactive {
            self.persons = Some((slot, 0));
        }
        let best = (0..self.slots.len())
            .max_by_key(|&i| (shared[i], i == slot))
            .unwrap_or(slot);
        let copy = best != slot && shared[best] >= shared[slot] + WORTH_A_COPY;
        let keep = if copy { shared[best] } else { shared[slot] };
        self.clock += 1;
        self.slots[slot] = Slot {
            key: Some(key),
            tokens: prompt[..keep].to_vec(),
            used: self.clock,
        };
        Plan {
            slot,
            copy_from: copy.then_some(best),
            keep,
        }
    }

    /// Books tokens that were evaluated at the end of a sequence.
    pub(crate) fn extend(&mut self, slot: usize, tokens: &[Token]) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.tokens.extend_from_slice(tokens);
        }
    }

    /// Books that a sequence was cut.
    pub(crate) fn truncate(&mut self, slot: usize, length: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.tokens.truncate(length);
        }
    }
}

fn common_prefix(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A prompt: `shared` equal tokens, then tokens of its own.
    fn prompt(shared: usize, own: Token, length: usize) -> Vec<Token> {
        (0..length).map(|i| if i < shared { 7 } else { own }).collect()
    }

    fn serve(cache: &mut Cache, key: u64, prompt: &[Token]) -> Plan {
        serve_as(cache, key, Priority::Interactive, prompt)
    }

    fn serve_as(cache: &mut Cache, key: u64, priority: Priority, prompt: &[Token]) -> Plan {
        let plan = cache.take(key, priority, prompt);
        cache.extend(plan.slot, &prompt[plan.keep..]);
        assert_eq!(cache.tokens(plan.slot), prompt);
        plan
    }

    #[test]
    fn a_file_keeps_its_sequence_and_borrows_the_common_start() {
        let mut cache = Cache::new(2);
        let steps: [(u64, Vec<Token>, Plan); 6] = [
            (
                1,
                prompt(40, 1, 100),
                Plan {
                    slot: 0,
                    copy_from: None,
                    keep: 0,
                },
            ),
            // The same again: all but the last token.
            (
                1,
                prompt(40, 1, 100),
                Plan {
                    slot: 0,
                    copy_from: None,
                    keep: 99,
                },
            ),
            // Another file: a free sequence, and the shared start from the first.
            (
                2,
                prompt(40, 2, 90),
                Plan {
                    slot: 1,
                    copy_from: Some(0),
                    keep: 40,
                },
            ),
            // A third one: the least recently used makes room, and holds the same start itself.
            (
                3,
                prompt(40, 3, 80),
                Plan {
                    slot: 0,
                    copy_from: None,
                    keep: 40,
                },
            ),
            // Back to the second.
            (
                2,
                prompt(40, 2, 90),
                Plan {
                    slot: 1,
                    copy_from: None,
                    keep: 89,
                },
            ),
            // A short common start is not worth a copy.
            (
                3,
                prompt(10, 4, 50),
                Plan {
                    slot: 0,
                    copy_from: None,
                    keep: 10,
                },
            ),
        ];
        for (key, prompt, expected) in steps {
            assert_eq!(serve(&mut cache, key, &prompt), expected, "key {key}");
        }
    }

    #[test]
    fn jobs_share_what_the_person_does_not_use() {
        let mut cache = Cache::new(2);
        let file = prompt(0, 1, 100);
        serve(&mut cache, 1, &file);
        for job in 10..18 {
            let plan = serve_as(&mut cache, job, Priority::Background, &prompt(30, 2, 60));
            assert_eq!(plan.slot, 1, "job {job}");
        }
        assert_eq!(serve(&mut cache, 1, &file).keep, 99, "the file is still known");
        // The person's own next file may take any of them.
        assert_eq!(serve(&mut cache, 2, &prompt(0, 3, 50)).slot, 1);
        let plan = serve_as(&mut cache, 19, Priority::Background, &prompt(30, 2, 60));
        assert_eq!((plan.slot, plan.keep), (0, 0));

        let mut single = Cache::new(1);
        serve(&mut single, 1, &file);
        assert_eq!(serve_as(&mut single, 10, Priority::Background, &file).keep, 99);
    }

    /// Two attempts take turns, a person now and then: which of the two sequences each request takes.
    #[test]
    fn a_person_who_is_gone_holds_no_sequence() {
        let kept = KEPT_FOR as usize;
        // `p`erson, attempts `a` and `b`.
        for (steps, shared) in [
            ("p".to_owned() + &"ab".repeat(kept / 2), kept),
            ("p".to_owned() + &"ab".repeat(kept), kept),
            (
                "p".to_owned() + &"ab".repeat(kept / 2) + "p" + &"ab".repeat(kept / 2),
                2 * kept,
            ),
            ("ab".repeat(kept), 0),
        ] {
            let mut cache = Cache::new(2);
            let mut persons = None;
            let mut beside = 0;
            for step in steps.chars() {
                let (priority, text) = match step {
                    'p' => (Priority::Interactive, prompt(0, 1, 50)),
                    _ => (Priority::Background, prompt(0, u32::from(step).cast_signed(), 60)),
                };
                let plan = serve_as(&mut cache, u64::from(step), priority, &text);
                if priority == Priority::Interactive {
                    persons = Some(plan.slot);
                } else if persons.is_some_and(|slot| slot != plan.slot) && plan.keep == 0 {
                    beside += 1;
                }
            }
            assert_eq!(beside, shared, "{steps}");
        }
    }

    #[test]
    fn one_sequence_serves_all() {
        let mut cache = Cache::new(0);
        assert_eq!(serve(&mut cache, 1, &[1, 2, 3]).keep, 0);
        assert_eq!(serve(&mut cache, 2, &[1, 2, 4]).keep, 2);
        cache.truncate(0, 1);
        assert_eq!(cache.tokens(0), [1]);
    }
}
