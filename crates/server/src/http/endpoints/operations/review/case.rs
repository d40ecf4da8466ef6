//! The case that a request names, and what may be done with it.

use api::requests::REVIEW_ACTIONS;
use domain::commands::DecidedReview;
use domain::lifecycle::{State as _, payment, review};
use domain::rows::{Mode, Payment, Review};
use domain::{Refusal, ReviewId, TenantId};
use uuid::Uuid;

use crate::http::auth::AuthenticatedClient;
use crate::http::{App, RefusedRequest, RequestId};
use crate::workers::payment_of_case;

pub async fn case(app: &App, tenant: TenantId, id: Uuid) -> Result<Review, RefusedRequest> {
    Ok(app.store().review(tenant, ReviewId(id)).await?.ok_or(Refusal::ReviewNotFound)?)
}

/// The payment of a case. Of a key of the other mode it has none.
pub async fn payment(app: &App, case: &Review, mode: Mode) -> Result<Option<Payment>, RefusedRequest> {
    let Some(payment) = payment_of_case(app.store(), case).await? else { return Ok(None) };
    let account = app.store().account_by_id(payment.account).await?;
    Ok(account.is_some_and(|account| account.mode == mode).then_some(payment))
}

/// The actions that the present states allow. Each is decided again under the lock.
pub fn actions(case: &Review, payment: Option<&Payment>) -> Vec<&'static str> {
    if !case.state.is(review::State::Open) {
        return Vec::new();
    }
    let is_allowed = |action: &&&str| match **action {
        "look_up" => payment.is_some_and(|payment| payment.provider_ref.is_some()),
        "refund" => payment.is_some_and(|payment| {
            payment.state.is(payment::State::Captured) && payment.refundable_minor() > 0
        }),
        "release" => payment.is_some_and(|payment| {
            payment.active.is_none() && payment.state.rank() < payment::State::Captured.rank()
        }),
        // Closes the case; an attempt without an outcome is written off.
        _ => true,
    };
    REVIEW_ACTIONS.iter().filter(is_allowed).copied().collect()
}

pub fn decided(
    caller: &AuthenticatedClient,
    claim: Option<domain::working_set::Claim>,
    request_id: &RequestId,
    id: Uuid,
    (person, why): (String, String),
) -> DecidedReview {
    DecidedReview {
        claim,
        tenant: caller.tenant,
        client: caller.client,
        request_id: request_id.as_str().to_owned(),
        review: ReviewId(id),
        person,
        why,
    }
}
