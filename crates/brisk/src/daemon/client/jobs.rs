//! Requests about delegated work.

use super::{Client, decode, reply};
use crate::daemon::hub::{Hub, refuse_worktree};
use brisk_domain::job::AttemptId;
use brisk_protocol::jobs::{
    AttemptRef, Delegate, JobList, JobRef, JobSteer, JobsReply, Merge, Steered, StepsRequest, Watch, Watched,
    method,
};
use brisk_protocol::{ErrorBody, ErrorCode, RequestId};
use brisk_worktree::{WorktreeError, find_root};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Client {
    /// Answers in its own time; what this client says next is read meanwhile.
    pub(super) fn job(&self, id: RequestId, name: &str, params: &RawValue) {
        let (hub, mailbox) = (Arc::clone(&self.hub), Arc::clone(&self.mailbox));
        let (name, params) = (name.to_owned(), params.to_owned());
        tokio::spawn(async move {
            let outcome = answer(&hub, &name, &params).await;
            reply(&mailbox, &id, outcome);
        });
    }
}

async fn answer(hub: &Arc<Hub>, name: &str, params: &RawValue) -> Result<Value, ErrorBody> {
    match name {
        method::DELEGATE => {
            let wish: Delegate = decode(params)?;
            value(hub.job_work(move |hub| hub.jobs.delegate(&wish)).await)
        }
        method::LIST => {
            let wish: JobList = decode(params)?;
            let list = move |hub: &Hub| {
                let root = wish.cwd.as_deref().map(root_of).transpose()?;
                let jobs = hub.jobs.list(root.as_deref(), wish.limit)?;
                Ok(JobsReply { jobs })
            };
            let mut reply = hub.job_work(list).await?;
            hub.see_undone(&mut reply.jobs).await;
            value(Ok(reply))
        }
        method::WATCH => {
            let wish: Watch = decode(params)?;
            let version = hub.jobs.news(wish.seen).await;
            let mut job = hub.job_work(move |hub| hub.jobs.view(wish.job)).await?;
            hub.see_undone(std::slice::from_mut(&mut job)).await;
            value(Ok(Watched { version, job }))
        }
        method::LOG => {
            let wish: StepsRequest = decode(params)?;
            let id = AttemptId {
                job: wish.job,
                number: wish.attempt,
            };
            value(hub.job_work(move |hub| hub.jobs.steps(id, wish.from)).await)
        }
        method::DIFF => {
            let wish: AttemptRef = decode(params)?;
            value(hub.job_work(move |hub| hub.jobs.diff(wish)).await)
        }
        method::STEER => {
            let wish: JobSteer = decode(params)?;
            value(
                hub.job_work(move |hub| {
                    let hears = hub.jobs.steer(wish.job, &wish.text)?;
                    Ok(Steered { hears })
                })
                .await,
            )
        }
        method::CANCEL => {
            let wish: JobRef = decode(params)?;
            value(hub.job_work(move |hub| hub.jobs.cancel(wish.job)).await)
        }
        method::PAUSE => {
            let wish: JobRef = decode(params)?;
            value(hub.job_work(move |hub| hub.jobs.pause(wish.job)).await)
        }
        method::RESUME => {
            let wish: JobRef = decode(params)?;
            value(hub.job_work(move |hub| hub.jobs.resume(wish.job)).await)
        }
        method::MERGE => {
            let wish: Merge = decode(params)?;
            value(hub.merge_job(wish).await)
        }
        method::DROP => {
            let wish: JobRef = decode(params)?;
            value(hub.drop_job(wish.job).await)
        }
        other => Err(ErrorBody {
            code: ErrorCode::MethodNotFound.number(),
            message: format!("unknown method {other}"),
            data: None,
        }),
    }
}

fn value(outcome: Result<impl Serialize, ErrorBody>) -> Result<Value, ErrorBody> {
    outcome.map(|answer| serde_json::to_value(answer).unwrap_or_default())
}

/// The root of the repository around a folder.
fn root_of(cwd: &Path) -> Result<PathBuf, ErrorBody> {
    let found = cwd.canonicalize().ok().and_then(|c| find_root(&c));
    found.ok_or_else(|| {
        refuse_worktree(&WorktreeError::NoRepository {
            start: cwd.to_owned(),
        })
    })
}
