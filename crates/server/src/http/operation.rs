//! Work at a provider: it is begun in one transaction, done by a worker, and answered in another.
//!
//! | phase | what |
//! |---|---|
//! | ask | whether it is a duplicate that is known without the database ([`submit`](super::submit)) |
//! | register | for the reply under the key, before anybody can give it |
//! | place | a worker's, if one is free: the job is then born under its lease |
//! | submit | on a task of its own: a client that hangs up cancels nothing |
//! | drive | the worker begins at once |
//! | wait | for the reply, woken in this process, told to look by another, or found by the poll |

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
        let place = app.parts.hands.place();
        let command = Box::new(command(place.as_ref().map(|place| place.lease())));
        let submitted = tokio::spawn(work_context::along(submit(app.clone(), command, place))).await;
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

/// What the key of the operation is making, as a duplicate is told.
fn making(started: &AttemptJob) -> Uuid {
    started.refund.as_ref().map_or(started.payment.id.0, |refund| refund.id.0)
}

async fn submit(
    app: App,
    command: Box<dyn Command>,
    place: Option<Box<dyn WorkerPermit>>,
) -> Result<CommandResult, Unavailable> {
    let answer = app.store().submit(command).await;
    if let Ok(CommandResult::Fresh { reply: Reply::Started(started), .. }) = &answer {
        work_context::about(started.payment.id);
        if let Some(place) = place {
            place.drive(ClaimedJob::Attempt(started.clone()));
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
    let mut look = interval_at(Instant::now() + poll, poll);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let told_to_look = waiting.look.clone();
    tokio::pin!(over);
    loop {
        tokio::select! {
            biased;
            rendered = waiting.reply() => return Some(rendered),
            () = &mut over => return None,
            () = told_to_look.notified() => {}
            _ = look.tick() => {}
        }
        if let Some(rendered) = stored_reply(app, tenant, key).await {
            return Some(rendered);
        }
    }
}

/// A query that fails is asked again at the next tick.
async fn stored_reply(app: &App, tenant: TenantId, key: KeyId) -> Option<Rendered> {
    let key = app.store().key(tenant, key).await.ok()??;
    let finished = key.progress == KeyProgress::Finished;
    let (status, body) = (key.status?, key.body?);
    let status = u16::try_from(status).ok()?;
    finished.then_some(Rendered { status, body, location: key.location })
}
