//! From the person to the model: the start of a command, a prompt, and what a request carries beside the file.

use super::direct;
use super::figure::{Part, Reach, Unit};
use super::{Measured, series};
use crate::rig::client::Ask;
use crate::rig::fake::{answer, whole};
use crate::rig::house::{ANSWER, BEFORE, House, Programs, REQUEST, TARGET};
use crate::rig::lines::now_us;
use anyhow::{Context, bail};
use brisk_domain::Intent;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

/// Runs that warm the daemon, the connection and the caches, and do not count.
const WARM: usize = 5;

/// Exit code of an edit that nobody could keep.
const UNDECIDED: i32 = 11;

/// Process start of `brisk edit` to the request at the model, with a warm daemon.
pub(super) fn command(programs: &Programs, quick: bool) -> Measured {
    let runs = if quick { 100 } else { 200 };
    let house = House::shop(programs, &answer(&[whole(&ANSWER.concat())]))?;
    let (mut request, mut end, mut control) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..WARM + runs {
        let mut edit = house.command(&["edit", "--json", REQUEST, TARGET]);
        edit.stdout(Stdio::null()).stderr(Stdio::null());
        let began = now_us();
        let mut child = edit.spawn()?;
        let (came, _) = house.fake.request()?;
        let status = child.wait()?;
        let ended = now_us();
        if status.code() != Some(UNDECIDED) {
            bail!("`brisk edit --json` ended with {status}");
        }
        if run >= WARM {
            request.push(came - began);
            end.push(ended - began);
            let began = now_us();
            house.run(&["--version"])?;
            control.push(now_us() - began);
        }
    }
    let mut parts = Part::times(
        "",
        &series(request)?,
        &[(50, Reach::AtMost(15.0)), (99, Reach::AtMost(40.0))],
    );
    parts.extend(Part::times(
        "whole command, model without delay: ",
        &series(end)?,
        &[(50, Reach::Told)],
    ));
    let told = [(50, Reach::Told), (99, Reach::Told)];
    parts.extend(Part::times("`brisk --version` alone: ", &series(control)?, &told));
    Ok((parts, format!("{runs} runs of the process, one after the other")))
}

/// A prompt on the socket to the request at the model.
pub(super) fn prompt(programs: &Programs, quick: bool) -> Measured {
    let runs = if quick { 100 } else { 300 };
    let house = House::shop(programs, &answer(&[whole(&ANSWER.concat())]))?;
    let mut client = house.client()?;
    let session = client.session(house.root())?;
    let (mut times, mut control) = (Vec::new(), Vec::new());
    for run in 0..WARM + runs {
        let ask = Ask {
            text: REQUEST,
            target: TARGET,
            intent: Intent::Edit,
            auto_keep: false,
        };
        let sent = client.prompt(session, ask)?;
        let (came, _) = house.fake.request()?;
        client.ended()?;
        client.answer(&sent)?;
        client.reject(session)?;
        if run >= WARM {
            times.push(came - sent.t_us);
            control.push(direct::request(&house.fake)?);
        }
    }
    let wanted = [(50, Reach::AtMost(1.0)), (99, Reach::AtMost(5.0))];
    let mut parts = Part::times("", &series(times)?, &wanted);
    let told = [(50, Reach::Told), (99, Reach::Told)];
    parts.extend(Part::times("without Brisk between: ", &series(control)?, &told));
    let how = format!("{runs} prompts with a file and a symbol on a raw connection, from before the write");
    Ok((parts, how))
}

/// What a request says beside the file, the part of it and the person's words, in every edit format.
pub(super) fn overhead(programs: &Programs) -> Measured {
    let part = BEFORE
        .split_once("\n\n\n")
        .map_or(0, |(first, _)| first.len() + 1);
    let mut parts = Vec::new();
    // Only the first shows the part once more.
    for (format, shown) in [("region", part), ("search_replace", 0), ("apply_patch", 0)] {
        let messages = messages(programs, format)?;
        let standing = messages.saturating_sub(BEFORE.len() + shown + REQUEST.len());
        let tokens = standing as f64 / 4.0;
        parts.push(Part::new(format, tokens, Unit::Tokens, Reach::AtMost(600.0)));
    }
    let how = "bytes of the messages without file, part and request, at four bytes a token";
    Ok((parts, how.to_owned()))
}

/// Bytes of the messages of a request for an edit.
fn messages(programs: &Programs, format: &str) -> anyhow::Result<usize> {
    let house = House::shop(programs, &answer(&[]))?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    house.configure(&format!("http://{}", listener.local_addr()?), format)?;
    let mut edit = house
        .command(&["edit", "--json", REQUEST, TARGET])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let request = body(&listener)?;
    edit.wait()?;
    let messages = request["messages"].as_array().context("a request has messages")?;
    let contents = messages.iter().filter_map(|m| m["content"].as_str());
    Ok(contents.map(str::len).sum())
}

/// Takes the first request for a generation and refuses it.
fn body(listener: &TcpListener) -> anyhow::Result<Value> {
    loop {
        let (stream, _) = listener.accept()?;
        let mut read = BufReader::new(&stream);
        let (mut line, mut length, mut post) = (String::new(), 0, false);
        while read.read_line(&mut line)? > 0 && line.trim() != "" {
            post |= line.starts_with("POST ");
            let value = line.to_ascii_lowercase();
            if let Some(value) = value.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            line.clear();
        }
        let mut body = vec![0; length];
        read.read_exact(&mut body)?;
        (&stream)
            .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")?;
        if post {
            return Ok(serde_json::from_slice(&body)?);
        }
    }
}

/// Memory of the daemon without a model, and size of the binary.
pub(super) fn memory(programs: &Programs) -> Measured {
    const EDITS: usize = 20;
    let house = House::shop(programs, &answer(&[whole(&ANSWER.concat())]))?;
    house.run(&["daemon", "start"])?;
    let rss = || -> anyhow::Result<f64> {
        let daemon = house.daemon()?;
        Ok(daemon["rss"].as_f64().context("the daemon tells its memory")? / 1e6)
    };
    let fresh = rss()?;
    for _ in 0..EDITS {
        let status = house
            .command(&["edit", "--json", REQUEST, TARGET])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if status.code() != Some(UNDECIDED) {
            bail!("`brisk edit --json` ended with {status}");
        }
    }
    let idle = Reach::AtMost(40.0);
    let size = std::fs::metadata(&programs.brisk)?.len() as f64 / 1e6;
    let parts = vec![
        Part::new("daemon, just started", fresh, Unit::Mb, idle),
        Part::new(
            format!("daemon, idle after {EDITS} edits"),
            rss()?,
            Unit::Mb,
            idle,
        ),
        Part::new("release binary", size, Unit::Mb, Reach::AtMost(40.0)),
    ];
    let how =
        "resident memory, without a model file; the binary is the stripped one with the embedded engine";
    Ok((parts, how.to_owned()))
}
