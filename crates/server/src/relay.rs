//! The relay: publishes the outbox, in order per subject, and marks what it published.
//!
//! | step | what | if it dies there |
//! |---|---|---|
//! | lease | partitions of the outbox, up to a fair share, for a few seconds | the lease expires; another relay takes over |
//! | find | young messages of its partitions, and as many old ones as the rate allows | nothing |
//! | publish | to the [`broker`](crate::ports::broker), with no lock held | published again, under the same number |
//! | mark | under the tokens: positions in the log, the number of the publication; hand back the partitions that were held long enough | all of it, or nothing |
//! | [`sweep`] | a message that was published and not received is published again, under a new number | the next sweep |
//!
//! Any number of relays may run. A relay that was suspended for longer than its lease still
//! believes that it holds partitions: its publications are then duplicates, and its marks are
//! refused.
//!
//! A message is received only when every consumer's receipt is committed. A broker's
//! acknowledgement is not proof.

mod catch_up;
mod held_partitions;
mod shares;
pub mod sweep;
#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::commands::{ClaimPartitions, JobLease, MarkPublished, Published};
use domain::limits::{PARTITIONS, RELAYED_PER_COMMAND_MAX};
use domain::rows::Message;
use domain::time::Span;
use domain::working_set::Command;
use domain::{Refusal, Reply, WorkerId};
use futures_util::FutureExt as _;
use resilience::Backoff;
use store::CommandResult;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::warn;

use crate::metrics::catalogue::PROCESSING_SECONDS;
use crate::metrics::labels::WorkLabel;
use crate::ports::broker::{Ack, Error, Publication};
use catch_up::CatchUp;
use held_partitions::HeldPartitions;
pub use shares::RelayShares;

/// The longest pause between two passes, whatever was notified.
const POLL: Duration = Duration::from_secs(1);
/// While there is a backlog, or partitions are expected.
const POLL_BUSY: Duration = Duration::from_millis(50);
/// An older message is backlog, and counts against the rate.
pub const YOUNG_FOR: Span = Span::seconds(5);
/// How often a relay with less than its share requests more.
const REQUEST_EVERY: Duration = Duration::from_secs(1);
/// While the broker accepts nothing.
const BROKER_BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };

#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Messages of a backlog that all relays together publish per second. Young messages are not
    /// limited.
    pub catch_up_per_second: u32,
    /// How long a relay may be silent before its partitions are another's.
    pub lease: Span,
    /// A message that was published this long ago and has no receipt is published again.
    pub unreceived_after: Span,
    /// Received messages are kept at least this long, their receipts twice as long.
    pub messages_kept: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            catch_up_per_second: 500,
            lease: Span::seconds(15),
            unreceived_after: Span::seconds(30),
            messages_kept: Span::seconds(45 * 24 * 60 * 60),
        }
    }
}

impl Settings {
    /// A published batch must be marked well before the lease ends. A consumer's attempt must end
    /// well within this time: an attempt that hangs and is not counted would hang each time.
    pub fn patience(&self) -> Duration {
        Duration::from_micros((self.lease.0 / 2).unsigned_abs())
    }
}

pub struct Relay {
    parts: RelayShares,
    worker: WorkerId,
    wake: Arc<Notify>,
    /// Whether no other process can have this database open.
    alone: bool,
    holds: HeldPartitions,
    catch_up: CatchUp,
    requested_at: Option<Instant>,
    /// Partitions that are reserved for this relay.
    to_come: usize,
    batch_max: usize,
}

#[derive(Default)]
struct PassResult {
    published: usize,
    failed: usize,
    /// Old messages wait for the rate.
    backlog: bool,
}

