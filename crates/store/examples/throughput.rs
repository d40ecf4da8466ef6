//! The throughput of the write path in commands per second, without HTTP.
//!
//! `cargo run --release -p store --example throughput -- [postgres://...]`: on SQLite in a temporary
//! directory, and on PostgreSQL in a new database beside the one that is named. A command holds one
//! seat under an idempotency key: five rows.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::idempotency::Fingerprint;
use domain::lifecycle::CurrentState;
use domain::reply::{BookingReply, ItemReply};
use domain::rows::{Booking, BookingItem, Facts, Message, Needs, Product, Slot, Subject};
use domain::working_set::{Claim, Command, Context, Decision, DecisionResult, Json};
use domain::{
    BookingId, BookingItemId, ClientId, Currency, CustomerId, Ids, KeyId, MessageId, ProductId, Refusal,
    Reply, SlotId, TenantId, Timestamp, UnitId,
};
use store::{Clock, Location, Options, Render, Rendered, Store};
use uuid::Uuid;

const RUN: Duration = Duration::from_secs(3);

static NEXT: AtomicU64 = AtomicU64::new(1);

struct Outside;

impl Ids for Outside {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(NEXT.fetch_add(1, Ordering::Relaxed), rand::random())
    }
}

impl Clock for Outside {
    fn now(&self) -> Timestamp {
        Timestamp(NEXT.fetch_add(1, Ordering::Relaxed) as i64)
    }
}

impl Render for Outside {
    fn reply(&self, reply: &Reply) -> Rendered {
        let body = match reply {
            Reply::Booking(reply) => {
                format!(r#"{{"id":"{}","seats":{}}}"#, reply.booking.id, reply.seats())
            }
            _ => String::new(),
        };
        Rendered { status: 201, body, location: None }
    }
    fn refusal(&self, refusal: &Refusal, _: &str) -> Rendered {
        Rendered { status: 409, body: refusal.code().to_owned(), location: None }
    }
}

fn id<T: From<Uuid>>() -> T {
    T::from(Outside.next())
}

struct Reserve {
    tenant: TenantId,
    product: ProductId,
    slot: SlotId,
    claim: Claim,
}

impl fmt::Debug for Reserve {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Reserve of {}", self.slot)
    }
}

impl Command for Reserve {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }
    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }
    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.slot(self.slot);
        rows.product(self.product);
        // All rows are requested, so they are loaded in one round trip.
        Some(())
    }
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let slot = facts.slots.get(self.slot).ok_or(Refusal::SlotNotFound)?;
        if slot.vacancies() < 1 {
            return Err(Refusal::SlotIsFull { slot: slot.id.0, vacancies: 0 });
        }
        let slot = Slot { held: slot.held + 1, ..slot.clone() };
        let booking = self.booking(BookingId(context.ids.next()), context.now);
        let mut outcome = Decision::default();
        outcome.put(Message {
            id: MessageId(context.ids.next()),
            tenant: self.tenant,
            subject_kind: Subject::Booking,
            subject: booking.id.0,
            seq: 1,
            kind: "booking.held".into(),
            payload: format!(r#"{{"booking":"{}"}}"#, booking.id),
            created_at: context.now,
            partition: Message::partition_of(booking.id.0),
            position: None,
            published: 0,
            published_at: None,
            received_at: None,
        });
        outcome.put(slot.clone());
        outcome.put(booking.clone());
        let item = self.item(&booking, BookingItemId(context.ids.next()));
        outcome.put(item.clone());
        let items = vec![ItemReply { item, slot, time_zone: "Europe/Lisbon".into() }];
        let reply = BookingReply { booking, items };
        Ok(outcome.reply(Reply::Booking(Box::new(reply))))
    }
}

impl Reserve {
    fn item(&self, booking: &Booking, id: BookingItemId) -> BookingItem {
        BookingItem {
            id,
            tenant: self.tenant,
            booking: booking.id,
            slot: self.slot,
            product: self.product,
            unit: UnitId(self.product.0),
            name: "Seat".into(),
            quantity: 1,
            seats: 1,
            price_minor: 1000,
            state: CurrentState::start(),
            booked_at: booking.created_at,
            policy: None,
            checked_in: 0,
            credited_minor: None,
            taxes: Json::default(),
        }
    }

    fn booking(&self, id: BookingId, now: Timestamp) -> Booking {
        Booking {
            id,
            tenant: self.tenant,
            client: self.claim.client,
            customer: CustomerId::of(self.tenant, "ana@example.com"),
            customer_name: "Ana".into(),
            customer_email: "ana@example.com".into(),
            customer_phone: None,
            state: CurrentState::start(),
            seq: 1,
            counts_for_client: false,
            total_minor: 1000,
            currency: Currency::EUR,
            open_payment: None,
            payments: 0,
            authorized_minor: 0,
            paid_minor: 0,
            refunded_minor: 0,
            settled_minor: 0,
            hold_expires_at: now,
            hold_expires_max: now,
            sweep_at: now,
            confirmed_at: None,
            ended_at: None,
            metadata: Json::default(),
            created_at: now,
            updated_at: now,
            tax_minor: 0,
            recognized_minor: 0,
            recognized_tax_minor: 0,
        }
    }
}

