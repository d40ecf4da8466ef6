//! Payments: started, captured, cancelled, refunded, and looked at.

pub mod cancel;
pub mod capture;
pub mod find;
pub mod movements;
pub mod one;
pub mod refund;
pub mod start;
