//! A slot that looks full may have holds whose time is up and that no timer has met yet. Those of all
//! slots of the basket are let go first, and the reserve tries once more: an expired hold never costs a
//! sale. The first try's refusal is not stored under the key, the last one's is.

use std::collections::BTreeSet;

use api::Code;
use api::requests::NewBooking;
use api::views::Booking;
use axum::extract::State;
use domain::commands::{CustomerDetails, ExpireHolds, LapsedHold, Reserve};
use domain::limits::IDS_PER_COMMAND_MAX;
use domain::{ProductId, Refusal, SlotId, TenantId};
use store::CommandResult;

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::endpoints::catalogue::resources::needed;
use crate::http::permission::Bookings;
use crate::http::submit::submit_once;
use crate::http::write_request::KeyedRequest;
use crate::http::{App, RefusedRequest};

/// More holds than lapse on one slot between two looks of the timer, which comes every second.
const LAPSED_MAX: usize = 4_096;
/// Slots that need the same resources at about the same time, and whose lapsed holds are let go before the last try.
const RIVALS_MAX: usize = 50;

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/bookings", "create_booking", handle)
        .about(
            "Hold seats",
            "Holds seats of one or several slots for a customer until `hold_expires_at`: all of them, or \
             none. The products of a booking have one currency, and divide their money by the same rule.",
        )
        .answers::<Booking>(201, "The seats are held.")
        .refuses(&[
            Code::SlotNotFound,
            Code::UnitNotFound,
            Code::UnitIsNotOfThisProduct,
            Code::UnitIsNotOnSale,
            Code::ProductIsNotOnSale,
            Code::SlotIsClosed,
            Code::SlotHasStarted,
            Code::SlotIsFull,
            Code::ResourceIsTaken,
            Code::ChangedMeanwhile,
            Code::CurrenciesDiffer,
            Code::SplitRulesDiffer,
            Code::PriceHasChanged,
            Code::TooManySeatsHeldByCustomer,
            Code::TooManySeatsHeldByClient,
            Code::HoldIsTooLong,
            Code::AmountIsTooLarge,
            Code::AmountIsNotPayable,
            Code::CurrencyIsNotTaken,
        ])
}

async fn handle(State(app): State<App>, call: KeyedRequest<Bookings, NewBooking>) -> Handled {
    let claim = call.claim;
    let (tenant, request) = (claim.tenant, call.request);
    let first = Reserve {
        claim,
        items: request.basket(),
        expected_total: request.expected_total.map(Into::into),
        customer: CustomerDetails {
            name: request.customer.name,
            email: request.customer.email,
            phone: request.customer.phone,
        },
        hold_seconds: request.hold_seconds,
        metadata: request.metadata,
        providers: app.parts.tenant_providers(&call.caller),
        client_is_limited: call.caller.client_is_limited,
        last_try: false,
    };
    let last = Reserve { last_try: true, ..first.clone() };
    let claim = first.claim.clone();
    let slots: BTreeSet<SlotId> = first.items.iter().map(|item| item.slot).collect();
    submit_once(&app, Some(&claim), |_| async {
        let answer = app.store().submit(Box::new(first)).await?;
        let CommandResult::Refused { refusal: Refusal::SlotLooksFull | Refusal::ChangedMeanwhile, .. } =
            &answer
        else {
            return Ok(answer);
        };
        for slot in with_rivals(&app, tenant, slots).await? {
            expire_lapsed(&app, tenant, slot).await?;
        }
        Ok::<_, RefusedRequest>(app.store().submit(Box::new(last)).await?)
    })
    .await
}

/// The slots, and others that take resources when they need them: their holds may have lapsed, too.
async fn with_rivals(
    app: &App,
    tenant: TenantId,
    mut slots: BTreeSet<SlotId>,
) -> Result<BTreeSet<SlotId>, RefusedRequest> {
    let ids: Vec<SlotId> = slots.iter().copied().collect();
    let mut rows = app.store().slots_by_ids(tenant, &ids).await?;
    // What a slot needs is on it while a seat is taken, so most full slots need no further look.
    rows.retain(|slot| slot.allocations.is_some() || slot.taken() == 0);
    if rows.is_empty() {
        return Ok(slots);
    }
    let products: BTreeSet<ProductId> = rows.iter().map(|slot| slot.product).collect();
    let products = app.store().products_by_ids(tenant, &products.into_iter().collect::<Vec<_>>()).await?;
    let (_, days) = needed(app, tenant, &rows, &products).await?;
    let rivals = days.iter().flat_map(|day| &day.uses.0).map(|used| used.slot);
    slots.extend(rivals.take(RIVALS_MAX));
    Ok(slots)
}

/// Lets the lapsed holds of a slot go.
async fn expire_lapsed(app: &App, tenant: TenantId, slot: SlotId) -> Result<(), RefusedRequest> {
    let now = app.parts.clock.now();
    let holds = app.store().lapsed_holds_of_slot(tenant, slot, now, LAPSED_MAX).await?;
    for holds in holds.chunks(IDS_PER_COMMAND_MAX) {
        // Whatever it answers, the last try decides under the lock.
        let command = |holds: &[LapsedHold]| ExpireHolds { holds: holds.to_vec() };
        let _swept = app.store().submit_about(holds, command).await?;
    }
    Ok(())
}
