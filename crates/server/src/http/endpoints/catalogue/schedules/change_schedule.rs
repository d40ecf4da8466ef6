use api::Code;
use api::requests::ChangedSchedule;
use api::views::ScheduleDetail;
use axum::extract::State;
use domain::commands::ChangeSchedule;
use domain::rows::{Actor, Schedule};
use domain::working_set::{Claim, Json};
use domain::{Refusal, ScheduleId};
use store::CommandResult;
use store::queries::DueSchedule;

use crate::http::answer::Handled;
use crate::http::auth::AuthenticatedClient;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Catalogue;
use crate::http::submit::{TRIES_MAX, submit_once};
use crate::http::write_request::{Id, WriteRequest};
use crate::http::{App, RefusedRequest};
use crate::schedules::{KnownSchedule, booked};

pub fn endpoint() -> Endpoint {
    Endpoint::patch("/v1/schedules/{id}", "change_schedule", handle)
        .about(
            "Change a schedule",
            "What is absent stays. Slots that have not started follow within seconds: those that the rule no \
             longer makes and that have no seats taken are closed, and open again if it makes them again. A \
             slot with bookings is neither moved nor closed: `slots_with_bookings` lists those at the moment \
             of the change, and `GET /v1/schedules/{id}` those of any later moment.",
        )
        .answers::<ScheduleDetail>(200, "The schedule as it is now, and the slots that stay as they are.")
        .refuses(&[Code::ScheduleNotFound, Code::ChangedMeanwhile])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    call: WriteRequest<Catalogue, ChangedSchedule>,
) -> Handled {
    let claim = call.claim;
    let work = change(&app, &call.caller, claim.clone(), ScheduleId(id), &call.request);
    submit_once(&app, claim.as_ref(), |_| work).await
}

/// Again if somebody else was quicker.
async fn change(
    app: &App,
    caller: &AuthenticatedClient,
    claim: Option<Claim>,
    id: ScheduleId,
    request: &ChangedSchedule,
) -> Result<CommandResult, RefusedRequest> {
    let due = DueSchedule { tenant: caller.tenant, id };
    let rule = request.rule.as_ref().map(api::requests::NewScheduleRule::row);
    let mut tries = 0;
    loop {
        tries += 1;
        let known = KnownSchedule::load(app.store(), due).await?.ok_or(Refusal::ScheduleNotFound)?;
        let (revision, version) = (known.schedule.revision, known.schedule.version);
        let schedule = Schedule {
            rule: rule.clone().map_or_else(|| known.schedule.rule.clone(), Json),
            capacity: request.capacity.unwrap_or(known.schedule.capacity),
            ..known.schedule
        };
        let changed = KnownSchedule { schedule, ..known };
        let slots = changed.slots_with_bookings(app.store(), app.parts.clock.now()).await?;
        let command = ChangeSchedule {
            claim: claim.clone(),
            tenant: caller.tenant,
            by: Actor::Client(caller.client),
            schedule: id,
            rule: rule.clone(),
            capacity: request.capacity,
            horizon_days: request.horizon_days,
            active: request.active,
            version: request.version,
            revision,
            booked: booked(&slots),
        };
        let is_outdated = request.version.is_some_and(|expected| expected != version);
        match app.store().submit(Box::new(command)).await? {
            CommandResult::Refused { refusal: Refusal::ChangedMeanwhile, .. }
                if tries < TRIES_MAX && !is_outdated => {}
            answer => return Ok(answer),
        }
    }
}
