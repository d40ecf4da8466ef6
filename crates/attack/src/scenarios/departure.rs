//! The entrance: every ticket is scanned by several gates, by its text and by hand, at the same moment and late,
//! while processes are killed.
//!
//! | what gates do | what must hold |
//! |---|---|
//! | scan a ticket at the same moment, each with a time of its own | one of them lets somebody in, the others read that the ticket was used |
//! | send a scan again whose reply was lost | the same reply |
//! | arrive in another order than they scanned | the check-in has the time of the earliest scan |
//! | show a ticket with another letter, or at another tenant | refused |

use std::time::Duration;

use futures_util::future::{join, join_all, try_join_all};
use serde_json::{Value, json};

use super::payout::{asks, kill_a_worker};
use crate::methods::STRIPE;
use crate::operation_request::PRICE_MINOR;
use crate::{
    Deployment, Error, ExpectedEffect, Need, OperationAnswer, OperationRequest, RetryingClient, Scenario,
    ScenarioContext, Tuning, judge,
};

pub const SCENARIO: Scenario = Scenario {
    number: 24,
    name: "departure",
    promise: "A ticket lets somebody in once, however many gates scan it, in whichever order their scans arrive, and whatever is killed meanwhile.",
    needs: &[Need::Deployment],
    always: &[
        "a_ticket_is_used_once",
        "the_earliest_scan_counts",
        "a_forged_ticket_is_refused",
        "the_manifest_counts_who_came",
    ],
    sometimes: &["a_ticket_had_been_used", "a_scan_was_dated_back", "a_process_was_killed"],
    run: |context| Box::pin(run(context)),
};

/// Operations for each booking: it is held and paid, and each ticket is scanned by each gate.
const OPERATIONS_A_BOOKING: usize = 10;
const BOOKINGS_MIN: usize = 6;
const BOOKINGS_AT_ONCE: usize = 6;
const HOLD_SECONDS: u32 = 3_600;
const TICKETS: i64 = 2;
const TOTAL_MINOR: i64 = TICKETS * PRICE_MINOR;
const GATES: usize = 4;
const SETTLED_WITHIN: Duration = Duration::from_mins(1);
const SCOPES: &str = "bookings,payments,catalogue,ledger";

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = (context.operations() / OPERATIONS_A_BOOKING).max(BOOKINGS_MIN);
    let mut deployment = context.deploy(&Tuning::default()).await?;
    let key = deployment.installation()?.key(SCOPES, false).await;
    deployment.target.api_key = key?;
    context.progress.counts("bookings to check in", count);
    let numbers: Vec<usize> = (0..count).collect();
    for (at, numbers) in numbers.chunks(BOOKINGS_AT_ONCE).enumerate() {
        let paid = try_join_all(numbers.iter().map(|number| pay(&context, &deployment, *number))).await?;
        let mut tickets = Vec::new();
        for (number, booking) in numbers.iter().zip(&paid) {
            let mut caller = context.caller(&deployment.target, *number);
            let shown = caller.get(&format!("/v1/bookings/{booking}/tickets"), None).await?;
            tickets.extend(
                shown["data"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default()
                    .into_iter()
                    .map(|shown| (booking, shown)),
            );
        }
        let gates: Vec<Gate> = tickets
            .iter()
            .flat_map(|(booking, ticket)| gates(&context, &deployment, booking, ticket))
            .collect();
        // The process dies while the gates wait for their replies, and they send their scans again.
        let scanned = join_all(gates.into_iter().map(Gate::scan));
        let (answers, killed) = join(scanned, kill_a_worker(&context, &mut deployment, at)).await;
        killed?;
        let answers: Vec<OperationAnswer> = answers.into_iter().collect::<Result<_, _>>()?;
        for ((_, ticket), answers) in tickets.iter().zip(answers.chunks(GATES)) {
            used_once(&context, ticket, answers);
        }
        for (number, booking) in numbers.iter().zip(&paid) {
            earliest_counts(&context, &deployment, *number, booking).await?;
            context.progress.advance();
        }
    }
    forged(&context, &deployment).await?;
    manifest(&context, &deployment, count).await?;
    if context.findings.any_broken() {
        return Ok(());
    }
    deployment.all_alive()?;
    judge(&context, &deployment).await.map(drop)
}

fn unexpected(request: &OperationRequest, answer: &OperationAnswer) -> Error {
    Error::Unexpected { operation: request.operation.clone(), outcome: answer.summary() }
}

/// A confirmed booking of two tickets.
async fn pay(context: &ScenarioContext, deployment: &Deployment, number: usize) -> Result<String, Error> {
    let mut caller = context.caller(&deployment.target, number);
    let catalogue = &deployment.target.catalogue;
    let name = context.operation(format!("{number}-hold"));
    let body = json!({
        "slot_id": catalogue.slots[number % catalogue.slots.len()],
        "units": [{ "unit_id": catalogue.unit, "quantity": TICKETS }],
        "customer": { "name": "Ana Lima", "email": format!("{name}@example.com") },
        "hold_seconds": HOLD_SECONDS,
    });
    let hold = OperationRequest::new(&name, "/v1/bookings", &body, ExpectedEffect::Seats);
    let answer = caller.retry_until_definite(&hold).await?;
    let booking = answer.id().ok_or_else(|| unexpected(&hold, &answer))?;
    let pay =
        OperationRequest::pay(&context.operation(format!("{number}-pay")), &booking, TOTAL_MINOR, &STRIPE);
    caller.retry_until_definite(&pay).await?;
    let path = format!("/v1/bookings/{booking}");
    let is_paid = |seen: &Value| seen["state"] == "confirmed" && seen["paid"]["minor"] == TOTAL_MINOR;
    let seen = caller.until(&path, SETTLED_WITHIN, is_paid).await?;
    if is_paid(&seen) {
        return Ok(booking);
    }
    Err(Error::Unexpected { operation: pay.operation, outcome: seen.to_string() })
}

