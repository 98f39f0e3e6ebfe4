//! `model list|pull|remove|path|bench`. None of these needs the daemon; an idle one is ended after a change, because it
//! looks at the models' folder when it starts.

mod list;

use crate::cli::args::ModelCmd;
use crate::cli::bar;
use crate::cli::context::Context;
use crate::cli::style::{Tone, bytes};
use crate::cli::{connect, json, say, term};
use crate::exit::{CliError, Exit};
use crate::models::catalogue::{self, Entry};
use crate::models::fetch::{self, Progress, Source};
use crate::models::verify;
use serde_json::json;
use std::path::PathBuf;

/// `model ...`.
pub(crate) fn run(context: &Context, command: ModelCmd) -> Result<Exit, CliError> {
    match command {
        ModelCmd::List => list::run(context),
        ModelCmd::Pull { model } => pull(context, named(model.as_deref())?),
        ModelCmd::Remove { model } => remove(context, named(Some(&model))?),
        ModelCmd::Path { model } => path(context, named(model.as_deref())?),
        ModelCmd::Bench { model } => bench(context, model.as_deref()),
    }
}

fn named(id: Option<&str>) -> Result<&'static Entry, CliError> {
    let Some(id) = id else {
        return Ok(catalogue::DEFAULT);
    };
    catalogue::find(id).ok_or_else(|| {
        let known: Vec<&str> = catalogue::ENTRIES.iter().map(|e| e.id).collect();
        CliError::new(Exit::Usage, format!("there is no model {id:?} to fetch")).hint(format!(
            "known: {}; a GGUF file of your own is used with BRISK_MODEL=/path/to.gguf",
            known.join(", ")
        ))
    })
}

fn path(context: &Context, entry: &Entry) -> Result<Exit, CliError> {
    let path = verify::path(entry, context.home.models_dir());
    if context.json {
        say::object(
            context,
            "path",
            &json!({"id": entry.id, "path": path, "exists": path.exists()}),
        )?;
    } else {
        say::raw(&format!("{}\n", path.display()))?;
    }
    Ok(Exit::Done)
}

fn remove(context: &Context, entry: &Entry) -> Result<Exit, CliError> {
    let freed = verify::remove(entry, context.home.models_dir())
        .map_err(|e| CliError::new(Exit::Disk, format!("{} cannot be removed: {e}", entry.id)))?;
    if context.json {
        say::object(context, "removed", &json!({"id": entry.id, "bytes": freed}))?;
    } else {
        let text = format!("removed {}, {} are free again", entry.id, bytes(freed));
        say::lines(context, &[(Tone::Plain, text)])?;
    }
    renew_daemon(context)
}

fn pull(context: &Context, entry: &'static Entry) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new(Exit::Disk, format!("no runtime: {e}")))?;
    let mut teller = Teller::new(context, entry);
    let fetched = runtime.block_on(async {
        let dir = context.home.models_dir();
        let mut report = |progress| teller.on(progress);
        tokio::select! {
            fetched = fetch::pull(entry, dir, &mut report) => fetched.map_err(CliError::from),
            _ = tokio::signal::ctrl_c() => Err(CliError::new(Exit::Interrupted, "stopped; what is here stays")
                .hint("`brisk model pull` goes on where it stopped")),
        }
    });
    teller.close();
    let path = fetched?;
    if context.json {
        let fields = json!({"id": entry.id, "path": path, "bytes": entry.bytes});
        say::object(context, "pulled", &fields)?;
    } else {
        let text = format!("{} is here and checked: {}", entry.id, path.display());
        say::lines(context, &[(Tone::Good, text)])?;
    }
    renew_daemon(context)
}

/// The file of a fetched model, or one that the person names.
fn bench(context: &Context, model: Option<&str>) -> Result<Exit, CliError> {
    let own = model.map(PathBuf::from).filter(|path| path.exists());
    match own {
        Some(path) => {
            let id = path.file_stem().map(|s| s.to_string_lossy().into_owned());
            crate::cli::bench::run(context, &id.unwrap_or_default(), &path)
        }
        None => {
            let entry = named(model)?;
            let path = verify::path(entry, context.home.models_dir());
            crate::cli::bench::run(context, entry.id, &path)
        }
    }
}

