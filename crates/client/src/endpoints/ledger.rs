//! The ledger: all money in balanced transfers.

use api::requests::ListQuery;
use api::views::{LedgerAccount, Page, Transfer};

use crate::api_request::ApiRequest;
use crate::{Client, Listing, Result};

impl Client {
    /// Accounts by name, with their balances.
    pub async fn list_ledger_accounts(&self, query: &ListQuery) -> Result<Page<LedgerAccount>> {
        self.call(ApiRequest::search("/v1/ledger/accounts", query)).await
    }

    /// All accounts by name.
    pub fn all_ledger_accounts(&self, query: &ListQuery) -> Listing<LedgerAccount> {
        Listing::new(self, "/v1/ledger/accounts", query)
    }

    /// Newest first, each with its postings.
    pub async fn list_ledger_transfers(&self, query: &ListQuery) -> Result<Page<Transfer>> {
        self.call(ApiRequest::search("/v1/ledger/transfers", query)).await
    }

    /// All transfers, newest first.
    pub fn all_ledger_transfers(&self, query: &ListQuery) -> Listing<Transfer> {
        Listing::new(self, "/v1/ledger/transfers", query)
    }
}
