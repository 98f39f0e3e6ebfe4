//! Checks that a client's person asks for: by a method, or, where the client knows nothing but ACP, by the command
//! `/verify`. They run in a thread of their own, by the code of `brisk verify`, and end with their client. Models are
//! asked by other ways, and have none that leads here.

use super::deliver::update_line;
use super::turns::{message, words};
use super::{Client, decode, look, reply, session_id};
use crate::daemon::hub::refuse;
use crate::daemon::mailbox::Mailbox;
use crate::daemon::plain::View;
use crate::exit::{CliError, Exit};
use crate::home::Home;
use crate::verify::{Asked, Gate, Told, told};
use brisk_domain::SessionId;
use brisk_protocol::gate::{CheckReport, Verified, Verify, VerifyStep, Verifying, method};
use brisk_protocol::{ErrorBody, RequestId, acp, notify_line};
use brisk_sandbox::Stop;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The command, without its slash.
const NAME: &str = "verify";

/// Who asked for checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    /// A client, by its own number.
    Number(u64),
    /// A prompt of a session.
    Prompt(SessionId),
}

/// Checks that run for one client. Those that are over stay until the next of their kind: to stop them does nothing.
#[derive(Default)]
pub(super) struct Checks(BTreeMap<By, Stop>);

impl Checks {
    pub(super) fn stop(&self, run: u64) {
        self.end(By::Number(run));
    }

    pub(super) fn stop_of(&self, session: SessionId) {
        self.end(By::Prompt(session));
    }

    fn end(&self, by: By) {
        if let Some(stop) = self.0.get(&by) {
            stop.stop();
        }
    }

    pub(super) fn stop_all(&self) {
        self.0.values().for_each(Stop::stop);
    }

    /// Only the newest of a client runs.
    fn begin(&mut self, by: By) -> Result<Stop, ErrorBody> {
        let stop = Stop::new().map_err(|e| refuse(Exit::Confinement, e.to_string()))?;
        self.stop_all();
        self.0.retain(|known, _| *known == by);
        self.0.insert(by, stop.clone());
        Ok(stop)
    }
}

impl Client {
    pub(super) fn verify(&mut self, id: RequestId, params: &RawValue) {
        let begun =
            decode::<Verify>(params).and_then(|wish| Ok((self.checks.begin(By::Number(wish.run))?, wish)));
        let (stop, wish) = match begun {
            Ok(begun) => begun,
            Err(body) => return self.answer::<()>(&id, Err(body)),
        };
        let (home, mailbox) = (self.hub.home.clone(), Arc::clone(&self.mailbox));
        std::thread::spawn(move || {
            let run = wish.run;
            let mut tell = |step: VerifyStep| {
                mailbox.line(notify_line(method::VERIFYING, &Verifying { run, step }));
            };
            let done = checks(&home, &wish, stop, &mut tell);
            reply(&mailbox, &id, done.map_err(refusal));
        });
    }

    /// What stands behind the slash, where a prompt of a client that knows nothing but ACP begins with one.
    pub(super) fn command(&self, params: &RawValue) -> Option<Slash> {
        if !matches!(*look(&self.view), View::Plain(_)) {
            return None;
        }
        let request = decode::<acp::PromptRequest>(params).ok()?;
        slash(&request.prompt)
    }

    /// A command as a prompt. Of the one that there is, the progress comes as messages and a tool call, the end as the
    /// prompt's.
    pub(super) async fn run_command(&mut self, id: RequestId, params: &RawValue, slash: Slash) {
        let begun = match (decode::<acp::PromptRequest>(params), slash) {
            (Ok(request), Slash::Verify(checks)) => self.begin_in_words(&request, checks).await,
            (Ok(_), Slash::Unknown(name)) => Err(refuse(
                Exit::Usage,
                format!(
                    "there is no command /{name}; there is /{NAME}. With a space before the slash it is taken as words"
                ),
            )),
            (Err(body), _) => Err(body),
        };
        let (session, wish, stop) = match begun {
            Ok(begun) => begun,
            Err(body) => return self.answer::<()>(&id, Err(body)),
        };
        let (home, mailbox) = (self.hub.home.clone(), Arc::clone(&self.mailbox));
        std::thread::spawn(move || {
            let told = in_words(&mailbox, session, |tell| checks(&home, &wish, stop, tell));
            reply(&mailbox, &id, told.map(acp::PromptResponse::new));
        });
    }

