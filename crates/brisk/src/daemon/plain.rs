//! A session as a client sees it that knows nothing but ACP: words become message and thought chunks, each ready
//! hunk becomes a tool call with its diff. Pure: events in, updates out.

use brisk_domain::{Event, HunkId, HunkState, SessionId, StopReason, TurnId};
use brisk_protocol::{Envelope, acp};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tokio::sync::mpsc;

/// A turn waits: its patch reached the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) session: SessionId,
    pub(crate) turn: TurnId,
    pub(crate) lines: usize,
    pub(crate) max_lines: usize,
}

/// How a client is told what happens.
pub(crate) enum View {
    /// It knows the extensions and gets the events as they are.
    Extended,
    /// It gets ACP's own updates.
    Plain(Plain),
}

/// What one plain client has been told so far.
pub(crate) struct Plain {
    sessions: BTreeMap<SessionId, Seen>,
    /// Whether it tells what its buffers hold.
    pub(crate) buffers: bool,
    /// Where a turn that waits at its budget is reported.
    reached: mpsc::UnboundedSender<Reached>,
}

#[derive(Default)]
struct Seen {
    root: PathBuf,
    /// Events up to this number are told once more: then the person's own words belong to it.
    replay_until: u64,
    hunks: BTreeMap<HunkId, Known>,
}

/// A hunk that the client knows as a tool call.
enum Known {
    /// It waits for the person.
    OnOffer(Shown),
    /// Its diff is not needed any more: a long connection sees many.
    Decided,
}

/// A hunk as it is shown while it is on offer.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) id: HunkId,
    pub(crate) title: String,
    pub(crate) diff: acp::Diff,
    pub(crate) location: acp::ToolCallLocation,
}

impl Plain {
    pub(crate) fn new(reached: mpsc::UnboundedSender<Reached>, buffers: bool) -> Plain {
        Plain {
            sessions: BTreeMap::new(),
            buffers,
            reached,
        }
    }

    /// A session's files are below `root`.
    pub(crate) fn opened(&mut self, session: SessionId, root: PathBuf) {
        self.sessions.entry(session).or_default().root = root;
    }

    /// Everything up to `last` comes once more.
    pub(crate) fn replaying(&mut self, session: SessionId, last: u64) {
        let seen = self.sessions.entry(session).or_default();
        seen.replay_until = last;
        seen.hunks.clear();
    }

    /// The hunks of a session that wait for this client's person, oldest first.
    pub(crate) fn offered(&self, session: SessionId) -> Vec<Shown> {
        let seen = self.sessions.get(&session);
        seen.into_iter()
            .flat_map(|s| s.hunks.values())
            .filter_map(|known| match known {
                Known::OnOffer(shown) => Some(shown.clone()),
                Known::Decided => None,
            })
            .collect()
    }

    /// What an event is to this client.
    pub(crate) fn updates(&mut self, envelope: &Envelope) -> Vec<acp::SessionUpdate> {
        let session = envelope.session_id;
        let seen = self.sessions.entry(session).or_default();
        let replay = envelope.seq <= seen.replay_until;
        match &envelope.event {
            // While it happens, the client shows what its person typed by itself.
            Event::TurnStarted { text, .. } if replay => {
                vec![acp::SessionUpdate::UserMessageChunk(chunk(text))]
            }
            Event::PlaceFound {
                path,
                start,
                end,
                why,
                ..
            } => {
                vec![thought(&format!("{path}:{}-{end}: {why}", start + 1))]
            }
            Event::Routed { route, .. } => {
                vec![thought(&format!("{} lane, {}", route.lane, route.choice.model))]
            }
            Event::Notice { text, .. } => vec![thought(text)],
            Event::Queued { text } => vec![thought(&format!("waits for the end of this turn: {text}"))],
            Event::Unqueued { text, why } => vec![thought(&format!("not run, {why}: {text}"))],
            Event::Prose { text, .. } => vec![acp::SessionUpdate::AgentMessageChunk(chunk(text))],
            Event::HunkReady {
                hunk,
                path,
                at,
                removed,
                added,
                ..
            } => {
                let file = seen.root.join(path);
                let line = u32::try_from(at + 1).unwrap_or(u32::MAX);
                let shown = Shown {
                    id: *hunk,
                    title: format!("Edit {path}:{line}"),
                    diff: acp::Diff::new(file.clone(), text_of(added)).old_text(text_of(removed)),
                    location: acp::ToolCallLocation::new(file).line(line),
                };
                let call = call(session, &shown);
                let update = match seen.hunks.insert(*hunk, Known::OnOffer(shown)) {
                    None => acp::SessionUpdate::ToolCall(call),
                    Some(_) => acp::SessionUpdate::ToolCallUpdate(call.into()),
                };
                vec![update]
            }
            Event::HunkChanged { hunk, state } => {
                let Some(known) = seen.hunks.get_mut(hunk) else {
                    // It was never whole: this client knows nothing of it.
                    return vec![];
                };
                let (status, why) = match state {
                    // Said with the hunk itself, which brings its text.
                    HunkState::Ready => return vec![],
                    HunkState::Kept => (acp::ToolCallStatus::Completed, None),
                    HunkState::Rejected => (acp::ToolCallStatus::Failed, Some("you rejected it")),
                    HunkState::Withdrawn { why } | HunkState::Conflicted { why } => {
                        (acp::ToolCallStatus::Failed, Some(why.as_str()))
                    }
                };
                *known = Known::Decided;
                vec![changed(session, *hunk, status, why)]
            }
            Event::BudgetReached {
                turn,
                lines,
                max_lines,
            } => {
                if !replay {
                    // Its receiver goes with the client.
                    let _ = self.reached.send(Reached {
                        session,
                        turn: *turn,
                        lines: *lines,
                        max_lines: *max_lines,
                    });
                }
                let text = format!("the patch has {lines} changed lines, its budget is {max_lines}");
                vec![thought(&text)]
            }
            // While it happens, the prompt's answer says it.
            Event::TurnEnded { settled, .. } if replay => match &settled.stop {
                StopReason::Failed { message, .. } => vec![thought(message)],
                StopReason::EndTurn | StopReason::Cancelled { .. } => vec![],
            },
            Event::TurnStarted { .. }
            | Event::TurnEnded { .. }
            | Event::FirstToken { .. }
            | Event::HunkOpened { .. }
            | Event::HunkLine { .. }
            | Event::HunkDropped { .. } => vec![],
        }
    }
}

