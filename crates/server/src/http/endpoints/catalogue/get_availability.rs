//! Always read from the database: a vacancy that is remembered is a vacancy that is wrong.

use api::Code;
use api::requests::AvailabilityQuery;
use api::time::timestamp;
use api::views::Slot;
use axum::extract::State;
use domain::pricing::ReadRows;
use domain::resources::ResourceCalendar;
use domain::{ProductId, Refusal, rows};
use store::queries::Cursor;

use super::resources::needed;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::ReadCatalogue;
use crate::http::read_request::{QueryParameters, ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/availability", "get_availability", handle)
        .about(
            "Find slots",
            "The slots of a product in a span of time, earliest first. `status` is what a reserve of \
             the slot would be answered.",
        )
        .answers_page::<Slot>(200, "A page of slots with their vacancies.")
        .refuses(&[Code::ProductNotFound])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<ReadCatalogue>,
    QueryParameters(query): QueryParameters<AvailabilityQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    let limit = limit(query.limit)?;
    let product = ProductId(query.product_id);
    let product = app.store().product(tenant, product).await?.ok_or(Refusal::ProductNotFound)?;
    let (from, to) = (timestamp(query.from), timestamp(query.to));
    let after = cursor(query.cursor.as_deref())?;
    let slots = app.store().slots(tenant, product.id, from..to, after, limit + 1).await?;
    let units = app.store().units(tenant, product.id).await?;
    let now = app.parts.clock.now();
    let at = |slot: &rows::Slot| Cursor { created_at: slot.starts_at, id: slot.id.0 };
    let (resources, days) = needed(&app, tenant, &slots, std::slice::from_ref(&product)).await?;
    let resources = ReadRows::default().with_resources(resources, days);
    let calendar = ResourceCalendar::new(&resources);
    let view = |slot: rows::Slot| {
        let offer = calendar.offer(&product, &slot, now);
        Slot::of(&slot, offer.vacancies(), offer.availability(&units), &product.time_zone)
    };
    Ok(found(&page(slots, limit, at, view)))
}
