//! Vendors whose models are usable by name as soon as a variable that people have anyway is set. The key of a vendor
//! goes to the vendor's own address, or to the one that the person's environment names; no file names either.

use crate::config::Protocol;
use serde::Deserialize;
use std::net::IpAddr;

/// A vendor, or a server of one's own that is named by a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provider {
    /// OpenAI.
    Openai,
    /// Anthropic.
    Anthropic,
    /// Cerebras.
    Cerebras,
    /// Groq.
    Groq,
    /// OpenRouter.
    Openrouter,
    /// Ollama.
    Ollama,
}

/// What a vendor is reached by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// First part of its models' names.
    pub(crate) id: &'static str,
    /// The variable that holds the key; none: there are no keys.
    pub(crate) key: Option<&'static str>,
    /// The variable that names another address.
    pub(crate) address: Option<&'static str>,
    /// Its own address.
    pub(crate) url: &'static str,
    /// What it speaks.
    pub(crate) protocol: Protocol,
}

impl Provider {
    /// All, in the order in which they are shown.
    pub(crate) const ALL: [Provider; 6] = [
        Provider::Anthropic,
        Provider::Openai,
        Provider::Cerebras,
        Provider::Groq,
        Provider::Openrouter,
        Provider::Ollama,
    ];

    /// How it is reached.
    pub(crate) fn facts(self) -> Facts {
        let chat = |id, key, url| Facts {
            id,
            key: Some(key),
            address: None,
            url,
            protocol: Protocol::Chat,
        };
        match self {
            Provider::Openai => Facts {
                address: Some("OPENAI_BASE_URL"),
                protocol: Protocol::Responses,
                ..chat("openai", "OPENAI_API_KEY", "https://api.openai.com/v1")
            },
            Provider::Anthropic => Facts {
                address: Some("ANTHROPIC_BASE_URL"),
                protocol: Protocol::Messages,
                ..chat("anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com/v1")
            },
            Provider::Cerebras => chat("cerebras", "CEREBRAS_API_KEY", "https://api.cerebras.ai/v1"),
            Provider::Groq => chat("groq", "GROQ_API_KEY", "https://api.groq.com/openai/v1"),
            Provider::Openrouter => chat("openrouter", "OPENROUTER_API_KEY", "https://openrouter.ai/api/v1"),
            Provider::Ollama => Facts {
                id: "ollama",
                key: None,
                address: Some("OLLAMA_HOST"),
                url: "http://127.0.0.1:11434/v1",
                protocol: Protocol::Chat,
            },
        }
    }

    /// Every variable that is read for it.
    pub(crate) fn variables(self) -> impl Iterator<Item = &'static str> {
        let facts = self.facts();
        facts.key.into_iter().chain(facts.address)
    }
}

/// The address that `OLLAMA_HOST` means: Ollama takes `host`, `host:port`, `:port` and URLs, and an address to listen
/// at (`0.0.0.0`) means this machine for whoever connects.
pub(crate) fn ollama_url(value: &str) -> String {
    const PORT: &str = "11434";
    let value = value.trim();
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.rsplit_once(':') {
        // A bare IPv6 address has colons and no port.
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) && !host.ends_with(':') => {
            (host, Some(port))
        }
        _ => (authority, None),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let host = match bare.parse::<IpAddr>() {
        Ok(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        Ok(IpAddr::V4(ip)) => ip.to_string(),
        Err(_) if bare.is_empty() => "127.0.0.1".to_owned(),
        Err(_) => bare.to_owned(),
    };
    let port = match (port, scheme) {
        (Some(port), _) => format!(":{port}"),
        (None, "https") => String::new(),
        (None, _) => format!(":{PORT}"),
    };
    let path = path.trim_end_matches('/');
    let path = if path.is_empty() {
        String::new()
    } else {
        format!("/{path}")
    };
    format!("{scheme}://{host}{port}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ollama_is_found_in_every_way_that_it_is_written() {
        for (value, want) in [
            ("127.0.0.1:11434", "http://127.0.0.1:11434"),
            ("127.0.0.1", "http://127.0.0.1:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:8080", "http://127.0.0.1:8080"),
            ("[::1]", "http://[::1]:11434"),
            ("::1", "http://[::1]:11434"),
            (":8080", "http://127.0.0.1:8080"),
            ("http://localhost:1/", "http://localhost:1"),
            ("https://box.example", "https://box.example"),
            ("http://box.example/ollama/", "http://box.example:11434/ollama"),
            ("", "http://127.0.0.1:11434"),
        ] {
            assert_eq!(ollama_url(value), want, "{value:?}");
        }
    }

    #[test]
    fn a_vendor_is_asked_over_an_encrypted_connection() {
        for provider in Provider::ALL {
            let facts = provider.facts();
            let here = provider == Provider::Ollama;
            assert_eq!(facts.url.starts_with("https://"), !here, "{facts:?}");
            assert_eq!(facts.key.is_none(), here, "{facts:?}");
        }
    }
}
