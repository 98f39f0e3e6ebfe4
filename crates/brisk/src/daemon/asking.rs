//! What the daemon asks a plain client: may this be done, what does a buffer hold? The question goes out like any
//! other mail; the answer is waited for outside of the client's loop, so that a cancel is always read.

use super::mailbox::Mailbox;
use brisk_domain::SessionId;
use brisk_protocol::{ErrorBody, ErrorCode, RequestId, acp, request_line};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
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

/// What came of asking for the text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Buffer {
    /// What the person sees of it.
    Text(String),
    /// The client does not know the question, whatever it declared.
    Unsaid,
    /// It could not read the file, answered something else, or nothing in time; why, in words.
    Failed(String),
    /// The turn was cancelled, another prompt came, or the client went.
    Cancelled,
}

/// The questions about one turn of a session. A cancel ends them all, also those that are yet to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    session: SessionId,
    /// Cancels of the session before it.
    after: u64,
}

/// The two answers that are offered, in words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choices {
    pub(crate) allow: &'static str,
    pub(crate) reject: &'static str,
}

/// No person is in between: a program that has a file open reads it at once.
const READ_WITHIN: Duration = Duration::from_secs(10);

const ALLOW: &str = "allow";
const REJECT: &str = "reject";

/// What a client says to a question.
type Outcome = Result<Box<RawValue>, ErrorBody>;

#[derive(Default)]
struct State {
    last: i64,
    open: BTreeMap<i64, (SessionId, oneshot::Sender<Outcome>)>,
    /// How often each session was cancelled.
    cancels: BTreeMap<SessionId, u64>,
    closed: bool,
}

impl State {
    fn round(&self, session: SessionId) -> Round {
        let after = self.cancels.get(&session).copied().unwrap_or_default();
        Round { session, after }
    }
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

    /// The round that goes on until the session's next cancel.
    pub(crate) fn round(&self, session: SessionId) -> Round {
        self.lock().round(session)
    }

    /// Whether a cancel has ended a round.
    pub(crate) fn is_over(&self, round: Round) -> bool {
        self.round(round.session) != round
    }

    /// Asks and waits for the person.
    pub(crate) async fn permission(
        &self,
        round: Round,
        call: acp::ToolCallUpdate,
        choices: Choices,
    ) -> Verdict {
        let options = vec![
            acp::PermissionOption::new(ALLOW, choices.allow, acp::PermissionOptionKind::AllowOnce),
            acp::PermissionOption::new(REJECT, choices.reject, acp::PermissionOptionKind::RejectOnce),
        ];
        let request = acp::RequestPermissionRequest::new(round.session.to_string(), call, options);
        let outcome = self.question(round, "session/request_permission", &request).await;
        outcome.map_or(Verdict::Cancelled, verdict)
    }

    /// What the client's person sees of a file: unsaved text, too.
    pub(crate) async fn buffer(&self, round: Round, path: &Path) -> Buffer {
        let request = acp::ReadTextFileRequest::new(round.session.to_string(), path);
        let question = self.question(round, "fs/read_text_file", &request);
        match tokio::time::timeout(READ_WITHIN, question).await {
            Ok(outcome) => outcome.map_or(Buffer::Cancelled, buffer),
            Err(_) => Buffer::Failed(format!("no answer within {} s", READ_WITHIN.as_secs())),
        }
    }

    /// Sends a request and waits for its answer. None when it is not waited for any more.
    async fn question(&self, round: Round, method: &str, params: &impl Serialize) -> Option<Outcome> {
        let (sender, answer) = oneshot::channel();
        let id = {
            let mut state = self.lock();
            if state.closed || state.round(round.session) != round {
                return None;
            }
            state.last += 1;
            let id = state.last;
            state.open.insert(id, (round.session, sender));
            id
        };
        let _asked = Asked { asking: self, id };
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

    /// What is asked about a session is not waited for any more, and its rounds are over.
    pub(crate) fn cancel(&self, session: SessionId) {
        let mut state = self.lock();
        state.open.retain(|_, (of, _)| *of != session);
        *state.cancels.entry(session).or_default() += 1;
    }

    /// The client is gone.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.open.clear();
    }
}

/// A question that is waited for. Dropped, it is forgotten.
struct Asked<'a> {
    asking: &'a Asking,
    id: i64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.asking.lock().open.remove(&self.id);
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

fn buffer(outcome: Outcome) -> Buffer {
    let raw = match outcome {
        Ok(raw) => raw,
        Err(body) if body.code == ErrorCode::MethodNotFound.number() => return Buffer::Unsaid,
        Err(body) => return Buffer::Failed(body.message),
    };
    match serde_json::from_str::<acp::ReadTextFileResponse>(raw.get()) {
        Ok(answer) => Buffer::Text(answer.content),
        Err(_) => Buffer::Failed("its answer has no text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cancel_ends_what_is_asked_and_what_would_be() {
        const SESSION: SessionId = SessionId(1);
        let asking = Asking::new(Arc::new(Mailbox::new(10_000)));
        let round = asking.round(SESSION);
        let path = Path::new("/shop.py");
        let answer = |raw: &str| Ok(RawValue::from_string(raw.into()).unwrap());
        let said = async { asking.answered(&RequestId::Number(1), answer(r#"{"content":"x"}"#)) };
        let (got, ()) = tokio::join!(biased; asking.buffer(round, path), said);
        assert_eq!(got, Buffer::Text("x".into()));
        let odd = async { asking.answered(&RequestId::Number(2), answer("null")) };
        let (got, ()) = tokio::join!(biased; asking.buffer(round, path), odd);
        assert_eq!(got, Buffer::Failed("its answer has no text".into()));
        // Another session's cancel is nothing to this one.
        asking.cancel(SessionId(2));
        assert!(!asking.is_over(round));
        let (got, ()) = tokio::join!(biased; asking.buffer(round, path), async { asking.cancel(SESSION) });
        assert_eq!(got, Buffer::Cancelled);
        // Nobody waits for what would be asked after it, and it does not go out.
        assert!(asking.is_over(round));
        assert_eq!(asking.buffer(round, path).await, Buffer::Cancelled);
        assert_eq!(asking.lock().last, 3);
        assert!(!asking.is_over(asking.round(SESSION)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_buffer_that_never_comes_is_not_waited_for_for_ever() {
        const SESSION: SessionId = SessionId(1);
        let asking = Asking::new(Arc::new(Mailbox::new(10_000)));
        let got = asking.buffer(asking.round(SESSION), Path::new("/shop.py")).await;
        assert_eq!(got, Buffer::Failed("no answer within 10 s".into()));
        assert_eq!(asking.lock().open.len(), 0, "a late answer is nobody's");
    }

    #[test]
    fn only_who_does_not_know_the_question_is_taken_at_the_disks_word() {
        let body = |code| ErrorBody {
            code,
            message: "no".into(),
            data: None,
        };
        assert_eq!(buffer(Err(body(-32601))), Buffer::Unsaid);
        assert_eq!(buffer(Err(body(-32603))), Buffer::Failed("no".into()));
    }

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
