//! What all of it comes to, in balanced transfers.

use api::requests::ListQuery;
use api::views::{LedgerAccount, Page, Transfer};

use crate::api_request::ApiRequest;
use crate::{Client, Listing, Result};

impl Client {
    /// By their names, with their balances.
    pub async fn list_ledger_accounts(&self, query: &ListQuery) -> Result<Page<LedgerAccount>> {
        self.ask(ApiRequest::search("/v1/ledger/accounts", query)).await
    }

    /// All of them, by their names.
    pub fn all_ledger_accounts(&self, query: &ListQuery) -> Listing<LedgerAccount> {
        Listing::of(self, "/v1/ledger/accounts", query)
    }

    /// Newest first, each with its postings.
    pub async fn list_ledger_transfers(&self, query: &ListQuery) -> Result<Page<Transfer>> {
        self.ask(ApiRequest::search("/v1/ledger/transfers", query)).await
    }

    /// All of them, newest first.
    pub fn all_ledger_transfers(&self, query: &ListQuery) -> Listing<Transfer> {
        Listing::of(self, "/v1/ledger/transfers", query)
    }
}
