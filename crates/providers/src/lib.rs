//! Remote models behind the model port.
//!
//! One provider so far: [`ChatModel`], Chat Completions over server-sent events (Ollama, llama-server, vLLM, Groq,
//! Cerebras and others). Nothing is retried here: a fault says what a retry would mean, and the caller decides.

mod access;
mod answer;
mod base_url;
mod chat;
mod connect;
mod fault;
mod reset;
mod secret;
pub mod sse;
mod stream;
mod wire;

pub use base_url::{BadUrl, BaseUrl};
pub use chat::{ChatConfig, ChatModel, Prefill};
pub use secret::Secret;
pub use stream::{EVENT_MAX, Timeouts};
