//! What is said of an endpoint, and all of them: a table a part of the API, in the order in which they are
//! documented. The server has a test that each of them is served.

mod bookings;
mod catalogue;
mod operations;
mod payments;
mod reading;

use crate::code::Code;

/// Every endpoint there is.
pub fn all() -> impl Iterator<Item = &'static Endpoint> {
    let tables = [
        catalogue::ENDPOINTS,
        bookings::ENDPOINTS,
        payments::ENDPOINTS,
        reading::ENDPOINTS,
        operations::ENDPOINTS,
    ];
    tables.into_iter().flatten()
}

/// Whether an endpoint takes an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    None,
    Optional,
    Required,
}

/// What comes back when it goes well.
#[derive(Clone, Copy, Debug)]
pub enum ReplyBody {
    /// A schema, by its name.
    One(&'static str),
    /// The same, shown this once: it has no place where it could be looked at again.
    Once(&'static str),
    /// A page of such.
    Page(&'static str),
    /// Something else, by its media type.
    Text(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    pub method: &'static str,
    pub path: &'static str,
    /// The operation's id.
    pub id: &'static str,
    pub tag: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    /// One of them will do; none where nobody has to say who they are.
    pub scopes: &'static [&'static str],
    pub key: Key,
    /// Takes `Prefer: wait`.
    pub waits: bool,
    /// The schema of its parameters, by its name.
    pub query: Option<&'static str>,
    pub body: Option<&'static str>,
    pub body_is_optional: bool,
    pub answers: &'static [(u16, ReplyBody, &'static str)],
    /// Besides those that every endpoint of its kind has.
    pub refusals: &'static [Code],
}

impl Endpoint {
    /// Whether what is made has one place, for the `Location` header.
    pub fn has_a_place(&self) -> bool {
        self.answers.iter().all(|(_, answer, _)| !matches!(answer, ReplyBody::Page(_) | ReplyBody::Once(_)))
    }
}

pub const TAGS: &[(&str, &str)] = &[
    ("Catalogue", "What is sold, and when."),
    ("Bookings", "Seats, held for a while and then paid."),
    ("Payments", "Money for bookings, or for references of your own."),
    ("Refunds", "Captured money on its way back."),
    ("Ledger", "What all of it comes to, in balanced transfers."),
    ("Events", "What happened, in order."),
    ("Operations", "What waits for a person; probes and numbers."),
];

/// An endpoint that only looks.
const fn look(
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    scopes: &'static [&'static str],
    told: (&'static str, &'static str),
    answers: &'static [(u16, ReplyBody, &'static str)],
) -> Endpoint {
    let (summary, description) = told;
    Endpoint {
        method: "GET",
        path,
        id,
        tag,
        summary,
        description,
        scopes,
        key: Key::None,
        waits: false,
        query: None,
        body: None,
        body_is_optional: false,
        answers,
        refusals: &[],
    }
}

/// An endpoint that asks for something, under a key.
const fn ask(
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    scopes: &'static [&'static str],
    told: (&'static str, &'static str),
    body: &'static str,
    answers: &'static [(u16, ReplyBody, &'static str)],
) -> Endpoint {
    let endpoint = look(path, id, tag, scopes, told, answers);
    Endpoint { method: "POST", key: Key::Required, body: Some(body), ..endpoint }
}
