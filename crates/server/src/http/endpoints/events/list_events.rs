//! A reader keeps the position it read last, and misses nothing of what its key may see.

use api::requests::EventsQuery;
use api::views::{Event, Page};
use axum::extract::State;
use domain::rows::Subject;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::limit;
use crate::http::permission::ReadEvents;
use crate::http::read_request::{QueryParameters, ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/events", "list_events", handle)
        .about(
            "Read events",
            "In order, and none is passed over: pass `next_cursor` as `after` to read on. A key sees \
             what its scopes allow: with `bookings` the events about bookings, with `payments` those \
             about payments and refunds.",
        )
        .answers_page::<Event>(200, "The events after a position.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<ReadEvents>,
    QueryParameters(query): QueryParameters<EventsQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = query.after.unwrap_or(0);
    let mut subjects = Subject::ALL.to_vec();
    let shows_all = fault_injection::is(fault_injection::InjectedFault::EventsShownToAll);
    subjects.retain(|subject| shows_all || look.caller.may_see(*subject));
    let messages = app.store().events_after(look.caller.tenant, after, &subjects, limit).await?;
    let data: Vec<Event> = messages.iter().filter_map(Event::of).collect();
    // There is always a place to read on from: more may happen.
    let next_cursor = Some(data.last().map_or(after, |event| event.position).to_string());
    Ok(found(&Page { data, next_cursor }))
}
