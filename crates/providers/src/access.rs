//! What is sent to a server beside the request: the key and the configured headers, as values that no log shows.

use crate::fault::setup;
use crate::secret::Secret;
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

/// The parts of a model's configuration that all kinds of servers share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access<'a> {
    /// The model's name here.
    pub(crate) id: &'a ModelId,
    /// Its name on the wire.
    pub(crate) model: &'a str,
    pub(crate) api_key: Option<&'a Secret>,
    /// The variable or configuration key that holds the key.
    pub(crate) key_name: &'a str,
    pub(crate) headers: &'a [(String, Secret)],
}

impl Access<'_> {
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
        if let Some(key) = self.api_key {
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
        for (name, value) in self.headers {
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
