use api::requests::BookingsQuery;
use api::views::{Booking, Page};
use axum::extract::State;
use domain::SlotId;
use domain::lifecycle::{State as _, booking};
use store::queries::{BookingSearch, Cursor};

use super::context::views;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Bookings;
use crate::http::read_request::{QueryParameters, ReadRequest, found};
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/bookings", "find_bookings", handle)
        .about("Find bookings", "Newest first.")
        .answers_page::<Booking>(200, "A page of bookings.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Bookings>,
    QueryParameters(query): QueryParameters<BookingsQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    let limit = limit(query.limit)?;
    let state = query.state.as_deref().map(|name| {
        booking::State::from_name(name)
            .ok_or_else(|| RefusedRequest::parameter("state", "is no state of a booking"))
    });
    let search = BookingSearch {
        slot: query.slot_id.map(SlotId),
        customer_email: query.customer_email,
        state: state.transpose()?,
        created_from: query.created_from.map(api::time::timestamp),
        created_before: query.created_before.map(api::time::timestamp),
        after: cursor(query.cursor.as_deref())?,
        limit: limit + 1,
    };
    let rows = app.store().bookings(tenant, &search).await?;
    let at = |row: &domain::rows::Booking| Cursor { created_at: row.created_at, id: row.id.0 };
    let rows = page(rows, limit, at, |row| row);
    let data = views(&app, tenant, rows.data).await?;
    Ok(found(&Page { data, next_cursor: rows.next_cursor }))
}
