//! From bytes of tokens to text for the person: whole characters, nothing of a stop text, no endless loops.

/// What a push gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Emitted {
    /// Text that can be shown.
    pub(crate) text: String,
    /// A stop text was met; `text` ends before it.
    pub(crate) stopped: bool,
}

/// The tail of an answer: bytes held back until they are surely text.
pub(crate) struct Output {
    stops: Vec<Vec<u8>>,
    held: Vec<u8>,
}

impl Output {
    /// Empty stop texts are ignored.
    pub(crate) fn new(stops: &[String]) -> Self {
        let stops = stops
            .iter()
            .filter(|s| !s.is_empty())
            .map(|s| s.clone().into_bytes())
            .collect();
        Self {
            stops,
            held: Vec::new(),
        }
    }

    /// Adds bytes; gives what is surely text.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Emitted {
        self.held.extend_from_slice(bytes);
        let first = self.stops.iter().filter_map(|stop| find(&self.held, stop)).min();
        if let Some(at) = first {
            let text = String::from_utf8_lossy(&self.held[..at]).into_owned();
            self.held.clear();
            return Emitted { text, stopped: true };
        }
        let keep = self
            .stops
            .iter()
            .map(|stop| begun(&self.held, stop))
            .max()
            .unwrap_or(0);
        let mut sure = self.held.len() - keep;
        sure -= unfinished(&self.held[..sure]);
        let text = String::from_utf8_lossy(&self.held[..sure]).into_owned();
        self.held.drain(..sure);
        Emitted { text, stopped: false }
    }

    /// The answer is over: what was held back is text after all.
    pub(crate) fn finish(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.held).into_owned();
        self.held.clear();
        text
    }
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

/// Length of the longest end of `text` that begins `stop`.
fn begun(text: &[u8], stop: &[u8]) -> usize {
    (1..stop.len().min(text.len() + 1))
        .rev()
        .find(|&n| text.ends_with(&stop[..n]))
        .unwrap_or(0)
}

/// Bytes at the end that begin a character which is not complete; 0 when the end is whole or wrong.
fn unfinished(text: &[u8]) -> usize {
    for back in 1..=text.len().min(3) {
        let at = text.len() - back;
        let byte = text[at];
        if byte & 0b1100_0000 == 0b1000_0000 {
            continue;
        }
        return match std::str::from_utf8(&text[at..]) {
            Err(error) if error.error_len().is_none() => back,
            _ => 0,
        };
    }
    0
}

/// A loop is at least this long,
const LOOP_BYTES: usize = 600;
/// repeats its block at least so many times,
const LOOP_TIMES: usize = 8;
/// and its block is at most this long.
const LOOP_BLOCK: usize = 400;

/// Whether an answer ends in the same block again and again. What the predicted text repeats itself is no loop.
pub(crate) fn repeats_itself(answer: &[u8], prediction: &[u8]) -> bool {
    if answer.len() < LOOP_BYTES {
        return false;
    }
    (1..=LOOP_BLOCK.min(answer.len() / LOOP_TIMES)).any(|period| {
        let span = LOOP_BYTES.max(period * LOOP_TIMES);
        if span > answer.len() {
            return false;
        }
        let tail = &answer[answer.len() - span..];
        tail[period..] == tail[..span - period] && find(prediction, &tail[..LOOP_BYTES.min(span)]).is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(stops: &[&str], chunks: &[&[u8]]) -> (Vec<String>, bool) {
        let stops: Vec<String> = stops.iter().map(|s| (*s).to_owned()).collect();
        let mut output = Output::new(&stops);
        let mut texts = Vec::new();
        for chunk in chunks {
            let emitted = output.push(chunk);
            texts.push(emitted.text);
            if emitted.stopped {
                return (texts, true);
            }
        }
        texts.push(output.finish());
        (texts, false)
    }

    #[test]
    fn holds_back_what_may_be_a_stop_or_half_a_character() {
        type Case = (
            &'static [&'static str],
            &'static [&'static [u8]],
            &'static [&'static str],
            bool,
        );
        let cases: [Case; 8] = [
            (&["\n```"], &[b"a\n", b"``", b"`", b"x"], &["a", "", ""], true),
            (&["\n```"], &[b"a\n", b"``b\n"], &["a", "\n``b", "\n"], false),
            (&["\n```"], &[b"a\n\n```"], &["a\n"], true),
            (&[], &[b"\xe2\x82", b"\xac!"], &["", "\u{20ac}!", ""], false),
            (&[], &[b"\xe2\x82"], &["", "\u{fffd}"], false),
            (&[], &[b"\xff\xfea"], &["\u{fffd}\u{fffd}a", ""], false),
            (&["END", "E"], &[b"xEND"], &["x"], true),
            (&[""], &[b"abc"], &["abc", ""], false),
        ];
        for (stops, chunks, texts, stopped) in cases {
            assert_eq!(
                run(stops, chunks),
                (texts.iter().map(|t| (*t).to_owned()).collect(), stopped),
                "{chunks:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_cut_into_chunks_does_not_matter(text in "[ab`\n\u{e9}\u{20ac}]{0,40}", cuts in proptest::collection::vec(0usize..60, 0..8)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let mut chunks = Vec::new();
            let mut from = 0;
            for to in cuts {
                chunks.push(&bytes[from..to]);
                from = to;
            }
            let (whole, stopped) = run(&["\n```"], &[bytes]);
            let (parts, parts_stopped) = run(&["\n```"], &chunks);
            prop_assert_eq!(whole.concat(), parts.concat());
            prop_assert_eq!(stopped, parts_stopped);
            prop_assert_eq!(parts.concat(), text.split("\n```").next().unwrap_or_default());
        }
    }

    #[test]
    fn loops_are_seen_and_repetitive_files_are_not() {
        let line = "    print(\"hello\")\n";
        let looping = line.repeat(60);
        let cases = [
            (looping.as_str(), "", true),
            (looping.as_str(), looping.as_str(), false),
            (&line.repeat(5), "", false),
            (&"ab".repeat(400), "", true),
            (
                &(0..60).map(|i| format!("    print({i})\n")).collect::<String>(),
                "",
                false,
            ),
        ];
        for (answer, prediction, expected) in cases {
            assert_eq!(repeats_itself(answer.as_bytes(), prediction.as_bytes()), expected);
        }
    }
}