impl Relay {
    pub fn new(parts: RelayShares, worker: WorkerId, wake: Arc<Notify>, alone: bool) -> Relay {
        let rate = parts.settings.catch_up_per_second;
        Relay {
            parts,
            worker,
            wake,
            alone,
            holds: HeldPartitions::default(),
            catch_up: CatchUp::new(rate),
            requested_at: None,
            to_come: 0,
            batch_max: RELAYED_PER_COMMAND_MAX,
        }
    }

    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut failures = 0;
        while !*stop.borrow() {
            // One occurrence of a bug must not end the relay.
            let passed = AssertUnwindSafe(self.pass()).catch_unwind().await;
            let (pause, wakes) = match passed.unwrap_or_else(|_| Err("a pass panicked".to_owned())) {
                Ok(PassResult { published, failed, .. }) if published == 0 && failed > 0 => {
                    failures += 1;
                    (BROKER_BACKOFF.pause(failures, &mut rand::rng()), false)
                }
                Ok(PassResult { published, .. }) if published > 0 => {
                    failures = 0;
                    continue;
                }
                Ok(PassResult { backlog, .. }) => {
                    failures = 0;
                    (self.idle(backlog), true)
                }
                Err(error) => {
                    warn!(error, "the relay will try again");
                    failures += 1;
                    (BROKER_BACKOFF.pause(failures, &mut rand::rng()), false)
                }
            };
            tokio::select! {
                _ = stop.changed() => {}
                () = self.wake.notified(), if wakes => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.hand_back_all().await;
    }

    fn idle(&self, backlog: bool) -> Duration {
        if backlog || self.to_come > 0 { POLL_BUSY } else { self.holds.until_hand_back().min(POLL) }
    }

    async fn pass(&mut self) -> Result<PassResult, String> {
        let began = Instant::now();
        // A relay that was suspended or cut off does not trust its leases.
        self.holds.drop_older_than(self.parts.settings.patience());
        self.claim().await?;
        let mut passed = PassResult::default();
        let publications = self.find(&mut passed).await?;
        if fault_injection::is(fault_injection::InjectedFault::MarkedBeforePublished) {
            passed.published = publications.len();
            self.mark(publications.iter().map(|publication| of(publication, Ack::Received)).collect())
                .await?;
            let _outcome_lost = self.publish(&publications).await;
            return Ok(passed);
        }
        let answers = self.publish(&publications).await;
        let mut published = Vec::new();
        for (publication, answer) in publications.iter().zip(answers) {
            match answer {
                Ok(ack) => published.push(of(publication, ack)),
                Err(Error::HeldBack) => {}
                Err(error) => {
                    passed.failed += 1;
                    if passed.failed == 1 {
                        warn!(id = %publication.message.id, %error, "a message was not published");
                    }
                }
            }
        }
        passed.published = published.len();
        if !published.is_empty() || self.holds.any_is_over() {
            self.mark(published).await?;
        }
        if passed.published > 0 {
            PROCESSING_SECONDS.record(WorkLabel::relay(), began.elapsed());
        }
        Ok(passed)
    }

    /// Claims free partitions with something to publish, and from time to time requests a share of
    /// the others.
    async fn claim(&mut self) -> Result<(), String> {
        if self.holds.len() as i64 == PARTITIONS {
            return Ok(());
        }
        let work = self
            .parts
            .store
            .partitions_with_work(self.parts.now())
            .await
            .map_err(|error| error.to_string())?;
        let missing: Vec<_> = work.iter().filter(|work| !self.holds.has(work.number)).collect();
        let may_request = self.alone
            || self.to_come > 0
            || self.requested_at.is_none_or(|at| at.elapsed() >= REQUEST_EVERY);
        if missing.is_empty() {
            // The reserved partitions have nothing to publish, so there is no hurry.
            self.to_come = 0;
            return Ok(());
        }
        if !may_request && !missing.iter().any(|work| work.free) {
            return Ok(());
        }
        self.requested_at = Some(Instant::now());
        // All at once: a partition without work may soon have some.
        let wanted = (0..PARTITIONS).filter(|number| !self.holds.has(*number)).collect();
        let lease = JobLease { worker: self.worker, span: self.parts.settings.lease };
        match self.submit(ClaimPartitions { wanted, lease, alone: self.alone }).await? {
            Some(Reply::Partitions { claimed, to_come, at }) => {
                self.parts.set_database_time(at);
                self.to_come = to_come;
                for one in claimed {
                    if !one.again {
                        self.catch_up.begin(one.number, at);
                    }
                    self.holds.add(one, at);
                }
                Ok(())
            }
            _ => Err("partitions could not be claimed".to_owned()),
        }
    }

    async fn find(&mut self, passed: &mut PassResult) -> Result<Vec<Publication>, String> {
        let partitions = self.holds.numbers();
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let (now, text) = (self.parts.now(), |error: store::Error| error.to_string());
        let since = now.minus(YOUNG_FOR);
        let live = self.parts.store.live_messages(&partitions, since, self.batch_max);
        let backlog = self.parts.store.partitions_with_backlog(&partitions, since);
        let (mut found, backlog) = tokio::try_join!(live, backlog).map_err(text)?;
        for partition in backlog {
            passed.backlog = true;
            let allowed = self.catch_up.allowed(partition, now).min(self.batch_max);
            if allowed > 0 {
                let old = self.parts.store.backlog_messages(partition, since, allowed).await.map_err(text)?;
                self.catch_up.spend(partition, old.len());
                found.extend(old);
            }
        }
        Ok(found.into_iter().map(|message| self.publication(message)).collect())
    }

    fn publication(&self, message: Message) -> Publication {
        let left_behind = self.holds.was_left_behind(&message);
        Publication { number: message.published + 1, message: Arc::new(message), left_behind }
    }

    /// Marks the messages whose result came in time. If the broker was too late with a whole batch,
    /// the next one is smaller.
    async fn publish(&mut self, publications: &[Publication]) -> Vec<Result<Ack, Error>> {
        if publications.is_empty() {
            return Vec::new();
        }
        let answers = self.parts.broker.publish(publications, self.parts.settings.patience()).await;
        let too_large = answers.contains(&Err(Error::Late)) && !answers.iter().any(Result::is_ok);
        let batch_max = if too_large { self.batch_max / 2 } else { self.batch_max * 2 };
        self.batch_max = batch_max.clamp(1, RELAYED_PER_COMMAND_MAX);
        answers
    }

    async fn mark(&mut self, published: Vec<Published>) -> Result<(), String> {
        let hand_back = self.holds.over();
        let chunks = published.len().div_ceil(RELAYED_PER_COMMAND_MAX).max(1);
        let mut rest = published;
        for chunk in 1..=chunks {
            let later = rest.split_off(rest.len().min(RELAYED_PER_COMMAND_MAX));
            let published = std::mem::replace(&mut rest, later);
            // A partition is handed back with the last of its messages.
            let hand_back = if chunk == chunks { hand_back.clone() } else { Vec::new() };
            let mark = MarkPublished {
                holds: self.holds.tokens(),
                published,
                release: hand_back,
                consumers: self.parts.consumers,
            };
            match self.submit(mark).await? {
                Some(Reply::Marked { lost, released, .. }) => {
                    self.holds.remove(&lost);
                    self.holds.remove(&released);
                }
                _ => self.holds.clear(),
            }
        }
        Ok(())
    }

    async fn hand_back_all(&mut self) {
        if self.holds.len() > 0 {
            let hand_back = (0..PARTITIONS).collect();
            let mark = MarkPublished {
                holds: self.holds.tokens(),
                published: Vec::new(),
                release: hand_back,
                consumers: self.parts.consumers,
            };
            if let Err(error) = self.submit(mark).await {
                warn!(error, "partitions were not handed back; their lease lapses");
            }
        }
    }

    /// `None`: another relay has the partitions now.
    async fn submit(&self, command: impl Command + 'static) -> Result<Option<Reply>, String> {
        match self.parts.store.submit(Box::new(command)).await {
            Ok(CommandResult::Fresh { reply, .. }) => Ok(Some(reply)),
            Ok(CommandResult::Refused { refusal: Refusal::LeaseLost, .. }) => Ok(None),
            Ok(answer) => Err(format!("an answer that has no meaning: {}", answer.name())),
            Err(unavailable) => Err(unavailable.to_string()),
        }
    }
}

fn of(publication: &Publication, ack: Ack) -> Published {
    Published {
        tenant: publication.message.tenant,
        message: publication.message.id,
        number: publication.number,
        received: ack == Ack::Received,
    }
}
