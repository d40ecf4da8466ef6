//! True and forged webhooks: only valid evidence confirms a booking, and once.
//!
//! | part | what comes | what must hold |
//! |---|---|---|
//! | before | the answer of the provider comes late, its webhooks first | confirmed, once |
//! | ten times | each event ten times, shuffled, behind charges, captures and refunds | every effect once |
//! | held back | no webhook at all | paid bookings stay held: an answer is no evidence |
//! | bad | unsigned, guessed, altered, stale, early, another tenant's, and the like | refused; nothing moves |
//! | days late | the true events, ten times: by hand in reverse, or from the provider shuffled | confirmed, once |
//! | old news | early events again, under new ids | no state goes back |
//! | named only | deliveries that sign the id of their object alone | the object is fetched; the body is not believed |
//!
//! A second tenant has an account of its own at the same provider. Events about one account go to
//! the other's address, signed by either.

mod courier;
mod forgery;
mod held_back;
mod named_only;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::database_rows::DatabaseRows;
use crate::methods::STRIPE;
use crate::operation_request::PRICE_MINOR;
use crate::orders::{self, Order, OrderOutcome};
use crate::{
    Deployment, Error, Need, OperationRequest, PendingWork, Scenario, ScenarioContext, Target, Tuning, judge,
};
pub(super) use courier::{WebhookForwarder, status_text};

pub const SCENARIO: Scenario = Scenario {
    number: 11,
    name: "webhooks",
    promise: "Valid evidence confirms a booking, however late, often and disordered it comes, and bad evidence never does; no state goes back, and each effect happens once.",
    needs: &[Need::Deployment],
    always: &[
        "paid_bookings_are_confirmed",
        "answers_alone_confirm_nothing",
        "bad_evidence_is_refused",
        "bad_evidence_changes_nothing",
        "good_evidence_is_taken",
        "nothing_goes_back",
        "each_effect_is_told_once",
        "neighbours_stay_apart",
    ],
    sometimes: &[
        "told_before_the_answer",
        "told_ten_times_and_shuffled",
        "held_back_and_paid",
        "told_in_reverse",
        "told_days_late",
        "old_news_under_a_new_id",
        "tried_unsigned",
        "tried_guessed",
        "tried_altered",
        "tried_for_another_payment",
        "tried_stale",
        "tried_days_old",
        "tried_from_the_future",
        "tried_signed_by_a_neighbour",
        "tried_other_scheme",
        "tried_unreadable_header",
        "tried_live_mode",
        "tried_thin",
        "tried_too_large",
        "tried_at_the_neighbours_door",
        "tried_about_the_neighbour",
        "told_under_a_used_id",
    ],
    run: |context| Box::pin(run(context)),
};

const CLIENTS: usize = 12;
/// Bookings whose webhooks come first, and as many whose webhooks are held back.
const FIRST_MIN: usize = 8;
const FIRST_MAX: usize = 40;
const HELD_MIN: usize = 12;
const HELD_MAX: usize = 60;
const ORDERS_MIN: usize = 20;
/// How much later than its effect the provider answers.
const ANSWER_LATE_MS: u64 = 400;
const HOLD_SECONDS: u32 = 3_600;
/// Rows of a page of the event log.
const PAGE_ROWS: usize = 200;

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let mut random = context.random("orders");
    let share = |part: usize, min: usize, max: usize| (context.operations() / part).clamp(min, max);
    let many = orders::orders(&context, share(4, ORDERS_MIN, usize::MAX), &mut random);
    let first = share(20, FIRST_MIN, FIRST_MAX);
    let held = share(15, HELD_MIN, HELD_MAX);

    let mut deployment = context.prepare().await?;
    let neighbour = deployment.neighbour().await?;
    // The program fetches nothing here: only a webhook can confirm.
    deployment.start(&Tuning::default().with("workers", "evidence_after_ms", 900_000)).await?;

    let mut outcomes = webhooks_before_the_answer(&context, &mut deployment, first).await?;
    outcomes.extend(webhooks_ten_times(&context, &mut deployment, many).await?);
    deployment.set_faults(json!({ "webhook_hold": true })).await?;
    named_only::run(&context, &deployment, &neighbour, held / 6).await?;
    outcomes.extend(held_back::run(&context, &mut deployment, &neighbour, held).await?);

    deployment.set_faults(json!({})).await?;
    deployment.all_alive()?;
    orders::judge_bookings(&context, &deployment, &outcomes).await?;
    judge(&context, &deployment).await?;
    each_effect_once(&context, &deployment.target, &outcomes).await
}

