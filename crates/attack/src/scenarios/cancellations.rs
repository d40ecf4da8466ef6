//! Paid bookings that are cancelled by their quotes, while the provider loses replies and processes are killed.
//!
//! | turn | what clients do | what must hold |
//! |---|---|---|
//! | whole | cancel all tickets | the quoted refund, once |
//! | tickets | cancel one ticket, try to pay again, then cancel the other | the same sum as at once; the penalty is not due again |
//! | rivals | two clients cancel the same booking at the same moment | one of them is refused |
//! | stale | refund all the money, then cancel by a quote of before | the cancellation is refused |
//! | refund | one client cancels, another refunds all the money | one of them is refused, as there is not enough for both |

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::payout::{asks, kill_a_worker};
use crate::methods::STRIPE;
use crate::operation_request::PRICE_MINOR;
use crate::{
    Deployment, Error, ExpectedEffect, Need, OperationAnswer, OperationRequest, RetryingClient, Scenario,
    ScenarioContext, Tuning, judge,
};

pub const SCENARIO: Scenario = Scenario {
    number: 23,
    name: "cancellations",
    promise: "A cancellation gives back what its quote said, once, whatever is lost, killed or done at the same moment; what it keeps is not due again.",
    needs: &[Need::Deployment],
    always: &[
        "a_cancellation_gives_back_its_quote",
        "a_penalty_is_not_due_again",
        "one_of_a_refund_and_a_cancellation",
    ],
    sometimes: &[
        "a_booking_was_cancelled",
        "a_ticket_was_cancelled",
        "a_cancellation_was_too_late",
        "a_quote_had_changed",
        "a_process_was_killed",
        "a_reply_was_lost",
    ],
    run: |context| Box::pin(run(context)),
};

/// Operations for each booking.
const OPERATIONS_A_BOOKING: usize = 5;
const BOOKINGS_MIN: usize = 12;
const BOOKINGS_AT_ONCE: usize = 8;
const HOLD_SECONDS: u32 = 3_600;
const TICKETS: i64 = 2;
const TOTAL_MINOR: i64 = TICKETS * PRICE_MINOR;
/// Half of the price, less the fee of each ticket.
const FEE_MINOR: i64 = 150;
const BACK_MINOR: i64 = PRICE_MINOR / 2 - FEE_MINOR;
/// Far longer than a refund takes, with its look-ups.
const SETTLED_WITHIN: Duration = Duration::from_mins(1);
const SCOPES: &str = "bookings,payments,catalogue,ledger";

/// What became of a booking: what its accepted requests gave back.
struct Outcome {
    booking: String,
    returned_minor: i64,
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = (context.operations() / OPERATIONS_A_BOOKING).max(BOOKINGS_MIN);
    let mut deployment = context.deploy(&Tuning::default()).await?;
    let key = deployment.installation()?.key(SCOPES, false).await;
    deployment.target.api_key = key?;
    set_policy(&context, &deployment).await?;
    let faults = json!({
        "seed": context.draw("provider") >> 12, "delay_ms": [5, 60], "commit_then_drop": 0.25,
        "commit_then_500": 0.1, "drop_before": 0.1, "webhook_drop": 0.3, "webhook_duplicates": 2,
    });
    deployment.set_faults(faults).await?;
    context.progress.counts("bookings to cancel", count);
    let numbers: Vec<usize> = (0..count).collect();
    let mut outcomes = Vec::new();
    for (at, numbers) in numbers.chunks(BOOKINGS_AT_ONCE).enumerate() {
        let turns = numbers.iter().map(|number| Turn::of(&context, &deployment, *number).take());
        outcomes.extend(try_join_all(turns).await?);
        // Refunds of these bookings are under way.
        kill_a_worker(&context, &mut deployment, at).await?;
    }
    deployment.set_faults(json!({})).await?;
    settle(&context, &deployment, &outcomes).await?;
    if context.findings.any_broken() {
        return Ok(());
    }
    deployment.all_alive()?;
    judge(&context, &deployment).await.map(drop)
}

async fn set_policy(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    let policy = json!({
        "tiers": [{ "hours": 0, "refund_basis_points": 5_000, "fee": STRIPE.money(FEE_MINOR) }],
    });
    let path = format!("/v1/products/{}/cancellation_policy", deployment.target.catalogue.product);
    let request = asks(context.operation("policy"), &path, &policy);
    let answer = caller.retry_until_definite(&request).await?;
    if answer.is_success() { Ok(()) } else { Err(unexpected(&request, &answer)) }
}

fn unexpected(request: &OperationRequest, answer: &OperationAnswer) -> Error {
    Error::Unexpected { operation: request.operation.clone(), outcome: answer.summary() }
}