    async fn begin_in_words(
        &mut self,
        request: &acp::PromptRequest,
        checks: Vec<String>,
    ) -> Result<(SessionId, Verify, Stop), ErrorBody> {
        let session = session_id(&request.session_id)?;
        let cwd: PathBuf = self.handle(session).await?.cwd;
        let stop = self.checks.begin(By::Prompt(session))?;
        let wish = Verify {
            cwd,
            run: 0,
            checks,
            again: false,
        };
        Ok((session, wish, stop))
    }

    /// What a client that knows nothing but ACP may offer behind a slash.
    pub(super) fn advertise(&self, session: SessionId) {
        if matches!(*look(&self.view), View::Plain(_)) {
            let hint = acp::UnstructuredCommandInput::new("names of checks; none: all of them");
            let what = "Run the confirmed checks on the files as they are, and say where the tree stands";
            let command =
                acp::AvailableCommand::new(NAME, what).input(acp::AvailableCommandInput::Unstructured(hint));
            let update = acp::AvailableCommandsUpdate::new(vec![command]);
            self.mailbox.line(update_line(
                session,
                acp::SessionUpdate::AvailableCommandsUpdate(update),
            ));
        }
    }
}

/// A prompt that begins with a slash.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Slash {
    /// Checks are to run: these, or without names all of them.
    Verify(Vec<String>),
    /// The name of a command that there is not.
    Unknown(String),
}

/// The command that a prompt is. Its words decide: what an editor adds to them, such as the open file, says nothing of a
/// command. A path at the beginning (`/etc/hosts`) is none.
fn slash(prompt: &[acp::ContentBlock]) -> Option<Slash> {
    let (text, _) = words(prompt, false);
    let mut words = text.strip_prefix('/')?.split_whitespace();
    let name = words.next()?;
    if text.starts_with("/ ") || !name.chars().all(|c| c.is_alphanumeric() || "-_".contains(c)) {
        return None;
    }
    Some(match name {
        NAME => Slash::Verify(words.map(str::to_owned).collect()),
        other => Slash::Unknown(other.to_owned()),
    })
}

fn refusal(error: CliError) -> ErrorBody {
    let message = match error.hint {
        Some(hint) => format!("{}. Next: {hint}", error.message),
        None => error.message,
    };
    refuse(error.exit, message)
}

/// Runs them, in this thread.
fn checks(
    home: &Home,
    wish: &Verify,
    stop: Stop,
    tell: &mut (dyn FnMut(VerifyStep) + Send),
) -> Result<Verified, CliError> {
    let mut gate = Gate::open(home, &wish.cwd)?;
    gate.stopped_by(stop);
    let (tree, base, policy) = gate.question()?;
    let asked = Asked {
        checks: Gate::named(&policy, &wish.checks)?,
        again: wish.again,
        ..Asked::default()
    };
    let mut over: Vec<CheckReport> = Vec::new();
    let mut hear = |said: Told<'_>| match said {
        Told::Started { check, argv } => tell(VerifyStep::Started {
            check: check.to_owned(),
            argv: argv.to_vec(),
        }),
        Told::Note { check, text } => tell(VerifyStep::Note {
            check: check.to_owned(),
            text: text.to_owned(),
        }),
        Told::Line(_) => {}
        Told::Ended(ended) => {
            let report = ended.report();
            over.push(report.clone());
            tell(VerifyStep::Ended(report));
        }
    };
    let done = gate.verify((&tree, &base, &policy), &asked, &mut hear);
    let (stopped, state) = match done {
        Ok(state) => (false, state),
        Err(e) if e.exit == Exit::Interrupted => {
            let book = gate.ledger()?;
            let state = book.state(&tree, &policy, base.tree.as_ref());
            (true, state.map_err(crate::verify::ledger)?)
        }
        Err(e) => return Err(e),
    };
    Ok(Verified {
        stopped,
        tree: tree.to_string(),
        state: told(Some(&state)),
        checks: over,
    })
}

