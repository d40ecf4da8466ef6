//! Money in.

pub mod cancel_payment;
pub mod capture_payment;
pub mod create_charge;
pub mod create_payment;
pub mod find_payments;
pub mod get_payment;
pub mod get_payment_history;
pub mod list_movements;
