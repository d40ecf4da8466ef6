use api::Code;
use api::requests::ListQuery;
use api::views::HistoryEntry;
use axum::extract::State;
use domain::{BookingId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::history::history;
use crate::http::permission::Bookings;
use crate::http::read_request::{QueryParameters, ReadRequest};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/bookings/{id}/history", "get_booking_history", handle)
        .about("Get a booking's history", "Who moved it, when, and from where to where; oldest first.")
        .answers_page::<HistoryEntry>(200, "A page of the history.")
        .refuses(&[Code::BookingNotFound])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Bookings>,
    Id(id): Id,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    app.store().booking(tenant, BookingId(id)).await?.ok_or(Refusal::BookingNotFound)?;
    history(&app, tenant, id, &query).await
}
