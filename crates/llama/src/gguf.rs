//! Reads a GGUF file's header ourselves, before the C++ sees it: a damaged or foreign file gets a clear answer
//! here, where C++ would say "failed" or abort.
//!
//! Only sizes and a few keys are kept. Every length is checked against the file's own, so that a hostile header
//! costs neither memory nor time.

use crate::options::LoadError;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

/// Architectures with a plain key/value cache (it can be cut at any token) that the engine was made for.
pub const SUPPORTED: [&str; 12] = [
    "qwen2",
    "qwen2moe",
    "qwen3",
    "qwen3moe",
    "llama",
    "mistral3",
    "phi3",
    "granite",
    "granitemoe",
    "starcoder2",
    "smollm3",
    "seed_oss",
];

/// What the header of a model file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// `general.architecture`.
    pub architecture: String,
    /// `general.name`, when given.
    pub name: Option<String>,
    /// Context that the model was trained for, tokens.
    pub trained_context: u64,
    /// Layers.
    pub blocks: u64,
    /// Bytes of keys and values that one token takes in the cache at 16 bits each.
    pub cache_bytes_per_token: u64,
    /// Number of weights.
    pub parameters: u64,
    /// Bytes of weights that are stored as K-quants.
    pub k_quant_bytes: u64,
    /// Size of the file, bytes.
    pub file_bytes: u64,
}

/// Why reading stopped.
enum Stop {
    Eof,
    Bad(String),
    Io(std::io::Error),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == ErrorKind::UnexpectedEof {
            Stop::Eof
        } else {
            Stop::Io(error)
        }
    }
}

/// Reads the header of a model file and checks that the file is as long as the header says.
///
/// # Errors
/// Missing, unreadable, not GGUF, cut off, or of an architecture that is not supported.
pub fn read_header(path: &Path) -> Result<Header, LoadError> {
    let unreadable = |error: &std::io::Error| LoadError::Unreadable {
        path: path.to_path_buf(),
        reason: error.to_string(),
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(LoadError::Missing {
                path: path.to_path_buf(),
            });
        }
        Err(error) => return Err(unreadable(&error)),
    };
    let meta = file.metadata().map_err(|e| unreadable(&e))?;
    if !meta.is_file() {
        return Err(LoadError::NotGguf {
            path: path.to_path_buf(),
            reason: "not a regular file".into(),
        });
    }
    let found = meta.len();
    let mut reader = Reader {
        inner: BufReader::new(file),
        at: 0,
        file_bytes: found,
    };
    match reader.header() {
        Ok((header, expected)) => {
            if expected > found {
                return Err(LoadError::Truncated {
                    path: path.to_path_buf(),
                    expected,
                    found,
                });
            }
            if !SUPPORTED.contains(&header.architecture.as_str()) {
                return Err(LoadError::WrongArchitecture {
                    name: header.architecture,
                    supported: SUPPORTED.join(", "),
                });
            }
            Ok(header)
        }
        Err(Stop::Eof) => Err(LoadError::Truncated {
            path: path.to_path_buf(),
            expected: found + 1,
            found,
        }),
        Err(Stop::Bad(reason)) => Err(LoadError::NotGguf {
            path: path.to_path_buf(),
            reason,
        }),
        Err(Stop::Io(error)) => Err(unreadable(&error)),
    }
}

/// A value of the header, reduced to what is used.
enum Value {
    Number(u64),
    Text(String),
    Other,
}

struct Reader<R> {
    inner: R,
    at: u64,
    file_bytes: u64,
}

