//! `surehold bench history`: pages of lists in a small and in a large database.
//!
//! | filled | measured |
//! |---|---|
//! | rows are written straight into the tables of one tenant, and the indexes are made afterwards | each list of payments and bookings, by each filter: its first page, one in its middle, and its last |
//!
//! The same queries as the API's run in the same process, first on [`SMALL`] rows and then on the requested
//! number. A page that an index finds costs about the same on both, so the ratio is the result, and hardly
//! depends on the machine. Nothing is asserted about times.

use std::fmt;
use std::time::Instant;

use domain::lifecycle::{booking, payment};
use domain::{AccountId, BookingId, CustomerId, TenantId, Timestamp};
use hdrhistogram::Histogram;
use rusqlite::Connection;
use serde::Serialize;
use store::queries::{BookingSearch, Cursor, PaymentSearch};
use store::{Location, Queries, Store};
use tokio_postgres::NoTls;
use uuid::Uuid;

use super::bench_database::Databases;
use super::report::Latency;
use super::{Error, Options, Progress};

/// Sums, counts and flags of a payment that are 0 in every row.
const NONE: &str = "refunding_minor, refunded_minor, suspended_minor, disputed_minor, open_disputes, \
    unsettled_disputes, provider_fee_minor, refunds, void_requested, booked_authorized_minor, booked_paid_minor, \
    booked_refunded_minor, expiry_warned, saves_method, off_session";

/// Rows of the database that the large one is compared with.
const SMALL: u64 = 10_000;
/// Rows of a page.
const PAGE_ROWS: usize = 51;
const PAGES: u64 = 200;
const WARM_UP: u64 = 20;
/// Rows are a second apart.
const SECOND: i64 = 1_000_000;
/// Payments of one reference, and of one booking.
const SHARED: u64 = 4;
const CUSTOMERS: u64 = 500;
/// A customer who has as many bookings in every database.
const REGULAR: &str = "regular@example.com";
const REGULAR_BOOKINGS: u64 = 40;
const ACCOUNTS: u64 = 3;
const AMOUNTS: u64 = 90;

/// A list, by one filter, at one place.
#[derive(Clone, Debug, Serialize)]
pub struct PageFigure {
    pub engine: &'static str,
    pub list: &'static str,
    pub page: &'static str,
    pub small: Latency,
    pub large: Latency,
    /// Median at the large number of rows over the median at the small one.
    pub ratio: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct HistoryReport {
    pub small: u64,
    pub rows: u64,
    pub figures: Vec<PageFigure>,
}

impl fmt::Display for HistoryReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HistoryReport { small, rows, figures } = self;
        writeln!(out, "pages of {} rows; ms at {small} and at {rows} rows, p50 (p99)\n", PAGE_ROWS - 1)?;
        for PageFigure { engine, list, page, small, large, ratio } in figures {
            writeln!(
                out,
                "{engine:<9} {list:<30} {page:<7} {:>8.2} ({:>8.2}) {:>8.2} ({:>8.2})  {ratio:>5.1}x",
                small.p50_ms, small.p99_ms, large.p50_ms, large.p99_ms
            )?;
        }
        Ok(())
    }
}

/// Fills databases of `rows` payments and half as many bookings, and measures their lists.
pub async fn history(options: &Options, rows: u64, progress: &Progress) -> Result<HistoryReport, Error> {
    let mut databases = Databases::open(options).await?;
    let mut figures = Vec::new();
    for engine in &options.engines {
        let mut runs = Vec::new();
        for rows in [SMALL, rows] {
            progress.show(format!("{}: filling {rows} rows", engine.name()));
            let database = databases.stage(*engine, &options.program).await?;
            let location = database.installation.location.clone();
            let tenant = database.installation.tenant.tenant_id.parse().map(TenantId);
            let tenant = tenant.expect("the program printed the id of the tenant");
            fill(&location, tenant, rows).await?;
            progress.show(format!("{}: reading {rows} rows", engine.name()));
            let queries = Store::open_read_only(&location).await?;
            runs.push(Lists { queries, tenant, rows }.measured().await?);
        }
        let large = runs.pop().unwrap_or_default();
        let small = runs.pop().unwrap_or_default();
        figures.extend(small.into_iter().zip(large).map(|((list, page, small), (_, _, large))| {
            let ratio = large.p50_ms / small.p50_ms.max(0.001);
            PageFigure { engine: engine.name(), list, page, small, large, ratio }
        }));
    }
    databases.drop_all().await?;
    Ok(HistoryReport { small: SMALL, rows, figures })
}

