//! What waits for a person, and what a tenant chose. All of it needs a key with the scope `ops`.

use api::requests::{ChangedSettings, LetterDecision, ListQuery, NewApiKey, Resolution};
use api::views::{ApiKey, Breaker, DeadLetter, HistoryEntry, Page, ReviewCase, Settings, ShownApiKey};
use http::Method;
use uuid::Uuid;

use crate::answer::json;
use crate::api_request::ApiRequest;
use crate::{Client, Listing, Operation, Result};

impl Client {
    /// The cases that are open, oldest first.
    pub async fn list_review_cases(&self, query: &ListQuery) -> Result<Page<ReviewCase>> {
        self.ask(ApiRequest::search("/v1/ops/review_cases", query)).await
    }

    /// All that are open, oldest first.
    pub fn all_review_cases(&self, query: &ListQuery) -> Listing<ReviewCase> {
        Listing::of(self, "/v1/ops/review_cases", query)
    }

    /// Closes a review case: says what was found and done.
    pub fn resolve_review_case(&self, id: Uuid, request: &Resolution) -> Operation<ReviewCase> {
        let path = format!("/v1/ops/review_cases/{id}/resolve");
        self.operation(ApiRequest::send(Method::POST, path, request), json)
    }

    /// Work that was given up: jobs, providers' events, and messages at a consumer. Those that were given up
    /// first come first.
    pub async fn list_dead_letters(&self, query: &ListQuery) -> Result<Page<DeadLetter>> {
        self.ask(ApiRequest::search("/v1/ops/dead_letters", query)).await
    }

    /// All that wait for a decision.
    pub fn all_dead_letters(&self, query: &ListQuery) -> Listing<DeadLetter> {
        Listing::of(self, "/v1/ops/dead_letters", query)
    }

    /// With the first page of its history, also after somebody has decided on it.
    pub async fn get_dead_letter(&self, id: Uuid) -> Result<DeadLetter> {
        self.ask(ApiRequest::get(format!("/v1/ops/dead_letters/{id}"))).await
    }

    /// Who did what with it, when and why; oldest first.
    pub async fn get_dead_letter_history(&self, id: Uuid, query: &ListQuery) -> Result<Page<HistoryEntry>> {
        self.ask(ApiRequest::search(&format!("/v1/ops/dead_letters/{id}/history"), query)).await
    }

    /// All of it, oldest first.
    pub fn all_dead_letter_history(&self, id: Uuid, query: &ListQuery) -> Listing<HistoryEntry> {
        Listing::of(self, format!("/v1/ops/dead_letters/{id}/history"), query)
    }

    /// Sends it round again: safe whenever it is done.
    pub fn retry_dead_letter(&self, id: Uuid, decision: &LetterDecision) -> Operation<DeadLetter> {
        let path = format!("/v1/ops/dead_letters/{id}/retry");
        self.operation(ApiRequest::send(Method::POST, path, decision), json)
    }

    /// Nothing more is tried.
    pub fn discard_dead_letter(&self, id: Uuid, decision: &LetterDecision) -> Operation<DeadLetter> {
        let path = format!("/v1/ops/dead_letters/{id}/discard");
        self.operation(ApiRequest::send(Method::POST, path, decision), json)
    }

    /// How the way to each account stands, in the process that answers. Each has circuits of its own.
    pub async fn list_breakers(&self, query: &ListQuery) -> Result<Page<Breaker>> {
        self.ask(ApiRequest::search("/v1/ops/breakers", query)).await
    }

    /// All of them, in the process that answers.
    pub fn all_breakers(&self, query: &ListQuery) -> Listing<Breaker> {
        Listing::of(self, "/v1/ops/breakers", query)
    }

    pub async fn get_settings(&self) -> Result<Settings> {
        self.ask(ApiRequest::get("/v1/ops/settings")).await
    }

    /// What is absent stays.
    pub fn change_settings(&self, request: &ChangedSettings) -> Operation<Settings> {
        self.operation(ApiRequest::send(Method::PATCH, "/v1/ops/settings", request), json)
    }

    /// Those of the asking key's mode, newest first, and never a secret.
    pub async fn list_api_keys(&self, query: &ListQuery) -> Result<Page<ApiKey>> {
        self.ask(ApiRequest::search("/v1/ops/api_keys", query)).await
    }

    /// All of the asking key's mode, newest first.
    pub fn all_api_keys(&self, query: &ListQuery) -> Listing<ApiKey> {
        Listing::of(self, "/v1/ops/api_keys", query)
    }

    /// Makes an API key. Its secret is in this answer and nowhere else, so the server stores no answer,
    /// and the request takes no idempotency key: it is sent again only if nothing of it was written. If
    /// its outcome is unknown, look for the key in the list and revoke it.
    pub async fn create_api_key(&self, request: &NewApiKey) -> Result<ShownApiKey> {
        self.ask(ApiRequest::send(Method::POST, "/v1/ops/api_keys", request)).await
    }

    /// Revokes an API key. It takes no idempotency key, and may be asked as often as one likes.
    pub async fn revoke_api_key(&self, id: Uuid) -> Result<ApiKey> {
        let path = format!("/v1/ops/api_keys/{id}/revoke");
        self.ask(ApiRequest { method: Method::POST, ..ApiRequest::get(path) }).await
    }
}
