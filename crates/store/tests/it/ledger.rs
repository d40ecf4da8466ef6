//! Balances at a past time, statements page by page, and a day that is closed while a posting is in flight.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::commands::{CloseLedger, Origin, PostTransfer};
use domain::ledger::{LedgerEntry, LedgerLeg};
use domain::rows::{Actor, DayBalance, LedgerAccount, Message, Posting, Subject, Transfer};
use domain::time::Span;
use domain::{Currency, DayBalanceId, LedgerAccountId, Refusal, TenantId, Timestamp, TransferId};
use store::queries::{Cursor, StatementSearch};
use store::{CommandResult, Store};
use testkit::{Engine, OnEngine as _, new_id};
use uuid::Uuid;

use crate::store_database::StoreDatabase;

use crate::test_command::{Seller, insert};

testkit::on_both_engines!(
    a_balance_is_that_of_any_past_time,
    a_statement_has_every_posting_once,
    a_day_is_closed_once
);

/// The times of postings of one account, in hours; the amount is the position's, from 1.
const HOURS: [i64; 8] = [0, 6, 12, 72, 72, 117, 216, 228];

const HOUR: Span = Span::seconds(3_600);

fn at(hours: i64) -> Timestamp {
    Timestamp(hours * HOUR.0)
}

/// The postings of an account at these times, with the ends of its days.
async fn fill(store: &Store, tenant: TenantId) -> LedgerAccountId {
    let id = LedgerAccountId::of(tenant, "sales", Currency::EUR);
    let total = (1..=HOURS.len() as i64).sum();
    let account = LedgerAccount {
        id,
        tenant,
        name: "sales".into(),
        currency: Currency::EUR,
        balance_minor: total,
        created_at: at(HOURS[0]),
        moved_at: at(HOURS[7]),
    };
    let mut ends: BTreeMap<Timestamp, i64> = BTreeMap::new();
    for (amount, hours) in (1..).zip(HOURS) {
        *ends.entry(at(hours).day_end()).or_default() += amount;
    }
    ends.pop_last();
    let mut balance_minor = 0;
    let ends: Vec<DayBalance> = ends
        .into_iter()
        .map(|(ends_at, moved)| {
            balance_minor += moved;
            DayBalance { id: DayBalanceId::of(id, ends_at), tenant, account: id, ends_at, balance_minor }
        })
        .collect();
    insert(move |outcome| {
        outcome.put(account.clone());
        for end in &ends {
            outcome.put(end.clone());
        }
        for (amount_minor, hours) in (1..).zip(HOURS) {
            let (transfer, posted_at) = (new_id(), at(hours));
            let (kind, movement) = ("payment.captured".to_owned(), format!("m/{amount_minor}"));
            let (message, subject) = (new_id(), Uuid::max());
            outcome.put(Transfer { id: transfer, tenant, kind, movement, message, posted_at, subject });
            let currency = Currency::EUR;
            outcome.put(Posting {
                id: new_id(),
                tenant,
                transfer,
                account: id,
                amount_minor,
                currency,
                posted_at,
            });
        }
    })
    .on(store)
    .await
    .unwrap();
    id
}

async fn a_balance_is_that_of_any_past_time(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let account = fill(&store, seller.tenant).await;
    let balance = async |tenant: TenantId, before: Timestamp| {
        store.ledger_balances(tenant, &[account], before).await.unwrap().get(&account).copied()
    };
    for hours in [-24, 0, 6, 10, 18, 24, 48, 72, 84, 96, 117, 120, 168, 216, 221, 228, 233, 9_600] {
        for before in [at(hours), Timestamp(at(hours).0 + 1)] {
            let expected: i64 =
                (1..).zip(HOURS).filter(|(_, hours)| at(*hours) < before).map(|(amount, _)| amount).sum();
            assert_eq!(balance(seller.tenant, before).await, Some(expected), "{hours}");
        }
    }
    assert_eq!(balance(new_id(), at(233)).await, None, "of another tenant");
    assert_eq!(store.ledger_balances(seller.tenant, &[], at(24)).await.unwrap(), BTreeMap::new());
    let opened = async |before: Timestamp| {
        store.ledger_accounts(seller.tenant, Some(before), None, 9).await.unwrap().len()
    };
    assert_eq!((opened(at(0)).await, opened(Timestamp(1)).await), (0, 1));
    store.close().await;
}

async fn a_statement_has_every_posting_once(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let account = fill(&store, seller.tenant).await;
    for limit in [1, 2, 3, 50] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let (from, before) = (at(6), at(228));
            let search = StatementSearch { accounts: &[account], from, before, after, limit };
            let lines = store.statement_lines(seller.tenant, &search).await.unwrap();
            let Some(last) = lines.last() else { break };
            after = Some(Cursor { created_at: last.posted_at, id: last.posting.0 });
            seen.extend(lines.into_iter().map(|line| line.amount_minor));
        }
        seen[2..4].sort_unstable();
        assert_eq!(seen, [2, 3, 4, 5, 6, 7], "by {limit}");
    }
    store.close().await;
}