impl<R: Read> Reader<R> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut buffer = [0; N];
        self.inner.read_exact(&mut buffer)?;
        self.at += N as u64;
        Ok(buffer)
    }

    fn u32(&mut self) -> Result<u32, Stop> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, Stop> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn skip(&mut self, count: u64) -> Result<(), Stop> {
        if count > self.file_bytes.saturating_sub(self.at) {
            return Err(Stop::Eof);
        }
        let skipped = std::io::copy(&mut (&mut self.inner).take(count), &mut std::io::sink())?;
        self.at += skipped;
        if skipped == count { Ok(()) } else { Err(Stop::Eof) }
    }

    fn text(&mut self) -> Result<String, Stop> {
        let length = self.u64()?;
        if length > self.file_bytes.saturating_sub(self.at) {
            return Err(Stop::Eof);
        }
        let mut bytes = Vec::new();
        (&mut self.inner).take(length).read_to_end(&mut bytes)?;
        self.at += bytes.len() as u64;
        if bytes.len() as u64 != length {
            return Err(Stop::Eof);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Bytes of one element of a fixed-size value type; `None` for text and arrays.
    fn width(kind: u32) -> Result<Option<u64>, Stop> {
        match kind {
            0 | 1 | 7 => Ok(Some(1)),
            2 | 3 => Ok(Some(2)),
            4..=6 => Ok(Some(4)),
            10..=12 => Ok(Some(8)),
            8 | 9 => Ok(None),
            other => Err(Stop::Bad(format!("unknown value type {other}"))),
        }
    }

    fn value(&mut self, kind: u32) -> Result<Value, Stop> {
        Ok(match kind {
            0 | 1 | 7 => Value::Number(self.bytes::<1>()?[0].into()),
            2 | 3 => Value::Number(u16::from_le_bytes(self.bytes()?).into()),
            4 | 5 => Value::Number(self.u32()?.into()),
            10 | 11 => Value::Number(self.u64()?),
            6 => {
                self.skip(4)?;
                Value::Other
            }
            12 => {
                self.skip(8)?;
                Value::Other
            }
            8 => Value::Text(self.text()?),
            9 => {
                let element = self.u32()?;
                let count = self.u64()?;
                match Self::width(element)? {
                    Some(width) => self.skip(count.saturating_mul(width))?,
                    None if element == 8 => {
                        for _ in 0..count {
                            let length = self.u64()?;
                            self.skip(length)?;
                        }
                    }
                    None => return Err(Stop::Bad("an array of arrays in the header".into())),
                }
                Value::Other
            }
            other => return Err(Stop::Bad(format!("unknown value type {other}"))),
        })
    }

    /// The header, and the file size that it promises at least.
    fn header(&mut self) -> Result<(Header, u64), Stop> {
        if self.file_bytes < 24 {
            let mut magic = Vec::new();
            (&mut self.inner).take(4).read_to_end(&mut magic)?;
            return Err(if magic == *b"GGUF" {
                Stop::Eof
            } else {
                Stop::Bad("no GGUF mark at its start".into())
            });
        }
        if self.bytes::<4>()? != *b"GGUF" {
            return Err(Stop::Bad("no GGUF mark at its start".into()));
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return Err(Stop::Bad(format!(
                "GGUF version {version}; versions 2 and 3 are known"
            )));
        }
        let tensors = self.u64()?;
        let pairs = self.u64()?;
        let mut header = Header {
            file_bytes: self.file_bytes,
            ..Header::default()
        };
        let mut numbers = std::collections::HashMap::new();
        let mut alignment = 32;
        for _ in 0..pairs {
            let key = self.text()?;
            let kind = self.u32()?;
            match (key.as_str(), self.value(kind)?) {
                ("general.architecture", Value::Text(text)) => header.architecture = text,
                ("general.name", Value::Text(text)) => header.name = Some(text),
                ("general.alignment", Value::Number(n)) => alignment = n.max(1),
                (_, Value::Number(n)) => {
                    numbers.insert(key, n);
                }
                _ => {}
            }
        }
        let number = |suffix: &str| numbers.get(&format!("{}.{suffix}", header.architecture)).copied();
        let heads = number("attention.head_count").unwrap_or(1).max(1);
        let kv_heads = number("attention.head_count_kv").unwrap_or(heads);
        let head = number("embedding_length").unwrap_or(0) / heads;
        let key = number("attention.key_length").unwrap_or(head);
        let value = number("attention.value_length").unwrap_or(head);
        header.trained_context = number("context_length").unwrap_or(0);
        header.blocks = number("block_count").unwrap_or(0);
        header.cache_bytes_per_token = 2 * header
            .blocks
            .saturating_mul(kv_heads)
            .saturating_mul(key.saturating_add(value));

        let mut end = 0;
        for _ in 0..tensors {
            self.text()?;
            let dimensions = self.u32()?;
            if dimensions > 4 {
                return Err(Stop::Bad(format!("a tensor of {dimensions} dimensions")));
            }
            let mut count: u64 = 1;
            for _ in 0..dimensions {
                count = count.saturating_mul(self.u64()?);
            }
            let kind = self.u32()?;
            let offset = self.u64()?;
            header.parameters = header.parameters.saturating_add(count);
            let bytes = tensor_bytes(kind, count);
            if K_QUANTS.contains(&kind) {
                header.k_quant_bytes = header.k_quant_bytes.saturating_add(bytes);
            }
            end = end.max(offset.saturating_add(bytes));
        }
        let data = self.at.div_ceil(alignment).saturating_mul(alignment);
        Ok((header, data.saturating_add(end)))
    }
}

/// Storage types Q2_K to Q6_K.
const K_QUANTS: std::ops::RangeInclusive<u32> = 10..=14;

/// Bytes of a tensor: elements per block and bytes per block of each storage type. An unknown type counts as
/// nothing: llama.cpp then has the last word.
fn tensor_bytes(kind: u32, count: u64) -> u64 {
    let (elements, bytes) = match kind {
        0 | 26 => (1, 4),
        1 | 25 | 30 => (1, 2),
        24 => (1, 1),
        27 | 28 => (1, 8),
        2 | 20 => (32, 18),
        3 => (32, 20),
        6 => (32, 22),
        7 => (32, 24),
        8 => (32, 34),
        9 => (32, 36),
        10 => (256, 84),
        11 => (256, 110),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        23 => (256, 136),
        _ => return 0,
    };
    count.div_ceil(elements).saturating_mul(bytes)
}
