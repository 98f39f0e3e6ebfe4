//! What went wrong, as source and retry, in words for the person: what, where, what to do next; never a key.

use crate::base_url::BaseUrl;
use crate::endpoint::Endpoint;
use crate::opening::NoWay;
use crate::reset::reset_ms;
use crate::secret::Secret;
use crate::wire::WireError;
use brisk_domain::port::{Fault, FaultSource, Retry};
use brisk_protocol::responses::Failure;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use rustls::CertificateError;
use std::error::Error;
use std::io;
use std::time::Duration;

/// How long to leave a server alone that says that it is overloaded and not for how long.
const OVERLOAD_PAUSE_MS: u64 = 1000;

/// How much of a server's words is repeated, characters.
const WORDS_MAX: usize = 300;

/// What messages need to know of an upstream.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    pub(crate) base: BaseUrl,
    model: String,
    key_name: String,
    key_sent: bool,
    secrets: Vec<Secret>,
}

/// A configuration that cannot work.
pub(crate) fn setup(message: impl Into<String>) -> Fault {
    Fault {
        source: FaultSource::Setup,
        retry: Retry::Elsewhere,
        message: message.into(),
    }
}

impl Upstream {
    /// `endpoint` holds what is sent to the server, so that no message repeats it.
    pub(crate) fn new(base: BaseUrl, endpoint: &Endpoint) -> Upstream {
        let key = endpoint.api_key.iter();
        Upstream {
            base,
            model: endpoint.model.clone(),
            key_name: endpoint.key_name.clone(),
            key_sent: endpoint.api_key.is_some(),
            secrets: key
                .chain(endpoint.headers.iter().map(|(_, value)| value))
                .cloned()
                .collect(),
        }
    }

    /// A server's own words: no secret, no control characters, not too many.
    fn quote(&self, words: &str) -> String {
        let clean: String = words
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let scrubbed = self
            .secrets
            .iter()
            .fold(clean, |text, secret| secret.scrub(&text));
        let mut short: String = scrubbed.trim().chars().take(WORDS_MAX).collect();
        if short.len() < scrubbed.trim().len() {
            short.push_str("...");
        }
        if short.is_empty() {
            String::new()
        } else {
            format!(": {short}")
        }
    }

    /// An answer whose status is not 200.
    pub(crate) fn refused(&self, status: u16, headers: &HeaderMap, body: &str, now: Timestamp) -> Fault {
        self.classify(
            status,
            &WireError::read(body),
            reset_ms(headers, body, now),
            location(headers),
        )
    }

    /// An error inside a stream that began well.
    pub(crate) fn broke(&self, error: &serde_json::Value) -> Fault {
        let wire = WireError::from_value(error);
        let reset = reset_ms(&HeaderMap::new(), &error.to_string(), Timestamp::now());
        self.classify(status_in(&wire).unwrap_or(500), &wire, reset, None)
    }

