//! Requests to JSON-RPC lines, and answers back to what they are answers to. Pure.

use brisk_protocol::acp::{CancelNotification, ContentBlock, Meta, PromptRequest, TextContent};
use brisk_protocol::domain::{HunkId, ModelId, SessionId};
use brisk_protocol::gate::{self, TreeNews, Verified, Verify, VerifyStop, Verifying};
use brisk_protocol::jobs::{self, Delegate, Delegated, JobList, JobsNews, JobsReply};
use brisk_protocol::{
    Amend, BRISK_META, CompleteReply, CompleteRequest, Completion, Decide, Decided, Envelope, FeltRecord,
    HunkSet, Incoming, Limits, LogReply, LogRequest, ModelsReply, NoParams, PromptExtras, QuotaReply,
    RepoRequest, RepoStatus, RequestId, Resume, Resumed, SessionRef, UndoReply, UndoRequest, UndoWhat, Warm,
    method, notify_line, request_line,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::path::PathBuf;

/// Entries of the log that are asked for.
const LOG_LINES: usize = 20;
/// Completions that are asked for.
const COMPLETIONS: usize = 30;

/// What the daemon is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// A turn, or another direction for the present one.
    Prompt {
        /// Ours, to know its answer by.
        number: u64,
        /// The person's words.
        text: String,
        /// Places, model, intent.
        extras: PromptExtras,
    },
    /// Stop.
    Cancel,
    /// Write hunks.
    Keep(HunkSet),
    /// Drop hunks.
    Reject(HunkSet),
    /// The person's own text for a hunk.
    Amend {
        /// Which.
        hunk: HunkId,
        /// Lines.
        added: Vec<String>,
    },
    /// Go on beyond the budget.
    RaiseBudget,
    /// Undo what was kept last.
    Undo,
    /// Redo.
    Redo,
    /// State of the tree.
    Status,
    /// What was written here.
    Log,
    /// Models.
    Models,
    /// Bounds of a turn.
    Limits,
    /// Places for what was typed.
    Complete {
        /// What was typed.
        query: String,
    },
    /// Read a file ahead.
    Warm {
        /// Relative to the working folder.
        path: String,
    },
    /// What a turn felt like.
    Felt(Box<FeltRecord>),
    /// Events from this number on.
    Resume {
        /// From 1.
        from: u64,
    },
    /// Run the checks.
    Verify {
        /// Ours, to know its answer by.
        run: u64,
        /// These; none: all.
        checks: Vec<String>,
    },
    /// The checks are not wanted any more.
    StopVerify {
        /// As in [`Call::Verify`].
        run: u64,
    },
    /// Hand a task over.
    Delegate {
        /// The person's words.
        text: String,
        /// Places that it names.
        files: Vec<String>,
        /// A model that the person chose.
        model: Option<ModelId>,
    },
    /// Jobs of this repository.
    Jobs,
    /// What is left where limits are set.
    Quota,
}

/// An answer. The error is a sentence for the person.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The turn is over, or was refused.
    Prompt {
        /// As in [`Call::Prompt`].
        number: u64,
        /// Nothing, or why it was refused.
        outcome: Result<(), String>,
    },
    /// Keep and reject.
    Decided {
        /// What it was asked for.
        asked: HunkSet,
        /// What came of it.
        outcome: Result<Decided, String>,
    },
    /// Amend and raise budget.
    Done(Result<(), String>),
    /// Undo.
    Undone(Result<UndoReply, String>),
    /// Redo.
    Redone(Result<UndoReply, String>),
    /// State of the tree.
    Status(Result<RepoStatus, String>),
    /// What was written here.
    Log(Result<LogReply, String>),
    /// Models.
    Models(Result<ModelsReply, String>),
    /// Bounds of a turn.
    Limits(Result<Limits, String>),
    /// Places.
    Completed {
        /// For what.
        query: String,
        /// Best first; none when it was refused.
        items: Vec<Completion>,
    },
    /// Number of the last event.
    Resumed(Result<u64, String>),
    /// The checks are over.
    Verified {
        /// As in [`Call::Verify`].
        run: u64,
        /// What came of them, or why none ran.
        outcome: Result<Verified, String>,
    },
    /// A task was taken in, or why not.
    Delegated(Result<Delegated, String>),
    /// Jobs of this repository.
    Jobs(Result<JobsReply, String>),
    /// What is left where limits are set; nothing where that cannot be known.
    Quota(QuotaReply),
}

/// What the daemon says.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// An event of our session.
    Event(Envelope),
    /// An answer.
    Reply(Reply),
    /// The tree, or where it stands, is another one.
    Tree(TreeNews),
    /// How far the checks are.
    Verifying(Verifying),
    /// The jobs of a repository.
    Jobs(JobsNews),
}

#[derive(Debug)]
enum Pending {
    Prompt(u64),
    Decided(HunkSet),
    Done,
    Undo,
    Redo,
    Status,
    Log,
    Models,
    Limits,
    Complete(String),
    Resume,
    Verify(u64),
    Delegate,
    Jobs,
    Quota,
}

