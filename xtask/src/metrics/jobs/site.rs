//! A repository with a confirmed policy, a model for the person's own edits and one for delegated work, each a server of
//! its own.

use crate::rig::client::Client;
use crate::rig::fake::{Fake, LIMIT, Note, answer};
use crate::rig::house::{House, Programs};
use crate::rig::lines::now_us;
use crate::rig::terminal::Window;
use anyhow::{Context, bail};
use brisk_domain::job::JobState;
use brisk_domain::{JobId, ModelId};
use brisk_protocol::jobs::{Delegate, Delegated, JobRef, JobView, Watch, Watched, method};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

/// The model that delegated work asks.
const BRAIN: &str = "brain";

const POLICY: &str = "[verify.checks.all]\nrun = [\"sh\", \"check.sh\"]\nparse = \"tap\"\ntimeout_s = 120\n";

/// See the module.
pub(super) struct Site {
    pub(super) house: House,
    pub(super) brain: Fake,
}

/// What the two models say, and what the repository holds beside its policy.
pub(super) struct Plan<'a> {
    pub(super) hands: Value,
    pub(super) brain: Value,
    pub(super) files: &'a [(String, String)],
    /// The check, as a shell says it.
    pub(super) check: &'a str,
}

impl Site {
    /// Commits the files and confirms the policy. The daemon does not run yet.
    pub(super) fn new(programs: &Programs, plan: &Plan<'_>) -> anyhow::Result<Site> {
        let hands = json!({"otherwise": {"acts": plan.hands}});
        let house = House::scripted(programs, &hands, &[])?;
        let brain = house.with_model(programs, BRAIN, "format = \"search_replace\"", &plan.brain)?;
        house.configure_more("\n[lanes.fast]\ncandidates = [\"fake\"]\n")?;
        let site = Site { house, brain };
        let own = [("brisk.toml", POLICY), ("check.sh", plan.check)];
        let own = own.map(|(path, text)| (path.to_owned(), text.to_owned()));
        for (path, text) in plan.files.iter().chain(&own) {
            let full = site.house.root().join(path);
            if let Some(folder) = full.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(full, text)?;
        }
        site.commit()?;
        let window = Window {
            columns: 100,
            rows: 40,
        };
        let mut terminal = site.house.terminal(&["verify", "--accept"], window)?;
        terminal.shows("[y/N]")?;
        terminal.press("y\n")?;
        match terminal.ended()? {
            0 => Ok(site),
            code => bail!("the policy was not confirmed ({code}): {}", terminal.text()),
        }
    }

    /// Commits everything that is in the folder.
    pub(super) fn commit(&self) -> anyhow::Result<()> {
        let person = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"];
        for args in [&["add", "--all"][..], &["commit", "-q", "-m", "next"]] {
            let out = Command::new("git")
                .args(person)
                .args(args)
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .env("GIT_CONFIG_SYSTEM", "/dev/null")
                .current_dir(self.house.root())
                .output()?;
            if !out.status.success() {
                bail!("git {args:?}: {}", String::from_utf8_lossy(&out.stderr).trim());
            }
        }
        Ok(())
    }

    /// The daemon's process.
    pub(super) fn daemon(&self) -> anyhow::Result<i32> {
        let pid = self.house.daemon()?["pid"].as_i64();
        pid.and_then(|pid| i32::try_from(pid).ok())
            .context("the daemon tells its process")
    }

    /// Hands a task over to so many attempts.
    pub(super) fn delegate(&self, client: &mut Client, attempts: u32) -> anyhow::Result<JobId> {
        let wish = Delegate {
            cwd: self.house.root().to_owned(),
            text: TASK.to_owned(),
            attempts: Some(attempts),
            models: vec![ModelId(BRAIN.into())],
            // Nothing that is measured here ends because of these.
            rounds: Some(100),
            minutes: Some(600),
            ..Delegate::default()
        };
        let reply = client.call(method::DELEGATE, &wish)?;
        Ok(serde_json::from_value::<Delegated>(reply)?.job)
    }

    /// The same as a command that is not started yet.
    pub(super) fn delegating(&self) -> Command {
        self.house
            .command(&["delegate", TASK, "--models", BRAIN, "--json"])
    }
}

/// What is asked for.
const TASK: &str = "make the checks pass";

/// Asks something of a job.
pub(super) fn tell(client: &mut Client, what: &str, job: JobId) -> anyhow::Result<()> {
    client.call(what, &JobRef { job }).map(drop)
}

/// A job as it is now.
pub(super) fn view(client: &mut Client, job: JobId) -> anyhow::Result<JobView> {
    watch(client, job, 0).map(|watched| watched.job)
}

fn watch(client: &mut Client, job: JobId, seen: u64) -> anyhow::Result<Watched> {
    Ok(serde_json::from_value(
        client.call(method::WATCH, &Watch { job, seen })?,
    )?)
}

