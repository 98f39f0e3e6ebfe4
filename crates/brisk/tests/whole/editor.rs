//! An editor for tests that knows nothing but ACP: it decodes what it is told with the protocol's own types, and fails on
//! anything that it does not know.

use crate::house::House;
use brisk_protocol::acp;
use brisk_protocol::{Incoming, RequestId, notify_line, parse, request_line, result_line};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
/// An editor with `brisk acp` as its agent.
pub(crate) struct Editor {
    pub(crate) child: Child,
    pub(crate) write: Option<ChildStdin>,
    pub(crate) read: BufReader<ChildStdout>,
    pub(crate) next: i64,
    pub(crate) updates: Vec<Value>,
    /// What may stand behind a slash, as it was told last.
    pub(crate) commands: Vec<String>,
    /// What the agent asks and nobody has looked at.
    pub(crate) asked: VecDeque<(RequestId, acp::RequestPermissionRequest)>,
    pub(crate) answers: Vec<(RequestId, Result<Value, String>)>,
    /// Unsaved text; without it the buffers hold what is on disk.
    pub(crate) buffer: Option<String>,
    /// Where set, it does not answer what its buffers hold and keeps the questions.
    pub(crate) silent: bool,
    pub(crate) reads: VecDeque<RequestId>,
}

impl Editor {
    /// Starts the agent; nothing is said yet.
    pub(crate) fn start(house: &House) -> Editor {
        let mut child = house
            .command(&["acp"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Editor {
            write: child.stdin.take(),
            read: BufReader::new(child.stdout.take().unwrap()),
            child,
            next: 0,
            updates: vec![],
            commands: vec![],
            asked: VecDeque::new(),
            answers: vec![],
            buffer: None,
            silent: false,
            reads: VecDeque::new(),
        }
    }

    /// Greets as editors do.
    pub(crate) fn greeted(house: &House) -> Editor {
        let mut editor = Editor::start(house);
        let hello = editor.ask(
            "initialize",
            &json!({"protocolVersion": 1, "clientCapabilities": {"fs": {"readTextFile": true, "writeTextFile": true}}}),
        );
        let hello: acp::InitializeResponse = serde_json::from_value(hello.unwrap()).unwrap();
        assert!(hello.agent_capabilities.load_session);
        editor
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.write.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn send(&mut self, name: &str, params: &impl Serialize) -> RequestId {
        self.next += 1;
        let id = RequestId::Number(self.next);
        self.say(&request_line(&id, name, params));
        id
    }

    pub(crate) fn tell(&mut self, name: &str, params: &impl Serialize) {
        self.say(&notify_line(name, params));
    }

    pub(crate) fn line(&mut self) -> String {
        if self.read.buffer().is_empty() {
            // A test that waits longer than this for a step has failed.
            let limit = Timespec {
                tv_sec: 20,
                tv_nsec: 0,
            };
            let mut fds = [PollFd::from_borrowed_fd(
                self.read.get_ref().as_fd(),
                PollFlags::IN,
            )];
            let ready = poll(&mut fds, Some(&limit)).unwrap();
            assert_ne!(
                ready, 0,
                "nothing comes; asked {:?}, updates: {:#?}",
                self.asked, self.updates
            );
        }
        let mut line = String::new();
        let n = self.read.read_line(&mut line).unwrap();
        assert_ne!(n, 0, "the agent ended; updates: {:#?}", self.updates);
        line
    }

    pub(crate) fn read(&mut self) {
        let line = self.line();
        match parse(&line).unwrap() {
            Incoming::Notification { method, params } => {
                assert_eq!(method, "session/update", "{line}");
                let note: acp::SessionNotification = serde_json::from_str(params.get()).unwrap();
                match note.update {
                    acp::SessionUpdate::AvailableCommandsUpdate(told) => {
                        self.commands = told.available_commands.into_iter().map(|c| c.name).collect();
                    }
                    update => self.updates.push(serde_json::to_value(update).unwrap()),
                }
            }
            Incoming::Request { id, method, .. } if method == "fs/read_text_file" && self.silent => {
                self.reads.push_back(id);
            }
            Incoming::Request { id, method, params } if method == "fs/read_text_file" => {
                let request: acp::ReadTextFileRequest = serde_json::from_str(params.get()).unwrap();
                let disk = || std::fs::read_to_string(&request.path).unwrap();
                let content = self.buffer.clone().unwrap_or_else(disk);
                self.say(&result_line(&id, &acp::ReadTextFileResponse::new(content)));
            }
            Incoming::Request { id, method, params } => {
                assert_eq!(method, "session/request_permission", "{line}");
                self.asked
                    .push_back((id, serde_json::from_str(params.get()).unwrap()));
            }
            Incoming::Response { id, outcome } => {
                let outcome = outcome
                    .map(|r| serde_json::from_str(r.get()).unwrap())
                    .map_err(|e| e.message);
                self.answers.push((id, outcome));
            }
        }
    }

    pub(crate) fn answer(&mut self, id: &RequestId) -> Result<Value, String> {
        loop {
            if let Some(at) = self.answers.iter().position(|(i, _)| i == id) {
                return self.answers.swap_remove(at).1;
            }
            self.read();
        }
    }

    pub(crate) fn ask(&mut self, name: &str, params: &impl Serialize) -> Result<Value, String> {
        let id = self.send(name, params);
        self.answer(&id)
    }

    pub(crate) fn session(&mut self, house: &House) -> String {
        let params = acp::NewSessionRequest::new(house.repo.path());
        let opened = self.ask("session/new", &params).unwrap();
        let opened: acp::NewSessionResponse = serde_json::from_value(opened).unwrap();
        opened.session_id.0.to_string()
    }

    /// Words and a link to a file, as an editor sends them.
    pub(crate) fn prompt(&mut self, house: &House, session: &str, text: &str, link: &str) -> RequestId {
        let uri = format!("file://{}/{link}", house.repo.path().display());
        let prompt = vec![
            acp::ContentBlock::Text(acp::TextContent::new(text)),
            acp::ContentBlock::ResourceLink(acp::ResourceLink::new("shop.py", uri)),
        ];
        self.send(
            "session/prompt",
            &acp::PromptRequest::new(session.to_owned(), prompt),
        )
    }

    /// The next question.
    pub(crate) fn asked(&mut self) -> (RequestId, acp::RequestPermissionRequest) {
        loop {
            if let Some(question) = self.asked.pop_front() {
                return question;
            }
            self.read();
        }
    }

    /// Chooses the option of this kind.
    pub(crate) fn choose(&mut self, kind: acp::PermissionOptionKind) -> acp::RequestPermissionRequest {
        let (id, question) = self.asked();
        let option = question.options.iter().find(|o| o.kind == kind).unwrap();
        let outcome = acp::SelectedPermissionOutcome::new(option.option_id.clone());
        self.reply(&id, acp::RequestPermissionOutcome::Selected(outcome));
        question
    }

    pub(crate) fn reply(&mut self, id: &RequestId, outcome: acp::RequestPermissionOutcome) {
        self.say(&result_line(id, &acp::RequestPermissionResponse::new(outcome)));
    }

    pub(crate) fn until(&mut self, what: impl Fn(&Value) -> bool) -> Value {
        let mut from = 0;
        loop {
            if let Some(found) = self.updates[from..].iter().find(|u| what(u)) {
                return found.clone();
            }
            from = self.updates.len();
            self.read();
        }
    }

    /// The last status of every tool call, by its id.
    pub(crate) fn calls(&self) -> Vec<(String, String)> {
        let mut calls: Vec<(String, String)> = vec![];
        for update in &self.updates {
            if let (Some(id), Some(status)) = (update["toolCallId"].as_str(), update["status"].as_str()) {
                calls.retain(|(i, _)| i != id);
                calls.push((id.to_owned(), status.to_owned()));
            }
        }
        calls
    }

    /// Waits until it is asked what a buffer holds.
    pub(crate) fn asked_for_a_buffer(&mut self) {
        while self.reads.is_empty() {
            self.read();
        }
    }

    pub(crate) fn spoken(&self, kind: &str) -> String {
        let of_kind = self.updates.iter().filter(|u| u["sessionUpdate"] == kind);
        of_kind.filter_map(|u| u["content"]["text"].as_str()).collect()
    }

    /// Ends the input; gives the exit code and what was written to standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        drop(self.write.take());
        self.finish()
    }

    pub(crate) fn finish(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.read.read_to_string(&mut rest).unwrap();
        let out = self.child.wait_with_output().unwrap();
        (
            out.status.code(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    }
}

pub(crate) fn call(update: &Value) -> bool {
    update["sessionUpdate"] == "tool_call"
}
