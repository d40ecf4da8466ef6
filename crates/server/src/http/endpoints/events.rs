//! What happened, in order.

pub mod list_events;