    /// An error event, with what the same error would have carried over HTTP.
    pub(crate) fn failed(&self, failure: &Failure) -> Fault {
        let wire = WireError::from_value(&failure.error);
        let status = failure.status.or_else(|| status_in(&wire));
        let mut headers = HeaderMap::new();
        for (name, value) in &failure.headers {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(text))
            {
                headers.insert(name, value);
            }
        }
        let reset = reset_ms(&headers, &failure.error.to_string(), Timestamp::now());
        self.classify(status.unwrap_or(500), &wire, reset, None)
    }

    fn classify(&self, status: u16, error: &WireError, reset: Option<u64>, to: Option<&str>) -> Fault {
        let base = &self.base;
        let model = &self.model;
        let words = self.quote(&error.message);
        let fault = |source, retry, message| Fault {
            source,
            retry,
            message,
        };
        // A status may be general where code or words are precise.
        if out_of_credit(error) {
            let message =
                format!("the quota at {base} is used up ({status}){words}; add credit, or use another model");
            return fault(FaultSource::Quota, Retry::Elsewhere, message);
        }
        if unknown_model(error) && status < 500 {
            return setup(self.no_model(status, &words));
        }
        match status {
            401 | 403 => setup(format!(
                "{base} refused access ({status}){}; {}",
                self.unless_401(status, &words),
                self.key_step()
            )),
            402 | 429 => {
                let retry = reset.map_or(Retry::Elsewhere, |ms| Retry::After { ms });
                let when = again(reset);
                fault(
                    FaultSource::Quota,
                    retry,
                    format!("the quota at {base} is used up for now ({status}){when}{words}"),
                )
            }
            404 => setup(self.no_model(status, &words)),
            405 => setup(format!(
                "{base} takes no requests of this kind ({status}); check base_url"
            )),
            300..=399 => {
                let to = to.map_or_else(String::new, |to| {
                    format!(" to {}", self.quote(to).trim_start_matches(": "))
                });
                setup(format!(
                    "{base} sends elsewhere{to} ({status}); set base_url to where it really is"
                ))
            }
            408 => fault(
                FaultSource::Upstream,
                Retry::After { ms: 0 },
                format!("{base} timed out ({status}){words}"),
            ),
            413 => self.too_long(status, &words),
            400 | 422 if too_long(error) => self.too_long(status, &words),
            400..=499 => {
                let message = format!("{base} did not take the request for {model} ({status}){words}");
                fault(FaultSource::Request, Retry::Elsewhere, message)
            }
            500 if too_long(error) => self.too_long(status, &words),
            503 | 529 => {
                let ms = reset.unwrap_or(OVERLOAD_PAUSE_MS);
                fault(
                    FaultSource::Upstream,
                    Retry::After { ms },
                    format!("{base} is overloaded ({status}){}{words}", again(reset)),
                )
            }
            500 | 502 | 504 | 520..=524 => {
                let retry = Retry::After {
                    ms: reset.unwrap_or(0),
                };
                fault(
                    FaultSource::Upstream,
                    retry,
                    format!("{base} broke ({status}){}{words}", again(reset)),
                )
            }
            _ => fault(
                FaultSource::Upstream,
                Retry::Elsewhere,
                format!("{base} answered {status}{words}"),
            ),
        }
    }

    /// A 401 is about the key and its words often repeat it.
    fn unless_401<'a>(&self, status: u16, words: &'a str) -> &'a str {
        if status == 401 { "" } else { words }
    }

    fn key_step(&self) -> String {
        let name = &self.key_name;
        match self.key_sent {
            true => format!("check the key in {name}"),
            false => format!("no key was sent: put one into {name}"),
        }
    }

    fn no_model(&self, status: u16, words: &str) -> String {
        let Upstream { base, model, .. } = self;
        format!(
            "{base} does not know the model `{model}` ({status}){words}; {base}/models lists those it has (Ollama: `ollama pull {model}`)"
        )
    }

    fn too_long(&self, status: u16, words: &str) -> Fault {
        let message = format!(
            "the request is too long for {} ({status}){words}; name fewer lines or files, or use a model with a larger context",
            self.model
        );
        Fault {
            source: FaultSource::Request,
            retry: Retry::Elsewhere,
            message,
        }
    }

    /// The server sent something other than a stream of events with status 200.
    pub(crate) fn no_stream(&self, kind: &str, body: &str) -> Fault {
        let error = WireError::read(body);
        let base = &self.base;
        match error.message.is_empty() || !body.contains("error") {
            true => setup(format!(
                "{base} answered with {} instead of a stream; check base_url",
                self.quote(kind).trim_start_matches(": ")
            )),
            false => self.classify(error.status.unwrap_or(500), &error, None, None),
        }
    }

    fn network(&self, retry: Retry, message: String) -> Fault {
        Fault {
            source: FaultSource::Network,
            retry,
            message,
        }
    }

    /// The model itself reports a failure in the place of an end.
    pub(crate) fn gave_up(&self) -> Fault {
        Fault {
            source: FaultSource::Upstream,
            retry: Retry::After { ms: 0 },
            message: format!("{} ended the answer with an error of its own", self.base),
        }
    }

    /// The answer is compressed, which was not asked for.
    pub(crate) fn compressed(&self, how: &str) -> Fault {
        setup(format!(
            "{} compresses its answers ({}), which was not asked for; turn that off in the server or in what is before it",
            self.base,
            self.quote(how).trim_start_matches(": ")
        ))
    }

    /// The server will not give this answer.
    pub(crate) fn withheld(&self, why: &str) -> Fault {
        Fault {
            source: FaultSource::Upstream,
            retry: Retry::Elsewhere,
            message: format!("{} withheld the answer ({why})", self.base),
        }
    }

    /// The stream ended without its end.
    pub(crate) fn cut(&self) -> Fault {
        let message = format!("{} closed the stream before the answer's end", self.base);
        self.network(Retry::After { ms: 0 }, message)
    }

    /// No byte for too long.
    pub(crate) fn stalled(&self, after: Duration) -> Fault {
        let message = format!(
            "{} sent nothing for {}",
            self.base,
            span(u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
        );
        self.network(Retry::Elsewhere, message)
    }

    /// An event that is no chunk, or one beyond the bound.
    pub(crate) fn malformed(&self, what: &str, excerpt: &str) -> Fault {
        let excerpt: String = excerpt.chars().take(80).collect();
        let message = format!(
            "{} sent a malformed stream: {what}{}",
            self.base,
            self.quote(&excerpt)
        );
        Fault {
            source: FaultSource::Upstream,
            retry: Retry::Elsewhere,
            message,
        }
    }

    /// The request could not be made or got no answer.
    pub(crate) fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> Fault {
        let base = &self.base;
        if !error.is_connect() {
            // A handshake that fails late.
            if let Some(tls) = in_chain::<rustls::Error>(error) {
                return self.no_tls(tls);
            }
            // Only servers are given a question for it by the library.
            if chain_says(error, "message head is too large") {
                return Fault {
                    source: FaultSource::Upstream,
                    retry: Retry::Elsewhere,
                    message: format!(
                        "{base} sent more headers than any answer needs; see what is before the server"
                    ),
                };
            }
            if in_chain::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
                return setup(format!(
                    "{base} does not speak HTTP here; check base_url (https:// for http://, the port)"
                ));
            }
            let message = format!("{base} closed the connection before it answered");
            return self.network(Retry::After { ms: 0 }, message);
        }
        self.not_connected(error)
    }

    fn no_tls(&self, tls: &rustls::Error) -> Fault {
        setup(format!("no TLS with {}: {}", self.base, tls_words(tls)))
    }

    /// There is no connection.
    pub(crate) fn not_connected(&self, error: &(dyn Error + 'static)) -> Fault {
        let base = &self.base;
        if let Some(tls) = in_chain::<rustls::Error>(error) {
            return self.no_tls(tls);
        }
        if let Some(no_way) = in_chain::<NoWay>(error) {
            let message = format!(
                "{base} cannot be reached: {}",
                self.quote(&no_way.to_string()).trim_start_matches(": ")
            );
            return match no_way.wants_name() {
                true => setup(format!(
                    "{message}; put name and password into HTTPS_PROXY (http://NAME:PASSWORD@HOST:PORT)"
                )),
                false => self.network(
                    Retry::Elsewhere,
                    format!("{message}; check HTTPS_PROXY, or name the host in NO_PROXY"),
                ),
            };
        }
        let ended = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];
        if base.tls() && ended.iter().any(|kind| has_kind(error, *kind)) {
            return setup(format!(
                "{base} ended the TLS handshake; it may speak plain HTTP: check scheme and port"
            ));
        }
        let message = if has_kind(error, io::ErrorKind::ConnectionRefused) {
            format!(
                "nothing listens at {base}; start the server ({}) or correct base_url",
                base.start_hint()
            )
        } else if has_kind(error, io::ErrorKind::TimedOut) {
            format!("{base} cannot be reached in time; check the network and base_url")
        } else if chain_says(error, "dns error") {
            format!("the host of {base} is not known; check the network and base_url")
        } else {
            format!(
                "{base} cannot be reached{}; check the network and base_url",
                self.quote(&innermost(error))
            )
        };
        self.network(Retry::Elsewhere, message)
    }
}

