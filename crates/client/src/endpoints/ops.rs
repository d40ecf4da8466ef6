//! What needs a person's decision, and a tenant's settings. All calls need a key with the scope
//! `ops`.

use api::requests::{
    ChangedSettings, LetterDecision, ListQuery, NewApiKey, Resolution, ReviewAction, ReviewAssignment,
    ReviewCasesQuery,
};
use api::views::{
    ApiKey, Breaker, DeadLetter, HistoryEntry, Page, ReviewCase, ReviewCaseDetail, Settings, ShownApiKey,
};
use http::Method;
use uuid::Uuid;

use crate::api_request::ApiRequest;
use crate::reply_meaning::json;
use crate::{Client, Listing, Operation, Result};

impl Client {
    /// Oldest first; by default the open cases.
    pub async fn list_review_cases(&self, query: &ReviewCasesQuery) -> Result<Page<ReviewCase>> {
        self.call(ApiRequest::search("/v1/ops/review_cases", query)).await
    }

    /// All cases that match, oldest first.
    pub fn all_review_cases(&self, query: &ReviewCasesQuery) -> Listing<ReviewCase> {
        Listing::new(self, "/v1/ops/review_cases", query)
    }

    /// A case with everything that is known of it.
    pub async fn get_review_case(&self, id: Uuid) -> Result<ReviewCaseDetail> {
        self.call(ApiRequest::get(format!("/v1/ops/review_cases/{id}"))).await
    }

    pub fn assign_review_case(&self, id: Uuid, request: &ReviewAssignment) -> Operation<ReviewCase> {
        let path = format!("/v1/ops/review_cases/{id}/assign");
        self.operation(ApiRequest::send(Method::POST, path, request), json)
    }

    /// `why` is the note.
    pub fn note_review_case(&self, id: Uuid, note: &LetterDecision) -> Operation<ReviewCase> {
        let path = format!("/v1/ops/review_cases/{id}/notes");
        self.operation(ApiRequest::send(Method::POST, path, note), json)
    }

    /// Looks it up, refunds, releases or writes off.
    pub fn act_on_review_case(&self, id: Uuid, action: &ReviewAction) -> Operation<ReviewCase> {
        let path = format!("/v1/ops/review_cases/{id}/actions");
        self.operation(ApiRequest::send(Method::POST, path, action), json)
    }

    /// Closes a review case with a note of what was found and done.
    pub fn resolve_review_case(&self, id: Uuid, request: &Resolution) -> Operation<ReviewCase> {
        let path = format!("/v1/ops/review_cases/{id}/resolve");
        self.operation(ApiRequest::send(Method::POST, path, request), json)
    }

    /// Work that was given up: jobs, events of providers, and messages of a consumer. The earliest
    /// come first.
    pub async fn list_dead_letters(&self, query: &ListQuery) -> Result<Page<DeadLetter>> {
        self.call(ApiRequest::search("/v1/ops/dead_letters", query)).await
    }

    /// All that need a decision.
    pub fn all_dead_letters(&self, query: &ListQuery) -> Listing<DeadLetter> {
        Listing::new(self, "/v1/ops/dead_letters", query)
    }

    /// The dead letter with the first page of its history, also after a decision.
    pub async fn get_dead_letter(&self, id: Uuid) -> Result<DeadLetter> {
        self.call(ApiRequest::get(format!("/v1/ops/dead_letters/{id}"))).await
    }

    /// Who did what with it, when and why; oldest first.
    pub async fn get_dead_letter_history(&self, id: Uuid, query: &ListQuery) -> Result<Page<HistoryEntry>> {
        self.call(ApiRequest::search(&format!("/v1/ops/dead_letters/{id}/history"), query)).await
    }

    /// The whole history, oldest first.
    pub fn all_dead_letter_history(&self, id: Uuid, query: &ListQuery) -> Listing<HistoryEntry> {
        Listing::new(self, format!("/v1/ops/dead_letters/{id}/history"), query)
    }

    /// Tries the work again; this is always safe.
    pub fn retry_dead_letter(&self, id: Uuid, decision: &LetterDecision) -> Operation<DeadLetter> {
        let path = format!("/v1/ops/dead_letters/{id}/retry");
        self.operation(ApiRequest::send(Method::POST, path, decision), json)
    }

    /// Ends the work: nothing more is tried.
    pub fn discard_dead_letter(&self, id: Uuid, decision: &LetterDecision) -> Operation<DeadLetter> {
        let path = format!("/v1/ops/dead_letters/{id}/discard");
        self.operation(ApiRequest::send(Method::POST, path, decision), json)
    }

    /// The circuit of each account, in the process that replies. Each process has its own circuits.
    pub async fn list_breakers(&self, query: &ListQuery) -> Result<Page<Breaker>> {
        self.call(ApiRequest::search("/v1/ops/breakers", query)).await
    }

    /// All circuits, in the process that replies.
    pub fn all_breakers(&self, query: &ListQuery) -> Listing<Breaker> {
        Listing::new(self, "/v1/ops/breakers", query)
    }

    pub async fn get_settings(&self) -> Result<Settings> {
        self.call(ApiRequest::get("/v1/ops/settings")).await
    }

    /// Absent fields stay unchanged.
    pub fn change_settings(&self, request: &ChangedSettings) -> Operation<Settings> {
        self.operation(ApiRequest::send(Method::PATCH, "/v1/ops/settings", request), json)
    }

    /// The keys of the calling key's mode, newest first, without secrets.
    pub async fn list_api_keys(&self, query: &ListQuery) -> Result<Page<ApiKey>> {
        self.call(ApiRequest::search("/v1/ops/api_keys", query)).await
    }

    /// All keys of the calling key's mode, newest first.
    pub fn all_api_keys(&self, query: &ListQuery) -> Listing<ApiKey> {
        Listing::new(self, "/v1/ops/api_keys", query)
    }

    /// Creates an API key. Its secret is only in this reply, so the server stores no reply, and the
    /// request takes no idempotency key: it is sent again only if nothing of it was written. If its
    /// outcome is unknown, look for the key in the list and revoke it.
    pub async fn create_api_key(&self, request: &NewApiKey) -> Result<ShownApiKey> {
        self.call(ApiRequest::send(Method::POST, "/v1/ops/api_keys", request)).await
    }

    /// Revokes an API key. It takes no idempotency key, and may be called repeatedly.
    pub async fn revoke_api_key(&self, id: Uuid) -> Result<ApiKey> {
        let path = format!("/v1/ops/api_keys/{id}/revoke");
        self.call(ApiRequest { method: Method::POST, ..ApiRequest::get(path) }).await
    }
}
