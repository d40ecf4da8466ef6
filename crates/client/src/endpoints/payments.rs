//! Payments: charged, captured, cancelled and refunded.

use api::requests::{
    ListQuery, NewCapture, NewCharge, NewPayment, NewPaymentCancellation, NewRecordedPayment,
    NewRecordedRefund, NewRefund, PaymentsQuery, SavedMethodRemoval, SavedMethodsQuery,
};
use api::views::{
    HistoryEntry, Movement, Page, Payment, ProviderAccount, Refund, RemovedPaymentMethod, SavedPaymentMethods,
};
use http::Method;
use uuid::Uuid;

use crate::api_request::ApiRequest;
use crate::reply::{Charge, charge};
use crate::reply_meaning::json;
use crate::{Client, IdempotencyKey, Listing, Operation, Result};

impl Client {
    /// Charges an amount at once: a payment with automatic capture.
    pub fn charge(&self, request: &NewCharge) -> Operation<Charge> {
        self.provider_operation(ApiRequest::send(Method::POST, "/v1/charges", request), charge)
    }

    /// Starts a payment, for what a booking owes or for an amount.
    pub fn start_payment(&self, request: &NewPayment) -> Operation<Charge> {
        self.provider_operation(ApiRequest::send(Method::POST, "/v1/payments", request), charge)
    }

    /// Captures authorized money, all of it or a part.
    pub fn capture(&self, payment: Uuid, request: &NewCapture) -> Operation<Payment> {
        self.provider_operation(
            ApiRequest::send(Method::POST, format!("/v1/payments/{payment}/capture"), request),
            json,
        )
    }

    /// Cancels a payment before its money is captured.
    pub fn cancel_payment(&self, payment: Uuid) -> Operation<Payment> {
        let path = format!("/v1/payments/{payment}/cancel");
        self.provider_operation(ApiRequest::send(Method::POST, path, &NewPaymentCancellation {}), json)
    }

    /// Refunds captured money, all of it or a part.
    pub fn refund(&self, payment: Uuid, request: &NewRefund) -> Operation<Refund> {
        self.provider_operation(
            ApiRequest::send(Method::POST, format!("/v1/payments/{payment}/refunds"), request),
            json,
        )
    }

    /// Records money that a person received.
    pub fn record_payment(&self, request: &NewRecordedPayment) -> Operation<Payment> {
        self.operation(ApiRequest::send(Method::POST, "/v1/recorded_payments", request), json)
    }

    /// Records that money of a recorded payment was given back.
    pub fn record_refund(&self, request: &NewRecordedRefund) -> Operation<Refund> {
        self.operation(ApiRequest::send(Method::POST, "/v1/recorded_refunds", request), json)
    }

    /// The accounts at providers, in their order of preference.
    pub async fn list_accounts(&self, query: &ListQuery) -> Result<Page<ProviderAccount>> {
        self.call(ApiRequest::search("/v1/accounts", query)).await
    }

    /// All accounts at providers, in their order of preference.
    pub fn all_accounts(&self, query: &ListQuery) -> Listing<ProviderAccount> {
        Listing::new(self, "/v1/accounts", query)
    }

    /// A customer's saved payment methods at one account, newest first.
    pub async fn list_saved_payment_methods(&self, query: &SavedMethodsQuery) -> Result<SavedPaymentMethods> {
        self.call(ApiRequest::search("/v1/saved_payment_methods", query)).await
    }

    /// Removes a saved payment method. It takes no idempotency key, and may be called repeatedly.
    pub async fn remove_saved_payment_method(
        &self,
        request: &SavedMethodRemoval,
    ) -> Result<RemovedPaymentMethod> {
        self.call(ApiRequest::send(Method::POST, "/v1/saved_payment_methods/remove", request)).await
    }

    /// The payment's state, and what the customer must do.
    pub async fn get_payment(&self, id: Uuid) -> Result<Payment> {
        self.call(ApiRequest::get(format!("/v1/payments/{id}"))).await
    }

