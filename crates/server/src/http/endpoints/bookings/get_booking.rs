use api::Code;
use api::views::{BookingDetail, Payment};
use axum::extract::State;
use domain::rows::Subject;
use domain::{BookingId, Refusal};

use super::context::views;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::history::first_page;
use crate::http::permission::Bookings;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/bookings/{id}", "get_booking", handle)
        .about(
            "Get a booking",
            "With what happened to it and, for a key that has the scope `payments` too, its payments.",
        )
        .answers::<BookingDetail>(200, "The booking.")
        .refuses(&[Code::BookingNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<Bookings>, Id(id): Id) -> Handled {
    let tenant = look.caller.tenant;
    let booking = app.store().booking(tenant, BookingId(id)).await?.ok_or(Refusal::BookingNotFound)?;
    // A payment shows what its card holder's app pays with: a key that only books has no business with it.
    let payments = if look.caller.may_see(Subject::Payment) {
        let payments = app.store().payments_of_booking(tenant, booking.id).await?;
        Some(payments.iter().map(Payment::of).collect())
    } else {
        None
    };
    let timeline = first_page(&app, tenant, id).await?;
    let booking = views(&app, tenant, vec![booking]).await?.remove(0);
    Ok(found(&BookingDetail {
        booking,
        payments,
        timeline: timeline.data,
        timeline_next_cursor: timeline.next_cursor,
    }))
}
