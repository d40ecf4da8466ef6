use api::Code;
use api::requests::LetterDecision;
use api::views::CheckIn;
use axum::extract::State;
use domain::CheckInId;
use domain::commands::UndoCheckIn;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Bookings;
use crate::http::submit::submit;
use crate::http::write_request::{Id, KeyedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/check_ins/{id}/undo", "undo_check_in", handle)
        .about(
            "Undo a check-in",
            "By a person, with a reason. A scan that is made later checks the ticket in again. A check-in that was \
             undone stays as it was undone first.",
        )
        .answers::<CheckIn>(200, "The check-in, undone.")
        .refuses(&[Code::CheckInNotFound])
}

async fn handle(State(app): State<App>, Id(id): Id, call: KeyedRequest<Bookings, LetterDecision>) -> Handled {
    let LetterDecision { who, why } = call.request;
    submit(&app, UndoCheckIn { claim: call.claim, check_in: CheckInId(id), who, why }).await
}
