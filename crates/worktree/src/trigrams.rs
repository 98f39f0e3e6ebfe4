//! Which pieces of many texts can hold a line at all: a piece is told by the groups of three bytes that stand in it. A
//! word that few files hold is looked for in few pieces.

use regex_syntax::hir::{Hir, HirKind};

/// Bytes of a filter: one bit for each of 65,536 numbers that groups are given. A quarter of a million bytes of code set
/// fewer than a third of them.
pub(crate) const FILTER: usize = 8 << 10;

/// The groups of a piece.
#[derive(Debug, Clone)]
pub(crate) struct Filter(Box<[u8]>);

impl Filter {
    pub(crate) fn empty() -> Filter {
        Filter(vec![0; FILTER].into())
    }

    pub(crate) fn add(&mut self, text: &[u8]) {
        for number in numbers(text) {
            if let Some(byte) = self.0.get_mut(usize::from(number >> 3)) {
                *byte |= 1 << (number & 7);
            }
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The groups that every line holds which is sought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted(Vec<u16>);

impl Wanted {
    /// Lines that hold this text.
    pub(crate) fn of_text(text: &str) -> Wanted {
        Wanted(numbers(text.as_bytes()).collect())
    }

    /// Lines that match this regular expression.
    pub(crate) fn of_pattern(pattern: &str) -> Wanted {
        let mut all = Vec::new();
        // What is no expression is refused elsewhere.
        if let Ok(hir) = regex_syntax::parse(pattern) {
            gather(&hir, &mut all);
        }
        Wanted(all)
    }

    /// Whether they tell pieces apart.
    pub(crate) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether a piece with this filter may hold such a line; `false` is certain.
    pub(crate) fn may_be_in(&self, filter: &[u8]) -> bool {
        self.0.iter().all(|number| {
            let byte = filter.get(usize::from(number >> 3)).copied().unwrap_or(u8::MAX);
            byte >> (number & 7) & 1 == 1
        })
    }
}

/// Texts that every match holds. Where there is a choice nothing is certain.
fn gather(hir: &Hir, all: &mut Vec<u16>) {
    match hir.kind() {
        HirKind::Literal(text) => all.extend(numbers(&text.0)),
        HirKind::Concat(parts) => parts.iter().for_each(|part| gather(part, all)),
        HirKind::Capture(group) => gather(&group.sub, all),
        HirKind::Repetition(repeated) if repeated.min > 0 => gather(&repeated.sub, all),
        HirKind::Repetition(_)
        | HirKind::Alternation(_)
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Empty => {}
    }
}

fn numbers(text: &[u8]) -> impl Iterator<Item = u16> {
    text.windows(3).map(|group| {
        let joined = group.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte));
        // The upper half of a product with a large odd number: near groups get far numbers.
        (joined.wrapping_mul(0x9E37_79B1) >> 16) as u16
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn held(wanted: &Wanted, text: &str) -> bool {
        let mut filter = Filter::empty();
        filter.add(text.as_bytes());
        wanted.may_be_in(filter.bytes())
    }

    #[test]
    fn what_cannot_be_there_is_not_looked_for() {
        let text = "fn the_needle() {}\n";
        for (pattern, any, there) in [
            ("the_needle", true, true),
            ("the_noodle", true, false),
            (r"fn \w+_needle\(", true, true),
            (r"fn \w+_noodle\(", true, false),
            (r"^(fn the)+_", true, true),
            (r"(fn a_|fn the)", false, true),
            (r"(absent)*", false, true),
            (r"(absent){2,}", true, false),
            ("(?i)NEEDLE", false, true),
            (r"\w+", false, true),
            ("fn", false, true),
            ("(", false, true),
        ] {
            let wanted = Wanted::of_pattern(pattern);
            assert_eq!((wanted.any(), held(&wanted, text)), (any, there), "{pattern}");
        }
        assert!(held(&Wanted::of_text("needle()"), text));
        assert!(!held(&Wanted::of_text("needle(x)"), text));
    }

    proptest! {
        #[test]
        fn what_is_there_is_never_hidden(before in ".{0,40}", sought in "[ -~é]{0,12}", after in ".{0,40}") {
            let text = format!("{before}{sought}{after}");
            prop_assert!(held(&Wanted::of_text(&sought), &text));
            prop_assert!(held(&Wanted::of_pattern(&sought.replace(|c: char| !c.is_alphanumeric(), ".")), &text));
        }
    }
}
