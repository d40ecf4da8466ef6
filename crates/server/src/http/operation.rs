//! Work at a provider: begun in one transaction, done by a worker, and answered in another.
//!
//! | phase | what |
//! |---|---|
//! | check | whether it is a duplicate that is known without the database ([`submit`](super::submit)) |
//! | register | for the reply under the key, before anybody can produce it |
//! | permit | of a worker, if one is free: the job is then created under its lease |
//! | submit | on its own task: a client that disconnects cancels nothing |
//! | drive | the worker begins at once |
//! | wait | for the reply: woken in this process, notified by another, or found by the poll |

use api::Code;
use domain::commands::JobLease;
use domain::idempotency::KeyProgress;
use domain::reply::{AttemptJob, ClaimedJob};
use domain::working_set::{Claim, Command};
use domain::{KeyId, Reply, TenantId};
use std::time::Duration;
use store::{CommandResult, Rendered, Unavailable};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use uuid::Uuid;

use super::answer::Handled;
use super::submit::submit_once;
use super::{App, RefusedRequest};
use crate::ports::WorkerPermit;
use crate::wake::Waiting;
use crate::work_context;

/// `command` makes the command, with a lease if a worker is free.
pub async fn begin<C>(
    app: &App,
    claim: &Claim,
    wait: Duration,
    command: impl FnOnce(Option<JobLease>) -> C,
) -> Handled
where
    C: Command + 'static,
{
    let (tenant, key) = (claim.tenant, claim.key);
    submit_once(app, Some(claim), |marker| async move {
        let waiting = app.parts.waiters.register(key);
        let permit = app.parts.workers.permit();
        let command = Box::new(command(permit.as_ref().map(|permit| permit.lease())));
        let submitted = tokio::spawn(work_context::along(submit(app.clone(), command, permit))).await;
        match submitted.map_err(|_| RefusedRequest::from(Code::InternalError))?? {
            CommandResult::Fresh { reply: Reply::Started(started), rendered: None } => {
                let making = marker.points_at(making(&started));
                let (rendered, ()) = tokio::join!(outcome(app, waiting, tenant, key, wait), making);
                Ok(CommandResult::Fresh { reply: Reply::Started(started), rendered })
            }
            answer => Ok::<_, RefusedRequest>(answer),
        }
    })
    .await
}

/// The resource that the operation makes, for the reply to a duplicate.
fn making(started: &AttemptJob) -> Uuid {
    started.refund.as_ref().map_or(started.payment.id.0, |refund| refund.id.0)
}

async fn submit(
    app: App,
    command: Box<dyn Command>,
    permit: Option<Box<dyn WorkerPermit>>,
) -> Result<CommandResult, Unavailable> {
    let answer = app.store().submit(command).await;
    if let Ok(CommandResult::Fresh { reply: Reply::Started(started), .. }) = &answer {
        work_context::about(started.payment.id);
        if let Some(permit) = permit {
            permit.drive(ClaimedJob::Attempt(started.clone()));
        }
    }
    answer
}

/// The reply under the key, if it comes in time.
async fn outcome(
    app: &App,
    mut waiting: Waiting,
    tenant: TenantId,
    key: KeyId,
    wait: Duration,
) -> Option<Rendered> {
    let over = sleep(wait);
    let poll = app.limits().poll;
    let mut ticks = interval_at(Instant::now() + poll, poll);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let recheck = waiting.recheck.clone();
    tokio::pin!(over);
    loop {
        tokio::select! {
            biased;
            rendered = waiting.reply() => return Some(rendered),
            () = &mut over => return None,
            () = recheck.notified() => {}
            _ = ticks.tick() => {}
        }
        if let Some(rendered) = stored_reply(app, tenant, key).await {
            return Some(rendered);
        }
    }
}

/// If the query fails, the next tick repeats it.
async fn stored_reply(app: &App, tenant: TenantId, key: KeyId) -> Option<Rendered> {
    let key = app.store().key(tenant, key).await.ok()??;
    let finished = key.progress == KeyProgress::Finished;
    let (status, body) = (key.status?, key.body?);
    let status = u16::try_from(status).ok()?;
    finished.then_some(Rendered { status, body, location: key.location })
}
