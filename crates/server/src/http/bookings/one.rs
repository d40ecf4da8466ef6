//! `GET /v1/bookings/{id}`: a booking with its payments and all that happened to it.

use api::views::{BookingDetail, HistoryEntry, Payment};
use axum::extract::State;
use domain::{BookingId, Refusal};

use super::Beside;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::call::Id;
use crate::http::history::ENTRIES_MAX;
use crate::http::look::{Look, found};
use crate::http::permission::Bookings;

pub async fn one(State(app): State<App>, look: Look<Bookings>, Id(id): Id) -> Handled {
    let tenant = look.caller.tenant;
    let booking = app.store().booking(tenant, BookingId(id)).await?.ok_or(Refusal::BookingNotFound)?;
    let payments = app.store().payments_of_booking(tenant, booking.id).await?;
    let timeline = app.store().audit_of(tenant, id, ENTRIES_MAX).await?;
    let booking = Beside::default().view(&app, tenant, booking).await?;
    Ok(found(&BookingDetail {
        booking,
        payments: payments.iter().map(Payment::of).collect(),
        timeline: timeline.iter().map(HistoryEntry::of).collect(),
    }))
}
