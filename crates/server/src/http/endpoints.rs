//! One file per endpoint. The machinery that they share is beside this folder.

pub mod api_keys;
pub mod bookings;
pub mod catalogue;
pub mod dead_letters;
pub mod events;
pub mod ledger;
pub mod ops;
pub mod payments;
pub mod probes;
pub mod refunds;
