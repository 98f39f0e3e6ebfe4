//! The menu under the text: commands after `/`, places after `@`.

use super::App;
use super::commands::COMMANDS;
use crate::key::Key;
use crate::wire::Call;
use brisk_protocol::Completion;

/// What can be taken, and which is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Menu {
    /// What it was made for, with its sign.
    pub(crate) word: String,
    /// What would stand in the text, and what it is.
    pub(crate) items: Vec<Completion>,
    pub(crate) chosen: usize,
}

impl App {
    /// The text changed: is there something to complete?
    pub(super) fn look_up(&mut self) {
        let Some(word) = self.composer.completable().map(str::to_owned) else {
            self.menu = None;
            return;
        };
        if let Some(query) = word.strip_prefix('@') {
            // The old menu stays until the answer comes, so that nothing jumps.
            if self.link == super::Link::Up {
                self.send(Call::Complete {
                    query: query.to_owned(),
                });
            }
            return;
        }
        let items: Vec<Completion> = COMMANDS
            .iter()
            .filter(|c| c.name.starts_with(word.get(1..).unwrap_or_default()))
            .map(|c| Completion {
                target: format!("/{}", c.name),
                detail: c.help.to_owned(),
            })
            .collect();
        self.open_menu(word, items);
    }

    pub(super) fn completed(&mut self, query: &str, items: Vec<Completion>) {
        let word = format!("@{query}");
        if self.composer.completable() == Some(&word) {
            let items = items.into_iter().map(|c| Completion {
                target: format!("@{}", c.target),
                ..c
            });
            let items = items.collect();
            self.open_menu(word, items);
        }
    }

    fn open_menu(&mut self, word: String, items: Vec<Completion>) {
        self.menu = (!items.is_empty()).then_some(Menu {
            word,
            items,
            chosen: 0,
        });
    }

    /// A key for the open menu; false: it goes on.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "every other key goes on to the text"
    )]
    pub(super) fn menu_key(&mut self, key: Key) -> bool {
        let Some(menu) = &mut self.menu else { return false };
        let last = menu.items.len().saturating_sub(1);
        match key {
            Key::Down | Key::Ctrl('n') => menu.chosen = if menu.chosen == last { 0 } else { menu.chosen + 1 },
            Key::Up | Key::Ctrl('p') => menu.chosen = menu.chosen.checked_sub(1).unwrap_or(last),
            Key::Tab => self.take_chosen(),
            Key::Enter => {
                // What is written whole is sent, whether the menu was there in time or not. A menu for an earlier word
                // is no answer to the word that stands there now, unless it would only complete it.
                let word = self.composer.completable().unwrap_or_default();
                let whole = |i: &Completion| i.target == word || short(&i.target) == word;
                let late =
                    menu.word != word && !menu.items.first().is_some_and(|i| i.target.starts_with(word));
                let command = menu.word.starts_with('/');
                if menu.chosen == 0 && (late || is_range(word) || menu.items.iter().any(whole)) {
                    self.menu = None;
                    return false;
                }
                self.take_chosen();
                // A command without arguments needs no second Enter.
                let name = self.composer.whole();
                let bare = COMMANDS
                    .iter()
                    .any(|c| c.arguments.is_empty() && name.trim() == format!("/{}", c.name));
                if command && bare {
                    self.submit();
                }
            }
            _ => return false,
        }
        true
    }

    fn take_chosen(&mut self) {
        let Some(menu) = self.menu.take() else { return };
        let Some(item) = menu.items.get(menu.chosen) else {
            return;
        };
        if let Some(place) = item.target.strip_prefix('@') {
            self.known.insert(place.to_owned());
            // The model may read it while the person still writes.
            let path = place.split(':').next().unwrap_or(place).to_owned();
            self.send(Call::Warm { path });
        }
        self.composer.complete(&format!("{} ", item.target));
        self.draft_changed();
    }
}

/// `@src/a.rs:10-20`: nothing is missing, whatever the menu makes of its beginning.
fn is_range(word: &str) -> bool {
    let lines = word.rsplit_once(':').and_then(|(_, lines)| lines.split_once('-'));
    lines.is_some_and(|(from, to)| from.parse::<usize>().is_ok() && to.parse::<usize>().is_ok())
}

/// `src/a.rs:Type.name` as people write it: `src/a.rs:name`.
fn short(target: &str) -> String {
    match target.split_once(':') {
        Some((file, symbol)) => {
            let name = symbol.rsplit(['.', ':']).next().unwrap_or(symbol);
            format!("{file}:{name}")
        }
        None => target.to_owned(),
    }
}
