//! Prompts, and how they end. A client that knows the extensions decides about hunks when it likes; a plain one is
//! asked before its prompt is answered, because nothing else of ACP could decide.

use super::{Client, decode, invalid, look, reply, send, session_id};
use crate::daemon::actor::{Control, Handle, Over};
use crate::daemon::asking::{Asking, Buffer, Choices, Round, Verdict};
use crate::daemon::client::deliver::update_line;
use crate::daemon::gather::parse_target;
use crate::daemon::hub::refuse;
use crate::daemon::mailbox::Mailbox;
use crate::daemon::mention;
use crate::daemon::options::Choice;
use crate::daemon::plain::{Reached, Shown, View, call_id};
use crate::exit::Exit;
use crate::home::Home;
use crate::verify::standing;
use brisk_domain::{CancelReason, Command, Failure, HunkSelector, Intent, Prompt, SessionId, StopReason};
use brisk_protocol::{
    BRISK_META, ErrorBody, PromptExtras, RequestId, SessionRef, Steer, Unqueue, Unqueued, acp,
};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// A prompt under way.
pub(super) struct Turn {
    session: SessionId,
    handle: Handle,
    /// What its person is asked when it is over.
    round: Round,
    over: oneshot::Receiver<Over>,
}

impl Client {
    pub(super) async fn prompt(&mut self, params: &RawValue) -> Result<Turn, ErrorBody> {
        let request: acp::PromptRequest = decode(params)?;
        let session = session_id(&request.session_id)?;
        let named = match request.meta.as_ref().and_then(|m| m.get(BRISK_META)) {
            Some(value) => Some(serde_json::from_value(value.clone()).map_err(|e| invalid(&e))?),
            None => None,
        };
        let handle = self.handle(session).await?;
        let chosen = self.choices.get(&session).cloned().unwrap_or_default();
        let (text, links) = words(&request.prompt, true);
        let extras = match named {
            Some(named) => named,
            None => {
                let (extras, others) = extras_of(chosen, &handle, &links)?;
                if !others.is_empty() {
                    let text = format!(
                        "Left out, for it is no file of {}: {}\n\n",
                        handle.repo.root().display(),
                        others.join(", ")
                    );
                    self.mailbox.line(update_line(session, message(&text)));
                }
                extras
            }
        };
        self.can_be_asked(&extras)?;
        let command = Command::Prompt(prompt_of(&handle, text, extras)?);
        // What is still asked about an earlier turn is not waited for any more.
        self.asking.cancel(session);
        let round = self.asking.round(session);
        let (sender, over) = oneshot::channel();
        send(
            &handle,
            Control::Prompt {
                command,
                over: sender,
            },
        )?;
        Ok(Turn {
            session,
            handle,
            round,
            over,
        })
    }

    /// Refuses a vendor's model that lacks its key, by what it lacks.
    fn can_be_asked(&self, extras: &PromptExtras) -> Result<(), ErrorBody> {
        match extras
            .model
            .as_ref()
            .and_then(|model| self.hub.models.lacking(model))
        {
            Some(why) => Err(refuse(Exit::NoModel, why)),
            None => Ok(()),
        }
    }

    pub(super) async fn steer(&mut self, params: &RawValue, queue: bool) -> Result<(), ErrorBody> {
        let steer: Steer = decode(params)?;
        let handle = self.handle(steer.session_id).await?;
        self.can_be_asked(&steer.extras)?;
        let prompt = prompt_of(&handle, steer.text, steer.extras)?;
        let command = if queue {
            Command::Queue(prompt)
        } else {
            Command::Prompt(prompt)
        };
        send(&handle, Control::Tell(command))
    }

    pub(super) async fn raise_budget(&mut self, params: &RawValue) -> Result<(), ErrorBody> {
        let SessionRef { session_id } = decode(params)?;
        self.attempt(session_id, Command::RaiseBudget).await?;
        Ok(())
    }

    pub(super) async fn unqueue(&mut self, params: &RawValue) -> Result<Unqueued, ErrorBody> {
        let Unqueue { session_id, text } = decode(params)?;
        let taken = self.attempt(session_id, Command::Unqueue(text)).await?;
        Ok(Unqueued { taken })
    }

