//! What each turn felt like, for the daemon's own figures. The tracker is the protocol's; here is who feeds it.

use super::{Act, App, Link};
use crate::wire::Call;
use brisk_protocol::domain::Event;
use brisk_protocol::{ClientKind, Felt};

/// One prompt's moments.
#[derive(Debug)]
pub(super) struct Track {
    /// The prompt's number.
    prompt: u64,
    /// Its turn has begun: the next that begins is another's.
    began: bool,
    felt: Felt,
}

impl App {
    pub(super) fn track_key(&mut self, prompt: u64) {
        if let Some(session) = self.session {
            self.tracks.push_back(Track {
                prompt,
                began: false,
                felt: Felt::key(session, ClientKind::Tui, self.now),
            });
        }
    }

    /// A prompt was refused: no turn will begin for it. One that began ends by its events.
    pub(super) fn untrack(&mut self, prompt: u64) {
        self.tracks.retain(|t| t.began || t.prompt != prompt);
    }

    pub(super) fn track_stop(&mut self) {
        let now = self.now;
        if let Some(track) = self.tracks.iter_mut().find(|t| t.began) {
            track.felt.on_stop(now);
        }
    }

    pub(super) fn track_event(&mut self, event: &Event) {
        let now = self.now;
        if matches!(event, Event::TurnStarted { .. }) {
            if let Some(track) = self.tracks.iter_mut().find(|t| !t.began) {
                track.began = true;
                track.felt.on_event(event, now);
            }
            return;
        }
        for track in self.tracks.iter_mut().filter(|t| t.began) {
            track.felt.on_event(event, now);
        }
    }

    /// What was told up to now is on the screen; `now_us` as with [`App::handle`]. What is to be sent then.
    pub fn painted(&mut self, now_us: u64) -> Vec<Act> {
        for track in &mut self.tracks {
            track.felt.on_painted(now_us);
        }
        let mut acts = Vec::new();
        while let Some(at) = self.tracks.iter().position(|t| t.felt.is_over()) {
            let record = self.tracks.remove(at).and_then(|t| t.felt.finish());
            if let Some(record) = record.filter(|_| self.link == Link::Up) {
                acts.push(Act::Send(Call::Felt(Box::new(record))));
            }
        }
        acts
    }
}