/// The status that an error would have had before the stream began: as it says, else by its code, else by its kind.
fn status_in(error: &WireError) -> Option<u16> {
    let by_name = || status_of(&error.code).or_else(|| status_of(&error.kind));
    error.status.or_else(by_name)
}

/// The same, by its name.
fn status_of(code: &str) -> Option<u16> {
    Some(match code {
        "invalid_request_error" => 400,
        "authentication_error" | "invalid_api_key" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" | "rate_limit_exceeded" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        "usage_limit_reached" | "usage_not_included" => 429,
        "server_is_overloaded" | "slow_down" => 503,
        "context_length_exceeded" | "invalid_prompt" => 400,
        _ => return None,
    })
}

fn location(headers: &HeaderMap) -> Option<&str> {
    headers.get("location").and_then(|value| value.to_str().ok())
}

/// What is wrong with a handshake, and what to do next.
fn tls_words(error: &rustls::Error) -> String {
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is open; all that is left gets the general step"
    )]
    match error {
        rustls::Error::InvalidCertificate(wrong) => certificate_words(wrong),
        rustls::Error::InvalidMessage(_) => {
            format!("{error}; it may speak plain HTTP; check scheme and port of base_url")
        }
        _ => format!("{error}; check base_url"),
    }
}

/// What is wrong with a certificate. The library has no words for the last case, only the name of its variant.
fn certificate_words(wrong: &CertificateError) -> String {
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is open; all that is left gets the general step"
    )]
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; renew it, or check this machine's clock".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; check this machine's clock".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name; write the host in base_url as the certificate has it".to_owned()
        }
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "its certificate is one of an authority (CA:TRUE) and cannot stand for a server; make one with CA:FALSE \
             (openssl req -x509 -addext basicConstraints=critical,CA:FALSE ...) and name it in SSL_CERT_FILE"
                .to_owned()
        }
        _ => format!(
            "{wrong}; its certificate is not trusted here; SSL_CERT_FILE names a file with further authorities"
        ),
    }
}

