//! `/v1/events`: what happened, for whoever missed it.

use serde_json::value::RawValue;

use super::{
    Library,
    page::{Listed, Page, render},
};
use crate::{event, ids, parameters::Parameters, refusal::Refusal};

/// An event in a list: its id has to be spelled out to be compared.
struct Entry {
    id: String,
    kept: event::Kept,
}

impl Listed for Entry {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.kept.created
    }
}

pub fn retrieve(library: &Library, id: &str, parameters: Parameters) -> Result<Vec<u8>, Refusal> {
    parameters.finish()?;
    let found = ids::number("evt", library.salt, id).and_then(|number| library.held.event(number));
    let missing = || Refusal::missing_object("event", id, "id").with_status(404);
    draw(library, *found.ok_or_else(missing)?)
}

pub fn list(library: &Library, mut parameters: Parameters) -> Result<Vec<u8>, Refusal> {
    let page = Page::read(&mut parameters)?;
    let mut kinds = parameters.list("types");
    kinds.extend(parameters.text("type"));
    parameters.finish()?;
    let wanted =
        |event: &&event::Kept| kinds.is_empty() || kinds.iter().any(|kind| kind == event.kind.name());
    let entry = |kept: &event::Kept| Entry { id: ids::name("evt", library.salt, kept.number), kept: *kept };
    let all = &library.held.events;
    let after = page.after().and_then(|id| ids::number("evt", library.salt, id));
    let end = after.map_or(all.len(), |after| all.partition_point(|event| event.number < after));
    let (shown, has_more) = page.select(all[..end].iter().rev().filter(wanted).map(entry));
    let drawn = shown.into_iter().map(|entry| {
        let text = String::from_utf8(draw(library, entry.kept)?).map_err(|_| unreadable())?;
        RawValue::from_string(text).map_err(|_| unreadable())
    });
    Ok(render("/v1/events", drawn.collect::<Result<Vec<_>, _>>()?, has_more))
}

fn draw(library: &Library, kept: event::Kept) -> Result<Vec<u8>, Refusal> {
    let line = library.reader.line(kept.place).map_err(|_| unreadable())?;
    event::render(library.salt, kept, &line).ok_or_else(unreadable)
}

fn unreadable() -> Refusal {
    Refusal::api("The journal of this sandbox cannot be read.")
}
