//! Anthropic Messages over server-sent events: one request, one task, nothing retried in secret.

use crate::access::{Access, Auth};
use crate::answer::{Answer, StopTexts};
use crate::messages_wire::{MessagesReader, body};
use crate::secret::Secret;
use crate::server::{Generation, Server};
use crate::stream::{Timeouts, follow};
use brisk_domain::ModelId;
use brisk_domain::port::{Fault, GenerateRequest, Model, ModelEvent, Running, Sink};
use std::sync::Arc;
use tokio::runtime::Handle;

/// One server and one model on it.
#[derive(Debug, Clone)]
pub struct MessagesConfig {
    /// The model's name here.
    pub id: ModelId,
    /// The server; see [`crate::BaseUrl::parse`] for the forms that are taken.
    pub base_url: String,
    /// Plain HTTP to another machine is allowed.
    pub allow_insecure: bool,
    /// The model's name on the wire.
    pub model: String,
    /// Sent as `x-api-key`.
    pub api_key: Option<Secret>,
    /// The variable or configuration key that holds the key, for messages: `the variable ANTHROPIC_API_KEY`.
    pub key_name: String,
    /// Further headers. Values count as secrets.
    pub headers: Vec<(String, Secret)>,
    /// The model goes on where a last message of the assistant ends. Newer ones refuse such a request.
    pub prefill: bool,
    /// The model takes a temperature. Newer ones refuse a request with one.
    pub temperature: bool,
    /// How much the model thinks before it answers: `low` to `max`. `None`: as it does by itself.
    pub effort: Option<String>,
    /// Ask the server to keep the stable part of a long prompt.
    pub caching: bool,
    /// When to give up.
    pub timeouts: Timeouts,
}

impl MessagesConfig {
    /// No key, no headers, no prefill, no temperature, with caching, usual timeouts.
    pub fn new(id: ModelId, base_url: impl Into<String>, model: impl Into<String>) -> MessagesConfig {
        MessagesConfig {
            id,
            base_url: base_url.into(),
            allow_insecure: false,
            model: model.into(),
            api_key: None,
            key_name: "api_key".to_owned(),
            headers: Vec::new(),
            prefill: false,
            temperature: false,
            effort: None,
            caching: true,
            timeouts: Timeouts::default(),
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
        let access = Access {
            id: &config.id,
            model: &config.model,
            api_key: config.api_key.as_ref(),
            key_name: &config.key_name,
            headers: &config.headers,
        };
        let server = Server::new(
            &access,
            Auth::Anthropic,
            &config.base_url,
            config.allow_insecure,
            config.timeouts,
        )?;
        Ok(MessagesModel {
            shared: Arc::new(Shared { config, server }),
            handle,
        })
    }

    /// The model's name as configuration knows it.
    pub fn id(&self) -> &ModelId {
        &self.shared.config.id
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
}
