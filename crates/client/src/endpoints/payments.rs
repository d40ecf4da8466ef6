//! Money: taken, captured, called off and sent back.

use api::requests::{
    ListQuery, NewCancellation, NewCapture, NewCharge, NewPayment, NewRefund, PaymentsQuery,
};
use api::views::{HistoryEntry, Movement, Page, Payment, Refund};
use http::Method;
use uuid::Uuid;

use crate::answer::json;
use crate::api_request::ApiRequest;
use crate::reply::{Charge, charge};
use crate::{Client, IdempotencyKey, Listing, Operation, Result};

impl Client {
    /// Charges an amount at once: a payment with automatic capture.
    pub fn charge(&self, request: &NewCharge) -> Operation<Charge> {
        self.at_a_provider(ApiRequest::send(Method::POST, "/v1/charges", request), charge)
    }

    /// Starts a payment, for what a booking owes or for an amount.
    pub fn start_payment(&self, request: &NewPayment) -> Operation<Charge> {
        self.at_a_provider(ApiRequest::send(Method::POST, "/v1/payments", request), charge)
    }

    /// Takes authorized money, all of it or less.
    pub fn capture(&self, payment: Uuid, request: &NewCapture) -> Operation<Payment> {
        self.at_a_provider(
            ApiRequest::send(Method::POST, format!("/v1/payments/{payment}/capture"), request),
            json,
        )
    }

    /// Calls a payment off before its money is captured.
    pub fn cancel_payment(&self, payment: Uuid) -> Operation<Payment> {
        let path = format!("/v1/payments/{payment}/cancel");
        self.at_a_provider(ApiRequest::send(Method::POST, path, &NewCancellation {}), json)
    }

    /// Sends captured money back, all of it or a part.
    pub fn refund(&self, payment: Uuid, request: &NewRefund) -> Operation<Refund> {
        self.at_a_provider(
            ApiRequest::send(Method::POST, format!("/v1/payments/{payment}/refunds"), request),
            json,
        )
    }

    /// Where it stands, and what the customer must do.
    pub async fn get_payment(&self, id: Uuid) -> Result<Payment> {
        self.ask(ApiRequest::get(format!("/v1/payments/{id}"))).await
    }

    /// Newest first. All filters must hold: booking, reference, idempotency key, state.
    pub async fn find_payments(&self, query: &PaymentsQuery) -> Result<Page<Payment>> {
        self.ask(ApiRequest::search("/v1/payments", query)).await
    }

    /// All that are found, newest first.
    pub fn all_payments(&self, query: &PaymentsQuery) -> Listing<Payment> {
        Listing::of(self, "/v1/payments", query)
    }

    /// The payment that this client asked for under a key; none if the request never arrived. To be
    /// acted on only with care: the request may still be on its way. Asking again under the key is safe.
    pub async fn find_payment_of_key(&self, key: &IdempotencyKey) -> Result<Option<Payment>> {
        let idempotency_key = Some(key.as_str().to_owned());
        let query = PaymentsQuery { idempotency_key, ..PaymentsQuery::default() };
        Ok(self.find_payments(&query).await?.data.into_iter().next())
    }

    /// The payments with this reference of the client's own, newest first.
    pub async fn find_payments_of_reference(&self, reference: impl Into<String>) -> Result<Page<Payment>> {
        let reference = Some(reference.into());
        self.find_payments(&PaymentsQuery { reference, ..PaymentsQuery::default() }).await
    }

    /// The payments of a booking, newest first.
    pub async fn find_payments_of_booking(&self, booking: Uuid) -> Result<Page<Payment>> {
        let booking_id = Some(booking);
        self.find_payments(&PaymentsQuery { booking_id, ..PaymentsQuery::default() }).await
    }

    /// Who moved it, when, and from where to where; oldest first.
    pub async fn get_payment_history(&self, id: Uuid, query: &ListQuery) -> Result<Page<HistoryEntry>> {
        self.ask(ApiRequest::search(&format!("/v1/payments/{id}/history"), query)).await
    }

    /// All of it, oldest first.
    pub fn all_payment_history(&self, id: Uuid, query: &ListQuery) -> Listing<HistoryEntry> {
        Listing::of(self, format!("/v1/payments/{id}/history"), query)
    }

    /// Captures, refunds and disputes as the provider moved them, whoever asked for them; oldest first.
    pub async fn list_movements(&self, payment: Uuid, query: &ListQuery) -> Result<Page<Movement>> {
        self.ask(ApiRequest::search(&format!("/v1/payments/{payment}/movements"), query)).await
    }

    /// All of them, oldest first.
    pub fn all_movements(&self, payment: Uuid, query: &ListQuery) -> Listing<Movement> {
        Listing::of(self, format!("/v1/payments/{payment}/movements"), query)
    }

    pub async fn get_refund(&self, id: Uuid) -> Result<Refund> {
        self.ask(ApiRequest::get(format!("/v1/refunds/{id}"))).await
    }

    /// The refunds of a payment, oldest first.
    pub async fn list_refunds(&self, payment: Uuid, query: &ListQuery) -> Result<Page<Refund>> {
        self.ask(ApiRequest::search(&format!("/v1/payments/{payment}/refunds"), query)).await
    }

    /// All refunds of a payment, oldest first.
    pub fn all_refunds(&self, payment: Uuid, query: &ListQuery) -> Listing<Refund> {
        Listing::of(self, format!("/v1/payments/{payment}/refunds"), query)
    }

    /// Who moved it, when, and from where to where; oldest first.
    pub async fn get_refund_history(&self, id: Uuid, query: &ListQuery) -> Result<Page<HistoryEntry>> {
        self.ask(ApiRequest::search(&format!("/v1/refunds/{id}/history"), query)).await
    }

    /// All of it, oldest first.
    pub fn all_refund_history(&self, id: Uuid, query: &ListQuery) -> Listing<HistoryEntry> {
        Listing::of(self, format!("/v1/refunds/{id}/history"), query)
    }
}
