//! Money moves at the provider without a request of ours. A webhook or a fetch must bring it into
//! our books.

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::followed_within;
use super::person::Person;
use crate::methods::{PaymentMethod, STRIPE};
use crate::operation_request::PRICE_MINOR;
use crate::{Deployment, Error, OperationRequest, RetryingClient, ScenarioContext};

const HOLD_SECONDS: u32 = 3_600;
const PART_MINOR: i64 = 700;
const DISPUTED_MINOR: i64 = 900;
const CAPTURED_MINOR: i64 = 1_700;

pub(super) async fn run(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    count: usize,
) -> Result<(), Error> {
    for lost in [0, 1] {
        deployment.set_faults(json!({ "webhook_drop": lost })).await?;
        context.progress.counts("by hand at the provider", 4 * count);
        let deployment = &*deployment;
        let at = |number: usize| Beside::new(context, deployment, format!("beside-{lost}-{number}"), number);
        let numbers = || 0..count;
        tokio::try_join!(
            try_join_all(numbers().map(|number| async move { at(number)?.refund().await })),
            try_join_all(numbers().map(|number| async move { at(number)?.capture().await })),
            try_join_all(numbers().map(|number| async move { at(number)?.let_go().await })),
            try_join_all(numbers().map(|number| async move { at(number)?.dispute(number).await })),
        )?;
        if lost == 1 {
            context.findings.reached("read_back_without_a_webhook");
        }
    }
    Person::of(context, deployment)?.closes_every_case().await
}

/// One payment, its client, and the person who acts on it.
struct Beside<'a> {
    context: &'a ScenarioContext,
    deployment: &'a Deployment,
    caller: RetryingClient,
    person: Person,
    name: String,
    method: &'static PaymentMethod,
}

impl Beside<'_> {
    fn new<'a>(
        context: &'a ScenarioContext,
        deployment: &'a Deployment,
        name: String,
        number: usize,
    ) -> Result<Beside<'a>, Error> {
        let (caller, method) = (context.caller(&deployment.target, number), context.card(number));
        let person = Person::of(context, deployment)?.at(method);
        Ok(Beside { context, deployment, caller, person, name, method })
    }

    fn operation(&self, kind: &str) -> String {
        self.context.operation(format!("{}-{kind}", self.name))
    }

    /// The payment's id, and the id of the provider's object.
    async fn makes(&mut self, request: &OperationRequest) -> Result<(String, String), Error> {
        let made = self.caller.retry_until_definite(request).await?;
        let object = made.body["provider_reference"].as_str().map(str::to_owned);
        let made_both = made.id().zip(object).filter(|_| made.is_success());
        made_both.ok_or_else(|| Error::Unexpected {
            operation: request.operation.clone(),
            outcome: made.summary(),
        })
    }

    /// Waits until the payment shows the movement, and records whether it did.
    async fn follows(&mut self, path: &str, what: &str, so: impl Fn(&Value) -> bool) -> Result<(), Error> {
        let seen = self.caller.until(path, followed_within(self.context), &so).await?;
        self.context
            .findings
            .always("what_a_person_does_is_followed", so(&seen), || format!("{what}: {seen}"));
        Ok(())
    }

    /// The person refunds two parts, and a client the rest.
    async fn refund(mut self) -> Result<(), Error> {
        let operation = self.operation("refunded");
        let request = OperationRequest::charge(&operation, PRICE_MINOR, self.method);
        let (payment, object) = self.makes(&request).await?;
        let path = format!("/v1/payments/{payment}");
        for part in 1..=2 {
            self.person.refunds(&format!("{operation}-{part}"), &operation, &object, PART_MINOR).await?;
            let refunded = part * PART_MINOR;
            self.follows(&path, "a refund by hand", |seen| seen["refunded"]["minor"] == refunded).await?;
        }
        let rest = PRICE_MINOR - 2 * PART_MINOR;
        let request = OperationRequest::refund_rest(&format!("{operation}-rest"), &payment, &operation, rest);
        let answer = self.caller.retry_until_definite(&request).await?;
        let all = answer.is_success() && answer.body["amount"]["minor"] == rest;
        self.context.findings.always("what_a_person_does_is_followed", all, || {
            format!("{operation}: {rest} are left, and a refund of the rest is answered {}", answer.summary())
        });
        self.context.progress.advance();
        Ok(())
    }

    /// The payment covers the booking with the part that was captured.
    async fn capture(mut self) -> Result<(), Error> {
        let operation = self.operation("captured");
        let hold = OperationRequest::hold(
            &format!("{operation}-hold"),
            self.deployment.target.catalogue_for(self.method),
            0,
            HOLD_SECONDS,
        );
        let held = self.caller.retry_until_definite(&hold).await?;
        let booking = held.id().filter(|_| held.is_success());
        let booking = booking.ok_or_else(|| Error::Unexpected {
            operation: hold.operation.clone(),
            outcome: held.summary(),
        })?;
        let (_, object) = self
            .makes(&OperationRequest::reserve_money(&operation, &booking, PRICE_MINOR, self.method))
            .await?;
        let path = format!("/v1/bookings/{booking}");
        self.follows(&path, "its money is reserved", |seen| seen["state"] == "confirmed").await?;
        self.person.captures(&format!("{operation}-hand"), &operation, &object, CAPTURED_MINOR).await?;
        let paid = |seen: &Value| {
            seen["state"] == "confirmed"
                && seen["paid"]["minor"] == CAPTURED_MINOR
                && seen["due"]["minor"] == 0
        };
        self.follows(&path, "a capture by hand", paid).await?;
        self.context.progress.advance();
        Ok(())
    }

    async fn let_go(mut self) -> Result<(), Error> {
        let operation = self.operation("let-go");
        let request = OperationRequest::authorize(&operation, PRICE_MINOR, self.method);
        let (payment, object) = self.makes(&request).await?;
        self.person.lets_go(&format!("{operation}-hand"), &operation, &object).await?;
        let ended = |seen: &Value| seen["state"] == "lapsed" || seen["state"] == "cancelled";
        self.follows(&format!("/v1/payments/{payment}"), "let go by hand", ended).await?;
        self.context.progress.advance();
        Ok(())
    }

    async fn dispute(mut self, number: usize) -> Result<(), Error> {
        let operation = self.operation("disputed");
        let (payment, object) =
            self.makes(&OperationRequest::charge(&operation, PRICE_MINOR, &STRIPE)).await?;
        let path = format!("/v1/payments/{payment}");
        let dispute = self.person.sees_a_dispute(&object, DISPUTED_MINOR).await?;
        let withdrawn = |seen: &Value| seen["disputed"]["minor"] == DISPUTED_MINOR;
        self.follows(&path, "a dispute", withdrawn).await?;
        if number.is_multiple_of(2) {
            self.person.sees_it_decided(&dispute, "won").await?;
            self.follows(&path, "a dispute that was won", |seen| seen["disputed"]["minor"] == 0).await?;
            self.context.findings.reached("a_dispute_was_won");
        } else {
            self.person.sees_it_decided(&dispute, "lost").await?;
            self.context.findings.reached("a_dispute_was_lost");
        }
        self.context.progress.advance();
        Ok(())
    }
}