fn post(tenant: TenantId, movement: &str) -> PostTransfer {
    let message = Message {
        id: new_id(),
        tenant,
        subject_kind: Subject::Payment,
        subject: Uuid::max(),
        seq: 1,
        kind: "payment.captured".into(),
        payload: String::new(),
        created_at: Timestamp(1),
        partition: 0,
        position: None,
        published: 0,
        published_at: None,
        received_at: None,
    };
    let leg = |account: &str, amount_minor| LedgerLeg { account: account.into(), amount_minor };
    let legs = vec![leg("bank", 5), leg("sales", -5)];
    PostTransfer { message, entry: LedgerEntry { movement: movement.into(), currency: Currency::EUR, legs } }
}

fn close(tenant: TenantId, ends_at: Timestamp) -> CloseLedger {
    let origin = Origin::of(Actor::Person);
    CloseLedger { claim: None, tenant, origin, ends_at, day: "a day".into() }
}

async fn a_day_is_closed_once(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let until = async || store.ledger_closing(seller.tenant).await.unwrap().and_then(|row| row.closed_before);
    assert_eq!(until().await, None);
    store.submit(Box::new(post(seller.tenant, "m/1"))).await.unwrap();
    assert_eq!(until().await, None);
    for (ends_at, closed) in [(7, 7), (5, 7), (7, 7), (9, 9)] {
        let answer = store.submit(Box::new(close(seller.tenant, Timestamp(ends_at)))).await.unwrap();
        assert!(matches!(answer, CommandResult::Fresh { .. }), "{answer:?}");
        assert_eq!(until().await, Some(Timestamp(closed)));
    }
    let audit = store.audit_of(seller.tenant, seller.tenant.0, None, 9).await.unwrap();
    assert_eq!(audit.iter().filter(|row| row.action == "ledger_closed").count(), 2, "{audit:?}");
    let late = close(seller.tenant, Timestamp(i64::MAX));
    let answer = store.submit(Box::new(late)).await.unwrap();
    let CommandResult::Refused { refusal, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(refusal, Refusal::LedgerDayIsNotOver { ends_at: Timestamp(i64::MAX) });
    store.close().await;
}

/// Waits until so many sessions of this database wait for a lock, or something else has happened.
async fn waiting(client: &tokio_postgres::Client, sessions: i64, or: impl Fn() -> bool) {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() \
        and wait_event_type = 'Lock'";
    while !or() && client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) < sessions {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The posting has its time already, and its insert waits for a stranger. Midnight passes, and another process
/// closes the day. Differs by necessity: SQLite has one writer, so nothing is in flight there.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_day_is_closed_behind_the_posting_in_flight() {
    let database = StoreDatabase::on(Engine::Postgres).await;
    let (one, other) = (database.open().await, database.open().await);
    let seller = Seller::open(&one).await;
    let tenant = seller.tenant;
    one.submit(Box::new(post(tenant, "m/1"))).await.unwrap();
    let account = LedgerAccountId::of(tenant, "bank", Currency::EUR);
    let stranger = testkit::database::connect(database.url()).await;
    let watcher = testkit::database::connect(database.url()).await;
    let same = TransferId::of(tenant, "m/2");
    let hang = format!(
        "begin; insert into transfers values ('{same}', '{tenant}', 'k', 'm', '{same}', 1, '{same}')"
    );
    stranger.batch_execute(&hang).await.unwrap();
    let posting = tokio::spawn({
        let one = one.clone();
        async move { one.submit(Box::new(post(tenant, "m/2"))).await }
    });
    waiting(&watcher, 1, || false).await;
    let now: i64 = watcher
        .query_one("select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)", &[])
        .await
        .unwrap()
        .get(0);
    let ends_at = Timestamp(now);
    let closing = tokio::spawn({
        let other = other.clone();
        async move {
            let answer = other.submit(Box::new(close(tenant, ends_at))).await.unwrap();
            assert!(matches!(answer, CommandResult::Fresh { .. }), "{answer:?}");
            other.ledger_balances(tenant, &[account], ends_at).await.unwrap()
        }
    });
    waiting(&watcher, 2, || closing.is_finished()).await;
    stranger.batch_execute("rollback").await.unwrap();
    posting.await.unwrap().unwrap();
    let closed = closing.await.unwrap();
    assert_eq!(one.ledger_balances(tenant, &[account], ends_at).await.unwrap(), closed);
    let now = one.ledger_balances(tenant, &[account], Timestamp(i64::MAX)).await.unwrap();
    assert_eq!(now[&account], 10, "both were posted");
}
