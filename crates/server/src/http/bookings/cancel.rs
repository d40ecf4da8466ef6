//! `POST /v1/bookings/{id}/cancel`: gives the seats of a hold back.

use api::requests::NewCancellation;
use axum::extract::State;
use domain::BookingId;
use domain::commands::CancelHold;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::call::{Call, Id};
use crate::http::hot_path::submit;
use crate::http::permission::Bookings;

pub async fn cancel(
    State(app): State<App>,
    Id(id): Id,
    mut call: Call<Bookings, NewCancellation>,
) -> Handled {
    let command = CancelHold { claim: call.keyed()?, booking: BookingId(id) };
    submit(&app, command).await
}
