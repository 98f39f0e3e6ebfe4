//! Quotas: how many requests, tokens, dollars and requests at once a lane and a model may take.
//!
//! Whoever wants to ask a model borrows by an estimate and settles by what was used. Each request counts in the account
//! of its lane and in the account of its model; either both take it or neither. On a model that both lanes use, the
//! share that a lane reserves is out of the other's reach, so that neither starves. Time comes in as `Now`.

mod ledger;
mod left;
mod shared;
mod window;

pub use ledger::{Ask, Ledger, Past};
pub use shared::Quotas;
pub use window::Window;

use crate::policy::least;
use brisk_domain::{Lane, Now};
use serde::Serialize;

/// Microseconds of the window of requests and tokens.
pub const MINUTE_US: u64 = 60_000_000;
/// Microseconds of the window of money.
pub const DAY_US: u64 = 86_400_000_000;

/// Bounds of one account; `None`: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Requests at once.
    pub concurrent: Option<u64>,
    /// Requests in any minute.
    pub requests: Option<u64>,
    /// Tokens, read and written, in any minute.
    pub tokens: Option<u64>,
    /// Micro-dollars in any 24 hours.
    pub money: Option<u64>,
    /// Of a lane: percent of each model's bounds that the other lane never takes.
    pub reserve_percent: Option<u32>,
}

impl Limits {
    /// The narrower of both in everything.
    #[must_use]
    pub fn meet(&self, other: &Limits) -> Limits {
        Limits {
            concurrent: least(self.concurrent, other.concurrent),
            requests: least(self.requests, other.requests),
            tokens: least(self.tokens, other.tokens),
            money: least(self.money, other.money),
            reserve_percent: self.reserve_percent.max(other.reserve_percent),
        }
    }

    /// These, and the other's where nothing is said.
    #[must_use]
    pub(crate) fn or(&self, other: &Limits) -> Limits {
        Limits {
            concurrent: self.concurrent.or(other.concurrent),
            requests: self.requests.or(other.requests),
            tokens: self.tokens.or(other.tokens),
            money: self.money.or(other.money),
            reserve_percent: self.reserve_percent.or(other.reserve_percent),
        }
    }
}

/// What a request takes: an estimate before, the truth after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Tokens, read and written.
    pub tokens: u64,
    /// Micro-dollars; `None`: the price is not known.
    pub money: Option<u64>,
}

/// A bound of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Requests at once.
    Concurrent,
    /// Requests a minute.
    Requests,
    /// Tokens a minute.
    Tokens,
    /// Micro-dollars a day.
    Money,
    /// The price is not known, and money is bounded.
    Price,
    /// The vendor said when to come back.
    Blocked,
}

/// Whose account is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The lane's.
    Lane,
    /// The model's.
    Model,
    /// The model's, less what the other lane reserves.
    Share,
    /// Everything of one vendor.
    Pool,
}

/// Why nothing could be borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Short {
    /// Whose.
    pub whose: Whose,
    /// Which bound.
    pub bound: Bound,
    /// What is left of it; where that can never be enough, all that there is of it.
    pub left: u64,
    /// What was wanted.
    pub wanted: u64,
    /// When enough is there again.
    pub frees: Frees,
}

/// What to do about a quota that never has room.
pub const RAISE: &str = "raise it in the routing policy";

/// When something may be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Frees {
    /// At this moment of the monotonic clock, unless others are faster.
    At(Now),
    /// When a request that runs has ended.
    Ended,
    /// Waiting does not mend it: more is wanted than there ever is, or a fact is missing.
    Never,
}

impl Frees {
    /// Whole seconds until then, at least one; `None` where no clock says it.
    pub fn seconds(self, now: Now) -> Option<u64> {
        match self {
            Frees::At(at) => Some(at.since(now).div_ceil(1_000_000).max(1)),
            Frees::Ended | Frees::Never => None,
        }
    }

    /// Whether waiting mends it.
    pub fn passes(self) -> bool {
        self != Frees::Never
    }
}

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whose = match self.whose {
            Whose::Lane => "the lane's",
            Whose::Model => "its",
            Whose::Share => "its share of the",
            Whose::Pool => "its vendor's",
        };
        let what = match self.bound {
            Bound::Concurrent => "requests at once",
            Bound::Requests => "requests a minute",
            Bound::Tokens => "tokens a minute",
            Bound::Money if self.frees == Frees::Never => {
                let (most, wanted) = (Dollars(self.left), Dollars(self.wanted));
                return write!(f, "{whose} dollars a day are {most} at most, {wanted} wanted");
            }
            Bound::Money => {
                return write!(
                    f,
                    "{whose} dollars a day are used up: {} left, {} wanted",
                    Dollars(self.left),
                    Dollars(self.wanted)
                );
            }
            Bound::Price => return f.write_str("its price is not known, and money is bounded"),
            Bound::Blocked => return f.write_str("its vendor asked to wait"),
        };
        if self.frees == Frees::Never {
            return write!(
                f,
                "{whose} {what} are {} at most, {} wanted",
                self.left, self.wanted
            );
        }
        write!(
            f,
            "{whose} {what} are used up: {} left, {} wanted",
            self.left, self.wanted
        )
    }
}

/// Micro-dollars for people: cents, and below a cent as many digits as it takes.
struct Dollars(u64);

impl std::fmt::Display for Dollars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, part) = (self.0 / 1_000_000, self.0 % 1_000_000);
        match part % 10_000 {
            0 => write!(f, "${whole}.{:02}", part / 10_000),
            _ => {
                let digits = format!("{part:06}");
                write!(f, "${whole}.{}", digits.trim_end_matches('0'))
            }
        }
    }
}

/// Something borrowed. It is settled once: it cannot be copied.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what is borrowed has to be settled"]
pub struct Lease {
    pub(crate) id: u64,
    lane: Lane,
    estimate: Amount,
}

impl Lease {
    /// Its number, for logs.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What was lent.
    pub fn estimate(&self) -> Amount {
        self.estimate
    }

    /// For which lane.
    pub fn lane(&self) -> Lane {
        self.lane
    }
}
