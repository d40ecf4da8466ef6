//! Rows that a newer version has written into the database, and work that it expects.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::Neighbour;
use crate::database_rows::{DatabaseRows, quoted};
use crate::methods::STRIPE;
use crate::operation_request::PRICE_MINOR;
use crate::{Error, OperationAnswer, OperationRequest, RetryingClient, ScenarioContext, Target, at_once};
use outbound::HttpConnection;

/// Holds of each tenant at once.
const HOLDS: usize = 20;
const LONG_SECONDS: u32 = 3_600;
/// The neighbour's hold lapses first: a sweep that finds the other hold finds both.
const FIRST_SECONDS: u32 = 2;
const NEXT_SECONDS: u32 = 3;
/// The most attempts to spoil a hold before it lapses.
const SPOILINGS_MAX: usize = 10;
/// A change that has not happened by then never will.
const HAPPENS_WITHIN: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(100);
/// The kind of message that the newer version's consumer receives as well.
const KIND: &str = "payment.captured";
/// The code of an answer if a row cannot be read. No other fault here has it.
const UNREADABLE: &str = "storage_unavailable";
/// A consumer of the newer version.
const CONSUMER: &str = "mailer";

/// The neighbour's settings get a value that this version does not know, and then a member.
pub(super) async fn settings(
    context: &ScenarioContext,
    rows: &DatabaseRows,
    ours: &Target,
    neighbour: &Neighbour,
    tries: usize,
) -> Result<(), Error> {
    let tenant = id(&neighbour.resident.tenant.tenant_id)?;
    let set = async |settings: &Value| {
        context.timeline.fault("settings of a newer version", "tenants", settings.to_string());
        let settings = quoted(&settings.to_string());
        rows.execute(&format!("update tenants set settings = {settings} where id = {}", rows.id(tenant)))
            .await
    };
    set(&json!({ "late_money": "half" })).await?;
    context.progress.counts("beside settings that cannot be read", tries);
    let mut theirs = Vec::new();
    for number in 0..tries {
        theirs.extend(together(context, ours, &neighbour.target, number).await?);
        context.progress.advance();
    }

    let added = json!({ "waits": { "for": ["rain", 1.5] }, "calm": null });
    set(&added).await?;
    // No request of that time was lost.
    let mut caller = context.caller(&neighbour.target, 0);
    for request in &theirs {
        let answer = caller.retry_until_definite(request).await?;
        context.findings.always("an_unreadable_row_stops_nobody_else", answer.is_success(), || {
            format!(
                "{}: its row can be read again, and it is answered {}",
                request.operation,
                answer.summary()
            )
        });
    }
    change_settings(&neighbour.target).await?;
    let kept = rows.select(&format!("select settings from tenants where id = {}", rows.id(tenant))).await?;
    let kept = kept.into_iter().flatten().flatten().next().unwrap_or_default();
    let kept: Value = serde_json::from_str(&kept).unwrap_or_default();
    let (waits, calm) = (kept["waits"] == added["waits"], kept.get("calm") == Some(&Value::Null));
    context.findings.always("what_a_newer_version_added_is_kept", waits && calm, || {
        format!("{added} was added to the settings, and they were changed to {kept}")
    });
    set(&json!({})).await
}

