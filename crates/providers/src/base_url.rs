//! Where a server is. People write the same server in many ways; the rule is here and nowhere else.

use hyper::Uri;
use std::fmt;
use std::net::IpAddr;

/// The address of a server, checked and brought into one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    shown: String,
    chat: Uri,
    responses: Uri,
    messages: Uri,
    models: Uri,
    tls: bool,
    here: bool,
    port: Option<u16>,
}

/// Why an address is refused. Each says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// No address at all, or one that no URL parser takes.
    #[error("base_url `{0}` is not a URL; write for example http://127.0.0.1:11434/v1")]
    Malformed(String),
    /// No `http://` or `https://`.
    #[error("base_url `{0}` needs http:// or https:// in front")]
    Scheme(String),
    /// A name or password before the host. The address is not repeated: it may hold a key.
    #[error("base_url must not hold a name or password; put the key where keys go")]
    UserInfo,
    /// A query or fragment. It is not repeated: it may hold a key.
    #[error("base_url must not hold a query or a fragment (`?`, `#`)")]
    Query,
    /// A port that nothing can listen at.
    #[error("base_url `{0}` has no port from 1 to 65535 after the host")]
    Port(String),
    /// Plain HTTP to another machine.
    #[error(
        "{0} is not encrypted and not on this machine; use https://, or set allow_insecure for a host that you trust"
    )]
    Insecure(String),
}

