use api::Code;
use api::requests::NewBlackout;
use api::views::BlackoutDetail;
use axum::extract::State;
use domain::ProductId;
use domain::commands::{AddBlackout, ProductSchedules};
use domain::limits::CAPACITY_MAX;
use domain::rows::{Actor, Blackout, Slot};
use store::queries::DueSchedule;

use super::submit_over_schedules;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Catalogue;
use crate::http::submit::submit_once;
use crate::http::write_request::{Id, WriteRequest};
use crate::http::{App, RefusedRequest};
use crate::schedules::{KnownSchedule, booked};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/products/{id}/blackouts", "add_blackout", handle)
        .about(
            "Add a blackout",
            "No schedule of the product makes a slot on these dates. Slots of schedules on them that have no \
             seats taken are closed within seconds. Slots with bookings stay, and are listed; so do slots \
             that a person added.",
        )
        .answers::<BlackoutDetail>(201, "The blackout, and the slots in it that stay as they are.")
        .refuses(&[Code::ProductNotFound, Code::TooManyBlackouts, Code::ChangedMeanwhile])
}

async fn handle(State(app): State<App>, Id(id): Id, call: WriteRequest<Catalogue, NewBlackout>) -> Handled {
    let (caller, request, claim) = (call.caller, &call.request, call.claim);
    let (first_date, last_date) = (request.first_date, request.last_date.unwrap_or(request.first_date));
    let command = async |of: ProductSchedules| {
        let in_force = app.store().blackouts_in_force(of.tenant, of.product).await?.len();
        let slots = slots_in(&app, &of, [first_date.to_string(), last_date.to_string()]).await?;
        Ok(AddBlackout {
            claim: claim.clone(),
            by: Actor::Client(caller.client),
            of,
            first_date: first_date.to_string(),
            last_date: last_date.to_string(),
            reason: request.reason.clone(),
            in_force,
            booked: booked(&slots),
        })
    };
    let work = submit_over_schedules(&app, caller.tenant, ProductId(id), command);
    submit_once(&app, claim.as_ref(), |_| work).await
}

/// The slots with bookings that the schedules make now, and would not make with this blackout.
async fn slots_in(
    app: &App,
    of: &ProductSchedules,
    [first_date, last_date]: [String; 2],
) -> Result<Vec<Slot>, RefusedRequest> {
    let now = app.parts.clock.now();
    let mut slots = Vec::new();
    for schedule in &of.schedules {
        let due = DueSchedule { tenant: of.tenant, id: *schedule };
        let Some(mut known) = KnownSchedule::load(app.store(), due).await? else { continue };
        // Only dates count here.
        known.schedule.capacity = CAPACITY_MAX;
        let before = known.slots_with_bookings(app.store(), now).await?;
        known.blackouts.push(Blackout {
            id: domain::BlackoutId(uuid::Uuid::nil()),
            tenant: of.tenant,
            product: of.product,
            first_date: first_date.clone(),
            last_date: last_date.clone(),
            reason: String::new(),
            created_at: now,
            ended_at: None,
        });
        let after = known.slots_with_bookings(app.store(), now).await?;
        let is_new = |slot: &Slot| !before.iter().any(|other| other.id == slot.id);
        slots.extend(after.into_iter().filter(is_new));
    }
    slots.sort_by_key(|slot| slot.starts_at);
    Ok(slots)
}
