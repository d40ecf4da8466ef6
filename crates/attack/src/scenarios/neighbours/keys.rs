//! Keys that may less than all: of one scope, and of the other mode.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::true_event;
use crate::operation_request::{PAYS, PRICE_MINOR};
use crate::scenarios::webhooks::WebhookForwarder;
use crate::{
    Deployment, Error, ExpectedEffect, OperationAnswer, OperationRequest, RetryingClient, ScenarioContext,
    Target,
};

const HOLD_SECONDS: u32 = 3_600;
const PART_MINOR: i64 = 700;
/// Rows of a page of the event log.
const PAGE_ROWS: usize = 200;
const HAPPENS_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Keys of the deployment's tenant.
pub(super) struct Keys {
    /// May book, and nothing else.
    bookings: String,
    /// May all that an app may, with live money.
    live: String,
}

impl Keys {
    /// Before anything serves.
    pub async fn made(deployment: &Deployment) -> Result<Keys, Error> {
        let installation = deployment.installation()?;
        Ok(Keys {
            bookings: installation.key("bookings", false).await?,
            live: installation.key("bookings,payments,catalogue,ledger", true).await?,
        })
    }
}

/// A booking that is paid, and paid back in part; then the events are read by two keys.
pub(super) async fn scopes(
    context: &ScenarioContext,
    deployment: &Deployment,
    keys: &Keys,
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.shop, 0)?;
    let hold = OperationRequest::hold(
        &context.operation("scopes-hold"),
        &deployment.shop.catalogue,
        0,
        HOLD_SECONDS,
    );
    let booking = made(&hold, &mut caller).await?;
    let pay = OperationRequest::pay(&context.operation("scopes-pay"), &booking, PRICE_MINOR, PAYS);
    let payment = made(&pay, &mut caller).await?;
    let refund =
        OperationRequest::refund(&context.operation("scopes-refund"), &payment, &pay.operation, PART_MINOR);
    let refund = made(&refund, &mut caller).await?;
    let about = |events: &[Value], subject: &str| events.iter().any(|event| event["subject_id"] == *subject);

    let begun = Instant::now();
    // Positions rise: what is behind the refund's event was there before it.
    while !about(&events(&mut caller, None).await?, &refund) {
        if begun.elapsed() > HAPPENS_WITHIN {
            return Err(Error::Restless(format!("nobody was told of the refund {refund}")));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let seen = events(&mut caller, Some(&keys.bookings)).await?;
    for event in &seen {
        context.findings.always("a_key_sees_what_its_scopes_show", event["subject"] == "booking", || {
            format!("a key that may only book sees {} of {}", event["type"], event["subject_id"])
        });
    }
    if about(&seen, &booking) {
        context.findings.reached("read_the_events_of_bookings_alone");
    }
    Ok(())
}

/// All that such a key sees.
async fn events(caller: &mut RetryingClient, key: Option<&str>) -> Result<Vec<Value>, Error> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = caller.get(&format!("/v1/events?after={after}&limit={PAGE_ROWS}"), key).await?;
        let events = page["data"].as_array().cloned().unwrap_or_default();
        let Some(last) = events.last() else { return Ok(all) };
        after = last["position"].as_i64().unwrap_or(i64::MAX);
        all.extend(events);
    }
}

/// A live key asks for money of the test account, and a live event tells of it.
pub(super) async fn modes(
    context: &ScenarioContext,
    deployment: &Deployment,
    keys: &Keys,
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.shop, 1)?;
    let charge = OperationRequest::charge(&context.operation("modes-charge"), PRICE_MINOR, PAYS);
    let captured = made(&charge, &mut caller).await?;
    let authorize = OperationRequest::authorize(&context.operation("modes-authorize"), PRICE_MINOR);
    let authorized = made(&authorize, &mut caller).await?;
    let asks = |whose: &str| {
        let name = |what: &str| context.operation(format!("modes-{whose}-{what}"));
        [
            OperationRequest::refund(&name("refund"), &captured, &charge.operation, PART_MINOR),
            OperationRequest::capture(&name("capture"), &authorized, &authorize.operation, PART_MINOR),
            OperationRequest::void(&name("void"), &authorized, &authorize.operation),
        ]
    };
    let live_shop = Target { api_key: keys.live.clone(), ..deployment.shop.clone() };
    let mut live = context.caller(&live_shop, 1)?;
    for ask in asks("live") {
        // It is to move nothing.
        let ask = OperationRequest { wants: ExpectedEffect::Nothing, ..ask };
        let answer = live.retry_until_definite(&ask).await?;
        context.findings.always("test_and_live_do_not_mix", is_not_found(&answer), || {
            format!("{}: a live key asks for {}, and is answered {}", ask.operation, ask.path, answer.words())
        });
        context.findings.reached("asked_by_a_live_key");
    }
    live_event(context, deployment).await?;
    let [refund, capture, _] = asks("test");
    for ask in [refund, capture.that_may_be_refused()] {
        let answer = caller.retry_until_definite(&ask).await?;
        context.findings.always("test_and_live_do_not_mix", answer.is_success(), || {
            format!("{}: of its own mode, and answered {}", ask.operation, answer.words())
        });
    }
    Ok(())
}

fn is_not_found(answer: &OperationAnswer) -> bool {
    answer.code().as_deref() == Some("payment_not_found")
}

/// What happened to a test payment, as if it had happened to a live one, and truly signed.
async fn live_event(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let own = deployment.installation()?.residents()[0].account.clone();
    let mut courier = WebhookForwarder::new(deployment)?;
    let mut event = true_event(context, deployment, &mut courier, "modes-live-event").await?;
    event["livemode"] = json!(true);
    event["id"] = json!("evt_live000000000001");
    let status = courier.brings(&own, &event).await?;
    context.findings.always("test_and_live_do_not_mix", status == Some(400), || {
        format!("a live {} at the door of a test account was answered {status:?}", event["type"])
    });
    context.findings.reached("told_by_a_live_event");
    Ok(())
}

async fn made(ask: &OperationRequest, caller: &mut RetryingClient) -> Result<String, Error> {
    let answer = caller.retry_until_definite(ask).await?;
    let made = answer.id().filter(|_| answer.is_success());
    made.ok_or_else(|| Error::Unexpected { operation: ask.operation.clone(), told: answer.words() })
}
