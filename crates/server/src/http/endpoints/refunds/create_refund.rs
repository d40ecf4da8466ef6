use api::Code;
use api::requests::NewRefund;
use api::views::Refund;
use axum::extract::State;
use domain::PaymentId;
use domain::commands::StartRefund;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::operation::begin;
use crate::http::permission::Payments;
use crate::http::prefer::Wait;
use crate::http::write_request::{Id, KeyedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/payments/{id}/refunds", "create_refund", handle)
        .about("Refund a payment", "Sends captured money back, all of it or a part.")
        .answers::<Refund>(201, "The provider has it.")
        .answers::<Refund>(202, "In progress: ask again with the same key, or look at `Location`.")
        .refuses(&[
            Code::PaymentNotFound,
            Code::PaymentIsNotCaptured,
            Code::PaymentWasRecorded,
            Code::PaymentIsDisputed,
            Code::FundsAreReleased,
            Code::RefundExceedsCapture,
            Code::TooManyRefunds,
            Code::AmountIsNotPayable,
            Code::RefundFailed,
            Code::ProviderRejectedRequest,
            Code::NotSentToProvider,
        ])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    Wait(wait): Wait,
    call: KeyedRequest<Payments, NewRefund>,
) -> Handled {
    let claim = call.claim;
    let request = call.request;
    let (payment, mode) = (PaymentId(id), call.caller.mode);
    begin(&app, &claim.clone(), wait, |lease| StartRefund {
        claim,
        payment,
        mode,
        amount: request.amount.map(Into::into),
        reason: request.reason,
        metadata: request.metadata,
        amounts: providers::AMOUNTS,
        deadline: app.limits().operation_deadline,
        lease,
    })
    .await
}
