//! The letter that a request names.

use api::requests::LetterDecision;
use domain::commands::{DeadLetterRef, Decided};
use domain::jobs::JobKinds;
use domain::{Refusal, TenantId, reply};
use uuid::Uuid;

use crate::http::permission::Ops;
use crate::http::write_request::WriteRequest;
use crate::http::{App, RefusedRequest, RequestId};

/// What every dead letter's audit has.
const GAVE_UP: &str = "gave_up";

/// A job that is well is no dead letter.
pub async fn given_up(app: &App, tenant: TenantId, id: Uuid) -> Result<reply::DeadLetter, RefusedRequest> {
    let letter = app.store().letter(tenant, id).await?.ok_or(Refusal::DeadLetterNotFound)?;
    let gave_up = app.store().first_audit_of(tenant, id, GAVE_UP).await?;
    gave_up.map(|_| letter).ok_or(Refusal::DeadLetterNotFound.into())
}

/// Finds only which kind of letter it is; what may be done is decided under the lock.
pub async fn decided(
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
