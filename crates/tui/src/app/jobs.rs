//! Work that is handed over from here: asked for, counted, and one line when it is done.

use super::{Act, App, Wish};
use crate::look;
use crate::wire::Call;
use brisk_protocol::domain::JobId;
use brisk_protocol::domain::job::JobState;
use brisk_protocol::jobs::{Delegated, JobBrief, JobView, JobsNews, JobsReply};

/// How the person is told that a job is done, beside the line in the scrollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notify {
    /// Not at all.
    #[default]
    Never,
    /// The terminal rings.
    Bell,
    /// The terminal shows a message of its own (OSC 9), where it can.
    Message,
}

/// A request that is on its way to the brain.
#[derive(Debug)]
pub(super) struct Handing {
    wish: Wish,
    /// The turn that has it now is stopped once the job is taken in.
    stops: bool,
}

/// Whether the person has something to look at, or to know why there is nothing.
fn done(job: &JobBrief) -> bool {
    matches!(job.state, JobState::Ready(_) | JobState::Failed { .. })
}

impl App {
    /// The key that gives it to the brain: what is written, else what runs, else what was asked last.
    pub(super) fn give(&mut self) {
        if !self.composer.is_empty() {
            let text = self.composer.take();
            self.typing = false;
            self.menu = None;
            self.act(Act::Remember(text.clone()));
            let wish = Wish::again(text.trim(), &self.known);
            return self.hand_over(wish, false);
        }
        let running = self.live.as_ref().map(|l| l.written.clone());
        match running.clone().or_else(|| self.asked.clone()) {
            Some(written) => {
                let wish = Wish::again(&written, &self.known);
                self.hand_over(wish, running.is_some());
            }
            None => self.hint = Some("nothing to hand over yet: write what is to be done".into()),
        }
    }

    pub(super) fn hand_over(&mut self, wish: Wish, stops: bool) {
        if self.handing.is_some() {
            self.hint = Some("one is on its way already".into());
            return self.give_back(wish);
        }
        if self.link != super::Link::Up {
            self.hint = Some("there is no connection to the daemon yet".into());
            return self.give_back(wish);
        }
        let call = Call::Delegate {
            text: wish.text.clone(),
            files: wish.targets.clone(),
            model: self.model.clone(),
        };
        self.handing = Some(Handing { wish, stops });
        self.send(call);
    }

    pub(super) fn delegated(&mut self, outcome: Result<Delegated, String>) {
        let Some(Handing { wish, stops }) = self.handing.take() else {
            return;
        };
        match outcome {
            Ok(done) => {
                let models: Vec<&str> = done.models.iter().map(|m| m.0.as_str()).collect();
                let text = format!(
                    "handed over as {} to {}; /jobs lists them",
                    done.job,
                    models.join(", ")
                );
                self.say(&text, look::DIM);
                self.begins(done.job);
                if stops && self.live.as_ref().is_some_and(|l| l.written == wish.written) {
                    self.stop();
                }
                self.next_after_past();
            }
            Err(why) => {
                self.say(&format!("not handed over: {why}"), look::WARN);
                if !stops && self.asked.as_ref() != Some(&wish.written) {
                    self.give_back(wish);
                }
                // What waits would likely be refused, too.
                self.held |= !self.queue.is_empty();
            }
        }
    }

    /// The connection went while a request was on its way.
    pub(super) fn not_handed(&mut self) {
        if let Some(Handing { wish, stops: false }) = self.handing.take() {
            self.give_back(wish);
        }
    }

    pub(super) fn jobs_news(&mut self, news: JobsNews) {
        if self.repo.as_ref().is_some_and(|r| r.root != news.root) {
            return;
        }
        let before = self.jobs.replace(news.jobs);
        let newest = before.iter().flatten().map(|b| b.job).max();
        let is_news = |id: JobId| match &before {
            // What was over before we came is no news, unless it was begun from here.
            None => self.begun.contains(&id),
            // What began and ended between two news is.
            Some(before) => match before.iter().find(|b| b.job == id) {
                Some(b) => b.state == JobState::Open,
                None => newest.is_none_or(|newest| id > newest),
            },
        };
        let over = self.jobs.iter().flatten().filter(|j| is_news(j.job));
        let over = over.cloned().collect();
        if before.is_none() {
            let passed = self.jobs.iter().flatten().filter(|j| done(j));
            self.passed = passed.map(|j| j.job).collect();
        }
        self.tell_over(over);
    }

    /// A job that was handed over from here is known by its number. The first news may have come before that.
    fn begins(&mut self, id: JobId) {
        self.begun.insert(id);
        if self.passed.remove(&id) {
            let over = self.jobs.iter().flatten().filter(|j| j.job == id);
            let over = over.cloned().collect();
            self.tell_over(over);
        }
    }

    /// One line for each of these that came to its end.
    fn tell_over(&mut self, jobs: Vec<JobBrief>) {
        for job in jobs.into_iter().filter(done) {
            let (text, style) = match &job.state {
                JobState::Ready(ready) => {
                    let size = look::count(ready.size.lines, "line");
                    let next = format!(
                        "`brisk jobs diff {0}` shows it, `brisk jobs merge {0}` takes it",
                        job.job
                    );
                    (
                        format!("{} is ready ({size}): {}; {next}", job.job, job.text),
                        look::ADDED,
                    )
                }
                JobState::Open
                | JobState::Failed { .. }
                | JobState::Cancelled
                | JobState::Merged { .. }
                | JobState::Dropped => {
                    let next = format!("`brisk jobs show {}` says why", job.job);
                    (
                        format!("{} did not get there: {}; {next}", job.job, job.text),
                        look::WARN,
                    )
                }
            };
            self.say(&text, style);
            match self.notify {
                Notify::Never => {}
                Notify::Bell => self.act(Act::Bell),
                Notify::Message => {
                    let text = format!("{} {}: {}", job.job, job.state.name(), job.text);
                    self.act(Act::Notify(text));
                }
            }
        }
    }

    /// Jobs that run, open ones that do not (put aside, or waiting for others), and jobs that are ready for the person.
    pub(crate) fn job_counts(&self) -> [(usize, &'static str); 3] {
        let count = |f: fn(&JobBrief) -> bool| self.jobs.iter().flatten().filter(|j| f(j)).count();
        [
            (count(|j| j.state == JobState::Open && j.running), "running"),
            (count(|j| j.state == JobState::Open && !j.running), "waiting"),
            (count(|j| matches!(j.state, JobState::Ready(_))), "ready"),
        ]
    }

    pub(super) fn tell_jobs(&mut self, reply: &JobsReply) {
        let line = |j: &JobView| {
            let over = j.attempts.iter().filter(|a| a.end.is_some()).count();
            let state = match (&j.state, j.paused) {
                (JobState::Open, true) => "paused",
                (state, _) => state.name(),
            };
            let first = j.text.lines().next().unwrap_or_default();
            format!(
                "{:<5} {state:<9} {over}/{} over  {first}",
                j.job.to_string(),
                j.attempts.len()
            )
        };
        let lines: Vec<String> = reply.jobs.iter().map(line).collect();
        let text = match lines.is_empty() {
            true => "nothing was handed over here yet; /delegate TEXT does".to_owned(),
            false => lines.join("\n"),
        };
        self.say(&text, look::PLAIN);
    }
}