/// A text that both engines read as an id, from a number.
fn id(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

/// The columns of a row with the number `i`, in the words of one engine.
struct Words {
    new_id: &'static str,
    /// The start and the end of the id of a number.
    id: (&'static str, &'static str),
    tenant: String,
    /// The customer of the first bookings.
    regular: String,
    numbers: String,
}

impl Words {
    fn of(location: &Location, tenant: TenantId, rows: u64) -> Words {
        let regular = CustomerId::of(tenant, REGULAR);
        match location {
            Location::Sqlite { .. } => Words {
                new_id: "randomblob(16)",
                id: ("unhex(printf('%032x', ", "))"),
                tenant: format!("x'{}'", tenant.0.simple()),
                regular: format!("x'{}'", regular.0.simple()),
                numbers: format!(
                    "(with recursive n(i) as (select 1 union all select i + 1 from n where i < {rows}) \
                     select i from n)"
                ),
            },
            Location::Postgres { .. } => Words {
                new_id: "gen_random_uuid()",
                id: ("cast(lpad(to_hex(", "), 32, '0') as uuid)"),
                tenant: format!("cast('{}' as uuid)", tenant.0),
                regular: format!("cast('{}' as uuid)", regular.0),
                numbers: format!("(select cast(i as bigint) as i from generate_series(1, {rows}) as i) as n"),
            },
        }
    }

    fn id(&self, number: &str) -> String {
        format!("{}{number}{}", self.id.0, self.id.1)
    }

    fn payments(&self) -> String {
        let Words { new_id, tenant, numbers, .. } = self;
        let (client, account) = (self.id("1"), self.id(&format!("i % {ACCOUNTS}")));
        let (booking, reference) = (self.id(&format!("i / {SHARED}")), format!("'order-' || (i / {SHARED})"));
        let state = "case when i % 40 = 0 then 'lapsed' when i % 50 = 1 then 'failed' else 'captured' end";
        format!(
            "insert into payments (id, tenant, client, booking, account, provider, amount_minor, currency, capture, \
                payment_method, instalments, reference, metadata, key, state, seq, provider_ref, \
                authorized_minor, captured_minor, evidenced, created_at, updated_at, {NONE}) \
             select {new_id}, {tenant}, {client}, {booking}, {account}, 'stripe', 100 + i % {AMOUNTS}, 'EUR', \
                'automatic', 'pm_card_visa', 1, {reference}, '{{}}', {new_id}, {state}, 1, 'pi_' || i, \
                0, 100, 1, i * {SECOND}, i * {SECOND}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 \
             from {numbers}"
        )
    }

    fn bookings(&self) -> String {
        let Words { tenant, regular, numbers, .. } = self;
        let (id, client, other) = (self.id("i"), self.id("1"), self.id(&format!("i % {CUSTOMERS}")));
        let customer = format!("case when i <= {REGULAR_BOOKINGS} then {regular} else {other} end");
        let state = "case when i % 40 = 0 then 'no_show' else 'confirmed' end";
        format!(
            "insert into bookings select {id}, {tenant}, {client}, {customer}, 'Ana', 'ana@example.com', \
             null, {state}, 1, 0, 100, 'EUR', null, 0, 0, 0, 0, 0, i, i, i, null, null, '{{}}', i * {SECOND}, \
             i * {SECOND}, 0, 0, 0 from {numbers}"
        )
    }
}

/// An index that is not there is not written row by row.
async fn fill(location: &Location, tenant: TenantId, rows: u64) -> Result<(), Error> {
    let inserts =
        [Words::of(location, tenant, rows / 2).bookings(), Words::of(location, tenant, rows).payments()];
    match location {
        Location::Sqlite { path } => {
            let path = path.clone();
            let filled = tokio::task::spawn_blocking(move || fill_sqlite(&path, &inserts));
            Ok(filled.await.map_err(std::io::Error::other)?.map_err(std::io::Error::other)?)
        }
        Location::Postgres { url } => {
            let (client, connection) = tokio_postgres::connect(url.expose(), NoTls).await?;
            let connection = tokio::spawn(connection);
            client
                .batch_execute("set session_replication_role = replica; set synchronous_commit = off")
                .await?;
            let sql = "select indexname, indexdef from pg_indexes where tablename in ('payments', 'bookings') \
                       and indexdef like 'CREATE INDEX%'";
            let indexes = client.query(sql, &[]).await?;
            for index in &indexes {
                client.batch_execute(&format!("drop index {}", index.get::<_, String>(0))).await?;
            }
            for insert in &inserts {
                client.batch_execute(insert).await?;
            }
            client.batch_execute("set maintenance_work_mem = '512MB'").await?;
            for index in &indexes {
                client.batch_execute(&index.get::<_, String>(1)).await?;
            }
            client.batch_execute("vacuum analyze payments").await?;
            client.batch_execute("vacuum analyze bookings").await?;
            connection.abort();
            Ok(())
        }
    }
}

fn fill_sqlite(path: &std::path::Path, inserts: &[String]) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -400000; \
         pragma foreign_keys = off",
    )?;
    let sql = "select name, sql from sqlite_master where type = 'index' and sql like 'create index%' \
               and tbl_name in ('payments', 'bookings')";
    let indexes: Vec<(String, String)> = connection
        .prepare(sql)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (name, _) in &indexes {
        connection.execute_batch(&format!("drop index {name}"))?;
    }
    for insert in inserts {
        connection.execute_batch(insert)?;
    }
    for (_, sql) in &indexes {
        connection.execute_batch(sql)?;
    }
    connection.execute_batch("pragma analysis_limit = 1000; analyze; pragma journal_mode = wal")
}

