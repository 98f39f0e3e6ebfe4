//! The kept sockets of one model: which one a request takes. Pure; a lock is around it.
//!
//! A lane is one socket with its chain. A request goes to the lane that knows most of it; where none does, to a new
//! one, up to a few, so that two sessions do not take each other's chain away.

use super::begin::Berth;
use super::chain::{Chain, Plan, Spoken};
use super::health::{Health, Try};
use super::interrupts::Interrupts;
use super::lane::Job;
use brisk_domain::port::GenerateRequest;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;

/// Sockets of one model at the same time.
pub(crate) const LANES_MAX: usize = 4;

/// Which lane; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaneId(u64);

/// One use of a lane. What a later use does is not its business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hold {
    lane: LaneId,
    take: u64,
}

/// What a lane does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Busy,
    /// Its answer is not wanted any more; it is free in a moment.
    Settling,
}

/// The way to a lane.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) jobs: UnboundedSender<Job>,
    /// Its line, while it is idle.
    pub(crate) berth: Arc<Berth>,
}

#[derive(Debug)]
struct Lane {
    id: LaneId,
    door: Door,
    state: State,
    chain: Chain,
    /// What it was when the lane was taken, in case that nothing is sent.
    before: Chain,
    /// The key of the requests that it served last.
    key: Option<u64>,
    used: Instant,
    /// How often it was taken.
    takes: u64,
}

/// What the next request may follow.
pub(crate) type Followed = (String, Arc<GenerateRequest>, Option<Spoken>);

/// A lane that was taken for a request.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) door: Door,
    pub(crate) hold: Hold,
    pub(crate) plan: Plan,
}

/// Where a request goes.
#[derive(Debug)]
pub(crate) enum Pick {
    /// Over this lane.
    Lane(Taken),
    /// The lane that knows the conversation is free in a moment.
    Wait,
    /// A new lane first; its place is taken, so that [`Pool::opened`] must follow.
    Open,
    /// Over HTTP; beside it, a new lane if it is time to try one (its place is taken as well).
    Http { open: bool },
}

/// The lanes of one model and what is known of its server.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    lanes: Vec<Lane>,
    opening: usize,
    last: u64,
    pub(crate) health: Health,
    pub(crate) interrupts: Interrupts,
    /// The server answered a warm-up with text.
    pub(crate) no_warm_ups: bool,
}

impl Pool {
    /// Takes the best way. `patient`: may wait for a lane that is free in a moment; `forced`: never over HTTP.
    pub(crate) fn pick(
        &mut self,
        request: &GenerateRequest,
        patient: bool,
        forced: bool,
        now: Instant,
    ) -> Pick {
        if let Some(taken) = self.at_hand(request, now) {
            return Pick::Lane(taken);
        }
        let key = Some(request.cache_key);
        let idle = |lane: &&mut Lane| lane.state == State::Idle;
        let settling = |lane: &Lane| lane.state == State::Settling && lane.key == key;
        if patient && self.lanes.iter().any(settling) {
            return Pick::Wait;
        }
        let own = |lane: &&mut Lane| lane.key == key || lane.chain.is_empty();
        if let Some(lane) = self.lanes.iter_mut().filter(idle).find(own) {
            return Pick::Lane(lane.take(Plan::Full, request, now));
        }
        let attempt = match forced {
            true => Try::Now,
            false => self.health.attempt(now),
        };
        let room = self.lanes.len() + self.opening < LANES_MAX;
        if room && attempt == Try::Now {
            self.opening(now);
            return Pick::Open;
        }
        // The chain that was not used for longest is lost.
        if let Some(lane) = self.lanes.iter_mut().filter(idle).min_by_key(|lane| lane.used) {
            return Pick::Lane(lane.take(Plan::Full, request, now));
        }
        let open = forced || room && attempt == Try::Beside;
        if open {
            self.opening(now);
        }
        match forced {
            true => Pick::Open,
            false => Pick::Http { open },
        }
    }

