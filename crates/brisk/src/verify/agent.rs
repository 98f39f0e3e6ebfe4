//! The person's ssh-agent: which keys it has, and a signature by one of them. Two messages of its protocol are all that
//! is needed; the crates for it bring RSA and three more curves along.

use brisk_gate::PublicKey;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

const LIST: u8 = 11;
const LISTED: u8 = 12;
const SIGN: u8 = 13;
const SIGNED: u8 = 14;

/// An answer is as long as the keys that an agent has; this is enough for hundreds.
const LONGEST: usize = 1 << 18;

/// An agent may ask its person first.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the agent listens, if there is one.
pub(super) fn socket() -> Option<PathBuf> {
    let path = std::env::var_os("SSH_AUTH_SOCK").filter(|p| !p.is_empty());
    path.map(PathBuf::from)
}

/// The ed25519 keys that the agent has, with what they are called.
///
/// # Errors
/// When there is no agent, or it does not answer.
pub(super) fn keys() -> io::Result<Vec<(PublicKey, String)>> {
    let answer = asked(&[LIST], LISTED)?;
    let mut rest = answer.as_slice();
    let count = number(&mut rest).ok_or_else(odd)?;
    let mut all = Vec::new();
    for _ in 0..count {
        let (blob, name) = (text(&mut rest).ok_or_else(odd)?, text(&mut rest).ok_or_else(odd)?);
        all.extend(PublicKey::from_ssh_blob(blob).map(|k| (k, String::from_utf8_lossy(name).into_owned())));
    }
    Ok(all)
}

/// A signature by this key.
///
/// # Errors
/// When there is no agent, it does not answer, or it does not have the key.
pub(super) fn sign(key: &PublicKey, message: &[u8]) -> io::Result<[u8; 64]> {
    let mut ask = vec![SIGN];
    put(&mut ask, &key.ssh_blob());
    put(&mut ask, message);
    // No flags: they choose between kinds of RSA.
    ask.extend(0u32.to_be_bytes());
    let answer = asked(&ask, SIGNED)?;
    let mut signature = text(&mut answer.as_slice()).ok_or_else(odd)?;
    let kind = text(&mut signature).ok_or_else(odd)?;
    let bytes = text(&mut signature).ok_or_else(odd)?;
    match kind == b"ssh-ed25519" {
        true => bytes.try_into().map_err(|_| odd()),
        false => Err(odd()),
    }
}

/// Sends one message and gives what follows the kind of the answer, which must be `want`.
fn asked(message: &[u8], want: u8) -> io::Result<Vec<u8>> {
    let none = || {
        io::Error::new(
            io::ErrorKind::NotFound,
            "there is no ssh-agent (SSH_AUTH_SOCK is not set)",
        )
    };
    let path = socket().ok_or_else(none)?;
    let gone = |e: io::Error| {
        io::Error::new(
            e.kind(),
            format!("the ssh-agent at {} does not answer: {e}", path.display()),
        )
    };
    let mut framed = Vec::new();
    put(&mut framed, message);
    let answer = exchanged(path.clone(), framed, PATIENCE).map_err(gone)?;
    match answer.split_first() {
        Some((kind, rest)) if *kind == want => Ok(rest.to_vec()),
        _ => Err(io::Error::other(
            "the ssh-agent refused: it is locked, or does not have the key",
        )),
    }
}

/// One message there and one back, all of it within `patience`: an agent that takes no connection, reads nothing or
/// answers byte by byte is given up, too.
fn exchanged(path: PathBuf, framed: Vec<u8>, patience: Duration) -> io::Result<Vec<u8>> {
    let (done, answer) = sync_channel(1);
    let exchange = move || -> io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        stream.write_all(&framed)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if !(1..=LONGEST).contains(&length) {
            return Err(odd());
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    // Whoever was given up hears nobody any more.
    std::thread::spawn(move || drop(done.send(exchange())));
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "it took too long");
    answer.recv_timeout(patience).map_err(late)?
}

fn odd() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the ssh-agent's answer cannot be read",
    )
}

/// Bytes with their length before them.
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    // Messages here are a few kilobytes.
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, more) = rest.split_first_chunk::<4>()?;
    *rest = more;
    Some(u32::from_be_bytes(*bytes))
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)? as usize;
    let (bytes, more) = rest.split_at_checked(length)?;
    *rest = more;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel takes the connection; nobody else does anything, or too little.
    #[test]
    fn an_agent_that_does_not_come_to_an_end_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent");
        let listens = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let asked = |bytes| exchanged(path.clone(), vec![0; bytes], Duration::from_millis(50));
        // More than a socket holds: writing alone would wait for ever.
        for bytes in [4, 8 << 20] {
            let error = asked(bytes).unwrap_err();
            let late = [io::ErrorKind::TimedOut, io::ErrorKind::WouldBlock];
            assert!(late.contains(&error.kind()), "{bytes}: {error}");
        }
        drop(listens);
        assert_eq!(asked(4).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn an_answer_that_lies_about_its_lengths_is_none() {
        let mut out = Vec::new();
        put(&mut out, b"abc");
        assert_eq!(text(&mut out.as_slice()), Some(&b"abc"[..]));
        let rows: [&[u8]; 4] = [b"", &[0, 0], &[0, 0, 0, 4, 1], &[255; 8]];
        for bad in rows {
            assert_eq!(text(&mut &*bad), None, "{bad:?}");
        }
    }
}
