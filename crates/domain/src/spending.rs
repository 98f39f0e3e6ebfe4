//! What delegated work may take and what it took.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a job may take, over all of its attempts. `None`: no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// Tokens, read and written.
    pub tokens: Option<u64>,
    /// Micro-dollars.
    pub micros: Option<u64>,
}

/// What was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Spent {
    /// Micro-dollars, of models whose price is known.
    pub micros: u64,
    /// Tokens, read and written.
    pub tokens: u64,
}

impl Spent {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Spent) -> Spent {
        Spent {
            micros: self.micros.saturating_add(other.micros),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }
}

impl Budget {
    /// Says which bound is reached, for people; `None` while there is something left.
    pub fn used_up(&self, spent: Spent) -> Option<String> {
        match (self.tokens, self.micros) {
            (Some(tokens), _) if spent.tokens >= tokens => {
                Some(format!("the job's budget of {tokens} tokens is used up"))
            }
            (_, Some(micros)) if spent.micros >= micros => {
                Some(format!("the job's budget of {} is used up", Dollars(micros)))
            }
            _ => None,
        }
    }

    /// Whether nothing is bounded.
    pub const fn is_open(&self) -> bool {
        self.tokens.is_none() && self.micros.is_none()
    }
}

/// Micro-dollars as people read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dollars(
    /// Micro-dollars.
    pub u64,
);

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => write!(f, "$0"),
            micros if micros < 10_000 => write!(f, "${:.4}", micros as f64 / 1e6),
            micros => write!(f, "${:.2}", micros as f64 / 1e6),
        }
    }
}

/// A budget as people write it: `20k-tokens`, `0.50usd`, `10min`, or several with commas between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Tokens and money.
    pub budget: Budget,
    /// Minutes since the job was handed over.
    pub minutes: Option<u32>,
}

/// What is wrong with a budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{part}` is no budget; write 20k-tokens, 0.50usd or 10min, each at most once, with commas between: 20k-tokens,10min"
)]
pub struct NoBudget {
    part: String,
}

impl std::str::FromStr for Allowance {
    type Err = NoBudget;

    fn from_str(text: &str) -> Result<Allowance, NoBudget> {
        let mut all = Allowance::default();
        for part in text.split(',').map(str::trim) {
            all.take(part).ok_or_else(|| NoBudget {
                part: part.to_owned(),
            })?;
        }
        Ok(all)
    }
}

impl Allowance {
    fn take(&mut self, part: &str) -> Option<()> {
        fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
            slot.replace(value).is_none().then_some(())
        }
        if let Some(count) = part.strip_suffix("-tokens") {
            let (digits, unit) = match count.as_bytes().last()? {
                b'k' => (count.get(..count.len() - 1)?, 1_000),
                b'm' | b'M' => (count.get(..count.len() - 1)?, 1_000_000),
                _ => (count, 1),
            };
            return once(&mut self.budget.tokens, parts_of(digits, unit)?);
        }
        if let Some(dollars) = part.strip_suffix("usd") {
            return once(&mut self.budget.micros, parts_of(dollars, 1_000_000)?);
        }
        let minutes = parts_of(part.strip_suffix("min")?, 1)?;
        once(&mut self.minutes, u32::try_from(minutes).ok()?)
    }
}

/// `digits` of a unit in whole parts: a number above 0 with at most as many places as the unit has.
fn parts_of(digits: &str, unit: u64) -> Option<u64> {
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(rest) || whole.is_empty() || digits.ends_with('.') || rest.len() > 6 {
        return None;
    }
    let scale = 10_u64.pow(u32::try_from(rest.len()).ok()?);
    if !unit.is_multiple_of(scale) {
        return None;
    }
    let part = match rest {
        "" => 0,
        rest => rest.parse::<u64>().ok()? * (unit / scale),
    };
    let all = whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(part)?;
    (all > 0).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_as_people_write_them() {
        let some = |tokens, micros, minutes| {
            Some(Allowance {
                budget: Budget { tokens, micros },
                minutes,
            })
        };
        for (text, want) in [
            ("20k-tokens", some(Some(20_000), None, None)),
            ("1.5k-tokens", some(Some(1_500), None, None)),
            ("2M-tokens", some(Some(2_000_000), None, None)),
            ("700-tokens", some(Some(700), None, None)),
            ("0.50usd", some(None, Some(500_000), None)),
            ("3usd", some(None, Some(3_000_000), None)),
            ("0.000001usd", some(None, Some(1), None)),
            ("10min", some(None, None, Some(10))),
            (
                "20k-tokens, 0.5usd,10min",
                some(Some(20_000), Some(500_000), Some(10)),
            ),
            ("", None),
            ("20k", None),
            ("0-tokens", None),
            ("-1usd", None),
            ("1.5min", None),
            ("1.5-tokens", None),
            (".5usd", None),
            ("5.usd", None),
            ("1e3-tokens", None),
            ("10min,20min", None),
            ("99999999999999999999-tokens", None),
            ("99999999999min", None),
        ] {
            assert_eq!(text.parse::<Allowance>().ok(), want, "{text:?}");
        }
        let said = "5 dollars".parse::<Allowance>().unwrap_err().to_string();
        assert!(said.contains("`5 dollars` is no budget; write 20k-tokens, 0.50usd or 10min"));
    }

    #[test]
    fn a_budget_ends_where_its_first_bound_is_reached() {
        let budget = |tokens, micros| Budget { tokens, micros };
        let spent = Spent {
            micros: 500_000,
            tokens: 900,
        };
        for (budget, want) in [
            (budget(None, None), None),
            (budget(Some(901), Some(500_001)), None),
            (
                budget(Some(900), None),
                Some("the job's budget of 900 tokens is used up"),
            ),
            (
                budget(Some(901), Some(500_000)),
                Some("the job's budget of $0.50 is used up"),
            ),
        ] {
            assert_eq!(budget.used_up(spent).as_deref(), want);
        }
        assert_eq!(
            [0, 250, 50_000].map(|m| Dollars(m).to_string()),
            ["$0", "$0.0003", "$0.05"]
        );
    }
}
