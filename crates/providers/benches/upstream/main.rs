//! The persistent path to a Responses server against three others, over the same conversations; docs/upstream.md says
//! what each figure means. Prints one JSON object a line. Run with `cargo bench -p brisk-providers --bench upstream`,
//! or through `cargo xtask metrics --only upstream`; `-- --quick` takes fewer runs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement for people"
)]

mod fake;
mod gaps;
mod paths;
mod single;
mod tls;
mod tools;

use serde_json::json;
use std::process::ExitCode;

/// What is wanted of a value.
enum Reach {
    AtMost(f64),
    AtLeast(f64),
    Told,
}

/// Prints one value.
fn tell(label: &str, value: f64, unit: &str, reach: Reach) {
    let reach = match reach {
        Reach::AtMost(bound) => json!({"at_most": bound}),
        Reach::AtLeast(bound) => json!({"at_least": bound}),
        Reach::Told => json!(null),
    };
    println!(
        "{}",
        json!({"label": label, "value": value, "unit": unit, "reach": reach})
    );
}

/// The value that so many percent do not exceed (nearest rank).
fn percentile(values: &[u64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default() as f64
}

/// p50 and p99 of microseconds, as milliseconds.
fn tell_times(label: &str, values: &[u64], p50: Reach, p99: Reach) {
    tell(&format!("{label}: p50"), percentile(values, 50) / 1e3, "ms", p50);
    tell(&format!("{label}: p99"), percentile(values, 99) / 1e3, "ms", p99);
}

fn main() -> ExitCode {
    if fake::is_child() {
        fake::serve();
        return ExitCode::SUCCESS;
    }
    if let Some(status) = tls::trusting() {
        return status;
    }
    let quick = std::env::args().any(|arg| arg == "--quick");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Two would wake and rob each other, and how often is a matter of luck: too much noise in the CPU time.
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    tools::measure(runtime.handle(), quick);
    single::tokens(runtime.handle(), quick);
    single::prompts(runtime.handle(), quick);
    single::interrupts(runtime.handle(), quick);
    single::failures(runtime.handle(), quick);
    gaps::measure(runtime.handle(), quick);
    ExitCode::SUCCESS
}
