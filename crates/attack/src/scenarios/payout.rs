//! Completed bookings whose money is shared, while the provider loses replies, processes are killed, and
//! refunds compete with releases. Then some shares are taken back.
//!
//! | fault | what it leaves | what must hold |
//! |---|---|---|
//! | the transfer is made, and its reply is lost, or is a 500 that is kept under the key | a payout without an outcome | one transfer |
//! | a process is killed while payouts are sent | payouts under a lease that nobody renews | one transfer, in the end |
//! | every transfer of some bookings is made, no reply arrives, and no webhook | payouts that only a look-up settles | one transfer |
//! | every server's timer finds the same releases | releases that are decided several times | one release |
//! | a refund of all the money at the moment of the release | | the refund or the share, never both |
//! | a refund of all the money before the booking is completed | | the refund, and no share |
//! | paid shares are taken back, and every reply is lost ([`reversals`]) | reversals that only a look-up settles | each asked sum comes back once |

mod reversals;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use rand::RngExt as _;
use serde_json::{Value, json};

use crate::methods::STRIPE;
use crate::operation_request::{PRICE_MINOR, TAX_MINOR};
use crate::{Deployment, Error, ExpectedEffect, Need, OperationRequest, Part, Scenario, ScenarioContext};
use crate::{Tuning, judge};
use reversals::Reversed;

pub const SCENARIO: Scenario = Scenario {
    number: 21,
    name: "payout",
    promise: "The funds of a completed booking are released once and each share is paid once, whatever is lost, killed or done at the same moment. A share that is taken back comes back once.",
    needs: &[Need::Deployment],
    always: &["a_share_is_paid_once", "a_refund_or_a_share", "a_share_comes_back_once"],
    sometimes: &[
        "a_share_was_paid",
        "a_reply_was_lost",
        "a_refund_was_quicker",
        "a_process_was_killed",
        "a_share_came_back",
        "a_reply_to_a_reversal_was_lost",
    ],
    run: |context| Box::pin(run(context)),
};

/// Operations for each booking.
const OPERATIONS_A_BOOKING: usize = 5;
const BOOKINGS_MIN: usize = 12;
const BOOKINGS_AT_ONCE: usize = 8;
const HOLD_SECONDS: u32 = 3_600;
/// The platform's part, of the price without its tax.
const FEE_MINOR: i64 = (PRICE_MINOR - TAX_MINOR) / 10;
const SHARE_MINOR: i64 = PRICE_MINOR - TAX_MINOR - FEE_MINOR;
const DESTINATION: &str = "acct_guide";
/// So that a share that is paid twice finds the money for it.
const SPARE_MINOR: i64 = 900_000;
/// How many bookings get no answers about their transfers.
const WITHOUT_ANSWERS: usize = 3;
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Far longer than a payout takes, with its look-ups.
const PAID_WITHIN: Duration = Duration::from_mins(1);
pub(super) const SCOPES: &str = "bookings,payments,catalogue,ledger,payouts";

/// One booking, and the refund that competes with its release.
#[derive(Clone, Copy)]
struct Turn {
    number: usize,
    rival: Rival,
}

/// A refund of all the money of a booking.
#[derive(Clone, Copy)]
enum Rival {
    Absent,
    /// Its answer comes before the booking is completed, so it is quicker on any machine.
    First,
    /// It is requested this long after the completion.
    After(Duration),
}

/// What became of it.
struct Outcome {
    booking: String,
    refunded: bool,
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = (context.operations() / OPERATIONS_A_BOOKING).max(BOOKINGS_MIN);
    let mut random = context.random("turns");
    let turn = |number| {
        let rival = match number {
            0 => Rival::First,
            _ if random.random_bool(0.4) => {
                Rival::After(Duration::from_millis(random.random_range(0..1_500)))
            }
            _ => Rival::Absent,
        };
        Turn { number, rival }
    };
    let turns: Vec<Turn> = (0..count).map(turn).collect();

    let mut deployment = context.deploy(&Tuning::default()).await?;
    let key = deployment.installation()?.key(SCOPES, false).await;
    deployment.target.api_key = key?;
    share(&context, &deployment).await?;
    let faults = json!({
        "seed": context.draw("provider") >> 12, "delay_ms": [5, 60], "commit_then_drop": 0.15,
        "commit_then_kept_500": 0.1, "kept_500": 0.05, "webhook_drop": 0.5,
    });
    deployment.set_faults(faults).await?;
    context.progress.counts("bookings whose money is shared", count);
    let mut outcomes = Vec::new();
    for (at, turns) in turns.chunks(BOOKINGS_AT_ONCE).enumerate() {
        let made = try_join_all(turns.iter().map(|turn| one(&context, &deployment, *turn)));
        outcomes.extend(made.await?);
        // Payouts of these bookings are under way.
        kill_a_worker(&context, &mut deployment, at).await?;
    }
    outcomes.extend(without_answers(&context, &mut deployment, count).await?);
    settle(&context, &deployment, &outcomes).await?;
    let mut reversed = Vec::new();
    if !context.findings.any_broken() {
        reversed = reversals::reverse(&context, &mut deployment, &outcomes).await?;
    }
    compare(&context, &deployment, &outcomes, &reversed).await?;
    if context.findings.any_broken() {
        return Ok(());
    }
    deployment.all_alive()?;
    judge(&context, &deployment).await.map(drop)
}

