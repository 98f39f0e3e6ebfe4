//! A model in front of the fake server, with its events as a channel.

use brisk_domain::ModelId;
use brisk_domain::port::{Closeness, GenerateRequest, Message, Model, ModelEvent, Priority, Role, Running};
use brisk_providers::{ChatConfig, ChatModel};
use brisk_testkit::{FakeServer, WAIT};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, LazyLock};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

pub(crate) fn config(url: &str) -> ChatConfig {
    ChatConfig::new(ModelId("fake".to_owned()), url, "fake-wire")
}

pub(crate) fn request() -> GenerateRequest {
    let message = |role, text: &str| Message {
        role,
        text: text.into(),
    };
    GenerateRequest {
        model: ModelId("fake".to_owned()),
        messages: vec![
            message(Role::System, "Be short."),
            message(Role::User, "Say hello."),
        ],
        answer_prefix: String::new(),
        stop: Vec::new(),
        prediction: None,
        differ: None,
        closeness: Closeness::Free,
        max_tokens: 10_000,
        cache_key: 7,
        priority: Priority::Interactive,
    }
}

pub(crate) fn model(config: ChatConfig) -> ChatModel {
    ChatModel::new(config, RUNTIME.handle().clone()).unwrap()
}

#[allow(dead_code, reason = "not every test file needs a runtime of its own")]
pub(crate) fn runtime() -> &'static Runtime {
    &RUNTIME
}

pub(crate) struct Run {
    running: Box<dyn Running>,
    events: Receiver<ModelEvent>,
}

pub(crate) fn start(model: &(impl Model + ?Sized), request: GenerateRequest) -> Run {
    let (tx, events) = channel();
    let running = model.generate(request, Arc::new(move |event| drop(tx.send(event))));
    Run { running, events }
}

impl Run {
    pub(crate) fn next(&self) -> ModelEvent {
        self.events.recv_timeout(WAIT).unwrap()
    }

    /// Stops the generation.
    #[allow(dead_code, reason = "not every test file stops one")]
    pub(crate) fn stop(self) {
        drop(self.running);
    }

    /// All text and the last event; the generation is not stopped before that.
    pub(crate) fn end(self) -> (String, ModelEvent) {
        let mut text = String::new();
        loop {
            match self.next() {
                ModelEvent::Sent => {}
                ModelEvent::Text { text: piece } => text.push_str(&piece),
                last @ (ModelEvent::Done { .. } | ModelEvent::Failed { .. }) => return (text, last),
            }
        }
    }
}

/// One generation against a server.
#[allow(dead_code, reason = "not every test file needs no more than that")]
pub(crate) fn ask(server: &FakeServer) -> (String, ModelEvent) {
    start(&model(config(&server.url())), request()).end()
}
