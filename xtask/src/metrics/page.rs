//! Some figures put into a page that holds all of them.

use super::figure::Figure;

/// Ends the head of the table.
const HEAD: &str = "|---|---|---|---|\n";

/// The page with these figures in place of what it said of them; `order`: what all figures are called, in the order of
/// the table. `None` if it is no page of figures.
pub(super) fn merged(page: &str, order: &[&str], figures: &[Figure]) -> Option<String> {
    let at = page.find(HEAD)? + HEAD.len();
    let (head, table) = page.split_at(at);
    let mut out = head.to_owned();
    for what in order {
        match figures.iter().find(|figure| figure.what == *what) {
            Some(figure) => out.push_str(&figure.markdown()),
            None => out.extend(rows(table, what)),
        }
    }
    Some(out)
}

/// The rows of one figure: from its name to the next name.
fn rows<'a>(table: &'a str, what: &str) -> impl Iterator<Item = &'a str> {
    let own = format!("| **{what}**");
    let mut lines = table
        .split_inclusive('\n')
        .skip_while(move |line| !line.starts_with(&own));
    let first = lines.next();
    first
        .into_iter()
        .chain(lines.take_while(|line| !line.starts_with("| **")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::figure::Outcome;

    fn figure(what: &'static str) -> Figure {
        Figure {
            name: "name".to_owned(),
            what,
            outcome: Outcome::Skipped("now".to_owned()),
        }
    }

    #[test]
    fn rows_are_replaced_or_put_in_and_the_others_stay() {
        let page = format!(
            "# Head\n\n{HEAD}| **one**: old | x |\n| p50 | 1 |\n| **three**: old | x |\n| p50 | 3 |\n"
        );
        let order = ["one", "two", "three"];
        let row = |what: &str| format!("| **{what}**: skipped: now | | | skipped |\n");
        let cases: &[(&[&'static str], String)] = &[
            (&[], page.clone()),
            (
                &["one"],
                page.replace("| **one**: old | x |\n| p50 | 1 |\n", &row("one")),
            ),
            (
                &["two"],
                page.replace("| **three**", &format!("{}| **three**", row("two"))),
            ),
            (
                &["three"],
                page.replace("| **three**: old | x |\n| p50 | 3 |\n", &row("three")),
            ),
        ];
        for (named, want) in cases {
            let figures: Vec<_> = named.iter().map(|what| figure(what)).collect();
            assert_eq!(merged(&page, &order, &figures).as_ref(), Some(want), "{named:?}");
        }
        assert_eq!(merged("another page\n", &order, &[]), None);
    }
}
