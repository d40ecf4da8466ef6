use api::Code;
use api::views::Refund;
use axum::extract::State;
use domain::{RefundId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payments;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/refunds/{id}", "get_refund", handle)
        .about("Get a refund", "Where it stands.")
        .answers::<Refund>(200, "The refund.")
        .refuses(&[Code::RefundNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<Payments>, Id(id): Id) -> Handled {
    let refund = app.store().refund(look.caller.tenant, RefundId(id)).await?;
    Ok(found(&Refund::of(&refund.ok_or(Refusal::RefundNotFound)?)))
}
