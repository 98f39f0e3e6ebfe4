//! A model that says what a script says, when the test lets it: no runtime, no network, no clock.

use crate::signal::{Signal, TimedOut};
use brisk_domain::port::{
    Fault, FaultSource, Finish, GenerateRequest, Model, ModelEvent, Retry, Running, Sink, Usage,
};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One step of a scripted generation. A script that ends without `Done`, `Fail` or `Hang` ends as `Done { Stop }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Delivers a piece of the answer.
    Text(String),
    /// Waits until the controller opens the gate of this name, or the handle is dropped.
    Gate(String),
    /// Waits until the handle is dropped, then goes on: what follows is a late report, which its owner must ignore.
    /// A script with this step is deaf to the drop everywhere else.
    AwaitDrop,
    /// Ends the answer.
    Done {
        /// Why.
        finish: Finish,
    },
    /// Ends the answer with a fault.
    Fail(Fault),
    /// Says nothing more until the handle is dropped.
    Hang,
}

impl Step {
    /// `Text`.
    pub fn text(text: impl Into<String>) -> Step {
        Step::Text(text.into())
    }

    /// `Gate`.
    pub fn gate(name: impl Into<String>) -> Step {
        Step::Gate(name.into())
    }

    /// `Done { Stop }`.
    pub fn done() -> Step {
        Step::Done { finish: Finish::Stop }
    }

    /// One `Text` for each piece of `text` of at most `bytes` bytes (never inside a character), then `Done`.
    pub fn stream(text: &str, bytes: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let mut cut = bytes.max(1).min(rest.len());
            while !rest.is_char_boundary(cut) {
                cut += 1;
            }
            let (piece, tail) = rest.split_at(cut);
            steps.push(Step::text(piece));
            rest = tail;
        }
        steps.push(Step::done());
        steps
    }
}

#[derive(Debug, Default)]
struct State {
    scripts: VecDeque<Vec<Step>>,
    requests: Vec<GenerateRequest>,
    warms: Vec<GenerateRequest>,
    open: BTreeSet<String>,
    dropped: usize,
    ended: usize,
}

type Shared = Arc<Signal<State>>;

/// The fake model. Clones share their scripts.
#[derive(Debug, Clone)]
pub struct GatedModel(Shared);

/// The test's side of a [`GatedModel`].
#[derive(Debug, Clone)]
pub struct Controller(Shared);

impl GatedModel {
    /// A model with no script, and its controller. A request without a script fails as `Setup`.
    #[allow(clippy::new_ret_no_self)]
    pub fn new() -> (GatedModel, Controller) {
        let shared = Shared::default();
        (GatedModel(Arc::clone(&shared)), Controller(shared))
    }
}

impl Controller {
    /// Queues the script of the next request that has none yet.
    pub fn script(&self, steps: Vec<Step>) {
        self.0.change(|s| s.scripts.push_back(steps));
    }

    /// Opens a gate for good, now or before anyone waits at it.
    pub fn open(&self, gate: &str) {
        self.0.change(|s| s.open.insert(gate.to_owned()));
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<GenerateRequest> {
        self.0.lock().requests.clone()
    }

    /// Waits for the `n`th request, counted from 1.
    pub fn wait_request(&self, n: usize) -> Result<GenerateRequest, TimedOut> {
        self.0
            .within("a request", |s| s.requests.get(n.saturating_sub(1)).cloned())
    }

    /// How many handles were dropped, ended generations included.
    pub fn dropped(&self) -> usize {
        self.0.lock().dropped
    }

    /// Waits until `n` handles were dropped.
    pub fn wait_dropped(&self, n: usize) -> Result<(), TimedOut> {
        self.0
            .within("a dropped handle", |s| (s.dropped >= n).then_some(()))
    }

    /// Waits until `n` generations are over: the last call of their sinks has returned.
    pub fn wait_ended(&self, n: usize) -> Result<(), TimedOut> {
        self.0
            .within("the end of a generation", |s| (s.ended >= n).then_some(()))
    }

    /// All requests to read ahead so far.
    pub fn warms(&self) -> Vec<GenerateRequest> {
        self.0.lock().warms.clone()
    }

    /// Waits for the `n`th request to read ahead, counted from 1.
    pub fn wait_warm(&self, n: usize) -> Result<GenerateRequest, TimedOut> {
        self.0.within("a request to read ahead", |s| {
            s.warms.get(n.saturating_sub(1)).cloned()
        })
    }
}

impl Model for GatedModel {
    fn generate(&self, request: GenerateRequest, sink: Sink) -> Box<dyn Running> {
        let gone = Arc::new(AtomicBool::new(false));
        let handle = Handle {
            gone: Arc::clone(&gone),
            shared: Arc::clone(&self.0),
        };
        let input = request.messages.iter().map(|m| m.text.len()).sum::<usize>() / 4;
        let script = self.0.change(|s| {
            s.requests.push(request);
            s.scripts.pop_front()
        });
        let steps = script.unwrap_or_else(|| vec![Step::Fail(unscripted())]);
        let shared = Arc::clone(&self.0);
        std::thread::spawn(move || {
            play(&shared, &gone, steps, input, &sink);
            // The sink goes first, so that whoever waits for the end sees its owner free as well.
            drop(sink);
            shared.change(|s| s.ended += 1);
        });
        Box::new(handle)
    }

    fn warm(&self, request: GenerateRequest) {
        self.0.change(|s| s.warms.push(request));
    }
}

fn unscripted() -> Fault {
    Fault {
        source: FaultSource::Setup,
        retry: Retry::Never,
        message: "the fake model has no script for this request; call Controller::script first".to_owned(),
    }
}

struct Handle {
    gone: Arc<AtomicBool>,
    shared: Shared,
}

impl Running for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.change(|s| {
            self.gone.store(true, Ordering::Release);
            s.dropped += 1;
        });
    }
}

/// What became of a wait.
enum Waited {
    Opened,
    Dropped,
}

fn play(shared: &Shared, gone: &AtomicBool, steps: Vec<Step>, input: usize, sink: &Sink) {
    let dropped = || gone.load(Ordering::Acquire);
    let mut usage = Usage {
        input,
        ..Usage::default()
    };
    let deaf = steps.contains(&Step::AwaitDrop);
    sink(ModelEvent::Sent);
    for step in steps {
        if dropped() && !deaf {
            return;
        }
        match step {
            Step::Text(text) => {
                usage.output += 1;
                sink(ModelEvent::Text { text });
            }
            Step::Gate(name) => {
                let waited = shared.until(|s| {
                    if s.open.contains(&name) {
                        Some(Waited::Opened)
                    } else if dropped() && !deaf {
                        Some(Waited::Dropped)
                    } else {
                        None
                    }
                });
                if matches!(waited, Waited::Dropped) {
                    return;
                }
            }
            Step::AwaitDrop => shared.until(|_| dropped().then_some(())),
            Step::Done { finish } => return sink(ModelEvent::Done { finish, usage }),
            Step::Fail(fault) => return sink(ModelEvent::Failed { fault }),
            Step::Hang => return shared.until(|_| dropped().then_some(())),
        }
    }
    sink(ModelEvent::Done {
        finish: Finish::Stop,
        usage,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::ModelId;
    use brisk_domain::port::{Closeness, Message, Priority, Role};
    use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

    fn request(text: &str) -> GenerateRequest {
        GenerateRequest {
            model: ModelId("fake".to_owned()),
            messages: vec![Message {
                role: Role::User,
                text: text.into(),
            }],
            answer_prefix: String::new(),
            stop: Vec::new(),
            prediction: None,
            differ: None,
            closeness: Closeness::Free,
            max_tokens: 16,
            cache_key: 0,
            priority: Priority::Interactive,
        }
    }

    fn sink() -> (Sink, Receiver<ModelEvent>) {
        let (tx, rx) = channel();
        (Arc::new(move |event| drop(tx.send(event))), rx)
    }

    fn next(rx: &Receiver<ModelEvent>) -> Result<ModelEvent, RecvTimeoutError> {
        rx.recv_timeout(crate::WAIT)
    }

    fn text(text: &str) -> Result<ModelEvent, RecvTimeoutError> {
        Ok(ModelEvent::Text {
            text: text.to_owned(),
        })
    }

    #[test]
    fn chunks_wait_at_gates_and_the_end_carries_counts() {
        let (model, ctl) = GatedModel::new();
        ctl.script(vec![
            Step::text("a"),
            Step::gate("g"),
            Step::text("b"),
            Step::done(),
        ]);
        let (sink, rx) = sink();
        let _running = model.generate(request("12345678"), sink);
        assert_eq!(ctl.wait_request(1).unwrap(), request("12345678"));
        assert_eq!(next(&rx), Ok(ModelEvent::Sent));
        assert_eq!(next(&rx), text("a"));
        assert!(rx.try_recv().is_err());
        ctl.open("g");
        assert_eq!(next(&rx), text("b"));
        let usage = Usage {
            input: 2,
            output: 2,
            ..Usage::default()
        };
        assert_eq!(
            next(&rx),
            Ok(ModelEvent::Done {
                finish: Finish::Stop,
                usage
            })
        );
        assert_eq!(ctl.dropped(), 0);
    }

    #[test]
    fn a_drop_ends_a_gate_and_a_hang() {
        for stuck in [Step::gate("never"), Step::Hang] {
            let (model, ctl) = GatedModel::new();
            ctl.script(vec![Step::text("a"), stuck, Step::text("b")]);
            let (sink, rx) = sink();
            let running = model.generate(request(""), sink);
            assert_eq!(next(&rx), Ok(ModelEvent::Sent));
            assert_eq!(next(&rx), text("a"));
            drop(running);
            ctl.wait_dropped(1).unwrap();
            ctl.wait_ended(1).unwrap();
            assert_eq!(next(&rx), Err(RecvTimeoutError::Disconnected));
        }
    }

    #[test]
    fn late_text_comes_after_the_drop_if_the_script_says_so() {
        let (model, ctl) = GatedModel::new();
        ctl.script(vec![Step::AwaitDrop, Step::text("late")]);
        let (sink, rx) = sink();
        drop(model.generate(request(""), sink));
        ctl.wait_ended(1).unwrap();
        let all: Vec<_> = rx.iter().collect();
        assert!(all.contains(&ModelEvent::Text {
            text: "late".to_owned()
        }));
    }

    #[test]
    fn a_request_without_a_script_fails_by_name_and_warms_are_recorded() {
        let (model, ctl) = GatedModel::new();
        let (sink, rx) = sink();
        let _running = model.generate(request(""), sink);
        assert_eq!(next(&rx), Ok(ModelEvent::Sent));
        assert!(matches!(next(&rx), Ok(ModelEvent::Failed { fault }) if fault.source == FaultSource::Setup));
        model.warm(request("file"));
        assert_eq!(ctl.wait_warm(1).unwrap(), request("file"));
        assert_eq!(ctl.warms().len(), 1);
    }

    #[test]
    fn a_streamed_text_keeps_whole_characters() {
        let steps = Step::stream("aé€", 1);
        assert_eq!(
            steps,
            [Step::text("a"), Step::text("é"), Step::text("€"), Step::done()]
        );
    }
}
