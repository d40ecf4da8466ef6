//! What happened, in order.

mod list_events;

use crate::http::endpoint::Group;

pub const GROUP: Group =
    Group { tag: "Events", description: "What happened, in order.", endpoints: &[list_events::endpoint] };