/// Ends a daemon that nobody uses, so that the next one sees the models that are there now.
fn renew_daemon(context: &Context) -> Result<Exit, CliError> {
    if let Some(mut link) = connect::running(&context.home)? {
        connect::greet(&mut link)?;
        let status = connect::settled(&mut link)?;
        if status.clients <= 1 && !status.busy {
            connect::stop(link)?;
        } else if !context.json {
            let text = "the running daemon is in use and sees this change after `brisk daemon stop`";
            say::lines(context, &[(Tone::Warn, text.to_owned())])?;
        }
    }
    Ok(Exit::Done)
}

/// Tells progress: a bar on a terminal, now and then a line elsewhere, objects with `--json`. Progress never fails a
/// fetch: a screen that cannot be written is the end's business.
struct Teller<'a> {
    context: &'a Context,
    id: &'static str,
    terminal: bool,
    columns: usize,
    bar_open: bool,
    /// Where the present source began: bytes and microseconds.
    from: Option<(u64, u64)>,
    /// Tenths told so far, where there is no bar.
    tenths: u64,
    painted_us: u64,
}

/// Between two paintings of a bar, microseconds.
const FRAME_US: u64 = 100_000;

impl<'a> Teller<'a> {
    fn new(context: &'a Context, entry: &'static Entry) -> Teller<'a> {
        Teller {
            context,
            id: entry.id,
            terminal: context.streams.output && !context.streams.dumb && !context.json,
            columns: term::size().columns,
            bar_open: false,
            from: None,
            tenths: 0,
            painted_us: 0,
        }
    }

    fn on(&mut self, progress: Progress) {
        match progress {
            Progress::Waiting => self.line(
                Tone::Dim,
                "another command is fetching this model; waiting for it",
            ),
            Progress::Trying { source, from, have } => {
                self.from = None;
                let rest = if have > 0 {
                    format!(", {} are here already", bytes(have))
                } else {
                    String::new()
                };
                self.line(
                    Tone::Plain,
                    &format!("{} from {}: {from}{rest}", self.id, name(source)),
                );
            }
            Progress::Bytes { done, total, .. } => self.bytes("fetched", done, total),
            Progress::Part { .. } => {}
            Progress::Failed { source, why } => {
                self.line(Tone::Warn, &format!("{} did not give it: {why}", name(source)));
            }
            Progress::Verifying { done, total } => self.bytes("checked", done, total),
        }
    }

    fn bytes(&mut self, label: &str, done: u64, total: u64) {
        let t_us = self.context.t_us();
        let (done0, began) = *self.from.get_or_insert((done, t_us));
        let tenth = done * 10 / total.max(1);
        if self.terminal {
            if t_us.saturating_sub(self.painted_us) < FRAME_US && done < total {
                return;
            }
            self.painted_us = t_us;
            let p = bar::Progress {
                done,
                total,
                recent: done.saturating_sub(done0),
                elapsed_us: t_us.saturating_sub(began),
            };
            self.bar_open = true;
            let _ = say::raw(&format!("\r\x1b[K{}", bar::row(label, p, self.columns)));
        } else if tenth != self.tenths || done == total {
            if self.context.json {
                let fields = json!({"id": self.id, "what": label, "done": done, "total": total});
                let _ = say::raw(&json::line("progress", t_us, fields));
            } else {
                self.line(Tone::Dim, &format!("{label} {} of {}", bytes(done), bytes(total)));
            }
        }
        self.tenths = tenth;
    }

    fn line(&mut self, tone: Tone, text: &str) {
        self.close();
        let _ = if self.context.json {
            say::raw(&json::line("notice", self.context.t_us(), json!({"text": text})))
        } else {
            say::lines(self.context, &[(tone, text.to_owned())])
        };
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.bar_open) {
            let _ = say::raw("\n");
        }
    }
}

fn name(source: Source) -> &'static str {
    match source {
        Source::Hub => "the publisher's hub",
        Source::Mirror => "the mirror",
    }
}
