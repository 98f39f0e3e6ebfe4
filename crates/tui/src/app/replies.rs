//! Answers to requests.

use super::{After, App, QUOTA_AFTER};
use crate::book::Stage;
use crate::look;
use crate::wire::Reply;
use brisk_patch::visible::clip;
use brisk_protocol::domain::{HunkId, HunkState};
use brisk_protocol::{
    Decided, HunkSet, LogReply, ModelsReply, QuotaBound, QuotaLeft, QuotaOf, RepoStatus, UndoReply,
};

/// Columns of a request that stands for what it changed; it is further up in whole.
const NOTE: usize = 60;

impl App {
    pub(super) fn reply(&mut self, reply: Reply) {
        match reply {
            Reply::Prompt { number, outcome } => self.prompted(number, outcome),
            Reply::Decided { asked, outcome } => self.decided(&asked, outcome),
            Reply::Done(Ok(())) => {}
            Reply::Done(Err(why)) => {
                self.say(&why, look::BAD);
                self.rescue("the daemon refused it");
            }
            Reply::Undone(done) => self.undone(done, "undone", After::Undone),
            Reply::Redone(done) => self.undone(done, "redone", After::Kept),
            Reply::Status(Ok(status)) => {
                if std::mem::take(&mut self.tell_status) {
                    self.tell(&status);
                }
                if std::mem::take(&mut self.resumed) && status.undoable > 0 && self.after == After::Nothing {
                    self.after = After::Kept;
                }
                self.state = Some(status.state.clone());
                self.repo = Some(status);
            }
            Reply::Status(Err(why)) => self.say(&why, look::BAD),
            Reply::Log(Ok(log)) => self.tell_log(&log),
            Reply::Models(Ok(models)) => self.tell_models(&models),
            Reply::Log(Err(why)) | Reply::Models(Err(why)) | Reply::Jobs(Err(why)) => {
                self.say(&why, look::BAD)
            }
            // A daemon without this knows no bound that could be shown.
            Reply::Limits(limits) => self.limits = limits.ok(),
            Reply::Verified { run, outcome } => self.verified(run, outcome),
            Reply::Delegated(outcome) => self.delegated(outcome),
            Reply::Jobs(Ok(jobs)) => self.tell_jobs(&jobs),
            Reply::Quota(quota) => {
                let short = quota.left.iter().any(|q| q.left < q.limit);
                self.quota = quota;
                self.quota_due = short.then_some(self.now + QUOTA_AFTER);
            }
            Reply::Completed { query, items } => self.completed(&query, items),
            Reply::Resumed(Ok(_)) => {}
            Reply::Resumed(Err(why)) => self.say(&format!("the session cannot go on: {why}"), look::BAD),
        }
    }

    fn prompted(&mut self, number: u64, outcome: Result<(), String>) {
        let at = self.sent.iter().position(|(n, _)| *n == number);
        let sent = at.and_then(|at| self.sent.remove(at));
        let Err(why) = outcome else { return };
        self.untrack(number);
        // A turn that began tells its own end; a refused prompt had none.
        if let Some((_, wish)) = sent {
            self.say(&why, look::BAD);
            if self.live.as_ref().is_some_and(|l| l.turn.is_none()) {
                self.live = None;
            }
            // In plain mode the line and why it was refused are there to be read.
            if self.plain {
                self.draft_changed();
                self.next_queued();
            } else {
                self.give_back(wish);
            }
        }
    }

    fn decided(&mut self, asked: &HunkSet, outcome: Result<Decided, String>) {
        match outcome {
            Ok(decided) => {
                let kept = decided.kept.len();
                let rejected = decided.rejected.len();
                // The events have said most of it; what they had not is settled here.
                let mut over: Vec<(HunkId, HunkState)> = Vec::new();
                over.extend(decided.kept.into_iter().map(|id| (id, HunkState::Kept)));
                over.extend(decided.rejected.into_iter().map(|id| (id, HunkState::Rejected)));
                over.extend(
                    decided
                        .conflicted
                        .into_iter()
                        .map(|(id, why)| (id, HunkState::Conflicted { why })),
                );
                for (id, state) in over {
                    if let Some(over) = self.book.close(id, state) {
                        self.print_over(over);
                    }
                }
                let waiting: Vec<HunkId> = self
                    .book
                    .hunks
                    .iter()
                    .filter(|h| h.stage == Stage::Deciding && asked_for(asked, h.id))
                    .map(|h| h.id)
                    .collect();
                self.missing(&waiting);
                if kept > 0 {
                    self.after = After::Kept;
                    let (added, removed) = self.kept_lines;
                    self.drafted();
                    let verify = if self.can_verify() { ", v verifies" } else { "" };
                    let text = format!(
                        "kept {} (+{added} -{removed}); u takes it back{verify}",
                        look::count(kept, "hunk")
                    );
                    self.say(&text, look::DIM);
                    self.refresh();
                } else if rejected > 0 {
                    let what = look::count(rejected, "hunk");
                    let end = match self.book.is_offering() {
                        true => "",
                        false => "; that is final, the up arrow brings the request back",
                    };
                    self.say(&format!("rejected {what}{end}"), look::DIM);
                }
            }
            Err(why) => {
                self.say(&why, look::BAD);
                self.book.undecided();
            }
        }
    }

