//! `/v1/events`: all events, for readers that missed a delivery. Stripe keeps events for thirty
//! days; the sandbox keeps all.

use serde_json::value::RawValue;

use super::{
    ReadContext,
    page::{Listed, StripePage, render},
};
use crate::{event, ids, parameters::Parameters, refusal::StripeRefusal};

/// Stripe's limit.
const TYPES_MAX: usize = 20;

/// An event in a list; its id is formatted only for comparison.
struct Entry {
    id: String,
    kept: event::StoredEvent,
}

impl Listed for Entry {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.kept.created
    }
}

/// Which events a list contains.
struct Filter {
    /// `None` for all; `charge.*` selects all that begin with `charge.`.
    types: Option<Vec<String>>,
    delivered: Option<bool>,
}

impl Filter {
    fn read(parameters: &mut Parameters) -> Result<Self, StripeRefusal> {
        let (types, one) = (parameters.list("types"), parameters.text("type"));
        if types.is_some() && one.is_some() {
            let message = "You may only specify one of these parameters: type, types.";
            return Err(StripeRefusal::invalid(message).with_code("parameters_exclusive").with_param("type"));
        }
        if types.as_ref().is_some_and(|types| types.len() > TYPES_MAX) {
            let message = format!("You may specify up to {TYPES_MAX} types.");
            return Err(StripeRefusal::invalid(message).with_param("types"));
        }
        let types = types.or(one.map(|one| vec![one]));
        Ok(Self { types, delivered: parameters.boolean("delivery_success") })
    }

    fn fits(&self, event: &event::StoredEvent) -> bool {
        let name = event.kind.name();
        let is = |kind: &String| kind.strip_suffix('*').map_or(kind == name, |start| name.starts_with(start));
        self.types.as_ref().is_none_or(|types| types.iter().any(is))
            && self.delivered.is_none_or(|delivered| delivered == (event.pending == 0))
    }
}

pub fn retrieve(library: &ReadContext, id: &str) -> Result<Vec<u8>, StripeRefusal> {
    let missing = || StripeRefusal::missing_object("event", id, "id").with_status(404);
    draw(library, *find(library, id).ok_or_else(missing)?)
}

fn find<'a>(library: &ReadContext<'a>, id: &str) -> Option<&'a event::StoredEvent> {
    ids::number("evt", library.salt, id).and_then(|number| library.held.event(number))
}

pub fn list(library: &ReadContext, mut parameters: Parameters) -> Result<Vec<u8>, StripeRefusal> {
    let page = StripePage::read(&mut parameters, "event", |id| find(library, id).is_some())?;
    let filter = Filter::read(&mut parameters)?;
    let entry =
        |kept: &event::StoredEvent| Entry { id: ids::name("evt", library.salt, kept.number), kept: *kept };
    let all = &library.held.events;
    let after = page.after().and_then(|id| ids::number("evt", library.salt, id));
    let end = after.map_or(all.len(), |after| all.partition_point(|event| event.number < after));
    let wanted = all[..end].iter().rev().filter(|event| filter.fits(event));
    let (shown, has_more) = page.select(wanted.map(entry));
    let drawn = shown.into_iter().map(|entry| {
        let text = String::from_utf8(draw(library, entry.kept)?).map_err(|_| unreadable())?;
        RawValue::from_string(text).map_err(|_| unreadable())
    });
    Ok(render("/v1/events", drawn.collect::<Result<Vec<_>, _>>()?, has_more))
}

fn draw(library: &ReadContext, kept: event::StoredEvent) -> Result<Vec<u8>, StripeRefusal> {
    let line = library.reader.line(kept.place).map_err(|_| unreadable())?;
    event::render(library.salt, kept, &line).ok_or_else(unreadable)
}

fn unreadable() -> StripeRefusal {
    StripeRefusal::api("The journal of this sandbox cannot be read.")
}
