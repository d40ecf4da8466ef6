//! `GET /v1/bookings/{id}/history`: who moved it, when, and from where to where.

use api::requests::ListQuery;
use axum::extract::State;
use domain::{BookingId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::history::history;
use crate::http::permission::Bookings;
use crate::http::read_request::{QueryParameters, ReadRequest};
use crate::http::write_request::Id;

pub async fn handle(
    State(app): State<App>,
    look: ReadRequest<Bookings>,
    Id(id): Id,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    app.store().booking(tenant, BookingId(id)).await?.ok_or(Refusal::BookingNotFound)?;
    history(&app, tenant, id, &query).await
}
