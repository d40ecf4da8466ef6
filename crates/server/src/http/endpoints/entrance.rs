//! The day of departure: tickets, the manifest of a slot, and check-ins.

mod create_check_in;
mod get_ticket_keys;
mod list_manifest;
mod list_tickets;
mod undo_check_in;

use crate::http::endpoint::Group;

pub const GROUP: Group = Group {
    tag: "Entrance",
    description: "Tickets, who is expected, and who came.",
    endpoints: &[
        list_manifest::endpoint,
        list_tickets::endpoint,
        create_check_in::endpoint,
        undo_check_in::endpoint,
        get_ticket_keys::endpoint,
    ],
};
