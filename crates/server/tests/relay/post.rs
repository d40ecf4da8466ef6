//! A post office: a fresh database with an outbox, and relays that come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::consumers::{Consumers, LEDGER};
use domain::rows::{Delivery, Facts, Message, Needs, Subject};
use domain::time::Span;
use domain::working_set::{Command, Context, Decision, DecisionResult};
use domain::{Ids, InboxId, MessageId, TenantId, Timestamp, WorkerId};
use resilience::Backoff;
use server::clock::SystemClock;
use server::consumers::{self, Consumer, MessageDispatcher};
use server::ports::broker::Broker;
use server::ports::broker::embedded::Embedded;
use server::relay::{self, Relay, RelayShares};
use server::wake::Wake;
use server::wire::Wire;
use store::{Clock, Location, Options, Store};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Long enough for a machine that has much to do.
const PATIENCE: Duration = Duration::from_mins(3);

pub struct Post {
    pub store: Store,
    pub clock: Arc<Hand>,
    pub tenant: TenantId,
    wake: Wake,
    location: Location,
    _directory: Option<TempDir>,
}

/// The machine's time, moved on by hand, or held still and moved by hand alone. On PostgreSQL commands go
/// by the database's own clock, which nobody moves.
#[derive(Default)]
pub struct Hand {
    ahead: AtomicI64,
    /// 0 while time flows.
    still: AtomicI64,
}

impl Hand {
    pub fn on(&self, span: Span) {
        self.ahead.fetch_add(span.0, Ordering::SeqCst);
    }

    pub fn hold_still(&self) {
        self.still.store(SystemClock.now().0, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        let still = self.still.load(Ordering::SeqCst);
        let now = if still == 0 { SystemClock.now().0 } else { still };
        Timestamp(now + self.ahead.load(Ordering::SeqCst))
    }
}

struct Ascending(AtomicU64);

impl Ids for Ascending {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(self.0.fetch_add(1, Ordering::SeqCst), rand::random())
    }
}

pub fn id<T: From<Uuid>>() -> T {
    static IDS: Ascending = Ascending(AtomicU64::new(1));
    T::from(IDS.next())
}

/// Appends messages, as a transaction that tells of something does.
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
pub struct Running {
    stop: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
}

impl Running {
    /// It ends what it is at, and hands its partitions back.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    /// It is gone in the middle of whatever it does.
    pub async fn kill(self) {
        for task in self.tasks {
            task.abort();
            let _aborted = task.await;
        }
    }
}

impl Post {
    pub async fn on_sqlite() -> Post {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Sqlite { path: directory.path().join("books.db") };
        Post::at(location, Some(directory)).await
    }

    pub async fn on_postgres() -> Post {
        let server = server_url();
        let name = format!("relay_{:032x}", rand::random::<u128>());
        execute(&server, &format!("create database {name}")).await;
        let (rest, _) = server.rsplit_once('/').expect("the URL names a database");
        Post::at(Location::postgres(format!("{rest}/{name}")), None).await
    }

    async fn at(location: Location, directory: Option<TempDir>) -> Post {
        Store::migrate(&location).await.unwrap();
        let clock = Arc::new(Hand::default());
        let wake = Wake::default();
        let ids = Arc::new(Ascending(AtomicU64::new(1 << 40)));
        let mut options = Options::new(location.clone(), clock.clone(), ids, Arc::new(Wire));
        options.listener = Arc::new(wake.clone());
        let store = Store::open(options).await.unwrap();
        Post { store, clock, tenant: id(), wake, location, _directory: directory }
    }

    /// A message that the ledger posts.
    pub fn message(&self, subject: Uuid, seq: i64) -> Message {
        let id: MessageId = id();
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

    pub async fn append(&self, messages: &[Message]) {
        self.store.submit(Box::new(Append(messages.to_vec()))).await.unwrap();
    }

    pub fn dispatcher(&self, consumer: Arc<dyn Consumer>) -> Arc<MessageDispatcher> {
        let settings = consumers::Settings {
            attempts_max: 3,
            backoff: Backoff { base: Duration::from_millis(1), cap: Duration::from_millis(20) },
            // What was begun and never ended is begun again after so long.
            attempt_timeout: Duration::from_millis(300),
            ..consumers::Settings::default()
        };
        Arc::new(MessageDispatcher::with(self.store.clone(), settings, Consumers::default(), vec![consumer]))
    }

    /// One whose handlers may take their time, as they do on a busy machine.
    pub fn patient_desk(&self, consumer: Arc<dyn Consumer>) -> Arc<MessageDispatcher> {
        let attempt_timeout = Duration::from_mins(10);
        let settings = consumers::Settings { attempt_timeout, ..consumers::Settings::default() };
        Arc::new(MessageDispatcher::with(self.store.clone(), settings, Consumers::default(), vec![consumer]))
    }

    /// The broker that production has by default.
    pub fn embedded(&self, consumer: Arc<dyn Consumer>) -> Arc<dyn Broker> {
        Arc::new(Embedded { desk: self.dispatcher(consumer) })
    }

    pub fn ledger(&self) -> Arc<dyn Consumer> {
        Arc::new(consumers::Ledger { store: self.store.clone() })
    }

    /// `alone`: as after a restart on SQLite.
    pub fn relay(&self, broker: Arc<dyn Broker>, settings: relay::Settings, alone: bool) -> Running {
        self.relay_for(Consumers::default(), broker, settings, alone)
    }

    /// One that waits for the receipts of these.
    pub fn relay_for(
        &self,
        consumers: Consumers,
        broker: Arc<dyn Broker>,
        settings: relay::Settings,
        alone: bool,
    ) -> Running {
        let (stop, stopped) = watch::channel(false);
        let clock = self.clock.clone();
        let parts = RelayShares::new(self.store.clone(), broker, clock, settings, consumers);
        let relay = Relay::new(parts.clone(), id::<WorkerId>(), self.wake.outbox.clone(), alone);
        let sweep = relay::sweep::run(parts, self.wake.sweep.clone(), stopped.clone());
        Running { stop, tasks: [tokio::spawn(relay.run(stopped)), tokio::spawn(sweep)] }
    }

    pub async fn found(&self, messages: &[Message]) -> Vec<Message> {
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
        self.store.messages(&ids).await.unwrap()
    }

    pub async fn until_all_are_received(&self, messages: &[Message]) -> Vec<Message> {
        until("all messages are received", async || {
            let found = self.found(messages).await;
            found.iter().all(|message| message.received_at.is_some()).then_some(found)
        })
        .await
    }

    /// How many messages the ledger has posted.
    pub async fn posted(&self) -> usize {
        self.store.transfers(self.tenant, None, 1_000).await.unwrap().len()
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

    /// Whether commands go by the database's clock, which nobody moves.
    pub fn has_a_clock_of_its_own(&self) -> bool {
        matches!(self.location, Location::Postgres { .. })
    }

    /// Behind the store's back.
    pub async fn sql(&self, statement: &str) {
        match &self.location {
            Location::Sqlite { path } => {
                rusqlite::Connection::open(path).unwrap().execute_batch(statement).unwrap();
            }
            Location::Postgres { url } => execute(url.expose(), statement).await,
        }
    }
}

/// Looks again until it is so.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "it never was so: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn execute(url: &str, statement: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(statement).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test has no program that would read its configuration")]
fn server_url() -> String {
    std::env::var("SUREHOLD_TEST_POSTGRES")
        .expect("SUREHOLD_TEST_POSTGRES names no server: run `cargo xtask test`, which starts one")
}
