//! Every client against a server that nobody here wrote: `aimock` (npm `@copilotkit/aimock`), which speaks all three
//! protocols, Responses also on a WebSocket. Set BRISK_TEST_MOCK to its address; without it the test says that it was
//! skipped. `tests/independent.json` is its fixture:
//! `npx @copilotkit/aimock --fixtures crates/providers/tests/independent.json`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests"
)]

mod common;

use brisk_domain::ModelId;
use brisk_domain::port::{FaultSource, Finish, GenerateRequest, Message, Model, ModelEvent, Role};
use brisk_providers::{
    ChatConfig, ChatModel, MessagesConfig, MessagesModel, ResponsesConfig, ResponsesModel, Secret, Transport,
};
use common::{request, runtime, start};

const SAID: &str = "Hello from another house: fn é() { \"😀\" }\n";

fn responses(url: &str, transport: Transport) -> ResponsesModel {
    let mut config = ResponsesConfig::new(ModelId("fake".to_owned()), url, "gpt-5");
    config.endpoint.api_key = Secret::new("sk-test");
    config.transport = transport;
    ResponsesModel::new(config, runtime().handle().clone()).unwrap()
}

fn asking(text: &str) -> GenerateRequest {
    let mut request = request();
    request.messages[1].text = text.into();
    request
}

fn check(name: &str, model: &impl Model) {
    model.warm(request());
    let mut next = request();
    for turn in 1..=3 {
        let (text, end) = start(model, next.clone()).end();
        assert_eq!(text, SAID, "{name}, turn {turn}");
        let whole = matches!(
            end,
            ModelEvent::Done {
                finish: Finish::Stop,
                ..
            }
        );
        assert!(whole, "{name}, turn {turn}: {end:?}");
        for (role, text) in [
            (Role::Assistant, text),
            (Role::User, "Say hello again.".to_owned()),
        ] {
            next.messages.push(Message {
                role,
                text: text.into(),
            });
        }
    }
    let (text, end) = start(model, asking("limit me")).end();
    let ModelEvent::Failed { fault } = end else {
        panic!("{name}: {end:?}")
    };
    assert_eq!(
        (text.as_str(), fault.source),
        ("", FaultSource::Quota),
        "{name}: {}",
        fault.message
    );
    let run = start(model, request());
    assert_eq!(run.next(), ModelEvent::Sent, "{name}");
    run.stop();
    assert_eq!(start(model, request()).end().0, SAID, "{name}");
}

#[test]
fn a_server_of_others_is_understood() {
    let Ok(url) = std::env::var("BRISK_TEST_MOCK") else {
        eprintln!("skipped: BRISK_TEST_MOCK names no server");
        return;
    };
    let handle = runtime().handle();
    let id = || ModelId("fake".to_owned());
    let mut chat = ChatConfig::new(id(), &url, "gpt-5");
    chat.endpoint.api_key = Secret::new("sk-test");
    check("Chat Completions", &ChatModel::new(chat, handle.clone()).unwrap());
    let mut messages = MessagesConfig::new(id(), &url, "claude-sonnet-4");
    messages.endpoint.api_key = Secret::new("sk-test");
    check(
        "Anthropic Messages",
        &MessagesModel::new(messages, handle.clone()).unwrap(),
    );
    check("Responses over HTTP", &responses(&url, Transport::Sse));
    check("Responses on a socket", &responses(&url, Transport::WebSocket));
    check("Responses", &responses(&url, Transport::Auto));
}
