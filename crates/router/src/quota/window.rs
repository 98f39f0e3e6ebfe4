//! What was used in the last so many microseconds, in thirteen slots.

use brisk_domain::Now;

/// Slots that one span is cut into.
const PARTS: i64 = 12;
/// One more than that: the slot that is being filled and the whole span before it.
const SLOTS: usize = 13;

/// Slots are numbered from the clock's zero on. What was used before it (the machine began anew, the day did not) has a
/// number below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    number: i64,
    amount: u64,
}

/// A slot that was never filled: older than any.
const EMPTY: Slot = Slot {
    number: i64::MIN,
    amount: 0,
};

/// A sliding sum. It counts up to a twelfth of a span too long and never too short, so that what it admits stays
/// within the bound in every span, wherever it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    width_us: i64,
    slots: [Slot; SLOTS],
}

impl Window {
    /// Of this length.
    pub fn new(span_us: u64) -> Window {
        Window {
            width_us: (signed(span_us) / PARTS).max(1),
            slots: [EMPTY; SLOTS],
        }
    }

    /// The slot of a moment.
    fn number(&self, now: Now) -> i64 {
        signed(now.0) / self.width_us
    }

    /// What counts now.
    pub fn used(&self, now: Now) -> u64 {
        self.live(self.number(now))
            .fold(0, |sum, slot| sum.saturating_add(slot.amount))
    }

    fn live(&self, number: i64) -> impl Iterator<Item = &Slot> {
        self.slots
            .iter()
            .filter(move |slot| slot.number.saturating_add(PARTS) >= number)
    }

    /// Counts something; gives the slot that it was counted in.
    pub fn add(&mut self, now: Now, amount: u64) -> i64 {
        self.put(self.number(now), amount)
    }

    /// Counts what was used `age_us` ago, if that still counts.
    pub fn add_past(&mut self, now: Now, age_us: u64, amount: u64) {
        let at = signed(now.0).saturating_sub(signed(age_us));
        let number = at.div_euclid(self.width_us);
        if number.saturating_add(PARTS) >= self.number(now) {
            self.put(number, amount);
        }
    }

    fn put(&mut self, number: i64, amount: u64) -> i64 {
        let slot = self.slot(number);
        // A clock never goes back; if one did, what is there stays counted.
        if slot.number < number {
            *slot = Slot { number, amount: 0 };
        }
        slot.amount = slot.amount.saturating_add(amount);
        slot.number
    }

    /// Gives back what was counted in a slot, if the slot still counts.
    pub fn give_back(&mut self, number: i64, amount: u64) {
        let slot = self.slot(number);
        if slot.number == number {
            slot.amount = slot.amount.saturating_sub(amount);
        }
    }

    #[allow(clippy::indexing_slicing, reason = "a remainder of the length")]
    fn slot(&mut self, number: i64) -> &mut Slot {
        &mut self.slots[usize::try_from(number.rem_euclid(SLOTS as i64)).unwrap_or(0)]
    }

    /// When `wanted` fits under `limit` with what is counted in all of these; `None`: never.
    pub fn free_at(all: &[&Window], now: Now, wanted: u64, limit: u64) -> Option<Now> {
        let room = limit.checked_sub(wanted)?;
        let mut used = all
            .iter()
            .fold(0u64, |sum, one| sum.saturating_add(one.used(now)));
        if used <= room {
            return Some(now);
        }
        let mut ends: Vec<(Now, u64)> = all.iter().flat_map(|one| one.ends(now)).collect();
        ends.sort_unstable();
        ends.into_iter().find_map(|(at, amount)| {
            used = used.saturating_sub(amount);
            (used <= room).then_some(at)
        })
    }

    /// When each slot that counts now does no more, and how much is in it.
    fn ends(&self, now: Now) -> impl Iterator<Item = (Now, u64)> {
        let filled = self.live(self.number(now)).filter(|slot| slot.amount > 0);
        filled.map(|slot| {
            let at = (slot.number + PARTS + 1).saturating_mul(self.width_us);
            (Now(u64::try_from(at).unwrap_or(0)), slot.amount)
        })
    }
}

/// A moment or a length; beyond the signed range nothing lasts.
fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
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
                } else if let Some(at) = Window::free_at(&[&window], Now(now), amount, LIMIT) {
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
        fn what_was_used_before_a_restart_counts_as_long_as_ever(
            uses in prop::collection::vec((0u64..300, 1u64..8), 1..60),
            gap in 0u64..1_500,
            shift in 0u64..20_000,
        ) {
            const SPAN: u64 = 1_200;
            let mut whole = Window::new(SPAN);
            let (mut now, mut past) = (shift, Vec::new());
            for (wait, amount) in uses {
                now += wait;
                whole.add(Now(now), amount);
                past.push((now, amount));
            }
            let now = now + gap;
            // Another clock, too: the machine may have begun anew.
            for zero in [0, shift, now] {
                let mut again = Window::new(SPAN);
                for (at, amount) in &past {
                    again.add_past(Now(now - zero), now - at, *amount);
                }
                let exact: u64 = past.iter().filter(|(at, _)| now - at < SPAN).map(|(_, a)| a).sum();
                let most: u64 = past.iter().filter(|(at, _)| now - at < SPAN + SPAN / 6).map(|(_, a)| a).sum();
                let used = again.used(Now(now - zero));
                prop_assert!((exact..=most).contains(&used), "{exact} <= {used} <= {most}");
                if zero == 0 {
                    prop_assert_eq!(used, whole.used(Now(now)), "the same slots on the same clock");
                }
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