/// Both tenants send holds at the same moment, so that batches have commands of both. Returns the
/// neighbour's requests.
async fn together(
    context: &ScenarioContext,
    ours: &Target,
    theirs: &Target,
    number: usize,
) -> Result<Vec<OperationRequest>, Error> {
    let (mut callers, mut requests) = (Vec::new(), Vec::new());
    for at in 0..HOLDS {
        for (whose, target) in [("ours", ours), ("theirs", theirs)] {
            let name = context.operation(format!("{whose}-{number}-{at}"));
            callers.push(context.caller(target, at));
            requests.push(OperationRequest::hold(&name, &target.catalogue, 0, LONG_SECONDS));
        }
    }
    let results = at_once(&mut callers, &requests).await?;
    let mut others = Vec::new();
    for (at, (request, result)) in requests.into_iter().zip(&results).enumerate() {
        let unreadable = result.answer().and_then(OperationAnswer::code).as_deref() == Some(UNREADABLE);
        if at % 2 == 1 {
            context.findings.reached_times("refused_for_an_unreadable_row", u64::from(unreadable));
            others.push(request);
            continue;
        }
        context.findings.always("an_unreadable_row_stops_nobody_else", !unreadable, || {
            format!(
                "{}: {}, beside a tenant whose settings cannot be read",
                request.operation,
                result.summary()
            )
        });
        if !unreadable {
            callers[at].retry_until_definite(&request).await?;
        }
    }
    Ok(others)
}

/// Changes the settings as a client that does not know the newer version's member.
async fn change_settings(target: &Target) -> Result<(), Error> {
    let authorization = format!("Bearer {}", target.ops_key.as_deref().unwrap_or_default());
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let base_url = target.base_urls.first().map_or("", String::as_str);
    let body = json!({ "hold_seconds": 601 }).to_string();
    let path = "/v1/ops/settings";
    let answer = HttpConnection::new(base_url).request(::http::Method::PATCH, path, &headers, body).await?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(Error::Unexpected { operation: format!("PATCH {path}"), outcome: answer.text() })
}

/// A hold of the neighbour cannot be read when it lapses. The other tenant's holds lapse after it.
pub(super) async fn holds(
    context: &ScenarioContext,
    rows: &DatabaseRows,
    ours: &Target,
    neighbour: &Neighbour,
) -> Result<(), Error> {
    let mut theirs = context.caller(&neighbour.target, 0);
    let spoiled = spoiled_hold(context, rows, &neighbour.target, &mut theirs).await?;
    let mut caller = context.caller(ours, 0);
    let hold = OperationRequest::hold(&context.operation("lapses"), &ours.catalogue, 0, NEXT_SECONDS);
    let booking = made(&hold, &mut caller).await?;
    let lapses = |seen: &Value| seen["state"] == "expired";
    let seen = caller.until(&format!("/v1/bookings/{booking}"), HAPPENS_WITHIN, lapses).await?;
    context.findings.always("an_unreadable_row_stops_no_sweep", lapses(&seen), || {
        format!("{}: beside a booking that cannot be read it is {}", hold.operation, seen["state"])
    });
    if lapses(&seen) {
        context.findings.reached("lapsed_beside_an_unreadable_hold");
    }
    let booking = rows.id(spoiled);
    rows.execute(&format!("update bookings set metadata = '{{}}' where id = {booking}")).await?;
    context.timeline.fault("row put right", "bookings", spoiled.to_string());
    let seen = theirs.until(&format!("/v1/bookings/{spoiled}"), HAPPENS_WITHIN, lapses).await?;
    context.findings.always("an_unreadable_row_stops_no_sweep", lapses(&seen), || {
        format!("{spoiled} can be read again, and is {}", seen["state"])
    });
    Ok(())
}

/// A hold whose row cannot be read, and that has not lapsed yet.
async fn spoiled_hold(
    context: &ScenarioContext,
    rows: &DatabaseRows,
    target: &Target,
    caller: &mut RetryingClient,
) -> Result<Uuid, Error> {
    for number in 0..SPOILINGS_MAX {
        let name = context.operation(format!("unreadable-{number}"));
        let hold = OperationRequest::hold(&name, &target.catalogue, 0, FIRST_SECONDS);
        let booking = id(&made(&hold, caller).await?)?;
        let (row, spoiled) = (rows.id(booking), quoted("[]"));
        let held = format!("where id = {row} and state = 'held'");
        rows.execute(&format!("update bookings set metadata = {spoiled} {held}")).await?;
        // From here on no command can change it.
        let found =
            rows.select_ids(&format!("select id from bookings {held} and metadata = {spoiled}")).await?;
        if !found.is_empty() {
            context.timeline.fault("row spoiled", "bookings", booking.to_string());
            return Ok(booking);
        }
    }
    Err(Error::Restless("every hold lapsed before it was spoiled".to_owned()))
}

