//! What a server remembers of a conversation, and what of the next request is news to it. Pure.
//!
//! The state behind an id is what was sent plus what was answered. A request that extends both is sent as its tail;
//! everything else is sent whole. After an error the chain is forgotten.

use brisk_domain::port::{GenerateRequest, Message, Role};
use std::sync::Arc;

/// What the model said, as it came and as the caller was told (without the opening, up to a stop text).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Spoken {
    pub(crate) raw: String,
    pub(crate) shown: String,
}

/// What of a request goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// All of it.
    Full,
    /// Only the messages from this one on.
    After {
        /// The answer that it follows.
        id: String,
        /// Index of the first message that is news.
        from: usize,
    },
}

impl Plan {
    /// How many bytes of these messages need not be sent.
    pub(crate) fn spares(&self, messages: &[Message]) -> usize {
        match self {
            Plan::Full => 0,
            Plan::After { from, .. } => messages.iter().take(*from).map(|m| m.text.len()).sum(),
        }
    }

    /// How many bytes of these messages must be sent.
    pub(crate) fn news(&self, messages: &[Message]) -> usize {
        let all: usize = messages.iter().map(|m| m.text.len()).sum();
        all - self.spares(messages)
    }
}

#[derive(Debug)]
struct Link {
    id: String,
    request: Arc<GenerateRequest>,
    /// What the server has of the answer; nothing after a warm-up or an interrupt.
    answer: Option<Spoken>,
}

/// The last answer of one connection, if the next request may follow it.
#[derive(Debug, Default)]
pub(crate) struct Chain(Option<Link>);

impl Chain {
    /// The server knows this request, and this answer to it, by this id.
    pub(crate) fn settle(&mut self, id: String, request: Arc<GenerateRequest>, answer: Option<Spoken>) {
        // A server that gives no ids cannot be followed.
        self.0 = (!id.is_empty()).then_some(Link { id, request, answer });
    }

    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What of these messages must be sent.
    pub(crate) fn plan(&self, messages: &[Message]) -> Plan {
        let follow = || {
            let link = self.0.as_ref()?;
            let sent = link.request.messages.as_slice();
            let tail = messages.strip_prefix(sent)?;
            let from = match &link.answer {
                None => sent.len(),
                Some(spoken) => {
                    let next = tail.first()?;
                    says(next, spoken, &link.request.answer_prefix).then_some(sent.len() + 1)?
                }
            };
            Some(Plan::After {
                id: link.id.clone(),
                from,
            })
        };
        follow().unwrap_or(Plan::Full)
    }

    /// How many bytes of these messages need not be sent.
    pub(crate) fn spares(&self, messages: &[Message]) -> usize {
        self.plan(messages).spares(messages)
    }
}