fn out_of_credit(error: &WireError) -> bool {
    matches!(
        error.code.as_str(),
        "insufficient_quota" | "billing_hard_limit_reached" | "insufficient_credits" | "billing_error"
    ) || error.message.contains("credit balance is too low")
}

fn unknown_model(error: &WireError) -> bool {
    let words = error.message.to_ascii_lowercase();
    error.code == "model_not_found"
        || (words.contains("model") && (words.contains("not found") || words.contains("does not exist")))
}

fn too_long(error: &WireError) -> bool {
    const WORDS: [&str; 7] = [
        "context length",
        "context_length",
        "context size",
        "context window",
        "maximum context",
        "too many tokens",
        "too long",
    ];
    let words = error.message.to_ascii_lowercase();
    matches!(
        error.code.as_str(),
        "context_length_exceeded" | "exceed_context_size_error"
    ) || WORDS.iter().any(|hint| words.contains(hint))
}

/// An error and all behind it, also those inside I/O errors (which hide theirs from `source`).
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

fn in_chain<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

fn has_kind(error: &(dyn Error + 'static), kind: io::ErrorKind) -> bool {
    chain(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == kind)
}

fn chain_says(error: &(dyn Error + 'static), words: &str) -> bool {
    chain(error).any(|error| error.to_string().contains(words))
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// When a server may be asked again, as words that follow what it did.
fn again(reset: Option<u64>) -> String {
    match reset {
        None => String::new(),
        Some(0) => ", again at once".to_owned(),
        Some(ms) => format!(", again in {}", span(ms)),
    }
}

/// A time for people: `800 ms`, `12 s`, `5 min`, `3 h`.
fn span(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..120_000 => format!("{} s", ms.div_ceil(1000)),
        120_000..7_200_000 => format!("{} min", ms.div_ceil(60_000)),
        _ => format!("{} h", ms.div_ceil(3_600_000)),
    }
}