    /// Newest first. All filters must match: booking, reference, idempotency key, state.
    pub async fn find_payments(&self, query: &PaymentsQuery) -> Result<Page<Payment>> {
        self.call(ApiRequest::search("/v1/payments", query)).await
    }

    /// All matching payments, newest first.
    pub fn all_payments(&self, query: &PaymentsQuery) -> Listing<Payment> {
        Listing::new(self, "/v1/payments", query)
    }

    /// The payment that this client started under a key; `None` if the request has not arrived. Use
    /// it with care: the request may still be on its way. Sending it again under the key is safe.
    pub async fn find_payment_of_key(&self, key: &IdempotencyKey) -> Result<Option<Payment>> {
        let idempotency_key = Some(key.as_str().to_owned());
        let query = PaymentsQuery { idempotency_key, ..PaymentsQuery::default() };
        Ok(self.find_payments(&query).await?.data.into_iter().next())
    }

    /// The payments with this reference of the client, newest first.
    pub async fn find_payments_of_reference(&self, reference: impl Into<String>) -> Result<Page<Payment>> {
        let reference = Some(reference.into());
        self.find_payments(&PaymentsQuery { reference, ..PaymentsQuery::default() }).await
    }

    /// The payments of a booking, newest first.
    pub async fn find_payments_of_booking(&self, booking: Uuid) -> Result<Page<Payment>> {
        let booking_id = Some(booking);
        self.find_payments(&PaymentsQuery { booking_id, ..PaymentsQuery::default() }).await
    }

    /// Who changed the payment, when, and from which state to which; oldest first.
    pub async fn get_payment_history(&self, id: Uuid, query: &ListQuery) -> Result<Page<HistoryEntry>> {
        self.call(ApiRequest::search(&format!("/v1/payments/{id}/history"), query)).await
    }

    /// The whole history, oldest first.
    pub fn all_payment_history(&self, id: Uuid, query: &ListQuery) -> Listing<HistoryEntry> {
        Listing::new(self, format!("/v1/payments/{id}/history"), query)
    }

    /// Captures, refunds and disputes as the provider moved them, whoever caused them; oldest
    /// first.
    pub async fn list_movements(&self, payment: Uuid, query: &ListQuery) -> Result<Page<Movement>> {
        self.call(ApiRequest::search(&format!("/v1/payments/{payment}/movements"), query)).await
    }

    /// All movements, oldest first.
    pub fn all_movements(&self, payment: Uuid, query: &ListQuery) -> Listing<Movement> {
        Listing::new(self, format!("/v1/payments/{payment}/movements"), query)
    }

    pub async fn get_refund(&self, id: Uuid) -> Result<Refund> {
        self.call(ApiRequest::get(format!("/v1/refunds/{id}"))).await
    }

    /// The refunds of a payment, oldest first.
    pub async fn list_refunds(&self, payment: Uuid, query: &ListQuery) -> Result<Page<Refund>> {
        self.call(ApiRequest::search(&format!("/v1/payments/{payment}/refunds"), query)).await
    }

    /// All refunds of a payment, oldest first.
    pub fn all_refunds(&self, payment: Uuid, query: &ListQuery) -> Listing<Refund> {
        Listing::new(self, format!("/v1/payments/{payment}/refunds"), query)
    }

    /// Who changed the refund, when, and from which state to which; oldest first.
    pub async fn get_refund_history(&self, id: Uuid, query: &ListQuery) -> Result<Page<HistoryEntry>> {
        self.call(ApiRequest::search(&format!("/v1/refunds/{id}/history"), query)).await
    }

    /// The whole history, oldest first.
    pub fn all_refund_history(&self, id: Uuid, query: &ListQuery) -> Listing<HistoryEntry> {
        Listing::new(self, format!("/v1/refunds/{id}/history"), query)
    }
}