impl BaseUrl {
    /// Checks and normalises an address.
    ///
    /// Trailing slashes go; a pasted `/chat/completions`, `/responses`, `/messages` or (behind a version) `/models` goes
    /// and what is before it is taken as it is; else, if no part of the path is a version (`v1`, `v4`, `v1beta`), `/v1`
    /// is added.
    ///
    /// # Errors
    /// [`BadUrl`]; plain HTTP to a host that is not this machine is one unless `allow_insecure`.
    pub fn parse(text: &str, allow_insecure: bool) -> Result<BaseUrl, BadUrl> {
        let text = text.trim();
        if text.contains(['?', '#']) {
            return Err(BadUrl::Query);
        }
        if text.contains('@') {
            return Err(BadUrl::UserInfo);
        }
        let malformed = || BadUrl::Malformed(text.to_owned());
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| BadUrl::Scheme(text.to_owned()))?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(BadUrl::Scheme(text.to_owned())),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // A colon within brackets is part of an address.
        let after = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
        if let Some((_, port)) = after.rsplit_once(':')
            && !port.parse::<u16>().is_ok_and(|port| port > 0)
        {
            return Err(BadUrl::Port(text.to_owned()));
        }
        let shown = format!(
            "{}://{authority}{}",
            if tls { "https" } else { "http" },
            versioned(path)
        );
        let uri: Uri = shown.parse().map_err(|_| malformed())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(malformed)?;
        if !tls && !is_loopback(host) && !allow_insecure {
            return Err(BadUrl::Insecure(shown));
        }
        let at = |tail: &str| format!("{shown}/{tail}").parse::<Uri>().map_err(|_| malformed());
        Ok(BaseUrl {
            chat: at("chat/completions")?,
            messages: at("messages")?,
            responses: at("responses")?,
            models: at("models")?,
            tls,
            here: is_loopback(host),
            port: uri.port_u16(),
            shown,
        })
    }

    pub(crate) fn chat(&self) -> &Uri {
        &self.chat
    }

    pub(crate) fn responses(&self) -> &Uri {
        &self.responses
    }

    pub(crate) fn messages(&self) -> &Uri {
        &self.messages
    }

    pub(crate) fn models(&self) -> &Uri {
        &self.models
    }

    pub(crate) fn tls(&self) -> bool {
        self.tls
    }

    /// Whether it is this machine.
    pub(crate) fn is_here(&self) -> bool {
        self.here
    }

    /// What usually listens there, as a command to start it.
    pub(crate) fn start_hint(&self) -> &'static str {
        match self.port {
            Some(11434) => "`ollama serve`",
            Some(8080) => "`llama-server -m MODEL.gguf`",
            Some(8000) => "`vllm serve MODEL`",
            _ => "for example `ollama serve`",
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The path in its one form: a leading slash if it is not empty, no trailing one.
fn versioned(path: &str) -> String {
    let path = path.trim_matches('/');
    let pasted = ["chat/completions", "responses", "messages", "models"]
        .iter()
        .filter_map(|tail| Some((*tail, path.strip_suffix(tail)?)))
        .filter(|(_, before)| before.is_empty() || before.ends_with('/'))
        // A folder may be named `models`.
        .find(|(tail, before)| {
            *tail != "models"
                || before
                    .trim_end_matches('/')
                    .rsplit('/')
                    .next()
                    .is_some_and(is_version)
        })
        .map(|(_, before)| before);
    let (path, whole) = match pasted {
        Some(before) => (before.trim_end_matches('/'), true),
        None => (path, false),
    };
    let mut out = if path.is_empty() {
        String::new()
    } else {
        format!("/{path}")
    };
    if !whole && !path.split('/').any(is_version) {
        out.push_str("/v1");
    }
    out
}

/// `v1`, `v4`, `v1beta`.
fn is_version(part: &str) -> bool {
    part.strip_prefix(['v', 'V'])
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => {
            let name = bare.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_has_one_form() {
        for (text, want) in [
            ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
            ("http://127.0.0.1:11434/", "http://127.0.0.1:11434/v1"),
            ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
            ("http://127.0.0.1:11434/v1//", "http://127.0.0.1:11434/v1"),
            (" HTTP://localhost:8080 ", "http://localhost:8080/v1"),
            ("http://[::1]:8080", "http://[::1]:8080/v1"),
            (
                "https://api.example.com/openai",
                "https://api.example.com/openai/v1",
            ),
            (
                "https://api.example.com/openai/v1/",
                "https://api.example.com/openai/v1",
            ),
            (
                "https://api.example.com/api/paas/v4",
                "https://api.example.com/api/paas/v4",
            ),
            (
                "https://api.example.com/v1beta/openai/",
                "https://api.example.com/v1beta/openai",
            ),
            (
                "https://api.example.com/v1/chat/completions",
                "https://api.example.com/v1",
            ),
            (
                "https://api.example.com/chat/completions/",
                "https://api.example.com",
            ),
            (
                "https://api.example.com/v1/messages",
                "https://api.example.com/v1",
            ),
            (
                "https://api.example.com/v1/responses/",
                "https://api.example.com/v1",
            ),
            ("https://api.example.com/v1/models", "https://api.example.com/v1"),
            (
                "https://api.example.com/models",
                "https://api.example.com/models/v1",
            ),
            (
                "https://api.example.com/team/models/",
                "https://api.example.com/team/models/v1",
            ),
            ("https://api.example.com/V1", "https://api.example.com/V1"),
            (
                "https://api.example.com/mymessages",
                "https://api.example.com/mymessages/v1",
            ),
            (
                "https://api.example.com/video",
                "https://api.example.com/video/v1",
            ),
        ] {
            let url = BaseUrl::parse(text, false).unwrap();
            assert_eq!(url.to_string(), want, "{text}");
            assert_eq!(url.chat().to_string(), format!("{want}/chat/completions"));
            assert_eq!(url.models().to_string(), format!("{want}/models"));
            assert_eq!(url.tls(), want.starts_with("https"));
        }
    }

    #[test]
    fn wrong_addresses_are_refused_by_name() {
        for (text, want) in [
            ("", "needs http://"),
            ("localhost:11434", "needs http://"),
            ("ftp://localhost", "needs http://"),
            ("http://", "not a URL"),
            ("http://a b", "not a URL"),
            ("http://127.0.0.1:99999/v1", "1 to 65535"),
            ("http://127.0.0.1:0", "1 to 65535"),
            ("http://[::1]:0/v1", "1 to 65535"),
            ("https://me:sk-1@example.com", "name or password"),
            ("https://example.com/v1?key=sk-1", "query"),
            ("http://example.com/v1", "allow_insecure"),
            ("http://192.168.0.7:11434", "allow_insecure"),
            ("http://localhost.example.com", "allow_insecure"),
        ] {
            let message = BaseUrl::parse(text, false).unwrap_err().to_string();
            assert!(message.contains(want), "{text}: {message}");
            assert!(!message.contains("sk-1"), "{message}");
        }
        assert!(BaseUrl::parse("http://192.168.0.7:11434", true).is_ok());
    }
}
