//! Every client against a real server with a real model, one that nobody here wrote: llama-server, vLLM, Ollama, ...
//! `BRISK_TEST_SERVER=http://127.0.0.1:8080/v1 cargo nextest run -p brisk-providers --test servers --no-capture`
//! runs it; BRISK_TEST_SERVER_MODEL is the model's name there, BRISK_TEST_SERVER_KEY its key. What was found is in
//! docs/upstream.md.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests"
)]

mod common;

use brisk_domain::ModelId;
use brisk_domain::port::{
    Fault, FaultSource, Finish, GenerateRequest, Message, Model, ModelEvent, Role, Usage,
};
use brisk_providers::{
    ChatConfig, ChatModel, Endpoint, MessagesConfig, MessagesModel, Probe, ResponsesConfig, ResponsesModel,
    Secret, Transport,
};
use common::{request, runtime, start};

struct Server {
    url: String,
    model: String,
    key: Option<Secret>,
}

impl Server {
    fn endpoint(&self, model: &str, key: Option<Secret>) -> Endpoint {
        Endpoint {
            api_key: key,
            ..Endpoint::new(ModelId("real".to_owned()), &self.url, model)
        }
    }

    /// The clients, each by its name.
    fn clients(&self, model: &str, key: Option<&Secret>) -> Vec<(&'static str, Box<dyn Model>)> {
        let handle = || runtime().handle().clone();
        let endpoint = || self.endpoint(model, key.cloned());
        let responses = |transport| {
            let config = ResponsesConfig {
                transport,
                greedy: true,
                ..ResponsesConfig::at(endpoint())
            };
            Box::new(ResponsesModel::new(config, handle()).unwrap())
        };
        vec![
            (
                "Chat Completions",
                Box::new(ChatModel::new(ChatConfig::at(endpoint()), handle()).unwrap()),
            ),
            ("Responses over HTTP", responses(Transport::Sse)),
            ("Responses by itself", responses(Transport::Auto)),
            (
                "Anthropic Messages",
                Box::new(MessagesModel::new(MessagesConfig::at(endpoint()), handle()).unwrap()),
            ),
        ]
    }
}

fn asking(text: &str, max_tokens: usize) -> GenerateRequest {
    let mut request = request();
    request.messages[1].text = text.into();
    request.max_tokens = max_tokens;
    request
}

fn end(name: &str, model: &dyn Model, request: GenerateRequest) -> (String, Finish, Usage) {
    match start(model, request).end() {
        (text, ModelEvent::Done { finish, usage }) => (text, finish, usage),
        (text, end) => panic!("{name}: {text:?}, then {end:?}"),
    }
}

fn fault(name: &str, model: &dyn Model, request: GenerateRequest) -> Fault {
    match start(model, request).end() {
        (_, ModelEvent::Failed { fault }) => fault,
        (text, end) => panic!("{name}: {text:?}, then {end:?}"),
    }
}

/// A whole answer in pieces, with counts; then the conversation goes on.
fn converses(name: &str, model: &dyn Model) {
    model.warm(request());
    let run = start(
        model,
        asking("Count from 1 to 10, with a comma after each number.", 64),
    );
    assert_eq!(run.next(), ModelEvent::Sent, "{name}");
    let mut pieces = Vec::new();
    let (finish, usage) = loop {
        match run.next() {
            ModelEvent::Text { text } => pieces.push(text),
            ModelEvent::Done { finish, usage } => break (finish, usage),
            other @ (ModelEvent::Sent | ModelEvent::Failed { .. }) => panic!("{name}: {other:?}"),
        }
    };
    let text = pieces.concat();
    assert!(pieces.len() > 1 && text.contains('2'), "{name}: {pieces:?}");
    assert!(usage.input > 0 && usage.output > 0, "{name}: {usage:?}");
    eprintln!("{name}: {} pieces, {finish:?}, {usage:?}", pieces.len());
    let mut next = asking("Count from 1 to 10, with a comma after each number.", 64);
    for (role, text) in [
        (Role::Assistant, text),
        (Role::User, "And now from 11 to 15.".to_owned()),
    ] {
        next.messages.push(Message {
            role,
            text: text.into(),
        });
    }
    let (text, ..) = end(name, model, next);
    assert!(!text.is_empty(), "{name}: nothing on the second turn");
}

