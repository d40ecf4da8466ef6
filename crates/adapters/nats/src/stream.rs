//! The stream and its consumers: checked before they are used, made if they are missing.
//!
//! A stream that was deleted, or that a new server does not have, is made again empty. The relay's
//! sweep then publishes again the messages that it held and that nobody had received.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, ConsumerErrorKind, DiscardPolicy, RetentionPolicy, StorageType};
use tracing::{error, info};
use uuid::Uuid;

use super::connection::Nats;
use super::settings::{DUPLICATE_WINDOW, Settings};
use server::metrics::catalogue::BROKER_UNFIT;

/// JetStream's code for a missing stream (`JSStreamNotFoundErr`).
const STREAM_NOT_FOUND: u64 = 10_059;
/// The code for a missing consumer (`JSConsumerNotFoundErr`).
const CONSUMER_NOT_FOUND: u64 = 10_014;
/// One for all our consumers: the dispatcher passes a message to each that wants it.
pub(super) const DURABLE: &str = "surehold";
/// Far more than the attempts after which a delivery is dead: the sweep takes care of a message
/// that is delivered this often.
const DELIVERIES_PER_MESSAGE_MAX: i64 = 100;
/// How many messages all workers of a consumer handle at the same time.
const DELIVERIES_PER_CONSUMER_MAX: i64 = 1_024;
/// After the first silence, which is the ack wait, a message is delivered again at growing
/// intervals.
const SILENCE: [u32; 4] = [1, 2, 4, 8];

impl Nats {
    /// Makes sure that the stream exists, unless it was seen before.
    pub(super) async fn see_stream(&self) -> Result<(), String> {
        if self.stream_seen.load(Ordering::Acquire) {
            return Ok(());
        }
        let _making = self.making.lock().await;
        if self.stream_seen.load(Ordering::Acquire) {
            return Ok(());
        }
        self.make_stream().await?;
        self.stream_seen.store(true, Ordering::Release);
        Ok(())
    }

    async fn make_stream(&self) -> Result<(), String> {
        let wanted = config(&self.settings, self.database);
        let there = match self.jetstream.get_stream(&wanted.name).await {
            Ok(stream) => stream.cached_info().config.clone(),
            Err(error) if is_missing(&error.kind()) => {
                self.jetstream.create_stream(&wanted).await.map_err(|error| failure("made", &error))?;
                info!(stream = wanted.name, "made the stream");
                return self.judge(Ok(()));
            }
            Err(error) => return Err(failure("seen", &error)),
        };
        self.judge(suits(&there, &wanted))?;
        let adjusted = adjust(there.clone(), &wanted);
        if adjusted != there {
            self.jetstream.update_stream(&adjusted).await.map_err(|error| failure("adjusted", &error))?;
            info!(stream = wanted.name, "adjusted the stream to the settings");
        }
        Ok(())
    }

    /// Logged once, and kept for later callers: nothing is carried until somebody changes
    /// something.
    fn judge(&self, suits: Result<(), String>) -> Result<(), String> {
        let mut unfit = self.unfit.lock();
        match (&suits, unfit.is_some()) {
            (Err(why), false) => error!(why, "NATS carries nothing: its stream is not for this database"),
            (Ok(()), true) => info!("the stream at NATS is fit again"),
            _ => {}
        }
        BROKER_UNFIT.set((), if suits.is_err() { 1.0 } else { 0.0 });
        unfit.clone_from(&suits.as_ref().err().cloned());
        suits
    }

    /// Our durable consumer, made or updated. Its start position cannot be changed.
    pub(super) async fn consumer(&self) -> Result<Consumer<pull::Config>, String> {
        self.see_stream().await?;
        let there: Result<Consumer<pull::Config>, _> =
            self.jetstream.get_consumer_from_stream(DURABLE, &self.settings.stream).await;
        let begin = match there {
            Ok(there) => there.cached_info().config.deliver_policy,
            // If the consumer was deleted, the new one must get all messages.
            Err(error) if has_no_consumer(&error.kind()) => DeliverPolicy::All,
            Err(error) => return Err(format!("the consumer {DURABLE} cannot be seen: {error}")),
        };
        self.make_consumer(begin).await
    }

    /// Deletes our durable consumer with its state, and makes it again with this start position.
    pub(super) async fn make_consumer_anew(&self, start_sequence: u64) -> Result<(), String> {
        let deleted = self.jetstream.delete_consumer_from_stream(DURABLE, &self.settings.stream).await;
        deleted.map_err(|error| format!("the consumer {DURABLE} cannot be deleted: {error}"))?;
        self.make_consumer(DeliverPolicy::ByStartSequence { start_sequence }).await?;
        Ok(())
    }

    async fn make_consumer(&self, begin: DeliverPolicy) -> Result<Consumer<pull::Config>, String> {
        let wanted = consumer(&self.settings, self.database, begin);
        let made = self.jetstream.create_consumer_on_stream(wanted, &self.settings.stream).await;
        made.map_err(|error| format!("the consumer {DURABLE} cannot be made: {error}"))
    }
}

