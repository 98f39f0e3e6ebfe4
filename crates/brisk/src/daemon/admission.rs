//! Who may come in by the WebSocket door. Every web page that the person has open can reach a port on loopback, and
//! so can every other user of the machine: the token tells them apart, and `Host` and `Origin` keep pages out even
//! where one got hold of a token. Nothing is read or written here.

use std::fmt::Write;
use subtle::ConstantTimeEq;
use tokio_tungstenite::tungstenite::handshake::server::Request;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::http::header::{
    AUTHORIZATION, AsHeaderName, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL,
};

/// The subprotocol that is spoken.
pub(super) const SUBPROTOCOL: &str = "acp.v1";
/// Before the token, where it comes as a subprotocol: browsers and editors cannot set headers of an upgrade.
const TOKEN_SUBPROTOCOL: &str = "brisk.token.";
/// Names of this machine that no DNS server decides about.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];
/// Origins of an editor's own pages.
const EDITORS: [&str; 2] = ["vscode-webview://", "vscode-file://"];

/// 256 random bits as 64 hexadecimal digits. One daemon's, for its life.
pub(super) struct Token(String);

impl Token {
    /// From the system's generator.
    pub(super) fn random() -> Result<Token, getrandom::Error> {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes)?;
        let mut text = String::with_capacity(64);
        for byte in bytes {
            // Writing to a text cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Token(text))
    }

    /// For the file that only the person can read.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Takes equally long whatever the first wrong digit is.
    fn is(&self, offered: &str) -> bool {
        self.0.as_bytes().ct_eq(offered.as_bytes()).into()
    }
}

/// What the door asks of a request.
pub(super) struct Gate {
    /// Where the door is, on loopback.
    pub(super) port: u16,
    /// What opens it.
    pub(super) token: Token,
}

/// Why a request does not get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The head is no HTTP/1.1 GET.
    Malformed,
    /// The head is too long.
    TooLong,
    /// The name that was connected to is not this machine's: a DNS name that someone points here.
    Host,
    /// A page that is not an editor's.
    Origin,
    /// Anything but `/`.
    Path,
    /// No token, or a wrong one.
    Token,
    /// Subprotocols are offered, and none that is spoken here.
    Subprotocol,
    /// Not a WebSocket's upgrade.
    NoUpgrade,
}

impl Refusal {
    fn told(self) -> (StatusCode, &'static str) {
        match self {
            Refusal::Malformed => (
                StatusCode::BAD_REQUEST,
                "this is a WebSocket; upgrade with HTTP/1.1 GET",
            ),
            Refusal::NoUpgrade => (
                StatusCode::BAD_REQUEST,
                "this is a WebSocket; ask for an upgrade, version 13",
            ),
            Refusal::TooLong => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "the request's head is too long",
            ),
            Refusal::Host => (
                StatusCode::FORBIDDEN,
                "connect to 127.0.0.1 or localhost, by no other name",
            ),
            Refusal::Origin => (StatusCode::FORBIDDEN, "pages of this origin may not connect"),
            Refusal::Path => (StatusCode::NOT_FOUND, "the path is /"),
            Refusal::Token => (
                StatusCode::UNAUTHORIZED,
                "give the token of websocket.json as `Authorization: Bearer TOKEN` or as subprotocol `brisk.token.TOKEN`",
            ),
            Refusal::Subprotocol => (StatusCode::BAD_REQUEST, "offer the subprotocol acp.v1"),
        }
    }

    /// The whole HTTP answer; its body is one line.
    pub(super) fn response(self) -> String {
        let (status, words) = self.told();
        let challenge = match self {
            Refusal::Token => "WWW-Authenticate: Bearer\r\n",
            Refusal::Malformed
            | Refusal::NoUpgrade
            | Refusal::TooLong
            | Refusal::Host
            | Refusal::Origin
            | Refusal::Path
            | Refusal::Subprotocol => "",
        };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n{challenge}Connection: close\r\n\r\n{words}\n",
            words.len() + 1
        )
    }
}

impl Gate {
    /// Lets a request in; gives the subprotocol to answer with, if any was offered.
    pub(super) fn admit(&self, request: &Request) -> Result<Option<&'static str>, Refusal> {
        if !self.is_ours(single(request, HOST, Refusal::Host)?.unwrap_or_default()) {
            return Err(Refusal::Host);
        }
        if !single(request, ORIGIN, Refusal::Origin)?.is_none_or(may_connect) {
            return Err(Refusal::Origin);
        }
        if request.uri() != "/" {
            return Err(Refusal::Path);
        }
        let offered: Vec<&str> = request
            .headers()
            .get_all(SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(',').map(str::trim))
            .collect();
        let bearer = single(request, AUTHORIZATION, Refusal::Token)?.and_then(bearer);
        let tokens = offered.iter().filter_map(|p| p.strip_prefix(TOKEN_SUBPROTOCOL));
        if !tokens.chain(bearer).any(|token| self.token.is(token)) {
            return Err(Refusal::Token);
        }
        match (offered.is_empty(), offered.contains(&SUBPROTOCOL)) {
            (true, _) => Ok(None),
            (false, true) => Ok(Some(SUBPROTOCOL)),
            (false, false) => Err(Refusal::Subprotocol),
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        LOOPBACK
            .iter()
            .any(|name| host.eq_ignore_ascii_case(&format!("{name}:{}", self.port)))
    }
}

