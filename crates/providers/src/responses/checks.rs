//! The readers of this protocol, for [`crate::checks`].

use super::reader::{EventReader, Past};
use super::turn::{Next, Turn};
use crate::checks::answer;
use crate::fault::Upstream;
use crate::stream::End;

/// Of one answer with that bound.
pub(crate) fn event_reader(tokens: usize) -> EventReader {
    EventReader::default().bounded(tokens)
}

/// What a socket's frames, one in each line, mean for the caller; then the rest of them as an answer that nobody
/// wants.
pub(crate) fn frames(upstream: &Upstream, bytes: &[u8], tokens: usize) -> (String, Option<End>) {
    let mut turn = Turn::new(upstream, answer(), Past::default(), tokens);
    let (mut text, mut over) = (String::new(), None);
    for frame in String::from_utf8_lossy(bytes).lines() {
        if over.is_some() {
            turn.run_down(frame);
            continue;
        }
        over = match turn.take(frame, &mut text) {
            Next::More => None,
            Next::Over { end, .. } => Some(end),
            Next::Resend(fault) | Next::Reopen(fault) => Some(Err(fault)),
        };
    }
    (text, over)
}