/// The product's money is shared with one beneficiary, and the tenant has other money as well.
pub(super) async fn share(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    let body = json!({ "name": "Ana, guide", "provider": "stripe", "destination": DESTINATION });
    let request = asks(context.operation("beneficiary"), "/v1/beneficiaries", &body);
    let answer = caller.retry_until_definite(&request).await?;
    let beneficiary = answer.id().unwrap_or_default();
    let split = json!({
        "platform_fee": { "basis_points": 1_000 },
        "shares": [{ "beneficiary_id": beneficiary }],
        "remainder_to": beneficiary,
    });
    let path = format!("/v1/products/{}/split", deployment.target.catalogue.product);
    let request = asks(context.operation("split"), &path, &split);
    let answer = caller.retry_until_definite(&request).await?;
    if !answer.is_success() {
        return Err(Error::Unexpected { operation: request.operation, outcome: answer.summary() });
    }
    let spare = OperationRequest::charge(&context.operation("spare"), SPARE_MINOR, &STRIPE);
    caller.retry_until_definite(&spare).await.map(drop)
}

/// Kills one worker after another, and starts it again.
pub(super) async fn kill_a_worker(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    turn: usize,
) -> Result<(), Error> {
    let workers = deployment.workers();
    if let Some(name) = workers.get(turn % workers.len().max(1)) {
        deployment.kill(name).await?;
        deployment.start_again(name).await?;
        context.findings.reached("a_process_was_killed");
    }
    Ok(())
}

/// A request that moves no money by itself.
pub(super) fn asks(operation: String, path: &str, body: &Value) -> OperationRequest {
    OperationRequest::new(&operation, path, body, ExpectedEffect::Nothing)
}

