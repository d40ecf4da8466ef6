//! Operations without an outcome at their deadline become review cases. When the provider is back,
//! no request of ours may repeat what the person did.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::followed_within;
use super::jobs_in_review::JobsInReview;
use super::person::Person;
use crate::methods::STRIPE;
use crate::operation_request::PRICE_MINOR;
use crate::{Deployment, Error, OperationRequest, RetryingClient, ScenarioContext};
use check::{RecordedCall, money};

pub(super) const DEADLINE_SECONDS: u64 = 3;
const REFUNDED_MINOR: i64 = 1_000;
const CAPTURED_MINOR: i64 = 1_500;
/// The person captures this amount instead of the requested one.
const OTHERWISE_MINOR: i64 = 2_000;
/// The provider's delay of a creation: it is out of reach by then, and nothing was confirmed.
const ANSWER_LATE_MS: u64 = 1_200;
/// The prefix of our idempotency keys.
const OUR_KEYS: &str = "surehold-";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Refund,
    /// The person captures the requested amount.
    Capture,
    CaptureOtherwise,
    /// The person does nothing, and we capture later.
    Cancel,
}

const KINDS: [Kind; 4] = [Kind::Refund, Kind::Capture, Kind::CaptureOtherwise, Kind::Cancel];

/// One payment with an operation that got no outcome.
struct Handed {
    kind: Kind,
    /// The operation that captured or authorised the money.
    of: String,
    payment: String,
    object: String,
    caller: RetryingClient,
    person: Person,
}

pub(super) async fn run(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    count: usize,
) -> Result<(), Error> {
    let mut handed =
        try_join_all((0..KINDS.len() * count).map(|number| paid(context, deployment, number))).await?;
    let charges = charges_without_an_outcome(context, deployment, count).await?;
    context.progress.counts("handed over to a person", handed.len());
    try_join_all(handed.iter_mut().map(|handed| handed.request_without_outcome(context))).await?;
    all_answered(context, deployment, &charges).await?;

    let before = calls(deployment).await?.len();
    deployment.set_faults(json!({})).await?;
    let jobs = JobsInReview::of(deployment).await?;
    try_join_all(handed.iter_mut().map(|handed| handed.is_settled_by_hand(context))).await?;
    jobs.each_has_fetched_again().await?;
    let moved = calls(deployment).await?.split_off(before).into_iter().filter(moves_money);
    let moved: Vec<String> = moved.map(|call| format!("{} {}", call.method, call.path)).collect();
    context.findings.always("what_a_person_has_is_left_alone", moved.is_empty(), || {
        format!("what a person has was sent all the same: {moved:?}")
    });
    let mut person = Person::of(context, deployment)?;
    another_amount_has_a_case(context, &mut person, &handed).await?;
    person.closes_every_case().await?;
    for handed in &mut handed {
        handed.goes_on(context).await?;
        context.progress.advance();
    }
    person.closes_every_case().await
}

async fn paid(context: &ScenarioContext, deployment: &Deployment, number: usize) -> Result<Handed, Error> {
    let (mut caller, person) = (context.caller(&deployment.target, number), Person::of(context, deployment)?);
    let of = context.operation(format!("handed-{number}"));
    let kind = KINDS[number % KINDS.len()];
    let request = match kind {
        Kind::Refund => OperationRequest::charge(&of, PRICE_MINOR, &STRIPE),
        _ => OperationRequest::authorize(&of, PRICE_MINOR, &STRIPE),
    };
    let made = caller.retry_until_definite(&request).await?;
    let object = made.body["provider_reference"].as_str().map(str::to_owned);
    let both = made.id().zip(object).filter(|_| made.is_success());
    let (payment, object) =
        both.ok_or_else(|| Error::Unexpected { operation: of.clone(), outcome: made.summary() })?;
    let mut handed = Handed { kind, of, payment, object, caller, person };
    // Otherwise the job would still fetch its evidence while the provider is down.
    handed
        .caller
        .until(&handed.path(), followed_within(context), |seen| seen["confirmed_by_provider"] == true)
        .await?;
    Ok(handed)
}

/// Creates objects whose confirmation cannot reach the provider. On return the provider is still
/// out of reach.
async fn charges_without_an_outcome(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    count: usize,
) -> Result<Vec<OperationRequest>, Error> {
    let charge = |number| {
        let operation = context.operation(format!("handed-charge-{number}"));
        OperationRequest::charge(&operation, PRICE_MINOR, &STRIPE).that_may_be_refused()
    };
    let requests: Vec<OperationRequest> = (0..count).map(charge).collect();
    deployment.set_faults(json!({ "answer_delay_ms": [ANSWER_LATE_MS, ANSWER_LATE_MS] })).await?;
    for (number, request) in requests.iter().enumerate() {
        let mut caller = context.caller(&deployment.target, number).with_timeout(Duration::from_millis(20));
        caller.send_once(request).await?;
    }
    tokio::time::sleep(Duration::from_millis(ANSWER_LATE_MS / 3)).await;
    deployment.set_faults(json!({ "unavailable": 1 })).await?;
    Ok(requests)
}

