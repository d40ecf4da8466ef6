//! Disputes by customers' banks, and the evidence for them.

use api::requests::{DisputesQuery, ListQuery, NewDisputeEvidence};
use api::views::{Dispute, DisputeEvidence, HistoryEntry, Page};
use http::Method;
use uuid::Uuid;

use crate::api_request::ApiRequest;
use crate::reply_meaning::json;
use crate::{Client, Listing, Operation, Result};

impl Client {
    /// Where the dispute stands, and until when the bank takes evidence.
    pub async fn get_dispute(&self, id: Uuid) -> Result<Dispute> {
        self.call(ApiRequest::get(format!("/v1/disputes/{id}"))).await
    }

    /// Newest first. All filters must match: payment, state, the end of the time for evidence.
    pub async fn find_disputes(&self, query: &DisputesQuery) -> Result<Page<Dispute>> {
        self.call(ApiRequest::search("/v1/disputes", query)).await
    }

    /// All matching disputes, newest first.
    pub fn all_disputes(&self, query: &DisputesQuery) -> Listing<Dispute> {
        Listing::new(self, "/v1/disputes", query)
    }

    /// Submits evidence to the bank, which reads it once. The dispute shows the outcome.
    pub fn submit_evidence(&self, dispute: Uuid, request: &NewDisputeEvidence) -> Operation<Dispute> {
        let path = format!("/v1/disputes/{dispute}/evidence");
        self.operation(ApiRequest::send(Method::POST, path, request), json)
    }

    /// What was submitted to the bank here, oldest first.
    pub async fn list_evidence(&self, dispute: Uuid, query: &ListQuery) -> Result<Page<DisputeEvidence>> {
        self.call(ApiRequest::search(&format!("/v1/disputes/{dispute}/evidence"), query)).await
    }

    /// All of it, oldest first.
    pub fn all_evidence(&self, dispute: Uuid, query: &ListQuery) -> Listing<DisputeEvidence> {
        Listing::new(self, format!("/v1/disputes/{dispute}/evidence"), query)
    }

    /// Who changed the dispute, when, and from which state to which; oldest first.
    pub async fn get_dispute_history(&self, id: Uuid, query: &ListQuery) -> Result<Page<HistoryEntry>> {
        self.call(ApiRequest::search(&format!("/v1/disputes/{id}/history"), query)).await
    }

    /// The whole history, oldest first.
    pub fn all_dispute_history(&self, id: Uuid, query: &ListQuery) -> Listing<HistoryEntry> {
        Listing::new(self, format!("/v1/disputes/{id}/history"), query)
    }
}
