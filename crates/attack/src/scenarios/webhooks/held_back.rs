//! The provider's webhooks are held back; bad evidence comes instead; then the true webhook comes,
//! days late.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::courier::{WebhookForwarder, status_text};
use super::forgery::Forgery;
use super::plain;
use crate::methods::STRIPE;
use crate::orders::{Order, OrderOutcome, carry_out};
use crate::{Deployment, Error, OperationRequest, RetryingClient, ScenarioContext, Target};
use testkit::program::Resident;

const DAYS_LATE_S: i64 = 3 * 86_400;
const TIMES: usize = 10;
/// Charges of the other tenant.
const NEIGHBOURS_CHARGES: usize = 4;
/// The time for a stored event to be processed.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(50);

/// One booking whose payment has had no webhook.
struct Paid {
    outcome: OrderOutcome,
    booking: String,
    payment: String,
    /// Oldest first.
    events: Vec<Value>,
}

struct Stage<'a> {
    context: &'a ScenarioContext,
    caller: RetryingClient,
    courier: WebhookForwarder,
    own: Resident,
    neighbour: Resident,
    random: StdRng,
}

pub async fn run(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    neighbour: &Resident,
    count: usize,
) -> Result<Vec<OrderOutcome>, Error> {
    deployment.set_faults(json!({ "webhook_hold": true })).await?;
    let own = deployment.installation()?.residents()[0].clone();
    let mut stage = Stage {
        context,
        caller: context.caller(&deployment.target, 0),
        courier: WebhookForwarder::new(deployment)?,
        own,
        neighbour: neighbour.clone(),
        random: context.random("bad evidence"),
    };
    let mut paid = stage.pays(&deployment.target, count).await?;
    let theirs = stage.neighbour_pays(&deployment.target).await?;
    for paid in &paid {
        stage.still_held(paid, "answers_alone_confirm_nothing", "an answer").await?;
        context.findings.reached("held_back_and_paid");
    }
    stage.forges(&paid).await?;
    stage.crosses(&paid, &theirs).await?;

    // Events before the first true one have been processed when that one was.
    let first = paid.remove(0);
    stage.brings_all(&first, 1).await?;
    stage.is_confirmed(&first).await?;
    for paid in &paid {
        stage.still_held(paid, "bad_evidence_changes_nothing", "bad evidence").await?;
    }
    stage.neighbours_stay_apart(&theirs, false).await?;

    let by_hand = paid.len() / 2;
    for paid in &paid[..by_hand] {
        stage.brings_all(paid, TIMES).await?;
    }
    let faults = json!({
        "seed": context.draw("days late"), "webhook_duplicates": TIMES - 1, "webhook_shuffle": true,
        "webhook_age_s": DAYS_LATE_S,
    });
    deployment.set_faults(faults).await?;
    paid.push(first);
    for paid in &paid {
        stage.is_confirmed(paid).await?;
    }
    stage.neighbours_stay_apart(&theirs, true).await?;
    stage.old_news(deployment, &paid).await?;
    Ok(paid.into_iter().map(|paid| paid.outcome).collect())
}

