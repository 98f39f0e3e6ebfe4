//! Commands that begin with a slash, and the card that explains the keys.

use super::{Act, App, Link, Wish};
use crate::look;
use crate::wire::Call;
use brisk_protocol::HunkSet;
use brisk_protocol::domain::{HunkId, Intent, Lane, Latency, ModelId};

/// One command.
#[derive(Debug)]
pub(crate) struct CommandHelp {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static str,
    pub(crate) help: &'static str,
}

macro_rules! commands {
    ($($name:literal $arguments:literal $help:literal;)*) => {
        /// All of them, as the menu and the help show them.
        pub(crate) const COMMANDS: &[CommandHelp] =
            &[$(CommandHelp { name: $name, arguments: $arguments, help: $help },)*];
    };
}

commands! {
    "help" "" "keys and commands";
    "keep" "[N]" "keep the hunks on offer, or the Nth";
    "reject" "[N]" "reject them, or the Nth";
    "undo" "" "take back what was kept last";
    "redo" "" "bring it back";
    "ask" "TEXT" "a question; nothing is changed";
    "edit" "TEXT" "a change, also where the text begins with a slash";
    "model" "[ID]" "use this model from now on; auto: let Brisk choose";
    "models" "" "which models there are";
    "status" "" "the state of the tree";
    "log" "" "what was written here";
    "verify" "[CHECK...]" "run the checks on the files as they are; Esc stops them";
    "delegate" "TEXT" "hand a task over: it works in files of its own until the checks pass";
    "jobs" "" "what was handed over";
    "lane" "[NAME]" "fast, slow (prompts are handed over), or auto: let Brisk choose";
    "latency" "[NAME]" "instant, normal, relaxed or auto: how much waiting matters";
    "queue" "TEXT" "a prompt for after this turn";
    "stop" "" "stop the turn";
    "more" "" "let the patch grow beyond its budget";
    "new" "" "a new session";
    "vi" "" "vi keys on or off";
    "plain" "" "plain mode on or off: one line of text for every change";
    "reconnect" "" "connect to the daemon again";
    "quit" "" "leave";
}

/// The card of keys: when, key, what it does.
pub(crate) const KEYS: &[(&str, &str)] = &[
    ("Enter", "send; while a turn runs: redirect it"),
    ("Tab", "queue for after this turn; Up takes it back"),
    ("Esc", "stop; twice: drop what was offered"),
    ("@", "a file, file:symbol or file:10-20"),
    ("/ ?", "commands; this card (F1, too)"),
    ("Enter x", "hunks on offer: keep all, reject all"),
    ("j k", "hunks on offer: next, previous"),
    ("y n", "hunks on offer: keep or reject this one"),
    ("e w", "hunks on offer: edit by hand, ask what it is for"),
    (
        "i",
        "hunks on offer: write instead; a word typed on is text anyway",
    ),
    ("u r", "after a keep: undo, redo"),
    ("C-r C-p C-n", "search the history, older, newer"),
    ("v", "after a keep, undo or redo: run the checks"),
    ("C-g", "hand over: what is written, else what runs or ran last"),
    ("C-j M-Enter", "a new line"),
    ("C-x", "write in $EDITOR"),
    (
        "C-c C-d",
        "C-c stops or clears, twice leaves; C-d leaves an empty prompt",
    ),
    ("token hunk", "last row: how long after your Enter they came"),
    ("usually", "last row: half of the first hunks came sooner"),
    (
        "draft \u{2026}",
        "last row: what the ledger says of the files as they are",
    ),
];

/// What `brisk delegate` reads as options.
pub const DELEGATE_OPTIONS: [&str; 18] = [
    "-n",
    "--attempts",
    "--models",
    "--base",
    "--with-draft",
    "--budget",
    "--first",
    "--split",
    "--part",
    "--rounds",
    "--minutes",
    "--lines",
    "--degraded",
    "--wait",
    "--json",
    "--color",
    "--help",
    "-h",
];

/// As it is called in a shell, where words need marks around them.
const DELEGATE: &str = "brisk delegate \"WORDS\" [FILE...] [OPTIONS]";

/// Whether a text begins with such an option, and is no task that begins with a dash.
fn is_option(text: &str) -> bool {
    let first = text.split([' ', '\t', '\n', '=']).next().unwrap_or_default();
    // A number may follow a short one at once.
    let bare = match first.strip_prefix("--") {
        Some(_) => first,
        None => first.trim_end_matches(|c: char| c.is_ascii_digit()),
    };
    DELEGATE_OPTIONS.contains(&bare)
}

