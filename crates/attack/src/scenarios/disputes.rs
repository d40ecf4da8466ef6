//! Disputes by customers' banks: their events come shuffled, repeatedly and late, and replies of the provider are
//! lost.
//!
//! | part | what the bank does | what must hold |
//! |---|---|---|
//! | inquiry | asks about the payment of a booking, and closes the inquiry | the booking stays confirmed, no money moves, refunds are possible |
//! | story | asks, takes the money back, decides | one dispute, in the state and with the sums of the bank's decision |
//! | refund | takes a part back; a client refunds another part meanwhile | the refund is refused until the bank has decided |
//! | evidence | takes a part back; a client submits evidence, twice | the bank gets it once |
//! | chargeback | takes a payment at Mercado Pago back, and decides; a client refunds it meanwhile | as in the story, and the refund is refused |
//! | MED | takes a part of a Pix at a bank back | the payment shows the part as disputed |

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::by_hand::person::Person;
use crate::methods::{MERCADO_PAGO, PIX_AT_BANK, STRIPE};
use crate::operation_request::PRICE_MINOR;
use crate::{
    Deployment, Error, ExpectedEffect, Need, OperationAnswer, OperationRequest, RetryingClient, Scenario,
    ScenarioContext, Tuning, judge,
};

pub const SCENARIO: Scenario = Scenario {
    number: 20,
    name: "disputes",
    promise: "A dispute ends once and in the same sums in any order of its events; an inquiry revokes nothing; disputed money is not refunded as well; and the bank gets evidence once.",
    needs: &[Need::Deployment],
    always: &[
        "an_inquiry_revokes_nothing",
        "a_dispute_ends_the_same_in_any_order",
        "a_refund_is_refused_beside_a_dispute",
        "the_bank_gets_evidence_once",
    ],
    sometimes: &[
        "an_inquiry_was_closed",
        "the_bank_decided",
        "refused_a_refund",
        "submitted_evidence",
        "charged_back_at_mercado_pago",
        "taken_back_from_a_bank",
    ],
    run: |context| Box::pin(run(context)),
};

/// Operations for each payment of each part.
const OPERATIONS_A_PAYMENT: usize = 20;
const PAYMENTS_MIN: usize = 3;
const PAYMENTS_MAX: usize = 20;
const HOLD_SECONDS: u32 = 3_600;
const DISPUTED_MINOR: i64 = 900;
const REFUNDED_MINOR: i64 = 700;

/// Well above the time between two reads of the provider's events.
fn followed_within(context: &ScenarioContext) -> Duration {
    Duration::from_secs(if context.findings.any_broken() { 3 } else { 30 })
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = (context.operations() / OPERATIONS_A_PAYMENT).clamp(PAYMENTS_MIN, PAYMENTS_MAX);
    let tuning =
        Tuning::default().with("workers", "events_every_ms", 500).with("breaker", "calls_min", 10_000);
    let mut deployment = context.deploy(&tuning).await?;
    for drop in [0.0, 1.0] {
        let faults = json!({
            "webhook_shuffle": true, "webhook_duplicates": 2, "webhook_drop": drop, "commit_then_drop": 0.2,
        });
        deployment.set_faults(faults).await?;
        context.progress.counts("disputes", 6 * count);
        let (deployment, context) = (&deployment, &context);
        let at =
            |number: usize| Disputed::new(context, deployment, format!("disputes-{drop}-{number}"), number);
        let numbers = || 0..count;
        tokio::try_join!(
            try_join_all(numbers().map(|number| async move { at(number)?.inquiry().await })),
            try_join_all(numbers().map(|number| async move { at(number)?.story(number).await })),
            try_join_all(numbers().map(|number| async move { at(number)?.refund().await })),
            try_join_all(numbers().map(|number| async move { at(number)?.evidence().await })),
            try_join_all(numbers().map(|number| async move { at(number)?.charge_back(number).await })),
            try_join_all(numbers().map(|number| async move { at(number)?.taken_back().await })),
        )?;
    }
    deployment.set_faults(json!({})).await?;
    Person::of(&context, &deployment)?.closes_every_case().await?;
    deployment.all_alive()?;
    judge(&context, &deployment).await.map(drop)
}

/// One payment, its client, and the bank that disputes it.
struct Disputed<'a> {
    context: &'a ScenarioContext,
    deployment: &'a Deployment,
    caller: RetryingClient,
    person: Person,
    name: String,
}

