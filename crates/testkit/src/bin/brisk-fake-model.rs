//! A fake model as a program: a Chat Completions server on loopback that answers what a script says, for tests and
//! measurements that drive the real `brisk` from outside.
//!
//! It prints one JSON object a line: `{"type":"listening","url":...}` first, then everything that it notes
//! (`request`, `chunk`, `ended`, `gone`), each with `t_us` of the monotonic clock. It ends when its input is closed
//! or says `quit`; a line `open NAME` opens a gate.

use brisk_testkit::server::{Noted, Script};
use brisk_testkit::{Act, FakeServer, Reply};
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;

const USAGE: &str = "usage: brisk-fake-model [SCRIPT.json] [--rate TOKENS_PER_S --text TEXT | --text-file FILE]

SCRIPT.json   {\"replies\": [...], \"otherwise\": {...}}; see the docs of brisk_testkit::server::Script
--rate N      answers every request that the script leaves with the text, N tokens (about four bytes each) a second
--text TEXT   that text
--text-file FILE  the text from a file

standard input: `open NAME` opens a gate; `quit` or the end of input ends the program
";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            drop(writeln!(
                std::io::stderr(),
                "brisk-fake-model: {message}\n\n{USAGE}"
            ));
            ExitCode::from(2)
        }
    }
}

fn run(args: impl Iterator<Item = String>) -> Result<(), String> {
    let script = script(args)?;
    let server = FakeServer::observed(Arc::new(|noted: &Noted| print(noted))).map_err(|e| e.to_string())?;
    server.script(script);
    print(&serde_json::json!({"type": "listening", "url": server.url()}));
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|e| e.to_string())?;
        match line.trim().split_once(' ') {
            Some(("open", gate)) => server.open(gate),
            None if line.trim() == "quit" => break,
            Some(_) | None => return Err(format!("what does `{line}` mean?")),
        }
    }
    Ok(())
}

fn script(mut args: impl Iterator<Item = String>) -> Result<Script, String> {
    let mut script = Script::default();
    let mut rate = None;
    let mut text = None;
    while let Some(arg) = args.next() {
        let mut value = |name: &str| args.next().ok_or_else(|| format!("{name} needs a value"));
        match arg.as_str() {
            "--rate" => {
                let n: f64 = value("--rate")?
                    .parse()
                    .map_err(|_| "--rate needs a number".to_owned())?;
                rate = Some(n).filter(|n| n.is_finite() && *n > 0.0);
                rate.ok_or_else(|| "--rate must be above 0".to_owned())?;
            }
            "--text" => text = Some(value("--text")?),
            "--text-file" => text = Some(read(&value("--text-file")?)?),
            flag if flag.starts_with("--") => return Err(format!("{flag} is not known")),
            file => {
                script = serde_json::from_str(&read(file)?).map_err(|e| format!("{file}: {e}"))?;
            }
        }
    }
    match (rate, text) {
        (Some(per_s), Some(text)) => {
            let output = brisk_testkit::server::tokens(&text).len();
            script.otherwise = Some(Reply::stream(vec![
                Act::Rate { text, per_s },
                Act::stop(),
                Act::Usage {
                    input: 10,
                    cached: 0,
                    output,
                },
                Act::Done,
            ]));
        }
        (None, Some(text)) => script.otherwise = Some(Reply::text(&text)),
        (Some(_), None) => return Err("--rate needs --text or --text-file".to_owned()),
        (None, None) => {}
    }
    Ok(script)
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))
}

/// One line, whole even when several threads print.
fn print(value: &impl serde::Serialize) {
    if let Ok(mut line) = serde_json::to_vec(value) {
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        // Whoever does not read the notes does not want them.
        drop(out.write_all(&line).and_then(|()| out.flush()));
    }
}
