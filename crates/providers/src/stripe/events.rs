//! The events of an account as Stripe lists them, <https://docs.stripe.com/api/events/list>: each
//! is what a webhook delivers, for thirty days.

use domain::{Timestamp, provider::CallOutcome, rows::Mode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{EVENTS, client::StripeClient, event, outcome};
use crate::{EventPage, exchange::segment};

/// Stripe allows 100; 50 events always fit into the longest reply that is read.
const PAGE: usize = 50;
/// The circuit's subject of these calls.
const SUBJECT: &str = "events";

#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    has_more: bool,
}

/// Events from the second of `from` up to, but without, that of `before`.
pub async fn list(
    client: &StripeClient,
    mode: Mode,
    from: Timestamp,
    before: Timestamp,
    page: Option<&str>,
) -> CallOutcome<EventPage> {
    let mut path = format!(
        "/v1/events?created[gte]={}&created[lt]={}&limit={PAGE}",
        from.unix_seconds(),
        before.unix_seconds()
    );
    for kind in EVENTS {
        path.push_str("&types[]=");
        path.push_str(kind);
    }
    if let Some(page) = page {
        path.push_str("&starting_after=");
        path.push_str(&segment(page));
    }
    let Page { data, has_more } = match outcome::list(client.get(&path, SUBJECT).await) {
        Ok(page) => page,
        Err(outcome) => return outcome,
    };
    let mut events = Vec::with_capacity(data.len());
    for raw in data {
        match event::parse(raw.get().as_bytes(), mode) {
            Ok(event) => events.push(event),
            Err(reason) => {
                let error = format!("a listed item is not an event: {reason}");
                return CallOutcome::Unknown { error, key_spent: false };
            }
        }
    }
    let next = events.last().filter(|_| has_more).map(|last| last.event.clone());
    CallOutcome::Object(EventPage { events, next })
}
