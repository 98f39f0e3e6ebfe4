//! What the daemon asks a plain client: may this be done, what does a buffer hold? The question goes out like any other mail; the answer is
//! waited for outside of the client's loop, so that a cancel is always read.

use super::mailbox::Mailbox;
use brisk_domain::SessionId;
use brisk_protocol::{ErrorBody, RequestId, acp, request_line};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Yes.
    Allowed,
    /// No.
    Refused,
    /// The client could not put the question, or answered something else.
    Unanswered,
    /// The turn was cancelled, another prompt came, or the client went.
    Cancelled,
}

/// The two answers that are offered, in words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choices {
    pub(crate) allow: &'static str,
    pub(crate) reject: &'static str,
}

const ALLOW: &str = "allow";
const REJECT: &str = "reject";

/// What a client says to a question.
type Outcome = Result<Box<RawValue>, ErrorBody>;

#[derive(Default)]
struct State {
    last: i64,
    open: BTreeMap<i64, (SessionId, oneshot::Sender<Outcome>)>,
    closed: bool,
}

/// The questions of one client.
pub(crate) struct Asking {
    mailbox: Arc<Mailbox>,
    state: Mutex<State>,
}

impl Asking {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Asking {
        Asking {
            mailbox,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Only a map is behind the lock: a panic elsewhere cannot leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks and waits for the person.
    pub(crate) async fn permission(
        &self,
        session: SessionId,
        call: acp::ToolCallUpdate,
        choices: Choices,
    ) -> Verdict {
        let options = vec![
            acp::PermissionOption::new(ALLOW, choices.allow, acp::PermissionOptionKind::AllowOnce),
            acp::PermissionOption::new(REJECT, choices.reject, acp::PermissionOptionKind::RejectOnce),
        ];
        let request = acp::RequestPermissionRequest::new(session.to_string(), call, options);
        let outcome = self
            .question(session, "session/request_permission", &request)
            .await;
        outcome.map_or(Verdict::Cancelled, verdict)
    }

    /// What the client's person sees of a file: unsaved text, too. None where the client does not say.
    pub(crate) async fn buffer(&self, session: SessionId, path: &Path) -> Option<String> {
        let request = acp::ReadTextFileRequest::new(session.to_string(), path);
        let raw = self
            .question(session, "fs/read_text_file", &request)
            .await?
            .ok()?;
        let answer: acp::ReadTextFileResponse = serde_json::from_str(raw.get()).ok()?;
        Some(answer.content)
    }

    /// Sends a request and waits for its answer. None when it is not waited for any more.
    async fn question(&self, session: SessionId, method: &str, params: &impl Serialize) -> Option<Outcome> {
        let (sender, answer) = oneshot::channel();
        let id = {
            let mut state = self.lock();
            if state.closed {
                return None;
            }
            state.last += 1;
            let id = state.last;
            state.open.insert(id, (session, sender));
            id
        };
        self.mailbox
            .line(request_line(&RequestId::Number(id), method, params));
        answer.await.ok()
    }

    /// The client answered something. What was not asked, or not any more, is ignored.
    pub(crate) fn answered(&self, id: &RequestId, outcome: Outcome) {
        let RequestId::Number(id) = id else { return };
        if let Some((_, sender)) = self.lock().open.remove(id) {
            // Whoever asked may have gone.
            let _ = sender.send(outcome);
        }
    }

    /// What is asked about a session is not waited for any more.
    pub(crate) fn cancel(&self, session: SessionId) {
        self.lock().open.retain(|_, (of, _)| *of != session);
    }

    /// The client is gone.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.open.clear();
    }
}

fn verdict(outcome: Outcome) -> Verdict {
    let parsed = outcome
        .ok()
        .and_then(|raw| serde_json::from_str::<acp::RequestPermissionResponse>(raw.get()).ok());
    match parsed.map(|p| p.outcome) {
        Some(acp::RequestPermissionOutcome::Selected(s)) if &*s.option_id.0 == ALLOW => Verdict::Allowed,
        Some(acp::RequestPermissionOutcome::Selected(s)) if &*s.option_id.0 == REJECT => Verdict::Refused,
        Some(acp::RequestPermissionOutcome::Cancelled) => Verdict::Cancelled,
        Some(_) | None => Verdict::Unanswered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_what_they_mean() {
        let cases = [
            (
                r#"{"outcome":{"outcome":"selected","optionId":"allow"}}"#,
                Verdict::Allowed,
            ),
            (
                r#"{"outcome":{"outcome":"selected","optionId":"reject"}}"#,
                Verdict::Refused,
            ),
            (
                r#"{"outcome":{"outcome":"selected","optionId":"other"}}"#,
                Verdict::Unanswered,
            ),
            (r#"{"outcome":{"outcome":"cancelled"}}"#, Verdict::Cancelled),
            ("{}", Verdict::Unanswered),
            ("null", Verdict::Unanswered),
        ];
        for (raw, want) in cases {
            let raw_value = RawValue::from_string(raw.into()).unwrap();
            assert_eq!(verdict(Ok(raw_value)), want, "{raw}");
        }
        let body = ErrorBody {
            code: -32601,
            message: "no".into(),
            data: None,
        };
        assert_eq!(verdict(Err(body)), Verdict::Unanswered);
    }
}
