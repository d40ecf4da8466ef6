//! The relay killed after it has published and before it has marked.
//!
//! | step | what |
//! |---|---|
//! | load | charges go on all the while |
//! | hunt | the database is read until a message has reached its consumer and has no mark |
//! | freeze | SIGSTOP to the relays, and another read: the mark may have been on its way |
//! | kill | `kill -9` if there is still no mark; else SIGCONT, and the hunt goes on |
//! | after | the next relay publishes the message again, and marks it; the receipt keeps the effect at one |
//!
//! A random kill hardly ever comes at this moment. The reads of the database make each kill come
//! there.
//!
//! With the embedded broker a mark shows that a message was received. With an external broker it
//! shows only that the message was published; the sweep, which compares the outbox with the
//! receipts, records that it was received. In both cases the receipt must be committed first.

mod outbox;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    Deployment, Error, Need, OperationRequest, Part, Scenario, ScenarioContext, Target, Tuning, judge,
};
use outbox::Outbox;

pub const SCENARIO: Scenario = Scenario {
    number: 5,
    name: "relay",
    promise: "A relay that is killed after it published and before it marked publishes again; the receipt keeps the effect at one.",
    needs: &[Need::Deployment],
    always: &[
        "marked_only_after_its_receipt",
        "marked_by_the_next_relay",
        "one_posting_a_movement",
        "receipts_outlive_their_messages",
        "every_message_is_received",
    ],
    sometimes: &["killed_between_publish_and_mark"],
    run: |context| Box::pin(run(context)),
};

const CLIENTS: usize = 12;
/// Operations for each kill.
const OPERATIONS_A_KILL: usize = 100;
const KILLS_MIN: usize = 3;
const KILLS_MAX: usize = 12;
/// The shortest lease that a relay accepts: its partitions wait this long after a kill.
pub(super) const LEASE_MS: u64 = 2_000;
/// The longest timeout of an attempt that the program accepts with this lease.
pub(super) const ATTEMPT_TIMEOUT_MS: u64 = LEASE_MS / 3;
/// The time of a hunt. After it the relay is killed in any state.
const HUNT_WITHIN: Duration = Duration::from_secs(20);
/// A statement that a frozen process had sent before has been carried out by then.
const ON_ITS_WAY: Duration = Duration::from_millis(50);
/// The time for the next relay to mark the messages of the killed one.
const MARKED_WITHIN: Duration = Duration::from_mins(1);
/// Short, so that the sweep runs before the end. A message that is slower is only published again.
pub(super) const UNRECEIVED_AFTER_MS: u64 = 2_000;
const POLL_EVERY: Duration = Duration::from_millis(1);
const WAIT_EVERY: Duration = Duration::from_millis(50);

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let kills = (context.operations() / OPERATIONS_A_KILL).clamp(KILLS_MIN, KILLS_MAX);
    let tuning = Tuning::default()
        .with("relay", "lease_ms", LEASE_MS)
        .with("relay", "unreceived_after_ms", UNRECEIVED_AFTER_MS)
        .with("consumers", "attempt_timeout_ms", ATTEMPT_TIMEOUT_MS);
    let mut deployment = context.deploy(&tuning).await?;
    let location = deployment.location().ok_or_else(|| Error::NotOurs("the database".to_owned()))?.clone();
    let outbox = Outbox::of(&location, context.has(Need::Nats)).await?;
    let load = Load::begin(&context, &deployment.target);
    context.progress.counts("relays killed after publishing and before marking", kills);
    for _ in 0..kills {
        let unmarked = hunt(&context, &mut deployment, &outbox).await?;
        is_marked(&context, &outbox, &unmarked).await?;
        outbox.judge_marks(&context).await?;
        outbox.judge_postings(&context).await?;
        outbox.judge_receipts(&context).await?;
        if context.findings.any_broken() {
            break;
        }
        context.progress.advance();
    }
    load.end(context.operations()).await?;
    deployment.all_alive()?;
    judge(&context, &deployment).await?;
    outbox.judge_postings(&context).await?;
    outbox.judge_receipts(&context).await?;
    outbox.judge_the_end(&context).await
}

