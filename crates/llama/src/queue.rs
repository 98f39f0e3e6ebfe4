//! The worker's two queues and the question that it asks between operations: should this step end?

use brisk_domain::port::{GenerateRequest, Priority, Running, Sink};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A request for an answer, with its cancel.
pub(crate) struct Ticket {
    pub(crate) request: GenerateRequest,
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
}

/// Shared between the engine's callers and its worker.
#[derive(Default)]
pub(crate) struct Queue {
    lists: Mutex<Lists>,
    arrived: Condvar,
    // Read between operations, where a lock would cost.
    interactive: AtomicUsize,
    waiting: AtomicUsize,
    closing: AtomicBool,
}

impl Queue {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request; gives the handle that cancels it.
    pub(crate) fn generate(&self, request: GenerateRequest, sink: Sink) -> Handle {
        let cancelled = Arc::new(AtomicBool::new(false));
        let ticket = Ticket {
            request,
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
        self.lists().warm = Some(request);
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
        loop {
            if self.closing.load(Ordering::Acquire) {
                return Next::Close;
            }
            if let Some(ticket) = lists.interactive.pop_front() {
                self.note(&lists);
                return Next::Interactive(ticket);
            }
            if paused || !lists.background.is_empty() {
                return Next::Background;
            }
            if let Some(request) = lists.warm.take() {
                return Next::Warm(request);
            }
            lists = self.arrived.wait(lists).unwrap_or_else(PoisonError::into_inner);
        }
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

    /// Whether background work must give way.
    pub(crate) fn person_waits(&self) -> bool {
        self.interactive.load(Ordering::Acquire) > 0
    }

    /// Whether reading ahead must give way: to any answer.
    pub(crate) fn anyone_waits(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    fn note(&self, lists: &Lists) {
        self.interactive.store(lists.interactive.len(), Ordering::Release);
        self.waiting.store(
            lists.interactive.len() + lists.background.len(),
            Ordering::Release,
        );
    }
}
