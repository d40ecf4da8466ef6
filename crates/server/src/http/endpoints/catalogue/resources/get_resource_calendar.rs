use api::Code;
use api::requests::CalendarQuery;
use api::time::timestamp;
use api::views::CalendarEntry;
use axum::extract::State;
use domain::resources::{ResourceUse, days};
use domain::time::{DAY, Span};
use domain::{Refusal, ResourceId};
use store::queries::Cursor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::ReadCatalogue;
use crate::http::read_request::{QueryParameters, ReadRequest, found};
use crate::http::write_request::Id;

/// A week.
const DAYS: i64 = 7;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/resources/{id}/calendar", "get_resource_calendar", handle)
        .about(
            "Get the calendar of a resource",
            "What slots with bookings take of it, from when to when, earliest first.",
        )
        .answers_page::<CalendarEntry>(200, "A page of what is in use.")
        .refuses(&[Code::ResourceNotFound])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<ReadCatalogue>,
    Id(id): Id,
    QueryParameters(query): QueryParameters<CalendarQuery>,
) -> Handled {
    let (tenant, id) = (look.caller.tenant, ResourceId(id));
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let missing = Refusal::ResourceNotFound { resource: id.0 };
    let resource = app.store().resource(tenant, id).await?.ok_or(missing)?;
    let from = timestamp(query.from);
    let to = from.plus(Span(DAY.0 * query.days.unwrap_or(DAYS)));
    let rows = app.store().resource_days(tenant, resource.id, days(from, to)).await?;
    let mut uses: Vec<ResourceUse> = rows.into_iter().flat_map(|day| day.uses.0).collect();
    uses.retain(|used| used.from < to && from < used.to);
    uses.sort_unstable_by_key(|used| (used.from, used.slot));
    // A use over midnight is on both days.
    uses.dedup();
    if let Some(Cursor { created_at, id }) = after {
        uses.retain(|used| (used.from, used.slot.0) > (created_at, id));
    }
    uses.truncate(limit + 1);
    let at = |used: &ResourceUse| Cursor { created_at: used.from, id: used.slot.0 };
    Ok(found(&page(uses, limit, at, |used| CalendarEntry::of(&used))))
}
