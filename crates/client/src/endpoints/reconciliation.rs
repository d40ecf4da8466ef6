//! The comparison of the provider's books with ours. All calls need a key with the scope `ops`.

use api::requests::{DifferencesQuery, LetterDecision, ListQuery, NewReconciliation};
use api::views::{Difference, Page, Reconciliation};
use http::Method;
use uuid::Uuid;

use crate::api_request::ApiRequest;
use crate::reply_meaning::json;
use crate::{Client, Listing, Operation, Result};

impl Client {
    /// Starts a run; it goes on after the reply.
    pub fn start_reconciliation(&self, request: &NewReconciliation) -> Operation<Reconciliation> {
        self.operation(ApiRequest::send(Method::POST, "/v1/ops/reconciliations", request), json)
    }

    /// Newest first.
    pub async fn list_reconciliations(&self, query: &ListQuery) -> Result<Page<Reconciliation>> {
        self.call(ApiRequest::search("/v1/ops/reconciliations", query)).await
    }

    /// All runs, newest first.
    pub fn all_reconciliations(&self, query: &ListQuery) -> Listing<Reconciliation> {
        Listing::new(self, "/v1/ops/reconciliations", query)
    }

    /// How far a run is.
    pub async fn get_reconciliation(&self, id: Uuid) -> Result<Reconciliation> {
        self.call(ApiRequest::get(format!("/v1/ops/reconciliations/{id}"))).await
    }

    /// Latest first.
    pub async fn list_differences(&self, query: &DifferencesQuery) -> Result<Page<Difference>> {
        self.call(ApiRequest::search("/v1/ops/differences", query)).await
    }

    /// All differences that match, latest first.
    pub fn all_differences(&self, query: &DifferencesQuery) -> Listing<Difference> {
        Listing::new(self, "/v1/ops/differences", query)
    }

    /// The difference stays as it is.
    pub fn accept_difference(&self, id: Uuid, decision: &LetterDecision) -> Operation<Difference> {
        let path = format!("/v1/ops/differences/{id}/accept");
        self.operation(ApiRequest::send(Method::POST, path, decision), json)
    }
}
