//! NATS is down until a large backlog waits, and comes back.
//!
//! | step | what |
//! |---|---|
//! | stutter | SIGSTOP for longer than a publication waits for its acknowledgement, and SIGCONT: the message is stored, and published again |
//! | down | `kill -9` while customers pay; they go on paying, and others hold seats and cancel the holds |
//! | fill | until this many messages wait in the outbox, each from an operation that was answered |
//! | age | until all of them are old: the rate does not limit young messages |
//! | back | the same server on the same files |
//! | drain | customers go on paying; an observer counts the messages that the program has not acknowledged |
//! | judge | the stream is read from its beginning: its messages, their order, and the times at which it stored them |
//!
//! The speed is judged by the times at which NATS stored the messages, and only against an upper
//! limit: a slow machine drains more slowly, never faster.

mod crowd;
mod flow;
mod outbox;

use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::time::Span;
use server::ports::clock::SystemClock;
use server::relay::YOUNG_FOR;
use store::Clock as _;
use test_servers::nats::Private;

use crate::nats_observer::NatsObserver;
use crate::{Deployment, Error, Need, Scenario, ScenarioContext, Target, Tuning, judge};
use crowd::Crowd;
use flow::Outage;
use outbox::Outbox;

pub const SCENARIO: Scenario = Scenario {
    number: 9,
    name: "nats",
    promise: "NATS is down until a backlog waits, and comes back: the backlog drains at the set rate, no consumer is overloaded, live messages pass it, and nothing is lost, out of order or twice.",
    needs: &[Need::Deployment, Need::Postgres, Need::Nats],
    always: &[
        "backlog_keeps_its_rate",
        "no_consumer_is_overrun",
        "live_messages_pass_the_backlog",
        "a_subject_keeps_its_order",
        "everything_reaches_the_stream",
        "one_posting_a_movement",
    ],
    sometimes: &[
        "the_backlog_is_as_large_as_wanted",
        "customers_paid_while_nats_was_down",
        "customers_paid_while_it_drained",
    ],
    run: |context| Box::pin(run(context)),
};

/// Messages that wait before NATS comes back, per operation: 18,000 with the default of one
/// thousand operations.
const ROWS_AN_OPERATION: usize = 18;
const ROWS_MIN: usize = 360;
const ROWS_MAX: usize = 18_000;
/// The program's own default, or a lower rate that lets a small backlog last as long as this.
const RATE_MAX: usize = 500;
const DRAIN_SECONDS: usize = 12;
/// Deliveries at once of each worker. The number is low, so that an excess shows.
const DELIVERIES_MAX: usize = 16;
const PAYERS: usize = 8;
const HOLDERS: usize = 16;
/// More than they hold at the same time.
const SEATS: i64 = 1_000;
/// Longer than two seconds, the default wait of a publication.
const HELD_STILL: Duration = Duration::from_secs(3);
/// A message that is found when NATS returns may have been young when the relay read it.
const AROUND_THE_RETURN: Span = Span::seconds(1);
/// The longest wait without another message.
const FILL_STALLED_WITHIN: Duration = Duration::from_mins(2);
const DRAIN_STALLED_WITHIN: Duration = Duration::from_mins(2);
const POLL_EVERY: Duration = Duration::from_millis(50);

fn rows(operations: usize) -> usize {
    operations.saturating_mul(ROWS_AN_OPERATION).clamp(ROWS_MIN, ROWS_MAX)
}

fn rate(rows: usize) -> usize {
    (rows / DRAIN_SECONDS).min(RATE_MAX)
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let rows = rows(context.operations());
    let rate = rate(rows);
    let tuning = Tuning::default().with("relay", "catch_up_per_second", rate).with(
        "broker",
        "deliveries_max",
        DELIVERIES_MAX,
    );
    let mut deployment = context.deploy(&tuning).await?;
    let outbox = Outbox::of(&deployment).await?;
    let mut payers = Crowd::paying(&context, &deployment.target, PAYERS);

    stutter(&context, &deployment, &mut payers).await?;
    let lasting = context.timeline.begin("killed", "nats");
    deployment.nats(Private::kill).await?;
    let paid_before = payers.done();
    fill(&context, &deployment, &outbox, rows).await?;
    let filled_at = outbox.now().await?;
    let old_enough = Span(YOUNG_FOR.0 + AROUND_THE_RETURN.0);
    until_now_is(&outbox, filled_at.plus(old_enough)).await?;
    if payers.done() > paid_before {
        context.findings.reached("customers_paid_while_nats_was_down");
    }
    let old_before = outbox.now().await?.minus(old_enough);
    if outbox.waiting_from_before(old_before).await? >= rows {
        context.findings.reached("the_backlog_is_as_large_as_wanted");
    }
    let outage = Outage { back_at: SystemClock.now(), old_before, rate };
    deployment.nats(Private::restart).await?;
    context.timeline.end(lasting);

    drain(&context, &deployment, &outbox, &mut payers, &outage).await?;
    payers.end(context.operations()).await?;
    deployment.all_alive()?;
    judge(&context, &deployment).await?;
    let kept = NatsObserver::beside(&context, &deployment).await?.kept().await?;
    flow::judge(&context, &outage, &outbox.all().await?, &kept);
    outbox.judge_postings(&context).await
}