/// The provider answers late: each of its webhooks is faster than its answer.
async fn webhooks_before_the_answer(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    count: usize,
) -> Result<Vec<OrderOutcome>, Error> {
    deployment.set_faults(json!({ "answer_delay_ms": [ANSWER_LATE_MS, ANSWER_LATE_MS] })).await?;
    context.progress.counts("webhooks before the answer", count);
    let mut paying = tokio::task::JoinSet::new();
    for number in 0..count {
        let (context, target) = (context.clone(), deployment.target.clone());
        let mut caller = context.caller(&target, number);
        paying.spawn(async move {
            let order = plain(context.operation(format!("first-{number}")));
            let hold =
                OperationRequest::hold(&format!("{}-hold", order.name), &target.catalogue, 0, HOLD_SECONDS);
            let booking = made(&hold, caller.retry_until_definite(&hold).await?.id())?;
            let pay = OperationRequest::pay(&format!("{}-pay", order.name), &booking, PRICE_MINOR, &STRIPE);
            caller.retry_until_definite(&pay).await?;
            context.progress.advance();
            Ok::<_, Error>(OrderOutcome {
                order,
                booking: Some(booking),
                declined: false,
                requests: vec![hold, pay],
            })
        });
    }
    let mut outcomes = Vec::new();
    while let Some(paid) = paying.join_next().await {
        outcomes.push(paid.map_err(std::io::Error::other)??);
    }
    let overtaken = overtaken(deployment).await?;
    context.findings.reached_times("told_before_the_answer", overtaken);
    Ok(outcomes)
}

/// Counts, by the provider's log and our rows, how often an event was stored while the call that
/// caused it had no answer yet.
async fn overtaken(deployment: &Deployment) -> Result<u64, Error> {
    let location = deployment.location().ok_or_else(|| Error::NotOurs("the database".to_owned()))?;
    let stored =
        DatabaseRows::of(location).await?.select("select name, received_at from inbound_events").await?;
    let stored: BTreeMap<String, i64> = stored
        .into_iter()
        .filter_map(|row| match &row[..] {
            [Some(name), Some(at)] => Some((name.clone(), at.parse::<i64>().ok()? / 1_000)),
            _ => None,
        })
        .collect();
    let calls = deployment.books().await?.map(|books| books.calls).unwrap_or_default();
    let own = deployment.installation()?.residents()[0].clone();
    let mut overtaken = 0;
    for event in WebhookForwarder::new(deployment)?.events(&own).await?.into_values().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let confirms = format!("/v1/payment_intents/{}/confirm", text(&event["data"]["object"]["id"]));
        let Some(stored) = stored.get(&text(&event["id"])) else { continue };
        let confirmed = calls.iter().find(|call| call.path == confirms && call.outcome == "200");
        overtaken +=
            u64::from(confirmed.is_some_and(|call| *stored < call.at + ANSWER_LATE_MS.cast_signed()));
    }
    Ok(overtaken)
}

async fn webhooks_ten_times(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    orders: Vec<Order>,
) -> Result<Vec<OrderOutcome>, Error> {
    let faults =
        json!({ "seed": context.draw("ten times"), "webhook_duplicates": 9, "webhook_shuffle": true });
    deployment.set_faults(faults).await?;
    context.findings.reached("told_ten_times_and_shuffled");
    orders::serve(context, &deployment.target, CLIENTS, orders, &PendingWork::as_planned()).await
}

/// A booking that is paid, without further steps.
fn plain(name: String) -> Order {
    Order {
        name,
        method: &STRIPE,
        seats: 1,
        captures_minor: None,
        refunds_minor: Vec::new(),
        declined: false,
        may_be_declined: false,
    }
}

fn made(request: &OperationRequest, id: Option<String>) -> Result<String, Error> {
    id.ok_or_else(|| Error::Unexpected { operation: request.operation.clone(), outcome: "no id".to_owned() })
}

/// By the event log: each webhook had its effect once.
async fn each_effect_once(
    context: &ScenarioContext,
    target: &Target,
    outcomes: &[OrderOutcome],
) -> Result<(), Error> {
    const ONCE: [&str; 3] = ["booking.confirmed", "payment.captured", "payment.authorized"];
    let mut caller = context.caller(target, 0);
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = caller.get(&format!("/v1/events?after={after}&limit={PAGE_ROWS}"), None).await?;
        let events = page["data"].as_array().cloned().unwrap_or_default();
        let Some(last) = events.last() else { break };
        after = last["position"].as_i64().unwrap_or(i64::MAX);
        for event in &events {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            if ONCE.contains(&text("type").as_str()) {
                *counts.entry((text("type"), text("subject_id"))).or_default() += 1;
            }
        }
    }
    for ((kind, subject), times) in &counts {
        context.findings.always("each_effect_is_told_once", *times == 1, || {
            format!("{kind} of {subject} is {times} times in the event log")
        });
    }
    for outcome in outcomes.iter().filter(|outcome| !outcome.declined) {
        let Some(booking) = &outcome.booking else { continue };
        let confirmed = counts.contains_key(&("booking.confirmed".to_owned(), booking.clone()));
        context.findings.always("each_effect_is_told_once", confirmed, || {
            format!("{}: the event log lacks the confirmation of {booking}", outcome.order.name)
        });
    }
    Ok(())
}
