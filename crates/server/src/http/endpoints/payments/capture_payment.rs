//! `POST /v1/payments/{id}/capture`: takes authorised money.

use api::requests::NewCapture;
use axum::extract::State;
use domain::PaymentId;
use domain::commands::StartCapture;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::operation::begin;
use crate::http::permission::Payments;
use crate::http::write_request::{Id, WriteRequest};

pub async fn handle(
    State(app): State<App>,
    Id(id): Id,
    mut call: WriteRequest<Payments, NewCapture>,
) -> Handled {
    let claim = call.keyed()?;
    let request = call.request;
    let (payment, mode) = (PaymentId(id), call.caller.mode);
    begin(&app, &claim.clone(), call.wait, |lease| StartCapture {
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
