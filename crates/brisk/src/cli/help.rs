//! `help`, `completions`, `man`: texts made from the definition of the command line.

use crate::cli::args::Cli;
use crate::cli::say;
use crate::exit::{CliError, Exit};
use clap::{Command, CommandFactory};
use clap_complete::Shell;

/// Help on a command or a topic.
pub(crate) fn help(topic: &[String]) -> Result<Exit, CliError> {
    if topic == ["exit-codes"] {
        say::raw(&Exit::table())?;
        return Ok(Exit::Done);
    }
    let mut command = Cli::command();
    command.build();
    let mut found = &mut command;
    for name in topic {
        found = find(found, name)?;
    }
    let text = found.render_long_help();
    say::raw(&text.to_string())?;
    Ok(Exit::Done)
}

fn find<'a>(command: &'a mut Command, name: &str) -> Result<&'a mut Command, CliError> {
    command.find_subcommand_mut(name).ok_or_else(|| {
        CliError::new(Exit::Usage, format!("there is no help on {name:?}"))
            .hint("`brisk help` lists the commands; `brisk help exit-codes` the exit codes")
    })
}

/// A completion script.
pub(crate) fn completions(shell: Shell) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "brisk", &mut script);
    say::raw(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// The manual page, with the exit codes.
pub(crate) fn man() -> Result<Exit, CliError> {
    let page = |e: std::io::Error| CliError::new(Exit::Disk, format!("the page cannot be made: {e}"));
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut text)
        .map_err(page)?;
    let mut text = String::from_utf8_lossy(&text).into_owned();
    text.push_str(".SH \"EXIT STATUS\"\n");
    for exit in Exit::ALL {
        text.push_str(&format!(
            ".TP\n{}\n{}\n",
            exit.code(),
            exit.meaning().replace('-', "\\-")
        ));
    }
    say::raw(&text)?;
    Ok(Exit::Done)
}
