//! The audit with a setting that limits its age: only rows about ended subjects are deleted.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use domain::commands::PruneAudit;
use domain::limits::IDS_PER_COMMAND_MAX;
use domain::time::Span;
use domain::{AuditId, Timestamp};
use store::Store;
use testkit::new_id;
use uuid::Uuid;

use crate::store_database::StoreDatabase;

use crate::counters::reseated;
use crate::test_command::Seller;

testkit::on_both_engines!(
    rows_about_what_is_over_are_pruned_and_no_others,
    rows_of_one_subject_go_from_the_oldest_on
);

/// A time before any new row of these tests, on either engine's clock.
const OLD: i64 = 100;
const YOUNG: i64 = i64::MAX / 2;
const KEPT: Span = Span(1_000);
/// Few rows per page, so that there are several pages.
const PAGE: usize = 3;

/// Rows that are written without commands, each with a row of the audit that has its name.
struct Script<'a> {
    database: &'a StoreDatabase,
    seller: Seller,
    sql: String,
    /// Names of the audit's rows. The names of rows that may be deleted begin with a dash.
    names: Vec<String>,
}

impl Script<'_> {
    fn row(&mut self, table: &str, id: Uuid, rest: &str) -> Uuid {
        let (row, tenant) = (self.database.literal(id), self.database.literal(self.seller.tenant));
        writeln!(self.sql, "insert into {table} values ({row}, {tenant}, {rest});").unwrap();
        id
    }

    fn audit(&mut self, name: &str, kind: &str, subject: Uuid, at: i64) {
        self.audit_as(new_id(), (name, kind), subject, at, "null, null");
    }

    fn audit_as(&mut self, row: Uuid, (name, kind): (&str, &str), subject: Uuid, at: i64, moved: &str) {
        self.names.push(name.to_owned());
        let subject = self.database.literal(subject);
        let rest = format!("{at}, 'timer', null, '{kind}', {subject}, '{name}', {moved}, null, null, null");
        self.row("audit", row, &rest);
    }

    fn booking(&mut self, name: &str, state: &str, starts_at: i64) -> Uuid {
        let (product, customer) =
            (self.database.literal(self.seller.product), self.database.literal(new_id::<AuditId>()));
        // A product has one departure at one time.
        let starts_at = starts_at + self.names.len() as i64;
        let sold = i32::from(state == "confirmed");
        let slot = self.row(
            "slots",
            new_id(),
            &format!("{product}, {starts_at}, 1, 0, {sold}, 0, 1, null, 0, null"),
        );
        let booking = self.row(
            "bookings",
            new_id(),
            &format!(
                "{product}, {customer}, 'Ana', 'ana@example.com', null, '{state}', 1, 0, {}, 'EUR', null, \
                 0, 0, 0, 0, 0, 1, 1, 1, null, null, '{{}}', 1, 1, 0, 0, 0",
                if sold == 1 { 0 } else { 100 }
            ),
        );
        self.item(booking, slot, state);
        self.audit(name, "booking", booking, OLD);
        booking
    }

    fn item(&mut self, booking: Uuid, slot: Uuid, state: &str) {
        let (booking, slot) = (self.database.literal(booking), self.database.literal(slot));
        let product = self.database.literal(self.seller.product);
        let (price_minor, state) = match state {
            "held" => (100, "held"),
            "confirmed" => (0, "sold"),
            "completed" | "no_show" => (100, "sold"),
            _ => (100, "released"),
        };
        let rest = format!(
            "{booking}, {slot}, {product}, {product}, 'Seat', 1, 1, {price_minor}, '{state}', 1, null, 0, null, '[]'"
        );
        self.row("booking_items", new_id(), &rest);
    }

    fn payment(&mut self, name: &str, state: &str, booking: Option<Uuid>) -> Uuid {
        let account = self.database.literal(new_id::<AuditId>());
        let booking = booking.map_or("null".to_owned(), |booking| self.database.literal(booking));
        let payment = self.row(
            "payments",
            new_id(),
            &format!(
                "{account}, {booking}, {account}, 'stripe', 100, 'EUR', 'automatic', 'pm_1', null, 1, \
                 null, null, null, null, null, null, null, '{{}}', null, '{state}', 1, null, 0, 0, 0, 0, 0, 0, 0, 0, 0, null, 0, \
                 null, null, null, null, 0, 1, null, 0, 0, 0, 1, 1, null, null, 0, \
                 null, 0, 0, null, null"
            ),
        );
        self.audit(name, "payment", payment, OLD);
        payment
    }

    fn refund(&mut self, name: &str, state: &str, payment: Uuid) -> Uuid {
        let payment = self.database.literal(payment);
        let rest =
            format!("{payment}, null, 100, 'EUR', 0, null, '{{}}', null, '{state}', 1, null, null, 1, 1");
        let refund = self.row("refunds", new_id(), &rest);
        self.audit(name, "refund", refund, OLD);
        refund
    }

    fn review(&mut self, kind: &str, subject: Uuid) {
        let subject = self.database.literal(subject);
        let rest = format!("'{kind}', {subject}, null, 'why', 'detail', 'open', 1, null, null, null");
        self.row("reviews", new_id(), &rest);
    }

    fn job(&mut self, name: &str, state: &str) -> Uuid {
        let subject = self.database.literal(new_id::<AuditId>());
        let rest = format!(
            "'charge', 'critical', 'attempt', {subject}, null, '{{}}', 1, null, \
             '{state}', 1, null, null, 1, 1, 0, 0, null, 1, 1"
        );
        let job = self.row("jobs", new_id(), &rest);
        self.audit(name, "job", job, OLD);
        job
    }

    fn event(&mut self, name: &str, state: &str) {
        let (account, empty) = (self.database.literal(new_id::<AuditId>()), self.empty());
        let rest = format!("{account}, '{name}', 'kind', {empty}, '{state}', 1, null, 1, 1");
        let event = self.row("inbound_events", new_id(), &rest);
        self.audit(name, "event", event, OLD);
    }

    fn delivery(&mut self, name: &str, state: &str) {
        let message = self.database.literal(new_id::<AuditId>());
        let rest = format!("'ledger', {message}, '{state}', 1, null, null, 1, 1");
        let delivery = self.row("inbox", new_id(), &rest);
        self.audit(name, "delivery", delivery, OLD);
    }

    fn api_key(&mut self, name: &str, revoked_at: &str) {
        let (client, empty) = (self.database.literal(new_id::<AuditId>()), self.empty());
        let key =
            self.row("api_keys", new_id(), &format!("{client}, {empty}, '[]', 'test', 1, {revoked_at}"));
        self.audit(name, "api_key", key, OLD);
    }

    fn empty(&self) -> &'static str {
        match self.database.location {
            store::Location::Sqlite { .. } => "x''",
            store::Location::Postgres { .. } => "''",
        }
    }
}

