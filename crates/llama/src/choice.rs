//! What the model chooses: its likeliest token at each place, the draft as long as they agree, and what it would have
//! chosen otherwise.

use crate::Token;
use crate::ffi::Machine;

/// One token that the model chose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Choice {
    pub(crate) token: Token,
    /// What it would have chosen otherwise, where that was asked for.
    pub(crate) second: Option<Second>,
}

/// The second choice of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Second {
    pub(crate) token: Token,
    /// How much greater the logit of the first choice is.
    pub(crate) gap: f32,
}

/// By so much the logit of another token must exceed the drafted one's where the answer keeps close to the old text:
/// it is then 9.5 times as likely. Measured on repairs of small bugs with a 1.5B: at 2.25 needless second changes go
/// and more repairs are right than at 1.5 or without; at 3 wanted changes go, too.
pub(crate) const SURE: f32 = 2.25;

/// The model's own choice after each position, as far as the draft agrees: the accepted tokens and one more.
/// `first` is the row of the last token that was no draft. With `doubts` each comes with its second choice. Another
/// token than the drafted one counts only where its logit is greater by `bar` at least. `beyond`: the token that was expected
/// behind the draft, where that one is held to the bar as well.
pub(crate) fn choose(
    machine: &mut Machine,
    draft: &[Token],
    beyond: Option<Token>,
    first: usize,
    doubts: bool,
    bar: f32,
) -> Option<Vec<Choice>> {
    let mut chosen = Vec::with_capacity(draft.len() + 1);
    for index in 0..=draft.len() {
        let logits = machine.logits(first + index)?;
        let best = unless_close(
            logits,
            greatest(logits),
            draft.get(index).copied().or(beyond),
            bar,
        );
        let second = if doubts { runner_up(logits, best) } else { None };
        chosen.push(Choice { token: best, second });
        if draft.get(index) != Some(&best) {
            break;
        }
    }
    Some(chosen)
}

/// `best`, or the drafted token where its logit is less by no more than `bar`.
fn unless_close(logits: &[f32], best: Token, drafted: Option<Token>, bar: f32) -> Token {
    let of = |token: Token| usize::try_from(token).ok().and_then(|at| logits.get(at));
    match drafted.and_then(|token| Some((token, of(best)? - of(token)?))) {
        Some((token, gap)) if gap < bar => token,
        Some(_) | None => best,
    }
}

/// The greatest value besides the one at `best`.
fn runner_up(values: &[f32], best: Token) -> Option<Second> {
    let at = usize::try_from(best).ok()?;
    let (before, after) = (values.get(..at)?, values.get(at + 1..)?);
    let (left, right) = (greatest(before), greatest(after));
    let of = |part: &[f32], token: Token| usize::try_from(token).ok().and_then(|i| part.get(i)).copied();
    let (l, r) = (of(before, left), of(after, right));
    let (token, value) = match (l, r) {
        (Some(l), Some(r)) if r > l => (right + best + 1, r),
        (Some(l), _) => (left, l),
        (None, r) => (right + best + 1, r?),
    };
    Some(Second {
        token,
        gap: values[at] - value,
    })
}

/// Index of the greatest value, the first of equals. In lanes, so that it takes microseconds over a vocabulary.
pub(crate) fn greatest(values: &[f32]) -> Token {
    const LANES: usize = 16;
    let top = values
        .chunks(LANES)
        .fold([f32::NEG_INFINITY; LANES], |mut top, chunk| {
            for (best, &value) in top.iter_mut().zip(chunk) {
                if value > *best {
                    *best = value;
                }
            }
            top
        })
        .into_iter()
        .fold(f32::NEG_INFINITY, f32::max);
    let at = values.iter().position(|&value| value == top).unwrap_or(0);
    Token::try_from(at).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_greatest() {
        let mut long = vec![0.0; 1000];
        long[700] = 2.0;
        long[701] = 2.0;
        let cases: [(&[f32], i32); 5] = [
            (&[1.0, 3.0, 2.0], 1),
            (&[-5.0, -4.0, -4.0], 1),
            (&[f32::NAN, 1.0], 1),
            (&long, 700),
            (&[], 0),
        ];
        for (values, expected) in cases {
            assert_eq!(greatest(values), expected);
        }
    }

    #[test]
    fn another_token_must_be_sure() {
        let logits = [1.0, 4.0, 3.0];
        let cases = [
            (Some(2), 0.0, 1),
            (Some(2), 1.0, 1),
            (Some(2), 1.1, 2),
            (Some(0), 1.5, 1),
            (Some(1), 1.5, 1),
            (Some(7), 9.0, 1),
            (Some(-1), 9.0, 1),
            (None, 9.0, 1),
        ];
        for (drafted, bar, expected) in cases {
            assert_eq!(
                unless_close(&logits, 1, drafted, bar),
                expected,
                "{drafted:?} {bar}"
            );
        }
    }
}
