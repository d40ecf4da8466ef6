//! The ledger: accounts with their balances, statements, balanced transfers, and closed days.

mod close_ledger;
mod get_account_statement;
mod get_ledger_closing;
mod list_ledger_accounts;
mod list_ledger_transfers;

use crate::http::endpoint::Group;

pub const GROUP: Group = Group {
    tag: "Ledger",
    description: "Every movement of money as a balanced transfer.",
    endpoints: &[
        list_ledger_accounts::endpoint,
        get_account_statement::endpoint,
        list_ledger_transfers::endpoint,
        get_ledger_closing::endpoint,
        close_ledger::endpoint,
    ],
};
