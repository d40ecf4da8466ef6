use api::Code;
use api::requests::NewCapture;
use api::views::Payment;
use axum::extract::State;
use domain::PaymentId;
use domain::commands::StartCapture;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::operation::begin;
use crate::http::permission::Payments;
use crate::http::prefer::Wait;
use crate::http::write_request::{Id, KeyedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/payments/{id}/capture", "capture_payment", handle)
        .about("Capture a payment", "Takes authorised money, all of it or less.")
        .answers::<Payment>(200, "Done.")
        .answers::<Payment>(202, "In progress.")
        .refuses(&[
            Code::PaymentNotFound,
            Code::PaymentIsNotAuthorized,
            Code::PaymentHasOperationInProgress,
            Code::CaptureExceedsAuthorization,
            Code::AmountIsNotPayable,
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
