//! Each promise is seen to break: rows are changed without the program, and without the constraints
//! that would refuse the change, or the provider's books are changed.

use std::collections::BTreeSet;

use check::{Books, INVARIANTS};
use testkit::{Engine, OnEngine as _, TestDatabase};

use crate::seller::{Day, ordinary_day};

/// Every constraint but the primary keys. They would refuse the broken rows.
const DROP_CONSTRAINTS: &str = "do $$ declare wall record; begin \
    for wall in select conrelid::regclass as tabled, conname from pg_constraint \
        where contype in ('c', 'f') and connamespace = 'public'::regnamespace order by contype desc \
    loop execute format('alter table %s drop constraint %I', wall.tabled, wall.conname); end loop; end $$;";
const IGNORE_CONSTRAINTS: &str = "pragma foreign_keys = off; pragma ignore_check_constraints = on;";

/// A copy that is changed without the program. Nobody may have the original open.
pub async fn broken_copy(database: &TestDatabase, harm: &str) -> TestDatabase {
    let copy = database.copy().await;
    let (beyond_constraints, new_id) = match copy.engine() {
        Engine::Sqlite => (IGNORE_CONSTRAINTS, "randomblob(16)"),
        Engine::Postgres => (DROP_CONSTRAINTS, "gen_random_uuid()"),
    };
    copy.execute(&format!("{beyond_constraints} {}", harm.replace("NEW_ID", new_id))).await;
    copy
}

