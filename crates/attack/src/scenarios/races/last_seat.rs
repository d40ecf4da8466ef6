//! The last seat: a payment that begins around the end of its hold, and a rival.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use rand::RngExt as _;
use server::ports::clock::SystemClock;
use store::Clock as _;

use crate::methods::STRIPE;
use crate::operation_request::{PRICE_MINOR, mark};
use crate::{Deployment, Error, OperationRequest, RetryingClient, ScenarioContext, Target};

/// The shortest hold that leaves time to begin.
const HOLD_SECONDS: u32 = 3;
/// When the payment begins, relative to the end of the hold: some are done by then, some are under
/// way, and some come too late.
const OFFSET_MS: std::ops::RangeInclusive<i64> = -1_500..=200;
const EARLY_AND_LATE_MS: [i64; 2] = [-2_800, 200];
/// The rival begins a little before the end of the hold, and gives up after this time.
const RIVAL_BEFORE_MS: i64 = 300;
const RIVAL_GIVES_UP: Duration = Duration::from_millis(2_500);
const RIVAL_PAUSE: Duration = Duration::from_millis(60);
/// The time for the seats to reach their final state.
const SETTLED_WITHIN: Duration = Duration::from_mins(1);
const POLL_EVERY: Duration = Duration::from_millis(100);

/// One seat, and its two customers.
pub(super) struct Seat {
    booking: String,
    pay: OperationRequest,
    /// The rival's booking, if there is one.
    rival: Option<String>,
}

pub(super) async fn race(
    context: &ScenarioContext,
    deployment: &Deployment,
    count: usize,
) -> Result<Vec<Seat>, Error> {
    let mut random = context.random("last seat");
    // The first comes early, the second too late, and the others around the end of the hold.
    let mut offsets: Vec<i64> = (0..count).map(|_| random.random_range(OFFSET_MS)).collect();
    offsets[..2].copy_from_slice(&EARLY_AND_LATE_MS);
    let target = Target { catalogue: deployment.sell(count, 1).await?, ..deployment.target.clone() };
    context.progress.counts("expiry against payment at the last seat", count);
    let mut seats = Vec::new();
    for first in (0..count).step_by(super::AT_ONCE) {
        let slots = first..count.min(first + super::AT_ONCE);
        let races = slots.map(|slot| one_seat(context, &target, slot, offsets[slot]));
        seats.extend(try_join_all(races).await?);
    }
    Ok(seats)
}

async fn one_seat(
    context: &ScenarioContext,
    target: &Target,
    slot: usize,
    offset_ms: i64,
) -> Result<Seat, Error> {
    let mut customer = context.caller(target, slot);
    let mut rival = context.caller(target, slot + 1);
    let hold = OperationRequest::hold(
        &context.operation(format!("seat-{slot}")),
        &target.catalogue,
        slot,
        HOLD_SECONDS,
    );
    let held = customer.retry_until_definite(&hold).await?;
    let Some(booking) = held.id().filter(|_| held.is_success()) else {
        return Err(Error::Unexpected { operation: hold.operation, outcome: held.summary() });
    };
    let pay = OperationRequest::pay(&format!("{}-pay", hold.operation), &booking, PRICE_MINOR, &STRIPE)
        .that_may_return();
    let expires_at: jiff::Timestamp = held.body["hold_expires_at"]
        .as_str()
        .and_then(|at| at.parse().ok())
        .ok_or_else(|| Error::Unreadable(hold.operation.clone(), held.body.to_string()))?;
    let expires_ms = expires_at.as_millisecond();
    let paying = async {
        wait_until(expires_ms + offset_ms).await;
        customer.retry_until_definite(&pay).await
    };
    let rivalling = async {
        wait_until(expires_ms - RIVAL_BEFORE_MS).await;
        rival_for(context, target, slot, &mut rival).await
    };
    let (paid, rival) = tokio::join!(paying, rivalling);
    let (paid, rival) = (paid?, rival?);
    let quicker =
        if paid.is_success() { "payment_was_quicker_than_expiry" } else { "expiry_was_quicker_than_payment" };
    context.findings.reached(quicker);
    context.findings.reached(if rival.is_some() {
        "the_rival_got_the_seat"
    } else {
        "the_rival_was_refused"
    });
    context.progress.advance();
    Ok(Seat { booking, pay, rival })
}

/// By the machine's clock, to the millisecond: a race needs a time, not a condition.
async fn wait_until(moment_ms: i64) {
    let left_ms = moment_ms - SystemClock.now().0 / 1_000;
    tokio::time::sleep(Duration::from_millis(left_ms.max(0).unsigned_abs())).await;
}

/// Requests the seat again and again. Returns the booking, if it got one.
async fn rival_for(
    context: &ScenarioContext,
    target: &Target,
    slot: usize,
    rival: &mut RetryingClient,
) -> Result<Option<String>, Error> {
    let begun = Instant::now();
    let mut tries = 0;
    loop {
        tries += 1;
        // A new operation each time: the key stores a refusal as its answer.
        let name = context.operation(format!("rival-{slot}-{tries}"));
        let request = OperationRequest::hold(&name, &target.catalogue, slot, 3_600).that_may_be_refused();
        let answer = rival.retry_until_definite(&request).await?;
        if answer.is_success() {
            return Ok(answer.id());
        }
        if answer.code().as_deref() != Some("slot_is_full") {
            return Err(Error::Unexpected { operation: request.operation, outcome: answer.summary() });
        }
        if begun.elapsed() > RIVAL_GIVES_UP {
            return Ok(None);
        }
        tokio::time::sleep(RIVAL_PAUSE).await;
    }
}

/// Checks who has each seat in the end, and where the money is.
pub(super) async fn judge(
    context: &ScenarioContext,
    deployment: &Deployment,
    seats: &[Seat],
) -> Result<(), Error> {
    let books = deployment.books().await?;
    let mut caller = context.caller(&deployment.target, 0);
    let begun = Instant::now();
    for Seat { booking, pay, rival } in seats {
        let path = format!("/v1/bookings/{booking}");
        let seen = loop {
            let seen = caller.get(&path, None).await?;
            let open = seen["state"] == "held" || !seen["open_payment_id"].is_null();
            if !open || begun.elapsed() > SETTLED_WITHIN {
                break seen;
            }
            tokio::time::sleep(POLL_EVERY).await;
        };
        let confirmed = seen["state"] == "confirmed";
        context.findings.always("one_booking_has_the_last_seat", !(confirmed && rival.is_some()), || {
            format!("booking {booking} is confirmed, and {rival:?} holds the same seat")
        });
        // The money that was captured and did not go back: by the provider's books, or else by the
        // booking.
        let net = match &books {
            Some(books) => {
                let ours = books.charges.iter().filter(|charge| mark(charge) == Some(&pay.operation));
                ours.map(|charge| charge.captured_minor - charge.refunded_minor).sum()
            }
            None => minor(&seen["paid"]) - minor(&seen["refunded"]),
        };
        let expected = if confirmed { PRICE_MINOR } else { 0 };
        context.findings.always("money_follows_the_seat", net == expected, || {
            format!("booking {booking} is {}, and {net} of its money stays with us", seen["state"])
        });
    }
    Ok(())
}

fn minor(money: &serde_json::Value) -> i64 {
    money["minor"].as_i64().unwrap_or(0)
}
