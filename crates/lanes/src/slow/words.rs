//! Everything that a model is told beside what it asked for.

use brisk_domain::CancelReason;

/// How the work is done. The same for every attempt, so that servers keep it.
pub(super) const SYSTEM: &str = "\
You change a repository until its checks pass. You work in small steps, and each answer is one of these:

1. Requests, one a line, in a block like this:
```do
read src/lib.rs
read src/long.rs 200-260
list src
search some text
grep fn \\w+_total
outline src/long.rs
```
2. Edits: the file's path on a line of its own, then the exact lines to replace and what takes their place:
src/lib.rs
<<<<<<< SEARCH
the lines as they are
=======
the lines as they shall be
>>>>>>> REPLACE
The lines must be in the file exactly once. An empty SEARCH makes a new file. Several edits may follow each other.
3. The word `done` in a request block, once nothing is left to do.
Before any of these you may say what you are about to do, one step a line, in a block that begins with ```plan.

After edits the checks run, and you are told what they say. Only they decide whether the work is done; what you say \
about it does not count. Change as little as the task needs. Do not touch tests or what runs them, unless the task \
asks for it. Read a file before you edit it.";

/// The same for a model that calls tools.
pub(super) const SYSTEM_TOOLS: &str = "\
You change a repository until its checks pass. You work in small steps, by the tools that you have. Look before you \
edit. Call `check` to hear what the checks say about your change, and `done` once nothing is left to do: the checks run \
then, and only they decide whether the work is done; what you say about it does not count. Change as little as the task \
needs. Do not touch tests or what runs them, unless the task asks for it.";

pub(super) const NO_CALL: &str = "There was no call in that answer. Call a tool, or `done`.\n";

pub(super) const PLANNED: &str = "Noted. Now take the first step of it.\n";

pub(super) const NO_EDIT: &str = "That changes nothing.\n";

pub(super) const REFUSED_EDIT: &str =
    "An edit of this answer was refused, so nothing was checked. Mend that first.\n";

/// What may be run beside everything that every attempt may do.
pub(super) fn may_run(checks: &[String], tools: &[(String, String)]) -> String {
    let mut out = String::new();
    if !checks.is_empty() {
        out.push_str(&format!(
            "\nOne check alone: the request `run NAME`, with a name of: {}. It proves nothing.\n",
            checks.join(", ")
        ));
    }
    if !tools.is_empty() {
        out.push_str("\nMore requests, as `call NAME {JSON object}` on one line:\n");
        for (name, about) in tools {
            out.push_str(&format!("call {name}: {about}\n"));
        }
    }
    out
}

/// Ways to go about it, for a model that tries more than once. Models answer the same to the same.
const STRATEGIES: [&str; 4] = [
    "",
    "Look for the smallest change that does it.\n",
    "Read the tests first, and work from what they expect.\n",
    "Look at the callers of what you change before you change it.\n",
];

/// The words by which a model is sent about a task that it has tried `number` times before.
pub fn strategy(number: usize) -> &'static str {
    STRATEGIES
        .get(number % STRATEGIES.len())
        .copied()
        .unwrap_or_default()
}

pub(super) const REPEATED: &str =
    "You gave the same answer before, and it would lead to the same again. Do something else.\n";

pub(super) const NOTHING_CHANGED: &str =
    "Nothing in the repository is changed yet, so there is nothing to check. Edit a file.\n";

pub(super) const CHECKED_ALREADY: &str =
    "Nothing was changed since the checks ran, and they did not pass. Edit a file.\n";

/// Why an attempt ended that was stopped.
pub(super) fn stopped(cause: CancelReason) -> &'static str {
    match cause {
        CancelReason::OverBudget => "its time was up",
        CancelReason::Stalled => "the model went silent",
        CancelReason::Superseded => "another attempt made it needless",
        CancelReason::Steered
        | CancelReason::Interrupted
        | CancelReason::ClientGone
        | CancelReason::Shutdown => "it was stopped",
    }
}

/// Why an attempt at a part ended that its model is ready with, and that does not pass alone.
pub(super) const HANDED_OVER: &str = "it does not pass alone, and waits for the other parts";

pub(super) const NO_STEP: &str = "\
There was no request and no edit in that answer. Answer with a block of requests (```do ... ```), or with edits \
(path, <<<<<<< SEARCH, =======, >>>>>>> REPLACE).\n";

pub(super) fn unknown(line: &str) -> String {
    format!(
        "There is no request {line:?}.\nThere are: read PATH, read PATH A-B, list FOLDER, search TEXT, \
         grep PATTERN, outline PATH, run CHECK, check, done.\n"
    )
}

pub(super) fn steered(text: &str) -> String {
    format!("The person says: {text}\n")
}

pub(super) fn red(said: &str, left: u32) -> String {
    let rounds = rounds(left);
    format!("The checks did not pass ({left} more {rounds} of them are left):\n{said}\n")
}

fn rounds(count: u32) -> &'static str {
    if count == 1 { "round" } else { "rounds" }
}

/// Why an attempt ended that may not run the checks again, for people.
pub(super) fn unproven(count: u32, said: &str) -> String {
    let (rounds, line) = (rounds(count), said.lines().next().unwrap_or_default());
    format!("not proven after {count} {rounds} of checks: {line}")
}

/// What a model is asked that rewrites a place: the task, what fails, and what became of its last try here.
pub(super) fn rewrite(request: &str, number: usize, said: &str, before: Option<&(String, String)>) -> String {
    let mut out = format!("{request}\n{}", strategy(number));
    match before {
        None if said.is_empty() => {}
        None => out.push_str(&format!("The tests fail now:\n{said}")),
        Some((change, said)) => {
            out.push_str(&format!(
                "An earlier change was wrong and was taken back:\n{change}With it the tests said:\n{said}\
                 Do it another way.\n"
            ));
        }
    }
    out
}
