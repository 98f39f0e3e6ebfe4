//! What was used in the last so many microseconds, in thirteen slots.

use brisk_domain::Now;

/// Slots that one span is cut into.
const PARTS: u64 = 12;
/// One more than that: the slot that is being filled and the whole span before it.
const SLOTS: usize = 13;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Slot {
    number: u64,
    amount: u64,
}

/// A sliding sum. It counts up to a twelfth of a span too long and never too short, so that what it admits stays
/// within the bound in every span, wherever it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    width_us: u64,
    slots: [Slot; SLOTS],
}

impl Window {
    /// Of this length.
    pub fn new(span_us: u64) -> Window {
        Window {
            width_us: (span_us / PARTS).max(1),
            slots: [Slot::default(); SLOTS],
        }
    }

    /// What counts now.
    pub fn used(&self, now: Now) -> u64 {
        let number = now.0 / self.width_us;
        self.live(number)
            .fold(0, |sum, slot| sum.saturating_add(slot.amount))
    }

    fn live(&self, number: u64) -> impl Iterator<Item = &Slot> {
        self.slots
            .iter()
            .filter(move |slot| slot.number + PARTS >= number)
    }

    /// Counts something; gives the slot that it was counted in.
    pub fn add(&mut self, now: Now, amount: u64) -> u64 {
        let number = now.0 / self.width_us;
        let slot = self.slot(number);
        // A clock never goes back; if one did, what is there stays counted.
        if slot.number < number {
            *slot = Slot { number, amount: 0 };
        }
        slot.amount = slot.amount.saturating_add(amount);
        slot.number
    }

    /// Gives back what was counted in a slot, if the slot still counts.
    pub fn give_back(&mut self, number: u64, amount: u64) {
        let slot = self.slot(number);
        if slot.number == number {
            slot.amount = slot.amount.saturating_sub(amount);
        }
    }

    #[allow(clippy::indexing_slicing, reason = "a remainder of the length")]
    fn slot(&mut self, number: u64) -> &mut Slot {
        &mut self.slots[usize::try_from(number % SLOTS as u64).unwrap_or(0)]
    }

    /// When `wanted` fits under `limit`; `None`: never.
    pub fn free_at(&self, now: Now, wanted: u64, limit: u64) -> Option<Now> {
        let room = limit.checked_sub(wanted)?;
        let current = now.0 / self.width_us;
        let mut used = self.used(now);
        if used <= room {
            return Some(now);
        }
        let mut live: Vec<&Slot> = self.live(current).filter(|slot| slot.amount > 0).collect();
        live.sort_by_key(|slot| slot.number);
        for slot in live {
            used = used.saturating_sub(slot.amount);
            if used <= room {
                return Some(Now((slot.number + PARTS + 1).saturating_mul(self.width_us)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_span_holds_more_than_was_admitted(asks in prop::collection::vec((0u64..400, 1u64..8), 1..200)) {
            const SPAN: u64 = 1_200;
            const LIMIT: u64 = 20;
            let mut window = Window::new(SPAN);
            let (mut now, mut admitted) = (0, Vec::new());
            for (wait, amount) in asks {
                now += wait;
                let used = window.used(Now(now));
                if used + amount <= LIMIT {
                    window.add(Now(now), amount);
                    admitted.push((now, amount));
                } else if let Some(at) = window.free_at(Now(now), amount, LIMIT) {
                    prop_assert!(at.0 > now);
                    prop_assert!(window.used(at) + amount <= LIMIT, "it is free when it says so");
                    prop_assert!(window.used(Now(at.0 - 1)) + amount > LIMIT, "and not before");
                }
            }
            for (begin, _) in &admitted {
                let within = admitted.iter().filter(|(at, _)| (*begin..begin + SPAN).contains(at));
                prop_assert!(within.map(|(_, amount)| amount).sum::<u64>() <= LIMIT);
            }
        }

        #[test]
        fn what_is_given_back_can_be_used_again(amount in 0u64..1000, part in 0u64..1000, wait in 0u64..30) {
            let mut window = Window::new(12);
            let slot = window.add(Now(5), amount);
            window.give_back(slot, part);
            let left = amount.saturating_sub(part);
            let want = if wait > 17 { 0 } else { left };
            prop_assert_eq!(window.used(Now(wait.max(5))), want);
        }
    }
}
