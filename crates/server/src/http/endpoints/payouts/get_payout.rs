use api::Code;
use api::views::Payout;
use axum::extract::State;
use domain::{PayoutId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payouts;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/payouts/{id}", "get_payout", handle)
        .about("Get a payout", "Where it stands.")
        .answers::<Payout>(200, "The payout.")
        .refuses(&[Code::PayoutNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<Payouts>, Id(id): Id) -> Handled {
    let payout = app.store().payout(look.caller.tenant, PayoutId(id)).await?;
    Ok(found(&Payout::of(&payout.ok_or(Refusal::PayoutNotFound)?)))
}
