//! The fake server as a process of its own, so that its work is not counted as the client's: this program, started
//! once more.

use brisk_testkit::responses::{DelayedPort, Manners, Noticed, ResponsesServer, SpeechScript};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const SCRIPT: &str = "BRISK_UPSTREAM_SCRIPT";
const DIES: &str = "BRISK_UPSTREAM_DIES";
const REFUSES: &str = "BRISK_UPSTREAM_REFUSES";
const EVENTS: &str = "BRISK_UPSTREAM_EVENTS";
const TRIPS: [u64; 3] = [0, 20, 80];

/// A way to reach it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Address {
    /// The round trip of the line, milliseconds.
    pub(crate) trip: u64,
    pub(crate) encrypted: bool,
    pub(crate) url: String,
}

/// Nothing here takes longer.
const LIMIT: Duration = Duration::from_secs(30);

/// How its sockets fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sockets {
    Good,
    /// Each ends when a request comes on it.
    Dying,
    /// None is given (426).
    Refused,
}

/// What it noticed; times in microseconds of the clock that all processes share.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Note {
    Request {
        t_us: u64,
        request: usize,
        bytes: usize,
        whole: usize,
        socket: bool,
        warm_up: bool,
    },
    Event {
        t_us: u64,
        request: usize,
    },
    Ended {
        t_us: u64,
        request: usize,
        bytes: usize,
    },
    Unwanted {
        t_us: u64,
        request: usize,
    },
}

/// The running server; it ends when this is dropped.
pub(crate) struct Fake {
    child: Child,
    stdin: Option<ChildStdin>,
    notes: Receiver<Note>,
    addresses: Vec<Address>,
}

pub(crate) fn is_child() -> bool {
    std::env::var_os(SCRIPT).is_some()
}

/// The server's side: prints where it is, then what it notices, until its input ends.
pub(crate) fn serve() {
    let script: SpeechScript = serde_json::from_str(&std::env::var(SCRIPT).unwrap()).unwrap();
    let events = std::env::var_os(EVENTS).is_some();
    let server = ResponsesServer::observed(Arc::new(move |noticed| {
        if events || !matches!(noticed, Noticed::Event { .. }) {
            println!("{}", serde_json::to_string(noticed).unwrap());
        }
    }))
    .unwrap();
    server.tls(super::tls::server());
    server.script(script);
    server.manners(Manners {
        dies_on_request: std::env::var_os(DIES).is_some(),
        no_sockets: std::env::var_os(REFUSES).map(|_| 426),
        ..Manners::default()
    });
    let addresses: Vec<Address> = TRIPS
        .into_iter()
        .flat_map(|trip| {
            let url = match trip {
                0 => server.url(),
                ms => DelayedPort::start(server.address(), Duration::from_millis(ms))
                    .unwrap()
                    .url(),
            };
            [true, false].map(|encrypted| Address {
                trip,
                encrypted,
                url: match encrypted {
                    true => url.replace("http://", "https://"),
                    false => url.clone(),
                },
            })
        })
        .collect();
    println!("{}", serde_json::to_string(&addresses).unwrap());
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).unwrap();
}

impl Fake {
    pub(crate) fn start(script: &SpeechScript, sockets: Sockets) -> Fake {
        Fake::started(script, sockets, false)
    }

    /// It tells of every event that it writes.
    pub(crate) fn telling(script: &SpeechScript) -> Fake {
        Fake::started(script, Sockets::Good, true)
    }

    fn started(script: &SpeechScript, sockets: Sockets, events: bool) -> Fake {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .env(SCRIPT, serde_json::to_string(script).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        match sockets {
            Sockets::Good => {}
            Sockets::Dying => drop(command.env(DIES, "1")),
            Sockets::Refused => drop(command.env(REFUSES, "1")),
        }
        if events {
            command.env(EVENTS, "1");
        }
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let addresses = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let (tell, notes) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Ok(note) = serde_json::from_str(&line)
                    && tell.send(note).is_err()
                {
                    return;
                }
            }
        });
        Fake {
            child,
            stdin,
            notes,
            addresses,
        }
    }

    /// All ways to it.
    pub(crate) fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Where it is, encrypted and without a delay.
    pub(crate) fn url(&self) -> &str {
        &self.addresses[0].url
    }

    fn find<T>(&self, mut wanted: impl FnMut(Note) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.notes.recv_timeout(LIMIT).unwrap()) {
                return found;
            }
        }
    }

    /// Reads on to the next request for an answer: when it had come, its number, its bytes, and the bytes of text that
    /// it stands for.
    pub(crate) fn request(&self) -> (u64, usize, usize, usize) {
        self.find(|note| match note {
            Note::Request {
                t_us,
                request,
                bytes,
                whole,
                warm_up: false,
                ..
            } => Some((t_us, request, bytes, whole)),
            Note::Request { .. } | Note::Event { .. } | Note::Ended { .. } | Note::Unwanted { .. } => None,
        })
    }

    /// Reads on to the next request on a socket; when it had come.
    pub(crate) fn socket_request(&self) -> u64 {
        self.find(|note| match note {
            Note::Request {
                t_us, socket: true, ..
            } => Some(t_us),
            Note::Request { .. } | Note::Event { .. } | Note::Ended { .. } | Note::Unwanted { .. } => None,
        })
    }

    /// Reads on until the answer has ended: when, and its bytes.
    pub(crate) fn ended(&self, wanted: usize) -> (u64, usize) {
        self.find(|note| match note {
            Note::Ended { t_us, request, bytes } if request == wanted => Some((t_us, bytes)),
            Note::Request { .. } | Note::Event { .. } | Note::Ended { .. } | Note::Unwanted { .. } => None,
        })
    }

    /// Reads on until the answer has ended: when the write of each of its events began.
    pub(crate) fn events(&self, wanted: usize) -> Vec<u64> {
        let mut all = Vec::new();
        self.find(|note| match note {
            Note::Event { t_us, request } if request == wanted => {
                all.push(t_us);
                None
            }
            Note::Ended { request, .. } if request == wanted => Some(()),
            Note::Request { .. } | Note::Event { .. } | Note::Ended { .. } | Note::Unwanted { .. } => None,
        });
        all
    }

    /// Reads on until the answer has ended or is not wanted; when, if it is not.
    pub(crate) fn over(&self, wanted: usize) -> Option<u64> {
        self.find(|note| match note {
            Note::Unwanted { t_us, request } if request == wanted => Some(Some(t_us)),
            Note::Ended { request, .. } if request == wanted => Some(None),
            Note::Request { .. } | Note::Event { .. } | Note::Ended { .. } | Note::Unwanted { .. } => None,
        })
    }

    /// Reads on until some warm-up has ended.
    pub(crate) fn warmed(&self) {
        let request = self.find(|note| match note {
            Note::Request {
                request,
                warm_up: true,
                ..
            } => Some(request),
            Note::Request { .. } | Note::Event { .. } | Note::Ended { .. } | Note::Unwanted { .. } => None,
        });
        self.ended(request);
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        drop(self.stdin.take());
        drop(self.child.wait());
    }
}