impl App {
    /// Carries a command out; the prompt that it stands for, if it is one.
    pub(super) fn command(&mut self, text: &str) -> Option<Wish> {
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        match name {
            "help" => self.print_help(),
            "keep" => self.decide_by_number(rest, true),
            "reject" => self.decide_by_number(rest, false),
            "undo" => self.send(Call::Undo),
            "redo" => self.send(Call::Redo),
            "ask" | "edit" if rest.is_empty() => self.usage(name),
            "ask" => return Some(Wish::read(rest, Intent::Ask, &self.known)),
            "edit" => return Some(Wish::read(rest, Intent::Edit, &self.known)),
            "verify" => self.verify(rest.split_whitespace().map(str::to_owned).collect()),
            "delegate" if rest.is_empty() => self.usage(name),
            // As words they would be sent to a model, which makes nothing of them.
            "delegate" if is_option(rest) => self.elsewhere(name, "takes words only", DELEGATE),
            "delegate" => {
                let wish = Wish::read(rest, Intent::Edit, &self.known);
                self.hand_over(wish, false);
            }
            "jobs" if !rest.is_empty() => self.elsewhere(name, "only lists", &format!("brisk jobs {rest}")),
            "jobs" => self.send(Call::Jobs),
            "lane" => self.use_lane(rest),
            "latency" => self.use_latency(rest),
            "queue" if rest.is_empty() => self.usage(name),
            "queue" => {
                let wish = Wish::read(rest, Intent::Edit, &self.known);
                self.queue.push_back(wish);
                self.next_queued();
            }
            "model" if rest == "auto" => self.use_model(None),
            "model" if rest.is_empty() => {
                self.tell_choice("model", "ID, or auto; these are there:");
                self.send(Call::Models);
            }
            "model" => {
                // Whether there is such a one is said now, not with the next prompt.
                self.wanted = Some(ModelId(rest.to_owned()));
                self.send(Call::Models);
            }
            "models" => self.send(Call::Models),
            "status" => {
                self.tell_status = true;
                self.send(Call::Status);
            }
            "log" => self.send(Call::Log),
            "stop" => {
                if self.live.is_some() {
                    self.stop();
                }
            }
            "more" => self.send(Call::RaiseBudget),
            "new" => {
                // What is written from now on waits for the new session.
                self.link = Link::Connecting;
                self.act(Act::New);
            }
            "vi" => {
                self.composer.toggle_vi();
                let state = if self.composer.vi().is_some() { "on" } else { "off" };
                self.say(&format!("vi keys {state}"), look::DIM);
            }
            "plain" => {
                self.plain = !self.plain;
                self.act(Act::Plain(self.plain));
            }
            "reconnect" => {
                self.link = Link::Lost;
                self.unsent();
                self.act(Act::Reconnect);
            }
            "quit" | "exit" | "q" => self.quit(),
            _ => {
                self.say(
                    &format!("there is no command /{name}; /help lists them, /edit sends such a text"),
                    look::WARN,
                );
            }
        }
        None
    }

    pub(super) fn use_model(&mut self, model: Option<ModelId>) {
        self.model = model;
        let text = format!("model: {}", self.choice("model"));
        self.say(&text, look::DIM);
        // The last turn's is no longer the one.
        self.route = None;
    }

    fn use_lane(&mut self, name: &str) {
        self.lane = match name {
            "" => return self.tell_choice("lane", "fast, slow or auto"),
            "auto" => None,
            "fast" => Some(Lane::Fast),
            "slow" => Some(Lane::Slow),
            _ => return self.usage("lane"),
        };
        let more = match self.lane {
            None | Some(Lane::Fast) => "",
            Some(Lane::Slow) => "; prompts are handed over from now on, questions are answered here",
        };
        self.say(&format!("lane: {}{more}", self.choice("lane")), look::DIM);
        self.route = None;
    }

    fn use_latency(&mut self, name: &str) {
        self.latency = match (name, Latency::from_name(name)) {
            ("", _) => return self.tell_choice("latency", "instant, normal, relaxed or auto"),
            ("auto", _) => None,
            (_, Some(latency)) => Some(latency),
            (_, None) => return self.usage("latency"),
        };
        self.say(&format!("latency: {}", self.choice("latency")), look::DIM);
        self.route = None;
    }

    /// What the person chose, in a word.
    fn choice(&self, of: &str) -> String {
        let chosen = match of {
            "lane" => self.lane.map(|l| l.to_string()),
            "latency" => self.latency.map(|l| l.name().to_owned()),
            _ => self.model.as_ref().map(|m| m.0.clone()),
        };
        chosen.unwrap_or_else(|| "as Brisk chooses".into())
    }

    /// Such a command alone changes nothing.
    fn tell_choice(&mut self, of: &str, all: &str) {
        let text = format!("{of}: {}; to choose: /{of} {all}", self.choice(of));
        self.say(&text, look::DIM);
    }

    /// What a command does on the command line (`there`) and not here.
    fn elsewhere(&mut self, name: &str, here: &str, there: &str) {
        self.say(
            &format!("/{name} {here} here; in another window: {there}"),
            look::WARN,
        );
    }

    fn usage(&mut self, name: &str) {
        if let Some(c) = COMMANDS.iter().find(|c| c.name == name) {
            self.say(&format!("/{} {}: {}", c.name, c.arguments, c.help), look::WARN);
        }
    }

    fn decide_by_number(&mut self, number: &str, keep: bool) {
        let make = |set| if keep { Call::Keep(set) } else { Call::Reject(set) };
        if number.is_empty() {
            return self.decide(make(HunkSet::All), |_| true);
        }
        let offered: Vec<HunkId> = self.book.offered().map(|h| h.id).collect();
        let nth = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        match nth.and_then(|n| offered.get(n)).copied() {
            Some(id) => self.decide(make(HunkSet::Ids(vec![id])), |h| h == id),
            None => self.say(
                &format!("there is no hunk {number}; on offer: {}", offered.len()),
                look::WARN,
            ),
        }
    }

    fn print_help(&mut self) {
        let mut lines: Vec<_> = KEYS
            .iter()
            .map(|(key, what)| format!("  {key:<14} {what}"))
            .collect();
        lines.extend(COMMANDS.iter().map(|c| {
            let name = format!("/{} {}", c.name, c.arguments);
            format!("  {name:<14} {}", c.help)
        }));
        self.say(&lines.join("\n"), look::PLAIN);
    }
}