async fn made(request: &OperationRequest, caller: &mut RetryingClient) -> Result<String, Error> {
    let answer = caller.retry_until_definite(request).await?;
    let made = answer.id().filter(|_| answer.is_success());
    made.ok_or_else(|| Error::Unexpected { operation: request.operation.clone(), outcome: answer.summary() })
}

/// Adds a newer version's consumer. Returns the consumers before, as in the row.
pub(super) async fn adds_a_consumer(rows: &DatabaseRows) -> Result<String, Error> {
    let found = rows.select(&format!("select consumers from subscriptions where kind = '{KIND}'")).await?;
    let before = found.into_iter().flatten().flatten().next().unwrap_or_default();
    let mut consumers: Vec<String> = serde_json::from_str(&before)
        .map_err(|error| Error::Unreadable("subscriptions".to_owned(), error.to_string()))?;
    consumers.push(CONSUMER.to_owned());
    subscribe(rows, &json!(consumers).to_string()).await?;
    Ok(before)
}

async fn subscribe(rows: &DatabaseRows, consumers: &str) -> Result<(), Error> {
    let consumers = quoted(consumers);
    rows.execute(&format!("update subscriptions set consumers = {consumers} where kind = '{KIND}'")).await
}

/// A message that the ledger has posted does not count as received: it has another consumer.
pub(super) async fn waits_for_its_consumer(
    context: &ScenarioContext,
    rows: &DatabaseRows,
    target: &Target,
) -> Result<(), Error> {
    let charge = OperationRequest::charge(&context.operation("two-consumers"), PRICE_MINOR, &STRIPE);
    let payment = id(&made(&charge, &mut context.caller(target, 0)).await?)?;
    let posted = format!(
        "select m.id from outbox m join transfers t on t.message = m.id \
         where m.kind = '{KIND}' and m.subject = {} and m.position is not null",
        rows.id(payment)
    );
    let begun = Instant::now();
    while rows.select_ids(&posted).await?.is_empty() {
        if begun.elapsed() > HAPPENS_WITHIN {
            return Err(Error::Restless(format!("{payment} was captured, and is not posted")));
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    context.findings.reached("posted_and_not_received");
    none_is_received(context, rows).await
}

async fn none_is_received(context: &ScenarioContext, rows: &DatabaseRows) -> Result<(), Error> {
    let sql = format!("select id from outbox where kind = '{KIND}' and received_at is not null");
    let received = rows.select_ids(&sql).await?;
    context.findings.always("received_once_every_consumer_has_it", received.is_empty(), || {
        format!("{CONSUMER} has no receipt of {received:?}, and they are marked as received")
    });
    Ok(())
}

/// The newer version is removed, and its consumer with it: every message counts as received.
pub(super) async fn has_its_consumer(
    context: &ScenarioContext,
    rows: &DatabaseRows,
    before: &str,
) -> Result<(), Error> {
    none_is_received(context, rows).await?;
    subscribe(rows, before).await?;
    let sql = format!("select id from outbox where kind = '{KIND}' and received_at is null");
    let begun = Instant::now();
    let mut waiting = rows.select_ids(&sql).await?;
    while !waiting.is_empty() && begun.elapsed() < HAPPENS_WITHIN {
        tokio::time::sleep(POLL_EVERY).await;
        waiting = rows.select_ids(&sql).await?;
    }
    context.findings.always("received_once_every_consumer_has_it", waiting.is_empty(), || {
        format!("every consumer has {waiting:?}, and they are not marked as received")
    });
    Ok(())
}

fn id(text: &str) -> Result<Uuid, Error> {
    text.parse().map_err(|_| Error::Unreadable(text.to_owned(), "it is no id".to_owned()))
}
