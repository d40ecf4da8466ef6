use api::Code;
use api::requests::NewExtension;
use api::views::Booking;
use axum::extract::State;
use domain::BookingId;
use domain::commands::ExtendHold;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Bookings;
use crate::http::submit::submit;
use crate::http::write_request::{Id, KeyedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/bookings/{id}/extend", "extend_booking", handle)
        .about(
            "Extend a hold",
            "Keeps the seats of an unpaid booking longer, counted from now: never shorter than before, and \
             never beyond the tenant's longest hold or the first departure.",
        )
        .answers::<Booking>(200, "The booking with its new `hold_expires_at`.")
        .refuses(&[
            Code::BookingNotFound,
            Code::BookingIsNotHeld,
            Code::HoldHasExpired,
            Code::HoldIsTooLong,
            Code::HoldIsAtItsLimit,
        ])
}

async fn handle(State(app): State<App>, Id(id): Id, call: KeyedRequest<Bookings, NewExtension>) -> Handled {
    let command =
        ExtendHold { claim: call.claim, booking: BookingId(id), hold_seconds: call.request.hold_seconds };
    submit(&app, command).await
}
