//! The plans of the lists that clients can request, and of the queries that run before each refusal: an
//! index finds the page, and nothing is sorted. So a page costs the same for any number of rows.

use std::collections::BTreeSet;

use domain::jobs::JobKinds;
use domain::lifecycle::{booking, dispute, payment};
use domain::rows::Lane;
use domain::{AccountId, AuditId, BookingId, KeyId, PaymentId, SlotId, Timestamp};
use store::queries::{BookingSearch, DisputeSearch, PaymentSearch, Plans};
use store::{Location, Store};
use testkit::new_id;
use uuid::Uuid;

use crate::store_database::StoreDatabase;

use crate::test_command::Seller;

/// Sums, counts and flags of a payment that are 0 in every row.
const NO_SUMS: &str = "refunding_minor, refunded_minor, suspended_minor, disputed_minor, open_disputes, \
    unsettled_disputes, provider_fee_minor, refunds, void_requested, booked_authorized_minor, booked_paid_minor, \
    booked_refunded_minor, expiry_warned, saves_method, off_session";

testkit::on_both_engines!(
    each_filter_has_its_index,
    work_and_the_audit_are_found_by_indexes,
    schedules_and_their_slots_are_found_by_indexes,
    foreign_keys_are_checked_by_the_key_from_the_first_row_on,
);

const BOOKINGS: usize = 20_000;
const SLOTS: usize = 40;

/// Writes the rows of one tenant directly into the tables, because commands would take minutes.
async fn fill(database: &StoreDatabase, store: &Store, seller: Seller) -> Vec<SlotId> {
    let mut slots = Vec::new();
    for _ in 0..SLOTS {
        slots.push(seller.slot(store, 1_000_000).await);
    }
    let (tenant, product) = (database.literal(seller.tenant), database.literal(seller.product));
    let (new, number) = match database.location {
        Location::Sqlite { .. } => ("randomblob(16)", "cast(printf('%016d', i % 500) as blob)"),
        Location::Postgres { .. } => {
            ("gen_random_uuid()", "cast(lpad(cast(i % 500 as text), 32, '0') as uuid)")
        }
    };
    let numbers =
        format!("with recursive n(i) as (select 1 union all select i + 1 from n where i < {BOOKINGS})");
    let slot = format!(
        "(select id from (select id, row_number() over (order by id) as number from slots) as numbered \
         where number = 1 + i % {SLOTS})"
    );
    let state = "case when i % 4000 = 0 then 'no_show' when i % 400 = 1 then 'held' else 'confirmed' end";
    database
        .execute(&format!(
            "{numbers} insert into bookings select {new}, {tenant}, {number}, {number}, 'Ana', \
             'ana@example.com', null, {state}, 1, 0, 100, 'EUR', null, 0, 0, 0, 0, 0, i, i, i, null, null, \
             '{{}}', i, i, 0, 0, 0 from n"
        ))
        .await;
    // Every second booking has two items, both for its slot.
    for which in ["", " where i % 2 = 0"] {
        let item = format!(
            "insert into booking_items select {new}, {tenant}, id, {slot}, {product}, {product}, 'Seat', 1, 1, \
             100, case state when 'held' then 'held' else 'sold' end, i, null, 0, null, '[]' from \
             (select id, state, created_at as i from bookings) as booked{which}"
        );
        database.execute(&item).await;
    }
    database
        .execute(&format!(
            "insert into check_ins select {new}, tenant, booking, id, slot, 1, 1, 1, tenant, null, null, null, null \
             from booking_items"
        ))
        .await;
    let state = "case when i % 4000 = 0 then 'lapsed' else 'captured' end";
    database
        .execute(&format!(
            "{numbers} insert into payments (id, tenant, client, account, provider, amount_minor, currency, capture, \
                payment_method, instalments, reference, metadata, key, state, seq, authorized_minor, captured_minor, \
                evidenced, created_at, updated_at, {NO_SUMS}) \
             select {new}, {tenant}, {number}, {number}, 'stripe', 100, 'EUR', 'automatic', 'pm_1', 1, \
                'order-' || i, '{{}}', {new}, {state}, 1, 0, 100, 1, i, i, \
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 from n"
        ))
        .await;
    database.execute("analyze").await;
    slots
}

