use api::Code;
use api::requests::ListQuery;
use api::views::HistoryEntry;
use axum::extract::State;
use domain::{PaymentId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::history::history;
use crate::http::permission::Payments;
use crate::http::read_request::{QueryParameters, ReadRequest};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/payments/{id}/history", "get_payment_history", handle)
        .about("Get a payment's history", "Who moved it, when, and from where to where; oldest first.")
        .answers_page::<HistoryEntry>(200, "A page of the history.")
        .refuses(&[Code::PaymentNotFound])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Payments>,
    Id(id): Id,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    app.store().payment(tenant, PaymentId(id)).await?.ok_or(Refusal::PaymentNotFound)?;
    history(&app, tenant, id, &query).await
}
