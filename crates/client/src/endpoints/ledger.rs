//! What all of it comes to, in balanced transfers.

use api::requests::ListQuery;
use api::views::{LedgerAccount, Page, Transfer};

use crate::call::Call;
use crate::{Client, Result};

impl Client {
    /// All accounts, with their balances.
    pub async fn list_ledger_accounts(&self) -> Result<Page<LedgerAccount>> {
        self.ask(Call::get("/v1/ledger/accounts")).await
    }

    /// Newest first, each with its postings.
    pub async fn list_ledger_transfers(&self, query: &ListQuery) -> Result<Page<Transfer>> {
        self.ask(Call::search("/v1/ledger/transfers", query)).await
    }
}
