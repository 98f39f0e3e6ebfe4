//! Sends turns to an OpenTelemetry collector (OTLP over HTTP, JSON). Best effort: a bounded queue that drops what does
//! not fit, one try a body, and nothing at all without an endpoint.

use super::TurnDone;
use super::otlp::{TraceSeed, metrics, traces};
use crate::daemon::note;
use reqwest::{Client, Url};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Turns that may wait for the collector.
const QUEUE: usize = 64;

/// A collector that takes longer has lost the body.
const PATIENCE: Duration = Duration::from_secs(5);

/// The variable that names the collector for every program that speaks OpenTelemetry.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// A handle to the task that sends.
#[derive(Debug)]
pub(crate) struct Exporter {
    queue: mpsc::Sender<TurnDone>,
}

impl Exporter {
    /// Starts the task if the environment or the configuration names an endpoint; the environment wins.
    pub(crate) fn start(configured: Option<&str>, runtime: &Handle) -> Option<Exporter> {
        let of_env = std::env::var(ENDPOINT).ok().filter(|url| !url.trim().is_empty());
        let endpoint = of_env.as_deref().or(configured)?;
        Exporter::to(endpoint, runtime)
            .inspect_err(|e| note(&format!("nothing is sent to {}: {e}", place(endpoint))))
            .ok()
    }

    fn to(endpoint: &str, runtime: &Handle) -> Result<Exporter, String> {
        let base = endpoint.trim().trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err("the address must begin with http:// or https://".to_owned());
        }
        let client = crate::models::client(&base)?;
        let (queue, inbox) = mpsc::channel(QUEUE);
        runtime.spawn(send_all(client, base, inbox));
        Ok(Exporter { queue })
    }

    /// Queues a turn; one that does not fit is dropped. Never waits.
    pub(crate) fn offer(&self, done: &TurnDone) {
        let _ = self.queue.try_send(done.clone());
    }
}

/// An address as it may stand in a log: its scheme and host. What else it holds may be a secret.
fn place(address: &str) -> String {
    let url = Url::parse(address.trim()).ok();
    let known = url.as_ref().and_then(|u| Some((u.scheme(), u.host_str()?)));
    match known {
        Some((scheme, host)) => format!("{scheme}://{host}"),
        None => "an address that cannot be read".to_owned(),
    }
}

async fn send_all(client: Client, base: String, mut inbox: mpsc::Receiver<TurnDone>) {
    let mut failing = false;
    while let Some(done) = inbox.recv().await {
        let traces = seed().map(|seed| traces(&done, seed));
        let bodies = [("/v1/traces", traces), ("/v1/metrics", metrics(&done))];
        for (path, body) in bodies {
            let Some(body) = body else { continue };
            let sent = send(&client, format!("{base}{path}"), body.to_string()).await;
            let failed = sent.is_err();
            // Said once, and again after it worked.
            if let Err(why) = sent
                && !failing
            {
                note(&format!("the collector at {} takes nothing: {why}", place(&base)));
            }
            failing = failed;
        }
    }
}

async fn send(client: &Client, url: String, body: String) -> Result<(), String> {
    let answer = client
        .post(url)
        .header("content-type", "application/json")
        .timeout(PATIENCE)
        .body(body)
        .send()
        .await
        .map_err(|e| e.without_url().to_string())?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(format!("it answers {}", answer.status()))
    }
}

/// None where the system has no random bytes: then there are no spans.
fn seed() -> Option<TraceSeed> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).ok()?;
    let (trace, span) = bytes.split_first_chunk::<16>()?;
    Some(TraceSeed {
        trace: u128::from_be_bytes(*trace).max(1),
        span: u64::from_be_bytes(span.try_into().ok()?).max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_names_a_collector_without_its_secrets() {
        let cases = [
            ("http://localhost:4318", "http://localhost"),
            (
                " https://user:token@otel.example/v1?key=token ",
                "https://otel.example",
            ),
            ("https://token@[::1]:4318/token#token", "https://[::1]"),
            ("ftp://user:token@otel.example", "ftp://otel.example"),
            ("user:token@otel.example", "an address that cannot be read"),
            ("https://user:token@", "an address that cannot be read"),
            ("token", "an address that cannot be read"),
            ("", "an address that cannot be read"),
        ];
        for (address, want) in cases {
            assert_eq!(place(address), want, "{address}");
        }
    }
}