/// A change of rows, and every promise that it breaks.
const HARMS: &[(&str, &[&str])] = &[
    (
        "insert into attempts (id, tenant, payment, refund, kind, amount_minor, key, state, key_number, \
            sent_at, deadline_at, failure, created_at, updated_at) \
         select NEW_ID, tenant, payment, refund, kind, amount_minor, key, state, key_number, sent_at, \
            deadline_at, failure, created_at, updated_at from attempts \
         where kind = 'charge' and state = 'succeeded' limit 1",
        &["charged_once"],
    ),
    (
        "insert into differences (id, tenant, account, kind, object, detail, state, first_run, last_run, \
            object_at, found_at, seen_at) \
         select NEW_ID, tenant, account, 'payment_unknown_here', 'pi_lost', '', 'open', NEW_ID, NEW_ID, 1, 1, 1 \
         from payments limit 1",
        &["charged_once"],
    ),
    // Our payment has less than the provider captured; the ledger, which follows the messages, has
    // all of it.
    (
        "update payments set captured_minor = captured_minor - 1 \
         where id = (select id from payments where state = 'captured' and booking is null limit 1)",
        &["charged_once", "refund_matches_quote", "books_balance"],
    ),
    (
        "update attempts set state = 'unknown' where id = (select id from attempts where kind = 'refund' limit 1)",
        &["nothing_lost"],
    ),
    // A second payout of one share, under an id of its own.
    (
        "insert into payouts (id, tenant, booking, beneficiary, mode, amount_minor, currency, method, state, \
            seq, key_number, returned_minor, created_at, updated_at) \
         select NEW_ID, tenant, booking, beneficiary, mode, amount_minor, currency, 'manual', 'scheduled', \
            0, 0, 0, created_at, updated_at from payouts",
        &["released_once"],
    ),
    ("update payouts set amount_minor = amount_minor + 1", &["released_once", "books_balance"]),
    // Another tax than its rule gives, and a tax that the ledger has elsewhere.
    ("update bookings set tax_minor = tax_minor - 100 where recognized_tax_minor > 100", &["books_balance"]),
    ("update ledger_accounts set name = 'revenue_tax' where name = 'taxes_payable'", &["books_balance"]),
    ("update releases set state = 'due', released_at = null", &["released_once"]),
    ("update releases set platform_minor = platform_minor - 1", &["released_once"]),
    ("update payouts set state = 'unknown'", &["nothing_lost"]),
    (
        "update keys set progress = 'in_flight' where id = (select key from attempts where kind = 'refund' limit 1)",
        &["nothing_lost"],
    ),
    (
        "update bookings set total_minor = total_minor - 1 where state = 'confirmed' and paid_minor = total_minor",
        &["never_overpaid"],
    ),
    ("update payments set evidenced = 0 where booking is not null", &["paid_by_evidence"]),
    (
        "update audit set actor = 'client' where subject_kind = 'booking' and to_state = 'confirmed'",
        &["paid_by_evidence"],
    ),
    ("update slots set capacity = 1 where held + sold > 1", &["never_oversold"]),
    ("update slots set held = held + 1", &["never_oversold"]),
    ("update resource_days set uses = '[]'", &["never_oversold"]),
    ("update resources set capacity = 0", &["never_oversold"]),
    // The counts of its slot are right: only the item is not in the state of its booking.
    ("update booking_items set state = 'returned' where state = 'released'", &["never_oversold"]),
    ("update booking_items set seats = seats + 1 where state = 'sold'", &["never_oversold"]),
    ("delete from booking_items where state = 'released'", &["never_overpaid", "never_oversold"]),
    ("update booking_items set price_minor = price_minor + 1", &["never_overpaid"]),
    (
        "update booking_items set tenant = (select id from tenants where id <> booking_items.tenant)",
        &["tenant_walls"],
    ),
    ("update bookings set state = 'expired' where state = 'cancelled'", &["only_forward"]),
    (
        "update audit set from_state = 'failed' where subject_kind = 'payment' and to_state = 'captured'",
        &["only_forward"],
    ),
    (
        "update refunds set amount_minor = amount_minor + 100000 where id = (select id from refunds limit 1)",
        &["refund_matches_quote", "books_balance"],
    ),
    (
        "update payments set open_disputes = 1, unsettled_disputes = 1 \
         where id = (select payment from refunds limit 1)",
        &["released_once", "refund_matches_quote"],
    ),
    (
        "update payments set unsettled_disputes = 1 where id = (select payment from refunds limit 1)",
        &["released_once"],
    ),
    // A dispute that was open before the refund was started.
    (
        "insert into disputes (id, tenant, payment, account, object, currency, state, seq, amount_minor, \
            created_at, updated_at) \
         select NEW_ID, tenant, payment, tenant, 'du_1', currency, 'opened', 0, 1, 1, 1 from refunds limit 1; \
         insert into audit (id, tenant, at, actor, subject_kind, subject, action, from_state, to_state) \
         select NEW_ID, tenant, 1, 'webhook', 'dispute', id, 'open', 'inquiry', 'opened' from disputes; \
         update payments set open_disputes = 1, unsettled_disputes = 1 \
            where id = (select payment from disputes)",
        &["refund_matches_quote"],
    ),
    (
        "insert into disputes (id, tenant, payment, account, object, currency, state, seq, amount_minor, \
            created_at, updated_at) \
         select NEW_ID, tenant, id, account, 'du_1', currency, 'won', 0, 1, 1, 1 from payments limit 1; \
         insert into audit (id, tenant, at, actor, subject_kind, subject, action, from_state, to_state) \
         select NEW_ID, tenant, 1, 'webhook', 'dispute', id, 'close', 'inquiry', 'closed' from disputes",
        &["only_forward"],
    ),
    (
        "insert into disputes (id, tenant, payment, account, object, currency, state, seq, amount_minor, \
            created_at, updated_at) \
         select NEW_ID, tenant, id, account, 'du_1', currency, 'inquiry', 0, 1, 1, 1 from payments limit 1; \
         insert into dispute_evidence (id, tenant, dispute, texts, state, key_number, created_at, updated_at) \
         select NEW_ID, tenant, id, '{}', 'sent', 0, 1, 1 from disputes",
        &["nothing_lost"],
    ),
    (
        "update postings set amount_minor = amount_minor + 1 \
         where id = (select id from postings where amount_minor > 0 limit 1)",
        &["books_balance"],
    ),
    ("update ledger_accounts set balance_minor = balance_minor + 1", &["books_balance"]),
    // A fee that no movement is behind, and one that is not in the ledger.
    (
        "update payments set provider_fee_minor = 7, provider_fee_currency = currency \
         where id = (select payment from refunds limit 1)",
        &["books_balance"],
    ),
    (
        "insert into movements (id, tenant, payment, kind, object, amount_minor, currency, recorded_at) \
         select NEW_ID, tenant, id, 'provider_fee', 'txn_1', 7, currency, 1 from payments limit 1",
        &["books_balance"],
    ),
    ("update ledger_accounts set moved_at = moved_at + 1", &["books_balance"]),
    (
        "insert into day_balances (id, tenant, account, ends_at, balance_minor) \
         select NEW_ID, tenant, id, moved_at + 1, balance_minor + 1 from ledger_accounts limit 1",
        &["books_balance"],
    ),
    (
        "insert into inbox (id, tenant, consumer, message, state, attempts, last_error, due_at, created_at, \
            updated_at) \
         select NEW_ID, tenant, consumer, message, state, attempts, last_error, due_at, created_at, \
            updated_at from inbox limit 1",
        &["event_applied_once"],
    ),
    (
        "update outbox set position = position + 1000000 where seq = 1 \
            and subject in (select subject from outbox where seq = 2)",
        &["event_applied_once"],
    ),
    (
        "update inbox set state = 'waiting' where message = (select id from outbox \
            where kind = 'payment.captured' and received_at is not null limit 1)",
        &["nothing_lost", "event_applied_once"],
    ),
    (
        "insert into inbox (id, tenant, consumer, message, state, attempts, last_error, due_at, created_at, \
            updated_at) \
         select NEW_ID, tenant, 'ledger', NEW_ID, 'dead', 12, 'spoiled', null, created_at, updated_at \
         from inbox limit 1",
        &["nothing_lost"],
    ),
    (
        "update attempts set tenant = (select id from tenants where id <> attempts.tenant) \
         where id = (select id from attempts where kind = 'refund' limit 1)",
        &["tenant_walls"],
    ),
];

