use api::Code;
use api::requests::NewSchedule;
use api::views::Schedule;
use axum::extract::State;
use domain::ProductId;
use domain::commands::CreateSchedule;
use domain::rows::Actor;

use super::submit_over_schedules;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Catalogue;
use crate::http::submit::submit_once;
use crate::http::write_request::{Id, WriteRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/products/{id}/schedules", "create_schedule", handle)
        .about(
            "Create a schedule",
            "Slots are made from now on until `horizon_days` ahead, and the horizon moves on with time. The \
             first ones appear within seconds. A slot that exists at the same start stays as it is.",
        )
        .answers::<Schedule>(201, "The schedule.")
        .refuses(&[Code::ProductNotFound, Code::TooManySchedules, Code::ChangedMeanwhile])
}

async fn handle(State(app): State<App>, Id(id): Id, call: WriteRequest<Catalogue, NewSchedule>) -> Handled {
    let (caller, request) = (call.caller, &call.request);
    let claim = call.claim;
    let command = async |of| {
        Ok(CreateSchedule {
            claim: claim.clone(),
            by: Actor::Client(caller.client),
            of,
            rule: request.rule.row(),
            capacity: request.capacity,
            horizon_days: request.horizon_days,
            active: request.active,
        })
    };
    let work = submit_over_schedules(&app, caller.tenant, ProductId(id), command);
    submit_once(&app, claim.as_ref(), |_| work).await
}
