//! A client's writer: takes its mail and gives it to the transport, as the client wants to be told.

use super::look;
use crate::daemon::client::Outlet;
use crate::daemon::hub::Hub;
use crate::daemon::mailbox::{Mail, Mailbox, Take};
use crate::daemon::plain::View;
use brisk_protocol::{Envelope, acp, method, notify_line};
use std::sync::{Arc, Mutex};

/// Writes a client's mail at the client's pace; a batch is one write.
pub(super) async fn deliver(
    hub: Arc<Hub>,
    mailbox: Arc<Mailbox>,
    view: Arc<Mutex<View>>,
    mut outlet: impl Outlet,
) {
    loop {
        let written = match mailbox.take().await {
            Take::Batch(batch) => {
                let mut text = String::new();
                for mail in &batch {
                    match mail {
                        Mail::Event(envelope) => tell(&view, envelope, &mut text),
                        Mail::Line(line) | Mail::News(_, line) | Mail::Farewell(line) => text.push_str(line),
                    }
                }
                let written = if text.is_empty() {
                    Ok(())
                } else {
                    outlet.write(text).await
                };
                if batch.iter().any(|m| matches!(m, Mail::Farewell(_))) {
                    hub.leave.notify_one();
                }
                written
            }
            Take::CatchUp { session, after } => {
                mailbox.start_reading(session);
                hub.log.flush().await;
                let mut at = after;
                let mut outcome = Ok(());
                while let Ok(events) = hub.log.read(session, at + 1, 1_000).await
                    && let Some(last) = events.last()
                {
                    at = last.seq;
                    let mut text = String::new();
                    events.iter().for_each(|e| tell(&view, e, &mut text));
                    outcome = outlet.write(text).await;
                    if outcome.is_err() {
                        break;
                    }
                }
                mailbox.read_up_to(session, at);
                outcome
            }
            Take::Closed => return,
        };
        if written.is_err() {
            // The reader sees the same end and takes the client down.
            mailbox.close();
            return;
        }
    }
}

/// An event as this client is told it; for a plain client that can be nothing.
fn tell(view: &Mutex<View>, envelope: &Envelope, text: &mut String) {
    match &mut *look(view) {
        View::Extended => text.push_str(&notify_line(method::EVENT, envelope)),
        View::Plain(plain) => {
            for update in plain.updates(envelope) {
                text.push_str(&update_line(envelope.session_id, update));
            }
        }
    }
}

/// ACP's own notification.
pub(super) fn update_line(session: brisk_domain::SessionId, update: acp::SessionUpdate) -> String {
    let note = acp::SessionNotification::new(session.to_string(), update);
    notify_line("session/update", &note)
}
