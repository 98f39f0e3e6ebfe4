//! The drafter against answers that are known: words stand in for tokens.

use super::*;

/// Runs an answer through the drafter as a model would write it; gives the number of checks ("steps") of at most
/// `size` tokens that it takes.
fn steps(old: &str, new: &str, size: usize) -> usize {
    let mut drafter = Drafter::new(old, "\n```", "");
    let whole = format!("{new}\n```");
    let tokens = tokens(whole.as_bytes());
    let mut at = 0;
    let mut steps = 0;
    while at < tokens.len() {
        steps += 1;
        let draft = drafter
            .guess(400)
            .map(|guess| self::tokens(&guess.text))
            .unwrap_or_default();
        let hits = draft
            .iter()
            .take(size)
            .zip(&tokens[at..])
            .take_while(|(a, b)| a == b)
            .count();
        for token in &tokens[at..tokens.len().min(at + hits + 1)] {
            drafter.push(token);
            at += 1;
        }
    }
    assert_eq!(drafter.answer(), whole.as_bytes());
    steps
}

/// Words with the space before them, runs of spaces, single signs.
fn tokens(text: &[u8]) -> Vec<Vec<u8>> {
    let mut tokens: Vec<Vec<u8>> = Vec::new();
    for &byte in text {
        let join = tokens.last().and_then(|token| token.last()).is_some_and(|&last| {
            (align::is_word(byte) && (align::is_word(last) || last == b' ')) || (byte == b' ' && last == b' ')
        });
        match tokens.last_mut() {
            Some(token) if join => token.push(byte),
            _ => tokens.push(vec![byte]),
        }
    }
    tokens
}

const OLD: &str = "\
fn total(items: &[Item], tax: f64) -> f64 {
    let mut sum = 0.0;
    for item in items {
        if item.count == 0 {
            continue;
        }
        let price = lookup(item.id).unwrap();
        sum += price * item.count as f64;
    }
    log(sum);
    let rounded = round(sum).unwrap();
    report(rounded).unwrap();
    rounded * (1.0 + tax)
}";

#[test]
fn edits_take_few_steps() {
    let indented = format!(
        "fn total(items: &[Item], tax: f64) -> f64 {{\n    guard(|| {{\n{}\n    }})\n}}",
        OLD.lines()
            .skip(1)
            .take(12)
            .map(|line| format!("    {line}"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    let cases = [
        ("unchanged", OLD.to_owned(), 5),
        ("one name", OLD.replace("log(sum)", "trace(sum)"), 6),
        (
            "an argument more",
            OLD.replace("tax: f64)", "tax: f64, fee: f64)"),
            11,
        ),
        ("an argument less", OLD.replace(", tax: f64", ""), 6),
        (
            "a line put in",
            OLD.replace("    log(sum);\n", "    log(sum);\n    check(sum);\n"),
            9,
        ),
        ("a line taken out", OLD.replace("    log(sum);\n", ""), 6),
        (
            "lines taken out",
            OLD.replace(
                "        if item.count == 0 {\n            continue;\n        }\n",
                "",
            ),
            6,
        ),
        ("a call everywhere", OLD.replace(".unwrap()", "?"), 9),
        ("a name everywhere", OLD.replace("sum", "amount"), 14),
        ("one level deeper", indented, 14),
    ];
    for (name, new, most) in cases {
        let steps = steps(OLD, &new, 31);
        assert!(steps <= most, "{name}: {steps} steps");
    }
}

#[test]
fn nothing_to_go_by() {
    assert_eq!(Drafter::new("", "", "").guess(10), None);
    let mut drafter = Drafter::new("abc", "", "");
    drafter.push(b"xyz");
    drafter.push(b"\n\n");
    drafter.push(b"abc");
    assert_eq!(drafter.answer(), b"xyz\n\nabc");
}

#[test]
fn an_answer_keeps_close_once_changed_or_throughout() {
    let rest = "for item in second.iter() {\n    third(item)";
    let old = format!("let a = first(one);\n{rest};\n}}\n");
    let cases = [
        ("nothing yet", "", false, false, true),
        ("no change yet", "let a = first(one);\n", true, false, true),
        ("another word", "let a = last(one);\n", true, true, true),
        (
            "another line",
            "let a = first(one);\nreturn none;\n",
            true,
            true,
            true,
        ),
        (
            "behind another line",
            "let a = first(one);\nreturn none;\n",
            false,
            false,
            true,
        ),
        ("blanks", "let a =  first(one);\n", true, false, true),
        ("in the middle of it", "let a = last", false, false, false),
    ];
    for (name, begin, goes_on, once_changed, throughout) in cases {
        let answer = format!("{begin}{}", if goes_on { rest } else { "" });
        let mut drafter = Drafter::new(&old, "```", "");
        tokens(answer.as_bytes())
            .iter()
            .for_each(|token| drafter.push(token));
        let keeps = |closeness| drafter.keeps(closeness);
        assert_eq!(keeps(Closeness::OnceChanged), once_changed, "{name}");
        assert_eq!(keeps(Closeness::Throughout), throughout, "{name}");
        assert!(!keeps(Closeness::Free), "{name}");
    }
}

/// Tokens of an indentation leave its last blank to the word behind it.
#[test]
fn a_deeper_line_put_in_leaves_the_indentation_of_others() {
    let mut drafter = Drafter::new("if a {\n    b();\n}\nd();\n}", "\n```", "");
    for token in ["if a {\n", "    b();\n", "   ", " c", "();\n"] {
        drafter.push(token.as_bytes());
    }
    assert_eq!(drafter.foresaw(b"}\nd();\n}"), Some((Kind::NextLine, true)));

    let mut drafter = Drafter::new("a();\nb();\nc();", "\n```", "");
    for token in ["a();\n", "   "] {
        drafter.push(token.as_bytes());
    }
    assert_eq!(drafter.foresaw(b" b();\n    c();"), Some((Kind::LineStart, true)));
    drafter.push(b" b");
    assert_eq!(
        drafter.foresaw(b"();\n    c();"),
        Some((Kind::Resumed, true)),
        "it held"
    );
    assert_eq!(drafter.foresaw(b"();\nc();"), Some((Kind::Resumed, false)));
}

#[test]
fn what_held_for_a_while_is_surer() {
    let mut drafter = Drafter::new("a", "", "x");
    for byte in b"[one, two, three, four, five] [one, two" {
        drafter.push(&[*byte]);
    }
    assert_eq!(drafter.foresaw(b", th"), Some((Kind::Elsewhere, true)));
    for byte in b", three, four, five" {
        drafter.push(&[*byte]);
    }
    assert_eq!(drafter.foresaw(b"] ["), Some((Kind::Copying, true)));
    assert_eq!(Drafter::new("", "", "").foresaw(b"x"), None);
}

#[test]
fn the_prompt_is_a_source_too() {
    let mut drafter = Drafter::new("a()", "", "use `log_everything(self, &event)` here");
    drafter.push(b"log_every");
    assert_eq!(
        drafter.guess(30),
        Some(Guess {
            text: b"thing(self, &event)` here".to_vec(),
            kind: Kind::Elsewhere
        })
    );
}

proptest::proptest! {
    #[test]
    fn any_answer_can_be_followed(old in "[ab \n(]{0,60}", new in "[ab \n(]{0,60}") {
        // Never more steps than tokens, and the text comes out whole (asserted within).
        let count = tokens(format!("{new}\n```").as_bytes()).len();
        proptest::prop_assert!(steps(&old, &new, 15) <= count);
    }
}