/// An attempt, a job, a refund and a review case of each payment, and rows of the audit about all of them.
async fn fill_work(database: &StoreDatabase) {
    let (new, empty) = match database.location {
        Location::Sqlite { .. } => ("randomblob(16)", "x''"),
        Location::Postgres { .. } => ("gen_random_uuid()", "''"),
    };
    for (table, of, columns) in [
        (
            "attempts",
            "payments",
            "id, tenant, id, null, 'charge', 100, key, OPEN, 0, null, 1, null, created_at, null, 1, 1, null",
        ),
        (
            "jobs",
            "payments",
            "id, tenant, 'charge', 'critical', 'attempt', id, account, '{}', 1, null, READY, 1, null, null, \
             created_at, 1, 0, 0, null, 1, 1",
        ),
        (
            "refunds",
            "payments",
            "id, tenant, id, null, 1, 'EUR', 0, null, '{}', null, 'failed', 1, null, null, 1, 1",
        ),
        ("reviews", "payments", "NEW, tenant, 'payment', id, null, '', '', 'resolved', 1, 1, '', null"),
        (
            "reconciliations",
            "payments",
            "id, tenant, id, 1, 2, null, 'finished', 1, 'clear', null, 0, 0, 0, 0, 0, null, 1, 1, 1",
        ),
        (
            "differences",
            "payments",
            "id, tenant, id, 'foreign_object', 'pi', null, null, 1, 'EUR', null, null, null, '', 'settled', null, \
             id, id, 1, 1, 1, 1, null, null",
        ),
        (
            "disputes",
            "payments",
            "id, tenant, id, null, account, 'du', 'EUR', 'lost', 0, 1, null, null, null, null, null, null, null, \
             created_at, 1, 1",
        ),
        ("inbound_events", "payments", "id, tenant, account, '', '', EMPTY, 'processed', 1, null, 1, 1"),
        ("inbox", "payments", "id, tenant, 'ledger', id, 'received', 1, null, null, 1, 1"),
        ("api_keys", "payments", "id, tenant, client, EMPTY, '[]', 'test', 1, 1"),
        (
            "audit",
            "payments",
            "NEW, tenant, 1, 'timer', null, 'payment', id, 'x', null, null, null, null, null",
        ),
        (
            "audit",
            "bookings",
            "NEW, tenant, 1, 'timer', null, 'booking', id, 'x', null, null, null, null, null",
        ),
    ] {
        let columns = columns.replace("NEW", new).replace("EMPTY", empty);
        // Few rows are under way.
        let columns =
            columns.replace("OPEN", "case when created_at % 400 = 1 then 'sent' else 'succeeded' end");
        let columns = columns.replace("READY", "case when created_at % 400 = 1 then 'ready' else 'done' end");
        database.execute(&format!("insert into {table} select {columns} from {of}")).await;
    }
    database.execute("analyze").await;
}

async fn work_and_the_audit_are_found_by_indexes(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    fill(&database, &store, seller).await;
    fill_work(&database).await;
    let (queries, plans) = store.queries().explained();
    let late = Timestamp(i64::MAX / 2);
    let due = async |without: &[Uuid], max: usize| {
        queries.due_jobs(JobKinds::default(), Lane::Critical, late, without, max).await.unwrap()
    };
    assert_eq!(due(&[], 50).await.len(), 50);
    let plan = plans.lock().last().cloned().unwrap_or_default();
    let by_lane = ["(lane=? AND due_at<?)", "Index Cond: ((lane = "];
    assert!(by_lane.iter().any(|condition| plan.contains(condition)), "{plan}");
    uses(&plans, "jobs_due");
    let account = due(&[], 1).await[0].concurrency_key.unwrap();
    due(&[account], 50).await;
    uses(&plans, "jobs_due");
    queries.late_jobs(JobKinds::default(), late, &[AccountId(account)], 50).await.unwrap();
    finds_by(&plans, "attempts_open");
    let disputes = async |search: DisputeSearch| {
        queries.disputes(seller.tenant, &DisputeSearch { limit: 50, ..search }).await.unwrap().len()
    };
    assert_eq!(disputes(DisputeSearch::default()).await, 50);
    uses(&plans, "disputes_of_tenant");
    let state = Some(dispute::State::Lost);
    assert_eq!(disputes(DisputeSearch { state, ..DisputeSearch::default() }).await, 50);
    let payment = Some(PaymentId(new_id()));
    assert_eq!(disputes(DisputeSearch { payment, ..DisputeSearch::default() }).await, 0);
    uses(&plans, "disputes_of_payment");
    // The instant is so late that half of all random ids are older.
    let late = Timestamp((1 << 47) * 1_000);
    assert!(queries.old_audit(late, AuditId(Uuid::nil()), 4_096).await.unwrap().next.is_some());
    reads_no_table(&plans);
}