/// A run as ACP tells it.
fn in_words(
    mailbox: &Mailbox,
    session: SessionId,
    run: impl FnOnce(&mut (dyn FnMut(VerifyStep) + Send)) -> Result<Verified, CliError>,
) -> Result<acp::StopReason, ErrorBody> {
    let call = |name: &str| format!("{session}-check-{name}");
    let update = |u: acp::SessionUpdate| mailbox.line(update_line(session, u));
    let mut open: Option<String> = None;
    let close = |name: &str, status| {
        let fields = acp::ToolCallUpdateFields::new().status(status);
        update(acp::SessionUpdate::ToolCallUpdate(acp::ToolCallUpdate::new(
            call(name),
            fields,
        )));
    };
    let mut tell = |step: VerifyStep| match step {
        VerifyStep::Started { check, argv } => {
            let title = format!("{check}: {}", argv.join(" "));
            update(acp::SessionUpdate::ToolCall(
                acp::ToolCall::new(call(&check), title)
                    .kind(acp::ToolKind::Execute)
                    .status(acp::ToolCallStatus::InProgress),
            ));
            open = Some(check);
        }
        VerifyStep::Note { check, text } => update(message(&format!("{check}: {text}\n"))),
        VerifyStep::Ended(report) => {
            if open.take().is_some() {
                let well = report.outcome == brisk_protocol::gate::Outcome::Passed;
                let status = match well {
                    true => acp::ToolCallStatus::Completed,
                    false => acp::ToolCallStatus::Failed,
                };
                close(&report.check, status);
            }
            report
                .tail
                .iter()
                .for_each(|line| update(message(&format!("    {line}\n"))));
            update(message(&format!("{report}\n")));
            if !report.why.is_empty() {
                update(message(&format!("    {}\n", report.why)));
            }
        }
    };
    let done = run(&mut tell);
    if let Some(check) = open.take() {
        close(&check, acp::ToolCallStatus::Failed);
    }
    let done = done.map_err(refusal)?;
    let short = done.tree.get(..12).unwrap_or(&done.tree);
    update(message(&format!("tree {short}: {}\n", done.state)));
    Ok(match done.stopped {
        true => acp::StopReason::Cancelled,
        false => acp::StopReason::EndTurn,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_what_is_a_command() {
        let text = |t: &str| acp::ContentBlock::Text(acp::TextContent::new(t));
        let link = || acp::ContentBlock::ResourceLink(acp::ResourceLink::new("shop.py", "file:///shop.py"));
        let verify = |names: &[&str]| Some(Slash::Verify(names.iter().map(|n| (*n).to_owned()).collect()));
        let unknown = |name: &str| Some(Slash::Unknown(name.to_owned()));
        let cases = [
            (vec![text("/verify")], verify(&[])),
            (vec![text("/verify unit lint")], verify(&["unit", "lint"])),
            (vec![text("/verify"), text("")], verify(&[])),
            (vec![text("/verify "), link()], verify(&[])),
            (vec![link(), text("/verify")], verify(&[])),
            (vec![text("/nope it")], unknown("nope")),
            (vec![text("/verifying")], unknown("verifying")),
            (vec![text(" /nope it")], None),
            (vec![text("/etc/hosts is wrong")], None),
            (vec![text("/ is the root")], None),
            (vec![text("run /verify")], None),
            (vec![link()], None),
            (vec![], None),
        ];
        for (prompt, want) in cases {
            assert_eq!(slash(&prompt), want, "{prompt:?}");
        }
    }
}