/// One connection's requests.
#[derive(Debug)]
pub struct Wire {
    cwd: PathBuf,
    session: SessionId,
    next: i64,
    pending: HashMap<i64, Pending>,
}

impl Wire {
    /// For a session that is open. Ids of requests count from `after` + 1.
    pub fn new(cwd: PathBuf, session: SessionId, after: i64) -> Wire {
        Wire {
            cwd,
            session,
            next: after,
            pending: HashMap::new(),
        }
    }

    fn request(&mut self, pending: Pending, method: &str, params: &impl Serialize) -> String {
        self.next += 1;
        self.pending.insert(self.next, pending);
        request_line(&RequestId::Number(self.next), method, params)
    }

    /// The line that asks for it.
    pub fn line(&mut self, call: Call) -> String {
        let session_id = self.session;
        let cwd = self.cwd.clone();
        match call {
            Call::Prompt { number, text, extras } => {
                let extras = serde_json::to_value(extras).unwrap_or_default();
                let prompt = PromptRequest::new(
                    session_id.to_string(),
                    vec![ContentBlock::Text(TextContent::new(text))],
                )
                .meta(Meta::from_iter([(BRISK_META.to_owned(), extras)]));
                self.request(Pending::Prompt(number), "session/prompt", &prompt)
            }
            Call::Cancel => notify_line("session/cancel", &CancelNotification::new(session_id.to_string())),
            Call::Keep(hunks) => {
                let asked = Pending::Decided(hunks.clone());
                self.request(asked, method::KEEP, &Decide { session_id, hunks })
            }
            Call::Reject(hunks) => {
                let asked = Pending::Decided(hunks.clone());
                self.request(asked, method::REJECT, &Decide { session_id, hunks })
            }
            Call::Amend { hunk, added } => {
                let amend = Amend {
                    session_id,
                    hunk,
                    added,
                };
                self.request(Pending::Done, method::AMEND, &amend)
            }
            Call::RaiseBudget => {
                self.request(Pending::Done, method::RAISE_BUDGET, &SessionRef { session_id })
            }
            Call::Undo => {
                let what = UndoWhat::Last;
                self.request(Pending::Undo, method::UNDO, &UndoRequest { cwd, what })
            }
            Call::Redo => self.request(Pending::Redo, method::REDO, &RepoRequest { cwd }),
            Call::Status => self.request(Pending::Status, method::STATUS, &RepoRequest { cwd }),
            Call::Log => {
                let limit = LOG_LINES;
                self.request(Pending::Log, method::LOG, &LogRequest { cwd, limit })
            }
            Call::Models => self.request(Pending::Models, method::MODELS, &NoParams {}),
            Call::Limits => self.request(Pending::Limits, method::LIMITS, &NoParams {}),
            Call::Complete { query } => {
                let asked = Pending::Complete(query.clone());
                let limit = COMPLETIONS;
                self.request(asked, method::COMPLETE, &CompleteRequest { cwd, query, limit })
            }
            Call::Warm { path } => notify_line(method::WARM, &Warm { session_id, path }),
            Call::Felt(record) => notify_line(method::FELT, &record),
            Call::Resume { from } => {
                self.request(Pending::Resume, method::RESUME, &Resume { session_id, from })
            }
            Call::Verify { run, checks } => {
                let wish = Verify {
                    cwd,
                    run,
                    checks,
                    again: false,
                };
                self.request(Pending::Verify(run), gate::method::VERIFY, &wish)
            }
            Call::StopVerify { run } => notify_line(gate::method::VERIFY_STOP, &VerifyStop { run }),
            Call::Delegate { text, files, model } => {
                let wish = Delegate {
                    cwd,
                    text,
                    files,
                    models: model.into_iter().collect(),
                    // What was kept here and is not committed is what the person sees.
                    with_draft: true,
                    ..Delegate::default()
                };
                self.request(Pending::Delegate, jobs::method::DELEGATE, &wish)
            }
            Call::Jobs => {
                let wish = JobList {
                    cwd: Some(cwd),
                    limit: LOG_LINES,
                };
                self.request(Pending::Jobs, jobs::method::LIST, &wish)
            }
            Call::Quota => self.request(Pending::Quota, method::QUOTA, &RepoRequest { cwd }),
        }
    }

    /// An answer is still to come.
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// What a message means; `None` for what is not ours. An event that cannot be read is passed over, so that a
    /// newer daemon's events do not end an older client.
    pub fn read(&mut self, message: Incoming) -> Option<Told> {
        match message {
            Incoming::Notification { method, params } if method == method::EVENT => {
                let envelope: Envelope = serde_json::from_str(params.get()).ok()?;
                (envelope.session_id == self.session).then_some(Told::Event(envelope))
            }
            Incoming::Notification { method, params } => match method.as_str() {
                gate::method::STATE => serde_json::from_str(params.get()).ok().map(Told::Tree),
                gate::method::VERIFYING => serde_json::from_str(params.get()).ok().map(Told::Verifying),
                jobs::method::NEWS => serde_json::from_str(params.get()).ok().map(Told::Jobs),
                _ => None,
            },
            Incoming::Response {
                id: RequestId::Number(id),
                outcome,
            } => {
                let pending = self.pending.remove(&id)?;
                let outcome = match outcome {
                    Ok(raw) => Ok(raw.get().to_owned()),
                    Err(body) => Err(body.message),
                };
                Some(Told::Reply(reply(pending, outcome)))
            }
            Incoming::Request { .. } | Incoming::Response { .. } => None,
        }
    }
}

