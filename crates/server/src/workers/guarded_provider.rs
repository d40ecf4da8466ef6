//! The provider as a drive uses it: every call goes through the permit, so that none is missing
//! when the permit is settled.

use std::sync::Arc;

use domain::provider::{
    CallOutcome, DisputeObservation, Observation, RefundObservation, TransferAnswer, TransferObservation,
};
use domain::{BookingId, Money};
use providers::{
    Capabilities, CustomerOrder, EvidenceOrder, ListedRefund, ListedTransfer, ObjectCall, PaymentOrder,
    Provider, RefundOrder, TransferOrder, TransferReversalOrder,
};

use super::gate::{AccountPermit, AnswerKind};

pub struct GuardedProvider {
    pub provider: Arc<dyn Provider>,
    pub permit: AccountPermit,
}

impl GuardedProvider {
    pub async fn create(&self, order: &PaymentOrder) -> CallOutcome<Observation> {
        self.permit.call(self.provider.create(order), AnswerKind::of).await
    }

    pub async fn create_customer(&self, order: &CustomerOrder) -> CallOutcome<String> {
        self.permit.call(self.provider.create_customer(order), AnswerKind::of).await
    }

    pub async fn confirm(&self, order: &PaymentOrder, object: &str) -> CallOutcome<Observation> {
        self.permit.call(self.provider.confirm(order, object), AnswerKind::of).await
    }

    pub async fn fetch(&self, object: &str) -> CallOutcome<Observation> {
        self.permit.call(self.provider.fetch(object), AnswerKind::of).await
    }

    pub async fn capture(&self, action: ObjectCall<'_>, amount: Money) -> CallOutcome<Observation> {
        self.permit.call(self.provider.capture(action, amount), AnswerKind::of).await
    }

    pub async fn cancel(&self, action: ObjectCall<'_>) -> CallOutcome<Observation> {
        self.permit.call(self.provider.cancel(action), AnswerKind::of).await
    }

    pub async fn refund(&self, refund: &RefundOrder) -> CallOutcome<RefundObservation> {
        self.permit.call(self.provider.refund(refund), AnswerKind::of).await
    }

    pub async fn refunds_of(&self, object: &str) -> CallOutcome<Vec<ListedRefund>> {
        self.permit.call(self.provider.refunds_of(object), AnswerKind::of).await
    }

    pub async fn fetch_refund(&self, payment: &str, object: &str) -> CallOutcome<RefundObservation> {
        self.permit.call(self.provider.fetch_refund(payment, object), AnswerKind::of).await
    }

    pub async fn submit_evidence(&self, order: &EvidenceOrder) -> CallOutcome<DisputeObservation> {
        self.permit.call(self.provider.submit_evidence(order), AnswerKind::of).await
    }

    pub async fn fetch_dispute(&self, object: &str) -> CallOutcome<DisputeObservation> {
        self.permit.call(self.provider.fetch_dispute(object), AnswerKind::of).await
    }

    pub async fn transfer(&self, order: &TransferOrder) -> CallOutcome<TransferAnswer> {
        self.permit.call(self.provider.transfer(order), AnswerKind::of).await
    }

    pub async fn reverse_transfer(&self, order: &TransferReversalOrder) -> CallOutcome<String> {
        self.permit.call(self.provider.reverse_transfer(order), AnswerKind::of).await
    }

    pub async fn transfers_of(&self, booking: BookingId) -> CallOutcome<Vec<ListedTransfer>> {
        self.permit.call(self.provider.transfers_of(booking), AnswerKind::of).await
    }

    pub async fn fetch_transfer(&self, object: &str) -> CallOutcome<TransferObservation> {
        self.permit.call(self.provider.fetch_transfer(object), AnswerKind::of).await
    }

    pub async fn find(&self, order: &PaymentOrder) -> CallOutcome<Option<Observation>> {
        self.permit.call(self.provider.find(order), AnswerKind::of).await
    }

    pub fn capabilities(&self) -> Capabilities {
        self.provider.capabilities()
    }
}
