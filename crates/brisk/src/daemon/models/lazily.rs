//! A model that is made when it is first needed, off the path of whoever needs it: loading one, or reading the system's
//! certificates, takes longer than a session may wait.

use brisk_domain::port::{Fault, FaultSource, GenerateRequest, Model, ModelEvent, Retry, Running, Sink};
use brisk_domain::tool::{Calls, ToolRequest};
use std::sync::{Arc, Mutex, PoisonError};

type Make = Box<dyn Fn() -> Result<Arc<dyn Model>, String> + Send + Sync>;

/// The model once it is there. The lock is held while it is made: whoever comes second waits for the same one.
pub(super) struct Lazily {
    make: Make,
    made: Mutex<Option<Arc<dyn Model>>>,
}

/// How far it is.
pub(super) enum Stage {
    /// Nobody has needed it yet, or what was tried failed.
    Unmade,
    /// On its way.
    Making,
    /// There.
    Made,
}

impl Lazily {
    /// `make` may block.
    pub(super) fn new(make: impl Fn() -> Result<Arc<dyn Model>, String> + Send + Sync + 'static) -> Lazily {
        Lazily {
            make: Box::new(make),
            made: Mutex::new(None),
        }
    }

    /// Calls `f` with the model, making it first if needed. Blocks while it is made.
    ///
    /// # Errors
    /// Why there is none. It may be mended meanwhile: the next one who needs it tries again.
    pub(super) fn with<T>(&self, f: impl FnOnce(&dyn Model) -> T) -> Result<T, String> {
        let mut slot = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let model = match slot.as_ref() {
            Some(model) => Arc::clone(model),
            None => Arc::clone(slot.insert((self.make)()?)),
        };
        drop(slot);
        Ok(f(model.as_ref()))
    }

    pub(super) fn stage(&self) -> Stage {
        match self.made.try_lock().as_deref() {
            Ok(Some(_)) => Stage::Made,
            Ok(None) => Stage::Unmade,
            Err(_) => Stage::Making,
        }
    }

    /// Never blocks: where the model is not there yet, a thread makes it, and a stop meanwhile is honoured when it ends.
    pub(super) fn generate(self: &Arc<Self>, request: GenerateRequest, sink: Sink) -> Box<dyn Running> {
        let told = Arc::clone(&sink);
        self.begin(told, move |model| model.generate(request, sink))
    }

    /// The same, in a conversation with tools.
    pub(super) fn converse(
        self: &Arc<Self>,
        request: ToolRequest,
        sink: Sink,
        calls: Calls,
    ) -> Box<dyn Running> {
        let told = Arc::clone(&sink);
        self.begin(told, move |model| model.converse(request, sink, calls))
    }

    fn begin(
        self: &Arc<Self>,
        sink: Sink,
        begin: impl FnOnce(&dyn Model) -> Box<dyn Running> + Send + 'static,
    ) -> Box<dyn Running> {
        let made = self
            .made
            .try_lock()
            .ok()
            .and_then(|slot| slot.as_ref().map(Arc::clone));
        if let Some(model) = made {
            return begin(model.as_ref());
        }
        let slot = Arc::new(Mutex::new(Start::Wanted));
        let (shared, model) = (Arc::clone(&slot), Arc::clone(self));
        std::thread::spawn(move || {
            let outcome = model.with(|model| {
                let mut start = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if matches!(*start, Start::Wanted) {
                    *start = Start::Begun {
                        _running: begin(model),
                    };
                }
            });
            if let Err(message) = outcome {
                drop(failed(message, &sink));
            }
        });
        Box::new(Later(slot))
    }
}

/// A generation that never began, for a reason of this machine's setup.
pub(super) fn failed(message: String, sink: &Sink) -> Box<dyn Running> {
    let fault = Fault {
        source: FaultSource::Setup,
        retry: Retry::Elsewhere,
        message,
    };
    sink(ModelEvent::Failed { fault });
    Box::new(Idle)
}

struct Idle;

impl Running for Idle {}

enum Start {
    Wanted,
    Begun { _running: Box<dyn Running> },
    Dropped,
}

struct Later(Arc<Mutex<Start>>);

impl Running for Later {}

impl Drop for Later {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Start::Dropped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::port::{Closeness, Finish, Priority, Usage};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    struct Prompt;

    impl Model for Prompt {
        fn generate(&self, _: GenerateRequest, sink: Sink) -> Box<dyn Running> {
            let usage = Usage::default();
            sink(ModelEvent::Done {
                finish: Finish::Stop,
                usage,
            });
            Box::new(Idle)
        }

        fn warm(&self, _: GenerateRequest) {}
    }

    fn request() -> GenerateRequest {
        GenerateRequest {
            model: brisk_domain::ModelId("m".into()),
            messages: Vec::new(),
            answer_prefix: String::new(),
            stop: Vec::new(),
            prediction: None,
            differ: None,
            closeness: Closeness::Free,
            max_tokens: 1,
            cache_key: 0,
            priority: Priority::Interactive,
        }
    }

    const LIMIT: Duration = Duration::from_secs(20);

    /// Whoever asks goes on while the model is made, a failure is not kept, and what was made is.
    #[test]
    fn it_is_made_elsewhere_and_a_failure_is_tried_again() {
        let (go, gate) = mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let tries = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&tries);
        let model = Arc::new(Lazily::new(move || {
            // Would never end on the thread of whoever asks.
            gate.lock().unwrap().recv_timeout(LIMIT).unwrap();
            match count.fetch_add(1, Ordering::SeqCst) {
                0 => Err("no certificates".to_owned()),
                _ => Ok(Arc::new(Prompt)),
            }
        }));
        let (said, reports) = mpsc::channel();
        let ask = || {
            let said = said.clone();
            let sink: Sink = Arc::new(move |event| said.send(event).unwrap());
            model.generate(request(), sink)
        };
        for want in ["failed", "done", "done"] {
            let _running = ask();
            if tries.load(Ordering::SeqCst) < 2 {
                go.send(()).unwrap();
            }
            let got = match reports.recv_timeout(LIMIT).unwrap() {
                ModelEvent::Failed { .. } => "failed",
                ModelEvent::Done { .. } => "done",
                other @ (ModelEvent::Sent | ModelEvent::Text { .. }) => panic!("{other:?}"),
            };
            assert_eq!(got, want);
        }
        assert_eq!(tries.load(Ordering::SeqCst), 2);
    }
}
