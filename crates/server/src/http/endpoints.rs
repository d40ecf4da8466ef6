//! One file per endpoint: its path, its description, its replies and refusals, and its handler.
//! What endpoints share is beside this folder.
//!
//! A new endpoint is a file, and its line in the list of its group.

mod bookings;
pub(in crate::http) mod catalogue;
mod disputes;
mod entrance;
mod events;
mod ledger;
pub mod operations;
mod payments;
mod payouts;
mod refunds;

use super::endpoint::{Endpoint, Group};

/// In the order of the document.
const GROUPS: [Group; 10] = [
    catalogue::GROUP,
    bookings::GROUP,
    entrance::GROUP,
    payments::GROUP,
    refunds::GROUP,
    disputes::GROUP,
    payouts::GROUP,
    ledger::GROUP,
    events::GROUP,
    operations::GROUP,
];

pub fn all() -> impl Iterator<Item = Endpoint> {
    GROUPS.into_iter().flat_map(|group| {
        group.endpoints.iter().map(move |endpoint| {
            let mut endpoint = endpoint();
            endpoint.operation.tag = group.tag;
            endpoint
        })
    })
}

/// The paths of all endpoints. A path occurs once for each of its methods.
pub fn paths() -> impl Iterator<Item = &'static str> {
    all().map(|endpoint| endpoint.operation.path)
}

/// The OpenAPI document.
pub fn document() -> String {
    let tags = GROUPS.map(|group| (group.tag, group.description));
    api::openapi::document(tags, all().map(|endpoint| endpoint.operation))
}

#[cfg(test)]
mod tests;
