//! Anthropic Messages over server-sent events: one request, one task, nothing retried in secret.

use crate::answer::{Answer, StopTexts};
use crate::endpoint::{Auth, Endpoint};
use crate::messages_wire::{MessagesReader, body};
use crate::server::{Generation, Server};
use crate::stream::follow;
use crate::tools::{CallReader, Dialect};
use brisk_domain::ModelId;
use brisk_domain::port::{Fault, GenerateRequest, Model, ModelEvent, Running, Sink};
use brisk_domain::tool::{Calls, ToolRequest};
use std::sync::Arc;
use tokio::runtime::Handle;

/// One server and one model on it.
#[derive(Debug, Clone)]
pub struct MessagesConfig {
    /// The server and the model's name there.
    pub endpoint: Endpoint,
    /// The model goes on where a last message of the assistant ends. Newer ones refuse such a request.
    pub prefill: bool,
    /// The model takes a temperature. Newer ones refuse a request with one.
    pub temperature: bool,
    /// How much the model thinks before it answers: `low` to `max`. `None`: as it does by itself.
    pub effort: Option<String>,
    /// Ask the server to keep the stable part of a long prompt.
    pub caching: bool,
}

impl MessagesConfig {
    /// No key, no headers, no prefill, no temperature, with caching, usual timeouts.
    pub fn new(id: ModelId, base_url: impl Into<String>, model: impl Into<String>) -> MessagesConfig {
        MessagesConfig::at(Endpoint::new(id, base_url, model))
    }

    /// The same for a server that is described already.
    pub fn at(endpoint: Endpoint) -> MessagesConfig {
        MessagesConfig {
            endpoint,
            prefill: false,
            temperature: false,
            effort: None,
            caching: true,
        }
    }
}

/// A model behind a Messages server. Connections are kept between generations.
pub struct MessagesModel {
    shared: Arc<Shared>,
    handle: Handle,
}

struct Shared {
    config: MessagesConfig,
    server: Server,
}

impl MessagesModel {
    /// Checks the configuration and prepares a connection pool; connects to nothing yet. Generations run on the
    /// runtime of `handle`, which needs I/O and time.
    ///
    /// # Errors
    /// A `Setup` fault: a wrong address, a key or header that cannot be sent, no trusted certificates (https only).
    pub fn new(config: MessagesConfig, handle: Handle) -> Result<MessagesModel, Fault> {
        let server = Server::new(&config.endpoint, Auth::Anthropic)?;
        Ok(MessagesModel {
            shared: Arc::new(Shared { config, server }),
            handle,
        })
    }

    /// The model's name as configuration knows it.
    pub fn id(&self) -> &ModelId {
        &self.shared.config.endpoint.id
    }
}

impl Model for MessagesModel {
    fn generate(&self, request: GenerateRequest, sink: Sink) -> Box<dyn Running> {
        let shared = Arc::clone(&self.shared);
        let task = self.handle.spawn(async move {
            let last = shared.generate(&request, &sink).await;
            sink(last.unwrap_or_else(|fault| ModelEvent::Failed { fault }));
        });
        Box::new(Generation(task.abort_handle()))
    }

    /// Reading a prompt ahead would cost money, so this opens the connection only.
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
        let (config, server) = (&self.config, &self.server);
        let opening = if config.prefill {
            ""
        } else {
            request.answer_prefix.as_str()
        };
        let stops = StopTexts::new(&request.stop, opening);
        let body = body(config, request, &stops.on_wire);
        let response = server.post(server.upstream.base.messages(), &body, sink).await?;
        let reader = MessagesReader::new(config.prefill.then_some(request.answer_prefix.as_str()));
        let answer = Answer::new(stops, opening, request.max_tokens);
        follow(&server.upstream, server.timeouts, response, reader, answer, sink).await
    }

    /// The same with tools.
    async fn converse(&self, request: &ToolRequest, sink: &Sink, calls: &Calls) -> Result<ModelEvent, Fault> {
        let (server, plain) = (&self.server, &request.plain);
        let stops = StopTexts::new(&plain.stop, "");
        let body = Dialect::Messages.body(&body(&self.config, plain, &stops.on_wire), request)?;
        let response = server.post(server.upstream.base.messages(), &body, sink).await?;
        let mut reader = CallReader::new(Dialect::Messages, MessagesReader::new(None), request, calls);
        let answer = Answer::new(stops, "", plain.max_tokens);
        let (upstream, timeouts) = (&server.upstream, server.timeouts);
        let end = follow(upstream, timeouts, response, &mut reader, answer, sink).await;
        reader.tell(&end);
        end
    }
}
