//! Paid shares that are taken back in parts. Several clients ask for a part of the same share at the same moment,
//! the provider makes every reversal without a reply and without a webhook, and workers are killed.
//!
//! Parts, because the provider itself refuses to take more back than it transferred: a part that is taken back
//! twice shows in its books.

use std::collections::BTreeMap;
use std::time::Duration;

use check::Books;
use futures_util::future::try_join_all;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::{Outcome, PAID_WITHIN, SHARE_MINOR, asks};
use crate::deployment::LEASE_MS;
use crate::methods::STRIPE;
use crate::{Deployment, Error, OperationRequest, RetryingClient, ScenarioContext, at_once};

/// How many shares are taken back.
const SHARES: usize = 3;
/// Parts of each share, one for each client.
const PARTS: usize = 3;
const PART_MINOR: i64 = SHARE_MINOR / PARTS as i64;
const _: () = assert!(PART_MINOR * PARTS as i64 == SHARE_MINOR, "the parts are the whole share");
/// How often a worker is killed meanwhile.
const KILLS: usize = 2;

/// A share that was taken back.
pub(super) struct Reversed {
    booking: String,
    /// The path of its payout.
    path: String,
    /// The sum of the parts that were accepted.
    asked_minor: i64,
}

/// The clients of one share, and what each of them asks.
struct Asking {
    booking: String,
    path: String,
    callers: Vec<RetryingClient>,
    requests: Vec<OperationRequest>,
}

/// Takes some of the paid shares back. Returns what was asked.
pub(super) async fn reverse(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    outcomes: &[Outcome],
) -> Result<Vec<Reversed>, Error> {
    let paid = outcomes.iter().filter(|outcome| !outcome.refunded).take(SHARES).enumerate();
    let mut asking =
        try_join_all(paid.map(|(number, outcome)| asking(context, deployment, number, &outcome.booking)))
            .await?;
    context.progress.counts("shares that are taken back", asking.len());
    let faults = json!({ "delay_ms": [5, 60], "commit_then_drop": 1.0, "webhook_drop": 1.0 });
    deployment.set_faults(faults).await?;
    try_join_all(asking.iter_mut().map(|one| at_once(&mut one.callers, &one.requests))).await?;
    let answers = try_join_all(asking.into_iter().map(|one| answered(context, one)));
    let (reversed, ()) = tokio::try_join!(answers, kill_workers(context, deployment))?;
    settle(context, deployment, &reversed).await?;
    deployment.set_faults(json!({})).await?;
    Ok(reversed)
}

async fn asking(
    context: &ScenarioContext,
    deployment: &Deployment,
    number: usize,
    booking: &str,
) -> Result<Asking, Error> {
    let mut callers: Vec<RetryingClient> =
        (0..PARTS).map(|part| context.caller(&deployment.target, number + part)).collect();
    let payouts = callers[0].get(&format!("/v1/payouts?booking_id={booking}"), None).await?;
    let path = format!("/v1/payouts/{}", payouts["data"][0]["id"].as_str().unwrap_or_default());
    let body = json!({ "amount": STRIPE.money(PART_MINOR), "who": "Ana", "why": "the guide did not come" });
    let request = |part| {
        let operation = context.operation(format!("reverse-{number}-{part}"));
        asks(operation, &format!("{path}/reverse"), &body)
    };
    let requests = (0..PARTS).map(request).collect();
    Ok(Asking { booking: booking.to_owned(), path, callers, requests })
}

/// Each client repeats its request until it is accepted. One reversal of a payout is under way at a time.
async fn answered(context: &ScenarioContext, asking: Asking) -> Result<Reversed, Error> {
    let Asking { booking, path, mut callers, requests } = asking;
    let all = callers.iter_mut().zip(&requests).map(|(caller, request)| caller.retry_until_definite(request));
    let accepted = try_join_all(all).await?.iter().filter(|answer| answer.is_success()).count();
    context.progress.advance();
    Ok(Reversed { booking, path, asked_minor: PART_MINOR * accepted as i64 })
}

/// The first kill is during the first calls, and the next one when their leases have ended and the reversals go
/// on.
async fn kill_workers(context: &ScenarioContext, deployment: &mut Deployment) -> Result<(), Error> {
    let mut random = context.random("kills");
    for (at, name) in deployment.workers().iter().cycle().take(KILLS).enumerate() {
        if at > 0 {
            let pause_ms = LEASE_MS + random.random_range(0..500);
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
        deployment.kill(name).await?;
        deployment.start_again(name).await?;
        context.findings.reached("a_process_was_killed");
    }
    Ok(())
}

/// Waits until everything that was asked has come back, as our payouts show it.
async fn settle(
    context: &ScenarioContext,
    deployment: &Deployment,
    reversed: &[Reversed],
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    for Reversed { path, asked_minor, .. } in reversed {
        let ended = |seen: &Value| seen["being_reversed"].is_null() && seen["state"] == "returned";
        let within = if context.findings.any_broken() { Duration::ZERO } else { PAID_WITHIN };
        let seen = caller.until(path, within, ended).await?;
        let right = ended(&seen) && seen["returned"]["minor"] == *asked_minor;
        let offender = || format!("{asked_minor} was to come back: {seen}");
        context.findings.always("a_share_comes_back_once", right, offender);
        if right {
            context.findings.reached("a_share_came_back");
        }
    }
    Ok(())
}

/// What came back in the provider's books: what was asked, and nothing of any other share.
pub(super) fn compare(context: &ScenarioContext, books: &Books, reversed: &[Reversed]) {
    // What was to come back, and what did, by booking.
    let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for Reversed { booking, asked_minor, .. } in reversed {
        sums.entry(booking).or_default().0 += asked_minor;
    }
    for transfer in &books.transfers {
        let booking = transfer.metadata.get("booking").map_or("", String::as_str);
        sums.entry(booking).or_default().1 += transfer.reversed_minor;
    }
    for (booking, (asked_minor, reversed_minor)) in sums {
        context.findings.always("a_share_comes_back_once", reversed_minor == asked_minor, || {
            format!("booking {booking}: {asked_minor} was to come back, and {reversed_minor} did")
        });
    }
    let lost =
        |path: &str, outcome: &str| path.ends_with("/reversals") && outcome.starts_with("committed_then");
    let lost = books.calls.iter().filter(|call| lost(&call.path, &call.outcome)).count();
    context.findings.reached_times("a_reply_to_a_reversal_was_lost", lost as u64);
}
