use api::Code;
use api::requests::NewCancellation;
use api::views::Booking;
use axum::extract::State;
use domain::BookingId;
use domain::commands::CancelHold;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Bookings;
use crate::http::submit::submit;
use crate::http::write_request::{Id, KeyedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/bookings/{id}/cancel", "cancel_booking", handle)
        .about("Give up a hold", "Gives the seats of an unpaid booking back.")
        .answers::<Booking>(200, "The seats are free again.")
        .refuses(&[Code::BookingNotFound, Code::BookingIsNotHeld, Code::BookingHasOpenPayment])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    call: KeyedRequest<Bookings, NewCancellation>,
) -> Handled {
    let command = CancelHold { claim: call.claim, booking: BookingId(id) };
    submit(&app, command).await
}
