//! Captured money that the customer's bank asks about, or takes back.

mod compose;
mod find_disputes;
mod get_dispute;
mod get_dispute_history;
mod list_evidence;
mod submit_evidence;

use crate::http::endpoint::Group;

pub const GROUP: Group = Group {
    tag: "Disputes",
    description: "Captured money that the customer's bank asks about, or takes back.",
    endpoints: &[
        find_disputes::endpoint,
        get_dispute::endpoint,
        get_dispute_history::endpoint,
        submit_evidence::endpoint,
        list_evidence::endpoint,
    ],
};