/// One booking, and those who cancel it.
struct Turn<'a> {
    context: &'a ScenarioContext,
    caller: RetryingClient,
    rival: RetryingClient,
    deployment: &'a Deployment,
    number: usize,
}

/// A booking whose money has arrived.
struct Paid {
    booking: String,
    item: String,
    payment: String,
    /// The operation that paid it.
    operation: String,
}

impl Turn<'_> {
    fn of<'a>(context: &'a ScenarioContext, deployment: &'a Deployment, number: usize) -> Turn<'a> {
        let caller = |number| context.caller(&deployment.target, number);
        Turn { context, caller: caller(number), rival: caller(number + 1), deployment, number }
    }

    fn name(&self, step: &str) -> String {
        self.context.operation(format!("{}-{step}", self.number))
    }

    async fn take(mut self) -> Result<Outcome, Error> {
        let paid = self.pay().await?;
        let returned_minor = match self.number % 5 {
            0 => self.whole(&paid).await?,
            1 => self.tickets(&paid).await?,
            2 => self.rivals(&paid).await?,
            3 => self.stale(&paid).await?,
            _ => self.refund_beside(&paid).await?,
        };
        self.context.progress.advance();
        Ok(Outcome { booking: paid.booking, returned_minor })
    }

    async fn pay(&mut self) -> Result<Paid, Error> {
        let catalogue = &self.deployment.target.catalogue;
        let name = self.name("hold");
        let body = json!({
            "slot_id": catalogue.slots[self.number % catalogue.slots.len()],
            "units": [{ "unit_id": catalogue.unit, "quantity": TICKETS }],
            "customer": { "name": "Ana Lima", "email": format!("{name}@example.com") },
            "hold_seconds": HOLD_SECONDS,
        });
        let hold = OperationRequest::new(&name, "/v1/bookings", &body, ExpectedEffect::Seats);
        let answer = self.caller.retry_until_definite(&hold).await?;
        let booking = answer.id().ok_or_else(|| unexpected(&hold, &answer))?;
        let pay = OperationRequest::pay(&self.name("pay"), &booking, TOTAL_MINOR, &STRIPE);
        let answer = self.caller.retry_until_definite(&pay).await?;
        let payment = answer.id().ok_or_else(|| unexpected(&pay, &answer))?;
        let is_paid = |seen: &Value| seen["paid"]["minor"] == TOTAL_MINOR;
        let path = format!("/v1/bookings/{booking}");
        let seen = self.caller.until(&path, SETTLED_WITHIN, is_paid).await?;
        let item = seen["items"][0]["id"].as_str().filter(|_| is_paid(&seen)).unwrap_or_default().to_owned();
        if item.is_empty() {
            return Err(Error::Unexpected { operation: pay.operation, outcome: seen.to_string() });
        }
        Ok(Paid { booking, item, payment, operation: pay.operation })
    }

    /// A cancellation of this many tickets of the item, or of all.
    fn cancels(&self, step: &str, paid: &Paid, tickets: Option<i64>) -> OperationRequest {
        let minor = tickets.unwrap_or(TICKETS) * BACK_MINOR;
        let mut body = json!({ "expected_refund": STRIPE.money(minor) });
        if let Some(quantity) = tickets {
            body["items"] = json!([{ "item_id": paid.item, "quantity": quantity }]);
        }
        let path = format!("/v1/bookings/{}/cancel", paid.booking);
        let wants = ExpectedEffect::Cancellation { of: paid.operation.clone(), minor };
        OperationRequest::new(&self.name(step), &path, &body, wants)
    }

    /// The quote of what is left of the booking.
    async fn is_quoted(&mut self, paid: &Paid, minor: i64) -> Result<(), Error> {
        let quote =
            self.caller.get(&format!("/v1/bookings/{}/cancellation_quote", paid.booking), None).await?;
        let holds = quote["refund"]["minor"] == minor;
        self.always("a_cancellation_gives_back_its_quote", holds, &quote);
        Ok(())
    }

    fn always(&self, promise: &'static str, holds: bool, seen: &Value) {
        self.context.findings.always(promise, holds, || format!("booking {}: {seen}", self.number));
    }

    async fn whole(&mut self, paid: &Paid) -> Result<i64, Error> {
        self.is_quoted(paid, TICKETS * BACK_MINOR).await?;
        let request = self.cancels("cancel", paid, None);
        let answer = self.caller.retry_until_definite(&request).await?;
        if !answer.is_success() {
            return Err(unexpected(&request, &answer));
        }
        self.context.findings.reached("a_booking_was_cancelled");
        Ok(TICKETS * BACK_MINOR)
    }

    async fn tickets(&mut self, paid: &Paid) -> Result<i64, Error> {
        let one = self.cancels("ticket", paid, Some(1));
        let answer = self.caller.retry_until_definite(&one).await?;
        if !answer.is_success() {
            return Err(unexpected(&one, &answer));
        }
        self.context.findings.reached("a_ticket_was_cancelled");
        let seen = self.caller.get(&format!("/v1/bookings/{}", paid.booking), None).await?;
        self.always("a_penalty_is_not_due_again", seen["due"]["minor"] == 0, &seen);
        let again =
            json!({ "booking_id": paid.booking, "provider": "stripe", "payment_method": "pm_card_visa" });
        let again = asks(self.name("again"), "/v1/payments", &again).that_may_be_refused();
        let answer = self.caller.retry_until_definite(&again).await?;
        let refused = answer.code().as_deref() == Some("nothing_is_due");
        self.always("a_penalty_is_not_due_again", refused, &json!(answer.summary()));
        self.is_quoted(paid, BACK_MINOR).await?;
        let rest = self.cancels("rest", paid, Some(1));
        let answer = self.caller.retry_until_definite(&rest).await?;
        if answer.is_success() { Ok(TICKETS * BACK_MINOR) } else { Err(unexpected(&rest, &answer)) }
    }

    async fn rivals(&mut self, paid: &Paid) -> Result<i64, Error> {
        let one = self.cancels("one", paid, None).that_may_be_refused();
        let other = self.cancels("other", paid, None).that_may_be_refused();
        let (one, other) = tokio::try_join!(
            self.caller.retry_until_definite(&one),
            self.rival.retry_until_definite(&other)
        )?;
        let done = [&one, &other].into_iter().filter(|answer| answer.is_success()).count();
        let seen = json!([one.summary(), other.summary()]);
        self.always("a_cancellation_gives_back_its_quote", done == 1, &seen);
        self.context.findings.reached("a_cancellation_was_too_late");
        Ok(TICKETS * BACK_MINOR)
    }

    /// A refund of all the money.
    fn refunds(&self, paid: &Paid) -> OperationRequest {
        let total = STRIPE.money(TOTAL_MINOR);
        OperationRequest::refund(&self.name("back"), &paid.payment, &paid.operation, &total)
    }

    async fn stale(&mut self, paid: &Paid) -> Result<i64, Error> {
        let back = self.refunds(paid);
        let answer = self.caller.retry_until_definite(&back).await?;
        if !answer.is_success() {
            return Err(unexpected(&back, &answer));
        }
        let cancel = self.cancels("cancel", paid, None).that_may_be_refused();
        let answer = self.caller.retry_until_definite(&cancel).await?;
        let refused = answer.code().as_deref() == Some("quote_has_changed");
        self.always("a_cancellation_gives_back_its_quote", refused, &json!(answer.summary()));
        self.context.findings.reached("a_quote_had_changed");
        Ok(TOTAL_MINOR)
    }

    async fn refund_beside(&mut self, paid: &Paid) -> Result<i64, Error> {
        let cancel = self.cancels("cancel", paid, None).that_may_be_refused();
        let back = self.refunds(paid).that_may_be_refused();
        let (cancelled, refunded) = tokio::try_join!(
            self.caller.retry_until_definite(&cancel),
            self.rival.retry_until_definite(&back)
        )?;
        let one = cancelled.is_success() != refunded.is_success();
        let seen = json!([cancelled.summary(), refunded.summary()]);
        self.always("one_of_a_refund_and_a_cancellation", one, &seen);
        Ok(if refunded.is_success() { TOTAL_MINOR } else { TICKETS * BACK_MINOR })
    }
}

/// Waits until each booking shows the refunds of its accepted requests, and no more.
async fn settle(
    context: &ScenarioContext,
    deployment: &Deployment,
    outcomes: &[Outcome],
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    for Outcome { booking, returned_minor } in outcomes {
        let shown = |seen: &Value| seen["refunded"]["minor"] == *returned_minor;
        let within = if context.findings.any_broken() { Duration::ZERO } else { SETTLED_WITHIN };
        let seen = caller.until(&format!("/v1/bookings/{booking}"), within, shown).await?;
        context.findings.always("a_cancellation_gives_back_its_quote", shown(&seen), || {
            format!("{returned_minor} minor units were to go back of {seen}")
        });
    }
    let Some(books) = deployment.books().await? else { return Ok(()) };
    let lost = |path: &str, outcome: &str| path == "/v1/refunds" && outcome.starts_with("committed_then");
    let lost = books.calls.iter().filter(|call| lost(&call.path, &call.outcome)).count();
    context.findings.reached_times("a_reply_was_lost", lost as u64);
    Ok(())
}
