//! Keys with fewer rights: of one scope, and of the other mode.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::true_event;
use crate::methods::STRIPE;
use crate::operation_request::PRICE_MINOR;
use crate::scenarios::webhooks::{WebhookForwarder, status_text};
use crate::{
    Deployment, Error, ExpectedEffect, OperationAnswer, OperationRequest, RetryingClient, ScenarioContext,
    Target,
};

const HOLD_SECONDS: u32 = 3_600;
const PART_MINOR: i64 = 700;
/// Rows of a page of the event log.
const PAGE_ROWS: usize = 200;
const HAPPENS_WITHIN: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Keys of the deployment's tenant.
pub(super) struct Keys {
    /// A key that may book, and nothing else.
    bookings: String,
    /// A live key with all rights of an app.
    live: String,
}

impl Keys {
    /// Must be called before any server runs.
    pub async fn made(deployment: &Deployment) -> Result<Keys, Error> {
        let installation = deployment.installation()?;
        Ok(Keys {
            bookings: installation.key("bookings", false).await?,
            live: installation.key("bookings,payments,catalogue,ledger", true).await?,
        })
    }
}

/// A booking is paid, and refunded in part; then two keys read the events.
pub(super) async fn scopes(
    context: &ScenarioContext,
    deployment: &Deployment,
    keys: &Keys,
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    let hold = OperationRequest::hold(
        &context.operation("scopes-hold"),
        &deployment.target.catalogue,
        0,
        HOLD_SECONDS,
    );
    let booking = made(&hold, &mut caller).await?;
    let pay = OperationRequest::pay(&context.operation("scopes-pay"), &booking, PRICE_MINOR, &STRIPE);
    let payment = made(&pay, &mut caller).await?;
    let refund = OperationRequest::refund(
        &context.operation("scopes-refund"),
        &payment,
        &pay.operation,
        &STRIPE.money(PART_MINOR),
    );
    let refund = made(&refund, &mut caller).await?;
    let about = |events: &[Value], subject: &str| events.iter().any(|event| event["subject_id"] == *subject);

    let begun = Instant::now();
    // Positions rise: an event after the refund's was written later.
    while !about(&events(&mut caller, None).await?, &refund) {
        if begun.elapsed() > HAPPENS_WITHIN {
            return Err(Error::Restless(format!("the event log has no refund {refund}")));
        }
        tokio::time::sleep(POLL_EVERY).await;
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

/// All events that this key sees.
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

/// A live key requests money of the test account, and a live event reports a test payment.
pub(super) async fn modes(
    context: &ScenarioContext,
    deployment: &Deployment,
    keys: &Keys,
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 1);
    let charge = OperationRequest::charge(&context.operation("modes-charge"), PRICE_MINOR, &STRIPE);
    let captured = made(&charge, &mut caller).await?;
    let authorize = OperationRequest::authorize(&context.operation("modes-authorize"), PRICE_MINOR, &STRIPE);
    let authorized = made(&authorize, &mut caller).await?;
    let requests_of = |whose: &str| {
        let name = |what: &str| context.operation(format!("modes-{whose}-{what}"));
        [
            OperationRequest::refund(
                &name("refund"),
                &captured,
                &charge.operation,
                &STRIPE.money(PART_MINOR),
            ),
            OperationRequest::capture(
                &name("capture"),
                &authorized,
                &authorize.operation,
                &STRIPE.money(PART_MINOR),
            ),
            OperationRequest::void(&name("void"), &authorized, &authorize.operation),
        ]
    };
    let live_shop = Target { api_key: keys.live.clone(), ..deployment.target.clone() };
    let mut live = context.caller(&live_shop, 1);
    for request in requests_of("live") {
        // This request must move nothing.
        let request = OperationRequest { wants: ExpectedEffect::Nothing, ..request };
        let answer = live.retry_until_definite(&request).await?;
        context.findings.always("test_and_live_do_not_mix", is_not_found(&answer), || {
            format!(
                "{}: a live key requests {}, and is answered {}",
                request.operation,
                request.path,
                answer.summary()
            )
        });
        context.findings.reached("asked_by_a_live_key");
    }
    live_event(context, deployment).await?;
    let [refund, capture, _] = requests_of("test");
    for request in [refund, capture.that_may_be_refused()] {
        let answer = caller.retry_until_definite(&request).await?;
        context.findings.always("test_and_live_do_not_mix", answer.is_success(), || {
            format!("{}: of its own mode, and answered {}", request.operation, answer.summary())
        });
    }
    Ok(())
}

fn is_not_found(answer: &OperationAnswer) -> bool {
    answer.code().as_deref() == Some("payment_not_found")
}

/// The event of a test payment, with the live flag and a valid signature.
async fn live_event(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let own = deployment.installation()?.residents()[0].account.clone();
    let mut courier = WebhookForwarder::new(deployment)?;
    let mut event = true_event(context, deployment, &mut courier, "modes-live-event").await?;
    event["livemode"] = json!(true);
    event["id"] = json!("evt_live000000000001");
    let status = courier.brings(&own, &event).await?;
    context.findings.always("test_and_live_do_not_mix", status == Some(400), || {
        let status = status_text(status);
        format!("a live {} at a test account was answered {status}", event["type"])
    });
    context.findings.reached("told_by_a_live_event");
    Ok(())
}

async fn made(request: &OperationRequest, caller: &mut RetryingClient) -> Result<String, Error> {
    let answer = caller.retry_until_definite(request).await?;
    let made = answer.id().filter(|_| answer.is_success());
    made.ok_or_else(|| Error::Unexpected { operation: request.operation.clone(), outcome: answer.summary() })
}