/// The lists of one filled database.
struct Lists {
    queries: Queries,
    tenant: TenantId,
    rows: u64,
}

type Measured = Vec<(&'static str, &'static str, Latency)>;

/// Where a page begins, as a part of the rows: behind the newest, in the middle, and before the oldest.
const PLACES: [(&str, f64); 3] = [("first", 1.0), ("middle", 0.5), ("last", 0.0)];

impl Lists {
    async fn measured(&self) -> Result<Measured, Error> {
        let mut measured = Vec::new();
        for (list, search) in PAYMENTS {
            for (page, place) in PLACES {
                let latency = self.times(place, self.rows, async |number, after| {
                    let search = PaymentSearch { after, limit: PAGE_ROWS, ..search(number, self.rows) };
                    self.queries.payments(self.tenant, &search).await.map(|rows| rows.len())
                });
                measured.push((*list, page, latency.await?));
            }
        }
        for (list, search) in BOOKINGS {
            for (page, place) in PLACES {
                let latency = self.times(place, self.rows / 2, async |number, after| {
                    let search = BookingSearch { after, limit: PAGE_ROWS, ..search(number, self.rows) };
                    self.queries.bookings(self.tenant, &search).await.map(|rows| rows.len())
                });
                measured.push((*list, page, latency.await?));
            }
        }
        Ok(measured)
    }

    async fn times(
        &self,
        place: f64,
        rows: u64,
        read: impl AsyncFn(u64, Option<Cursor>) -> Result<usize, store::Error>,
    ) -> Result<Latency, Error> {
        let mut latencies = Histogram::<u64>::new(3).expect("three digits are few");
        for turn in 0..PAGES + WARM_UP {
            // A row anywhere, and never the same twice: no page is warm because it was read before.
            let number = 1 + turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) % rows;
            let near = (rows as f64 * place) as u64 + number % 1_000;
            let after = (place < 1.0).then_some(Cursor { created_at: row_at(near), id: Uuid::max() });
            let begun = Instant::now();
            read(number, after).await?;
            if turn >= WARM_UP {
                let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                latencies.record(micros).expect("the histogram grows");
            }
        }
        Ok(Latency::of(&latencies))
    }
}