/// Whether a message is what the model said: as it came, as it was shown, or as shown after the opening.
fn says(message: &Message, spoken: &Spoken, opening: &str) -> bool {
    let text = message.text.trim_end();
    message.role == Role::Assistant
        && (text == spoken.shown.trim_end()
            || text == spoken.raw.trim_end()
            || text.strip_prefix(opening) == Some(spoken.shown.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::ModelId;
    use brisk_domain::port::{Closeness, Priority};
    use proptest::prelude::*;

    /// `s:`, `u:` and `a:` begin the messages.
    fn messages(lines: &[&str]) -> Vec<Message> {
        let message = |line: &&str| {
            let (who, text) = line.split_once(':').unwrap();
            let role = match who {
                "s" => Role::System,
                "u" => Role::User,
                _ => Role::Assistant,
            };
            Message {
                role,
                text: text.into(),
            }
        };
        lines.iter().map(message).collect()
    }

    fn request(lines: &[&str], opening: &str) -> Arc<GenerateRequest> {
        Arc::new(GenerateRequest {
            model: ModelId("m".to_owned()),
            messages: messages(lines),
            answer_prefix: opening.to_owned(),
            stop: Vec::new(),
            prediction: None,
            differ: None,
            closeness: Closeness::Free,
            max_tokens: 1,
            cache_key: 0,
            priority: Priority::Interactive,
        })
    }

    fn spoken(raw: &str, shown: &str) -> Option<Spoken> {
        Some(Spoken {
            raw: raw.to_owned(),
            shown: shown.to_owned(),
        })
    }

    #[test]
    fn only_news_is_sent() {
        let fence = spoken("```rust\nx\n```\nbye", "x\n");
        for (sent, answer, next, want) in [
            // After a warm-up: the prompt.
            (
                &["s:a", "u:file"][..],
                None,
                &["s:a", "u:file", "u:do"][..],
                Some(2),
            ),
            (&["s:a"], None, &["s:a"], Some(1)),
            // After an answer: what follows it, in all the forms in which callers repeat it.
            (
                &["s:a", "u:b"],
                spoken("c", "c"),
                &["s:a", "u:b", "a:c", "u:d"],
                Some(3),
            ),
            (&["u:b"], fence.clone(), &["u:b", "a:x\n", "u:d"], Some(2)),
            (
                &["u:b"],
                fence.clone(),
                &["u:b", "a:```rust\nx\n", "u:d"],
                Some(2),
            ),
            (
                &["u:b"],
                fence.clone(),
                &["u:b", "a:```rust\nx\n```\nbye", "u:d"],
                Some(2),
            ),
            // After an interrupt: the partial text is news.
            (&["u:b"], None, &["u:b", "a:part", "u:d"], Some(1)),
            // The answer is not repeated, or is another one, or the beginning has changed.
            (&["u:b"], spoken("c", "c"), &["u:b", "u:d"], None),
            (&["u:b"], spoken("c", "c"), &["u:b"], None),
            (&["u:b"], spoken("c", "c"), &["u:b", "a:other"], None),
            (&["u:b"], spoken("c", "c"), &["u:b", "u:c"], None),
            (&["u:b"], None, &["u:bb", "u:d"], None),
            (&["s:b"], None, &["u:b", "u:d"], None),
            (&["u:a", "u:b"], None, &["u:a"], None),
        ] {
            let mut chain = Chain::default();
            chain.settle("r1".to_owned(), request(sent, "```rust\n"), answer.clone());
            let plan = chain.plan(&messages(next));
            let want = want.map_or(Plan::Full, |from| Plan::After {
                id: "r1".to_owned(),
                from,
            });
            assert_eq!(plan, want, "{sent:?} {answer:?} {next:?}");
        }
    }

    #[test]
    fn nothing_is_known_at_first_after_an_error_and_without_an_id() {
        let mut chain = Chain::default();
        let next = messages(&["u:b", "u:c"]);
        assert_eq!((chain.plan(&next), chain.is_empty()), (Plan::Full, true));
        chain.settle(String::new(), request(&["u:b"], ""), None);
        assert_eq!(chain.plan(&next), Plan::Full);
        chain.settle("r".to_owned(), request(&["u:b"], ""), None);
        assert_eq!((chain.spares(&next), chain.is_empty()), (1, false));
        chain.forget();
        assert_eq!((chain.plan(&next), chain.spares(&next)), (Plan::Full, 0));
    }

    proptest! {
        /// What the server has plus what is sent is always the whole conversation.
        #[test]
        fn state_and_tail_make_the_request(
            sent in prop::collection::vec("[sua]:[ab]{0,2}", 0..4),
            more in prop::collection::vec("[sua]:[ab]{0,2}", 0..4),
            answer in prop::option::of("[ab]{1,2}"),
        ) {
            let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
            let all: Vec<&str> = sent.iter().copied().chain(more.iter().map(String::as_str)).collect();
            let mut chain = Chain::default();
            let answered = answer.as_deref().and_then(|text| spoken(text, text));
            chain.settle("r".to_owned(), request(&sent, ""), answered);
            let next = messages(&all);
            if let Plan::After { from, .. } = chain.plan(&next) {
                let mut server = messages(&sent);
                server.extend(answer.map(|text| Message { role: Role::Assistant, text: text.into() }));
                server.extend_from_slice(&next[from..]);
                prop_assert_eq!(server, next);
            }
        }
    }
}
