//! A provider whose calls are counted, timed, and recorded as spans. It changes neither the calls
//! nor their outcomes.

use std::sync::Arc;
use std::time::Instant;

use domain::provider::{
    CallOutcome, DisputeObservation, Observation, RefundObservation, TransferAnswer, TransferObservation,
};
use domain::rows::{FailureCause, PaymentMethod};
use domain::{BookingId, Money, Timestamp};
use providers::webhook::{EventContent, MalformedEvent, VerifiedEvent, WebhookRefused};
use providers::{
    Capabilities, CustomerOrder, EventPage, EvidenceOrder, ListedPage, ListedRefund, ListedTransfer,
    ObjectCall, PaymentOrder, Provider, RefundOrder, SavedMethod, SavedMethods, TransferOrder,
    TransferReversalOrder, WebhookHead, port,
};

use crate::metrics::catalogue::{PROVIDER_CALL_SECONDS, PROVIDER_CALLS};
use crate::metrics::labels::{Answer, Call, Label as _, ProviderLabel as Name};
use crate::ports::telemetry::SpanSide;
use crate::work_context;

pub struct MeteredProvider {
    inner: Arc<dyn Provider>,
    name: Name,
}

impl MeteredProvider {
    pub fn new(inner: Arc<dyn Provider>, name: Name) -> MeteredProvider {
        MeteredProvider { inner, name }
    }

    async fn watch<T>(
        &self,
        call: Call,
        request: impl Future<Output = CallOutcome<T>>,
        answer: fn(&CallOutcome<T>) -> Answer,
    ) -> CallOutcome<T> {
        let began = Instant::now();
        let name = || format!("{} {}", self.name.value(), call.value());
        let span =
            work_context::current().and_then(|work_context| work_context.begin(name, SpanSide::Client));
        let outcome = request.await;
        let answer = answer(&outcome);
        PROVIDER_CALL_SECONDS.record((self.name, call), began.elapsed());
        PROVIDER_CALLS.increment((self.name, call, answer));
        if let Some(code) = our_fault(&outcome) {
            // The customer is not at fault, and nobody else reports it.
            tracing::error!(
                provider = self.name.value(),
                call = call.value(),
                code,
                "the provider rejected our request as faulty"
            );
        }
        if let Some(span) = span {
            span.set("answer", answer.value().to_owned());
            if matches!(answer, Answer::NotSent | Answer::Unknown) {
                span.fail(answer.value());
            }
        }
        outcome
    }
}

fn our_fault<T>(outcome: &CallOutcome<T>) -> Option<&str> {
    match outcome {
        CallOutcome::Refused { code, cause: FailureCause::OurRequest, .. } => Some(code),
        _ => None,
    }
}

fn outcome_label<T>(outcome: &CallOutcome<T>) -> Answer {
    match outcome {
        CallOutcome::Object(_) => Answer::Object,
        CallOutcome::Refused { cause: FailureCause::OurRequest, .. } => Answer::Rejected,
        CallOutcome::Refused { .. } => Answer::Refused,
        CallOutcome::NotSent { .. } => Answer::NotSent,
        CallOutcome::Unknown { .. } => Answer::Unknown,
    }
}

