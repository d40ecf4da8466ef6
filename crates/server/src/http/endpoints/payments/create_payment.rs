//! `POST /v1/payments`: starts a payment for a booking, or for an amount with a reference.

use std::time::Duration;

use api::requests::NewPayment;
use axum::extract::State;
use domain::commands::{PaymentTarget, StartPayment};
use domain::working_set::Claim;
use domain::{BookingId, Refusal};

use crate::http::answer::Handled;
use crate::http::auth::AuthenticatedClient;
use crate::http::operation::begin;
use crate::http::permission::Payments;
use crate::http::write_request::WriteRequest;
use crate::http::{App, RefusedRequest};

pub async fn handle(State(app): State<App>, mut call: WriteRequest<Payments, NewPayment>) -> Handled {
    let claim = call.keyed()?;
    start(&app, call.caller, claim, call.wait, call.request).await
}

/// What its short form, a charge, does too.
pub async fn start(
    app: &App,
    caller: AuthenticatedClient,
    claim: Claim,
    wait: Duration,
    request: NewPayment,
) -> Handled {
    let account = app.parts.accounts.account(caller.tenant, &request.provider, caller.mode);
    let account = account.ok_or_else(|| no_account(app, &caller, &request.provider))?;
    let target = match (request.booking_id, request.amount) {
        (Some(booking), amount) => {
            PaymentTarget::Booking { booking: BookingId(booking), amount: amount.map(Into::into) }
        }
        (None, Some(amount)) => PaymentTarget::Amount { amount: amount.into(), reference: request.reference },
        (None, None) => unreachable!("a payment for nothing was refused when it was read"),
    };
    begin(app, &claim.clone(), wait, |lease| StartPayment {
        claim,
        target,
        account,
        payment_method: request.payment_method,
        capture: request.capture.into(),
        return_url: request.return_url,
        metadata: request.metadata,
        amounts: providers::AMOUNTS,
        deadline: app.limits().operation_deadline,
        lease,
    })
    .await
}

/// Names what is configured: a name may be misspelled, or the account be of the other mode.
fn no_account(app: &App, caller: &AuthenticatedClient, provider: &str) -> RefusedRequest {
    let known = app.parts.accounts.providers(caller.tenant, caller.mode).join(", ");
    let known =
        if known.is_empty() { "there is none".to_owned() } else { format!("there are accounts at {known}") };
    let mode = caller.mode.name();
    RefusedRequest::from(Refusal::AccountNotFound)
        .detail(format!("There is no account at {provider} for {mode} mode; {known}."))
}
