//! Short streams: how long a piece is on its way from the server's socket to the caller, and whether any is held up.

use super::fake::Fake;
use super::paths::{Path, ask};
use super::single::{always, prompt};
use super::{Reach, tell, tell_times};
use brisk_testkit::responses::Say;
use tokio::runtime::Handle;

/// Tokens of a stream, and how fast they come.
const TOKENS: usize = 12;
const RATE: f64 = 1_000.0;

/// Bytes of a token.
const TOKEN: usize = 4;

/// Events that come before the first token.
const BEFORE: usize = 2;

/// A piece that is held up for longer is a gap that a person sees, microseconds.
const GAP_US: u64 = 20_000;

/// On a kept socket and on a kept connection with server-sent events, one after the other.
pub(crate) fn measure(handle: &Handle, quick: bool) {
    let runs = if quick { 100 } else { 1_000 };
    let text = "word".repeat(TOKENS);
    let fake = Fake::telling(&always(vec![Say::Rate { text, per_s: RATE }, Say::Complete]));
    let mut ways = [Path::Socket, Path::B1].map(|path| (path, path.model(fake.url(), handle), Vec::new()));
    for _ in 0..runs {
        for (_, model, longest) in &mut ways {
            let asked = ask(model, prompt("be short"), usize::MAX);
            let pieces = asked.pieces();
            let (_, number, ..) = fake.request();
            longest.push(held(&fake.events(number), &pieces));
        }
    }
    for (path, _, longest) in &ways {
        let name = path.name();
        let label = format!(
            "{runs} short streams, {name}: longest way of a piece from the server's write to the sink"
        );
        tell_times(&label, longest, Reach::Told, Reach::Told);
        let gaps = longest.iter().filter(|us| **us > GAP_US).count();
        tell(
            &format!(
                "{runs} short streams, {name}: streams with a piece that was held up for more than 20 ms"
            ),
            gaps as f64,
            "count",
            Reach::AtMost(0.0),
        );
    }
}

/// The longest time between the write of a token and the moment at which it was handed out, microseconds. Pieces may
/// hold several tokens.
fn held(written: &[u64], pieces: &[(u64, String)]) -> u64 {
    let told = pieces
        .iter()
        .flat_map(|(t_us, text)| std::iter::repeat_n(*t_us, text.len() / TOKEN));
    let ways: Vec<u64> = told
        .zip(&written[BEFORE..])
        .map(|(told, written)| told.saturating_sub(*written))
        .collect();
    assert_eq!(ways.len(), TOKENS, "a token is missing");
    ways.into_iter().max().unwrap_or_default()
}
