//! The ways to the same server, and one answer over one of them.

use brisk_domain::ModelId;
use brisk_domain::port::{
    Closeness, GenerateRequest, Message, Model, ModelEvent, Priority, Role, Running, Said,
};
use brisk_providers::{ResponsesConfig, ResponsesModel, Secret, Transport};
use brisk_testkit::{WAIT, monotonic_us};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use tokio::runtime::Handle;

/// A way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// A new connection for each turn, the whole history.
    B0,
    /// The same, but the TLS session of the last one is resumed.
    B0Resumed,
    /// A kept connection, the whole history.
    B1,
    /// A kept connection, only news.
    B2,
    /// A kept socket, only news.
    Socket,
}

pub(crate) const PATHS: [Path; 5] = [Path::B0, Path::B0Resumed, Path::B1, Path::B2, Path::Socket];

impl Path {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Path::B0 => "B0 new connection, all",
            Path::B0Resumed => "B0r new connection, session resumed, all",
            Path::B1 => "B1 kept connection, all",
            Path::B2 => "B2 kept connection, news",
            Path::Socket => "socket, news",
        }
    }

    pub(crate) fn model(self, url: &str, handle: &Handle) -> ResponsesModel {
        let mut config = ResponsesConfig::new(ModelId("fake".to_owned()), url, "fake");
        config.transport = match self {
            Path::B0 | Path::B0Resumed | Path::B1 | Path::B2 => Transport::Sse,
            Path::Socket => Transport::WebSocket,
        };
        config.store = self == Path::B2;
        if self == Path::B0Resumed {
            // The client closes each connection after its answer, and keeps what it knows of the server.
            let close = Secret::new("close").unwrap();
            config.endpoint.headers.push(("connection".to_owned(), close));
        }
        ResponsesModel::new(config, handle.clone()).unwrap()
    }
}

pub(crate) fn message(role: Role, text: impl Into<Said>) -> Message {
    Message {
        role,
        text: text.into(),
    }
}

pub(crate) fn request(messages: Vec<Message>) -> GenerateRequest {
    GenerateRequest {
        model: ModelId("fake".to_owned()),
        messages,
        answer_prefix: String::new(),
        stop: Vec::new(),
        prediction: None,
        differ: None,
        closeness: Closeness::Free,
        max_tokens: usize::MAX,
        cache_key: 0,
        priority: Priority::Interactive,
    }
}

/// An answer on its way; every event with the moment at which the sink was called.
pub(crate) struct Asked {
    pub(crate) at_us: u64,
    running: Box<dyn Running>,
    events: Receiver<(u64, ModelEvent)>,
}

/// `pieces`: so many pieces of text are told, so that waking this thread for each of the others is not counted as work
/// of the path.
pub(crate) fn ask(model: &ResponsesModel, request: GenerateRequest, pieces: usize) -> Asked {
    let (tell, events) = channel();
    let left = AtomicUsize::new(pieces);
    let at_us = monotonic_us();
    let sink = move |event| {
        let text = matches!(event, ModelEvent::Text { .. });
        let take = |left: usize| left.checked_sub(1);
        if !text
            || left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .is_ok()
        {
            drop(tell.send((monotonic_us(), event)));
        }
    };
    let running = model.generate(request, Arc::new(sink));
    Asked {
        at_us,
        running,
        events,
    }
}

impl Asked {
    /// Reads on to the next piece of text; when.
    pub(crate) fn text(&self) -> u64 {
        loop {
            match self.events.recv_timeout(WAIT).unwrap() {
                (t_us, ModelEvent::Text { .. }) => return t_us,
                (_, ModelEvent::Sent) => {}
                (_, other @ (ModelEvent::Done { .. } | ModelEvent::Failed { .. })) => panic!("{other:?}"),
            }
        }
    }

    /// Reads to the end: every piece of text, and when it came.
    pub(crate) fn pieces(&self) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        loop {
            match self.events.recv_timeout(WAIT).unwrap() {
                (_, ModelEvent::Done { .. }) => return all,
                (t_us, ModelEvent::Text { text }) => all.push((t_us, text)),
                (_, ModelEvent::Sent) => {}
                (_, other @ ModelEvent::Failed { .. }) => panic!("{other:?}"),
            }
        }
    }

    /// Reads to the end; when.
    pub(crate) fn end(&self) -> u64 {
        loop {
            match self.events.recv_timeout(WAIT).unwrap() {
                (t_us, ModelEvent::Done { .. }) => return t_us,
                (_, ModelEvent::Sent | ModelEvent::Text { .. }) => {}
                (_, other @ ModelEvent::Failed { .. }) => panic!("{other:?}"),
            }
        }
    }

    /// Drops the handle; when.
    pub(crate) fn stop(self) -> u64 {
        let t_us = monotonic_us();
        drop(self.running);
        t_us
    }
}
