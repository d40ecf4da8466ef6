use api::Code;
use api::requests::NewPaymentCancellation;
use api::views::Payment;
use axum::extract::State;
use domain::PaymentId;
use domain::commands::StartVoid;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::operation::begin;
use crate::http::permission::Payments;
use crate::http::prefer::Wait;
use crate::http::write_request::{Id, KeyedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/payments/{id}/cancel", "cancel_payment", handle)
        .about(
            "Cancel a payment",
            "Calls it off before its money is captured. A booking that it alone secured is cancelled \
             with it.",
        )
        .answers::<Payment>(200, "Done.")
        .answers::<Payment>(202, "In progress.")
        .refuses(&[
            Code::PaymentNotFound,
            Code::PaymentIsFinal,
            Code::PaymentHasOperationInProgress,
            Code::CancelFailed,
            Code::ProviderRejectedRequest,
            Code::NotSentToProvider,
        ])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    Wait(wait): Wait,
    call: KeyedRequest<Payments, NewPaymentCancellation>,
) -> Handled {
    let claim = call.claim;
    let (payment, mode) = (PaymentId(id), call.caller.mode);
    let deadline = app.limits().operation_deadline;
    begin(&app, &claim.clone(), wait, |lease| StartVoid { claim, payment, mode, deadline, lease }).await
}