/// One scan, as the timer makes it.
async fn prune(store: &Store) {
    let before = Timestamp(YOUNG - 1);
    let mut after = Some(AuditId(Uuid::nil()));
    while let Some(behind) = after {
        let old = store.old_audit(before, behind, PAGE).await.unwrap();
        for rows in old.ids.chunks(IDS_PER_COMMAND_MAX) {
            store.submit(Box::new(PruneAudit { rows: rows.to_vec(), kept: KEPT })).await.unwrap();
        }
        after = old.next;
    }
}

async fn left(database: &StoreDatabase) -> BTreeSet<String> {
    let names = match database.location {
        store::Location::Sqlite { .. } => "select coalesce(group_concat(action), '') from audit",
        store::Location::Postgres { .. } => "select coalesce(string_agg(action, ','), '') from audit",
    };
    database.query_text(names).await.split(',').map(str::to_owned).collect()
}

async fn check(store: &Store) {
    let broken: Vec<_> =
        store.check().await.unwrap().into_iter().filter(|finding| !finding.broken.is_empty()).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

async fn rows_about_what_is_over_are_pruned_and_no_others(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let late = reseated(&store, seller).await;
    let mut script = Script { database: &database, seller, sql: String::new(), names: Vec::new() };
    script.audit_as(new_id(), ("-expired", "booking"), late.0, 1, "'held', 'expired'");
    script.audit_as(new_id(), ("-reseated", "booking"), late.0, 2, "'expired', 'confirmed'");

    // The row as the commands would have left it.
    script.sql += "update bookings set total_minor = 0; update slots set held = 0, sold = 1; \
        update booking_items set price_minor = 0, state = 'sold';";

    script.booking("-confirmed", "confirmed", OLD);
    script.booking("confirmed and not departed", "confirmed", YOUNG);
    script.booking("-lapsed", "expired", OLD);
    script.booking("lapsed and not departed", "expired", YOUNG);
    script.booking("-cancelled", "cancelled", YOUNG);
    let reviewed = script.booking("cancelled and reviewed", "cancelled", OLD);
    script.review("booking", reviewed);
    let paying = script.booking("cancelled and paid for", "cancelled", OLD);
    script.payment("authorized", "authorized", Some(paying));

    script.payment("-given up", "cancelled", None);
    let failed = script.payment("-failed", "failed", None);
    script.audit("young", "payment", failed, YOUNG);
    script.refund("-refund failed", "failed", failed);
    let waiting = script.payment("failed and paid for", "failed", Some(paying));
    script.refund("refund of what is paid for", "failed", waiting);
    let disputed = script.payment("cancelled with its refund reviewed", "cancelled", None);
    let refund = script.refund("refund reviewed", "failed", disputed);
    script.review("refund", refund);

    script.job("-job done", "done");
    let dead = script.job("job dead", "dead");
    script.review("job", dead);
    script.audit("-job gone", "job", new_id::<AuditId>().0, OLD);
    script.event("-event processed", "processed");
    script.event("event dead", "dead");
    script.delivery("-delivery received", "received");
    script.api_key("-key revoked", "1");
    script.api_key("key lives", "null");
    script.audit("product", "product", seller.product.0, OLD);
    database.execute(&script.sql).await;

    let stays = script.names.iter().filter(|name| !name.starts_with('-')).cloned();
    let stays: BTreeSet<String> = stays.collect();
    check(&store).await;
    let counters = store.figures(Timestamp(0)).await.unwrap().counters;
    assert!(counters.iter().any(|counter| counter.labels == ["late_payments", "seated"]), "{counters:?}");
    prune(&store).await;
    assert_eq!(left(&database).await, stays);
    check(&store).await;
    let kept = store.figures(Timestamp(0)).await.unwrap().counters;
    assert_eq!(kept, counters, "no figure is counted from the audit");
}

/// The rows are of two servers, and the ids of one are ahead: the remaining rows are the newest ones.
async fn rows_of_one_subject_go_from_the_oldest_on(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let mut script = Script { database: &database, seller, sql: String::new(), names: Vec::new() };
    let payment = script.payment("started", "captured", None);
    let (behind, ahead) = (new_id(), new_id());
    script.audit_as(ahead, ("authorized", "payment"), payment, OLD + 1, "'created', 'authorized'");
    script.audit_as(behind, ("captured", "payment"), payment, OLD + 2, "'authorized', 'captured'");
    script.audit_as(new_id(), ("recent", "payment"), payment, YOUNG, "'captured', 'captured'");
    database.execute(&script.sql).await;
    prune(&store).await;
    assert_eq!(left(&database).await, BTreeSet::from(["captured".to_owned(), "recent".to_owned()]));
    prune(&store).await;
    assert_eq!(left(&database).await, BTreeSet::from(["recent".to_owned()]));
}
