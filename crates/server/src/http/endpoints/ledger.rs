//! What all of it comes to, in balanced transfers.

pub mod list_accounts;
pub mod list_transfers;