/// Bookings whose transfers are all made without a reply and without a webhook, whatever the seed is.
async fn without_answers(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    first: usize,
) -> Result<Vec<Outcome>, Error> {
    deployment.set_faults(json!({})).await?;
    let numbers = first..first + WITHOUT_ANSWERS;
    let paid = try_join_all(numbers.map(|number| pay(context, &*deployment, number))).await?;
    deployment.set_faults(json!({ "commit_then_drop": 1.0, "webhook_drop": 1.0 })).await?;
    let completed = paid.iter().map(|paid| async {
        let Paid { number, booking, .. } = paid;
        context
            .caller(&deployment.target, *number)
            .retry_until_definite(&completes(context, *number, booking))
            .await
    });
    try_join_all(completed).await?;
    let is_transferred = |transfers: &[check::BookedTransfer], booking: &str| {
        transfers.iter().any(|made| made.metadata.get("booking").is_some_and(|of| of == booking))
    };
    let begun = Instant::now();
    loop {
        let Some(books) = deployment.books().await? else { break };
        let all = paid.iter().all(|paid| is_transferred(&books.transfers, &paid.booking));
        if all || begun.elapsed() > PAID_WITHIN {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    deployment.set_faults(json!({})).await?;
    Ok(paid.into_iter().map(|paid| Outcome { booking: paid.booking, refunded: false }).collect())
}

/// A booking whose money has arrived.
struct Paid {
    number: usize,
    booking: String,
    payment: String,
    /// The operation that paid it.
    operation: String,
}

fn completes(context: &ScenarioContext, number: usize, booking: &str) -> OperationRequest {
    asks(context.operation(format!("{number}-done")), &format!("/v1/bookings/{booking}/complete"), &json!({}))
}

async fn pay(context: &ScenarioContext, deployment: &Deployment, number: usize) -> Result<Paid, Error> {
    let mut caller = context.caller(&deployment.target, number);
    let name = |step: &str| context.operation(format!("{number}-{step}"));
    let slot = number % deployment.target.catalogue.slots.len();
    let hold = OperationRequest::hold(&name("hold"), &deployment.target.catalogue, slot, HOLD_SECONDS);
    let answer = caller.retry_until_definite(&hold).await?;
    let unexpected =
        |operation: &str, outcome: String| Error::Unexpected { operation: operation.to_owned(), outcome };
    let booking = answer.id().ok_or_else(|| unexpected(&hold.operation, answer.summary()))?;
    let pay = OperationRequest::pay(&name("pay"), &booking, PRICE_MINOR, &STRIPE);
    let answer = caller.retry_until_definite(&pay).await?;
    let payment = answer.id().ok_or_else(|| unexpected(&pay.operation, answer.summary()))?;
    let path = format!("/v1/bookings/{booking}");
    let is_paid = |seen: &Value| seen["paid"]["minor"] == PRICE_MINOR;
    let seen = caller.until(&path, PAID_WITHIN, is_paid).await?;
    if !is_paid(&seen) {
        return Err(unexpected(&pay.operation, seen.to_string()));
    }
    Ok(Paid { number, booking, payment, operation: pay.operation })
}

async fn one(context: &ScenarioContext, deployment: &Deployment, turn: Turn) -> Result<Outcome, Error> {
    let Turn { number, rival } = turn;
    let Paid { booking, payment, operation, .. } = pay(context, deployment, number).await?;
    let mut caller = context.caller(&deployment.target, number);
    let mut other = context.caller(&deployment.target, number + 1);
    let done = completes(context, number, &booking);
    let complete = async { caller.retry_until_definite(&done).await };
    let refund = async {
        let name = context.operation(format!("{number}-back"));
        let back = OperationRequest::refund(&name, &payment, &operation, &STRIPE.money(PRICE_MINOR));
        other.retry_until_definite(&back.that_may_be_refused()).await
    };
    let (refund, completed) = match rival {
        Rival::Absent => (None, complete.await?),
        Rival::First => (Some(refund.await?), complete.await?),
        Rival::After(pause) => {
            let later = async {
                tokio::time::sleep(pause).await;
                refund.await
            };
            let (refund, completed) = tokio::try_join!(later, complete)?;
            (Some(refund), completed)
        }
    };
    if !completed.is_success() {
        return Err(Error::Unexpected { operation: done.operation, outcome: completed.summary() });
    }
    context.progress.advance();
    let refunded = refund.is_some_and(|answer| answer.is_success());
    if refunded {
        context.findings.reached("a_refund_was_quicker");
    }
    Ok(Outcome { booking, refunded })
}

/// Waits until every share is paid. What is not paid by then never will be.
async fn settle(
    context: &ScenarioContext,
    deployment: &Deployment,
    outcomes: &[Outcome],
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    for Outcome { booking, .. } in outcomes.iter().filter(|outcome| !outcome.refunded) {
        let path = format!("/v1/payouts?booking_id={booking}");
        let paid = |seen: &Value| seen["data"][0]["state"] == "paid";
        let within = if context.findings.any_broken() { Duration::ZERO } else { PAID_WITHIN };
        let seen = caller.until(&path, within, paid).await?;
        context.findings.always("a_share_is_paid_once", paid(&seen), || format!("{booking}: {seen}"));
        if paid(&seen) {
            context.findings.reached("a_share_was_paid");
        }
    }
    Ok(())
}

/// The provider's books, booking by booking.
async fn compare(
    context: &ScenarioContext,
    deployment: &Deployment,
    outcomes: &[Outcome],
    reversed: &[Reversed],
) -> Result<(), Error> {
    let Some(books) = deployment.books().await? else { return Ok(()) };
    let mut transfers: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for transfer in &books.transfers {
        let booking = transfer.metadata.get("booking").map_or("", String::as_str);
        transfers.entry(booking).or_default().push(transfer.amount_minor);
    }
    let lost = |path: &str, outcome: &str| path == "/v1/transfers" && outcome.starts_with("committed_then");
    let lost = books.calls.iter().filter(|call| lost(&call.path, &call.outcome)).count();
    context.findings.reached_times("a_reply_was_lost", lost as u64);
    for Outcome { booking, refunded } in outcomes {
        let made = transfers.get(booking.as_str()).map_or(&[][..], Vec::as_slice);
        let told = || {
            format!("booking {booking}: refunded {refunded}, transferred {made:?}, its share {SHARE_MINOR}")
        };
        if *refunded {
            context.findings.always("a_refund_or_a_share", made.is_empty(), told);
        } else {
            context.findings.always("a_share_is_paid_once", made == [SHARE_MINOR], told);
        }
    }
    reversals::compare(context, &books, reversed);
    let total = STRIPE.money(books.transfers.iter().map(check::BookedTransfer::net).sum());
    context.findings.note(format!("{} transfers, {total} in all", books.transfers.len()));
    let verdicts = deployment.verdicts().await?;
    if context.findings.any_broken() {
        context.findings.oracle(&verdicts);
    }
    let servers = deployment.names(Part::Server).len();
    context.findings.figure("servers with a timer", servers as f64);
    Ok(())
}
