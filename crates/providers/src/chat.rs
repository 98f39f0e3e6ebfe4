//! Chat Completions over server-sent events: one request, one task, nothing retried in secret.

use crate::access::{Access, Auth};
use crate::answer::{Answer, StopTexts};
use crate::secret::Secret;
use crate::server::{Generation, Server};
use crate::stream::{Timeouts, follow};
use crate::wire;
use brisk_domain::ModelId;
use brisk_domain::port::{Fault, GenerateRequest, Model, ModelEvent, Running, Sink};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Whether a server goes on where a trailing assistant message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prefill {
    /// It does not; the model is asked to write the answer's opening itself, and that is taken off again.
    #[default]
    Unsupported,
    /// It does, by itself (llama-server, Ollama, DeepSeek).
    TrailingMessage,
    /// It does when told with `continue_final_message` (vLLM, SGLang).
    ContinueFinalMessage,
}

/// One server and one model on it.
#[derive(Debug, Clone)]
pub struct ChatConfig {
    /// The model's name here.
    pub id: ModelId,
    /// The server; see [`crate::BaseUrl::parse`] for the forms that are taken.
    pub base_url: String,
    /// Plain HTTP to another machine is allowed.
    pub allow_insecure: bool,
    /// The model's name on the wire.
    pub model: String,
    /// Sent as a bearer token.
    pub api_key: Option<Secret>,
    /// The variable or configuration key that holds the key, for messages: `the variable GROQ_API_KEY`.
    pub key_name: String,
    /// Further headers. Values count as secrets.
    pub headers: Vec<(String, Secret)>,
    /// Whether the server continues the answer's opening.
    pub prefill: Prefill,
    /// The server knows `prediction`.
    pub prediction: bool,
    /// The model takes no temperature and no stop texts, and its bound counts its thoughts, too (OpenAI's newer
    /// ones).
    pub reasoning: bool,
    /// How much the model thinks before it answers: `none` to `max`. `None`: as it does by itself.
    pub effort: Option<String>,
    /// When to give up.
    pub timeouts: Timeouts,
}

impl ChatConfig {
    /// No key, no headers, nothing special supported, usual timeouts.
    pub fn new(id: ModelId, base_url: impl Into<String>, model: impl Into<String>) -> ChatConfig {
        ChatConfig {
            id,
            base_url: base_url.into(),
            allow_insecure: false,
            model: model.into(),
            api_key: None,
            key_name: "api_key".to_owned(),
            headers: Vec::new(),
            prefill: Prefill::default(),
            prediction: false,
            reasoning: false,
            effort: None,
            timeouts: Timeouts::default(),
        }
    }
}

/// A model behind a Chat Completions server. Connections are kept between generations.
pub struct ChatModel {
    shared: Arc<Shared>,
    handle: Handle,
}

struct Shared {
    config: ChatConfig,
    server: Server,
}

impl ChatModel {
    /// Checks the configuration and prepares a connection pool; connects to nothing yet. Generations run on the
    /// runtime of `handle`, which needs I/O and time.
    ///
    /// # Errors
    /// A `Setup` fault: a wrong address, a key or header that cannot be sent, no trusted certificates (https only).
    pub fn new(config: ChatConfig, handle: Handle) -> Result<ChatModel, Fault> {
        let access = Access {
            id: &config.id,
            model: &config.model,
            api_key: config.api_key.as_ref(),
            key_name: &config.key_name,
            headers: &config.headers,
        };
        let server = Server::new(
            &access,
            Auth::Bearer,
            &config.base_url,
            config.allow_insecure,
            config.timeouts,
        )?;
        Ok(ChatModel {
            shared: Arc::new(Shared { config, server }),
            handle,
        })
    }

    /// The model's name as configuration knows it.
    pub fn id(&self) -> &ModelId {
        &self.shared.config.id
    }
}

impl Model for ChatModel {
    fn generate(&self, request: GenerateRequest, sink: Sink) -> Box<dyn Running> {
        let shared = Arc::clone(&self.shared);
        let task = self.handle.spawn(async move {
            let last = shared.generate(&request, &sink).await;
            sink(last.unwrap_or_else(|fault| ModelEvent::Failed { fault }));
        });
        Box::new(Generation(task.abort_handle()))
    }

    /// Chat Completions has no way to read a prompt ahead that costs nothing, so this opens the connection: name,
    /// handshake and TLS are done when the person presses return.
    fn warm(&self, _request: GenerateRequest) {
        let shared = Arc::clone(&self.shared);
        self.handle.spawn(async move { shared.server.warm().await });
    }
}

impl Shared {
    /// Gives the last event.
    async fn generate(&self, request: &GenerateRequest, sink: &Sink) -> Result<ModelEvent, Fault> {
        let server = &self.server;
        let opening = match self.config.prefill {
            Prefill::Unsupported => request.answer_prefix.as_str(),
            Prefill::TrailingMessage | Prefill::ContinueFinalMessage => "",
        };
        let stops = StopTexts::new(&request.stop, opening);
        let body = wire::body(&self.config, request, &stops.on_wire);
        let response = server.post(server.upstream.base.chat(), &body, sink).await?;
        let answer = Answer::new(stops, opening, request.max_tokens);
        follow(
            &server.upstream,
            server.timeouts,
            response,
            wire::ChatReader,
            answer,
            sink,
        )
        .await
    }
}