    /// Has a session do something at once, and gives the queued prompts that it took back.
    pub(super) async fn attempt(
        &mut self,
        session: SessionId,
        command: Command,
    ) -> Result<Vec<String>, ErrorBody> {
        let handle = self.handle(session).await?;
        let (done, answer) = oneshot::channel();
        send(&handle, Control::Try { command, done })?;
        let gone = |_| refuse(Exit::Daemon, "the session ended; start a new one");
        let outcome = answer.await.map_err(gone)?;
        outcome.map_err(|why| refuse(Exit::Target, why))
    }

    /// Answers a prompt when its turn is over, without holding up what this client says next.
    pub(super) fn settle(&self, id: RequestId, mut turn: Turn) {
        let (mailbox, asking) = (Arc::clone(&self.mailbox), Arc::clone(&self.asking));
        let (view, home) = (Arc::clone(&self.view), self.hub.home.clone());
        tokio::spawn(async move {
            let plain = matches!(*look(&view), View::Plain(_));
            let outcome = match (&mut turn.over).await {
                Err(_) => Err(refuse(Exit::Daemon, "the session ended; start a new one")),
                Ok(over) if plain => {
                    mailbox.caught_up(turn.session, over.seq).await;
                    decide((&mailbox, &home), &asking, &view, &turn, &over.stop).await
                }
                Ok(over) => Ok(stop_reason(&over.stop)),
            };
            reply(&mailbox, &id, outcome.map(acp::PromptResponse::new));
        });
    }

    /// A plain client's turn waits at its budget: may the patch grow?
    pub(super) fn ask_to_grow(&self, reached: Reached) {
        let Reached {
            session,
            turn,
            lines,
            max_lines,
        } = reached;
        let Some(handle) = self.joined.get(&session).cloned() else {
            return;
        };
        let asking = Arc::clone(&self.asking);
        let round = asking.round(session);
        let mailbox = Arc::clone(&self.mailbox);
        tokio::spawn(async move {
            let title = format!("Let the patch grow beyond {max_lines} changed lines ({lines} so far)");
            let id = format!("{session}-{turn}-budget");
            let call = acp::ToolCall::new(id.clone(), title).kind(acp::ToolKind::Edit);
            let choices = Choices {
                allow: "Let it grow",
                reject: "Stop here",
            };
            let verdict = asking.permission(round, call.into(), choices).await;
            let command = match verdict {
                Verdict::Allowed => Control::Tell(Command::RaiseBudget),
                Verdict::Refused | Verdict::Unanswered | Verdict::Cancelled => Control::GiveUp { turn },
            };
            mailbox.line(update_line(session, closed(id, verdict == Verdict::Allowed)));
            let _ = handle.control.send(command);
        });
    }
}

/// Asks a plain client about the hunks on offer, if there are any, and says how its prompt ended.
async fn decide(
    (mailbox, home): (&Mailbox, &Home),
    asking: &Asking,
    view: &Mutex<View>,
    turn: &Turn,
    stop: &StopReason,
) -> Result<acp::StopReason, ErrorBody> {
    let (session, round) = (turn.session, turn.round);
    let (offered, buffers) = match &*look(view) {
        View::Plain(plain) => (plain.offered(session), plain.buffers),
        View::Extended => (vec![], false),
    };
    let wanted = match stop {
        StopReason::EndTurn
        | StopReason::Failed { .. }
        | StopReason::Cancelled {
            cause: CancelReason::OverBudget | CancelReason::Stalled,
        } => true,
        // The person stopped it, or nobody is there: the hunks stay on offer.
        StopReason::Cancelled { .. } => false,
    };
    if wanted && !offered.is_empty() {
        let hunks = HunkSelector::Ids(offered.iter().map(|h| h.id).collect());
        let (call, own) = question(session, &offered);
        let choices = Choices {
            allow: "Keep",
            reject: "Reject",
        };
        let verdict = asking.permission(round, call, choices).await;
        if let Some(id) = own {
            mailbox.line(update_line(session, closed(id, verdict == Verdict::Allowed)));
        }
        if verdict == Verdict::Allowed && buffers {
            match editor(asking, round, &offered).await {
                Editor::Unsaved(path) => {
                    let text = format!(
                        "{} has unsaved text in your editor, so nothing was written. Save or revert it, then ask \
                         again: the changes stay on offer.",
                        path.display()
                    );
                    mailbox.line(update_line(session, message(&text)));
                    return Ok(stop_reason(stop));
                }
                Editor::Unread(path, why) => {
                    let text = format!(
                        "Your editor does not say what it holds of {} ({why}), so nothing was written: it could \
                         replace unsaved text. The changes stay on offer, and the next prompt asks again.",
                        path.display()
                    );
                    mailbox.line(update_line(session, message(&text)));
                    return Ok(stop_reason(stop));
                }
                Editor::Cancelled => return Ok(acp::StopReason::Cancelled),
                Editor::Saved => {}
            }
        }
        // A cancel that comes after the answer and before the write is as good as one before the answer.
        if asking.is_over(round) {
            return Ok(acp::StopReason::Cancelled);
        }
        let command = match verdict {
            Verdict::Allowed => Command::Keep(hunks),
            Verdict::Refused => Command::Reject(hunks),
            Verdict::Cancelled => return Ok(acp::StopReason::Cancelled),
            Verdict::Unanswered => {
                let text = "Your editor did not say whether to keep the changes, so nothing was written. They stay \
                            on offer, and the next prompt asks again.";
                mailbox.line(update_line(session, message(text)));
                return Ok(stop_reason(stop));
            }
        };
        let (done, written) = oneshot::channel();
        send(&turn.handle, Control::Decide { command, done })?;
        // What came of each hunk has been told by its tool call.
        let _ = written.await;
        if verdict == Verdict::Allowed {
            tell_tree(mailbox, home, turn).await;
        }
    }
    match stop {
        // In ACP a refusal would take the prompt out of the conversation; this is a fault with words.
        StopReason::Failed { failure, message } => Err(refuse(exit_of(*failure), message.clone())),
        StopReason::EndTurn | StopReason::Cancelled { .. } => Ok(stop_reason(stop)),
    }
}

