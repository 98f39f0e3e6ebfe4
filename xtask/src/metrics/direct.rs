//! The control: the fake model read by this program without Brisk between them, at the same time on the same
//! machine. What is late here is late because of the machine.

use crate::rig::fake::Fake;
use crate::rig::lines::{Lines, now_us};
use anyhow::Context;
use std::io::Write;
use std::net::{Shutdown, TcpStream};

/// From before the write of a request to the fake's note of it, microseconds; its answer is read to the end.
pub(super) fn request(fake: &Fake) -> anyhow::Result<u64> {
    let (sent, stream, lines) = ask(fake)?;
    let (came, _) = fake.request()?;
    while lines
        .next(crate::rig::fake::LIMIT)?
        .is_some_and(|(_, line)| line != "data: [DONE]")
    {}
    drop(stream);
    Ok(came.saturating_sub(sent))
}

/// How late each frame of one answer was, microseconds.
pub(super) fn chunks(fake: &Fake) -> anyhow::Result<Vec<u64>> {
    let (_, stream, lines) = ask(fake)?;
    let (_, request) = fake.request()?;
    let sent = fake.chunks(request)?;
    let mut late = Vec::new();
    while late.len() < sent.len() {
        let (came, line) = lines
            .next(crate::rig::fake::LIMIT)?
            .context("the fake model went silent")?;
        if line.starts_with("data: {")
            && let Some(t_us) = sent.get(late.len())
        {
            late.push(came.saturating_sub(*t_us));
        } else if line == "data: [DONE]" {
            break;
        }
    }
    drop(stream);
    Ok(late)
}

/// From the close of a connection in the middle of an answer to the fake's note of it, microseconds.
pub(super) fn stop(fake: &Fake) -> anyhow::Result<Option<u64>> {
    let (_, stream, lines) = ask(fake)?;
    let (_, request) = fake.request()?;
    lines.next(crate::rig::fake::LIMIT)?;
    let key = now_us();
    stream.shutdown(Shutdown::Both)?;
    Ok(fake.over(request)?.map(|gone| gone.saturating_sub(key)))
}

/// Asks the fake; when, and where its answer comes.
fn ask(fake: &Fake) -> anyhow::Result<(u64, TcpStream, Lines)> {
    let address = fake.url.strip_prefix("http://").context("an address")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let lines = Lines::of(stream.try_clone()?);
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: fake\r\ncontent-length: 2\r\n\r\n{}";
    let t_us = now_us();
    stream.write_all(head.as_bytes())?;
    Ok((t_us, stream, lines))
}
