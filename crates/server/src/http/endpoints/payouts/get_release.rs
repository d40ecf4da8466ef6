use api::Code;
use api::views::Release;
use axum::extract::State;
use domain::{BookingId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payouts;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/bookings/{id}/release", "get_release", handle)
        .about(
            "Get the release of a booking's funds",
            "Its rule, and where it stands. A booking whose product had no split has none.",
        )
        .answers::<Release>(200, "The release.")
        .refuses(&[Code::BookingNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<Payouts>, Id(id): Id) -> Handled {
    let release = app.store().release(look.caller.tenant, BookingId(id)).await?;
    Ok(found(&Release::of(&release.ok_or(Refusal::BookingNotFound)?)))
}
