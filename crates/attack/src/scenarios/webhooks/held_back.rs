//! The provider's webhooks are held back; bad evidence comes instead; then the true one comes, days late.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::courier::WebhookForwarder;
use super::forgery::Forgery;
use super::plain;
use crate::operation_request::PAYS;
use crate::orders::{Order, OrderOutcome, carry_out};
use crate::{Deployment, Error, OperationRequest, RetryingClient, ScenarioContext, Target};
use testkit::program::Resident;

const DAYS_LATE_S: i64 = 3 * 86_400;
const TIMES: usize = 10;
/// Charges of the neighbour.
const NEIGHBOURS_CHARGES: usize = 4;
/// For an event that was stored to be looked at.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One booking whose payment nobody has told.
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
        caller: context.caller(&deployment.shop, 0)?,
        courier: WebhookForwarder::new(deployment)?,
        own,
        neighbour: neighbour.clone(),
        random: context.random("bad evidence"),
    };
    let mut paid = stage.pays(&deployment.shop, count).await?;
    let theirs = stage.neighbour_pays(&deployment.shop).await?;
    for paid in &paid {
        stage.still_held(paid, "answers_alone_confirm_nothing", "an answer").await?;
        context.findings.reached("held_back_and_paid");
    }
    stage.forges(&paid).await?;
    stage.crosses(&paid, &theirs).await?;

    // What came before the first true one has been looked at once that one was.
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
    /// Bookings that are paid: at once, or authorised and captured, or with a part given back.
    async fn pays(&mut self, shop: &Target, count: usize) -> Result<Vec<Paid>, Error> {
        self.context.progress.counts("paid while webhooks are held back", count);
        let mut outcomes = Vec::new();
        for number in 0..count {
            let name = self.context.operation(format!("late-{number}"));
            let order = match number % 3 {
                0 => plain(name),
                1 => Order { captures_minor: Some(1_700), ..plain(name) },
                _ => Order { refunds_minor: vec![300], ..plain(name) },
            };
            outcomes.push(carry_out(self.context, &mut self.caller, shop, order).await?);
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
            let missing = || Error::Unexpected { operation: mark.clone(), told: "no events".to_owned() };
            let (payment, events) = by_mark.remove(&mark).ok_or_else(missing)?;
            let booking = outcome.booking.clone().ok_or_else(missing)?;
            Ok(Paid { outcome, booking, payment, events })
        });
        paid.collect()
    }

    /// The ids of the payments.
    async fn neighbour_pays(&mut self, shop: &Target) -> Result<Vec<String>, Error> {
        let shop = Target { api_key: self.neighbour.tenant.api_key.clone(), ..shop.clone() };
        let mut caller = self.context.caller(&shop, 0)?;
        let mut payments = Vec::new();
        for number in 0..NEIGHBOURS_CHARGES {
            let operation = self.context.operation(format!("neighbour-{number}"));
            let ask = OperationRequest::charge(&operation, self.random.random_range(100..=9_999), PAYS);
            payments.extend(caller.retry_until_definite(&ask).await?.id());
        }
        Ok(payments)
    }

    /// Every kind of bad evidence for every booking.
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
                    format!("{forgery:?} for {} was answered {status:?}", victim.payment)
                });
                self.context.findings.reached(forgery.state());
                self.context.progress.advance();
            }
        }
        Ok(())
    }

    /// Events that are truly signed, by an account that has no say in what they are about. They are taken,
    /// as anything that is truly signed, and come to nothing.
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

    async fn still_held(&mut self, paid: &Paid, invariant: &str, whom: &str) -> Result<(), Error> {
        let booking = self.caller.get(&format!("/v1/bookings/{}", paid.booking), None).await?;
        let payment = self.caller.get(&format!("/v1/payments/{}", paid.payment), None).await?;
        let held = booking["state"] == "held" && payment["confirmed_by_provider"] == false;
        self.context.findings.always(invariant, held, || {
            let (booking, payment) = (&booking["state"], &payment["confirmed_by_provider"]);
            format!(
                "{}: after {whom} it is {booking}, its payment confirmed: {payment}",
                paid.outcome.order.name
            )
        });
        Ok(())
    }

    /// All its events by hand, the newest first, so many times, as they would come days later.
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

    /// What is truly signed is taken, whatever comes of it. What did not arrive has tested nothing.
    async fn is_taken(&mut self, account: &str, event: &Value) -> Result<(), Error> {
        let status = self.courier.brings(account, event).await?;
        self.context.findings.always("good_evidence_is_taken", status == Some(200), || {
            format!("{} {} was answered {status:?} at the door of {account}", event["type"], event["id"])
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
                    || format!("{}: told everything, it is {}", paid.outcome.order.name, booking["state"]),
                );
                self.context.findings.reached("told_days_late");
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The neighbour has its own payments and no others, and they wait for its own webhooks.
    async fn neighbours_stay_apart(&mut self, theirs: &[String], told: bool) -> Result<(), Error> {
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
                if confirmed == told || begun.elapsed() > TAKEN_WITHIN {
                    break confirmed;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            };
            self.context.findings.always("neighbours_stay_apart", confirmed == told, || {
                format!("{payment} of the neighbour: told by its own account: {told}, confirmed: {confirmed}")
            });
        }
        Ok(())
    }

    /// What was true early on comes again, as an event of its own: it is old, and moves nothing.
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
        // Everything that was stored has been looked at.
        let rest = deployment.rest().await?;
        self.context.findings.always("nothing_goes_back", rest.reached, || {
            format!("not all of the old news was looked at:\n{}", rest.verdicts)
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
