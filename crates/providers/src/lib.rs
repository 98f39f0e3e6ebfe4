//! Remote models behind the model port.
//!
//! [`ChatModel`] is Chat Completions over server-sent events (Ollama, llama-server, vLLM, Groq, Cerebras and others),
//! [`MessagesModel`] is Anthropic Messages, [`ResponsesModel`] is Responses, on a kept WebSocket or over server-sent
//! events. Nothing is retried here: a fault says what a retry would mean, and the caller decides. One exception, before
//! the first text only: what a socket did not bring goes over HTTP.

mod answer;
mod base_url;
mod chat;
pub mod checks;
mod connect;
mod endpoint;
mod fault;
mod messages;
mod messages_wire;
mod opening;
mod probe;
mod reset;
mod responses;
mod secret;
mod server;
pub mod sse;
mod stream;
mod tools;
mod wire;

pub use base_url::{BadUrl, BaseUrl};
pub use chat::{ChatConfig, ChatModel, Prefill};
pub use endpoint::Endpoint;
pub use messages::{MessagesConfig, MessagesModel};
pub use probe::Probe;
pub use responses::{Limit, RateLimits, ResponsesConfig, ResponsesModel, Transport};
pub use secret::Secret;
pub use stream::{EVENT_MAX, Timeouts};
