//! A key is used again: a changed body is refused, and the same JSON in another form is the same
//! request.
//!
//! | sent under a used key | answer |
//! |---|---|
//! | another amount, card, metadata; a member more or less; another address | 422 `idempotency_key_reused` |
//! | members in another order, other white space, letters as escapes; the key in quotes (RFC 9651) | the stored reply |
//!
//! Both are sent while the first request is in flight, and after it has ended. The books must show
//! the first request only.

mod disguise;

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::methods::PaymentMethod;
use crate::{
    Error, ExpectedEffect, OperationRequest, ReplyKind, RetryingClient, Scenario, ScenarioContext, Target,
    Tuning, judge,
};
use disguise::disguise;

pub const SCENARIO: Scenario = Scenario {
    number: 3,
    name: "changed-body",
    promise: "A key with a changed body is refused with 422; the same body in another form gets the stored reply.",
    needs: &[],
    always: &["a_changed_body_is_refused", "the_same_body_is_a_replay"],
    sometimes: &["changed_in_flight", "changed_afterwards", "disguised_in_flight", "disguised_afterwards"],
    run: |context| Box::pin(run(context)),
};

/// Operations for one key.
const OPERATIONS_A_KEY: usize = 5;
const KEYS_MIN: usize = 20;
/// Keys at the same time, each with its own clients.
const LANES: usize = 4;
/// Variants of each kind, after the first request has ended.
const VARIANTS: usize = 2;

/// The requests under one key.
struct Plan {
    first: OperationRequest,
    /// Requests while the first is in flight, and after it.
    changed: Vec<OperationRequest>,
    disguised: Vec<OperationRequest>,
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let mut random = context.random("bodies");
    let count = (context.operations() / OPERATIONS_A_KEY).max(KEYS_MIN);
    let mut deployment = context.deploy(&Tuning::default()).await?;
    // Slow enough to send another request meanwhile.
    if deployment.location().is_some() {
        deployment.set_faults(json!({ "delay_ms": [20, 60] })).await?;
    }
    let plans = (0..count).map(|number| plan(&context, &deployment.target, number, &mut random)).collect();
    context.progress.counts("keys that are used again", count);
    all_keys(&context, &deployment.target, plans).await?;
    deployment.all_alive()?;
    judge(&context, &deployment).await?;
    Ok(())
}

