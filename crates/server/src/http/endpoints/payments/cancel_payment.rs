//! `POST /v1/payments/{id}/cancel`: calls a payment off before its money is captured.

use api::requests::NewCancellation;
use axum::extract::State;
use domain::PaymentId;
use domain::commands::StartVoid;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::operation::begin;
use crate::http::permission::Payments;
use crate::http::write_request::{Id, WriteRequest};

pub async fn handle(
    State(app): State<App>,
    Id(id): Id,
    mut call: WriteRequest<Payments, NewCancellation>,
) -> Handled {
    let claim = call.keyed()?;
    let (payment, mode) = (PaymentId(id), call.caller.mode);
    let deadline = app.limits().operation_deadline;
    begin(&app, &claim.clone(), call.wait, |lease| StartVoid { claim, payment, mode, deadline, lease }).await
}
