use std::collections::BTreeMap;

use api::Code;
use api::requests::ReviewAction;
use api::views::ReviewCase;
use axum::Extension;
use axum::extract::State;
use domain::commands::{LookUpReview, ResolveReview, StartRefund, StartVoid};
use domain::idempotency::Fingerprint;
use domain::rows::{Payment, Review};
use domain::working_set::{Claim, Command};
use domain::{KeyId, Refusal};
use store::CommandResult;

use super::case::{case, decided, payment};
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::{Id, WriteRequest};
use crate::http::{App, RefusedRequest, RequestId};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/ops/review_cases/{id}/actions", "act_on_review_case", handle)
        .about(
            "Act on a review case",
            "`look_up`: fetches the object, settles what the provider shows, and closes the case if both \
             sides agree. `refund` and `release` are begun once, whoever repeats them, and close the case. \
             `write_off` closes it; an operation without an outcome ends. Each is decided by the states at \
             that moment.",
        )
        .answers::<ReviewCase>(200, "The case.")
        .refuses(&[
            Code::ReviewCaseNotFound,
            Code::PaymentNotFound,
            Code::PaymentIsNotCaptured,
            Code::PaymentIsFinal,
            Code::PaymentHasOperationInProgress,
            Code::RefundExceedsCapture,
            Code::TooManyRefunds,
            Code::AmountIsNotPayable,
            Code::StateDoesNotAllowIt,
        ])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    Extension(request_id): Extension<RequestId>,
    call: WriteRequest<Ops, ReviewAction>,
) -> Handled {
    let (caller, request) = (call.caller, call.request);
    let case = case(&app, caller.tenant, id).await?;
    let payment = payment(&app, &case, caller.mode).await?;
    let own = || payment.as_ref().ok_or(Refusal::PaymentNotFound);
    match request.action.as_str() {
        "look_up" => {
            let payment = own()?.id;
            let decided = decided(&caller, call.claim, &request_id, id, (request.who, request.why));
            return submit(&app, LookUpReview { decided, payment }).await;
        }
        "refund" => {
            let payment = own()?;
            let refund = StartRefund {
                claim: claim_of(&case, payment, "refund", &request_id),
                payment: payment.id,
                mode: caller.mode,
                amount: request.amount.map(Into::into),
                reason: Some(request.why.clone()),
                metadata: BTreeMap::new(),
                amounts: providers::AMOUNTS,
                deadline: app.limits().operation_deadline,
                lease: None,
            };
            begun(&app, &case, refund).await?;
        }
        "release" => {
            let payment = own()?;
            let release = StartVoid {
                claim: claim_of(&case, payment, "release", &request_id),
                payment: payment.id,
                mode: caller.mode,
                deadline: app.limits().operation_deadline,
                lease: None,
            };
            begun(&app, &case, release).await?;
        }
        _ => {}
    }
    let resolve = ResolveReview {
        claim: call.claim,
        tenant: caller.tenant,
        client: caller.client,
        review: case.id,
        attempt: case.attempt,
        resolution: format!("{}: {}", request.action, request.why),
        person: Some(request.who),
    };
    submit(&app, resolve).await
}

/// The key of a case's action: there is one, whichever client acts. So an action that was begun and whose case
/// was not closed is not begun again.
fn claim_of(case: &Review, payment: &Payment, action: &str, request_id: &RequestId) -> Claim {
    let text = format!("review-case/{}/{action}", case.id);
    Claim {
        key: KeyId::of(case.tenant, payment.client, &text),
        tenant: case.tenant,
        client: payment.client,
        fingerprint: Fingerprint::of("POST", &text, b""),
        text,
        request_id: request_id.as_str().to_owned(),
    }
}

/// Begins the work at the provider. Its worker goes on after the reply.
async fn begun(app: &App, case: &Review, command: impl Command + 'static) -> Result<(), RefusedRequest> {
    if !case.state.is(domain::lifecycle::review::State::Open) {
        return Ok(());
    }
    match app.store().submit(Box::new(command)).await? {
        CommandResult::Refused { refusal, .. } => Err(refusal.into()),
        CommandResult::Fresh { .. } | CommandResult::Replay { .. } | CommandResult::InFlight { .. } => Ok(()),
        CommandResult::Expired { .. } => Err(Code::IdempotencyKeyExpired.into()),
        CommandResult::Mismatch => Err(Code::IdempotencyKeyReused.into()),
    }
}
