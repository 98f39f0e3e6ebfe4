//! Opening a socket: TCP without Nagle's delay, TLS, the upgrade, and the bounds of what it takes in.

use super::health::Trouble;
use crate::fault::Upstream;
use crate::opening::{Opening, Stream};
use crate::stream::EVENT_MAX;
use brisk_domain::port::Fault;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{StatusCode, Uri};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use std::time::Duration;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, http};
use tower_service::Service;

/// Says which dialect is spoken; servers that do not know it do not mind.
const BETA: (&str, &str) = ("openai-beta", "responses_websockets=2026-02-06");

/// How much is read at once, bytes.
const READ: usize = 16 << 10;

/// One open connection.
pub(crate) type Socket = WebSocketStream<TokioIo<Stream>>;

/// Opens sockets to one server.
pub(crate) struct Opener {
    opening: Opening,
    at: Uri,
    upgrade: Uri,
    headers: HeaderMap,
}

/// Why there is no socket.
pub(crate) struct NotOpen {
    pub(crate) trouble: Trouble,
    pub(crate) fault: Fault,
}

impl Opener {
    /// `headers` are those of a POST to the same server; an upgrade is of HTTP/1.1, and so is what `opening` opens.
    pub(crate) fn new(upstream: &Upstream, opening: Opening, mut headers: HeaderMap) -> Opener {
        let at = upstream.base.responses().clone();
        let text = at.to_string();
        let upgrade = text
            .strip_prefix("http")
            .map(|rest| format!("ws{rest}"))
            .and_then(|ws| ws.parse().ok())
            .unwrap_or_else(|| at.clone());
        headers.remove(ACCEPT);
        headers.remove(CONTENT_TYPE);
        headers.insert(HeaderName::from_static(BETA.0), HeaderValue::from_static(BETA.1));
        Opener {
            opening,
            at,
            upgrade,
            headers,
        }
    }

    /// Opens one within that time.
    pub(crate) async fn open(&self, upstream: &Upstream, within: Duration) -> Result<Socket, NotOpen> {
        match tokio::time::timeout(within, self.open_unbounded(upstream)).await {
            Ok(opened) => opened,
            Err(_) => Err(NotOpen {
                trouble: Trouble::Failed,
                fault: upstream.stalled(within),
            }),
        }
    }

    async fn open_unbounded(&self, upstream: &Upstream) -> Result<Socket, NotOpen> {
        let failed = |fault| NotOpen {
            trouble: Trouble::Failed,
            fault,
        };
        let stream = self
            .opening
            .clone()
            .call(self.at.clone())
            .await
            .map_err(|error| failed(upstream.not_connected(error.as_ref())))?;
        let mut request = self
            .upgrade
            .clone()
            .into_client_request()
            .map_err(|error| failed(upstream.not_connected(&error)))?;
        request.headers_mut().extend(self.headers.clone());
        let limits = WebSocketConfig::default()
            // It is filled with zeros before each read: a large one would cost more than a token's own work.
            .read_buffer_size(READ)
            .max_message_size(Some(EVENT_MAX))
            .max_frame_size(Some(EVENT_MAX));
        let upgraded =
            tokio_tungstenite::client_async_with_config(request, TokioIo::new(stream), Some(limits)).await;
        match upgraded {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => Err(refused(upstream, &response)),
            Err(error) => Err(failed(upstream.not_connected(&error))),
        }
    }
}

fn refused(upstream: &Upstream, response: &http::Response<Option<Vec<u8>>>) -> NotOpen {
    let status = response.status();
    let has_none = matches!(
        status,
        StatusCode::OK
            | StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::UPGRADE_REQUIRED
            | StatusCode::NOT_IMPLEMENTED
    );
    let body = response.body().as_deref().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    NotOpen {
        trouble: if has_none {
            Trouble::Refused
        } else {
            Trouble::Failed
        },
        fault: upstream.refused(status.as_u16(), response.headers(), &body, Timestamp::now()),
    }
}
