//! What only the Responses client does: news on a kept socket, warm-ups, interrupts, and the way round a socket that
//! fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod begin;
mod bounds;
#[path = "../common/mod.rs"]
mod common;
mod conversation;
mod late;
mod ways;

use brisk_domain::ModelId;
use brisk_domain::port::{
    FaultSource, Finish, GenerateRequest, Message, Model, ModelEvent, Retry, Role, Usage,
};
use brisk_providers::{Limit, RateLimits, ResponsesConfig, ResponsesModel, Secret, Transport};
use brisk_testkit::WAIT;
use brisk_testkit::responses::{Interrupts, Manners, ResponsesServer, Say, Speech};
use common::{request, runtime, start};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn config(server: &ResponsesServer) -> ResponsesConfig {
    let mut config = ResponsesConfig::new(ModelId("fake".to_owned()), server.url(), "fake-wire");
    // However busy the machine is.
    (config.settle, config.patience, config.upgrade) = (WAIT, WAIT, WAIT);
    config
}

fn model(config: ResponsesConfig) -> ResponsesModel {
    ResponsesModel::new(config, runtime().handle().clone()).unwrap()
}

fn server() -> ResponsesServer {
    ResponsesServer::start().unwrap()
}

/// The request with more said after it: `u:` or `a:` before each text.
fn then(mut request: GenerateRequest, more: &[&str]) -> GenerateRequest {
    request.messages.extend(more.iter().map(|line| {
        let (who, text) = line.split_once(':').unwrap();
        Message {
            role: if who == "a" { Role::Assistant } else { Role::User },
            text: text.into(),
        }
    }));
    request
}

/// What a request stands for, as the server must see it.
fn lines(request: &GenerateRequest) -> Vec<(String, String)> {
    let role = |role| match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let line = |m: &Message| (role(m.role).to_owned(), m.text.to_string());
    request.messages.iter().map(line).collect()
}

fn items(body: &Value) -> usize {
    body["input"].as_array().unwrap().len()
}

fn said(text: &str, end: &ModelEvent, want: &str) {
    assert!(
        matches!(
            end,
            ModelEvent::Done {
                finish: Finish::Stop,
                ..
            }
        ),
        "{end:?}"
    );
    assert_eq!(text, want);
}

fn ask(model: &ResponsesModel, request: GenerateRequest, want: &str) {
    let (text, end) = start(model, request).end();
    said(&text, &end, want);
}
