//! Counters equal the number of rows, whichever command moved the rows and whether it failed.

use domain::lifecycle::booking::Event;
use domain::rows::{Booking, Facts, Transfer};
use domain::working_set::{Context, Decision};
use domain::{BookingId, Refusal, Timestamp};
use store::Store;

use testkit::{Engine, OnEngine as _, new_id};
use uuid::Uuid;

use crate::store_database::StoreDatabase;

use crate::seats::reserve;
use crate::test_command::{Seller, TestCommand, WriterPause, insert};

testkit::on_both_engines!(
    counters_equal_the_rows,
    what_is_rolled_back_is_not_counted,
    a_reseated_booking_is_a_late_payment,
    what_was_there_before_is_counted_by_the_migration,
);

/// The counters as `subject/word count`.
async fn counters(store: &Store) -> Vec<String> {
    let kept = store.figures(Timestamp(0)).await.unwrap().counters;
    assert_eq!(kept, store.recounted().await.unwrap(), "the number of rows");
    kept.iter().map(|counter| format!("{} {}", counter.labels.join("/"), counter.count)).collect()
}

fn transfer(seller: Seller, kind: &str) -> TestCommand {
    let row = Transfer {
        id: new_id(),
        tenant: seller.tenant,
        kind: kind.into(),
        movement: kind.into(),
        message: new_id(),
        posted_at: Timestamp(1),
        subject: Uuid::nil(),
    };
    insert(move |outcome| outcome.put(row.clone()))
}

fn step(booking: BookingId, event: Event) -> TestCommand {
    let decide = move |facts: &Facts, _: &Context<'_>| {
        let row = facts.bookings.get(booking).ok_or(Refusal::BookingNotFound)?;
        let mut outcome = Decision::default();
        outcome
            .put(Booking { state: row.state.step(event).ok_or(Refusal::NothingToDo)?.to(), ..row.clone() });
        Ok(outcome)
    };
    TestCommand::new(move |rows| rows.booking(booking).map(drop), decide)
}

async fn counters_equal_the_rows(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 10).await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(reserve(&store, seller, slot).await);
    }
    assert_eq!(counters(&store).await, [""; 0], "holds are under way");
    for act in
        [seller.cancel(made[0]), step(made[1], Event::PaymentSecured), transfer(seller, "refund.succeeded")]
    {
        act.on(&store).await.unwrap();
    }
    assert_eq!(
        counters(&store).await,
        ["bookings/cancelled 1", "bookings/confirmed 1", "transfers/refund.succeeded 1"]
    );
    // One batch has several moves, and one row that moves twice.
    let acts = vec![
        step(made[1], Event::ServiceDelivered),
        step(made[2], Event::HoldTimedOut),
        step(made[3], Event::PaymentSecured),
        step(made[3], Event::CustomerAbsent),
        transfer(seller, "refund.succeeded"),
    ];
    for answer in WriterPause::start(&store).together(&store, acts).await {
        answer.unwrap();
    }
    let expected = [
        "bookings/cancelled 1",
        "bookings/completed 1",
        "bookings/expired 1",
        "bookings/no_show 1",
        "transfers/refund.succeeded 2",
    ];
    assert_eq!(counters(&store).await, expected);
    store.close().await;
    assert_eq!(counters(&database.open().await).await, expected, "another process counts on");
}

async fn what_is_rolled_back_is_not_counted(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let mut poisonous = seller.slot_row(1);
    poisonous.held = -1;
    let poison = insert(move |outcome| {
        outcome.put(poisonous.clone());
        outcome.put(Transfer {
            id: new_id(),
            tenant: seller.tenant,
            kind: "payment.captured".into(),
            movement: "never".into(),
            message: new_id(),
            posted_at: Timestamp(1),
            subject: Uuid::nil(),
        });
    });
    let acts = vec![transfer(seller, "payment.captured"), poison, transfer(seller, "payment.captured")];
    let answers = WriterPause::start(&store).together(&store, acts).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
    assert_eq!(counters(&store).await, ["transfers/payment.captured 2"]);
}

/// A booking whose money arrived after its hold had lapsed.
pub async fn reseated(store: &Store, seller: Seller) -> BookingId {
    let slot = seller.slot(store, 10).await;
    let booking = reserve(store, seller, slot).await;
    for event in [Event::HoldTimedOut, Event::PaymentSecured] {
        step(booking, event).on(store).await.unwrap();
    }
    booking
}

async fn a_reseated_booking_is_a_late_payment(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    reseated(&store, seller).await;
    let kept = store.figures(Timestamp(0)).await.unwrap().counters;
    let kept: Vec<String> =
        kept.iter().map(|counter| format!("{} {}", counter.labels.join("/"), counter.count)).collect();
    assert_eq!(kept, ["bookings/confirmed 1", "late_payments/seated 1"]);
}

async fn what_was_there_before_is_counted_by_the_migration(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 10).await;
    let booking = reserve(&store, seller, slot).await;
    for act in [step(booking, Event::PaymentSecured), transfer(seller, "payment.captured")] {
        act.on(&store).await.unwrap();
    }
    let expected = counters(&store).await;
    store.close().await;
    database.execute("drop table counters; delete from migrations where version = 2").await;
    Store::migrate(&database.location).await.unwrap();
    assert_eq!(counters(&database.open().await).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn each_connection_to_postgres_has_a_shard_of_its_own() {
    let database = StoreDatabase::on(Engine::Postgres).await;
    let (one, other) = (database.open().await, database.open().await);
    let seller = Seller::open(&one).await;
    for store in [&one, &other, &one] {
        transfer(seller, "payment.captured").on(store).await.unwrap();
    }
    assert_eq!(counters(&one).await, ["transfers/payment.captured 3"]);
    let client = testkit::database::connect(database.url()).await;
    let shards = "select count from counters order by shard";
    let counts = async || {
        let rows = client.query(shards, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect::<Vec<i64>>()
    };
    assert_eq!(counts().await, [2, 1]);
    one.close().await;
    // The shard is free once PostgreSQL has closed the connection.
    let held = "select count(*) from pg_locks where locktype = 'advisory' \
         and database = (select oid from pg_database where datname = current_database())";
    let begun = std::time::Instant::now();
    while client.query_one(held, &[]).await.unwrap().get::<_, i64>(0) > 1 {
        assert!(begun.elapsed().as_secs() < 20, "the shard of a connection that ended is still taken");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let third = database.open().await;
    transfer(seller, "payment.captured").on(&third).await.unwrap();
    assert_eq!(counts().await, [3, 1], "shards do not pile up");
}