impl Stage<'_> {
    /// Bookings that are paid: captured at once, or authorised and captured, or with a partial
    /// refund.
    async fn pays(&mut self, target: &Target, count: usize) -> Result<Vec<Paid>, Error> {
        self.context.progress.counts("paid while webhooks are held back", count);
        let mut outcomes = Vec::new();
        for number in 0..count {
            let name = self.context.operation(format!("late-{number}"));
            let order = match number % 3 {
                0 => plain(name),
                1 => Order { captures_minor: Some(1_700), ..plain(name) },
                _ => Order { refunds_minor: vec![300], ..plain(name) },
            };
            outcomes.push(carry_out(self.context, &mut self.caller, target, order).await?);
            self.context.progress.advance();
        }
        let events = self.courier.events(&self.own).await?;
        let mut by_mark: BTreeMap<String, (String, Vec<Value>)> = BTreeMap::new();
        for (payment, events) in events {
            let mark = events.iter().find_map(|event| event["data"]["object"]["metadata"]["attack"].as_str());
            if let Some(mark) = mark {
                by_mark.insert(mark.to_owned(), (payment, events.clone()));
            }
        }
        let paid = outcomes.into_iter().map(|outcome| {
            let mark = format!("{}-pay", outcome.order.name);
            let missing = || Error::Unexpected { operation: mark.clone(), outcome: "no events".to_owned() };
            let (payment, events) = by_mark.remove(&mark).ok_or_else(missing)?;
            let booking = outcome.booking.clone().ok_or_else(missing)?;
            Ok(Paid { outcome, booking, payment, events })
        });
        paid.collect()
    }

    /// The ids of the payments.
    async fn neighbour_pays(&mut self, target: &Target) -> Result<Vec<String>, Error> {
        let target = Target { api_key: self.neighbour.tenant.api_key.clone(), ..target.clone() };
        let mut caller = self.context.caller(&target, 0);
        let mut payments = Vec::new();
        for number in 0..NEIGHBOURS_CHARGES {
            let operation = self.context.operation(format!("neighbour-{number}"));
            let request =
                OperationRequest::charge(&operation, self.random.random_range(100..=9_999), &STRIPE);
            payments.extend(caller.retry_until_definite(&request).await?.id());
        }
        Ok(payments)
    }

    /// Sends every kind of bad evidence for every booking.
    async fn forges(&mut self, paid: &[Paid]) -> Result<(), Error> {
        self.context.progress.counts("bad evidence", paid.len() * Forgery::ALL.len());
        let (own, neighbour) = (self.own.clone(), self.neighbour.clone());
        for (at, victim) in paid.iter().enumerate() {
            let other = &paid[(at + 1) % paid.len()];
            for forgery in Forgery::ALL {
                let events = (telling(victim), telling(other));
                let made =
                    forgery.made(&mut self.courier, (&own, &neighbour), events, &mut self.random).await?;
                let status = self.courier.delivers(&own.account, &made.0, made.1.as_deref()).await?;
                let closed = status.is_none() && forgery == Forgery::TooLarge;
                let refused = status.is_some_and(|status| (400..500).contains(&status));
                self.context.findings.always("bad_evidence_is_refused", refused || closed, || {
                    format!("{forgery:?} for {} was answered {}", victim.payment, status_text(status))
                });
                self.context.findings.reached(forgery.state());
                self.context.progress.advance();
            }
        }
        Ok(())
    }

    /// Sends events with a valid signature of another account. They are stored, as any event with a
    /// valid signature is, and have no effect.
    async fn crosses(&mut self, paid: &[Paid], theirs: &[String]) -> Result<(), Error> {
        let (own, neighbour) = (self.own.account.clone(), self.neighbour.account.clone());
        for victim in paid {
            for event in &victim.events {
                self.is_taken(&neighbour, event).await?;
                self.context.findings.reached("tried_at_the_neighbours_door");
            }
        }
        let events = self.courier.events(&self.neighbour.clone()).await?;
        let events: Vec<&Value> = theirs.iter().filter_map(|payment| events.get(payment)).flatten().collect();
        for event in events {
            self.is_taken(&own, event).await?;
            self.context.findings.reached("tried_about_the_neighbour");
        }
        Ok(())
    }

    async fn still_held(&mut self, paid: &Paid, invariant: &str, source: &str) -> Result<(), Error> {
        let booking = self.caller.get(&format!("/v1/bookings/{}", paid.booking), None).await?;
        let payment = self.caller.get(&format!("/v1/payments/{}", paid.payment), None).await?;
        let held = booking["state"] == "held" && payment["confirmed_by_provider"] == false;
        self.context.findings.always(invariant, held, || {
            let (booking, payment) = (&booking["state"], &payment["confirmed_by_provider"]);
            format!(
                "{}: after {source} it is {booking}, its payment confirmed: {payment}",
                paid.outcome.order.name
            )
        });
        Ok(())
    }

    /// Sends all events of each booking, the newest first, several times, as if days late.
    async fn brings_all(&mut self, paid: &Paid, times: usize) -> Result<(), Error> {
        let account = self.own.account.clone();
        for event in paid.events.iter().rev() {
            let mut late = event.clone();
            late["created"] = json!(event["created"].as_i64().unwrap_or_default() - DAYS_LATE_S);
            for _ in 0..times {
                self.is_taken(&account, &late).await?;
            }
        }
        self.context.findings.reached("told_in_reverse");
        Ok(())
    }

    /// An event with a valid signature is stored, whatever its effect. An event that did not arrive
    /// proves nothing.
    async fn is_taken(&mut self, account: &str, event: &Value) -> Result<(), Error> {
        let status = self.courier.brings(account, event).await?;
        self.context.findings.always("good_evidence_is_taken", status == Some(200), || {
            let status = status_text(status);
            format!("{} {} was answered {status} at the address of {account}", event["type"], event["id"])
        });
        Ok(())
    }

    async fn is_confirmed(&mut self, paid: &Paid) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let booking = self.caller.get(&format!("/v1/bookings/{}", paid.booking), None).await?;
            if booking["state"] == "confirmed" || begun.elapsed() > TAKEN_WITHIN {
                self.context.findings.always(
                    "good_evidence_is_taken",
                    booking["state"] == "confirmed",
                    || format!("{}: after every webhook it is {}", paid.outcome.order.name, booking["state"]),
                );
                self.context.findings.reached("told_days_late");
                return Ok(());
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// The other tenant has its own payments only, and they wait for its own webhooks.
    async fn neighbours_stay_apart(&mut self, theirs: &[String], delivered: bool) -> Result<(), Error> {
        let key = self.neighbour.tenant.api_key.clone();
        let seen = self.caller.get("/v1/payments?limit=200", Some(&key)).await?;
        let payments = seen["data"].as_array().cloned().unwrap_or_default();
        let known = payments.iter().all(|payment| theirs.iter().any(|id| payment["id"] == **id));
        let all = known && payments.len() == theirs.len();
        self.context.findings.always("neighbours_stay_apart", all, || {
            format!("the neighbour made {theirs:?} and sees {} payments", payments.len())
        });
        for payment in theirs {
            let path = format!("/v1/payments/{payment}");
            let begun = Instant::now();
            let confirmed = loop {
                let confirmed = self.caller.get(&path, Some(&key)).await?["confirmed_by_provider"] == true;
                if confirmed == delivered || begun.elapsed() > TAKEN_WITHIN {
                    break confirmed;
                }
                tokio::time::sleep(POLL_EVERY).await;
            };
            self.context.findings.always("neighbours_stay_apart", confirmed == delivered, || {
                format!("{payment} of the neighbour: delivered by its own account: {delivered}, confirmed: {confirmed}")
            });
        }
        Ok(())
    }

    /// Sends early events again, under new ids: they are old, and move nothing.
    async fn old_news(&mut self, deployment: &Deployment, paid: &[Paid]) -> Result<(), Error> {
        let account = self.own.account.clone();
        let before = self.states(paid).await?;
        for (at, paid) in paid.iter().enumerate() {
            for (number, event) in intents(paid).into_iter().enumerate() {
                let mut again = event.clone();
                again["id"] = json!(format!("evt_again{at:06}{number:03}"));
                self.is_taken(&account, &again).await?;
                self.context.findings.reached("old_news_under_a_new_id");
            }
        }
        // Every stored event has been processed.
        let rest = deployment.rest().await?;
        self.context.findings.always("nothing_goes_back", rest.reached, || {
            format!("not every early event was processed:\n{}", rest.verdicts)
        });
        let after = self.states(paid).await?;
        for (before, after) in before.iter().zip(&after) {
            self.context.findings.always("nothing_goes_back", before == after, || {
                format!("by old news {before:?} became {after:?}")
            });
        }
        Ok(())
    }

    /// The states of each booking and its payment.
    async fn states(&mut self, paid: &[Paid]) -> Result<Vec<[Value; 5]>, Error> {
        let mut states = Vec::new();
        for paid in paid {
            let booking = self.caller.get(&format!("/v1/bookings/{}", paid.booking), None).await?;
            let payment = self.caller.get(&format!("/v1/payments/{}", paid.payment), None).await?;
            states.push([
                booking["id"].clone(),
                booking["state"].clone(),
                payment["state"].clone(),
                payment["captured"].clone(),
                payment["refunded"].clone(),
            ]);
        }
        Ok(states)
    }
}

/// The event that would confirm the booking: the last one about the payment's object itself.
fn telling(paid: &Paid) -> &Value {
    intents(paid).last().copied().unwrap_or(&Value::Null)
}

/// The events about the payment's object, oldest first.
fn intents(paid: &Paid) -> Vec<&Value> {
    let about = |event: &&Value| event["data"]["object"]["object"] == "payment_intent";
    paid.events.iter().filter(about).collect()
}
