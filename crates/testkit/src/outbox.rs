//! A private database with an outbox, and relays that come and go.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use domain::consumers::{Consumers, LEDGER};
use domain::lifecycle::delivery;
use domain::rows::{Delivery, Facts, Message, Needs, Subject};
use domain::working_set::{Command, Context, Decision, DecisionResult};
use domain::{InboxId, MessageId, TenantId, WorkerId};
use resilience::Backoff;
use server::consumers::{self, Consumer, MessageDispatcher};
use server::ports::broker::Broker;
use server::ports::broker::embedded::Embedded;
use server::relay::{self, Relay, RelayShares};
use server::wake::Wake;
use server::wire::Wire;
use store::{Clock as _, Options, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{AscendingIds, Engine, OnEngine, TestClock, TestDatabase, new_id, until};

pub struct TestOutbox {
    pub store: Store,
    pub clock: Arc<TestClock>,
    pub tenant: TenantId,
    wake: Wake,
    pub database: TestDatabase,
}

/// Appends messages, as a transaction that changes something does.
#[derive(Debug)]
struct Append(Vec<Message>);

impl Command for Append {
    fn tenant(&self) -> Option<TenantId> {
        None
    }
    fn needs(&self, _: &mut Needs<'_>) -> Option<()> {
        Some(())
    }
    fn decide(&self, _: &Facts, _: &Context<'_>) -> DecisionResult {
        let mut outcome = Decision::default();
        self.0.iter().for_each(|message| outcome.put(message.clone()));
        Ok(outcome)
    }
}

/// A relay that runs, with its sweep.
pub struct RunningRelay {
    stop: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
}

impl RunningRelay {
    /// It finishes its batch, and gives its partitions back.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    /// It ends in the middle of its batch.
    pub async fn kill(self) {
        for task in self.tasks {
            task.abort();
            let _aborted = task.await;
        }
    }
}

impl OnEngine for TestOutbox {
    async fn on(engine: Engine) -> TestOutbox {
        let database = TestDatabase::on(engine).await;
        let clock = Arc::new(TestClock::default());
        let wake = Wake::default();
        let ids = Arc::new(AscendingIds);
        let mut options = Options::new(database.location.clone(), clock.clone(), ids, Arc::new(Wire));
        options.listener = Arc::new(wake.clone());
        let store = Store::open(options).await.unwrap();
        TestOutbox { store, clock, tenant: new_id(), wake, database }
    }
}

impl TestOutbox {
    /// A message that the ledger posts.
    pub fn message(&self, subject: Uuid, seq: i64) -> Message {
        let id: MessageId = new_id();
        let payload = format!(
            r#"{{"movement": "{id}", "moved": {{"minor": 5, "currency": "EUR"}}, "provider": "stripe",
                "account_id": "{}", "booking_id": null}}"#,
            Uuid::nil()
        );
        Message {
            id,
            tenant: self.tenant,
            subject_kind: Subject::Payment,
            subject,
            seq,
            kind: "payment.captured".to_owned(),
            payload,
            created_at: self.clock.now(),
            partition: Message::partition_of(subject),
            position: None,
            published: 0,
            published_at: None,
            received_at: None,
        }
    }

    /// Each about a subject of its own.
    pub fn messages(&self, count: usize) -> Vec<Message> {
        (0..count).map(|_| self.message(new_id(), 1)).collect()
    }

    pub async fn append(&self, messages: &[Message]) {
        self.store.submit(Box::new(Append(messages.to_vec()))).await.unwrap();
    }

    pub fn dispatcher(&self, consumer: Arc<dyn Consumer>) -> Arc<MessageDispatcher> {
        let settings = consumers::Settings {
            attempts_max: 3,
            backoff: Backoff { base: Duration::from_millis(1), cap: Duration::from_millis(20) },
            // An attempt that was begun and never ended is repeated after this time.
            attempt_timeout: Duration::from_millis(300),
            ..consumers::Settings::default()
        };
        Arc::new(MessageDispatcher::with(self.store.clone(), settings, Consumers::default(), vec![consumer]))
    }

    /// One whose handlers may take their time, as they do on a busy machine.
    pub fn patient_dispatcher(&self, consumer: Arc<dyn Consumer>) -> Arc<MessageDispatcher> {
        let attempt_timeout = Duration::from_mins(10);
        let settings = consumers::Settings { attempt_timeout, ..consumers::Settings::default() };
        Arc::new(MessageDispatcher::with(self.store.clone(), settings, Consumers::default(), vec![consumer]))
    }

    /// The default broker of production.
    pub fn embedded(&self, consumer: Arc<dyn Consumer>) -> Arc<dyn Broker> {
        Arc::new(Embedded { dispatcher: self.dispatcher(consumer) })
    }

    pub fn ledger(&self) -> Arc<dyn Consumer> {
        Arc::new(consumers::Ledger { store: self.store.clone() })
    }

    /// `alone`: as after a restart on SQLite.
    pub fn relay(&self, broker: Arc<dyn Broker>, settings: relay::Settings, alone: bool) -> RunningRelay {
        self.relay_for(Consumers::default(), broker, settings, alone)
    }

    /// A relay that waits for the receipts of these consumers.
    pub fn relay_for(
        &self,
        consumers: Consumers,
        broker: Arc<dyn Broker>,
        settings: relay::Settings,
        alone: bool,
    ) -> RunningRelay {
        let (stop, stopped) = watch::channel(false);
        let clock = self.clock.clone();
        let parts = RelayShares::new(self.store.clone(), broker, clock, settings, consumers);
        let relay = Relay::new(parts.clone(), new_id::<WorkerId>(), self.wake.outbox.clone(), alone);
        let sweep = relay::sweep::run(parts, self.wake.sweep.clone(), stopped.clone());
        RunningRelay { stop, tasks: [tokio::spawn(relay.run(stopped)), tokio::spawn(sweep)] }
    }

    pub async fn found(&self, messages: &[Message]) -> Vec<Message> {
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
        self.store.messages(&ids).await.unwrap()
    }

    pub async fn until_published(&self, messages: &[Message]) {
        until("the messages are published", async || {
            let found = self.found(messages).await;
            found.iter().all(|message| message.position.is_some()).then_some(())
        })
        .await;
    }

    pub async fn until_all_are_received(&self, messages: &[Message]) -> Vec<Message> {
        until("all messages are received", async || {
            let found = self.found(messages).await;
            found.iter().all(|message| message.received_at.is_some()).then_some(found)
        })
        .await
    }

    pub async fn posted(&self) -> usize {
        self.store.transfers(self.tenant, None, 1_000).await.unwrap().len()
    }

    pub async fn until_posted(&self, count: usize) {
        until("all have their effect", async || (self.posted().await == count).then_some(())).await;
    }

    pub async fn until_dead(&self, message: &Message) -> Delivery {
        until("it is dead", async || {
            self.delivery(message).await.filter(|delivery| delivery.state.is(delivery::State::Dead))
        })
        .await
    }

    pub async fn delivery(&self, message: &Message) -> Option<Delivery> {
        self.delivery_at(LEDGER, message).await
    }

    pub async fn delivery_at(&self, consumer: &str, message: &Message) -> Option<Delivery> {
        let id = InboxId::of(consumer, message.id);
        match self.store.letter(self.tenant, id.0).await.unwrap() {
            Some(domain::reply::DeadLetter::Message { delivery, .. }) => Some(delivery),
            _ => None,
        }
    }

    /// Whether commands use the database's clock, which no test moves.
    pub fn has_a_clock_of_its_own(&self) -> bool {
        self.database.engine() == Engine::Postgres
    }
}
