use api::Code;
use api::requests::NewCompletion;
use api::views::Booking;
use axum::extract::State;
use domain::BookingId;
use domain::commands::CompleteBooking;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Bookings;
use crate::http::submit::submit;
use crate::http::write_request::{Id, KeyedRequest};

const REFUSALS: &[Code] = &[Code::BookingNotFound, Code::StateDoesNotAllowIt, Code::BookingHasOpenPayment];

pub fn endpoint() -> Endpoint {
    let handle = async |State(app): State<App>, Id(id): Id, call: KeyedRequest<Bookings, NewCompletion>| {
        complete(app, id, call, true).await
    };
    Endpoint::post("/v1/bookings/{id}/complete", "complete_booking", handle)
        .about("Complete a booking", "The service was delivered: the money is earned, and is released.")
        .answers::<Booking>(200, "The booking is completed.")
        .refuses(REFUSALS)
}

pub fn absent() -> Endpoint {
    let handle = async |State(app): State<App>, Id(id): Id, call: KeyedRequest<Bookings, NewCompletion>| {
        complete(app, id, call, false).await
    };
    Endpoint::post("/v1/bookings/{id}/no_show", "record_no_show", handle)
        .about("Record a no-show", "The customer did not come: the money is earned, and is released.")
        .answers::<Booking>(200, "The booking is a no-show.")
        .refuses(REFUSALS)
}

async fn complete(
    app: App,
    id: uuid::Uuid,
    call: KeyedRequest<Bookings, NewCompletion>,
    attended: bool,
) -> Handled {
    submit(&app, CompleteBooking { claim: call.claim, booking: BookingId(id), attended }).await
}