impl Disputed<'_> {
    fn new<'a>(
        context: &'a ScenarioContext,
        deployment: &'a Deployment,
        name: String,
        number: usize,
    ) -> Result<Disputed<'a>, Error> {
        let (caller, person) = (context.caller(&deployment.target, number), Person::of(context, deployment)?);
        Ok(Disputed { context, deployment, caller, person, name })
    }

    fn operation(&self, kind: &str) -> String {
        self.context.operation(format!("{}-{kind}", self.name))
    }

    fn always(&self, promise: &'static str, holds: bool, what: &str, seen: &Value) {
        self.context.findings.always(promise, holds, || format!("{what}: {seen}"));
    }

    /// The payment's id, and the id of the provider's object.
    async fn makes(&mut self, request: &OperationRequest) -> Result<(String, String), Error> {
        let made = self.caller.retry_until_definite(request).await?;
        self.captured(&request.operation, &made).await
    }

    /// The same of a payment that was made.
    async fn captured(&mut self, operation: &str, made: &OperationAnswer) -> Result<(String, String), Error> {
        let id = made.id().filter(|_| made.is_success());
        let unexpected = || Error::Unexpected { operation: operation.to_owned(), outcome: made.summary() };
        let id = id.ok_or_else(unexpected)?;
        let path = format!("/v1/payments/{id}");
        let captured = |seen: &Value| seen["captured"]["minor"] == PRICE_MINOR;
        let seen = self.caller.until(&path, followed_within(self.context), captured).await?;
        let object = seen["provider_reference"].as_str().filter(|_| captured(&seen));
        Ok((id, object.ok_or_else(unexpected)?.to_owned()))
    }

    async fn charges(&mut self, operation: &str) -> Result<(String, String), Error> {
        self.makes(&OperationRequest::charge(operation, PRICE_MINOR, &STRIPE)).await
    }

    /// Waits until the payment has one dispute in this state.
    async fn shows(&mut self, payment: &str, state: &str) -> Result<Value, Error> {
        let path = format!("/v1/disputes?payment_id={payment}");
        let so = |seen: &Value| {
            let rows = seen["data"].as_array();
            rows.is_some_and(|rows| rows.len() == 1 && rows[0]["state"] == state)
        };
        let seen = self.caller.until(&path, followed_within(self.context), so).await?;
        self.always("a_dispute_ends_the_same_in_any_order", so(&seen), state, &seen);
        Ok(seen["data"][0].clone())
    }

    /// Waits until the bank has this sum of the payment, and decides nothing more.
    async fn keeps(&mut self, payment: &str, minor: i64, what: &str) -> Result<(), Error> {
        let path = format!("/v1/payments/{payment}");
        let ended = |seen: &Value| seen["disputed"]["minor"] == minor && seen["open_disputes"] == 0;
        let seen = self.caller.until(&path, followed_within(self.context), ended).await?;
        self.always("a_dispute_ends_the_same_in_any_order", ended(&seen), what, &seen);
        Ok(())
    }

    async fn inquiry(mut self) -> Result<(), Error> {
        let operation = self.operation("asked");
        let hold = format!("{operation}-hold");
        let hold = OperationRequest::hold(&hold, &self.deployment.target.catalogue, 0, HOLD_SECONDS);
        let held = self.caller.retry_until_definite(&hold).await?;
        let booking = held.id().filter(|_| held.is_success());
        let booking = booking.ok_or_else(|| Error::Unexpected {
            operation: hold.operation.clone(),
            outcome: held.summary(),
        })?;
        let (payment, object) =
            self.makes(&OperationRequest::pay(&operation, &booking, PRICE_MINOR, &STRIPE)).await?;
        let path = format!("/v1/bookings/{booking}");
        let confirmed = |seen: &Value| seen["state"] == "confirmed";
        self.caller.until(&path, followed_within(self.context), confirmed).await?;
        let dispute = self.person.sees_an_inquiry(&object).await?;
        self.shows(&payment, "inquiry").await?;
        let of_payment = format!("/v1/payments/{payment}");
        let untouched = |seen: &Value| seen["disputed"]["minor"] == 0 && seen["open_disputes"] == 0;
        let (booking, seen) =
            (self.caller.get(&path, None).await?, self.caller.get(&of_payment, None).await?);
        let promise = "an_inquiry_revokes_nothing";
        self.always(promise, confirmed(&booking) && booking["due"]["minor"] == 0, "a booking", &booking);
        self.always(promise, untouched(&seen), "a payment", &seen);
        self.person.sees_it_decided(&dispute, "won").await?;
        self.shows(&payment, "closed").await?;
        let seen = self.caller.get(&of_payment, None).await?;
        self.always(promise, untouched(&seen), "a payment", &seen);
        self.context.findings.reached("an_inquiry_was_closed");
        self.context.progress.advance();
        Ok(())
    }

    /// All of it happens at once, so that no event is seen before the next one is made.
    async fn story(mut self, number: usize) -> Result<(), Error> {
        let operation = self.operation("story");
        let (payment, object) = self.charges(&operation).await?;
        let dispute = self.person.sees_an_inquiry(&object).await?;
        self.person.sees_it_decided(&dispute, "escalated").await?;
        let (outcome, kept) = if number.is_multiple_of(2) { ("won", 0) } else { ("lost", PRICE_MINOR) };
        self.person.sees_it_decided(&dispute, outcome).await?;
        self.shows(&payment, outcome).await?;
        self.keeps(&payment, kept, outcome).await?;
        self.context.findings.reached("the_bank_decided");
        self.context.progress.advance();
        Ok(())
    }

    async fn refund(mut self) -> Result<(), Error> {
        let operation = self.operation("beside");
        let (payment, object) = self.charges(&operation).await?;
        let dispute = self.person.sees_a_dispute(&object, DISPUTED_MINOR).await?;
        self.shows(&payment, "opened").await?;
        let name = format!("{operation}-refund");
        let refund = OperationRequest::refund(&name, &payment, &operation, &STRIPE.money(REFUNDED_MINOR));
        let answer = self.caller.retry_until_definite(&refund.that_may_be_refused()).await?;
        let refused = answer.code().as_deref() == Some("payment_is_disputed");
        let seen = json!(answer.summary());
        self.always("a_refund_is_refused_beside_a_dispute", refused, "a refund", &seen);
        if refused {
            self.context.findings.reached("refused_a_refund");
        }
        self.person.sees_it_decided(&dispute, "won").await?;
        self.shows(&payment, "won").await?;
        let name = format!("{operation}-later");
        let later = OperationRequest::refund(&name, &payment, &operation, &STRIPE.money(REFUNDED_MINOR));
        let answer = self.caller.retry_until_definite(&later.that_may_be_refused()).await?;
        let done = answer.is_success() || !refused;
        let seen = json!(answer.summary());
        self.always("a_refund_is_refused_beside_a_dispute", done, "a refund after the decision", &seen);
        self.context.progress.advance();
        Ok(())
    }

    async fn charge_back(mut self, number: usize) -> Result<(), Error> {
        let operation = self.operation("charged-back");
        let (payment, object) =
            self.makes(&OperationRequest::charge(&operation, PRICE_MINOR, &MERCADO_PAGO)).await?;
        let path = format!("/sandbox/mercado_pago/payments/{object}");
        self.person.sees_a_bank_act(&format!("{path}/charge_back"), &json!({})).await?;
        self.shows(&payment, "opened").await?;
        let name = format!("{operation}-refund");
        let part = MERCADO_PAGO.money(REFUNDED_MINOR);
        let refund = OperationRequest::refund(&name, &payment, &operation, &part);
        let answer = self.caller.retry_until_definite(&refund.that_may_be_refused()).await?;
        let refused = answer.code().as_deref() == Some("payment_is_disputed");
        let seen = json!(answer.summary());
        self.always("a_refund_is_refused_beside_a_dispute", refused, "a refund at Mercado Pago", &seen);
        let (action, outcome, kept) =
            if number.is_multiple_of(2) { ("reimburse", "won", 0) } else { ("settle", "lost", PRICE_MINOR) };
        self.person.sees_a_bank_act(&format!("{path}/{action}"), &json!({})).await?;
        self.shows(&payment, outcome).await?;
        self.keeps(&payment, kept, outcome).await?;
        self.context.findings.reached("charged_back_at_mercado_pago");
        self.context.progress.advance();
        Ok(())
    }

    async fn taken_back(mut self) -> Result<(), Error> {
        let operation = self.operation("taken-back");
        let charge = OperationRequest::charge(&operation, PRICE_MINOR, &PIX_AT_BANK);
        let made = self.caller.retry_until_definite(&charge).await?;
        PIX_AT_BANK.customer_pays(&self.deployment.target, &made).await?;
        let (payment, object) = self.captured(&operation, &made).await?;
        let path = format!("/sandbox/pix/cob/{object}/med");
        self.person.sees_a_bank_act(&path, &json!({ "valor": "9.00" })).await?;
        self.keeps(&payment, DISPUTED_MINOR, "taken back").await?;
        self.context.findings.reached("taken_back_from_a_bank");
        self.context.progress.advance();
        Ok(())
    }

    async fn evidence(mut self) -> Result<(), Error> {
        let operation = self.operation("answered");
        let (payment, object) = self.charges(&operation).await?;
        let dispute = self.person.sees_a_dispute(&object, DISPUTED_MINOR).await?;
        let row = self.shows(&payment, "opened").await?;
        let path = format!("/v1/disputes/{}", row["id"].as_str().unwrap_or_default());
        let body = json!({ "statement": "They came." });
        for name in [format!("{operation}-evidence"), format!("{operation}-again")] {
            let request =
                OperationRequest::new(&name, &format!("{path}/evidence"), &body, ExpectedEffect::Nothing);
            self.caller.retry_until_definite(&request.that_may_be_refused()).await?;
        }
        let so =
            |seen: &Value| seen["evidence_submitted_at"].is_string() && seen["evidence_in_progress"] == false;
        let seen = self.caller.until(&path, followed_within(self.context), so).await?;
        let promise = "the_bank_gets_evidence_once";
        self.always(promise, so(&seen), "evidence", &seen);
        let mut shown = self.person.looks_at_a_dispute(&dispute).await;
        // A reply that is lost is a fault that was set here.
        while shown.is_err() {
            shown = self.person.looks_at_a_dispute(&dispute).await;
        }
        let shown = shown?["evidence_details"].clone();
        self.always(promise, shown["submission_count"] == 1, "evidence at the provider", &shown);
        self.person.sees_it_decided(&dispute, "won").await?;
        self.shows(&payment, "won").await?;
        self.context.findings.reached("submitted_evidence");
        self.context.progress.advance();
        Ok(())
    }
}
