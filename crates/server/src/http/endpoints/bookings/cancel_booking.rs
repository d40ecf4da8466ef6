//! `POST /v1/bookings/{id}/cancel`: gives the seats of a hold back.

use api::requests::NewCancellation;
use axum::extract::State;
use domain::BookingId;
use domain::commands::CancelHold;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::permission::Bookings;
use crate::http::submit::submit;
use crate::http::write_request::{Id, WriteRequest};

pub async fn handle(
    State(app): State<App>,
    Id(id): Id,
    mut call: WriteRequest<Bookings, NewCancellation>,
) -> Handled {
    let command = CancelHold { claim: call.keyed()?, booking: BookingId(id) };
    submit(&app, command).await
}
