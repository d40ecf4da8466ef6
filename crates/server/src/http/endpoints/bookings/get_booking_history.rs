use api::Code;
use domain::{BookingId, Refusal};

use crate::http::endpoint::Endpoint;
use crate::http::history;
use crate::http::permission::Bookings;

pub fn endpoint() -> Endpoint {
    history::endpoint::<Bookings, _>(
        "/v1/bookings/{id}/history",
        "get_booking_history",
        |app, tenant, id| async move {
            app.store().booking(tenant, BookingId(id)).await?.ok_or(Refusal::BookingNotFound)?;
            Ok(())
        },
    )
    .about("Get a booking's history", "Who moved it, when, and from where to where; oldest first.")
    .refuses(&[Code::BookingNotFound])
}
