//! The file of a run: one JSON line for each task, and a later run goes on from it.

use super::tasks::{Set, Task};
use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

/// What a line says of one task.
pub(super) trait Entry: Serialize + DeserializeOwned {
    /// Set and id.
    fn task(&self) -> (Set, &str);
    /// What the whole run was asked for; results of different settings do not mix.
    fn setting(&self) -> &str;
    /// It came to a judgement. What did not is tried again.
    fn judged(&self) -> bool;
}

/// The file, if one is wanted, and what it holds.
#[derive(Debug)]
pub(super) struct Book<T> {
    file: Option<File>,
    entries: Vec<T>,
}

impl<T: Entry> Book<T> {
    /// Opens the file and reads what is there. A torn last line (the run was killed) is cut off.
    pub(super) fn open(path: Option<&Path>, setting: &str) -> anyhow::Result<Book<T>> {
        let mut book = Book {
            file: None,
            entries: Vec::new(),
        };
        let Some(path) = path else {
            return Ok(book);
        };
        let context = || path.display().to_string();
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(path)
            .with_context(context)?;
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(context)?;
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        file.set_len(whole as u64).with_context(context)?;
        for line in text.get(..whole).unwrap_or_default().lines() {
            let entry: T = serde_json::from_str(line).with_context(context)?;
            if entry.setting() != setting {
                bail!(
                    "{} holds results of another setting ({}, now {setting}); name another file",
                    path.display(),
                    entry.setting()
                );
            }
            book.replace(entry);
        }
        book.file = Some(file);
        Ok(book)
    }

    /// Whether the task was judged.
    pub(super) fn has(&self, task: &Task) -> bool {
        self.entries
            .iter()
            .any(|e| e.task() == (task.set, &task.id) && e.judged())
    }

    /// Adds what came of a task and writes its line.
    pub(super) fn add(&mut self, entry: T) -> anyhow::Result<()> {
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_string(&entry)?;
            line.push('\n');
            file.write_all(line.as_bytes())?;
        }
        self.replace(entry);
        Ok(())
    }

    /// What the file holds, each task once, in the order in which they were judged last.
    pub(super) fn entries(&self) -> &[T] {
        &self.entries
    }

    fn replace(&mut self, entry: T) {
        self.entries.retain(|e| e.task() != entry.task());
        self.entries.push(entry);
    }
}
