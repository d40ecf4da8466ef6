use api::Code;
use api::views::Payment;
use axum::extract::State;
use domain::{PaymentId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payments;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/payments/{id}", "get_payment", handle)
        .about("Get a payment", "Where it stands, and what the customer must do.")
        .answers::<Payment>(200, "The payment.")
        .refuses(&[Code::PaymentNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<Payments>, Id(id): Id) -> Handled {
    let payment = app.store().payment(look.caller.tenant, PaymentId(id)).await?;
    Ok(found(&Payment::of(&payment.ok_or(Refusal::PaymentNotFound)?)))
}
