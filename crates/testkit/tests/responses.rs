//! What the fake Responses server tells its onlooker.

use brisk_testkit::WAIT;
use brisk_testkit::responses::{Noticed, ResponsesServer, Say, Speech};
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::channel;

/// Telling takes time, so that it must not come between the stamp and the bytes: it would count as time of the line.
#[test]
fn the_end_is_stamped_before_its_bytes_and_told_after_them() {
    for end in [Say::Complete, Say::Length] {
        let (tell, told) = channel();
        let server =
            ResponsesServer::observed(Arc::new(move |noticed| drop(tell.send(noticed.clone())))).unwrap();
        server.say(Speech::of(vec![Say::text("ok"), end.clone()]));
        let mut client = TcpStream::connect(server.address()).unwrap();
        let body = r#"{"model":"m","input":"hello"}"#;
        let head = format!(
            "POST /v1/responses HTTP/1.1\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        client.write_all((head + body).as_bytes()).unwrap();
        let mut written = None;
        let stamped = loop {
            match told.recv_timeout(WAIT).unwrap() {
                Noticed::Event { t_us, .. } => written = Some(t_us),
                Noticed::Ended { t_us, .. } => break t_us,
                Noticed::Request { .. } | Noticed::Unwanted { .. } => {}
            }
        };
        // The last event was told of before the end, and its write began after the stamp.
        assert!(written.is_some_and(|written| stamped <= written), "{end:?}");
        assert!(told.try_recv().is_err(), "something was told after the end");
    }
}
