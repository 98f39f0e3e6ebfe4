//! What is written to a Messages server, and how its events are read.

use crate::fault::Upstream;
use crate::messages::MessagesConfig;
use crate::sse::SseEvent;
use crate::stream::{Reader, Said, Unsaid};
use crate::wire::ask_for;
use brisk_domain::port::{Finish, GenerateRequest, Role, Usage};
use brisk_protocol::messages::{
    CacheControl, MessagesEvent, MessagesRequest, MessagesTurn, MessagesUsage, OutputConfig, TextBlock,
};
use std::borrow::Cow;

/// No server keeps a prefix of fewer than about 1,024 tokens, so none is marked below this, bytes.
const CACHE_MIN: usize = 4 << 10;

/// The request's body. `stop` are the stop texts that may go over the wire.
pub(crate) fn body<'a>(
    config: &'a MessagesConfig,
    request: &'a GenerateRequest,
    stop: &'a [String],
) -> MessagesRequest<'a> {
    let mut system = Vec::new();
    let mut messages: Vec<MessagesTurn<'a>> = Vec::new();
    let mut size = 0;
    // Before the last message of the person all is as it was in the last request.
    let last = request.messages.iter().rposition(|m| m.role == Role::User);
    for (at, message) in request.messages.iter().enumerate() {
        let text = message.text.as_str();
        let cache = |size: usize, wanted: bool| {
            (config.caching && wanted && size >= CACHE_MIN).then_some(CacheControl::Ephemeral)
        };
        let role = match message.role {
            Role::System => {
                size += text.len();
                system.push(block(text, None));
                continue;
            }
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let mut content = Vec::new();
        let (stable, rest) = match Some(at) == last {
            true => text.split_at(stable(text)),
            false => (text, ""),
        };
        size += stable.len();
        if !stable.is_empty() {
            content.push(block(
                stable,
                cache(size, at + 1 == last.unwrap_or(0) || Some(at) == last),
            ));
        }
        if !rest.is_empty() {
            content.push(block(rest, None));
        }
        messages.push(MessagesTurn { role, content });
    }
    // The API refuses messages without text.
    messages.retain(|turn| !turn.content.is_empty());
    system.retain(|block| !block.text.is_empty());
    let opening = request.answer_prefix.as_str();
    match (config.prefill, opening.trim_end()) {
        (_, "") => {}
        (true, bare) => messages.push(MessagesTurn {
            role: "assistant",
            content: vec![block(bare, None)],
        }),
        (false, _) => {
            let ask = TextBlock {
                text: Cow::Owned(format!("\n\n{}", ask_for(opening))),
                cache_control: None,
            };
            match messages.last_mut() {
                Some(turn) if turn.role == "user" => turn.content.push(ask),
                _ => messages.push(MessagesTurn {
                    role: "user",
                    content: vec![ask],
                }),
            }
        }
    }
    MessagesRequest {
        model: &config.endpoint.model,
        max_tokens: request.max_tokens,
        system,
        messages,
        stream: true,
        temperature: config.temperature.then_some(0),
        // A stop text of white space alone is refused; it is seen to here.
        stop_sequences: stop
            .iter()
            .map(String::as_str)
            .filter(|text| !text.trim().is_empty())
            .collect(),
        output_config: config.effort.as_deref().map(|effort| OutputConfig { effort }),
    }
}

fn block(text: &str, cache_control: Option<CacheControl>) -> TextBlock<'_> {
    TextBlock {
        text: Cow::Borrowed(text),
        cache_control,
    }
}

/// Where the part of a message ends that the next request will most likely have, too: before its last paragraph.
fn stable(text: &str) -> usize {
    text.trim_end().rfind("\n\n").map_or(0, |at| at + 2)
}

/// Reads the events of Messages.
pub(crate) struct MessagesReader {
    /// White space that ends our opening and that the API does not let us send: the model writes it first.
    lead: String,
    usage: MessagesUsage,
}

