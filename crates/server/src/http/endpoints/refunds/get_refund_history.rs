//! `GET /v1/refunds/{id}/history`: who moved it, when, and from where to where.

use api::requests::ListQuery;
use axum::extract::State;
use domain::{RefundId, Refusal};

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
    app.store().refund(tenant, RefundId(id)).await?.ok_or(Refusal::RefundNotFound)?;
    history(&app, tenant, id, &query).await
}
