//! Seats, held for a while and then paid.

pub mod cancel_booking;
mod context;
pub mod create_booking;
pub mod find_bookings;
pub mod get_booking;
pub mod get_booking_history;