impl Provider for MeteredProvider {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn api(&self, method: &PaymentMethod) -> Option<&'static str> {
        self.inner.api(method)
    }

    fn create<'a>(&'a self, order: &'a PaymentOrder) -> port::CallFuture<'a, Observation> {
        Box::pin(self.watch(Call::Create, self.inner.create(order), outcome_label))
    }

    fn create_customer<'a>(&'a self, order: &'a CustomerOrder) -> port::CallFuture<'a, String> {
        Box::pin(self.watch(Call::CreateCustomer, self.inner.create_customer(order), outcome_label))
    }

    fn saved_methods<'a>(&'a self, customer: &'a str) -> port::CallFuture<'a, SavedMethods> {
        Box::pin(self.watch(Call::SavedMethods, self.inner.saved_methods(customer), outcome_label))
    }

    fn saved_method<'a>(&'a self, object: &'a str) -> port::CallFuture<'a, Option<SavedMethod>> {
        Box::pin(self.watch(Call::SavedMethod, self.inner.saved_method(object), outcome_label))
    }

    fn detach_method<'a>(&'a self, action: ObjectCall<'a>) -> port::CallFuture<'a, SavedMethod> {
        Box::pin(self.watch(Call::DetachMethod, self.inner.detach_method(action), outcome_label))
    }

    fn confirm<'a>(&'a self, order: &'a PaymentOrder, object: &'a str) -> port::CallFuture<'a, Observation> {
        Box::pin(self.watch(Call::Confirm, self.inner.confirm(order, object), outcome_label))
    }

    fn fetch<'a>(&'a self, object: &'a str) -> port::CallFuture<'a, Observation> {
        Box::pin(self.watch(Call::Fetch, self.inner.fetch(object), outcome_label))
    }

    fn find<'a>(&'a self, order: &'a PaymentOrder) -> port::CallFuture<'a, Option<Observation>> {
        Box::pin(self.watch(Call::Find, self.inner.find(order), outcome_label))
    }

    fn capture<'a>(&'a self, action: ObjectCall<'a>, amount: Money) -> port::CallFuture<'a, Observation> {
        Box::pin(self.watch(Call::Capture, self.inner.capture(action, amount), outcome_label))
    }

    fn cancel<'a>(&'a self, action: ObjectCall<'a>) -> port::CallFuture<'a, Observation> {
        Box::pin(self.watch(Call::Cancel, self.inner.cancel(action), outcome_label))
    }

    fn refund<'a>(&'a self, refund: &'a RefundOrder) -> port::CallFuture<'a, RefundObservation> {
        Box::pin(self.watch(Call::Refund, self.inner.refund(refund), outcome_label))
    }

    fn refunds_of<'a>(&'a self, object: &'a str) -> port::CallFuture<'a, Vec<ListedRefund>> {
        Box::pin(self.watch(Call::RefundsOf, self.inner.refunds_of(object), outcome_label))
    }

    fn fetch_refund<'a>(
        &'a self,
        payment_object: &'a str,
        object: &'a str,
    ) -> port::CallFuture<'a, RefundObservation> {
        let call = self.inner.fetch_refund(payment_object, object);
        Box::pin(self.watch(Call::FetchRefund, call, outcome_label))
    }

    fn submit_evidence<'a>(&'a self, order: &'a EvidenceOrder) -> port::CallFuture<'a, DisputeObservation> {
        Box::pin(self.watch(Call::SubmitEvidence, self.inner.submit_evidence(order), outcome_label))
    }

    fn fetch_dispute<'a>(&'a self, object: &'a str) -> port::CallFuture<'a, DisputeObservation> {
        Box::pin(self.watch(Call::FetchDispute, self.inner.fetch_dispute(object), outcome_label))
    }

    fn transfer<'a>(&'a self, order: &'a TransferOrder) -> port::CallFuture<'a, TransferAnswer> {
        Box::pin(self.watch(Call::Transfer, self.inner.transfer(order), outcome_label))
    }

    fn transfers_of(&self, booking: BookingId) -> port::CallFuture<'_, Vec<ListedTransfer>> {
        Box::pin(self.watch(Call::TransfersOf, self.inner.transfers_of(booking), outcome_label))
    }

    fn reverse_transfer<'a>(&'a self, order: &'a TransferReversalOrder) -> port::CallFuture<'a, String> {
        Box::pin(self.watch(Call::ReverseTransfer, self.inner.reverse_transfer(order), outcome_label))
    }

    fn fetch_transfer<'a>(&'a self, object: &'a str) -> port::CallFuture<'a, TransferObservation> {
        Box::pin(self.watch(Call::FetchTransfer, self.inner.fetch_transfer(object), outcome_label))
    }

    fn events<'a>(
        &'a self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&'a str>,
    ) -> port::CallFuture<'a, EventPage> {
        Box::pin(self.watch(Call::Events, self.inner.events(from, before, page), outcome_label))
    }

    fn listed<'a>(
        &'a self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&'a str>,
    ) -> port::CallFuture<'a, ListedPage> {
        Box::pin(self.watch(Call::Listed, self.inner.listed(from, before, page), outcome_label))
    }

    fn fetch_events<'a>(&'a self, object: &'a str) -> port::CallFuture<'a, Vec<VerifiedEvent>> {
        Box::pin(self.watch(Call::FetchEvents, self.inner.fetch_events(object), outcome_label))
    }

    fn check_head(&self, head: WebhookHead<'_>) -> Result<(), WebhookRefused> {
        self.inner.check_head(head)
    }

    fn verify(
        &self,
        head: WebhookHead<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Vec<VerifiedEvent>, WebhookRefused> {
        self.inner.verify(head, body, now)
    }

    fn interpret(&self, body: &[u8]) -> Result<EventContent, MalformedEvent> {
        self.inner.interpret(body)
    }
}
