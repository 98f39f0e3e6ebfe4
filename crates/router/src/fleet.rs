//! What routing knows about one model.

use crate::breaker::Health;
use crate::scale::Set;
use crate::speed::Speed;
use brisk_domain::{Candidate, EditFormat, ModelId};
use serde::Serialize;

/// Micro-dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Price {
    /// Read.
    pub input: u64,
    /// Written.
    pub output: u64,
}

/// Whether a model can be asked at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Usable {
    /// As far as its breaker says.
    As(Health),
    /// Not here: not fetched, no key. With what is missing, in words.
    Not(String),
}

/// One model with everything that is known about it now. The place in the fleet's list is the person's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub model: ModelId,
    /// Lanes that it is configured for, by position of `LANES`.
    pub lanes: Set,
    /// It is asked only by a person who names it: code that goes to it leaves the machine, and nobody chose that.
    pub by_name: bool,
    /// How it writes its edits.
    pub format: EditFormat,
    /// Its context window, tokens; 0: not known.
    pub context: u32,
    /// Tools that it can use.
    pub tools: Set,
    /// What it costs; `None`: not known.
    pub price: Option<Price>,
    /// How good it is, 0 to 100; `None`: not known.
    pub quality: Option<u8>,
    /// Models of one pool share their vendor's limits.
    pub pool: String,
    /// How fast it was lately; `None`: not measured.
    pub speed: Option<Speed>,
    /// It holds this task's prefix in a cache.
    pub warm: bool,
    /// Requests that run on it.
    pub busy: u32,
    /// Requests that it runs at once without slowing down.
    pub slots: u32,
    /// Whether it can be asked.
    pub usable: Usable,
}

impl Member {
    /// A model of which only name and window are known.
    pub fn new(model: ModelId, context: u32) -> Member {
        Member {
            pool: model.0.clone(),
            model,
            lanes: Set::ALL,
            by_name: false,
            format: EditFormat::Region,
            context,
            tools: Set::ALL,
            price: None,
            quality: None,
            speed: None,
            warm: false,
            busy: 0,
            slots: 1,
            usable: Usable::As(Health::Ready),
        }
    }

    /// As it is told to clients.
    pub fn candidate(&self) -> Candidate {
        Candidate {
            model: self.model.clone(),
            format: self.format,
            context: usize::try_from(self.context).unwrap_or(usize::MAX),
        }
    }
}
