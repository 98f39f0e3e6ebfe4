//! The command line client: an ACP client of the daemon like any other. It has no runtime of its own; one thread
//! polls socket, keys and signals.

mod accept;
mod acp;
mod args;
mod bar;
mod bench;
mod book;
mod connect;
mod context;
mod daemon;
mod delegate;
mod doctor;
mod edit;
mod face;
mod gate;
mod help;
mod jobs;
mod json;
mod keys;
mod link;
mod live;
mod model;
mod outcome;
mod paint;
mod repo;
mod route;
mod sanitize;
mod say;
mod screen;
mod ship;
mod stats;
mod style;
mod term;
mod trust;
mod turn;
mod verify;
mod words;

use crate::exit::{CliError, Exit};
use crate::home::Home;
use args::{Cli, Cmd, DaemonCmd};
use brisk_domain::Intent;
use clap::Parser;
use clap::error::ErrorKind;
pub use context::Began;
use context::Context;
use edit::Wish;
use std::path::PathBuf;
use term::Streams;

/// What is left to do for `main`.
#[derive(Debug)]
pub enum Next {
    /// End with this.
    Exit(Exit),
    /// `brisk daemon run`: be the daemon.
    Daemon(Home),
}

/// Runs the command line of this process. `began`: taken at the start of `main`.
pub fn run(began: Began) -> Next {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version come this way too; those are no failures.
            let asked = matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            if asked {
                let _ = e.print();
                return Next::Exit(Exit::Done);
            }
            if wants_json(std::env::args_os().skip(1)) {
                say::failure(&unparsed(&e), Some(began.t_us()));
            } else {
                let _ = e.print();
            }
            return Next::Exit(Exit::Usage);
        }
    };
    let json = cli.json;
    let home = match Home::from_env() {
        Ok(home) => home,
        Err(e) => {
            say::failure(&e.into(), json.then_some(0));
            return Next::Exit(Exit::Usage);
        }
    };
    if matches!(cli.command, Some(Cmd::Daemon(DaemonCmd::Run))) {
        return Next::Daemon(home);
    }
    let context = Context {
        home,
        began,
        json,
        colour: cli.color,
        streams: Streams::of_process(),
    };
    let live = live::Wish {
        again: cli.again,
        session: cli.session,
        plain: cli.plain,
    };
    Next::Exit(match dispatch(&context, cli.command, live) {
        Ok(exit) => exit,
        Err(error) => {
            say::failure(&error, json.then(|| context.t_us()));
            error.exit
        }
    })
}

/// Whether objects are wanted of a command line that cannot be understood as a whole.
fn wants_json(args: impl Iterator<Item = std::ffi::OsString>) -> bool {
    let mut options = args.take_while(|arg| arg != "--");
    options.any(|arg| arg == "--json")
}

/// What `clap` says, as a failure of ours.
fn unparsed(error: &clap::Error) -> CliError {
    let hint = "`brisk help` and `brisk help COMMAND` say what there is";
    // Then `clap` renders the whole help.
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return CliError::new(Exit::Usage, "a subcommand is needed").hint(hint);
    }
    let said = error.render().to_string();
    let mut lines = said
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"));
    let first = lines.next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let more = lines.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let message = std::iter::once(first).chain(more).collect::<Vec<_>>().join(" ");
    CliError::new(Exit::Usage, message).hint(hint)
}

fn dispatch(context: &Context, command: Option<Cmd>, live: live::Wish) -> Result<Exit, CliError> {
    match command {
        None => live::run(context, live),
        Some(Cmd::Edit(a)) => edit::run(
            context,
            Wish {
                text: a.text,
                targets: a.target,
                intent: Intent::Edit,
                yes: a.yes,
                route: a.route,
            },
        ),
        Some(Cmd::Ask(a)) => edit::run(
            context,
            Wish {
                text: a.text,
                targets: a.target,
                intent: Intent::Ask,
                yes: false,
                route: a.route,
            },
        ),
        Some(Cmd::Undo(args)) => repo::undo(context, &args),
        Some(Cmd::Redo) => repo::redo(context),
        Some(Cmd::Status) => repo::status(context),
        Some(Cmd::Log { limit }) => repo::log(context, limit),
        Some(Cmd::Delegate(args)) => delegate::run(context, &args),
        Some(Cmd::Jobs(command)) => jobs::run(context, &command),
        Some(Cmd::Verify(args)) => verify::run(context, &args),
        Some(Cmd::Ship(args)) => ship::run(context, &args),
        Some(Cmd::Gate(command)) => gate::run(context, &command),
        Some(Cmd::Stats(args)) => stats::run(context, &args),
        Some(Cmd::Trust(command)) => trust::run(context, command),
        Some(Cmd::Route(command)) => route::run(context, &command),
        Some(Cmd::Model(command)) => model::run(context, command),
        Some(Cmd::Acp) => acp::run(context),
        Some(Cmd::Doctor) => doctor::run(context),
        Some(Cmd::Daemon(DaemonCmd::Start | DaemonCmd::Run)) => daemon::start(context),
        Some(Cmd::Daemon(DaemonCmd::Stop)) => daemon::stop(context),
        Some(Cmd::Daemon(DaemonCmd::Status)) => daemon::status(context),
        Some(Cmd::Completions { shell }) => help::completions(shell),
        Some(Cmd::Man) => help::man(),
        Some(Cmd::Help { topic }) => help::help(&topic),
    }
}

/// The folder that the command runs in.
fn cwd() -> Result<PathBuf, CliError> {
    std::env::current_dir()
        .map_err(|e| CliError::new(Exit::Target, format!("the working folder cannot be read: {e}")))
}

/// Tells on standard error why the daemon does not run; that is its log when it was started by a command.
pub fn complain(error: &dyn std::error::Error) {
    say::failure(&CliError::new(Exit::Daemon, error.to_string()), None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_that_is_not_understood_is_an_object_where_objects_are_wanted() {
        let cases: [(&[&str], bool, &str); 6] = [
            (&["jobs", "list", "--nonsense", "--json"], true, "--nonsense"),
            (&["--json", "jobs", "list", "-n", "0"], true, "above 0"),
            (&["--json", "jobs"], true, "a subcommand is needed"),
            (&["trust", "--json"], true, "requires a subcommand"),
            (&["jobs", "show", "x"], false, "for example j3"),
            (&["jobs", "show", "--", "--json"], false, "for example j3"),
        ];
        for (args, json, want) in cases {
            let given = || args.iter().map(std::ffi::OsString::from);
            assert_eq!(wants_json(given()), json, "{args:?}");
            let line = std::iter::once("brisk".into()).chain(given());
            let error = unparsed(&Cli::try_parse_from(line).unwrap_err());
            assert_eq!(error.exit, Exit::Usage, "{args:?}");
            let one_line = !error.message.contains('\n') && !error.message.starts_with("error");
            let said = error.message.contains(want) && !error.message.contains("For more");
            assert!(one_line && said, "{args:?}: {}", error.message);
        }
    }
}
