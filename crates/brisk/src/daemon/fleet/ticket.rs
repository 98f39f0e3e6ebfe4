//! Leave for one request. Whatever becomes of it, when the ticket goes the quota is settled by what was used, the breaker
//! hears how it went, and the model's speed is noted.

use super::{Fleet, lock};
use brisk_domain::port::{Fault, FaultSource, GenerateRequest, ModelEvent, Retry};
use brisk_domain::spending::Spent;
use brisk_domain::{CancelReason, Now};
use brisk_router::breaker::{Outcome, Pass};
use brisk_router::fleet::{Member, Price};
use brisk_router::quota::{Amount, Lease};
use brisk_router::score::{Size, money};
use std::sync::Arc;

/// Bytes of text that make a token, where nobody counted.
const BYTES_PER_TOKEN: usize = 4;

/// A vendor that refuses and says no time is left alone for so long, microseconds.
const BLOCK_US: u64 = 10_000_000;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its owner went away.
    Dropped,
    /// The answer is whole.
    Done,
    /// It failed.
    Failed(FaultSource),
    /// Nobody waits for it any more.
    Stopped(CancelReason),
}

/// See the module.
pub(crate) struct Ticket {
    fleet: Arc<Fleet>,
    member: Member,
    price: Option<Price>,
    /// Taken when the ticket goes.
    held: Option<(Lease, Pass)>,
    began: Now,
    sent: Option<Now>,
    first: Option<Now>,
    /// Size of the prompt by its bytes, tokens.
    input: u32,
    /// Bytes of the answer so far.
    bytes: usize,
    /// What the server counted.
    counted: Option<Size>,
    end: End,
    over: Option<Now>,
}

impl Ticket {
    pub(super) fn new(
        fleet: Arc<Fleet>,
        member: Member,
        price: Option<Price>,
        lease: Lease,
        pass: Pass,
        now: Now,
    ) -> Ticket {
        Ticket {
            fleet,
            member,
            price,
            held: Some((lease, pass)),
            began: now,
            sent: None,
            first: None,
            input: 0,
            bytes: 0,
            counted: None,
            end: End::Dropped,
            over: None,
        }
    }

    /// What is asked.
    pub(crate) fn asks(&mut self, request: &GenerateRequest) {
        self.sends(prompt(request));
    }

    /// So many bytes are sent.
    pub(crate) fn sends(&mut self, bytes: usize) {
        self.input = tokens(bytes);
    }

    /// So many bytes more of calls were written.
    pub(crate) fn calls(&mut self, bytes: usize, now: Now) {
        if bytes > 0 {
            self.first.get_or_insert(now);
            self.bytes += bytes;
        }
    }

    /// What the model reports.
    pub(crate) fn saw(&mut self, event: &ModelEvent, now: Now) {
        match event {
            ModelEvent::Sent => {
                self.sent.get_or_insert(now);
            }
            ModelEvent::Text { text } => {
                self.first.get_or_insert(now);
                self.bytes += text.len();
            }
            ModelEvent::Done { usage, .. } => {
                let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                if usage.input + usage.output > 0 {
                    self.counted = Some(Size {
                        input: count(usage.input),
                        output: count(usage.output),
                    });
                }
                (self.end, self.over) = (End::Done, Some(now));
            }
            ModelEvent::Failed { fault } => {
                if fault.source == FaultSource::Quota {
                    self.block(fault, now);
                }
                (self.end, self.over) = (End::Failed(fault.source), Some(now));
            }
        }
    }

    /// Nobody waits for it any more.
    pub(crate) fn stopped(&mut self, cause: CancelReason, now: Now) {
        (self.end, self.over) = (End::Stopped(cause), Some(now));
    }

    /// The vendor's limits are reached: none of its models is asked before it said so.
    fn block(&self, fault: &Fault, now: Now) {
        let wait_us = match fault.retry {
            Retry::After { ms } => ms.saturating_mul(1_000),
            Retry::Elsewhere | Retry::Never => BLOCK_US,
        };
        let until = Now(now.0.saturating_add(wait_us));
        self.fleet
            .quotas
            .with(|ledger| ledger.block(&self.member.pool, until));
    }

    /// What it took so far, as far as one can tell.
    pub(crate) fn spent(&self) -> Spent {
        let used = self.used();
        Spent {
            tokens: u64::from(used.input) + u64::from(used.output),
            micros: self.price.map_or(0, |price| money(price, used)),
        }
    }

    /// What it took. A request that was refused before a word took nothing.
    fn used(&self) -> Size {
        let seen = Size {
            input: self.input,
            output: tokens(self.bytes),
        };
        let nothing = Size { input: 0, output: 0 };
        match (self.counted, self.end) {
            (Some(counted), _) => counted,
            (None, End::Failed(_)) if self.first.is_none() => nothing,
            (None, _) if self.sent.is_none() && self.first.is_none() => nothing,
            (None, End::Dropped | End::Done | End::Failed(_) | End::Stopped(_)) => seen,
        }
    }

    fn outcome(&self) -> Outcome {
        match self.end {
            End::Done => Outcome::Answered,
            End::Failed(FaultSource::Network | FaultSource::Upstream)
            | End::Stopped(CancelReason::Stalled) => Outcome::Failed,
            // The request, the set-up and the quota are nothing that waiting for the host would mend.
            End::Failed(FaultSource::Quota | FaultSource::Setup | FaultSource::Request) => Outcome::Stopped,
            End::Stopped(_) | End::Dropped if self.first.is_some() => Outcome::Answered,
            End::Stopped(_) | End::Dropped => Outcome::Stopped,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some((lease, pass)) = self.held.take() else {
            return;
        };
        let now = self.over.unwrap_or_else(crate::daemon::now);
        let used = self.used();
        let amount = Amount {
            tokens: u64::from(used.input) + u64::from(used.output),
            money: self.price.map(|price| money(price, used)),
        };
        self.fleet.settle(lease, amount, now);
        let mut states = lock(&self.fleet.states);
        let state = states.entry(self.member.model.clone()).or_default();
        state.busy = state.busy.saturating_sub(1);
        state.breaker.report(pass, self.outcome(), now);
        let began = self.sent.unwrap_or(self.began);
        match (self.end, self.first) {
            (End::Done, Some(first)) => {
                let ttft = first.since(began);
                state.track.record(ttft, u64::from(used.output), now.since(first));
            }
            // It was late, and how late it would have been in the end nobody knows.
            (End::Stopped(CancelReason::Superseded | CancelReason::Stalled), None) => {
                state.track.record_late(now.since(began));
            }
            (End::Done | End::Failed(_) | End::Stopped(_) | End::Dropped, _) => {}
        }
    }
}

/// Bytes that a model reads of a plain request.
pub(crate) fn prompt(request: &GenerateRequest) -> usize {
    let messages: usize = request.messages.iter().map(|m| m.text.len()).sum();
    messages + request.answer_prefix.len()
}

fn tokens(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX)
}
