//! What of a stream's text is the answer: without the opening that the model repeats, up to the first stop text,
//! within the bound. Pure, and insensitive to how the text is cut.

use brisk_domain::port::Finish;

/// How long an opening fence with its language may be before it is taken for something else, bytes.
const OPENING_MAX: usize = 64;

/// Bytes for each token of the bound: far above any tokenizer's mean, so that only an endless answer meets it.
const BYTES_PER_TOKEN: usize = 64;

/// The stop texts, by whether the server may be told of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StopTexts {
    /// Those that the wire may carry: not part of the opening that the model is asked to write, at most four (the
    /// public limit).
    pub(crate) on_wire: Vec<String>,
    all: Vec<String>,
}

impl StopTexts {
    /// `opening` is what the model itself is asked to write first; empty if it is not.
    pub(crate) fn new(stop: &[String], opening: &str) -> StopTexts {
        let all: Vec<String> = stop.iter().filter(|s| !s.is_empty()).cloned().collect();
        let on_wire = all
            .iter()
            .filter(|s| !opening.contains(s.as_str()))
            .take(4)
            .cloned()
            .collect();
        StopTexts { on_wire, all }
    }
}

/// The filter of one answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What the model is asked to write first, until it is decided whether it did.
    opening: Option<String>,
    /// Text that what follows may turn into an opening or a stop text.
    held: String,
    stops: Vec<String>,
    pieces_left: usize,
    bytes_left: usize,
}

impl Answer {
    pub(crate) fn new(stops: StopTexts, opening: &str, max_tokens: usize) -> Answer {
        let opening = opening.trim_start();
        Answer {
            opening: (!opening.is_empty()).then(|| opening.to_owned()),
            held: String::new(),
            stops: stops.all,
            pieces_left: max_tokens,
            bytes_left: max_tokens.saturating_mul(BYTES_PER_TOKEN),
        }
    }

    /// Takes one piece as the server sent it (one token at least) and appends to `out` what is surely answer. Gives
    /// the reason when the answer is over; nothing may be pushed after that.
    pub(crate) fn push(&mut self, piece: &str, out: &mut String) -> Option<Finish> {
        if piece.is_empty() {
            return None;
        }
        // The server was told the bound; one that ignores it is stopped here.
        if self.pieces_left == 0 || self.bytes_left < piece.len() {
            self.flush(out);
            return Some(Finish::Length);
        }
        self.pieces_left -= 1;
        self.bytes_left -= piece.len();
        self.held.push_str(piece);
        if let Some(opening) = &self.opening {
            match repeated(opening, &self.held) {
                Repeated::Perhaps => return None,
                Repeated::Yes(bytes) => {
                    self.held.drain(..bytes);
                }
                // The model wrote something else first; a stop text that is part of the opening would then end the
                // answer at its beginning.
                Repeated::No => self.stops.retain(|stop| !opening.contains(stop.as_str())),
            }
            self.opening = None;
        }
        self.release(out)
    }

    /// The stream is over or broken: what was held back is answer after all.
    pub(crate) fn flush(&mut self, out: &mut String) {
        out.push_str(&std::mem::take(&mut self.held));
    }

    fn release(&mut self, out: &mut String) -> Option<Finish> {
        // The stop text that is complete first ends the answer, whatever the cuts; among these the longest.
        let hit = self
            .stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()).map(|at| (at + stop.len(), at)))
            .min();
        if let Some((_, at)) = hit {
            out.push_str(&self.held[..at]);
            self.held.clear();
            return Some(Finish::Stop);
        }
        let keep = self
            .stops
            .iter()
            .map(|stop| overlap(&self.held, stop))
            .max()
            .unwrap_or(0);
        let sure = self.held.len() - keep;
        out.push_str(&self.held[..sure]);
        self.held.drain(..sure);
        None
    }
}

/// Length of the longest end of `text` that `stop` begins with, shorter than `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let longest = text.len().min(stop.len().saturating_sub(1));
    (1..=longest)
        .rev()
        .find(|n| stop.as_bytes().starts_with(&text.as_bytes()[text.len() - n..]))
        .unwrap_or(0)
}

enum Repeated {
    /// So many bytes of the text are the opening.
    Yes(usize),
    No,
    Perhaps,
}