async fn all_answered(
    context: &ScenarioContext,
    deployment: &Deployment,
    requests: &[OperationRequest],
) -> Result<(), Error> {
    let answered = requests.iter().enumerate().map(|(number, request)| async move {
        let answer = context.caller(&deployment.target, number).retry_until_definite(request).await?;
        if answer.status == 202 {
            context.findings.reached("handed_over_a_charge");
        }
        Ok::<_, Error>(())
    });
    try_join_all(answered).await.map(drop)
}

async fn calls(deployment: &Deployment) -> Result<Vec<RecordedCall>, Error> {
    Ok(deployment.books().await?.map(|books| books.calls).unwrap_or_default())
}

/// A call of ours that can move money. The cancellation of an unconfirmed object is allowed: it
/// moves none.
fn moves_money(call: &RecordedCall) -> bool {
    let ours = call.idempotency_key.as_deref().is_some_and(|key| key.starts_with(OUR_KEYS));
    let ends = ["/v1/refunds", "/capture", "/confirm"];
    ours && call.method == "POST" && ends.iter().any(|end| call.path.ends_with(end))
}

/// Each capture of another amount than requested must have a case that shows it.
async fn another_amount_has_a_case(
    context: &ScenarioContext,
    person: &mut Person,
    handed: &[Handed],
) -> Result<(), Error> {
    let cases = person.open_cases().await?;
    for handed in handed.iter().filter(|handed| handed.kind == Kind::CaptureOtherwise) {
        let of_it = |case: &&Value| {
            case["subject_id"] == handed.payment.as_str() && case["reason"] == "provider_contradicts"
        };
        context.findings.always("another_sum_is_told", cases.iter().any(|case| of_it(&case)), || {
            format!("{}: {CAPTURED_MINOR} was to be captured, and {OTHERWISE_MINOR} was", handed.of)
        });
    }
    Ok(())
}

impl Handed {
    fn path(&self) -> String {
        format!("/v1/payments/{}", self.payment)
    }

    /// The answer under the key is the stored unknown outcome.
    async fn request_without_outcome(&mut self, context: &ScenarioContext) -> Result<(), Error> {
        let operation = format!("{}-vain", self.of);
        let (request, reached) = match self.kind {
            Kind::Refund => (
                OperationRequest::refund(&operation, &self.payment, &self.of, &STRIPE.money(REFUNDED_MINOR)),
                "handed_over_a_refund",
            ),
            Kind::Capture | Kind::CaptureOtherwise => (
                OperationRequest::capture(&operation, &self.payment, &self.of, &STRIPE.money(CAPTURED_MINOR)),
                "handed_over_a_capture",
            ),
            Kind::Cancel => {
                (OperationRequest::void(&operation, &self.payment, &self.of), "handed_over_a_cancel")
            }
        };
        let answer = self.caller.retry_until_definite(&request).await?;
        if answer.status != 202 {
            return Err(Error::Unexpected { operation, outcome: answer.summary() });
        }
        context.findings.reached(reached);
        Ok(())
    }

    async fn is_settled_by_hand(&mut self, context: &ScenarioContext) -> Result<(), Error> {
        let (name, of, object) = (format!("{}-hand", self.of), &self.of, &self.object);
        match self.kind {
            Kind::Refund => self.person.refunds(&name, of, object, REFUNDED_MINOR).await?,
            Kind::Capture => self.person.captures(&name, of, object, CAPTURED_MINOR).await?,
            Kind::CaptureOtherwise => self.person.captures(&name, of, object, OTHERWISE_MINOR).await?,
            Kind::Cancel => {}
        }
        match self.kind {
            Kind::Refund => self.follows(context, "refunded", REFUNDED_MINOR).await,
            Kind::Capture => self.follows(context, "captured", CAPTURED_MINOR).await,
            Kind::CaptureOtherwise | Kind::Cancel => Ok(()),
        }
    }

    /// Once the case is closed, the provider's state counts, and the rest can be requested.
    async fn goes_on(&mut self, context: &ScenarioContext) -> Result<(), Error> {
        let (name, payment, of) = (format!("{}-on", self.of), &self.payment, &self.of);
        let request = match self.kind {
            Kind::Refund => OperationRequest::refund_rest(&name, payment, of, PRICE_MINOR - REFUNDED_MINOR),
            Kind::Cancel => OperationRequest::capture(&name, payment, of, &STRIPE.money(PRICE_MINOR)),
            Kind::Capture => return Ok(()),
            Kind::CaptureOtherwise => return self.follows(context, "captured", OTHERWISE_MINOR).await,
        };
        let answer = self.caller.retry_until_definite(&request).await?;
        context.findings.always("what_a_person_does_is_followed", answer.is_success(), || {
            format!("{name}: the rest cannot be requested: {}", answer.summary())
        });
        Ok(())
    }

    async fn follows(&mut self, context: &ScenarioContext, sum: &str, minor: i64) -> Result<(), Error> {
        let so = |seen: &Value| seen[sum]["minor"] == minor;
        let path = self.path();
        let seen = self.caller.until(&path, followed_within(context), so).await?;
        context.findings.always("what_a_person_does_is_followed", so(&seen), || {
            let shown = seen[sum]["minor"].as_i64().unwrap_or_default();
            let (by_hand, shown) = (money(minor, STRIPE.currency), money(shown, STRIPE.currency));
            format!("{}: {by_hand} were {sum} by hand, and it is {shown}", self.of)
        });
        Ok(())
    }
}