    /// Takes the idle lane that knows most of the request, if one knows any of it.
    pub(crate) fn at_hand(&mut self, request: &GenerateRequest, now: Instant) -> Option<Taken> {
        self.lanes
            .iter_mut()
            .filter(|lane| lane.state == State::Idle)
            .map(|lane| {
                // Once for each lane: the whole history is compared.
                let plan = lane.chain.plan(&request.messages);
                (plan.spares(&request.messages), plan, lane)
            })
            .filter(|(spares, ..)| *spares > 0)
            .max_by_key(|(spares, ..)| *spares)
            .map(|(_, plan, lane)| lane.take(plan, request, now))
    }

    /// Whether some idle lane knows all of these messages already.
    pub(crate) fn knows(&self, request: &GenerateRequest) -> bool {
        let all = |lane: &Lane| matches!(lane.chain.plan(&request.messages), Plan::After { from, .. } if from == request.messages.len());
        self.lanes.iter().any(all)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.opening == 0
    }

    /// Takes the place of a lane that is about to be opened.
    pub(crate) fn opening(&mut self, now: Instant) {
        self.opening += 1;
        self.health.trying(now);
    }

    /// An attempt has ended; `door` if a lane came of it.
    pub(crate) fn opened(&mut self, door: Option<Door>, now: Instant) -> LaneId {
        self.opening = self.opening.saturating_sub(1);
        self.last += u64::from(door.is_some());
        let id = LaneId(self.last);
        self.lanes.extend(door.map(|door| Lane {
            id,
            door,
            state: State::Idle,
            chain: Chain::default(),
            before: Chain::default(),
            key: None,
            used: now,
            takes: 0,
        }));
        id
    }

    /// The lane is about to be free.
    pub(crate) fn settling(&mut self, hold: Hold) {
        if let Some(lane) = self.held(hold)
            && lane.state == State::Busy
        {
            lane.state = State::Settling;
        }
    }

    /// The lane can be taken again; if it can already, nothing changes. Gives what the lane knew before it was taken:
    /// to drop a long conversation takes a while, and nobody is to wait for that, nor for the lock meanwhile.
    #[must_use]
    pub(crate) fn free(&mut self, hold: Hold, followed: Option<Followed>) -> Chain {
        let Some(lane) = self.held(hold).filter(|lane| lane.state != State::Idle) else {
            return Chain::default();
        };
        lane.state = State::Idle;
        match followed {
            Some((id, request, answer)) => lane.chain.settle(id, request, answer),
            None => lane.chain.forget(),
        }
        std::mem::take(&mut lane.before)
    }

    /// Nothing was sent: the lane is as it was before it was taken.
    pub(crate) fn untouched(&mut self, hold: Hold) {
        if let Some(lane) = self.held(hold)
            && lane.state != State::Idle
        {
            lane.state = State::Idle;
            lane.chain = std::mem::take(&mut lane.before);
        }
    }

    pub(crate) fn remove(&mut self, id: LaneId) {
        self.lanes.retain(|lane| lane.id != id);
    }

    /// Removes it if nobody has taken it; says whether it did.
    pub(crate) fn retire(&mut self, id: LaneId) -> bool {
        let before = self.lanes.len();
        self.lanes
            .retain(|lane| lane.id != id || lane.state != State::Idle);
        self.lanes.len() < before
    }

    fn held(&mut self, hold: Hold) -> Option<&mut Lane> {
        self.lanes
            .iter_mut()
            .find(|lane| lane.id == hold.lane && lane.takes == hold.take)
    }
}

