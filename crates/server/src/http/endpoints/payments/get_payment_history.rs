//! `GET /v1/payments/{id}/history`: who moved it, when, and from where to where.

use api::requests::ListQuery;
use axum::extract::State;
use domain::{PaymentId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::history::history;
use crate::http::permission::Payments;
use crate::http::read_request::{QueryParameters, ReadRequest};
use crate::http::write_request::Id;

pub async fn handle(
    State(app): State<App>,
    look: ReadRequest<Payments>,
    Id(id): Id,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    app.store().payment(tenant, PaymentId(id)).await?.ok_or(Refusal::PaymentNotFound)?;
    history(&app, tenant, id, &query).await
}