fn reply(pending: Pending, outcome: Result<String, String>) -> Reply {
    fn of<T: DeserializeOwned>(outcome: Result<String, String>) -> Result<T, String> {
        outcome.and_then(|raw| {
            serde_json::from_str(&raw).map_err(|e| format!("the daemon's answer is odd: {e}"))
        })
    }
    match pending {
        Pending::Prompt(number) => Reply::Prompt {
            number,
            outcome: outcome.map(drop),
        },
        Pending::Decided(asked) => Reply::Decided {
            asked,
            outcome: of(outcome),
        },
        Pending::Done => Reply::Done(outcome.map(drop)),
        Pending::Undo => Reply::Undone(of(outcome)),
        Pending::Redo => Reply::Redone(of(outcome)),
        Pending::Status => Reply::Status(of(outcome)),
        Pending::Log => Reply::Log(of(outcome)),
        Pending::Models => Reply::Models(of(outcome)),
        Pending::Limits => Reply::Limits(of(outcome)),
        Pending::Complete(query) => Reply::Completed {
            query,
            items: of::<CompleteReply>(outcome).map_or_else(|_| Vec::new(), |r| r.items),
        },
        Pending::Verify(run) => Reply::Verified {
            run,
            outcome: of(outcome),
        },
        Pending::Delegate => Reply::Delegated(of(outcome)),
        Pending::Jobs => Reply::Jobs(of(outcome)),
        Pending::Quota => Reply::Quota(of(outcome).unwrap_or_default()),
        Pending::Resume => Reply::Resumed(of::<Resumed>(outcome).map(|r| r.last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_protocol::parse;

    fn wire() -> Wire {
        Wire::new(PathBuf::from("/r"), SessionId(7), 10)
    }

    #[test]
    fn answers_find_what_they_answer() {
        let mut wire = wire();
        assert!(!wire.is_waiting());
        let keep = wire.line(Call::Keep(HunkSet::Ids(vec![HunkId(2)])));
        assert!(
            keep.contains("\"id\":11") && keep.contains("\"ids\":[2]"),
            "{keep}"
        );
        wire.line(Call::Complete { query: "sh".into() });
        let cases = [
            (
                r#"{"jsonrpc":"2.0","id":12,"result":{"items":[{"target":"shop.py","detail":""}]}}"#,
                "Reply(Completed { query: \"sh\", items: [Completion { target: \"shop.py\", detail: \"\" }] })",
            ),
            (
                r#"{"jsonrpc":"2.0","id":11,"error":{"code":-32000,"message":"no"}}"#,
                "Reply(Decided { asked: Ids([HunkId(2)]), outcome: Err(\"no\") })",
            ),
        ];
        for (line, want) in cases {
            assert!(wire.is_waiting());
            assert_eq!(format!("{:?}", wire.read(parse(line).unwrap()).unwrap()), want);
        }
        assert!(!wire.is_waiting());
        // What nobody asked for.
        for (line, want) in [
            (
                r#"{"jsonrpc":"2.0","method":"_brisk/state","params":{"root":"/r","tree":"ab","state":{"state":"draft","policy":true}}}"#,
                "Tree(TreeNews { root: \"/r\", tree: \"ab\", state: Draft { policy: true } })",
            ),
            (
                r#"{"jsonrpc":"2.0","method":"_brisk/verifying","params":{"run":3,"step":"started","check":"unit","argv":["true"]}}"#,
                "Verifying(Verifying { run: 3, step: Started { check: \"unit\", argv: [\"true\"] } })",
            ),
            (
                r#"{"jsonrpc":"2.0","method":"_brisk/jobs/news","params":{"root":"/r","jobs":[]}}"#,
                "Jobs(JobsNews { root: \"/r\", jobs: [] })",
            ),
        ] {
            assert_eq!(format!("{:?}", wire.read(parse(line).unwrap()).unwrap()), want);
        }
        // Answered once, and only what was asked; other sessions are not ours.
        for line in [
            r#"{"jsonrpc":"2.0","id":12,"result":null}"#,
            r#"{"jsonrpc":"2.0","method":"_brisk/event","params":{"sessionId":8,"seq":1,"atUs":0,"event":{"event":"first_token","turn":1}}}"#,
            r#"{"jsonrpc":"2.0","method":"_brisk/event","params":{"sessionId":7,"seq":1,"atUs":0,"event":{"event":"unheard_of"}}}"#,
        ] {
            assert_eq!(wire.read(parse(line).unwrap()), None, "{line}");
        }
    }
}
