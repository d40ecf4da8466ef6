//! The relay killed after it has published and before it has marked.
//!
//! | step | what |
//! |---|---|
//! | load | charges go on all the while |
//! | hunt | the database is looked at until a message has come to its consumer and has no mark |
//! | freeze | SIGSTOP to whoever relays, and another look: perhaps the mark was on its way |
//! | kill | `kill -9` if it still has none; else SIGCONT, and the hunt goes on |
//! | after | the next relay publishes it again, and marks it; the receipt keeps the effect at one |
//!
//! Without a look at the right moment a kill falls there hardly ever; with it, each one does.
//!
//! With the broker that is built in, a mark says that a message was received. With one outside it says that
//! it was published, and nothing of receipts: there the sweep, which holds the outbox against the receipts,
//! says that it was received. Either way it must not be said before the receipt is committed.

mod outbox;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::operation_request::PAYS;
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
/// Operations for one kill.
const OPERATIONS_A_KILL: usize = 100;
const KILLS_MIN: usize = 3;
const KILLS_MAX: usize = 12;
/// The shortest lease that a relay takes: so long its partitions wait after a kill.
pub(super) const LEASE_MS: u64 = 2_000;
/// The longest that the program takes with such a lease.
pub(super) const ATTEMPT_TIMEOUT_MS: u64 = LEASE_MS / 3;
/// For a hunt; then the relay is killed wherever it is.
const HUNT_WITHIN: Duration = Duration::from_secs(20);
/// A statement that a frozen process had sent before has been carried out by then.
const ON_ITS_WAY: Duration = Duration::from_millis(50);
/// For the next relay to have marked what the one before it did not.
const MARKED_WITHIN: Duration = Duration::from_mins(1);
/// So that the sweep has come by before the end. A message that is slower is only published again.
pub(super) const UNRECEIVED_AFTER_MS: u64 = 2_000;
const LOOK_EVERY: Duration = Duration::from_millis(1);
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
    let load = Load::begin(&context, &deployment.shop)?;
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

/// Kills whoever relays, at the moment that is looked for. The messages that had come and had no mark.
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
        // A relay that marks too early is never found where it is looked for.
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
            tokio::time::sleep(LOOK_EVERY).await;
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
    // A statement that was on its way all the same has put its mark.
    let waiting = outbox.without_mark(&unmarked).await?;
    if !waiting.is_empty() {
        context.findings.reached("killed_between_publish_and_mark");
    }
    for relay in &relays {
        deployment.start_again(relay).await?;
    }
    Ok(waiting.into_iter().collect())
}

/// Relays of their own, or whoever relays besides.
pub(super) fn relays(deployment: &Deployment) -> Vec<String> {
    let relays = deployment.names(Part::Relay);
    if relays.is_empty() { deployment.workers() } else { relays }
}

/// A mark comes only after publishing: whoever marked these has published them again.
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

/// Charges, one after the other, from several clients, until it is enough.
pub(super) struct Load {
    enough: Arc<AtomicBool>,
    charged: Arc<AtomicUsize>,
    clients: JoinSet<Result<(), Error>>,
}

impl Load {
    pub fn begin(context: &ScenarioContext, shop: &Target) -> Result<Load, Error> {
        let (enough, charged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let mut caller = context.caller(shop, number)?;
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
                            PAYS,
                        ))
                        .await?;
                    charged.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        Ok(Load { enough, charged, clients })
    }

    pub fn charged(&self) -> usize {
        self.charged.load(Ordering::Relaxed)
    }

    /// Not before so many were charged.
    pub async fn end(mut self, at_least: usize) -> Result<(), Error> {
        while self.charged() < at_least && !self.clients.is_empty() {
            // A client that ends before it is told to has failed.
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
