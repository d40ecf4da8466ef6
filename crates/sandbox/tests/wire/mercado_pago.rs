//! Mercado Pago's payments, as a caller of the wire sees them.

mod creation;
mod durability;
mod faults;
mod idempotency;
mod money;
mod notifications;
mod orders;
mod pix;
mod preferences;
mod search;
pub mod seller;
