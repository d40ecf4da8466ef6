//! The dispatcher: every broker delivers its messages here, for each of their consumers.
//!
//! Only the dispatcher counts attempts, catches panics of handlers, and limits how many handlers
//! run. A message that was left behind may be one that kills the process. So its attempt is counted
//! before it begins, and no other such message runs beside it: if the process dies, no other
//! message is blamed.
//!
//! Each consumer has its own permits, and a message goes to all its consumers at the same time. A
//! consumer that hangs or fails does not keep the message from the others.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::commands::{DeliveryKey, FailDelivery, PutOffDelivery, StartDelivery};
use domain::consumers::Consumers;
use domain::reply::DeliveryStatus;
use domain::rows::Message;
use domain::time::Span;
use domain::working_set::Command;
use domain::{Refusal, Reply};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use resilience::Backoff;
use store::{CommandResult, Store};
use tokio::sync::{Mutex, Semaphore};
use tracing::{error, warn};

use super::{Consumer, ConsumerFailure, all};
use crate::metrics::catalogue::{FAILURES, PROCESSING_SECONDS};
use crate::metrics::labels::{Reason, WorkLabel};

#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Messages that one consumer handles at the same time in this process.
    pub concurrency: usize,
    /// Failures before a message goes to the dead letters.
    pub attempts_max: i64,
    /// The pause between two attempts, with full jitter.
    pub backoff: Backoff,
    /// A handler that takes longer has failed. A message whose handler died is begun again after
    /// this time, and no sooner. Well below the relay's
    /// [patience](crate::relay::Settings::patience).
    pub attempt_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            concurrency: 128,
            attempts_max: 12,
            backoff: Backoff { base: Duration::from_secs(1), cap: Duration::from_hours(1) },
            attempt_timeout: Duration::from_secs(5),
        }
    }
}

/// The result of a message at all its consumers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DispatchResult {
    /// Every receipt is committed, by this call or before.
    Received,
    /// A consumer has given it up: a person decides.
    Dead,
    /// A consumer failed, and the message is delivered to it again later.
    Waiting,
    /// The result is not known: deliver it again.
    Unavailable(String),
}

/// A consumer, and the permits for the messages that it handles at the same time.
struct BoundedConsumer {
    consumer: Arc<dyn Consumer>,
    permits: Semaphore,
}

pub struct MessageDispatcher {
    store: Store,
    settings: Settings,
    registered: Consumers,
    consumers: BTreeMap<&'static str, BoundedConsumer>,
    /// Messages that were left behind are handled one at a time.
    alone: Mutex<()>,
}

impl MessageDispatcher {
    /// With every consumer of this version.
    pub fn new(store: Store, settings: Settings) -> MessageDispatcher {
        let consumers = all(&store);
        MessageDispatcher::with(store, settings, Consumers::default(), consumers)
    }

    /// `registered` names the kinds that each consumer receives.
    pub fn with(
        store: Store,
        settings: Settings,
        registered: Consumers,
        consumers: Vec<Arc<dyn Consumer>>,
    ) -> MessageDispatcher {
        let bounded = |consumer: Arc<dyn Consumer>| {
            let permits = Semaphore::new(settings.concurrency);
            (consumer.name(), BoundedConsumer { consumer, permits })
        };
        let consumers = consumers.into_iter().map(bounded).collect();
        MessageDispatcher { store, settings, registered, consumers, alone: Mutex::new(()) }
    }

    pub fn has_consumers_of(&self, kind: &str) -> bool {
        self.registered.of(kind).next().is_some()
    }

