//! `GET /v1/payments/{id}`: where a payment stands.

use api::views::Payment;
use axum::extract::State;
use domain::{PaymentId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::permission::Payments;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub async fn handle(State(app): State<App>, look: ReadRequest<Payments>, Id(id): Id) -> Handled {
    let payment = app.store().payment(look.caller.tenant, PaymentId(id)).await?;
    Ok(found(&Payment::of(&payment.ok_or(Refusal::PaymentNotFound)?)))
}
