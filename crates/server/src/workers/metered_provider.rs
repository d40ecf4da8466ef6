//! A teller whose calls are counted, timed, and spans of a trace. It changes nothing of what is asked and
//! heard.

use std::sync::Arc;
use std::time::Instant;

use domain::provider::{CallOutcome, Observation, RefundObservation};
use domain::rows::FailureCause;
use domain::time::Span;
use domain::{Money, Timestamp};
use http::HeaderMap;
use providers::webhook::{EventContent, MalformedEvent, VerifiedEvent, WebhookRefused};
use providers::{EventPage, ListedRefund, ObjectCall, PaymentOrder, Provider, RefundOrder, port};

use crate::metrics::catalogue::{PROVIDER_CALL_SECONDS, PROVIDER_CALLS};
use crate::metrics::labels::{Answer, Call, Label as _, Provider as Name};
use crate::ports::telemetry::SpanSide;
use crate::work_context;

pub struct MeteredProvider {
    teller: Arc<dyn Provider>,
    name: Name,
}

impl MeteredProvider {
    pub fn new(teller: Arc<dyn Provider>, name: Name) -> MeteredProvider {
        MeteredProvider { teller, name }
    }

    async fn watch<T>(
        &self,
        call: Call,
        asked: impl Future<Output = CallOutcome<T>>,
        answer: fn(&CallOutcome<T>) -> Answer,
    ) -> CallOutcome<T> {
        let began = Instant::now();
        let name = || format!("{} {}", self.name.value(), call.value());
        let span =
            work_context::current().and_then(|work_context| work_context.begin(name, SpanSide::Client));
        let heard = asked.await;
        let answer = answer(&heard);
        PROVIDER_CALL_SECONDS.record((self.name, call), began.elapsed());
        PROVIDER_CALLS.increment((self.name, call, answer));
        if let Some(code) = our_fault(&heard) {
            // Whoever pays is not to blame, and nobody else will say it.
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
        heard
    }
}

fn our_fault<T>(heard: &CallOutcome<T>) -> Option<&str> {
    match heard {
        CallOutcome::Refused { code, cause: FailureCause::OurRequest, .. } => Some(code),
        _ => None,
    }
}

fn outcome_label<T>(heard: &CallOutcome<T>) -> Answer {
    match heard {
        CallOutcome::Object(_) => Answer::Object,
        CallOutcome::Refused { cause: FailureCause::OurRequest, .. } => Answer::Rejected,
        CallOutcome::Refused { .. } => Answer::Refused,
        CallOutcome::NotSent { .. } => Answer::NotSent,
        CallOutcome::Unknown { .. } => Answer::Unknown,
    }
}

impl Provider for MeteredProvider {
    fn name(&self) -> &'static str {
        self.teller.name()
    }

    fn create<'a>(&'a self, order: &'a PaymentOrder) -> port::CallFuture<'a, Observation> {
        Box::pin(self.watch(Call::Create, self.teller.create(order), outcome_label))
    }

    fn confirm<'a>(&'a self, order: &'a PaymentOrder, object: &'a str) -> port::CallFuture<'a, Observation> {
        Box::pin(self.watch(Call::Confirm, self.teller.confirm(order, object), outcome_label))
    }

    fn fetch<'a>(&'a self, object: &'a str) -> port::CallFuture<'a, Observation> {
        Box::pin(self.watch(Call::Fetch, self.teller.fetch(object), outcome_label))
    }

    fn capture<'a>(&'a self, action: ObjectCall<'a>, amount: Money) -> port::CallFuture<'a, Observation> {
        Box::pin(self.watch(Call::Capture, self.teller.capture(action, amount), outcome_label))
    }

    fn cancel<'a>(&'a self, action: ObjectCall<'a>) -> port::CallFuture<'a, Observation> {
        Box::pin(self.watch(Call::Cancel, self.teller.cancel(action), outcome_label))
    }

    fn refund<'a>(&'a self, refund: &'a RefundOrder) -> port::CallFuture<'a, RefundObservation> {
        Box::pin(self.watch(Call::Refund, self.teller.refund(refund), outcome_label))
    }

    fn refunds_of<'a>(&'a self, object: &'a str) -> port::CallFuture<'a, Vec<ListedRefund>> {
        Box::pin(self.watch(Call::RefundsOf, self.teller.refunds_of(object), outcome_label))
    }

    fn fetch_refund<'a>(&'a self, object: &'a str) -> port::CallFuture<'a, RefundObservation> {
        Box::pin(self.watch(Call::FetchRefund, self.teller.fetch_refund(object), outcome_label))
    }

    fn events<'a>(
        &'a self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&'a str>,
    ) -> port::CallFuture<'a, EventPage> {
        Box::pin(self.watch(Call::Events, self.teller.events(from, before, page), outcome_label))
    }

    fn key_retention(&self) -> Span {
        self.teller.key_retention()
    }

    fn check_headers(&self, headers: &HeaderMap) -> Result<(), WebhookRefused> {
        self.teller.check_headers(headers)
    }

    fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<VerifiedEvent, WebhookRefused> {
        self.teller.verify(headers, body, now)
    }

    fn interpret(&self, body: &[u8]) -> Result<EventContent, MalformedEvent> {
        self.teller.interpret(body)
    }
}