/// The subjects of all messages of a database.
pub(super) fn all(database: Uuid) -> String {
    format!("surehold.{database}.>")
}

/// `surehold.DATABASE.PARTITION.KIND`: a reader may subscribe to one kind of message, or to one
/// partition.
pub(super) fn subject(database: Uuid, partition: i64, kind: &str) -> String {
    format!("surehold.{database}.{partition}.{kind}")
}

fn config(settings: &Settings, database: Uuid) -> Config {
    Config {
        name: settings.stream.clone(),
        description: Some("Surehold's messages".to_owned()),
        subjects: vec![all(database)],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        // The sweep publishes again what was not read. A stream that is full of messages that were
        // read must not stop us.
        discard: DiscardPolicy::Old,
        max_age: settings.kept,
        max_bytes: settings.kept_bytes_max as i64,
        max_messages: -1,
        max_messages_per_subject: -1,
        num_replicas: settings.replicas,
        duplicate_window: DUPLICATE_WINDOW,
        ..Config::default()
    }
}

/// A stream that belongs to another database, or cannot be adjusted, is reported and left
/// unchanged.
fn suits(there: &Config, wanted: &Config) -> Result<(), String> {
    let name = &wanted.name;
    if there.subjects != wanted.subjects {
        return Err(format!(
            "the stream {name} is of the subjects {}, and not of {}: give this database a stream of \
             its own (broker.stream)",
            there.subjects.join(", "),
            wanted.subjects.join(", ")
        ));
    }
    if there.storage != wanted.storage {
        return Err(format!("the stream {name} is kept in memory: delete it, and it is made again in files"));
    }
    if there.retention != wanted.retention || there.mirror.is_some() || there.sealed {
        return Err(format!("the stream {name} is kept otherwise than Surehold needs: delete it"));
    }
    Ok(())
}

/// The existing configuration with the limits of the settings; the rest belongs to its operator.
fn adjust(there: Config, wanted: &Config) -> Config {
    Config {
        max_age: wanted.max_age,
        max_bytes: wanted.max_bytes,
        num_replicas: wanted.num_replicas,
        duplicate_window: wanted.duplicate_window,
        discard: wanted.discard,
        ..there
    }
}

fn consumer(settings: &Settings, database: Uuid, begin: DeliverPolicy) -> pull::Config {
    let silence: Vec<Duration> = SILENCE.iter().map(|times| settings.ack_wait * *times).collect();
    pull::Config {
        durable_name: Some(DURABLE.to_owned()),
        description: Some("Surehold's own".to_owned()),
        deliver_policy: begin,
        ack_policy: AckPolicy::Explicit,
        ack_wait: settings.ack_wait,
        backoff: silence,
        max_deliver: DELIVERIES_PER_MESSAGE_MAX,
        max_ack_pending: DELIVERIES_PER_CONSUMER_MAX,
        filter_subject: all(database),
        ..pull::Config::default()
    }
}

fn is_missing(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code().0 == STREAM_NOT_FOUND)
}

fn has_no_consumer(kind: &ConsumerErrorKind) -> bool {
    matches!(kind, ConsumerErrorKind::JetStream(error) if error.error_code().0 == CONSUMER_NOT_FOUND)
}

fn failure(done: &str, error: &dyn std::error::Error) -> String {
    format!("the stream cannot be {done}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_is_anothers_is_left_alone() {
        let settings = Settings::new(vec!["nats://127.0.0.1:4222".to_owned()]);
        let wanted = config(&settings, Uuid::from_u128(1));
        let check = |change: fn(&mut Config), reason: Option<&str>| {
            let mut there = wanted.clone();
            change(&mut there);
            match (suits(&there, &wanted), reason) {
                (Ok(()), None) => {}
                (Err(refused), Some(reason)) => assert!(refused.contains(reason), "{refused}"),
                (outcome, _) => panic!("{outcome:?}, not {reason:?}"),
            }
        };
        check(|_| {}, None);
        check(|there| there.max_bytes = 5, None);
        check(|there| there.subjects = vec![all(Uuid::from_u128(2))], Some("of its own"));
        check(|there| there.storage = StorageType::Memory, Some("in memory"));
        check(|there| there.retention = RetentionPolicy::WorkQueue, Some("otherwise"));
        check(|there| there.sealed = true, Some("otherwise"));
    }

    #[test]
    fn only_the_limits_are_adjusted() {
        let mut settings = Settings::new(vec!["nats://127.0.0.1:4222".to_owned()]);
        let there = Config { description: Some("theirs".to_owned()), ..config(&settings, Uuid::nil()) };
        assert_eq!(adjust(there.clone(), &config(&settings, Uuid::nil())), there);
        settings.kept = Duration::from_mins(10);
        settings.replicas = 3;
        let adjusted = adjust(there, &config(&settings, Uuid::nil()));
        assert_eq!((adjusted.max_age, adjusted.num_replicas), (settings.kept, 3));
        assert_eq!(adjusted.description.as_deref(), Some("theirs"));
    }
}
