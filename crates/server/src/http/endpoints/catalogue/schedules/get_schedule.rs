use api::Code;
use api::views::ScheduleDetail;
use axum::extract::State;
use domain::limits::SLOTS_WITH_BOOKINGS_MAX;
use domain::reply::SlotsWithBookings;
use domain::{Refusal, ScheduleId};
use store::queries::DueSchedule;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::ReadCatalogue;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;
use crate::schedules::KnownSchedule;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/schedules/{id}", "get_schedule", handle)
        .about(
            "Get a schedule",
            "With the slots that have bookings now and that its rule does not make, or not with this capacity.",
        )
        .answers::<ScheduleDetail>(200, "The schedule.")
        .refuses(&[Code::ScheduleNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<ReadCatalogue>, Id(id): Id) -> Handled {
    let due = DueSchedule { tenant: look.caller.tenant, id: ScheduleId(id) };
    let known = KnownSchedule::load(app.store(), due).await?.ok_or(Refusal::ScheduleNotFound)?;
    let mut slots = known.slots_with_bookings(app.store(), app.parts.clock.now()).await?;
    let count = slots.len() as i64;
    slots.truncate(SLOTS_WITH_BOOKINGS_MAX);
    let kept = SlotsWithBookings { count, slots };
    Ok(found(&ScheduleDetail::of(&known.schedule, &known.product.time_zone, &kept)))
}