async fn all_keys(context: &ScenarioContext, target: &Target, plans: VecDeque<Plan>) -> Result<(), Error> {
    let waiting = Arc::new(Mutex::new(plans));
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let mut caller = context.caller(target, 2 * lane);
        let mut other = context.caller(target, 2 * lane + 1);
        let (context, waiting) = (context.clone(), waiting.clone());
        lanes.spawn(async move {
            loop {
                let next = waiting.lock().pop_front();
                let Some(plan) = next else { return Ok::<_, Error>(()) };
                one_key(&context, &mut caller, &mut other, &plan).await?;
                context.progress.advance();
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.map_err(std::io::Error::other)??;
    }
    Ok(())
}

fn plan(context: &ScenarioContext, target: &Target, number: usize, random: &mut StdRng) -> Plan {
    let (operation, method) = (context.operation(number), context.card(number));
    let first = if number.is_multiple_of(4) {
        OperationRequest::hold(&operation, &target.catalogue, 0, 3_600)
    } else {
        let body = method.order(json!({
            "amount": method.money(random.random_range(100..=9_999)),
            "reference": format!("Tischle\u{ef}n \u{1f6a2} {number}"),
            "metadata": { "attack": operation, "a": "1", "b": "2" },
        }));
        let minor = body["amount"]["minor"].as_i64().unwrap_or_default();
        OperationRequest::new(
            &operation,
            "/v1/charges",
            &body,
            ExpectedEffect::Charge { minor, may_return: false },
        )
    };
    let changed = (0..=VARIANTS).map(|_| changed(&first, method, random)).collect();
    let mut disguised: Vec<OperationRequest> = (0..=VARIANTS)
        .map(|_| first.with_body(disguise(&parsed(&first), random), first.wants.clone()))
        .collect();
    if let Some(last) = disguised.last_mut() {
        // RFC 9651 writes a string in quotes.
        last.header_key = Some(format!("\"{}\"", last.key));
    }
    Plan { first, changed, disguised }
}

fn parsed(request: &OperationRequest) -> Value {
    serde_json::from_str(&request.body).unwrap_or_default()
}

/// Another operation under the same key.
fn changed(first: &OperationRequest, method: &PaymentMethod, random: &mut StdRng) -> OperationRequest {
    let mut body = parsed(first);
    let mut path = first.path.clone();
    if first.wants == ExpectedEffect::Seats {
        match random.random_range(0..4) {
            0 => body["units"][0]["quantity"] = json!(2),
            1 => body["customer"]["name"] = json!("Ana Lim\u{e3}"),
            2 => body["hold_seconds"] = json!(3_601),
            _ => drop(body.as_object_mut().map(|body| body.remove("hold_seconds"))),
        }
    } else {
        match random.random_range(0..6) {
            0 => body["amount"]["minor"] = json!(body["amount"]["minor"].as_i64().unwrap_or(0) + 1),
            1 => body = method.changed(body),
            2 => body["metadata"]["a"] = json!("2"),
            3 => body["metadata"]["c"] = json!("3"),
            4 => drop(body.as_object_mut().map(|body| body.remove("reference"))),
            _ => "/v1/payments".clone_into(&mut path),
        }
    }
    OperationRequest { path, ..first.with_body(body.to_string(), ExpectedEffect::Nothing) }
}

async fn one_key(
    context: &ScenarioContext,
    caller: &mut RetryingClient,
    other: &mut RetryingClient,
    plan: &Plan,
) -> Result<(), Error> {
    let [changed_first, changed @ ..] = &plan.changed[..] else { return Ok(()) };
    let [disguised_first, disguised @ ..] = &plan.disguised[..] else { return Ok(()) };
    let meanwhile = async {
        // Waits until the server has the key. A changed request before that would be the first.
        loop {
            let seen = other.send_once(disguised_first).await?;
            match seen.reply_kind() {
                // The cache may report the first request before the database has its key.
                ReplyKind::InFlight if seen.answer().is_some_and(|answer| answer.id().is_some()) => {
                    context.findings.reached("disguised_in_flight");
                    break;
                }
                ReplyKind::InFlight | ReplyKind::Lost | ReplyKind::Unavailable | ReplyKind::Accepted => {}
                // The first request was faster, or the server took the two in the other order.
                _ => return Ok::<(), Error>(()),
            }
        }
        let result = other.send_once(changed_first).await?;
        context.findings.always("a_changed_body_is_refused", refused(result.reply_kind()), || {
            format!("{}: {}", changed_first.operation, result.summary())
        });
        if result.reply_kind() == ReplyKind::Mismatch {
            context.findings.reached("changed_in_flight");
        }
        Ok(())
    };
    let (first, meanwhile) = tokio::join!(caller.retry_until_definite(&plan.first), meanwhile);
    meanwhile?;
    let first = first?;
    if !first.is_success() {
        return Err(Error::Unexpected { operation: plan.first.operation.clone(), outcome: first.summary() });
    }
    for request in changed {
        let result = caller.send_once(request).await?;
        context.findings.always("a_changed_body_is_refused", refused(result.reply_kind()), || {
            format!("{}: {} to {}", request.operation, result.summary(), request.body)
        });
        if result.reply_kind() == ReplyKind::Mismatch {
            context.findings.reached("changed_afterwards");
        }
    }
    for request in disguised {
        let result = caller.retry_until_definite(request).await?;
        let same = result.replayed && result.status == first.status && result.body == first.body;
        context.findings.always("the_same_body_is_a_replay", same, || {
            format!("{}: {} to {}", request.operation, result.summary(), request.body)
        });
        context.findings.reached("disguised_afterwards");
    }
    Ok(())
}

/// Refused; or there was no answer, and then the next request tests it.
fn refused(kind: ReplyKind) -> bool {
    matches!(kind, ReplyKind::Mismatch | ReplyKind::Lost | ReplyKind::Unavailable)
}
