//! What all of it comes to.

mod list_ledger_accounts;
mod list_ledger_transfers;

use crate::http::endpoint::Group;

pub const GROUP: Group = Group {
    tag: "Ledger",
    description: "What all of it comes to, in balanced transfers.",
    endpoints: &[list_ledger_accounts::endpoint, list_ledger_transfers::endpoint],
};
