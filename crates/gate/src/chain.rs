//! Lines, each of which names the digest of the one before it.
//!
//! A line is `PREV TREE BODY`: the digest, the tree that it is about (so that a reader need not open all of them), and
//! the rest. Whoever takes out, moves or changes a line breaks the chain at that place; whoever cuts the end off is
//! found by the head that is kept apart.

use crate::digest::digest;
use brisk_domain::evidence::{Digest, Tree};
use serde::{Deserialize, Serialize};

/// The end of the chain as it was last seen, kept apart from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Lines.
    pub count: u64,
    /// Digest of the last one.
    pub hash: Digest,
}

/// What stands after the last whole line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Whole,
    /// The beginning of a line, as a crash leaves it: it was never part of the ledger.
    Torn {
        /// So many bytes.
        bytes: usize,
    },
}

/// Where the chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A line is no line of a ledger.
    #[error("line {line} of the ledger is damaged")]
    Damaged {
        /// Counted from 1.
        line: u64,
    },
    /// A line does not follow the one before it: one was changed, moved, added or taken out.
    #[error(
        "line {line} of the ledger does not follow the one before it: something was changed, moved or taken out"
    )]
    Broken {
        /// Counted from 1.
        line: u64,
    },
    /// Lines that were there are gone.
    #[error("the ledger had {had} lines and has {has}: its end was cut off")]
    Truncated {
        /// Then.
        had: u64,
        /// Now.
        has: u64,
    },
    /// The line that was last is another one now.
    #[error("line {line} of the ledger is not the one that was written: it was rewritten")]
    Rewritten {
        /// Counted from 1.
        line: u64,
    },
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) prev: Digest,
    pub(crate) hash: Digest,
    pub(crate) tree: Tree,
    pub(crate) body: String,
}

/// What the first line names.
pub(crate) fn origin() -> Digest {
    digest(b"brisk ledger 1")
}

/// The line, without its end, that carries `body` after a line with digest `prev`.
pub(crate) fn forge(prev: &Digest, tree: &Tree, body: &str) -> Link {
    let line = format!("{prev} {tree} {body}");
    Link {
        prev: prev.clone(),
        hash: digest(line.as_bytes()),
        tree: tree.clone(),
        body: body.to_owned(),
    }
}

impl Link {
    /// As it is written, with its end.
    pub(crate) fn line(&self) -> String {
        format!("{} {} {}\n", self.prev, self.tree, self.body)
    }
}

/// Reads a chain. `head`: what the reader knows of its end.
pub(crate) fn read(bytes: &[u8], head: Option<&Head>) -> Result<(Vec<Link>, Tail), ChainError> {
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let (lines, rest) = bytes.split_at_checked(whole).unwrap_or((bytes, &[]));
    let mut links: Vec<Link> = Vec::new();
    let mut prev = origin();
    for (line, number) in lines.split_inclusive(|b| *b == b'\n').zip(1u64..) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let parts = std::str::from_utf8(line).ok().and_then(split);
        let (named, tree, body) = parts.ok_or(ChainError::Damaged { line: number })?;
        if named != prev {
            return Err(ChainError::Broken { line: number });
        }
        prev = digest(line);
        links.push(Link {
            prev: named,
            hash: prev.clone(),
            tree,
            body: body.to_owned(),
        });
    }
    let has = links.len() as u64;
    if let Some(head) = head.filter(|h| h.count > 0) {
        if head.count > has {
            return Err(ChainError::Truncated { had: head.count, has });
        }
        let at = usize::try_from(head.count - 1).ok().and_then(|i| links.get(i));
        if at.map(|l| &l.hash) != Some(&head.hash) {
            return Err(ChainError::Rewritten { line: head.count });
        }
    }
    let tail = match rest.len() {
        0 => Tail::Whole,
        bytes => Tail::Torn { bytes },
    };
    Ok((links, tail))
}

fn split(line: &str) -> Option<(Digest, Tree, &str)> {
    let (prev, rest) = line.split_once(' ')?;
    let (tree, body) = rest.split_once(' ')?;
    Some((Digest::parse(prev)?, Tree::parse(tree)?, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chain(n: usize) -> (Vec<Link>, String, Head) {
        let tree = Tree::parse(&"a".repeat(40)).unwrap();
        let mut links: Vec<Link> = Vec::new();
        for i in 0..n {
            let prev = links.last().map_or_else(origin, |l| l.hash.clone());
            links.push(forge(&prev, &tree, &format!("body {i}")));
        }
        let text = links.iter().map(Link::line).collect();
        let hash = links.last().map_or_else(origin, |l| l.hash.clone());
        let count = n as u64;
        (links, text, Head { count, hash })
    }

    #[test]
    fn a_chain_comes_back_and_a_torn_end_is_no_part_of_it() {
        let (links, text, head) = chain(3);
        assert_eq!(
            read(text.as_bytes(), Some(&head)),
            Ok((links.clone(), Tail::Whole))
        );
        let torn = format!("{text}{}", &links[0].line()[..30]);
        assert_eq!(
            read(torn.as_bytes(), Some(&head)),
            Ok((links, Tail::Torn { bytes: 30 }))
        );
        assert_eq!(read(b"", None), Ok((vec![], Tail::Whole)));
        // A crash between the line and the head leaves the head behind: what follows it is still chained.
        let (_, _, older) = chain(2);
        assert!(read(text.as_bytes(), Some(&older)).is_ok());
    }

    #[test]
    fn what_was_done_to_it_is_told() {
        let (links, text, head) = chain(4);
        let of = |order: &[usize]| -> String { order.iter().map(|i| links[*i].line()).collect() };
        let cases = [
            (of(&[0, 1, 2]), ChainError::Truncated { had: 4, has: 3 }),
            (String::new(), ChainError::Truncated { had: 4, has: 0 }),
            (of(&[0, 2, 3]), ChainError::Broken { line: 2 }),
            (of(&[1, 0, 2, 3]), ChainError::Broken { line: 1 }),
            (of(&[0, 1, 1, 2, 3]), ChainError::Broken { line: 3 }),
            (of(&[1, 2, 3]), ChainError::Broken { line: 1 }),
            (text.replace("body 1", "body x"), ChainError::Broken { line: 3 }),
            (
                text.replace("body 3", "body x"),
                ChainError::Rewritten { line: 4 },
            ),
            (text.replacen("aaaa", "zzzz", 1), ChainError::Damaged { line: 1 }),
            (format!("\n{text}"), ChainError::Damaged { line: 1 }),
        ];
        for (text, want) in cases {
            assert_eq!(read(text.as_bytes(), Some(&head)).unwrap_err(), want, "{text}");
        }
        assert!(
            read(of(&[0, 1, 2]).as_bytes(), None).is_ok(),
            "without a head nobody knows"
        );
    }

    proptest! {
        #[test]
        fn no_changed_byte_goes_unseen(at in 0usize..300, to in any::<u8>()) {
            let (_, text, head) = chain(3);
            let mut bytes = text.into_bytes();
            let at = at % bytes.len();
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            prop_assert!(read(&bytes, Some(&head)).is_err());
        }

        #[test]
        fn no_cut_goes_unseen(at in 0usize..300) {
            let (_, text, head) = chain(3);
            let cut = at % text.len();
            prop_assert!(read(&text.as_bytes()[..cut], Some(&head)).is_err());
        }
    }
}