/// Every tenth schedule is due, and each has slots; the first has more than all others.
async fn schedules_and_their_slots_are_found_by_indexes(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let (tenant, product) = (database.literal(seller.tenant), database.literal(seller.product));
    let new = match database.location {
        Location::Sqlite { .. } => "randomblob(16)",
        Location::Postgres { .. } => "gen_random_uuid()",
    };
    let numbers = |count: usize| {
        format!("with recursive n(i) as (select 1 union all select i + 1 from n where i < {count})")
    };
    let due = "case when i % 10 = 0 then i else null end";
    database
        .execute(&format!(
            "{} insert into schedules select {new}, {tenant}, {product}, '{{}}', 1, 1, 1, 1, 1, 0, 0, {due}, i, i from n",
            numbers(2_000)
        ))
        .await;
    let first = "(select id from schedules where created_at = 1)";
    database
        .execute(&format!(
            "{} insert into slots select {new}, {tenant}, {product}, i, 10, 0, case when i % 50 = 0 then 1 else 0 end, \
             0, 1, case when i % 2 = 0 then {first} else null end, 0, null from n",
            numbers(BOOKINGS)
        ))
        .await;
    database.execute("analyze").await;
    let (queries, plans) = store.queries().explained();
    assert_eq!(queries.due_schedules(Timestamp(i64::MAX), 50).await.unwrap().len(), 50);
    uses(&plans, "schedules_due");
    let schedule = queries.due_schedules(Timestamp(10), 1).await.unwrap()[0].id;
    plans.lock().clear();
    let span = Timestamp(0)..Timestamp(1_000);
    queries.slots_of_schedule(seller.tenant, schedule, span, 50).await.unwrap();
    finds_by(&plans, "slots_of_schedule");
    queries.booked_slots_of_schedule(seller.tenant, schedule, Timestamp(0), 50).await.unwrap();
    finds_by(&plans, "slots_of_schedule");
}

/// The check runs queries like these, and PostgreSQL keeps their plans until the table has statistics.
async fn foreign_keys_are_checked_by_the_key_from_the_first_row_on(database: StoreDatabase) {
    let store = database.open().await;
    let (queries, plans) = store.queries().explained();
    queries.booking(new_id(), new_id()).await.unwrap();
    finds_by(&plans, "bookings_by_id");
    queries.payment(new_id(), new_id()).await.unwrap();
    finds_by(&plans, "payments_by_id");
}

/// There are too few slots for an index to be faster.
fn reads_no_table(plans: &Plans) {
    let plan = plans.lock().pop().expect("a query has run");
    let reads = |line: &&str| line.contains("Seq Scan") || line.contains("SCAN ");
    let reading: Vec<&str> = plan.lines().filter(reads).filter(|line| !line.contains("slots")).collect();
    assert!(reading.is_empty(), "{plan}");
    assert!(!plan.contains("Sort") && !plan.contains("TEMP B-TREE"), "{plan}");
}