/// Kills the relays at the wanted moment. Returns the messages that were received and had no mark.
async fn hunt(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    outbox: &Outbox,
) -> Result<Vec<Uuid>, Error> {
    let relays = relays(deployment);
    let begun = Instant::now();
    let mut marks_wait = false;
    let unmarked = loop {
        marks_wait = marks_wait || outbox.hold_marks().await?;
        outbox.judge_marks(context).await?;
        // A relay that marks too early never reaches the wanted state.
        if context.findings.any_broken() {
            break Vec::new();
        }
        if begun.elapsed() > HUNT_WITHIN {
            context
                .findings
                .note("a hunt found no message that had come and had no mark: killed wherever it was");
            break Vec::new();
        }
        if outbox.unmarked().await?.is_empty() {
            tokio::time::sleep(POLL_EVERY).await;
            continue;
        }
        for relay in &relays {
            deployment.freeze(relay).await?;
        }
        tokio::time::sleep(ON_ITS_WAY).await;
        let still = outbox.unmarked().await?;
        if !still.is_empty() {
            break still;
        }
        for relay in &relays {
            deployment.thaw(relay).await?;
        }
    };
    for relay in &relays {
        deployment.kill(relay).await?;
    }
    if marks_wait {
        outbox.let_marks_go().await?;
        tokio::time::sleep(ON_ITS_WAY).await;
    }
    // A statement that was still on its way has set its mark.
    let waiting = outbox.without_mark(&unmarked).await?;
    if !waiting.is_empty() {
        context.findings.reached("killed_between_publish_and_mark");
    }
    for relay in &relays {
        deployment.start_again(relay).await?;
    }
    Ok(waiting.into_iter().collect())
}

/// The relays, or the processes that relay besides other work.
pub(super) fn relays(deployment: &Deployment) -> Vec<String> {
    let relays = deployment.names(Part::Relay);
    if relays.is_empty() { deployment.workers() } else { relays }
}

/// A mark comes only after a publication, so a relay that marked these messages has published them
/// again.
async fn is_marked(context: &ScenarioContext, outbox: &Outbox, messages: &[Uuid]) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        let waiting = outbox.without_mark(messages).await?;
        if waiting.is_empty() || begun.elapsed() > MARKED_WITHIN {
            for message in messages {
                context.findings.always("marked_by_the_next_relay", !waiting.contains(message), || {
                    format!(
                        "message {message} had come, and has no mark {:?} after the kill",
                        begun.elapsed()
                    )
                });
            }
            return Ok(());
        }
        tokio::time::sleep(WAIT_EVERY).await;
    }
}

/// Several clients that charge, one charge after the other, until they are stopped.
pub(super) struct Load {
    enough: Arc<AtomicBool>,
    charged: Arc<AtomicUsize>,
    clients: JoinSet<Result<(), Error>>,
}

impl Load {
    pub fn begin(context: &ScenarioContext, target: &Target) -> Load {
        let (enough, charged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let mut caller = context.caller(target, number);
            let mut random = context.random(&format!("charges {number}"));
            let (context, enough, charged) = (context.clone(), enough.clone(), charged.clone());
            clients.spawn(async move {
                for charge in 0.. {
                    if enough.load(Ordering::Relaxed) {
                        break;
                    }
                    let operation = context.operation(format!("{number}-{charge}"));
                    caller
                        .retry_until_definite(&OperationRequest::charge(
                            &operation,
                            random.random_range(100..=9_999),
                            context.card(charge),
                        ))
                        .await?;
                    charged.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        Load { enough, charged, clients }
    }

    pub fn charged(&self) -> usize {
        self.charged.load(Ordering::Relaxed)
    }

    /// Waits until this many charges are done.
    pub async fn end(mut self, at_least: usize) -> Result<(), Error> {
        while self.charged() < at_least && !self.clients.is_empty() {
            // A client that ends before it is stopped has failed.
            match self.clients.try_join_next() {
                Some(ended) => ended.map_err(std::io::Error::other)??,
                None => tokio::time::sleep(WAIT_EVERY).await,
            }
        }
        self.enough.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.map_err(std::io::Error::other)??;
        }
        Ok(())
    }
}
