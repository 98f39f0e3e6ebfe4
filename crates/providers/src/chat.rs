//! Chat Completions over server-sent events: one request, one task, nothing retried in secret.

use crate::answer::{Answer, StopTexts};
use crate::endpoint::{Auth, Endpoint};
use crate::server::{Generation, Server};
use crate::stream::follow;
use crate::tools::{CallReader, Dialect};
use crate::wire;
use brisk_domain::ModelId;
use brisk_domain::port::{Fault, GenerateRequest, Model, ModelEvent, Running, Sink};
use brisk_domain::tool::{Calls, ToolRequest};
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
    /// The server and the model's name there.
    pub endpoint: Endpoint,
    /// Whether the server continues the answer's opening.
    pub prefill: Prefill,
    /// The server knows `prediction`.
    pub prediction: bool,
    /// The model takes no temperature and no stop texts, and its bound counts its thoughts, too (OpenAI's newer
    /// ones).
    pub reasoning: bool,
    /// How much the model thinks before it answers: `none` to `max`. `None`: as it does by itself.
    pub effort: Option<String>,
}

impl ChatConfig {
    /// No key, no headers, nothing special supported, usual timeouts.
    pub fn new(id: ModelId, base_url: impl Into<String>, model: impl Into<String>) -> ChatConfig {
        ChatConfig::at(Endpoint::new(id, base_url, model))
    }

    /// The same for a server that is described already.
    pub fn at(endpoint: Endpoint) -> ChatConfig {
        ChatConfig {
            endpoint,
            prefill: Prefill::default(),
            prediction: false,
            reasoning: false,
            effort: None,
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
        let server = Server::new(&config.endpoint, Auth::Bearer)?;
        Ok(ChatModel {
            shared: Arc::new(Shared { config, server }),
            handle,
        })
    }

    /// The model's name as configuration knows it.
    pub fn id(&self) -> &ModelId {
        &self.shared.config.endpoint.id
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

    fn converse(&self, request: ToolRequest, sink: Sink, calls: Calls) -> Box<dyn Running> {
        let shared = Arc::clone(&self.shared);
        let task = self.handle.spawn(async move {
            let last = shared.converse(&request, &sink, &calls).await;
            sink(last.unwrap_or_else(|fault| ModelEvent::Failed { fault }));
        });
        Box::new(Generation(task.abort_handle()))
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

    /// The same with tools.
    async fn converse(&self, request: &ToolRequest, sink: &Sink, calls: &Calls) -> Result<ModelEvent, Fault> {
        let (server, plain) = (&self.server, &request.plain);
        let stops = StopTexts::new(&plain.stop, "");
        let body = Dialect::Chat.body(&wire::body(&self.config, plain, &stops.on_wire), request)?;
        let response = server.post(server.upstream.base.chat(), &body, sink).await?;
        let mut reader = CallReader::new(Dialect::Chat, wire::ChatReader, request, calls);
        let answer = Answer::new(stops, "", plain.max_tokens);
        let (upstream, timeouts) = (&server.upstream, server.timeouts);
        let end = follow(upstream, timeouts, response, &mut reader, answer, sink).await;
        reader.tell(&end);
        end
    }
}