async fn each_filter_has_its_index(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slots = fill(&database, &store, seller).await;
    let (queries, plans) = store.queries().explained();
    let bookings = async |search: BookingSearch| {
        let found = queries.bookings(seller.tenant, &BookingSearch { limit: 50, ..search }).await.unwrap();
        let ids: BTreeSet<BookingId> = found.iter().map(|booking| booking.id).collect();
        assert_eq!(ids.len(), found.len(), "each once, however many items it has");
        found.len()
    };
    let payments = async |search: PaymentSearch| {
        queries.payments(seller.tenant, &PaymentSearch { limit: 50, ..search }).await.unwrap().len()
    };

    assert_eq!(bookings(BookingSearch::default()).await, 50);
    uses(&plans, "bookings_of_tenant");
    let no_show = Some(booking::State::NoShow);
    assert_eq!(bookings(BookingSearch { state: no_show, ..BookingSearch::default() }).await, 5);
    uses(&plans, "bookings_of_state");
    assert_eq!(bookings(BookingSearch { slot: Some(slots[3]), ..BookingSearch::default() }).await, 50);
    // The page's ids are found in order, then its rows.
    plans.lock().pop();
    uses(&plans, "booking_items_of_slot");
    let manifest = queries.manifest(seller.tenant, slots[3], None, 50).await.unwrap();
    assert_eq!(manifest.len(), 50, "each booking once, however many items it has");
    plans.lock().pop();
    uses(&plans, "booking_items_of_slot");
    let of_page: Vec<BookingId> = manifest.iter().map(|booking| booking.id).collect();
    assert!(!queries.check_ins_of_bookings(seller.tenant, &of_page).await.unwrap().is_empty());
    finds_by(&plans, "check_ins_of_item");
    let nobody = Some("nobody@example.com".to_owned());
    assert_eq!(bookings(BookingSearch { customer_email: nobody, ..BookingSearch::default() }).await, 0);
    uses(&plans, "bookings_of_customer");
    let early = Some(Timestamp(10));
    assert_eq!(bookings(BookingSearch { created_before: early, ..BookingSearch::default() }).await, 9);
    uses(&plans, "bookings_of_tenant");

    assert_eq!(payments(PaymentSearch::default()).await, 50);
    uses(&plans, "payments_of_tenant");
    let lapsed = Some(payment::State::Lapsed);
    assert_eq!(payments(PaymentSearch { state: lapsed, ..PaymentSearch::default() }).await, 5);
    uses(&plans, "payments_of_state");
    let one = Some("order-77".to_owned());
    assert_eq!(payments(PaymentSearch { reference: one, ..PaymentSearch::default() }).await, 1);
    uses(&plans, "payments_of_reference");
    let key = Some(new_id::<KeyId>());
    assert_eq!(payments(PaymentSearch { key, ..PaymentSearch::default() }).await, 0);
    finds_by(&plans, "payments_of_key");
    let booking = Some(new_id::<BookingId>());
    assert_eq!(payments(PaymentSearch { booking, ..PaymentSearch::default() }).await, 0);
    uses(&plans, "payments_of_booking");
    let customer_email = Some("nobody@example.com".to_owned());
    assert_eq!(payments(PaymentSearch { customer_email, ..PaymentSearch::default() }).await, 0);
    let plan = finds_by(&plans, "payments_of_booking");
    assert!(plan.contains("bookings_of_customer"), "{plan}");
    let one = PaymentSearch { limit: 1, ..PaymentSearch::default() };
    let account = Some(queries.payments(seller.tenant, &one).await.unwrap()[0].account);
    plans.lock().clear();
    assert_eq!(payments(PaymentSearch { account, ..PaymentSearch::default() }).await, 40);
    uses(&plans, "payments_of_account");
    let failed = Some(payment::State::Failed);
    assert_eq!(payments(PaymentSearch { account, state: failed, ..PaymentSearch::default() }).await, 0);
    uses(&plans, "payments_of_account_and_state");
    let amount_minor = Some(100);
    assert_eq!(payments(PaymentSearch { amount_minor, ..PaymentSearch::default() }).await, 50);
    let amount_minor = Some(101);
    assert_eq!(payments(PaymentSearch { amount_minor, ..PaymentSearch::default() }).await, 0);
    uses(&plans, "payments_of_amount");

    // This query runs before each refusal of a full slot.
    queries.lapsed_holds_of_slot(seller.tenant, slots[1], Timestamp(99_999), 50).await.unwrap();
    uses(&plans, "bookings_held");
    queries.lapsed_holds(Timestamp(99_999), 50).await.unwrap();
    uses(&plans, "bookings_held");
    queries.due_authorizations(Timestamp(99_999), 50).await.unwrap();
    uses(&plans, "payments_authorized");
}

/// The plan reads in the order of the page.
fn uses(plans: &Plans, index: &str) {
    let plan = finds_by(plans, index);
    assert!(!plan.contains("Sort") && !plan.contains("TEMP B-TREE"), "{index}: {plan}");
}

/// If few rows can match, a sort of them is cheap.
fn finds_by(plans: &Plans, index: &str) -> String {
    let plan = plans.lock().pop().expect("a query has run");
    let named = plan.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    assert!(named.into_iter().any(|part| part == index), "{index} is not used: {plan}");
    assert!(!plan.contains("Seq Scan"), "{index}: {plan}");
    plan
}
