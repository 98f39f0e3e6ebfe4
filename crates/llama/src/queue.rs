//! The worker's two queues and the question that it asks between operations: should this step end?

use brisk_domain::port::{GenerateRequest, Priority, Running, Sink};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A request for an answer, with its cancel.
pub(crate) struct Ticket {
    pub(crate) request: GenerateRequest,
    pub(crate) leeway: Option<f32>,
    pub(crate) sink: Sink,
    pub(crate) cancelled: Arc<AtomicBool>,
}

/// The handle that the caller holds; dropping it is the cancel.
pub(crate) struct Handle {
    cancelled: Arc<AtomicBool>,
}

impl Running for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Release);
    }
}

/// What the worker does next.
pub(crate) enum Next {
    /// A person waits.
    Interactive(Ticket),
    /// Start or go on with a background answer.
    Background,
    /// Read a prompt ahead.
    Warm(GenerateRequest),
    /// The engine goes.
    Close,
}

#[derive(Default)]
struct Lists {
    interactive: VecDeque<Ticket>,
    background: VecDeque<Ticket>,
    warm: Option<GenerateRequest>,
    working: bool,
}

/// Shared between the engine's callers and its worker.
#[derive(Default)]
pub(crate) struct Queue {
    lists: Mutex<Lists>,
    arrived: Condvar,
    // Read between operations, where a lock would cost.
    answers: AtomicUsize,
    ahead: AtomicBool,
    closing: AtomicBool,
}

impl Queue {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request; gives the handle that cancels it.
    pub(crate) fn generate(&self, request: GenerateRequest, leeway: Option<f32>, sink: Sink) -> Handle {
        let cancelled = Arc::new(AtomicBool::new(false));
        let ticket = Ticket {
            request,
            leeway,
            sink,
            cancelled: Arc::clone(&cancelled),
        };
        let mut lists = self.lists();
        match ticket.request.priority {
            Priority::Interactive => lists.interactive.push_back(ticket),
            Priority::Background => lists.background.push_back(ticket),
        }
        self.note(&lists);
        self.arrived.notify_one();
        Handle { cancelled }
    }

    /// Asks to read a prompt ahead; only the newest wish counts.
    pub(crate) fn warm(&self, request: GenerateRequest) {
        let mut lists = self.lists();
        lists.warm = Some(request);
        self.note(&lists);
        self.arrived.notify_one();
    }

    /// Ends the worker after its current operation.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        let _lists = self.lists();
        self.arrived.notify_all();
    }

    /// Waits for work. `paused`: a background answer was begun and can go on.
    pub(crate) fn next(&self, paused: bool) -> Next {
        let mut lists = self.lists();
        lists.working = true;
        loop {
            if self.closing.load(Ordering::Acquire) {
                return Next::Close;
            }
            if let Some(ticket) = lists.interactive.pop_front() {
                self.note(&lists);
                return Next::Interactive(ticket);
            }
            // Somebody opened a file, and asks something about it soon.
            if let Some(request) = lists.warm.take() {
                self.note(&lists);
                return Next::Warm(request);
            }
            if paused || !lists.background.is_empty() {
                return Next::Background;
            }
            lists.working = false;
            lists = self.arrived.wait(lists).unwrap_or_else(PoisonError::into_inner);
            lists.working = true;
        }
    }

    /// Whether anything runs or waits.
    pub(crate) fn busy(&self) -> bool {
        let lists = self.lists();
        lists.working || lists.warm.is_some() || !lists.interactive.is_empty() || !lists.background.is_empty()
    }

    /// The next background request.
    pub(crate) fn background(&self) -> Option<Ticket> {
        let mut lists = self.lists();
        let ticket = lists.background.pop_front();
        self.note(&lists);
        ticket
    }

    /// Everything that was never begun, when the engine goes.
    pub(crate) fn drain(&self) -> Vec<Ticket> {
        let mut lists = self.lists();
        let mut left: Vec<Ticket> = lists.interactive.drain(..).collect();
        left.extend(lists.background.drain(..));
        self.note(&lists);
        left
    }

    /// Whether the engine goes.
    pub(crate) fn closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Whether background work must give way: to an answer, or to a file that somebody opened.
    pub(crate) fn person_waits(&self) -> bool {
        self.answer_waits() || self.ahead.load(Ordering::Acquire)
    }

    /// Whether reading ahead must give way: somebody waits for an answer.
    pub(crate) fn answer_waits(&self) -> bool {
        self.answers.load(Ordering::Acquire) > 0
    }

    fn note(&self, lists: &Lists) {
        self.answers.store(lists.interactive.len(), Ordering::Release);
        self.ahead.store(lists.warm.is_some(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::ModelId;
    use brisk_domain::port::Closeness;

    fn request(key: u64, priority: Priority) -> GenerateRequest {
        GenerateRequest {
            model: ModelId("m".into()),
            messages: Vec::new(),
            answer_prefix: String::new(),
            stop: Vec::new(),
            prediction: None,
            differ: None,
            closeness: Closeness::Free,
            max_tokens: 1,
            cache_key: key,
            priority,
        }
    }

    fn take(queue: &Queue, paused: bool) -> (&'static str, u64) {
        match queue.next(paused) {
            Next::Interactive(ticket) => ("interactive", ticket.request.cache_key),
            Next::Background if paused => ("paused", 0),
            Next::Background => (
                "background",
                queue.background().map_or(0, |t| t.request.cache_key),
            ),
            Next::Warm(request) => ("warm", request.cache_key),
            Next::Close => ("close", 0),
        }
    }

    #[test]
    fn people_first_then_what_they_opened_then_background() {
        let queue = Queue::default();
        let sink: Sink = Arc::new(|_| {});
        queue.warm(request(1, Priority::Interactive));
        queue.warm(request(2, Priority::Interactive));
        let handles: Vec<_> = [
            (3, Priority::Background),
            (4, Priority::Interactive),
            (5, Priority::Background),
            (6, Priority::Interactive),
        ]
        .into_iter()
        .map(|(key, priority)| queue.generate(request(key, priority), None, Arc::clone(&sink)))
        .collect();
        let waits = || (queue.answer_waits(), queue.person_waits(), queue.busy());
        assert_eq!(waits(), (true, true, true));
        assert_eq!(take(&queue, false), ("interactive", 4));
        assert_eq!(take(&queue, true), ("interactive", 6));
        assert_eq!(waits(), (false, true, true));
        assert_eq!(take(&queue, true), ("warm", 2));
        assert_eq!(waits(), (false, false, true));
        assert_eq!(take(&queue, true), ("paused", 0));
        assert_eq!(take(&queue, false), ("background", 3));
        assert_eq!(take(&queue, false), ("background", 5));
        queue.close();
        assert_eq!(take(&queue, false), ("close", 0));
        drop(handles);
    }

    #[test]
    fn dropping_the_handle_cancels() {
        let queue = Queue::default();
        let handle = queue.generate(request(1, Priority::Interactive), None, Arc::new(|_| {}));
        let Next::Interactive(ticket) = queue.next(false) else {
            panic!("no ticket")
        };
        assert!(!ticket.cancelled.load(Ordering::Acquire));
        drop(handle);
        assert!(ticket.cancelled.load(Ordering::Acquire));
        assert!(queue.drain().is_empty());
    }
}
