//! The methods of ACP that Brisk's own clients do not need: greeting a plain client, loading a session, choosing a
//! mode and a model.

use super::deliver::update_line;
use super::{Client, decode, look, reply, session_id};
use crate::daemon::hub::refuse;
use crate::daemon::options::Choice;
use crate::daemon::plain::{Plain, View};
use crate::exit::Exit;
use brisk_domain::SessionId;
use brisk_protocol::{BEGAN_META, ErrorBody, ProtocolVersion, RequestId, acp, knows_extensions};
use serde_json::value::RawValue;
use std::sync::Arc;

impl Client {
    pub(super) fn initialize(&mut self, params: &RawValue) -> Result<acp::InitializeResponse, ErrorBody> {
        let request: acp::InitializeRequest = decode(params)?;
        let extended = knows_extensions(&request);
        *look(&self.view) = if extended {
            View::Extended
        } else {
            View::Plain(Plain::new(
                self.reached.clone(),
                request.client_capabilities.fs.read_text_file,
            ))
        };
        let info = acp::Implementation::new("brisk", env!("CARGO_PKG_VERSION"));
        let hello = acp::InitializeResponse::new(ProtocolVersion::V1)
            .agent_info(info)
            .agent_capabilities(acp::AgentCapabilities::new().load_session(true));
        let began = self.hub.models.began().filter(|_| extended);
        Ok(match began.and_then(|marks| serde_json::to_value(marks).ok()) {
            Some(marks) => hello.meta(acp::Meta::from_iter([(BEGAN_META.to_owned(), marks)])),
            None => hello,
        })
    }

    /// Joins a session and tells all of it once more before the answer.
    pub(super) async fn load_session(&mut self, id: RequestId, params: &RawValue) {
        match self.load(params).await {
            Ok((session, last)) => {
                self.advertise(session);
                let mailbox = Arc::clone(&self.mailbox);
                let choice = self.choices.get(&session).cloned().unwrap_or_default();
                let answer = acp::LoadSessionResponse::new()
                    .modes(choice.modes())
                    .config_options(choice.options(&self.hub.models.states()));
                tokio::spawn(async move {
                    mailbox.caught_up(session, last).await;
                    reply(&mailbox, &id, Ok(answer));
                });
            }
            Err(body) => self.answer::<()>(&id, Err(body)),
        }
    }

    /// The session and its last event.
    async fn load(&mut self, params: &RawValue) -> Result<(SessionId, u64), ErrorBody> {
        let request: acp::LoadSessionRequest = decode(params)?;
        let session = session_id(&request.session_id)?;
        let fresh = self.hub.live(session).is_none();
        let handle = self.hub.session(session).await?;
        if handle.cwd != request.cwd {
            if fresh {
                self.hub.retire(session);
            }
            let elsewhere = format!("session {session} is one of {}", handle.cwd.display());
            return Err(refuse(Exit::Target, elsewhere));
        }
        self.mailbox.hold(session);
        let joined = match self.joined.contains_key(&session) {
            true => self.hub.last(session).await,
            false => self.join(session).await,
        };
        let last = joined.inspect_err(|_| self.mailbox.release(session))?;
        if let View::Plain(plain) = &mut *look(&self.view) {
            plain.replaying(session, last);
        }
        self.mailbox.replay(session, 1);
        Ok((session, last))
    }

    pub(super) async fn set_mode(
        &mut self,
        params: &RawValue,
    ) -> Result<acp::SetSessionModeResponse, ErrorBody> {
        let request: acp::SetSessionModeRequest = decode(params)?;
        let session = session_id(&request.session_id)?;
        self.choose(session, |choice| choice.set_mode(&request.mode_id.0))
            .await?;
        Ok(acp::SetSessionModeResponse::new())
    }

    pub(super) async fn set_option(
        &mut self,
        params: &RawValue,
    ) -> Result<acp::SetSessionConfigOptionResponse, ErrorBody> {
        let request: acp::SetSessionConfigOptionRequest = decode(params)?;
        let session = session_id(&request.session_id)?;
        let models = self.hub.models.states();
        let value = request.value.as_value_id().map(|v| v.0.to_string());
        let value = value.ok_or_else(|| refuse(Exit::Usage, "this option takes one of its values"))?;
        let choice = self
            .choose(session, |choice| {
                choice.set(&request.config_id.0, &value, &models)
            })
            .await?;
        Ok(acp::SetSessionConfigOptionResponse::new(choice.options(&models)))
    }

    /// Changes what is chosen. The mode can be set in two ways, so each tells the other.
    async fn choose(
        &mut self,
        session: SessionId,
        set: impl FnOnce(&mut Choice) -> Result<(), String>,
    ) -> Result<Choice, ErrorBody> {
        self.handle(session).await?;
        let choice = self.choices.entry(session).or_default();
        let before = choice.clone();
        set(choice).map_err(|why| refuse(Exit::Usage, why))?;
        let choice = choice.clone();
        if choice.intent != before.intent {
            let options = acp::ConfigOptionUpdate::new(choice.options(&self.hub.models.states()));
            for update in [
                acp::SessionUpdate::CurrentModeUpdate(choice.current_mode()),
                acp::SessionUpdate::ConfigOptionUpdate(options),
            ] {
                self.mailbox.line(update_line(session, update));
            }
        }
        Ok(choice)
    }
}
