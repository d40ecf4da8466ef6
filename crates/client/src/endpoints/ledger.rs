//! The ledger: all money in balanced transfers.

use api::requests::{AccountStatementQuery, LedgerAccountsQuery, ListQuery, NewLedgerClosing};
use api::views::{AccountStatement, LedgerAccount, LedgerClosing, Page, Transfer};
use http::Method;
use uuid::Uuid;

use crate::api_request::ApiRequest;
use crate::reply_meaning::json;
use crate::{Client, Listing, Operation, Result};

impl Client {
    /// Accounts by name, with their balances: those of now, or of a past time.
    pub async fn list_ledger_accounts(&self, query: &LedgerAccountsQuery) -> Result<Page<LedgerAccount>> {
        self.call(ApiRequest::search("/v1/ledger/accounts", query)).await
    }

    /// All accounts by name.
    pub fn all_ledger_accounts(&self, query: &LedgerAccountsQuery) -> Listing<LedgerAccount> {
        Listing::new(self, "/v1/ledger/accounts", query)
    }

    /// What an account had at the beginning and at the end of a period, and a page of its postings.
    pub async fn get_account_statement(
        &self,
        account: Uuid,
        query: &AccountStatementQuery,
    ) -> Result<AccountStatement> {
        self.call(ApiRequest::search(&format!("/v1/ledger/accounts/{account}/statement"), query)).await
    }

    /// Newest first, each with its postings.
    pub async fn list_ledger_transfers(&self, query: &ListQuery) -> Result<Page<Transfer>> {
        self.call(ApiRequest::search("/v1/ledger/transfers", query)).await
    }

    /// All transfers, newest first.
    pub fn all_ledger_transfers(&self, query: &ListQuery) -> Listing<Transfer> {
        Listing::new(self, "/v1/ledger/transfers", query)
    }

    /// How far the ledger is closed.
    pub async fn get_ledger_closing(&self) -> Result<LedgerClosing> {
        self.call(ApiRequest::get("/v1/ledger/closing")).await
    }

    /// Closes the ledger up to the end of a day. It cannot be opened again.
    pub fn close_ledger(&self, request: &NewLedgerClosing) -> Operation<LedgerClosing> {
        self.operation(ApiRequest::send(Method::POST, "/v1/ledger/closing", request), json)
    }
}
