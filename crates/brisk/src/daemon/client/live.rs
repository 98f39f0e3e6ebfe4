//! What the live client asks for beyond an edit: completions, sessions to go on with, bounds, the person's own text.

use super::super::complete::complete;
use super::super::hub::refuse;
use super::super::now;
use super::{Client, decode, reply};
use crate::exit::Exit;
use brisk_domain::Command;
use brisk_protocol::{
    Amend, CompleteReply, CompleteRequest, ErrorBody, Limits, QuotaReply, RepoRequest, RequestId,
    SessionSummary, SessionsReply, method,
};
use serde_json::value::RawValue;
use std::sync::Arc;

impl Client {
    /// Answers one of [`method::COMPLETE`], [`method::SESSIONS`], [`method::LIMITS`],
    /// [`method::QUOTA`], [`method::AMEND`].
    pub(super) async fn live(&mut self, id: RequestId, name: &str, params: &RawValue) {
        match name {
            method::COMPLETE => match decode::<CompleteRequest>(params) {
                // A large repository takes a while: what the client says next is not held up by it.
                Ok(request) => {
                    let (hub, mailbox) = (Arc::clone(&self.hub), Arc::clone(&self.mailbox));
                    tokio::spawn(async move {
                        let found = complete(&hub, request).await;
                        reply(&mailbox, &id, found.map(|items| CompleteReply { items }));
                    });
                }
                Err(body) => self.answer::<()>(&id, Err(body)),
            },
            method::SESSIONS => {
                let sessions = self.sessions(params).await;
                self.answer(&id, sessions);
            }
            method::LIMITS => {
                let limits = self.hub.models.limits();
                let answer = Limits {
                    max_files: limits.max_files,
                    max_lines: limits.max_lines,
                };
                self.answer(&id, Ok(answer));
            }
            method::QUOTA => match decode::<RepoRequest>(params) {
                // Policy files are read.
                Ok(RepoRequest { cwd }) => {
                    let (hub, mailbox) = (Arc::clone(&self.hub), Arc::clone(&self.mailbox));
                    tokio::task::spawn_blocking(move || {
                        let left = hub.fleet.quota(&cwd, now());
                        let left = left.map_err(|why| refuse(Exit::Check, why));
                        reply(&mailbox, &id, left.map(|left| QuotaReply { left }));
                    });
                }
                Err(body) => self.answer::<()>(&id, Err(body)),
            },
            _ => {
                let told = self.amend(params).await;
                self.answer(&id, told);
            }
        }
    }

    async fn sessions(&self, params: &RawValue) -> Result<SessionsReply, ErrorBody> {
        let cwd = decode::<RepoRequest>(params)?.cwd;
        // Numbers are given in memory first: what is asked for is what is on disk.
        self.hub.log.flush().await;
        let all = self.hub.log.with(|log| log.sessions()).await;
        let all = all.map_err(|e| refuse(Exit::Disk, e))?;
        let summary = |s: brisk_store::SessionInfo| SessionSummary {
            held: self.hub.live(s.id).is_some(),
            session_id: s.id,
            last: s.last.0,
            made_us: s.made_us,
        };
        let ours = all.into_iter().rev().filter(|s| s.root == cwd && s.last.0 > 0);
        Ok(SessionsReply {
            sessions: ours.map(summary).collect(),
        })
    }

    async fn amend(&mut self, params: &RawValue) -> Result<(), ErrorBody> {
        let Amend {
            session_id,
            hunk,
            added,
        } = decode(params)?;
        self.attempt(session_id, Command::Amend { hunk, added }).await?;
        Ok(())
    }
}
