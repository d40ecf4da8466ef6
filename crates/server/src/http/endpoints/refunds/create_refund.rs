//! `POST /v1/payments/{id}/refunds`: sends captured money back, all of it or a part.

use api::requests::NewRefund;
use axum::extract::State;
use domain::PaymentId;
use domain::commands::StartRefund;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::operation::begin;
use crate::http::permission::Payments;
use crate::http::write_request::{Id, WriteRequest};

pub async fn handle(
    State(app): State<App>,
    Id(id): Id,
    mut call: WriteRequest<Payments, NewRefund>,
) -> Handled {
    let claim = call.keyed()?;
    let request = call.request;
    let (payment, mode) = (PaymentId(id), call.caller.mode);
    begin(&app, &claim.clone(), call.wait, |lease| StartRefund {
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
