//! Captured money on its way back.

pub mod create_refund;
pub mod get_refund;
pub mod get_refund_history;
pub mod list_refunds;