/// The ledger's word on what is there now, beside the model's.
async fn tell_tree(mailbox: &Mailbox, home: &Home, turn: &Turn) {
    let (home, repo) = (home.clone(), Arc::clone(&turn.handle.repo));
    let standing = tokio::task::spawn_blocking(move || standing(&home, repo.root()));
    if let Ok(Ok((tree, state))) = standing.await {
        let text = format!("tree {}: {state}\n", tree.short());
        let words = acp::ContentBlock::Text(acp::TextContent::new(text));
        let thought = acp::SessionUpdate::AgentThoughtChunk(acp::ContentChunk::new(words));
        mailbox.line(update_line(turn.session, thought));
    }
}

/// What the person's editor holds of the files of some hunks.
enum Editor {
    /// What is on disk, or it does not say.
    Saved,
    /// Other text: an edit of the file would be lost with the next save, or the unsaved text with the edit.
    Unsaved(PathBuf),
    /// It could not read the file, or said nothing in time; why, in words.
    Unread(PathBuf, String),
    /// It is not waited for any more: nothing may be written.
    Cancelled,
}

/// Asks the editor for each file. Ends of lines do not count, editors change them for themselves.
async fn editor(asking: &Asking, round: Round, offered: &[Shown]) -> Editor {
    let paths: BTreeSet<&PathBuf> = offered.iter().map(|h| &h.diff.path).collect();
    for path in paths {
        let buffer = match asking.buffer(round, path).await {
            Buffer::Text(text) => text,
            Buffer::Unsaid => continue,
            // It cannot have read what is not there yet.
            Buffer::Failed(_) if !path.exists() => continue,
            Buffer::Failed(why) => return Editor::Unread(path.clone(), why),
            Buffer::Cancelled => return Editor::Cancelled,
        };
        let file = path.clone();
        let disk = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
        // A file that cannot be read is refused in its own words when it is written.
        if let Ok(Ok(disk)) = disk
            && !disk
                .trim_start_matches('\u{FEFF}')
                .lines()
                .eq(buffer.trim_start_matches('\u{FEFF}').lines())
        {
            return Editor::Unsaved(path.clone());
        }
    }
    Editor::Saved
}

pub(super) fn message(text: &str) -> acp::SessionUpdate {
    let block = acp::ContentBlock::Text(acp::TextContent::new(text));
    acp::SessionUpdate::AgentMessageChunk(acp::ContentChunk::new(block))
}

