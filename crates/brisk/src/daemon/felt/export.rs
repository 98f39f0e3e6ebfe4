//! Sends turns to an OpenTelemetry collector (OTLP over HTTP, JSON). Best effort: a bounded queue that drops what does
//! not fit, one try a body, and nothing at all without an endpoint.

use super::TurnDone;
use super::otlp::{TraceSeed, metrics, traces};
use crate::daemon::note;
use reqwest::Client;
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
            .inspect_err(|e| note(&format!("nothing is sent to {endpoint}: {e}")))
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
                note(&format!("the collector at {base} takes nothing: {why}"));
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