/// Whether a text begins with the opening: literally, or, where the opening is a code fence, with any fence line
/// (models write the language differently). White space before it does not count.
fn repeated(opening: &str, text: &str) -> Repeated {
    let bare = text.trim_start();
    let lead = text.len() - bare.len();
    if bare.starts_with(opening) {
        return Repeated::Yes(lead + opening.len());
    }
    if opening.starts_with(bare) {
        return Repeated::Perhaps;
    }
    let fence = opening.starts_with("```") && !opening.trim_end().contains('\n');
    if fence && bare.starts_with("```") {
        return match bare.find('\n') {
            Some(end) if end <= OPENING_MAX => Repeated::Yes(lead + end + 1),
            None if bare.len() <= OPENING_MAX => Repeated::Perhaps,
            Some(_) | None => Repeated::No,
        };
    }
    Repeated::No
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run<'a>(
        pieces: impl Iterator<Item = &'a str>,
        opening: &str,
        stop: &[&str],
        max: usize,
    ) -> (String, Option<Finish>) {
        let stop: Vec<String> = stop.iter().map(|s| (*s).to_owned()).collect();
        let mut answer = Answer::new(StopTexts::new(&stop, opening), opening, max);
        let mut out = String::new();
        for piece in pieces {
            if let Some(finish) = answer.push(piece, &mut out) {
                return (out, Some(finish));
            }
        }
        answer.flush(&mut out);
        (out, None)
    }

    fn check(text: &str, opening: &str, stop: &[&str], want: &str, ended: bool) {
        let finish = ended.then_some(Finish::Stop);
        let whole = run(std::iter::once(text), opening, stop, 1000);
        let single = run(text.split_inclusive(|_| true), opening, stop, 1000);
        assert_eq!(whole, (want.to_owned(), finish), "{text:?}");
        assert_eq!(single, whole, "{text:?} in characters");
    }

    #[test]
    fn stop_texts_end_the_answer_and_are_not_part_of_it() {
        check("a\nb\n```\nbye", "", &["```"], "a\nb\n", true);
        check("a `b` ``c", "", &["```"], "a `b` ``c", false);
        check("a``", "", &["```"], "a``", false);
        check("abcX", "", &["abcX", "b"], "a", true);
        check("one END two", "", &["STOP", "END"], "one ", true);
        check("aab", "", &["ab"], "a", true);
        check("é€", "", &["€"], "é", true);
        check("anything", "", &[""], "anything", false);
    }

    #[test]
    fn the_opening_is_not_repeated() {
        let stop = &["```"][..];
        check(
            "```rust\nfn a() {}\n```\nbye",
            "```rust\n",
            stop,
            "fn a() {}\n",
            true,
        );
        check("\n ```rust\nx\n```", "```rust\n", stop, "x\n", true);
        check("```Rust title=a\r\nx\n```", "```rust\n", stop, "x\n", true);
        check("fn a() {}\n", "```rust\n", stop, "fn a() {}\n", false);
        // Words first: the caller's parser finds the fence; the closing fence does not end it here.
        check(
            "Sure:\n```rust\nx\n```\n",
            "```rust\n",
            stop,
            "Sure:\n```rust\nx\n```\n",
            false,
        );
        check("``", "```rust\n", stop, "``", false);
        check("<edit>x</edit>y", "<edit>", &["</edit>"], "x", true);
        check("<editor>", "<edit>", &[], "<editor>", false);
        check(
            &format!("```{}\n", "x".repeat(99)),
            "```\n",
            &[],
            &format!("```{}\n", "x".repeat(99)),
            false,
        );
    }

    #[test]
    fn a_stop_text_inside_the_opening_stays_off_the_wire() {
        let stop: Vec<String> = ["```", "a", "b", "c", "d", ""].map(str::to_owned).into();
        assert_eq!(StopTexts::new(&stop, "```rust\n").on_wire, ["a", "b", "c", "d"]);
        assert_eq!(StopTexts::new(&stop, "").on_wire, ["```", "a", "b", "c"]);
    }

    #[test]
    fn an_endless_answer_meets_the_bound() {
        let pieces = || std::iter::repeat_n("ab", 100);
        assert_eq!(run(pieces(), "", &[], 100), ("ab".repeat(100), None));
        assert_eq!(
            run(pieces(), "", &[], 99),
            ("ab".repeat(99), Some(Finish::Length))
        );
        let long = "x".repeat(BYTES_PER_TOKEN * 2 + 1);
        assert_eq!(
            run(std::iter::once(long.as_str()), "", &[], 2),
            (String::new(), Some(Finish::Length))
        );
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(text in "[`a\nb ]{0,40}", stops in prop::collection::vec("[`a\nb]{1,4}", 0..3),
                              opening in prop_oneof![Just(""), Just("```a\n"), Just("ab")]) {
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let whole = run(std::iter::once(text.as_str()), opening, &stops, 1000);
            let single = run(text.split_inclusive(|_| true), opening, &stops, 1000);
            prop_assert_eq!(whole, single);
        }
    }
}