/// A hunk's id as a tool call.
pub(crate) fn call_id(session: SessionId, hunk: HunkId) -> String {
    format!("{session}-{hunk}")
}

fn call(session: SessionId, shown: &Shown) -> acp::ToolCall {
    acp::ToolCall::new(call_id(session, shown.id), shown.title.clone())
        .kind(acp::ToolKind::Edit)
        .status(acp::ToolCallStatus::InProgress)
        .content(vec![shown.diff.clone().into()])
        .locations(vec![shown.location.clone()])
}

/// A tool call's new status. The reason stands beside nothing: the diff of what was not written goes.
fn changed(
    session: SessionId,
    hunk: HunkId,
    status: acp::ToolCallStatus,
    why: Option<&str>,
) -> acp::SessionUpdate {
    let mut fields = acp::ToolCallUpdateFields::new().status(status);
    if let Some(why) = why {
        let words = acp::Content::new(acp::ContentBlock::Text(acp::TextContent::new(why)));
        fields = fields.content(vec![acp::ToolCallContent::Content(words)]);
    }
    acp::SessionUpdate::ToolCallUpdate(acp::ToolCallUpdate::new(call_id(session, hunk), fields))
}

fn chunk(text: &str) -> acp::ContentChunk {
    acp::ContentChunk::new(acp::ContentBlock::Text(acp::TextContent::new(text)))
}

/// One line of what goes on. Clients join chunks, so that it brings its own end.
fn thought(line: &str) -> acp::SessionUpdate {
    acp::SessionUpdate::AgentThoughtChunk(chunk(&format!("{line}\n")))
}

