//! Stripe's API, `/v1`: which call does what.
//!
//! Kept to what a booking needs: payment intents, their charges, refunds, events and webhook
//! endpoints. Not here: customers, stored payment methods, disputes, Connect transfers, payouts,
//! multicapture, `expand` beyond `latest_charge`, the search API. What is not here is refused as Stripe
//! refuses an unknown URL or parameter, so a test cannot pass on silence.

mod attempt;
mod charges;
mod creation;
mod events;
mod page;
mod payment_intents;
mod refunds;
mod webhook_endpoints;

pub use attempt::{authenticate, expire};
pub use refunds::settle;

use crate::{
    answer::Answer, books::Held, desk::Desk, journal::Reader, parameters::Parameters, refusal::Refusal,
};

/// Decides a call that changes something.
pub fn write(desk: &mut Desk, method: &str, path: &str, parameters: Parameters) -> Result<Answer, Refusal> {
    let segments: Vec<&str> = path.split('/').skip(2).collect();
    match (method, segments.as_slice()) {
        ("POST", ["payment_intents"]) => creation::create(desk, parameters),
        ("POST", ["payment_intents", id]) => payment_intents::update(desk, id, parameters),
        ("POST", ["payment_intents", id, "confirm"]) => payment_intents::confirm(desk, id, parameters),
        ("POST", ["payment_intents", id, "capture"]) => payment_intents::capture(desk, id, parameters),
        ("POST", ["payment_intents", id, "cancel"]) => payment_intents::cancel(desk, id, parameters),
        ("POST", ["refunds"]) => refunds::create(desk, parameters),
        ("POST", ["webhook_endpoints"]) => webhook_endpoints::create(desk, parameters),
        ("DELETE", ["webhook_endpoints", id]) => webhook_endpoints::remove(desk, id, parameters),
        _ => Err(Refusal::unknown_path(method, path)),
    }
}

/// Where a reading call looks.
pub struct Library<'a> {
    pub held: &'a Held,
    pub salt: &'a str,
    pub reader: &'a Reader,
}

/// Answers a call that changes nothing.
pub fn read(library: &Library, path: &str, parameters: Parameters) -> Result<Vec<u8>, Refusal> {
    let held = library.held;
    let segments: Vec<&str> = path.split('/').skip(2).collect();
    match segments.as_slice() {
        ["payment_intents"] => payment_intents::list(held, parameters),
        ["payment_intents", id] => payment_intents::retrieve(held, id, parameters),
        ["charges"] => charges::list(held, parameters),
        ["charges", id] => charges::retrieve(held, id, parameters),
        ["refunds"] => refunds::list(held, parameters),
        ["refunds", id] => refunds::retrieve(held, id, parameters),
        ["events"] => events::list(library, parameters),
        ["events", id] => events::retrieve(library, id, parameters),
        ["webhook_endpoints"] => webhook_endpoints::list(held, parameters),
        ["webhook_endpoints", id] => webhook_endpoints::retrieve(held, id, parameters),
        _ => Err(Refusal::unknown_path("GET", path)),
    }
}