    fn undone(&mut self, done: Result<UndoReply, String>, word: &str, after: After) {
        match done {
            Ok(done) => {
                if done.op.is_some() {
                    let notes = clip(&done.notes.join("; "), NOTE);
                    let next = match after {
                        After::Undone => "; r brings it back",
                        After::Nothing | After::Kept => "",
                    };
                    let text = format!("{word}: {notes} ({}){next}", done.files.join(", "));
                    self.say(&text, look::DIM);
                    self.after = after;
                }
                for conflict in &done.conflicts {
                    self.say(&format!("not {word}: {conflict}"), look::WARN);
                }
                if done.op.is_none() && done.conflicts.is_empty() {
                    self.say(&format!("nothing to be {word}"), look::DIM);
                }
                self.refresh();
            }
            Err(why) => self.say(&why, look::BAD),
        }
    }

    fn tell(&mut self, status: &RepoStatus) {
        let tree = status.tree.get(..12).unwrap_or(&status.tree);
        let mut text = format!(
            "{}: tree {tree}: {}; {} to undo",
            status.root.display(),
            status.state,
            look::count(status.undoable, "edit")
        );
        for (name, what) in [("newest", &status.last), ("recovered", &status.recovered)] {
            if let Some(what) = what {
                text.push_str(&format!("\n{name}: {what}"));
            }
        }
        for left in &self.quota.left {
            text.push_str(&format!("\n{}", quota_line(left)));
        }
        self.say(&text, look::PLAIN);
    }

    fn tell_log(&mut self, log: &LogReply) {
        let lines: Vec<String> = log
            .entries
            .iter()
            .map(|e| {
                let undone = if e.undone { " (undone)" } else { "" };
                format!(
                    "{:>4} {:<4} {}: {}{undone}",
                    e.op,
                    e.kind,
                    e.files.join(", "),
                    e.note
                )
            })
            .collect();
        let text = match lines.is_empty() {
            true => "nothing was written here yet".to_owned(),
            false => lines.join("\n"),
        };
        self.say(&text, look::PLAIN);
    }

    fn tell_models(&mut self, models: &ModelsReply) {
        if let Some(wanted) = self.wanted.take() {
            if models.models.iter().any(|m| m.id == wanted) {
                return self.use_model(Some(wanted));
            }
            let text = format!("there is no model {wanted}; these are there:");
            self.say(&text, look::WARN);
        }
        let lines: Vec<String> = models
            .models
            .iter()
            .map(|m| format!("{:<24} {} ({})", m.id.0, m.state, m.source))
            .collect();
        self.say(&lines.join("\n"), look::PLAIN);
    }
}

/// `quota of the fast lane: 120 of 200 requests left this minute`.
fn quota_line(left: &QuotaLeft) -> String {
    let of = match &left.of {
        QuotaOf::Lane(lane) => format!("the {lane} lane"),
        QuotaOf::Model(model) => model.0.clone(),
    };
    let dollars = |micro: u64| format!("{:.2}", micro as f64 / 1e6);
    match left.bound {
        QuotaBound::Requests => format!(
            "quota of {of}: {} of {} requests left this minute",
            left.left, left.limit
        ),
        QuotaBound::Tokens => format!(
            "quota of {of}: {} of {} tokens left this minute",
            left.left, left.limit
        ),
        QuotaBound::Money => format!(
            "quota of {of}: {} of {} dollars left today",
            dollars(left.left),
            dollars(left.limit)
        ),
    }
}

fn asked_for(asked: &HunkSet, id: HunkId) -> bool {
    match asked {
        HunkSet::All => true,
        HunkSet::Ids(ids) => ids.contains(&id),
    }
}