/// Bounds and stop texts hold.
fn ends(name: &str, model: &dyn Model) {
    let long = "Write the numbers from 1 to 200, with a comma after each.";
    let (text, finish, _) = end(name, model, asking(long, 16));
    assert_eq!(finish, Finish::Length, "{name}: {text:?}");
    let mut stopping = asking(long, 200);
    stopping.stop = vec!["7".to_owned()];
    let (text, finish, _) = end(name, model, stopping);
    assert!(
        finish == Finish::Stop && !text.contains('7'),
        "{name}: {finish:?} {text:?}"
    );
}

/// Who stops an answer gets the next one, whole, and the server is free for it.
fn stops(name: &str, model: &dyn Model) {
    let run = start(model, asking("Write a story of a thousand words.", 4_000));
    loop {
        match run.next() {
            ModelEvent::Sent => {}
            ModelEvent::Text { .. } => break,
            other @ (ModelEvent::Done { .. } | ModelEvent::Failed { .. }) => panic!("{name}: {other:?}"),
        }
    }
    run.stop();
    let (text, ..) = end(name, model, asking("Say hello.", 16));
    assert!(!text.is_empty(), "{name}: nothing after a stop");
}

/// A request that is too long for any small model is the request's own fault, and says what to do.
fn refuses(name: &str, model: &dyn Model) {
    let fault = fault(name, model, asking(&"one more word ".repeat(60_000), 16));
    eprintln!("{name}, too long: {}", fault.message);
    assert_eq!(fault.source, FaultSource::Request, "{name}: {}", fault.message);
    assert!(fault.message.contains("too long"), "{name}: {}", fault.message);
}

#[test]
fn a_server_with_a_model_is_understood() {
    let Ok(url) = std::env::var("BRISK_TEST_SERVER") else {
        eprintln!("skipped: BRISK_TEST_SERVER names no server");
        return;
    };
    let var = |name: &str| std::env::var(name).ok();
    let server = Server {
        url,
        model: var("BRISK_TEST_SERVER_MODEL").unwrap_or_else(|| "default".to_owned()),
        key: var("BRISK_TEST_SERVER_KEY").as_deref().and_then(Secret::new),
    };
    let probe = |key: Option<Secret>| Probe {
        base_url: server.url.clone(),
        allow_insecure: false,
        api_key: key,
        key_name: "the variable BRISK_TEST_SERVER_KEY".to_owned(),
        anthropic: false,
    };
    let listed = runtime()
        .block_on(probe(server.key.clone()).list(brisk_testkit::WAIT))
        .unwrap();
    eprintln!("models: {listed:?}");
    for (name, model) in server.clients(&server.model, server.key.as_ref()) {
        // Not every server speaks every protocol.
        if let (_, ModelEvent::Failed { fault }) = start(&*model, asking("Say hello.", 16)).end()
            && fault.message.contains("(404)")
        {
            eprintln!("{name}: not served: {}", fault.message);
            continue;
        }
        converses(name, &*model);
        ends(name, &*model);
        stops(name, &*model);
        refuses(name, &*model);
    }
    for (name, model) in server.clients("no-such-model", server.key.as_ref()) {
        match start(&*model, asking("Say hello.", 16)).end() {
            (_, ModelEvent::Done { .. }) => eprintln!("{name}: any model's name is taken"),
            (_, ModelEvent::Failed { fault }) => {
                eprintln!("{name}, wrong model: {}", fault.message);
                assert_eq!(fault.source, FaultSource::Setup, "{name}: {}", fault.message);
            }
            (_, other) => panic!("{name}: {other:?}"),
        }
    }
    if server.key.is_some() {
        let wrong = Secret::new("wrong-key");
        for (name, model) in server.clients(&server.model, wrong.as_ref()) {
            let fault = fault(name, &*model, asking("Say hello.", 16));
            eprintln!("{name}, wrong key: {}", fault.message);
            assert_eq!(fault.source, FaultSource::Setup, "{name}: {}", fault.message);
            assert!(!fault.message.contains("wrong-key"), "{name}: {}", fault.message);
        }
    }
}
