use api::Code;
use api::requests::NewCapture;
use api::validation_errors::ValidationErrors;
use api::views;
use axum::extract::State;
use domain::PaymentId;
use domain::commands::StartCapture;
use domain::lifecycle::payment::State as PaymentState;
use domain::rows::Payment;

use crate::http::answer::Handled;
use crate::http::auth::AuthenticatedClient;
use crate::http::endpoint::Endpoint;
use crate::http::operation::begin;
use crate::http::permission::Payments;
use crate::http::prefer::Wait;
use crate::http::write_request::{Id, KeyedRequest};
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/payments/{id}/capture", "capture_payment", handle)
        .about("Capture a payment", "Takes authorised money, all of it or less.")
        .answers::<views::Payment>(200, "Done.")
        .answers::<views::Payment>(202, "In progress.")
        .refuses(&[
            Code::PaymentNotFound,
            Code::PaymentIsNotAuthorized,
            Code::PaymentHasOperationInProgress,
            Code::CaptureExceedsAuthorization,
            Code::AmountIsNotPayable,
            Code::NotOfferedByProvider,
            Code::PaymentIsFinal,
            Code::CaptureFailed,
            Code::ProviderRejectedRequest,
            Code::NotSentToProvider,
        ])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    Wait(wait): Wait,
    call: KeyedRequest<Payments, NewCapture>,
) -> Handled {
    let claim = call.claim;
    let request = call.request;
    let (payment, mode) = (PaymentId(id), call.caller.mode);
    if let Some(amount) = request.amount {
        check_part(&app, &call.caller, payment, amount.minor).await?;
    }
    begin(&app, &claim.clone(), wait, |lease| StartCapture {
        claim,
        payment,
        mode,
        amount: request.amount.map(Into::into),
        amounts: providers::AMOUNTS,
        deadline: app.limits().operation_deadline,
        lease,
    })
    .await
}

/// Refuses a part where the provider captures only all that is authorised.
async fn check_part(
    app: &App,
    caller: &AuthenticatedClient,
    payment: PaymentId,
    minor: i64,
) -> Result<(), RefusedRequest> {
    let found = app.store().payment(caller.tenant, payment).await?;
    let accounts = app.parts.accounts.accounts(caller.tenant, caller.mode);
    let is_of_mode = |payment: &Payment| accounts.iter().any(|account| account.id == payment.account);
    let Some(payment) = found.filter(is_of_mode) else { return Ok(()) };
    let adapter = providers::adapter::find(&payment.provider);
    let (Some(adapter), Some(object)) = (adapter, &payment.provider_ref) else { return Ok(()) };
    let is_part = payment.state.is(PaymentState::Authorized) && minor < payment.authorized_minor;
    let mut findings = ValidationErrors::default();
    if is_part && !(adapter.captures_parts)(object) {
        let detail = format!("a part of what is authorised cannot be captured at {}", adapter.name);
        findings.add("/amount", detail);
    }
    findings.none_or(()).map_err(RefusedRequest::not_offered)
}
