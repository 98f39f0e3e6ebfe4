//! From a request of ours to a request of theirs.

use super::ResponsesConfig;
use super::chain::Plan;
use crate::wire::ask_for;
use brisk_domain::port::{GenerateRequest, Message, Role};
use brisk_protocol::responses::{self, ClientFrame, Create, InputItem, Reasoning, TURN_STATE};
use serde_json::Value;

/// The smallest bound that the public API takes.
const MIN_TOKENS: usize = 16;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An answer.
    Answer,
    /// Only that the server has read it.
    WarmUp,
}

/// The request as JSON, for a WebSocket.
pub(crate) fn frame(
    config: &ResponsesConfig,
    request: &GenerateRequest,
    plan: &Plan,
    purpose: Purpose,
    token: Option<&str>,
) -> serde_json::Result<String> {
    let mut create = create(config, request, plan);
    if purpose == Purpose::WarmUp {
        create.generate = Some(false);
        create.max_output_tokens = None;
    }
    create.client_metadata = token.map(|token| {
        [(TURN_STATE.to_owned(), Value::from(token))]
            .into_iter()
            .collect()
    });
    serde_json::to_string(&ClientFrame::Create(create))
}

/// The request as a body of a POST; `stored` if a later one is to follow it.
pub(crate) fn post<'a>(config: &'a ResponsesConfig, request: &'a GenerateRequest, plan: &Plan) -> Create<'a> {
    Create {
        stream: Some(true),
        store: config.store,
        ..create(config, request, plan)
    }
}

/// How many tokens a server is asked for at most.
pub(crate) fn bound(request: &GenerateRequest) -> usize {
    request.max_tokens.clamp(MIN_TOKENS, u32::MAX as usize)
}

fn create<'a>(config: &'a ResponsesConfig, request: &'a GenerateRequest, plan: &Plan) -> Create<'a> {
    let (previous, from) = match plan {
        Plan::Full => (None, 0),
        Plan::After { id, from } => (Some(id.clone().into()), *from),
    };
    let mut input: Vec<InputItem<'a>> = request.messages.iter().skip(from).map(item).collect();
    if !request.answer_prefix.is_empty() {
        // An item of its own, so that the messages before it are the same in the next request.
        input.push(InputItem::message(
            responses::Role::User,
            ask_for(&request.answer_prefix),
        ));
    }
    Create {
        model: config.endpoint.model.as_str().into(),
        input,
        max_output_tokens: Some(bound(request)),
        temperature: config.greedy.then_some(0.0),
        reasoning: config.effort.as_deref().map(|effort| Reasoning {
            effort: effort.into(),
        }),
        previous_response_id: previous,
        prompt_cache_key: config
            .cache_key
            .then(|| format!("{:016x}", request.cache_key).into()),
        ..Create::default()
    }
}

/// Standing instructions are messages as well: as `instructions` they would be sent with every request again.
fn item(message: &Message) -> InputItem<'_> {
    let role = match message.role {
        Role::System => responses::Role::System,
        Role::User => responses::Role::User,
        Role::Assistant => responses::Role::Assistant,
    };
    InputItem::message(role, message.text.as_str())
}
