//! `GET /v1/bookings/{id}`: a booking with its payments and what happened to it.

use api::views::{BookingDetail, Payment};
use axum::extract::State;
use domain::{BookingId, Refusal};

use super::Beside;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::call::Id;
use crate::http::history::first_page;
use crate::http::look::{Look, found};
use crate::http::permission::Bookings;

pub async fn one(State(app): State<App>, look: Look<Bookings>, Id(id): Id) -> Handled {
    let tenant = look.caller.tenant;
    let booking = app.store().booking(tenant, BookingId(id)).await?.ok_or(Refusal::BookingNotFound)?;
    let payments = app.store().payments_of_booking(tenant, booking.id).await?;
    let timeline = first_page(&app, tenant, id).await?;
    let booking = Beside::default().view(&app, tenant, booking).await?;
    Ok(found(&BookingDetail {
        booking,
        payments: payments.iter().map(Payment::of).collect(),
        timeline: timeline.data,
        timeline_next_cursor: timeline.next_cursor,
    }))
}