    /// Passes a message to its consumers. `left_behind`: an earlier handler may have died with it.
    pub async fn take(&self, message: &Message, left_behind: bool) -> DispatchResult {
        let take = async |name: &'static str| {
            let at = DeliveryKey { tenant: message.tenant, message: message.id, consumer: name };
            match self.consumers.get(name) {
                None => DispatchResult::Unavailable(format!("this process has no consumer `{name}`")),
                Some(BoundedConsumer { consumer, .. }) if left_behind => {
                    self.take_counted(consumer.as_ref(), message, at).await
                }
                Some(bounded) => self.take_at_once(bounded, message, at).await,
            }
        };
        let taken = join_all(self.registered.of(&message.kind).map(take)).await;
        taken.into_iter().max().unwrap_or(DispatchResult::Received)
    }

    async fn take_at_once(
        &self,
        bounded: &BoundedConsumer,
        message: &Message,
        at: DeliveryKey,
    ) -> DispatchResult {
        let Ok(_permit) = bounded.permits.acquire().await else {
            return DispatchResult::Unavailable("the dispatcher is closed".to_owned());
        };
        match self.attempt(bounded.consumer.as_ref(), message).await {
            Ok(()) => DispatchResult::Received,
            Err(failure) => self.failed(at, failure, None).await,
        }
    }

    async fn take_counted(
        &self,
        consumer: &dyn Consumer,
        message: &Message,
        at: DeliveryKey,
    ) -> DispatchResult {
        let _alone = self.alone.lock().await;
        let start = StartDelivery {
            at,
            pause: span(self.settings.attempt_timeout),
            attempts_max: self.settings.attempts_max,
        };
        let attempts = match self.submit(start).await {
            Ok(Some(DeliveryStatus::Begun { attempts })) => attempts,
            Ok(Some(DeliveryStatus::Received) | None) => return DispatchResult::Received,
            Ok(Some(DeliveryStatus::Waiting)) => return DispatchResult::Waiting,
            Ok(Some(DeliveryStatus::Dead)) => return DispatchResult::Dead,
            Err(why) => return DispatchResult::Unavailable(why),
        };
        match self.attempt(consumer, message).await {
            Ok(()) => DispatchResult::Received,
            Err(ConsumerFailure::Unavailable(why)) => {
                let put_off = PutOffDelivery { at, pause: self.pause(attempts) };
                // If this fails too, one attempt too many is counted.
                let _not_counted = self.submit(put_off).await;
                DispatchResult::Unavailable(why)
            }
            Err(failure) => self.failed(at, failure, Some(attempts)).await,
        }
    }

    fn pause(&self, attempts: i64) -> Span {
        let attempt = u32::try_from(attempts.max(1) - 1).unwrap_or(u32::MAX);
        span(self.settings.backoff.pause(attempt, &mut rand::rng()))
    }

    /// A panic is a failure of the message like any other.
    async fn attempt(&self, consumer: &dyn Consumer, message: &Message) -> Result<(), ConsumerFailure> {
        let began = Instant::now();
        let receive = AssertUnwindSafe(async { consumer.receive(message).await }).catch_unwind();
        let outcome = match tokio::time::timeout(self.settings.attempt_timeout, receive).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(ConsumerFailure::Broken(panicked(&*panic))),
            Err(_) => {
                let limit = self.settings.attempt_timeout;
                Err(ConsumerFailure::Broken(format!("it took longer than {} ms", limit.as_millis())))
            }
        };
        let work = WorkLabel::of(consumer.name());
        PROCESSING_SECONDS.record(work, began.elapsed());
        match &outcome {
            Err(ConsumerFailure::Unavailable(_)) => FAILURES.increment((work, Reason::StoreUnavailable)),
            Err(ConsumerFailure::Broken(_)) => FAILURES.increment((work, Reason::Poisonous)),
            Ok(()) | Err(ConsumerFailure::Dead) => {}
        }
        outcome
    }

    /// `counted` is the number of the attempt, if it was counted when it began.
    async fn failed(
        &self,
        at: DeliveryKey,
        failure: ConsumerFailure,
        counted: Option<i64>,
    ) -> DispatchResult {
        let error = match failure {
            ConsumerFailure::Dead => return DispatchResult::Dead,
            ConsumerFailure::Unavailable(why) => return DispatchResult::Unavailable(why),
            ConsumerFailure::Broken(error) => error,
        };
        warn!(id = %at.message, consumer = at.consumer, error, "a consumer did not take a message");
        let fail = FailDelivery {
            at,
            error,
            pause: self.pause(counted.unwrap_or(1)),
            attempts_max: self.settings.attempts_max,
            counted: counted.is_some(),
        };
        match self.submit(fail).await {
            Ok(Some(DeliveryStatus::Dead)) => {
                error!(id = %at.message, consumer = at.consumer, "a message went to the dead letters");
                DispatchResult::Dead
            }
            // It was received or given up meanwhile; the next delivery finds out which.
            Ok(_) => DispatchResult::Waiting,
            Err(why) => DispatchResult::Unavailable(why),
        }
    }

    /// `None`: nothing is left to do, because it was received.
    async fn submit(&self, command: impl Command + 'static) -> Result<Option<DeliveryStatus>, String> {
        match self.store.submit(Box::new(command)).await {
            Ok(CommandResult::Fresh { reply: Reply::Delivery(is), .. }) => Ok(Some(is)),
            Ok(CommandResult::Refused { refusal: Refusal::NothingToDo, .. }) => Ok(None),
            Ok(answer) => Err(format!("an answer that has no meaning: {}", answer.name())),
            Err(unavailable) => Err(unavailable.to_string()),
        }
    }
}

fn span(duration: Duration) -> Span {
    Span(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", message.unwrap_or("without a message"))
}