/// A stalled NATS stores a message that was sent to it once it continues. The relay no longer waits
/// for the acknowledgement then.
async fn stutter(
    context: &ScenarioContext,
    deployment: &Deployment,
    payers: &mut Crowd,
) -> Result<(), Error> {
    payers.until_done(PAYERS).await?;
    let lasting = context.timeline.begin("stall", "nats");
    deployment.nats(Private::pause).await?;
    tokio::time::sleep(HELD_STILL).await;
    deployment.nats(Private::resume).await?;
    context.timeline.end(lasting);
    payers.until_done(payers.done() + PAYERS).await
}

/// Waits until this many messages wait, all of them from answered operations.
async fn fill(
    context: &ScenarioContext,
    deployment: &Deployment,
    outbox: &Outbox,
    rows: usize,
) -> Result<(), Error> {
    context.progress.counts("messages that wait", rows);
    let target = Target { catalogue: deployment.sell(HOLDERS, SEATS).await?, ..deployment.target.clone() };
    let mut holders = Crowd::holding(context, &target, HOLDERS);
    let begun = Instant::now();
    let (mut most, mut at) = (0, Instant::now());
    while most < rows {
        holders.check_running()?;
        let waiting = outbox.waiting().await?;
        if waiting > most {
            (0..waiting - most).for_each(|_| context.progress.advance());
            (most, at) = (waiting, Instant::now());
        } else if at.elapsed() > FILL_STALLED_WITHIN {
            return Err(Error::Restless(format!("only {most} messages wait, of {rows}")));
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    context.findings.figure("backlog filled in ms", begun.elapsed().as_millis() as f64);
    holders.end(0).await
}

async fn until_now_is(outbox: &Outbox, instant: Timestamp) -> Result<(), Error> {
    while outbox.now().await? < instant {
        tokio::time::sleep(POLL_EVERY).await;
    }
    Ok(())
}

/// Waits until the backlog is gone. Meanwhile no worker may have more messages unacknowledged than
/// its limit.
async fn drain(
    context: &ScenarioContext,
    deployment: &Deployment,
    outbox: &Outbox,
    payers: &mut Crowd,
    outage: &Outage,
) -> Result<(), Error> {
    // A worker may request once more the messages that it had when its connection ended.
    let room = 2 * DELIVERIES_MAX * deployment.workers().len();
    let observer = NatsObserver::beside(context, deployment).await?;
    let (mut least, mut at, mut most) = (usize::MAX, Instant::now(), 0);
    context.progress.show("draining");
    loop {
        payers.check_running()?;
        // The stream's consumer may not be loaded yet.
        if let Ok(in_hand) = observer.unacknowledged().await {
            most = most.max(in_hand);
            context.findings.always("no_consumer_is_overrun", in_hand <= room, || {
                format!("{in_hand} messages are in hand, and there is room for {room}")
            });
        }
        let waiting = outbox.waiting_from_before(outage.old_before).await?;
        if waiting == 0 {
            break;
        }
        if waiting < least {
            (least, at) = (waiting, Instant::now());
        } else if at.elapsed() > DRAIN_STALLED_WITHIN {
            return Err(Error::Restless(format!("{waiting} messages of the backlog still wait")));
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    context.findings.figure("messages in hand, most", most as f64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_has_the_programs_own_rate_and_a_short_run_drains_as_visibly() {
        assert_eq!((rows(1_000), rate(rows(1_000))), (18_000, 500));
        assert_eq!((rows(5_000), rate(rows(5_000))), (18_000, 500));
        assert_eq!((rows(200), rate(rows(200))), (3_600, 300));
        assert_eq!((rows(1), rate(rows(1))), (360, 30));
        let relay = server::relay::Settings::default();
        assert_eq!(relay.catch_up_per_second as usize, RATE_MAX);
    }
}