/// One gate, and the ticket that it was shown.
struct Gate {
    caller: RetryingClient,
    request: OperationRequest,
}

impl Gate {
    async fn scan(mut self) -> Result<OperationAnswer, Error> {
        let answer = self.caller.retry_until_definite(&self.request).await?;
        if answer.is_success() { Ok(answer) } else { Err(unexpected(&self.request, &answer)) }
    }
}

/// The times of the scans of one ticket. They arrive in another order.
fn scanned_at(gate: usize) -> String {
    format!("2026-01-01T10:00:0{}Z", (gate + 2) % GATES)
}

fn gates(context: &ScenarioContext, deployment: &Deployment, booking: &str, ticket: &Value) -> Vec<Gate> {
    let gate = |gate: usize| {
        let mut body = json!({ "scanned_at": scanned_at(gate), "who": format!("Gate {gate}") });
        if gate.is_multiple_of(2) {
            body["ticket"] = ticket["ticket"].clone();
        } else {
            body["booking_id"] = json!(booking);
            body["item_id"] = ticket["item_id"].clone();
            body["number"] = ticket["number"].clone();
        }
        let name = context.operation(format!("scan-{booking}-{}-{gate}", ticket["number"]));
        Gate { caller: context.caller(&deployment.target, gate), request: asks(name, "/v1/check_ins", &body) }
    };
    (0..GATES).map(gate).collect()
}

fn used_once(context: &ScenarioContext, ticket: &Value, answers: &[OperationAnswer]) {
    let used = |answer: &&OperationAnswer| answer.body["already_checked_in"] == true;
    let already = answers.iter().filter(used).count();
    context.findings.always("a_ticket_is_used_once", already == GATES - 1, || {
        let answers: Vec<&Value> = answers.iter().map(|answer| &answer.body).collect();
        format!("{already} of {GATES} gates read that it was used: {} {}", ticket["number"], json!(answers))
    });
    context.findings.reached_times("a_ticket_had_been_used", already as u64);
    let at = |answer: &&OperationAnswer| answer.body["check_in"]["scanned_at"].as_str().map(str::to_owned);
    let mut times: Vec<String> = answers.iter().filter_map(|answer| at(&answer)).collect();
    times.sort_unstable();
    times.dedup();
    context.findings.reached_times("a_scan_was_dated_back", times.len().saturating_sub(1) as u64);
}

async fn earliest_counts(
    context: &ScenarioContext,
    deployment: &Deployment,
    number: usize,
    booking: &str,
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, number);
    let shown = caller.get(&format!("/v1/bookings/{booking}/tickets"), None).await?;
    let tickets = shown["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_earliest = |ticket: &Value| ticket["check_in"]["scanned_at"] == "2026-01-01T10:00:00Z";
    let holds = tickets.len() == TICKETS as usize && tickets.iter().all(is_earliest);
    context.findings.always("the_earliest_scan_counts", holds, || {
        let check_ins: Vec<&Value> = tickets.iter().map(|ticket| &ticket["check_in"]).collect();
        format!("booking {booking}: {}", json!(check_ins))
    });
    Ok(())
}

/// A ticket with another letter, and one by hand that does not exist.
async fn forged(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let booking = pay(context, deployment, 0).await?;
    let mut caller = context.caller(&deployment.target, 0);
    let shown = caller.get(&format!("/v1/bookings/{booking}/tickets"), None).await?;
    let text = shown["data"][0]["ticket"].as_str().unwrap_or_default().to_owned();
    for at in (0..text.len()).step_by(29) {
        let other = if text[at..].starts_with('A') { "B" } else { "A" };
        let forged = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        let name = context.operation(format!("forged-{at}"));
        let request = asks(name, "/v1/check_ins", &json!({ "ticket": forged })).that_may_be_refused();
        let answer = caller.retry_until_definite(&request).await?;
        let refused = answer.code().as_deref() == Some("ticket_signature_invalid");
        context.findings.always("a_forged_ticket_is_refused", refused, || answer.summary());
    }
    Ok(())
}

/// Who came is as many as there were tickets.
async fn manifest(context: &ScenarioContext, deployment: &Deployment, bookings: usize) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    let mut came = 0;
    for slot in &deployment.target.catalogue.slots {
        let mut cursor = String::new();
        loop {
            let page = caller.get(&format!("/v1/slots/{slot}/manifest?limit=200{cursor}"), None).await?;
            let entries = page["data"].as_array().map(Vec::as_slice).unwrap_or_default();
            came += entries.iter().filter_map(|entry| entry["checked_in"].as_i64()).sum::<i64>();
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
    }
    let expected = TICKETS * bookings as i64;
    context.findings.always("the_manifest_counts_who_came", came == expected, || {
        format!("{came} tickets of {expected} are checked in")
    });
    Ok(())
}
