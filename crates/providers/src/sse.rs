//! Server-sent events out of bytes, however these are cut. Pure: no I/O, no JSON.
//!
//! Tolerant where servers differ (`\n`, `\r\n`, `\r`, comments, no space after the colon, several `data` lines, no
//! blank line at the very end), strict where memory is at stake: one event has a bound.

/// One event with its data: the lines joined with `\n`, invalid UTF-8 replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event` field, empty if there was none.
    pub event: String,
    /// The `data` field.
    pub data: String,
}

/// One event was larger than the bound. The parser is of no use afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one event is larger than {limit} bytes")]
pub struct EventTooLarge {
    /// The bound, bytes.
    pub limit: usize,
}

/// The parser. Feed it bytes; it hands out events as soon as they are whole.
#[derive(Debug)]
pub struct SseParser {
    limit: usize,
    /// The line that is not whole yet.
    line: Vec<u8>,
    event: Vec<u8>,
    /// Lines of `data`, each with its `\n`.
    data: Vec<u8>,
    /// The last byte was a `\r`: a `\n` that follows belongs to it.
    after_cr: bool,
    /// No line was read yet: a byte order mark may come.
    first: bool,
}

impl SseParser {
    /// A parser for events of at most `limit` bytes.
    pub fn new(limit: usize) -> SseParser {
        SseParser {
            limit,
            line: Vec::new(),
            event: Vec::new(),
            data: Vec::new(),
            after_cr: false,
            first: true,
        }
    }

    /// Takes the next bytes and calls `out` for every event that they complete.
    ///
    /// # Errors
    /// [`EventTooLarge`]; events before it were handed out.
    pub fn feed(&mut self, bytes: &[u8], mut out: impl FnMut(SseEvent)) -> Result<(), EventTooLarge> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = memchr::memchr2(b'\n', b'\r', rest);
            let piece = &rest[..end.unwrap_or(rest.len())];
            if self.line.len() + self.data.len() + piece.len() > self.limit {
                return Err(EventTooLarge { limit: self.limit });
            }
            self.line.extend_from_slice(piece);
            let Some(end) = end else { return Ok(()) };
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if let Some(event) = self.end_of_line() {
                out(event);
            }
        }
        Ok(())
    }

    /// The stream is over; gives the event that lacked its blank line, if its last line was whole.
    pub fn finish(mut self) -> Option<SseEvent> {
        self.dispatch()
    }

    fn end_of_line(&mut self) -> Option<SseEvent> {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.first) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if line.is_empty() {
            return self.dispatch();
        }
        let (name, value) = match memchr::memchr(b':', &line) {
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line.as_slice(), &[][..]),
        };
        match name {
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => self.event = value.to_vec(),
            // Comments have an empty name; `id` and `retry` mean nothing for an answer that is asked for once.
            _ => {}
        }
        // The buffer is used again.
        line.clear();
        self.line = line;
        None
    }

    /// An event without data is none.
    fn dispatch(&mut self) -> Option<SseEvent> {
        let event = std::mem::take(&mut self.event);
        self.data.pop()?;
        let data = String::from_utf8_lossy(&self.data).into_owned();
        self.data.clear();
        Some(SseEvent {
            event: String::from_utf8_lossy(&event).into_owned(),
            data,
        })
    }
}

/// All events of a whole stream, and the error if it ended in one.
fn parse_pieces<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    limit: usize,
) -> (Vec<SseEvent>, Option<EventTooLarge>) {
    let mut parser = SseParser::new(limit);
    let mut events = Vec::new();
    for piece in pieces {
        if let Err(error) = parser.feed(piece, |event| events.push(event)) {
            return (events, Some(error));
        }
    }
    events.extend(parser.finish());
    (events, None)
}

/// The property that the fuzzer and the property test run: for any bytes, neither the cuts nor the pieces' sizes
/// change the events, and memory stays within the bound. `piece` is the size of the pieces, at least 1.
///
/// # Errors
/// Says what differs.
pub fn check_cuts(bytes: &[u8], piece: usize) -> Result<(), String> {
    const LIMIT: usize = 1 << 12;
    let whole = parse_pieces(std::iter::once(bytes), LIMIT);
    let cut = parse_pieces(bytes.chunks(piece.max(1)), LIMIT);
    if whole != cut {
        return Err(format!("in one piece {whole:?}, in pieces of {piece} {cut:?}"));
    }
    match whole.0.iter().find(|event| event.data.len() > LIMIT * 3) {
        Some(large) => Err(format!("an event of {} bytes came through", large.data.len())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data(wire: &[u8]) -> Vec<String> {
        let (events, error) = parse_pieces(std::iter::once(wire), 1 << 20);
        assert_eq!(error, None);
        events.into_iter().map(|event| event.data).collect()
    }

    #[test]
    fn streams_of_real_servers() {
        for (wire, want) in [
            (&b"data: a\n\ndata: b\n\n"[..], &["a", "b"][..]),
            (b"data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]),
            (b"data: a\r\rdata: b\r\r", &["a", "b"]),
            (b"data:a\n\n", &["a"]),
            (b"data:  a\n\n", &[" a"]),
            (b"data: a\ndata: b\n\n", &["a\nb"]),
            (b"data\n\n", &[""]),
            (b": ping\n\n: ping\n\ndata: a\n\n", &["a"]),
            (b"event: x\nid: 1\nretry: 5\ndata: a\n\n", &["a"]),
            (b"event: x\n\n", &[]),
            (b"\xef\xbb\xbfdata: a\n\n", &["a"]),
            (b"data: \xff\xc3\n\n", &["\u{fffd}\u{fffd}"]),
            ("data: é€😀\n\n".as_bytes(), &["é€😀"]),
            (b"\n\n\n", &[]),
            // The blank line is missing; a line that is not whole is not data.
            (b"data: a\n", &["a"]),
            (b"data: a", &[]),
            (b"<html>\n\n", &[]),
        ] {
            assert_eq!(data(wire), want, "{}", wire.escape_ascii());
        }
    }

    #[test]
    fn the_event_name_goes_with_its_data_only() {
        let (events, _) = parse_pieces(std::iter::once(&b"event: error\ndata: a\n\ndata: b\n\n"[..]), 100);
        let names: Vec<&str> = events.iter().map(|event| event.event.as_str()).collect();
        assert_eq!(names, ["error", ""]);
    }

    #[test]
    fn an_event_beyond_the_bound_is_an_error_in_one_line_and_in_many() {
        for wire in [
            format!("data: {}", "x".repeat(200)),
            "data: xxxxxxxx\n".repeat(20),
        ] {
            let (events, error) = parse_pieces(wire.as_bytes().chunks(7), 100);
            assert_eq!((events, error), (Vec::new(), Some(EventTooLarge { limit: 100 })));
        }
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(
            parts in prop::collection::vec(
                prop_oneof![
                    Just(b"data: ".to_vec()), Just(b"data:".to_vec()), Just(b"\n".to_vec()), Just(b"\r\n".to_vec()),
                    Just(b"\r".to_vec()), Just(b": c".to_vec()), Just("é😀".as_bytes().to_vec()),
                    Just(b"event: e".to_vec()), prop::collection::vec(any::<u8>(), 0..4),
                ],
                0..60,
            ),
            piece in 1usize..9,
        ) {
            prop_assert_eq!(check_cuts(&parts.concat(), piece), Ok(()));
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1usize..9) {
            prop_assert_eq!(check_cuts(&bytes, piece), Ok(()));
        }
    }
}
