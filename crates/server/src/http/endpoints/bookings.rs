//! Seats, held for a while and then paid.

mod cancel_booking;
mod complete_booking;
pub mod context;
mod create_booking;
mod create_quote;
mod extend_booking;
mod find_bookings;
mod get_booking;
mod get_booking_history;
mod get_cancellation_quote;

use crate::http::endpoint::Group;

pub const GROUP: Group = Group {
    tag: "Bookings",
    description: "Seats, held for a while and then paid.",
    endpoints: &[
        find_bookings::endpoint,
        create_quote::endpoint,
        create_booking::endpoint,
        get_booking::endpoint,
        get_cancellation_quote::endpoint,
        extend_booking::endpoint,
        cancel_booking::endpoint,
        complete_booking::endpoint,
        complete_booking::absent,
        get_booking_history::endpoint,
    ],
};