impl MessagesReader {
    /// `opening` is what the model was given to continue.
    pub(crate) fn new(opening: Option<&str>) -> MessagesReader {
        let lead = opening.map_or("", |text| match text.trim_end() {
            "" => "",
            bare => &text[bare.len()..],
        });
        MessagesReader {
            lead: lead.to_owned(),
            usage: MessagesUsage::default(),
        }
    }

    fn without_lead(&mut self, mut text: String) -> String {
        if self.lead.is_empty() || text.is_empty() {
            return text;
        }
        let same: usize = text
            .chars()
            .zip(self.lead.chars())
            .take_while(|(a, b)| a == b)
            .map(|(c, _)| c.len_utf8())
            .sum();
        match same == text.len() {
            true => drop(self.lead.drain(..same)),
            // What it wrote instead is answer.
            false => self.lead.clear(),
        }
        text.drain(..same);
        text
    }

    fn counts(&mut self, usage: Option<MessagesUsage>) -> Option<Usage> {
        self.usage = usage?.over(self.usage);
        Some(self.usage.into())
    }
}

impl Reader for MessagesReader {
    fn read(&mut self, upstream: &Upstream, event: &SseEvent) -> Result<Said, Unsaid> {
        let read = match serde_json::from_str(&event.data) {
            Ok(read) => read,
            Err(_) if event.event == "error" => {
                return Err(Unsaid::Broke(upstream.broke(&event.data.clone().into())));
            }
            Err(_) => return Err(Unsaid::Malformed),
        };
        let mut said = Said::default();
        match read {
            MessagesEvent::MessageStart { message } => said.usage = self.counts(message.usage),
            MessagesEvent::ContentBlockStart { content_block: piece }
            | MessagesEvent::ContentBlockDelta { delta: piece } => {
                said.text = self.without_lead(piece.into_text());
            }
            MessagesEvent::MessageDelta { delta, usage } => {
                said.usage = self.counts(usage);
                said.finish = match delta.stop_reason.as_deref() {
                    None => None,
                    Some("max_tokens" | "model_context_window_exceeded") => Some(Finish::Length),
                    Some("refusal") => return Err(Unsaid::Broke(upstream.withheld("the model refused"))),
                    Some(_) => Some(Finish::Stop),
                };
            }
            MessagesEvent::MessageStop => said.last = true,
            MessagesEvent::Error { error } => return Err(Unsaid::Broke(upstream.broke(&error))),
            MessagesEvent::Other => {}
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(opening: &str, pieces: &[&str]) -> String {
        let mut reader = MessagesReader::new(Some(opening));
        pieces
            .iter()
            .map(|piece| reader.without_lead((*piece).to_owned()))
            .collect()
    }

    #[test]
    fn white_space_that_could_not_be_sent_is_no_answer() {
        for (opening, pieces, want) in [
            ("```rust\n", &["\nfn a", "() {}\n"][..], "fn a() {}\n"),
            ("```rust\n", &["", "\n", "\nfn a"], "\nfn a"),
            ("```rust\n", &["fn a"], "fn a"),
            ("```rust", &["\nfn a"], "\nfn a"),
            ("a\r\n", &["\r", "\nb"], "b"),
            ("a \n", &[" b"], "b"),
            ("", &["\nb"], "\nb"),
            ("\n", &["\nb"], "\nb"),
        ] {
            assert_eq!(read(opening, pieces), want, "{opening:?} {pieces:?}");
        }
    }

    #[test]
    fn the_stable_part_ends_before_the_last_paragraph() {
        for (text, want) in [
            ("", ""),
            ("one", ""),
            ("File a\n```\nx\n```\n\nRequest: y\n", "File a\n```\nx\n```\n\n"),
            ("a\n\nb\n\n", "a\n\n"),
        ] {
            assert_eq!(&text[..stable(text)], want, "{text:?}");
        }
    }
}
