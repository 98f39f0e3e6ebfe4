//! A look at a server without a generation: is it there, is the key taken, which models does it have.

use crate::endpoint::{Auth, Endpoint};
use crate::secret::Secret;
use crate::server::Server;
use crate::stream::Timeouts;
use brisk_domain::ModelId;
use brisk_domain::port::Fault;
use std::time::Duration;

/// Whom to ask.
#[derive(Debug, Clone)]
pub struct Probe {
    /// See [`crate::BaseUrl::parse`] for the forms that are taken.
    pub base_url: String,
    /// Plain HTTP to another machine is allowed.
    pub allow_insecure: bool,
    /// The key, if there is one.
    pub api_key: Option<Secret>,
    /// Where the key comes from, for messages.
    pub key_name: String,
    /// The server speaks Anthropic Messages: the key goes into another header.
    pub anthropic: bool,
}

impl Probe {
    /// The names of the server's models; `None` where it is there and has no list. `wait` bounds each step: to
    /// connect, the answer's head, its body.
    ///
    /// # Errors
    /// What is wrong and what to do about it: no such host, nothing listens, no TLS, a refused key.
    pub async fn list(&self, wait: Duration) -> Result<Option<Vec<String>>, Fault> {
        let auth = match self.anthropic {
            true => Auth::Anthropic,
            false => Auth::Bearer,
        };
        let endpoint = Endpoint {
            allow_insecure: self.allow_insecure,
            api_key: self.api_key.clone(),
            key_name: self.key_name.clone(),
            timeouts: Timeouts {
                connect: wait,
                first_text: wait,
                stall: wait,
                aside: wait,
            },
            ..Endpoint::new(ModelId(String::new()), &self.base_url, "")
        };
        let server = Server::new(&endpoint, auth)?;
        server.list().await
    }
}