/// Waits for the end of a job.
pub(super) fn over(client: &mut Client, job: JobId, within: Duration) -> anyhow::Result<JobView> {
    let until = now_us() + within.as_micros() as u64;
    let mut seen = 0;
    loop {
        let now = watch(client, job, seen)?;
        if now.job.state != JobState::Open {
            return Ok(now.job);
        }
        if now_us() > until {
            bail!("{job} is not over after {} s", within.as_secs());
        }
        seen = now.version;
    }
}

/// Whether an attempt of it does something.
pub(super) fn works(job: &JobView) -> bool {
    job.attempts.iter().any(|attempt| !attempt.doing.is_empty())
}

/// What goes on between the daemon and a model.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Requests whose answers are under way.
    pub(super) open: BTreeSet<usize>,
    /// Requests so far.
    pub(super) asked: usize,
    /// When the first of them came.
    pub(super) first: Option<u64>,
    /// When each answer was over, and whether it was told to its end.
    pub(super) over: Vec<(u64, bool)>,
}

impl Traffic {
    /// Takes in what the model has noted, and waits so long for more.
    pub(super) fn read(&mut self, model: &Fake, wait: Duration) -> anyhow::Result<()> {
        let mut next = model.note(wait)?;
        while let Some(note) = next {
            self.take(note);
            next = model.note(Duration::ZERO)?;
        }
        Ok(())
    }

    /// Reads on until it is so.
    pub(super) fn until(
        &mut self,
        model: &Fake,
        what: &str,
        wanted: impl Fn(&Traffic) -> bool,
    ) -> anyhow::Result<()> {
        let until = now_us() + LIMIT.as_micros() as u64;
        while !wanted(self) {
            if now_us() > until {
                bail!("{what} did not come within {} s: {self:?}", LIMIT.as_secs());
            }
            self.read(model, Duration::from_millis(5))?;
        }
        Ok(())
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Request { t_us, request } => {
                self.asked += 1;
                self.first.get_or_insert(t_us);
                self.open.insert(request);
            }
            Note::Ended { t_us, request } => {
                self.open.remove(&request);
                self.over.push((t_us, true));
            }
            Note::Gone { t_us, request } => {
                self.open.remove(&request);
                self.over.push((t_us, false));
            }
            Note::Chunk { .. } => {}
        }
    }
}

/// An answer that thinks aloud, then makes the file `part{number}.txt`: so many tokens at a rate.
pub(super) fn part(number: usize, tokens: usize, per_s: f64) -> Value {
    let edit = format!("part{number}.txt\n<<<<<<< SEARCH\n=======\npart {number}\n>>>>>>> REPLACE\n");
    let words = (tokens * crate::rig::fake::FRAME).saturating_sub(edit.len() + 1);
    let mut text = String::from("I think");
    while text.len() < words {
        text.push_str(&format!(" {number}.{}", text.len()));
    }
    text.truncate(words.max(1));
    let text = format!("{text}\n{edit}");
    json!({"acts": answer(&[crate::rig::fake::rate(&text, per_s)])})
}

/// A check that passes once there are so many parts, after a while in the shell's words.
pub(super) fn parts_there(wanted: usize, pause: &str) -> String {
    format!(
        "sleep {pause}\nset -- part*.txt\ntest -e \"$1\" || shift\nif test $# -ge {wanted}; then echo \"ok 1 - parts\"; else\n  \
         echo \"not ok 1 - parts\"; s=1; fi\necho 1..1\nexit ${{s:-0}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_its_tokens_and_its_file() {
        for (number, tokens) in [(1, 100), (20_000, 60), (7, 1)] {
            let reply = part(number, tokens, 100.0);
            let text = reply["acts"][0]["text"].as_str().unwrap_or_default();
            assert!(text.contains(&format!("\npart{number}.txt\n")), "{text}");
            if tokens > 1 {
                assert_eq!(crate::rig::fake::frames(text), tokens, "{text}");
            }
        }
    }

    #[test]
    fn the_check_counts_the_parts() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("check.sh"), parts_there(2, "0")).unwrap();
        for want in [1, 1, 0, 0] {
            let out = Command::new("sh")
                .arg("check.sh")
                .current_dir(dir.path())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&out.stdout).into_owned();
            assert_eq!(
                (out.status.code(), said.starts_with("ok 1")),
                (Some(want), want == 0),
                "{said}"
            );
            let there = std::fs::read_dir(dir.path()).unwrap().count();
            std::fs::write(dir.path().join(format!("part{there}.txt")), "x").unwrap();
        }
    }

    #[test]
    fn traffic_knows_what_is_under_way() {
        let mut traffic = Traffic::default();
        for note in [
            Note::Request { t_us: 1, request: 1 },
            Note::Request { t_us: 2, request: 2 },
            Note::Ended { t_us: 3, request: 1 },
            Note::Request { t_us: 4, request: 3 },
            Note::Gone { t_us: 5, request: 3 },
        ] {
            traffic.take(note);
        }
        assert_eq!(
            (traffic.asked, traffic.first, traffic.open),
            (3, Some(1), BTreeSet::from([2]))
        );
        assert_eq!(traffic.over, [(3, true), (5, false)]);
    }
}