/// A change of the provider's books, and every promise that it breaks.
type Lie = (fn(&mut Books), &'static [&'static str]);

const LIES: &[Lie] = &[
    // Charged twice: a second object with the money of the same operation.
    (
        |books| {
            let mut again = books.charges[0].clone();
            again.id.push_str("_again");
            books.charges.push(again);
        },
        &["charged_once", "books_balance"],
    ),
    (|books| books.charges[0].captured_minor += 1, &["charged_once", "books_balance"]),
    (|books| drop(books.charges.remove(0)), &["charged_once", "books_balance"]),
    // An operation that is not in our database.
    (
        |books| {
            let mut unknown = books.charges[3].clone();
            unknown.metadata.insert("operation".to_owned(), uuid::Uuid::nil().to_string());
            unknown.id.push_str("_unknown");
            books.charges.push(unknown);
        },
        &["charged_once"],
    ),
    (|books| books.refunds[0].amount_minor += 1, &["refund_matches_quote"]),
    (|books| books.refunds.push(books.refunds[0].clone()), &["refund_matches_quote"]),
    (
        |books| {
            let mut unknown = books.refunds[0].clone();
            unknown.metadata.insert("refund".to_owned(), uuid::Uuid::nil().to_string());
            books.refunds.push(unknown);
        },
        &["refund_matches_quote"],
    ),
    // Paid out twice: a second transfer of the same payout.
    (
        |books| {
            let mut again = books.transfers[0].clone();
            again.id.push_str("_again");
            books.transfers.push(again);
        },
        &["released_once", "books_balance"],
    ),
    // A second payout of the same share, under an id of its own.
    (
        |books| {
            let mut again = books.transfers[0].clone();
            again.metadata.insert("surehold_payout".to_owned(), uuid::Uuid::nil().to_string());
            books.transfers.push(again);
        },
        &["released_once", "books_balance"],
    ),
    (|books| books.transfers[0].amount_minor -= 1, &["released_once", "books_balance"]),
    (|books| "acct_other".clone_into(&mut books.transfers[0].destination), &["released_once"]),
    (|books| drop(books.transfers.remove(0)), &["released_once", "books_balance"]),
    // It came back, and our books do not know.
    (|books| books.transfers[0].reversed_minor = 1, &["books_balance"]),
    // The object of one tenant in the account of the other.
    (|books| "acct_theirs".clone_into(&mut books.charges[0].account), &["books_balance", "tenant_walls"]),
];

async fn each_promise_is_seen_to_break(database: TestDatabase) {
    let store = database.open().await;
    let Day { books, ours, theirs } = ordinary_day(&store).await;
    assert_ne!(ours.tenant, theirs.tenant);
    store.close().await;
    let mut seen = BTreeSet::new();
    for (harm, expected) in HARMS {
        let broken = broken_copy(&database, harm).await;
        let verdicts = check::run(&broken.location, Some(books.clone())).await.unwrap();
        assert_eq!(verdicts.broken(), *expected, "{harm}\n{verdicts}");
        seen.extend(expected.iter().copied());
    }
    for (at, (change, expected)) in LIES.iter().enumerate() {
        let mut changed = books.clone();
        change(&mut changed);
        let verdicts = check::run(&database.location, Some(changed)).await.unwrap();
        assert_eq!(verdicts.broken(), *expected, "lie {at}\n{verdicts}");
        seen.extend(expected.iter().copied());
    }
    assert_eq!(seen, BTreeSet::from(INVARIANTS), "a promise was never seen to break");
}

#[tokio::test]
async fn on_sqlite() {
    each_promise_is_seen_to_break(TestDatabase::on(Engine::Sqlite).await).await;
}

#[tokio::test]
async fn on_postgres() {
    each_promise_is_seen_to_break(TestDatabase::on(Engine::Postgres).await).await;
}
