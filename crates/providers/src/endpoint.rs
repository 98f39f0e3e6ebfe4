//! One server and one model on it: what all kinds of servers have in common, and what is sent to each beside the
//! request.

use crate::fault::setup;
use crate::secret::Secret;
use crate::stream::Timeouts;
use brisk_domain::ModelId;
use brisk_domain::port::Fault;
use brisk_protocol::messages::MESSAGES_VERSION;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

/// Where a server expects the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `authorization: Bearer KEY`.
    Bearer,
    /// `x-api-key: KEY`, and the version of the API beside it.
    Anthropic,
}

/// One server and one model on it, whatever the protocol.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The model's name here.
    pub id: ModelId,
    /// The server; see [`crate::BaseUrl::parse`] for the forms that are taken.
    pub base_url: String,
    /// Plain HTTP to another machine is allowed.
    pub allow_insecure: bool,
    /// The model's name on the wire.
    pub model: String,
    /// Sent as a bearer token, to a Messages server as `x-api-key`.
    pub api_key: Option<Secret>,
    /// The variable or configuration key that holds the key, for messages: `the variable OPENAI_API_KEY`.
    pub key_name: String,
    /// Further headers. Values count as secrets.
    pub headers: Vec<(String, Secret)>,
    /// When to give up.
    pub timeouts: Timeouts,
}

impl Endpoint {
    /// No key, no headers, usual timeouts.
    pub fn new(id: ModelId, base_url: impl Into<String>, model: impl Into<String>) -> Endpoint {
        Endpoint {
            id,
            base_url: base_url.into(),
            allow_insecure: false,
            model: model.into(),
            api_key: None,
            key_name: "api_key".to_owned(),
            headers: Vec::new(),
            timeouts: Timeouts::default(),
        }
    }

    /// The headers of a request that is answered with server-sent events.
    ///
    /// # Errors
    /// A `Setup` fault: a key or a header that cannot be sent.
    pub(crate) fn header_map(&self, auth: Auth) -> Result<HeaderMap, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if auth == Auth::Anthropic {
            headers.insert(
                HeaderName::from_static("anthropic-version"),
                HeaderValue::from_static(MESSAGES_VERSION),
            );
        }
        if let Some(key) = &self.api_key {
            let (name, value) = match auth {
                Auth::Bearer => (AUTHORIZATION, format!("Bearer {}", key.reveal())),
                Auth::Anthropic => (HeaderName::from_static("x-api-key"), key.reveal().to_owned()),
            };
            let value = confidential(&value).ok_or_else(|| {
                setup(format!(
                    "the key in {} holds characters that cannot be sent",
                    self.key_name
                ))
            })?;
            headers.insert(name, value);
        }
        for (name, value) in &self.headers {
            let bad = || {
                setup(format!(
                    "the header `{}` for {} cannot be sent",
                    name.escape_debug(),
                    self.id
                ))
            };
            let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            headers.insert(parsed, confidential(value.reveal()).ok_or_else(bad)?);
        }
        Ok(headers)
    }
}

fn confidential(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}
