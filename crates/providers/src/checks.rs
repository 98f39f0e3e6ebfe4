//! What must hold whatever a server sends: the bodies of the fuzz targets, which property tests run, too.

use crate::answer::{Answer, StopTexts};
use crate::base_url::BaseUrl;
use crate::endpoint::Endpoint;
use crate::fault::Upstream;
use crate::messages_wire::MessagesReader;
use crate::responses::checks::{event_reader, frames};
use crate::sse::SseParser;
use crate::stream::{End, Reader, State};
use crate::wire::ChatReader;
use brisk_domain::ModelId;

/// The bound of one event here, bytes.
const EVENT: usize = 1 << 16;

/// The bound of an answer here, tokens.
const TOKENS: usize = 64;

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Chat Completions.
    Chat,
    /// Anthropic Messages.
    Messages,
    /// Responses, as server-sent events.
    Responses,
    /// Responses, a frame in each line.
    Socket,
}

pub(crate) fn upstream() -> Option<Upstream> {
    let endpoint = Endpoint::new(ModelId("m".to_owned()), "http://127.0.0.1:1", "m");
    let base = BaseUrl::parse(&endpoint.base_url, false).ok()?;
    Some(Upstream::new(base, &endpoint))
}

pub(crate) fn answer() -> Answer {
    let stop = ["```".to_owned()];
    Answer::new(StopTexts::new(&stop, ""), "", TOKENS)
}

/// For any bytes: reading them does not panic, where they are cut changes neither text nor end, and an answer stays
/// within its bound.
///
/// # Errors
/// Says what differs, or what is too long.
pub fn events(wire: Wire, bytes: &[u8], piece: usize) -> Result<(), String> {
    let Some(upstream) = upstream() else { return Ok(()) };
    let run = |piece: usize| match wire {
        Wire::Chat => told(&upstream, ChatReader, bytes, piece),
        Wire::Messages => told(&upstream, MessagesReader::new(Some("```rust\n")), bytes, piece),
        Wire::Responses => told(&upstream, &mut event_reader(TOKENS), bytes, piece),
        Wire::Socket => frames(&upstream, bytes, TOKENS),
    };
    let whole = run(bytes.len().max(1));
    let cut = run(piece.max(1));
    if whole != cut {
        return Err(format!("in one piece {whole:?}, in pieces of {piece} {cut:?}"));
    }
    match whole.0.len() > bytes.len() * 3 {
        true => Err(format!(
            "{} bytes of text from {} bytes",
            whole.0.len(),
            bytes.len()
        )),
        false => Ok(()),
    }
}

/// All text and the end, if one came.
fn told(upstream: &Upstream, reader: impl Reader, bytes: &[u8], piece: usize) -> (String, Option<End>) {
    let mut state = State::new(upstream, reader, answer());
    let mut parser = SseParser::new(EVENT);
    let (mut text, mut over) = (String::new(), None);
    for piece in bytes.chunks(piece) {
        let fed = parser.feed(piece, |event| {
            if over.is_none() {
                over = state.take(&event, &mut text);
            }
        });
        if let (Err(error), None) = (fed, &over) {
            over = Some(Err(upstream.malformed(&error.to_string(), "")));
        }
        if over.is_some() {
            break;
        }
    }
    (text, over)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pieces of real streams, so that random ones of them reach further than random bytes.
    const SCRAPS: [&str; 22] = [
        "data: ",
        "event: error\n",
        "\n\n",
        "\r\n\r\n",
        "{\"type\":\"response.created\",\"response\":{\"id\":\"r1\"}}",
        "{\"type\":\"response.output_text.delta\",\"delta\":\"a``\"}",
        "{\"type\":\"response.output_text.delta\",\"delta\":\"\\u0000`é\",\"response_id\":\"r2\"}",
        "{\"type\":\"response.output_item.done\",\"item\":{\"type\":\"message\",\"content\":[{\"text\":\"a\"}]}}",
        "{\"type\":\"response.completed\",\"response\":{\"id\":\"r1\",\"usage\":{\"output_tokens\":99}}}",
        "{\"type\":\"response.incomplete\",\"response\":{\"incomplete_details\":{\"reason\":\"interrupted\"}}}",
        "{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\"}}}",
        "{\"type\":\"error\",\"status\":429,\"error\":{\"code\":\"previous_response_not_found\"}}",
        "{\"choices\":[{\"delta\":{\"content\":\"``\"}}]}",
        "{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":1}}",
        "{\"error\":{\"message\":\"try again in 9e99s\",\"code\":429}}",
        "[DONE]",
        "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"\\n`\"}}",
        "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":1}}",
        "{\"type\":\"message_stop\"}",
        "\n",
        "{\"",
        "é",
    ];

    proptest! {
        #[test]
        fn any_stream_is_survived_and_its_cuts_do_not_matter(
            scraps in prop::collection::vec(0..SCRAPS.len(), 0..12),
            noise in prop::collection::vec(any::<u8>(), 0..8),
            piece in 1usize..9,
        ) {
            let mut bytes = Vec::new();
            for at in scraps {
                // Mostly whole events.
                let scrap = SCRAPS[at];
                let framed = match scrap.starts_with('{') || scrap == "[DONE]" {
                    true => format!("data: {scrap}\n\n"),
                    false => scrap.to_owned(),
                };
                bytes.extend_from_slice(framed.as_bytes());
            }
            bytes.extend_from_slice(&noise);
            for wire in [Wire::Chat, Wire::Messages, Wire::Responses] {
                prop_assert_eq!(events(wire, &bytes, piece), Ok(()));
            }
            let lines = String::from_utf8_lossy(&bytes).replace("data: ", "").replace("\n\n", "\n");
            prop_assert_eq!(events(Wire::Socket, lines.as_bytes(), piece), Ok(()));
        }
    }

    #[test]
    fn a_stream_is_read_to_its_end() {
        let upstream = upstream().unwrap();
        let chat = b"data: {\"choices\":[{\"delta\":{\"content\":\"hello\"}}]}\n\ndata: [DONE]\n\n";
        let (text, end) = told(&upstream, ChatReader, chat, 3);
        assert!(text == "hello" && matches!(end, Some(Ok(_))), "{text} {end:?}");
        let socket = "{\"type\":\"response.output_text.delta\",\"delta\":\"hello\"}\n\
                      {\"type\":\"response.completed\",\"response\":{\"id\":\"r\"}}";
        let (text, end) = frames(&upstream, socket.as_bytes(), TOKENS);
        assert!(text == "hello" && matches!(end, Some(Ok(_))), "{text} {end:?}");
    }
}