impl Lane {
    fn take(&mut self, plan: Plan, request: &GenerateRequest, now: Instant) -> Taken {
        self.state = State::Busy;
        self.key = Some(request.cache_key);
        self.used = now;
        // Once something is sent, the last answer is not the last one any more.
        self.before = std::mem::take(&mut self.chain);
        self.takes += 1;
        Taken {
            door: self.door.clone(),
            hold: Hold {
                lane: self.id,
                take: self.takes,
            },
            plan,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responses::health::Trouble;
    use brisk_domain::ModelId;
    use brisk_domain::port::{Closeness, Message, Priority, Role};
    use std::time::Duration;
    use tokio::sync::mpsc::unbounded_channel;

    fn request(texts: &[&str], key: u64) -> Arc<GenerateRequest> {
        let message = |text: &&str| Message {
            role: Role::User,
            text: (*text).into(),
        };
        Arc::new(GenerateRequest {
            model: ModelId("m".to_owned()),
            messages: texts.iter().map(message).collect(),
            answer_prefix: String::new(),
            stop: Vec::new(),
            prediction: None,
            differ: None,
            closeness: Closeness::Free,
            max_tokens: 1,
            cache_key: key,
            priority: Priority::Interactive,
        })
    }

    fn door() -> Door {
        Door {
            jobs: unbounded_channel().0,
            berth: Arc::default(),
        }
    }

    fn with(pool: &mut Pool, known: &[&str], key: u64, now: Instant) {
        pool.opening(now);
        let id = pool.opened(Some(door()), now);
        let lane = pool.lanes.last_mut().unwrap();
        lane.key = Some(key);
        lane.chain.settle(format!("r{}", id.0), request(known, key), None);
    }

    fn hold(lane: u64, take: u64) -> Hold {
        Hold {
            lane: LaneId(lane),
            take,
        }
    }

    /// In short: the plan, or where else it goes.
    fn picked(
        pool: &mut Pool,
        texts: &[&str],
        key: u64,
        patient: bool,
        forced: bool,
        now: Instant,
    ) -> String {
        let pick = pool.pick(&request(texts, key), patient, forced, now);
        if matches!(pick, Pick::Open | Pick::Http { open: true }) {
            pool.opened(None, now);
        }
        match pick {
            Pick::Lane(taken) => match taken.plan {
                Plan::Full => "full".to_owned(),
                Plan::After { id, from } => format!("{id} from {from}"),
            },
            Pick::Wait => "wait".to_owned(),
            Pick::Open => "open".to_owned(),
            Pick::Http { open } => format!("http, open: {open}"),
        }
    }

    #[test]
    fn a_request_goes_where_most_of_it_is_known() {
        let now = Instant::now();
        let mut pool = Pool::default();
        let go = |pool: &mut Pool, texts: &[&str], key| picked(pool, texts, key, true, false, now);
        assert_eq!(go(&mut pool, &["a"], 1), "open");
        with(&mut pool, &["a"], 1, now);
        with(&mut pool, &["a", "b"], 2, now);
        assert_eq!(go(&mut pool, &["a", "b", "c"], 1), "r2 from 2");
        assert_eq!(go(&mut pool, &["a", "b", "c"], 1), "r1 from 1");
        // Both are busy now, and know nothing until they are free.
        assert_eq!(go(&mut pool, &["a"], 1), "open");
    }

    #[test]
    fn a_foreign_chain_is_spared_while_there_is_room() {
        let now = Instant::now();
        let mut pool = Pool::default();
        for n in 1..LANES_MAX as u64 {
            with(&mut pool, &["a"], n, now);
        }
        assert_eq!(picked(&mut pool, &["x"], 9, true, false, now), "open");
        with(&mut pool, &["a"], LANES_MAX as u64, now);
        assert_eq!(picked(&mut pool, &["x"], 9, true, false, now), "full");
        // One's own is not.
        assert_eq!(picked(&mut pool, &["x"], 3, true, false, now), "full");
    }

    #[test]
    fn places_are_taken_before_lanes_are_open() {
        let now = Instant::now();
        let mut pool = Pool::default();
        for n in 0..LANES_MAX as u64 {
            assert!(matches!(
                pool.pick(&request(&["a"], n), true, false, now),
                Pick::Open
            ));
        }
        assert_eq!(
            picked(&mut pool, &["a"], 9, true, false, now),
            "http, open: false"
        );
        pool.opened(None, now);
        assert_eq!(picked(&mut pool, &["a"], 9, true, false, now), "open");
    }

    #[test]
    fn a_lane_that_is_free_in_a_moment_is_waited_for_once() {
        let now = Instant::now();
        let mut pool = Pool::default();
        with(&mut pool, &["a"], 1, now);
        let id = LaneId(1);
        assert_eq!(picked(&mut pool, &["a", "b"], 1, true, false, now), "r1 from 1");
        assert_eq!(picked(&mut pool, &["a", "c"], 1, true, false, now), "open");
        // Another use has no say.
        pool.settling(hold(1, 0));
        assert_eq!(picked(&mut pool, &["a", "c"], 1, true, false, now), "open");
        pool.settling(hold(1, 1));
        assert!(!pool.retire(id));
        assert_eq!(picked(&mut pool, &["a", "c"], 1, true, false, now), "wait");
        assert_eq!(picked(&mut pool, &["a", "c"], 2, true, false, now), "open");
        assert_eq!(picked(&mut pool, &["a", "c"], 1, false, false, now), "open");
        // What it knew before is the caller's to drop, and only once.
        let mut settle = || pool.free(hold(1, 1), Some(("r9".to_owned(), request(&["a", "b"], 1), None)));
        assert!(!settle().is_empty());
        assert!(settle().is_empty());
        assert!(pool.knows(&request(&["a", "b"], 1)));
        assert!(!pool.knows(&request(&["a", "b", "c"], 1)));
        assert_eq!(
            picked(&mut pool, &["a", "b", "c"], 1, true, false, now),
            "r9 from 2"
        );
        drop(pool.free(hold(1, 1), None));
        assert_eq!(picked(&mut pool, &["a", "b", "c"], 1, true, false, now), "open");
        drop(pool.free(hold(1, 2), None));
        assert_eq!(picked(&mut pool, &["a", "b", "c"], 1, true, false, now), "full");
        drop(pool.free(hold(1, 3), None));
        assert!(pool.retire(id));
        assert_eq!(picked(&mut pool, &["a"], 1, true, false, now), "open");
    }

    #[test]
    fn a_lane_that_sent_nothing_knows_what_it_knew() {
        let now = Instant::now();
        let mut pool = Pool::default();
        with(&mut pool, &["a"], 1, now);
        let go = |pool: &mut Pool| picked(pool, &["a", "b"], 1, true, false, now);
        assert_eq!(go(&mut pool), "r1 from 1");
        // While it is taken nobody may rely on it.
        assert!(!pool.knows(&request(&["a"], 1)));
        pool.untouched(hold(1, 0));
        assert_eq!(go(&mut pool), "open");
        pool.settling(hold(1, 1));
        pool.untouched(hold(1, 1));
        assert_eq!(go(&mut pool), "r1 from 1");
        drop(pool.free(hold(1, 2), None));
        pool.untouched(hold(1, 2));
        assert_eq!(go(&mut pool), "full");
    }

    #[test]
    fn after_trouble_requests_go_over_http_and_the_next_attempt_is_beside_one() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut pool = Pool::default();
        pool.health.trouble(Trouble::Failed, start);
        assert_eq!(
            picked(&mut pool, &["a"], 1, true, false, start),
            "http, open: false"
        );
        assert_eq!(
            picked(&mut pool, &["a"], 1, true, false, at(2)),
            "http, open: true"
        );
        pool.opening(at(2));
        assert_eq!(
            picked(&mut pool, &["a"], 1, true, false, at(2)),
            "http, open: false"
        );
        pool.opened(Some(door()), at(3));
        assert_eq!(picked(&mut pool, &["a"], 1, true, true, at(3)), "full");
        // Who must have a socket opens one whatever happened.
        assert_eq!(picked(&mut pool, &["a"], 1, true, true, at(3)), "open");
        drop(pool.free(hold(1, 1), None));
        assert_eq!(picked(&mut pool, &["a"], 1, true, false, at(3)), "full");
    }
}