/// Inserts a product and its slots.
#[derive(Debug)]
struct Open {
    tenant: TenantId,
    product: ProductId,
    slots: Vec<SlotId>,
}

impl Command for Open {
    fn tenant(&self) -> Option<TenantId> {
        None
    }
    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.product(self.product);
        Some(())
    }
    fn decide(&self, facts: &Facts, _: &Context<'_>) -> DecisionResult {
        let (tenant, product, now) = (self.tenant, self.product, Timestamp(1));
        let mut outcome = Decision::default();
        if facts.products.get(product).is_none() {
            outcome.put(Product {
                id: product,
                tenant,
                name: "Crossing".into(),
                description: String::new(),
                time_zone: "Europe/Lisbon".into(),
                currency: Currency::EUR,
                active: true,
                split: None,
                metadata: Json::default(),
                version: 1,
                created_at: now,
                updated_at: now,
                cancellation_policy: None,
                duration_minutes: None,
                resources: None,
                taxes: Json::default(),
            });
        }
        for id in &self.slots {
            let (id, capacity) = (*id, 100_000_000);
            // A product has one departure at one time.
            let starts_at = Outside.now();
            outcome.put(Slot {
                id,
                tenant,
                product,
                starts_at,
                capacity,
                held: 0,
                sold: 0,
                closed: false,
                created_at: now,
                schedule: None,
                withdrawn: false,
                allocations: None,
            });
        }
        Ok(outcome)
    }
}

async fn measure(label: &str, location: &Location, slots: usize, tasks: usize) {
    let mut options = Options::new(location.clone(), Arc::new(Outside), Arc::new(Outside), Arc::new(Outside));
    options.tenant_share = 1.0;
    let store = Store::open(options).await.expect("it was just migrated");
    let (tenant, product, client): (TenantId, ProductId, ClientId) = (id(), id(), id());
    let slots: Arc<Vec<SlotId>> = Arc::new((0..slots).map(|_| id()).collect());
    for slots in slots.chunks(100) {
        store
            .submit(Box::new(Open { tenant, product, slots: slots.to_vec() }))
            .await
            .expect("nothing is in the way");
    }
    let (before, wal_before) = (store.stats(), store.wal_bytes().await.expect("it answers"));
    let begun = Instant::now();
    let run_task = |task: usize| {
        let (store, slots) = (store.clone(), slots.clone());
        tokio::spawn(async move {
            let mut waited = Vec::new();
            while begun.elapsed() < RUN {
                let text = id::<Uuid>().to_string();
                let claim = Claim {
                    key: KeyId::of(tenant, client, &text),
                    tenant,
                    client,
                    text,
                    fingerprint: Fingerprint::of("POST", "/v1/bookings", b"{}"),
                    request_id: "request".into(),
                };
                let slot = slots[(waited.len() * 7919 + task * 104_729) % slots.len()];
                let submitted = Instant::now();
                let answer = store.submit(Box::new(Reserve { tenant, product, slot, claim })).await;
                answer.expect("there is room for everybody");
                waited.push(submitted.elapsed());
            }
            waited
        })
    };
    let running: Vec<_> = (0..tasks).map(run_task).collect();
    let mut waited = Vec::new();
    for task in running {
        waited.extend(task.await.expect("no task panics"));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (after, wal_after) = (store.stats(), store.wal_bytes().await.expect("it answers"));
    let wal = wal_before.zip(wal_after).map(|(before, after)| (after - before) / waited.len() as i64);
    waited.sort_unstable();
    let millis = |part: f64| waited[(waited.len() as f64 * part) as usize].as_secs_f64() * 1000.0;
    let per_batch = |count: u64| count as f64 / (after.batches - before.batches) as f64;
    println!(
        "{label:10} {:5} slots {tasks:4} tasks {:7.0}/s  p50 {:5.1} ms  p99 {:5.1} ms  {:5.1} a batch  \
         {:4.1} round trips a batch  {} run again  {} WAL bytes a command",
        slots.len(),
        waited.len() as f64 / seconds,
        millis(0.5),
        millis(0.99),
        per_batch(after.commands - before.commands),
        per_batch(after.round_trips - before.round_trips),
        after.retries - before.retries,
        wal.map_or("?".to_owned(), |bytes| bytes.to_string()),
    );
    store.close().await;
}

async fn fresh(url: &str) -> Location {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a server");
    tokio::spawn(connection);
    let name = format!("throughput_{:032x}", rand::random::<u128>());
    client.batch_execute(&format!("create database {name}")).await.expect("a superuser's URL");
    let (server, _) = url.rsplit_once('/').expect("a URL names a database");
    Location::postgres(format!("{server}/{name}"))
}

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (slots, tasks) in [(1000, 1), (1000, 64), (1000, 256), (1, 64), (1, 256)] {
        let path = directory.path().join(format!("{slots}-{tasks}.db"));
        let sqlite = Location::Sqlite { path };
        Store::migrate(&sqlite).await.expect("the directory is writable");
        measure("SQLite", &sqlite, slots, tasks).await;
        if let Some(url) = std::env::args().nth(1) {
            let postgres = fresh(&url).await;
            Store::migrate(&postgres).await.expect("the database is new");
            measure("PostgreSQL", &postgres, slots, tasks).await;
        }
    }
}
