//! What the person says that a model costs and how good it is. Whatever is out of bounds is refused where it stands.

use brisk_router::fleet::Price;
use serde::Deserialize;

/// Dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dollars {
    input: Micros,
    output: Micros,
}

impl From<Dollars> for Price {
    fn from(dollars: Dollars) -> Price {
        Price {
            input: dollars.input.0,
            output: dollars.output.0,
        }
    }
}

/// An amount of money in micro-dollars, written in dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
struct Micros(u64);

impl TryFrom<f64> for Micros {
    type Error = &'static str;

    fn try_from(dollars: f64) -> Result<Micros, &'static str> {
        match (0.0..=100_000.0).contains(&dollars) {
            true => Ok(Micros((dollars * 1e6).round() as u64)),
            false => Err("a price is 0 to 100,000 dollars for a million tokens"),
        }
    }
}

/// How good a model is, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Quality(u8);

impl Quality {
    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<i64> for Quality {
    type Error = &'static str;

    fn try_from(n: i64) -> Result<Quality, &'static str> {
        match u8::try_from(n) {
            Ok(n @ 0..=100) => Ok(Quality(n)),
            Ok(_) | Err(_) => Err("quality goes from 0 to 100"),
        }
    }
}