/// The only value of a header. Two of them, or one that is no text, are refused: two readers could differ about them.
fn single(request: &Request, name: impl AsHeaderName, refusal: Refusal) -> Result<Option<&str>, Refusal> {
    let mut values = request.headers().get_all(name).into_iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| refusal),
        (Some(_), Some(_)) => Err(refusal),
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a page of this origin may ask. `null` may not: any page can make itself one.
fn may_connect(origin: &str) -> bool {
    let loopback = |authority: &str| {
        LOOPBACK.iter().any(|name| match authority.strip_prefix(name) {
            Some("") => true,
            Some(rest) => rest
                .strip_prefix(':')
                .is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())),
            None => false,
        })
    };
    origin.strip_prefix("http://").is_some_and(loopback) || EDITORS.iter().any(|e| origin.starts_with(e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::handshake::machine::TryParse;

    /// A request for `target` with these headers; `T` stands for the token.
    fn check(target: &str, headers: &[&str], want: Result<Option<&'static str>, Refusal>) {
        let token = Token::random().unwrap();
        let headers = headers.join("\r\n").replace('T', token.reveal());
        let head = format!("GET {target} HTTP/1.1\r\n{headers}\r\n\r\n");
        let (_, request) = Request::try_parse(head.as_bytes()).unwrap().unwrap();
        let gate = Gate { port: 4100, token };
        assert_eq!(gate.admit(&request), want, "{target} {headers:?}");
    }

    #[test]
    fn requests_get_in_by_their_head() {
        const HOST: &str = "host: 127.0.0.1:4100";
        const RIGHT: &str = "authorization: Bearer T";
        let origin = |origin: &str, want| check("/", &[HOST, RIGHT, &format!("origin: {origin}")], want);
        let host = |host: &str, want| check("/", &[RIGHT, &format!("host: {host}")], want);
        let offer = |list: &str, want| check("/", &[HOST, &format!("sec-websocket-protocol: {list}")], want);
        let auth = |value: &str, want| check("/", &[HOST, &format!("authorization: {value}")], want);

        for good in ["127.0.0.1:4100", "localhost:4100", "LocalHost:4100", "[::1]:4100"] {
            host(good, Ok(None));
        }
        for bad in [
            "evil.example:4100",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.0.0.1.evil.example:4100",
            "localhost:41000",
            "",
        ] {
            host(bad, Err(Refusal::Host));
        }
        check("/", &[RIGHT], Err(Refusal::Host));
        check("/", &[HOST, HOST, RIGHT], Err(Refusal::Host));

        for good in [
            "http://127.0.0.1",
            "http://localhost:3000",
            "http://[::1]:1",
            "vscode-webview://0f0f",
            "vscode-file://vscode-app",
        ] {
            origin(good, Ok(None));
        }
        for bad in [
            "null",
            "",
            "https://example.com",
            "http://example.com",
            "https://localhost",
            "http://localhost.example.com",
            "http://localhost:",
            "http://localhost:80@example.com",
            "http://127.0.0.1:80/x",
            "http://127.0.0.10",
            "file://",
            "chrome-extension://abc",
        ] {
            origin(bad, Err(Refusal::Origin));
        }
        check(
            "/",
            &[
                HOST,
                RIGHT,
                "origin: http://localhost",
                "origin: http://localhost",
            ],
            Err(Refusal::Origin),
        );

        for bad in ["/x", "/?token=x", "//", "http://127.0.0.1:4100/", "*"] {
            check(bad, &[HOST, RIGHT], Err(Refusal::Path));
        }

        auth("bearer T", Ok(None));
        for bad in [
            "Bearer",
            "Bearer ",
            "Bearer 0",
            "Basic T",
            "T",
            "Bearer T0",
            "Bearer TT",
        ] {
            auth(bad, Err(Refusal::Token));
        }
        check("/", &[HOST], Err(Refusal::Token));
        check("/", &[HOST, RIGHT, RIGHT], Err(Refusal::Token));

        offer("acp.v1, brisk.token.T", Ok(Some(SUBPROTOCOL)));
        offer("brisk.token.T,acp.v1", Ok(Some(SUBPROTOCOL)));
        offer("acp.v1", Err(Refusal::Token));
        offer("acp.v1, brisk.token.", Err(Refusal::Token));
        offer("acp.v1, T", Err(Refusal::Token));
        offer("brisk.token.T", Err(Refusal::Subprotocol));
        check(
            "/",
            &[
                HOST,
                "sec-websocket-protocol: brisk.token.T",
                "sec-websocket-protocol: acp.v1",
            ],
            Ok(Some(SUBPROTOCOL)),
        );
        check(
            "/",
            &[HOST, RIGHT, "sec-websocket-protocol: chat"],
            Err(Refusal::Subprotocol),
        );
    }

    #[test]
    fn tokens_differ_and_are_256_bits() {
        let (a, b) = (Token::random().unwrap(), Token::random().unwrap());
        assert_ne!(a.reveal(), b.reveal());
        assert_eq!(a.reveal().len(), 64);
        assert!(a.reveal().bytes().all(|c| c.is_ascii_hexdigit()));
    }

    #[test]
    fn a_refusal_is_one_line_and_a_401_names_its_scheme() {
        let said = Refusal::Token.response();
        assert!(said.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{said}");
        assert!(said.contains("\r\nWWW-Authenticate: Bearer\r\n"), "{said}");
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", body.len())),
            "{said}"
        );
        assert_eq!(body.lines().count(), 1);
    }
}
