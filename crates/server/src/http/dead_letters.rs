//! `/v1/ops/dead_letters`: what was given up, and what a person does about it.

use api::requests::{LetterDecision, ListQuery};
use api::views::DeadLetter;
use axum::Extension;
use axum::extract::State;
use domain::commands::{DeadLetterRef, Decided, DiscardDeadLetter, RetryDeadLetter};
use domain::jobs::JobKinds;
use domain::reply;
use domain::{Refusal, TenantId};
use store::queries::Cursor;
use uuid::Uuid;

use super::answer::Handled;
use super::history::{self, first_page};
use super::idempotency_cache::submit;
use super::listing::{cursor, limit, page};
use super::permission::Ops;
use super::read_request::{QueryParameters, ReadRequest, found};
use super::write_request::{Id, WriteRequest};
use super::{App, RefusedRequest, RequestId};

/// What every dead letter's audit has.
const GAVE_UP: &str = "gave_up";

/// `GET /v1/ops/dead_letters`
pub async fn list(
    State(app): State<App>,
    look: ReadRequest<Ops>,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let letters = app.store().dead_letters(look.caller.tenant, after, limit + 1).await?;
    let at = |letter: &reply::DeadLetter| Cursor { created_at: letter.moved_at(), id: letter.id() };
    Ok(found(&page(letters, limit, at, |letter| DeadLetter::of(&letter))))
}

/// `GET /v1/ops/dead_letters/{id}`
pub async fn one(State(app): State<App>, look: ReadRequest<Ops>, Id(id): Id) -> Handled {
    let tenant = look.caller.tenant;
    let letter = given_up(&app, tenant, id).await?;
    let history = first_page(&app, tenant, id).await?;
    Ok(found(&DeadLetter::of(&letter).with_history(history)))
}

/// `GET /v1/ops/dead_letters/{id}/history`
pub async fn history(
    State(app): State<App>,
    look: ReadRequest<Ops>,
    Id(id): Id,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    given_up(&app, tenant, id).await?;
    history::history(&app, tenant, id, &query).await
}

/// A job that is well is no dead letter.
async fn given_up(app: &App, tenant: TenantId, id: Uuid) -> Result<reply::DeadLetter, RefusedRequest> {
    let letter = app.store().letter(tenant, id).await?.ok_or(Refusal::DeadLetterNotFound)?;
    let gave_up = app.store().first_audit_of(tenant, id, GAVE_UP).await?;
    gave_up.map(|_| letter).ok_or(Refusal::DeadLetterNotFound.into())
}

/// `POST /v1/ops/dead_letters/{id}/retry`
pub async fn retry(
    State(app): State<App>,
    Id(id): Id,
    Extension(request_id): Extension<RequestId>,
    call: WriteRequest<Ops, LetterDecision>,
) -> Handled {
    let decided = decided(&app, id, &request_id, call).await?;
    submit(&app, RetryDeadLetter(decided)).await
}

/// `POST /v1/ops/dead_letters/{id}/discard`
pub async fn discard(
    State(app): State<App>,
    Id(id): Id,
    Extension(request_id): Extension<RequestId>,
    call: WriteRequest<Ops, LetterDecision>,
) -> Handled {
    let decided = decided(&app, id, &request_id, call).await?;
    submit(&app, DiscardDeadLetter(decided)).await
}

/// Finds only which kind of letter it is; what may be done is decided under the lock.
async fn decided(
    app: &App,
    id: Uuid,
    request_id: &RequestId,
    call: WriteRequest<Ops, LetterDecision>,
) -> Result<Decided, RefusedRequest> {
    let tenant = call.caller.tenant;
    let letter = match app.store().letter(tenant, id).await?.ok_or(Refusal::DeadLetterNotFound)? {
        reply::DeadLetter::Job { job, .. } => DeadLetterRef::Job(job.id),
        reply::DeadLetter::Event(event) => DeadLetterRef::Event(event.id),
        reply::DeadLetter::Message { delivery, .. } => DeadLetterRef::Message(delivery.id),
    };
    Ok(Decided {
        claim: call.claim,
        tenant,
        kinds: JobKinds::default(),
        client: call.caller.client,
        request_id: request_id.as_str().to_owned(),
        letter,
        person: call.request.who,
        why: call.request.why,
    })
}
