//! The publisher's hub: one file over HTTPS, continued where it stopped.

use crate::models::fetch::{FetchError, Job, Progress, Report, Source, SourceError};
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Client, Response, StatusCode};
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

/// A machine without access finds out in this time and goes on to the mirror.
const CONNECT: Duration = Duration::from_secs(5);

/// Silence that counts as a cut.
const SILENCE: Duration = Duration::from_secs(30);

/// A cut stream is taken up again this often, as long as every time brings something new.
const RESUMES: usize = 50;

/// Written to disk at once, bytes.
const BLOCK: usize = 1 << 20;

/// Fetches what is missing of the file from the hub at `base`.
pub(super) async fn fetch(job: &Job<'_>, base: &str, progress: Report<'_>) -> Result<(), SourceError> {
    let url = job.entry.hub_url(base);
    let client = client(base).map_err(SourceError::There)?;
    let mut have = job.have().map_err(SourceError::Here)?;
    progress(Progress::Trying {
        source: Source::Hub,
        from: url.clone(),
        have,
    });
    let mut resumes = 0;
    loop {
        let result = continue_from(job, &client, &url, have, progress).await;
        let now = job.have().map_err(SourceError::Here)?;
        match result {
            Err(SourceError::There(_)) if now > have && resumes < RESUMES => {
                have = now;
                resumes += 1;
            }
            other => return other,
        }
    }
}

async fn continue_from(
    job: &Job<'_>,
    client: &Client,
    url: &str,
    have: u64,
    progress: Report<'_>,
) -> Result<(), SourceError> {
    let total = job.entry.bytes;
    let mut request = client.get(url);
    if have > 0 {
        request = request.header(RANGE, format!("bytes={have}-"));
    }
    let mut response = request
        .send()
        .await
        .map_err(|error| SourceError::There(reason(error)))?;
    let start = place(&response, have, total).map_err(SourceError::There)?;

    let mut part = PartFile::open(job, start).await.map_err(SourceError::Here)?;
    let ended = loop {
        match response.chunk().await {
            Ok(Some(bytes)) if part.at + bytes.len() as u64 > total => {
                drop(part);
                job.discard().map_err(SourceError::Here)?;
                return Err(SourceError::There(format!(
                    "sent more than the {total} bytes of the file"
                )));
            }
            Ok(Some(bytes)) => {
                if part.push(&bytes).await.map_err(SourceError::Here)? {
                    progress(Progress::Bytes {
                        source: Source::Hub,
                        done: part.at,
                        total,
                    });
                }
            }
            Ok(None) => break "the stream ended".to_owned(),
            Err(error) => break reason(error),
        }
    };
    part.flush().await.map_err(SourceError::Here)?;
    progress(Progress::Bytes {
        source: Source::Hub,
        done: part.at,
        total,
    });
    if part.at == total {
        return Ok(());
    }
    Err(SourceError::There(format!(
        "cut after {} of {total} bytes ({ended})",
        part.at
    )))
}

/// Where in the file the answer's bytes belong; refuses an answer that is not this file.
fn place(response: &Response, have: u64, total: u64) -> Result<u64, String> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let status = response.status();
    let offered = if status == StatusCode::PARTIAL_CONTENT {
        let (start, offered) = header(CONTENT_RANGE)
            .and_then(range_start_and_total)
            .ok_or("answered with a range that cannot be read")?;
        if start != have {
            return Err(format!(
                "was asked for bytes from {have} and sent them from {start}"
            ));
        }
        offered
    } else if status == StatusCode::OK {
        response.content_length()
    } else {
        return Err(format!("answered {status}"));
    };
    if let Some(offered) = offered.filter(|offered| *offered != total) {
        return Err(format!("offers a file of {offered} bytes instead of {total}"));
    }
    // A portal that wants a login answers everything with a page.
    if header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/")) {
        return Err("answered with a page of text instead of the file".to_owned());
    }
    Ok(if status == StatusCode::OK { 0 } else { have })
}

/// `bytes 5-9/10` gives 5 and 10, with `*` for an unknown total.
fn range_start_and_total(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.parse().ok()?;
    let total = if total == "*" {
        None
    } else {
        Some(total.parse().ok()?)
    };
    Some((start, total))
}

/// The beginning of the file, open for writing at its end.
struct PartFile<'a> {
    job: &'a Job<'a>,
    file: tokio::fs::File,
    waiting: Vec<u8>,
    /// Bytes taken so far, in the whole file's count.
    at: u64,
}

impl<'a> PartFile<'a> {
    async fn open(job: &'a Job<'a>, start: u64) -> Result<PartFile<'a>, FetchError> {
        let path = &job.files.part;
        let open = async {
            let mut options = tokio::fs::OpenOptions::new();
            let mut file = options
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)
                .await?;
            if file.metadata().await?.len() > start {
                file.set_len(start).await?;
            }
            file.seek(io::SeekFrom::Start(start)).await?;
            io::Result::Ok(file)
        };
        let file = open.await.map_err(|error| job.io("cannot write", path, error))?;
        Ok(PartFile {
            job,
            file,
            waiting: Vec::with_capacity(BLOCK),
            at: start,
        })
    }

    /// Takes bytes and tells whether a block went to disk.
    async fn push(&mut self, bytes: &[u8]) -> Result<bool, FetchError> {
        self.waiting.extend_from_slice(bytes);
        self.at += bytes.len() as u64;
        if self.waiting.len() < BLOCK {
            return Ok(false);
        }
        self.flush().await.map(|()| true)
    }

    async fn flush(&mut self) -> Result<(), FetchError> {
        let written = async {
            self.file.write_all(&self.waiting).await?;
            // Only this tells what became of the write.
            self.file.flush().await
        };
        written
            .await
            .map_err(|error| self.job.io("cannot write", &self.job.files.part, error))?;
        self.waiting.clear();
        Ok(())
    }
}

/// A client for the server at `base`; one that begins with `https:` is never left for plain HTTP.
pub(crate) fn client(base: &str) -> Result<Client, String> {
    let mut roots = rustls::RootCertStore::empty();
    let (_added, _ignored) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(base.starts_with("https:"))
        .user_agent(concat!("brisk/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .build()
        .map_err(reason)
}

/// An error with what caused it: the outermost alone says only that a request failed. Without the address, which the
/// person has seen already.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read() {
        let cases = [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 0-0/*", Some((0, None))),
            ("bytes */10", None),
            ("items 5-9/10", None),
            ("bytes 5-9", None),
            ("", None),
        ];
        for (value, expected) in cases {
            assert_eq!(range_start_and_total(value), expected, "{value}");
        }
    }
}
