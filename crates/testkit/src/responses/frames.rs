//! WebSocket frames by hand: as much as one client needs, and wrong where a script wants it.

use std::io::{self, Read};

/// What a client sent, put together from its fragments and unmasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Came {
    Text(Vec<u8>),
    Ping(Vec<u8>),
    Close,
    Other,
}

/// Bytes that are read at once.
const READ: usize = 64 << 10;

/// Reads a client's frames.
pub(super) struct Frames<R> {
    from: R,
    buffer: Vec<u8>,
    /// How much of it was taken.
    taken: usize,
    piece: Vec<u8>,
}

impl<R: Read> Frames<R> {
    /// `buffer`: what was read already.
    pub(super) fn new(from: R, buffer: Vec<u8>) -> Frames<R> {
        Frames {
            from,
            buffer,
            taken: 0,
            piece: vec![0; READ],
        }
    }

    /// The next message; an error at the end of the connection or of sense.
    pub(super) fn next(&mut self) -> io::Result<Came> {
        let mut message = Vec::new();
        let mut kind = 0;
        loop {
            let head = self.head()?;
            let (last, opcode) = (head[0] & 0x80 != 0, head[0] & 0x0f);
            let length = match head[1] & 0x7f {
                126 => number(self.take(2)?),
                127 => number(self.take(8)?),
                short => usize::from(short),
            };
            if head[1] & 0x80 == 0 {
                return Err(io::Error::other("a client must mask its frames"));
            }
            let mask = self.take(4)?;
            let mask = [mask[0], mask[1], mask[2], mask[3]];
            let begun = message.len();
            message.extend_from_slice(self.take(length)?);
            unmask(&mut message[begun..], mask);
            match opcode {
                0x8 => return Ok(Came::Close),
                0x9 => return Ok(Came::Ping(message.split_off(begun))),
                0xa => return Ok(Came::Other),
                0x0 => {}
                opcode => kind = opcode,
            }
            if last {
                return Ok(match kind {
                    0x1 => Came::Text(message),
                    _ => Came::Other,
                });
            }
        }
    }

    fn head(&mut self) -> io::Result<[u8; 2]> {
        let head = self.take(2)?;
        Ok([head[0], head[1]])
    }

    fn take(&mut self, length: usize) -> io::Result<&[u8]> {
        if self.taken == self.buffer.len() {
            self.buffer.clear();
            self.taken = 0;
        }
        let end = self.taken + length;
        while self.buffer.len() < end {
            let n = self.from.read(&mut self.piece)?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.buffer.extend_from_slice(&self.piece[..n]);
        }
        let begun = std::mem::replace(&mut self.taken, end);
        Ok(&self.buffer[begun..end])
    }
}

/// Eight bytes at a time: one at a time would be a tenth of what a turn on a kept socket takes.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let double = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ double).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |all, byte| all << 8 | usize::from(*byte))
}

/// One frame of a server.
pub(super) fn frame(opcode: u8, last: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![if last { 0x80 } else { 0 } | opcode];
    match payload.len() {
        short @ 0..126 => out.push(short as u8),
        middle @ 126..65_536 => {
            out.push(126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(opcode: u8, last: bool, payload: &[u8]) -> Vec<u8> {
        let mut out = frame(opcode, last, payload);
        let head = out.len() - payload.len();
        out[1] |= 0x80;
        let mask = [1, 2, 3, 4];
        for (byte, mask) in out[head..].iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        out.splice(head..head, mask);
        out
    }

    #[test]
    fn messages_come_whole_whatever_their_size_and_fragments() {
        for size in [0, 1, 125, 126, 65_535, 65_536] {
            let text = vec![b'x'; size];
            let mut frames = Frames::new(io::empty(), masked(1, true, &text));
            assert_eq!(frames.next().unwrap(), Came::Text(text), "{size}");
        }
        let wire = [
            masked(1, false, b"ab"),
            masked(0, true, b"c"),
            masked(9, true, b"?"),
            masked(8, true, b""),
        ];
        let wire = wire.concat();
        let mut frames = Frames::new(&wire[3..], wire[..3].to_vec());
        let came: Vec<Came> = (0..3).map(|_| frames.next().unwrap()).collect();
        assert_eq!(
            came,
            [
                Came::Text(b"abc".to_vec()),
                Came::Ping(b"?".to_vec()),
                Came::Close
            ]
        );
        assert!(frames.next().is_err());
        assert!(Frames::new(io::empty(), frame(1, true, b"a")).next().is_err());
    }
}
