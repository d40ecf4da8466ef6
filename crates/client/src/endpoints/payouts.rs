//! Who gets which share of a booking's money, and its payment.

use api::requests::{
    ChangedBeneficiary, ListQuery, NewBeneficiary, NewCompletion, NewPayoutReversal, NewSplit, PayoutRecord,
    PayoutsQuery, StatementQuery,
};
use api::views::{Beneficiary, Booking, HistoryEntry, Page, Payout, Product, Release, Statement};
use http::Method;
use uuid::Uuid;

use crate::api_request::ApiRequest;
use crate::reply_meaning::json;
use crate::{Client, Listing, Operation, Result};

impl Client {
    /// The service was delivered: the money is earned, and its release becomes due.
    pub fn complete_booking(&self, id: Uuid) -> Operation<Booking> {
        let path = format!("/v1/bookings/{id}/complete");
        self.operation(ApiRequest::send(Method::POST, path, &NewCompletion {}), json)
    }

    /// The customer did not come: the money is earned, and its release becomes due.
    pub fn record_no_show(&self, id: Uuid) -> Operation<Booking> {
        let path = format!("/v1/bookings/{id}/no_show");
        self.operation(ApiRequest::send(Method::POST, path, &NewCompletion {}), json)
    }

    /// Somebody who gets a share of bookings.
    pub fn create_beneficiary(&self, request: &NewBeneficiary) -> Operation<Beneficiary> {
        self.operation(ApiRequest::send(Method::POST, "/v1/beneficiaries", request), json)
    }

    /// Changes a beneficiary; what is absent stays. Scheduled payouts keep their destination.
    pub fn change_beneficiary(&self, id: Uuid, request: &ChangedBeneficiary) -> Operation<Beneficiary> {
        let path = format!("/v1/beneficiaries/{id}");
        self.operation(ApiRequest::send(Method::PATCH, path, request), json)
    }

    /// How the money of a product's bookings is divided. Bookings keep the rule they were made under.
    pub fn set_split(&self, product: Uuid, request: &NewSplit) -> Operation<Product> {
        let path = format!("/v1/products/{product}/split");
        self.operation(ApiRequest::send(Method::POST, path, request), json)
    }

    /// What a person paid by hand, found out, or got back.
    pub fn record_payout(&self, id: Uuid, request: &PayoutRecord) -> Operation<Payout> {
        let path = format!("/v1/payouts/{id}/record");
        self.operation(ApiRequest::send(Method::POST, path, request), json)
    }

    /// Takes a transfer back, all of it or a part. The payout shows the outcome.
    pub fn reverse_payout(&self, id: Uuid, request: &NewPayoutReversal) -> Operation<Payout> {
        let path = format!("/v1/payouts/{id}/reverse");
        self.operation(ApiRequest::send(Method::POST, path, request), json)
    }

    pub async fn get_beneficiary(&self, id: Uuid) -> Result<Beneficiary> {
        self.call(ApiRequest::get(format!("/v1/beneficiaries/{id}"))).await
    }

    /// Newest first.
    pub async fn list_beneficiaries(&self, query: &ListQuery) -> Result<Page<Beneficiary>> {
        self.call(ApiRequest::search("/v1/beneficiaries", query)).await
    }

    /// All of them, newest first.
    pub fn all_beneficiaries(&self, query: &ListQuery) -> Listing<Beneficiary> {
        Listing::new(self, "/v1/beneficiaries", query)
    }

    /// What was owed to a beneficiary, and every movement in between.
    pub async fn get_statement(&self, id: Uuid, query: &StatementQuery) -> Result<Statement> {
        self.call(ApiRequest::search(&format!("/v1/beneficiaries/{id}/statement"), query)).await
    }

    /// Where the funds of a booking stand.
    pub async fn get_release(&self, booking: Uuid) -> Result<Release> {
        self.call(ApiRequest::get(format!("/v1/bookings/{booking}/release"))).await
    }

    pub async fn get_payout(&self, id: Uuid) -> Result<Payout> {
        self.call(ApiRequest::get(format!("/v1/payouts/{id}"))).await
    }

    /// Newest first.
    pub async fn find_payouts(&self, query: &PayoutsQuery) -> Result<Page<Payout>> {
        self.call(ApiRequest::search("/v1/payouts", query)).await
    }

    /// All matching payouts, newest first.
    pub fn all_payouts(&self, query: &PayoutsQuery) -> Listing<Payout> {
        Listing::new(self, "/v1/payouts", query)
    }

    /// Who moved the payout, when, and from which state to which; oldest first.
    pub async fn get_payout_history(&self, id: Uuid, query: &ListQuery) -> Result<Page<HistoryEntry>> {
        self.call(ApiRequest::search(&format!("/v1/payouts/{id}/history"), query)).await
    }

    /// The whole history, oldest first.
    pub fn all_payout_history(&self, id: Uuid, query: &ListQuery) -> Listing<HistoryEntry> {
        Listing::new(self, format!("/v1/payouts/{id}/history"), query)
    }
}