fn text_of(lines: &[String]) -> String {
    lines.iter().flat_map(|l| [l.as_str(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::{Candidate, EditFormat, ModelId, Route, Settled};
    use serde_json::{Value, json};

    const SESSION: SessionId = SessionId(1);

    fn plain() -> (Plain, mpsc::UnboundedReceiver<Reached>) {
        let (reached, inbox) = mpsc::unbounded_channel();
        let mut plain = Plain::new(reached, true);
        plain.opened(SESSION, "/shop".into());
        (plain, inbox)
    }

    fn tell(plain: &mut Plain, seq: u64, event: Event) -> Value {
        let envelope = Envelope {
            session_id: SESSION,
            seq,
            at_us: 0,
            event,
        };
        serde_json::to_value(plain.updates(&envelope)).unwrap()
    }

    fn ready(hunk: u64) -> Event {
        Event::HunkReady {
            turn: TurnId(1),
            hunk: HunkId(hunk),
            path: "a/shop.py".into(),
            at: 3,
            removed: vec!["x = 1".into()],
            added: vec!["x = 2".into(), "y = 3".into()],
        }
    }

    fn state(hunk: u64, state: HunkState) -> Event {
        Event::HunkChanged {
            hunk: HunkId(hunk),
            state,
        }
    }

    fn failed() -> Event {
        let stop = StopReason::Failed {
            failure: brisk_domain::Failure::Upstream,
            message: "the model is gone".into(),
        };
        Event::TurnEnded {
            turn: TurnId(1),
            settled: Settled {
                stop,
                ready: 0,
                input_tokens: 0,
                cached_tokens: 0,
                output_tokens: 0,
            },
        }
    }

    #[test]
    fn what_each_event_becomes() {
        let words = |kind: &str, text: &str| json!([{"sessionUpdate": kind, "content": {"type": "text", "text": text}}]);
        let turn = TurnId(1);
        let choice = Candidate {
            model: ModelId("tiny".into()),
            format: EditFormat::Region,
            context: 1,
        };
        let route = Route {
            lane: brisk_domain::Lane::Fast,
            choice,
            fallbacks: vec![],
            reasons: vec![],
            shape: BTreeMap::new(),
        };
        let cases = [
            (
                Event::PlaceFound {
                    turn,
                    path: "shop.py".into(),
                    start: 0,
                    end: 5,
                    why: "symbol subtotal".into(),
                },
                words("agent_thought_chunk", "shop.py:1-5: symbol subtotal\n"),
            ),
            (
                Event::Routed { turn, route },
                words("agent_thought_chunk", "fast lane, tiny\n"),
            ),
            (
                Event::Notice {
                    turn,
                    text: "the whole file".into(),
                },
                words("agent_thought_chunk", "the whole file\n"),
            ),
            (
                Event::Prose {
                    turn,
                    text: "It adds".into(),
                },
                words("agent_message_chunk", "It adds"),
            ),
            (Event::FirstToken { turn }, json!([])),
            (
                Event::TurnStarted {
                    turn,
                    text: "do".into(),
                },
                json!([]),
            ),
            (failed(), json!([])),
            (state(9, HunkState::Rejected), json!([])),
        ];
        for (event, want) in cases {
            let name = format!("{event:?}");
            assert_eq!(tell(&mut plain().0, 1, event), want, "{name}");
        }
    }

    #[test]
    fn a_hunk_is_a_tool_call_until_it_is_decided() {
        let ends = [
            (HunkState::Kept, "completed"),
            (HunkState::Rejected, "failed"),
            (HunkState::Conflicted { why: "moved".into() }, "failed"),
            (
                HunkState::Withdrawn {
                    why: "redirected".into(),
                },
                "failed",
            ),
        ];
        for (end, status) in ends {
            let (mut plain, _) = plain();
            let told = tell(&mut plain, 1, ready(4));
            assert_eq!(
                told,
                json!([{
                    "sessionUpdate": "tool_call", "toolCallId": "s1-h4", "title": "Edit a/shop.py:4", "kind": "edit",
                    "status": "in_progress", "locations": [{"path": "/shop/a/shop.py", "line": 4}],
                    "content": [{"type": "diff", "path": "/shop/a/shop.py", "oldText": "x = 1\n", "newText": "x = 2\ny = 3\n"}],
                }])
            );
            assert_eq!(plain.offered(SESSION).len(), 1);
            let told = tell(&mut plain, 2, state(4, end.clone()));
            assert_eq!(told[0]["sessionUpdate"], "tool_call_update", "{end:?}");
            assert_eq!(told[0]["status"], status, "{end:?}");
            assert_eq!(told[0]["toolCallId"], "s1-h4");
            assert!(plain.offered(SESSION).is_empty(), "{end:?}");
            let known = &plain.sessions[&SESSION].hunks;
            assert!(matches!(known[&HunkId(4)], Known::Decided), "{end:?}");
            // A state alone brings no text: there is nothing to ask about.
            assert_eq!(tell(&mut plain, 3, state(4, HunkState::Ready)), json!([]));
            assert!(plain.offered(SESSION).is_empty());
            // A write that failed offers it once more, as the same tool call.
            assert_eq!(
                tell(&mut plain, 4, ready(4))[0]["sessionUpdate"],
                "tool_call_update"
            );
            assert_eq!(plain.offered(SESSION).len(), 1);
        }
    }

    #[test]
    fn a_replay_tells_the_persons_words_and_asks_nothing() {
        let (mut plain, mut inbox) = plain();
        plain.replaying(SESSION, 4);
        let turn = TurnId(1);
        let started = tell(
            &mut plain,
            1,
            Event::TurnStarted {
                turn,
                text: "do it".into(),
            },
        );
        assert_eq!(started[0]["sessionUpdate"], "user_message_chunk");
        assert_eq!(started[0]["content"]["text"], "do it");
        tell(&mut plain, 2, ready(1));
        let budget = |turn| Event::BudgetReached {
            turn,
            lines: 9,
            max_lines: 3,
        };
        tell(&mut plain, 3, budget(turn));
        assert!(inbox.try_recv().is_err());
        assert_eq!(
            tell(&mut plain, 4, failed())[0]["content"]["text"],
            "the model is gone\n"
        );
        tell(&mut plain, 5, budget(turn));
        assert_eq!(inbox.try_recv().unwrap().turn, turn);
    }
}