/// The tool call that the permission is about: the hunk's own, or one for several, whose id then comes second.
fn question(session: SessionId, offered: &[Shown]) -> (acp::ToolCallUpdate, Option<String>) {
    let fields = acp::ToolCallUpdateFields::new()
        .kind(acp::ToolKind::Edit)
        .content(offered.iter().map(|h| h.diff.clone().into()).collect::<Vec<_>>())
        .locations(offered.iter().map(|h| h.location.clone()).collect::<Vec<_>>());
    match offered {
        [one] => {
            let fields = fields.title(one.title.clone());
            (acp::ToolCallUpdate::new(call_id(session, one.id), fields), None)
        }
        many => {
            let last = many.last().map(|h| h.id).unwrap_or_default();
            let id = format!("{}-keep", call_id(session, last));
            let fields = fields.title(format!("Keep {} changes", many.len()));
            (acp::ToolCallUpdate::new(id.clone(), fields), Some(id))
        }
    }
}

/// The end of a tool call that was only a question.
fn closed(id: String, yes: bool) -> acp::SessionUpdate {
    let status = if yes {
        acp::ToolCallStatus::Completed
    } else {
        acp::ToolCallStatus::Failed
    };
    let fields = acp::ToolCallUpdateFields::new().status(status);
    acp::SessionUpdate::ToolCallUpdate(acp::ToolCallUpdate::new(id, fields))
}

fn exit_of(failure: Failure) -> Exit {
    match failure {
        Failure::Target => Exit::Target,
        Failure::Model => Exit::NoModel,
        Failure::Upstream => Exit::Upstream,
        Failure::Unusable => Exit::Nothing,
        Failure::Write => Exit::Disk,
    }
}

/// The words of a prompt, and the addresses that it points to. `named`: a link is named in the words, too.
pub(super) fn words(blocks: &[acp::ContentBlock], named: bool) -> (String, Vec<String>) {
    let (mut text, mut links) = (String::new(), Vec::new());
    for block in blocks {
        if let acp::ContentBlock::Text(t) = block {
            text.push_str(&t.text);
        }
        if let acp::ContentBlock::ResourceLink(link) = block {
            if named {
                text.push_str(&link.name);
            }
            links.push(link.uri.clone());
        }
    }
    (text, links)
}

/// What a prompt without extras means, and its links that are no files of this repository: an editor may add what it has
/// open by itself. An edit with such links alone is an error: without them another file would be found, and edited.
fn extras_of(
    choice: Choice,
    handle: &Handle,
    links: &[String],
) -> Result<(PromptExtras, Vec<String>), ErrorBody> {
    let (mut targets, mut others) = (Vec::new(), Vec::new());
    for uri in links {
        let target = mention::target(uri);
        match target.filter(|raw| parse_target(&handle.repo, &handle.cwd, raw).is_ok()) {
            Some(target) => targets.push(target),
            None => others.push(uri.clone()),
        }
    }
    if let (Intent::Edit, true, Some(uri)) = (choice.intent, targets.is_empty(), others.first()) {
        return Err(refuse(
            Exit::Target,
            format!(
                "{uri} is no file of {}; take the link out, or link the file to work on",
                handle.repo.root().display()
            ),
        ));
    }
    let extras = PromptExtras {
        targets,
        intent: choice.intent,
        model: choice.model,
        ..PromptExtras::default()
    };
    Ok((extras, others))
}

fn prompt_of(handle: &Handle, text: String, extras: PromptExtras) -> Result<Prompt, ErrorBody> {
    if text.trim().is_empty() {
        return Err(refuse(Exit::Usage, "the request is empty; say what to change"));
    }
    let targets = extras
        .targets
        .iter()
        .map(|raw| parse_target(&handle.repo, &handle.cwd, raw))
        .collect::<Result<_, _>>()
        .map_err(|message| refuse(Exit::Target, message))?;
    Ok(Prompt {
        text,
        targets,
        intent: extras.intent,
        model: extras.model,
        lane: extras.lane,
        latency: extras.latency,
        auto_keep: extras.auto_keep,
    })
}

fn stop_reason(stop: &StopReason) -> acp::StopReason {
    match stop {
        StopReason::EndTurn => acp::StopReason::EndTurn,
        StopReason::Cancelled {
            cause: CancelReason::OverBudget,
        } => acp::StopReason::MaxTurnRequests,
        StopReason::Cancelled { .. } => acp::StopReason::Cancelled,
        StopReason::Failed { .. } => acp::StopReason::Refusal,
    }
}