/// When the row of this number was made.
fn row_at(number: u64) -> Timestamp {
    Timestamp(i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(SECOND))
}

type SearchOf<S> = (&'static str, fn(u64, u64) -> S);

/// The times have fewer rows than a page: it must end with them.
const PAYMENTS: &[SearchOf<PaymentSearch>] = &[
    ("payments", |_, _| PaymentSearch::default()),
    ("payments, booking", |number, _| PaymentSearch {
        booking: Some(BookingId(id(number / SHARED))),
        ..PaymentSearch::default()
    }),
    ("payments, customer", |_, _| PaymentSearch {
        customer_email: Some(REGULAR.to_owned()),
        ..PaymentSearch::default()
    }),
    ("payments, reference", |number, _| PaymentSearch {
        reference: Some(format!("order-{}", number / SHARED)),
        ..PaymentSearch::default()
    }),
    ("payments, state", |_, _| PaymentSearch {
        state: Some(payment::State::Captured),
        ..PaymentSearch::default()
    }),
    ("payments, rare state", |_, _| PaymentSearch {
        state: Some(payment::State::Lapsed),
        ..PaymentSearch::default()
    }),
    ("payments, account", |number, _| PaymentSearch {
        account: Some(AccountId(id(number % ACCOUNTS))),
        ..PaymentSearch::default()
    }),
    ("payments, account, rare state", |number, _| PaymentSearch {
        account: Some(AccountId(id(number % ACCOUNTS))),
        state: Some(payment::State::Lapsed),
        ..PaymentSearch::default()
    }),
    ("payments, amount", |number, _| PaymentSearch {
        amount_minor: Some(100 + i64::try_from(number % AMOUNTS).unwrap_or(0)),
        ..PaymentSearch::default()
    }),
    ("payments, state and time", |_, rows| PaymentSearch {
        state: Some(payment::State::Failed),
        created_from: Some(row_at(rows / 3 - 1_000)),
        created_before: Some(row_at(rows / 3)),
        ..PaymentSearch::default()
    }),
];

const BOOKINGS: &[SearchOf<BookingSearch>] = &[
    ("bookings", |_, _| BookingSearch::default()),
    ("bookings, rare state", |_, _| BookingSearch {
        state: Some(booking::State::NoShow),
        ..BookingSearch::default()
    }),
    ("bookings, time", |_, rows| BookingSearch {
        created_from: Some(row_at(rows / 3 - 20)),
        created_before: Some(row_at(rows / 3)),
        ..BookingSearch::default()
    }),
];

#[cfg(test)]
mod tests {
    use domain::ids::TenantId;
    use testkit::TestDatabase;

    use super::*;

    const ROWS: u64 = 100;

    testkit::on_both_engines![the_rows_fit_the_schema];

    async fn the_rows_fit_the_schema(database: TestDatabase) {
        database.open().await.close().await;
        let tenant = TenantId(Uuid::from_u128(7));
        fill(&database.location, tenant, ROWS).await.unwrap();
        let queries = Store::open_read_only(&database.location).await.unwrap();
        let payments = PaymentSearch { limit: 1_000, ..PaymentSearch::default() };
        assert_eq!(queries.payments(tenant, &payments).await.unwrap().len(), 100);
        let customer_email = Some(REGULAR.to_owned());
        let of_customer = PaymentSearch { customer_email, limit: 1_000, ..PaymentSearch::default() };
        assert_eq!(
            queries.payments(tenant, &of_customer).await.unwrap().len(),
            97,
            "of the bookings 1 to 24 and 25"
        );
        let bookings = BookingSearch { limit: 1_000, ..BookingSearch::default() };
        assert_eq!(queries.bookings(tenant, &bookings).await.unwrap().len(), 50);
    }
}
