//! The `apply_patch` grammar, read strictly: every chunk must be found by its own lines, in one place.

use crate::chunk::{Chunk, Placed};
use crate::files::Files;
use crate::hunk::{Change, Hunk, apply};
use crate::stream::{LineSide, Refusal, StreamEvent};
use crate::text::Text;

#[derive(Debug, Clone)]
pub(crate) struct ApplyPatch {
    files: Files,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// Before `*** Begin Patch` and behind `*** End Patch`.
    Outside,
    /// Between two files.
    Between,
    Add {
        path: String,
        lines: Vec<String>,
    },
    Update(Box<Update>),
    /// The rest of a file section that was refused.
    Skip,
}

#[derive(Debug, Clone)]
struct Update {
    path: String,
    /// New path; then the whole section is one change.
    to: Option<String>,
    moved: Vec<Hunk>,
    chunk: Option<Chunk>,
    /// The chunk was refused; its lines are skipped until the next one.
    refused: bool,
    chunks: usize,
    /// The grammar for a move is one line right behind the header.
    fresh: bool,
}

enum Header<'a> {
    Begin,
    End,
    Add(&'a str),
    Delete(&'a str),
    Update(&'a str),
    Move(&'a str),
    EndOfFile,
}

impl ApplyPatch {
    pub(crate) fn new(files: Files) -> ApplyPatch {
        ApplyPatch {
            files,
            state: State::Outside,
        }
    }

    pub(crate) fn line(&mut self, line: &str, out: &mut Vec<StreamEvent>) {
        let header = header(line);
        match (&mut self.state, header) {
            (State::Outside, Some(Header::Begin)) => self.state = State::Between,
            (State::Outside, _) => out.push(StreamEvent::Prose {
                text: format!("{line}\n"),
            }),
            (State::Update(u), Some(Header::Move(to))) if u.fresh => {
                let to = to.to_owned();
                self.move_to(to, out);
            }
            (State::Update(_), Some(Header::EndOfFile)) => self.end_of_file(out),
            (_, Some(Header::EndOfFile)) => {}
            (_, Some(h)) => {
                self.end_section(out);
                self.begin(h, line, out);
            }
            (State::Add { lines, .. }, None) => match line.strip_prefix('+') {
                Some(text) => {
                    lines.push(text.to_owned());
                    out.push(StreamEvent::Line {
                        side: LineSide::Added,
                        text: text.to_owned(),
                    });
                }
                None => self.refuse(Refusal::malformed(line), out),
            },
            (State::Update(_), None) => self.update(line, out),
            (State::Between, None) if line.trim().is_empty() => {}
            (State::Between, None) => self.refuse(Refusal::malformed(line), out),
            (State::Skip, None) => {}
        }
    }

    /// Without its last line the patch may be cut anywhere: what is open is refused.
    pub(crate) fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        let path = match std::mem::replace(&mut self.state, State::Outside) {
            State::Outside | State::Between | State::Skip => return,
            State::Add { path, .. } => path,
            State::Update(u) if u.refused => return,
            State::Update(u) => u.path,
        };
        out.push(StreamEvent::Refused {
            refusal: Refusal::Unfinished { path },
        });
    }

    /// Whether a hunk was open.
    pub(crate) fn abandon(&mut self) -> bool {
        match std::mem::replace(&mut self.state, State::Outside) {
            State::Add { .. } => true,
            State::Update(u) => u.to.is_some() || u.chunk.is_some_and(|c| c.is_open()),
            State::Outside | State::Between | State::Skip => false,
        }
    }

    fn begin(&mut self, header: Header<'_>, line: &str, out: &mut Vec<StreamEvent>) {
        match header {
            Header::End => self.state = State::Outside,
            Header::Add(path) => match self.files.create(path) {
                Ok(()) => {
                    self.state = State::Add {
                        path: path.to_owned(),
                        lines: Vec::new(),
                    };
                    out.push(StreamEvent::Opened {
                        path: path.to_owned(),
                        at: 0,
                    });
                }
                Err(refusal) => self.refuse(refusal, out),
            },
            Header::Delete(path) => match self.files.whole(path) {
                Ok(old) => {
                    let path = path.to_owned();
                    out.push(StreamEvent::Opened {
                        path: path.clone(),
                        at: 0,
                    });
                    out.push(StreamEvent::Closed {
                        changes: vec![Change::Delete { path, old }],
                    });
                }
                Err(refusal) => self.refuse(refusal, out),
            },
            Header::Update(path) if !self.files.has(path) => {
                self.refuse(
                    Refusal::UnknownFile {
                        path: path.to_owned(),
                    },
                    out,
                );
            }
            Header::Update(path) => {
                self.state = State::Update(Box::new(Update {
                    path: path.to_owned(),
                    to: None,
                    moved: Vec::new(),
                    chunk: None,
                    refused: false,
                    chunks: 0,
                    fresh: true,
                }));
            }
            Header::Begin | Header::Move(_) | Header::EndOfFile => self.refuse(Refusal::malformed(line), out),
        }
    }

    fn move_to(&mut self, to: String, out: &mut Vec<StreamEvent>) {
        let State::Update(u) = &mut self.state else { return };
        u.fresh = false;
        match self.files.create(&to) {
            Ok(()) => {
                out.push(StreamEvent::Opened {
                    path: u.path.clone(),
                    at: 0,
                });
                u.to = Some(to);
            }
            Err(refusal) => self.refuse(refusal, out),
        }
    }

    fn update(&mut self, line: &str, out: &mut Vec<StreamEvent>) {
        if let Some(anchor) = line.strip_prefix("@@") {
            // Consecutive `@@` lines narrow one another down.
            let narrows =
                matches!(&self.state, State::Update(u) if u.chunk.as_ref().is_some_and(Chunk::is_empty));
            if !narrows {
                self.end_chunk(out);
            }
            let State::Update(u) = &mut self.state else { return };
            u.fresh = false;
            u.refused = false;
            u.chunk.get_or_insert_with(Chunk::default).anchor(anchor);
            return;
        }
        let State::Update(u) = &mut self.state else { return };
        u.fresh = false;
        if u.refused {
            return;
        }
        let quiet = u.to.is_some();
        let Some(file) = self.files.get(&u.path) else {
            return;
        };
        let chunk = u.chunk.get_or_insert_with(Chunk::default);
        match chunk.line(line, file.index()) {
            Ok(place) => {
                if let Some(at) = place.filter(|_| !quiet) {
                    out.push(StreamEvent::Opened {
                        path: u.path.clone(),
                        at,
                    });
                }
                if chunk.is_open() {
                    chunk.tell(out);
                }
            }
            Err(refusal) => self.refuse_chunk(refusal, out),
        }
    }

    fn end_of_file(&mut self, out: &mut Vec<StreamEvent>) {
        if let State::Update(u) = &mut self.state
            && let Some(chunk) = &mut u.chunk
        {
            chunk.at_end_of_file();
        }
        self.end_chunk(out);
    }

    /// The open chunk is complete: it is placed for good, or refused.
    fn end_chunk(&mut self, out: &mut Vec<StreamEvent>) {
        let State::Update(u) = &mut self.state else { return };
        let Some(mut chunk) = u.chunk.take() else { return };
        u.chunks += 1;
        let Some(file) = self.files.get(&u.path) else {
            return;
        };
        let was_open = chunk.is_open();
        let Placed { at, end, new } = match chunk.place(&u.path, file.index()) {
            Ok(placed) => placed,
            Err(refusal) => return self.refuse_chunk(refusal, out),
        };
        if !was_open && u.to.is_none() {
            out.push(StreamEvent::Opened {
                path: u.path.clone(),
                at,
            });
        }
        chunk.tell(out);
        match (self.files.change(&u.path, at, end, &new), &u.to) {
            (Ok(changes), None) => out.push(StreamEvent::Closed { changes }),
            (Ok(changes), Some(_)) => u.moved.extend(changes.into_iter().filter_map(|c| match c {
                Change::Modify { hunk, .. } => Some(hunk),
                Change::Create { .. } | Change::Delete { .. } => None,
            })),
            (Err(refusal), _) => self.refuse_chunk(refusal, out),
        }
    }

    fn end_section(&mut self, out: &mut Vec<StreamEvent>) {
        self.end_chunk(out);
        match std::mem::replace(&mut self.state, State::Between) {
            State::Add { path, lines } => {
                let body: String = lines.into_iter().map(|l| l + "\n").collect();
                let change = Change::Create {
                    path,
                    text: Text::from_str_lossless(&body),
                };
                out.push(StreamEvent::Closed {
                    changes: vec![change],
                });
            }
            State::Update(u) => {
                let Update {
                    path,
                    to: Some(to),
                    moved,
                    ..
                } = *u
                else {
                    return;
                };
                out.push(match self.moved(path, to, &moved) {
                    Ok(changes) => StreamEvent::Closed { changes },
                    Err(refusal) => StreamEvent::Refused { refusal },
                });
            }
            State::Outside | State::Between | State::Skip => {}
        }
    }

    fn moved(&mut self, path: String, to: String, hunks: &[Hunk]) -> Result<Vec<Change>, Refusal> {
        let old = self.files.moved(&path)?;
        let text = apply(&old, hunks).map_err(|_| Refusal::Overlap {
            path: path.clone(),
            line: 0,
        })?;
        Ok(vec![
            Change::Create { path: to, text },
            Change::Delete { path, old },
        ])
    }

    fn refuse(&mut self, refusal: Refusal, out: &mut Vec<StreamEvent>) {
        self.state = State::Skip;
        out.push(StreamEvent::Refused { refusal });
    }

    /// Other chunks of the file may stand on their own; a file that moves is one change, which is gone.
    fn refuse_chunk(&mut self, refusal: Refusal, out: &mut Vec<StreamEvent>) {
        let State::Update(u) = &mut self.state else { return };
        u.chunk = None;
        u.refused = true;
        if u.to.is_some() {
            self.state = State::Skip;
        }
        out.push(StreamEvent::Refused { refusal });
    }
}

fn header(line: &str) -> Option<Header<'_>> {
    let rest = line.strip_prefix("*** ")?.trim_end();
    let path = |name| {
        rest.strip_prefix(name)
            .map(str::trim)
            .map(|p| p.strip_prefix("./").unwrap_or(p))
    };
    match rest {
        "Begin Patch" => Some(Header::Begin),
        "End Patch" => Some(Header::End),
        "End of File" => Some(Header::EndOfFile),
        _ => (path("Add File:").map(Header::Add))
            .or_else(|| path("Delete File:").map(Header::Delete))
            .or_else(|| path("Update File:").map(Header::Update))
            .or_else(|| path("Move to:").map(Header::Move)),
    }
}
