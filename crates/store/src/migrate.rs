//! Migrations: embedded, forward only, safe to run from many processes concurrently.
//!
//! Each runs in one transaction with its row in `migrations`, under a lock: other processes wait,
//! and then find it done. The first one also gives the database its id. The row has the migration's
//! digest, so that a database with another schema under the same number is refused at once.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use sha2::{Digest, Sha256};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::postgres::{self, describe};
use crate::{Error, Location, private, sqlite};

/// In order. A released migration is never changed.
const MIGRATIONS: &[&str] =
    &[include_str!("../migrations/0001_the_books.sql"), include_str!("../migrations/0002_counters.sql")];

/// The schema that this program needs.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// A number that nothing else uses for an advisory lock in this database.
const ADVISORY_LOCK: i64 = 0x5375_7265_686f_6c64;

/// The table of the migrations, and the database's id. One dialect, and safe to repeat.
const BOOK: &str = "create table if not exists migrations (version bigint not null primary key, \
         digest text not null); \
     create table if not exists database_identity (id uuid not null primary key);";
pub(crate) const APPLIED: &str = "select version, digest from migrations order by version";
const REMEMBER: &str = "insert into migrations (version, digest) values ($1, $2)";

/// The versions before and after a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The version before; 0 is an empty database.
    pub from: i64,
    pub to: i64,
}

/// Refuses an older schema, which lacks columns, and a newer one, whose columns may mean something else.
pub(crate) fn check(found: i64) -> Result<(), Error> {
    match found.cmp(&KNOWN) {
        std::cmp::Ordering::Less => Err(not_migrated(found)),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(Error::Newer { found, known: KNOWN }),
    }
}

pub(crate) fn not_migrated(found: i64) -> Error {
    Error::NotMigrated { found, needed: KNOWN }
}

/// SHA-256 of the text, in hexadecimal.
fn digest(sql: &str) -> String {
    hex::encode(Sha256::digest(sql))
}

/// The version of a database with these migrations. 0 without any.
pub(crate) fn version(applied: &[(i64, String)]) -> Result<i64, Error> {
    for (version, remembered) in applied {
        let known = (1..).zip(MIGRATIONS).find(|(known, _)| known == version);
        if known.is_some_and(|(_, sql)| digest(sql) != *remembered) {
            return Err(Error::OtherSchema { version: *version });
        }
    }
    Ok(applied.last().map_or(0, |(version, _)| *version))
}

/// A database from before the first release has other columns in this table.
pub(crate) fn unreadable(error: impl Into<Error>) -> Error {
    let error = error.into();
    let without_column = match &error {
        Error::Sqlite(rusqlite::Error::SqlInputError { .. }) => true,
        Error::Postgres(error) => error.code() == Some(&SqlState::UNDEFINED_COLUMN),
        _ => false,
    };
    if without_column { Error::OtherSchema { version: 1 } } else { error }
}

pub(crate) async fn run(location: &Location) -> Result<Migrated, Error> {
    match location {
        Location::Sqlite { path } => {
            let path = path.clone();
            let migrated = tokio::task::spawn_blocking(move || migrate_sqlite(&path));
            migrated.await.unwrap_or(Err(Error::Closed))
        }
        Location::Postgres { url } => migrate_postgres(url.expose()).await,
    }
}

/// The migrations that a database of this version lacks.
fn pending(found: i64) -> Result<impl Iterator<Item = (i64, &'static str)>, Error> {
    if found > KNOWN {
        return Err(Error::Newer { found, known: KNOWN });
    }
    Ok((1..).zip(MIGRATIONS.iter().copied()).filter(move |(version, _)| *version > found))
}

/// The id is made once per database, so it needs no seed.
fn new_identity() -> Uuid {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid()
}

pub(crate) fn sqlite_version(connection: &Connection) -> Result<i64, Error> {
    let known = "select 1 from sqlite_schema where type = 'table' and name = 'migrations'";
    if connection.query_row(known, [], |_| Ok(())).optional()?.is_none() {
        return Ok(0);
    }
    let mut statement = connection.prepare(APPLIED).map_err(unreadable)?;
    let applied = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    version(&applied.collect::<Result<Vec<_>, _>>()?)
}

fn migrate_sqlite(path: &Path) -> Result<Migrated, Error> {
    let made = private::make_parent(path).and_then(|()| private::open(path));
    made.map_err(|source| Error::File { path: path.to_owned(), source })?;
    let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut connection = sqlite::connect(path, create)?;
    // The mode is stored in the file. `busy` means that another process is switching it at this moment.
    sqlite::until_free(|| connection.pragma_update(None, "journal_mode", "WAL"))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute_batch(&for_sqlite(BOOK))?;
    let from = sqlite_version(&transaction)?;
    for (version, sql) in pending(from)? {
        transaction.execute_batch(&for_sqlite(sql))?;
        transaction.execute(REMEMBER, (version, digest(sql)))?;
    }
    if from == 0 {
        let identity = new_identity();
        transaction.execute("insert into database_identity (id) values (?1)", [&identity.as_bytes()[..]])?;
    }
    transaction.commit()?;
    Ok(Migrated { from, to: KNOWN })
}

async fn migrate_postgres(url: &str) -> Result<Migrated, Error> {
    postgres::check(url).await?;
    let (mut client, connection) = postgres::writing(url, "surehold migration")?.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(error = describe(&error), "the connection of a migration ended");
        }
    });
    let transaction = client.transaction().await?;
    transaction.batch_execute(&format!("select pg_advisory_xact_lock({ADVISORY_LOCK})")).await?;
    transaction.batch_execute(BOOK).await?;
    let applied = transaction.query(APPLIED, &[]).await.map_err(unreadable)?;
    let applied: Vec<(i64, String)> =
        applied.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, Error>>()?;
    let from = version(&applied)?;
    for (version, sql) in pending(from)? {
        transaction.batch_execute(sql).await?;
        transaction.execute(REMEMBER, &[&version, &digest(sql)]).await?;
    }
    if from == 0 {
        let insert = format!("insert into database_identity (id) values ('{}')", new_identity());
        transaction.batch_execute(&insert).await?;
    }
    if fault_injection::is(fault_injection::InjectedFault::UniqueIndexDropped) {
        let dropped = "alter table keys drop constraint if exists keys_pkey; \
             create index if not exists keys_by_id on keys (id)";
        transaction.batch_execute(dropped).await?;
    }
    transaction.commit().await?;
    Ok(Migrated { from, to: KNOWN })
}

/// Differs by necessity: SQLite has neither these types nor storage parameters, and takes a wrong type
/// unless a table is strict.
fn for_sqlite(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut skipping = false;
    for line in sql.lines() {
        match line.trim() {
            "-- only postgres" => skipping = true,
            "-- end" => skipping = false,
            _ if skipping => {}
            ");" => out.push_str(") strict;\n"),
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out.replace(" bigint", " integer").replace(" uuid", " blob").replace(" bytea", " blob")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::lifecycle::{self, State};
    use domain::rows::TableName;
    use domain::working_set::{ColumnUpdate, Kind};

    fn migrated() -> (tempfile::TempDir, Connection) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("books.db");
        assert_eq!(migrate_sqlite(&path).unwrap(), Migrated { from: 0, to: KNOWN });
        assert_eq!(migrate_sqlite(&path).unwrap(), Migrated { from: KNOWN, to: KNOWN });
        let connection = sqlite::reader(&path).unwrap();
        (directory, connection)
    }

    #[test]
    fn the_schema_equals_the_row_descriptions() {
        let (_directory, connection) = migrated();
        for table in TableName::WRITE_ORDER {
            let table = table.description();
            let mut statement = connection
                .prepare(&format!("select name, type, \"notnull\" from pragma_table_info('{}')", table.name))
                .unwrap();
            let found: Vec<(String, String, bool)> = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let expected: Vec<(String, String, bool)> = table
                .columns
                .iter()
                .map(|column| {
                    let kind = match column.kind {
                        Kind::Int => "INTEGER",
                        Kind::Text => "TEXT",
                        Kind::Bytes | Kind::Id => "BLOB",
                    };
                    (column.name.to_owned(), kind.to_owned(), !column.nullable)
                })
                .collect();
            let found: Vec<_> =
                found.into_iter().map(|(name, kind, filled)| (name, kind.to_uppercase(), filled)).collect();
            assert_eq!(found, expected, "{}", table.name);
            assert_eq!(
                table.columns[0].part,
                ColumnUpdate::Key,
                "{}: the key is the first column",
                table.name
            );
        }
    }

    #[test]
    fn the_schema_knows_every_state() {
        fn check<S: State>(table: &str) {
            let sql = MIGRATIONS.concat();
            let from = sql.find(&format!("create table {table} (")).unwrap();
            let text = &sql[from..from + sql[from..].find("\n);").unwrap()];
            let list = &text[text.find("state in (").unwrap() + "state in (".len()..];
            let list = &list[..list.find(')').unwrap()];
            let mut found: Vec<&str> = list.split(", ").map(|state| state.trim_matches('\'')).collect();
            let mut expected: Vec<&str> = S::ALL.iter().map(State::name).collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{table}");
        }
        check::<lifecycle::booking::State>("bookings");
        check::<lifecycle::booking_item::State>("booking_items");
        check::<lifecycle::payment::State>("payments");
        check::<lifecycle::refund::State>("refunds");
        check::<lifecycle::dispute::State>("disputes");
        check::<lifecycle::dispute_evidence::State>("dispute_evidence");
        check::<lifecycle::attempt::State>("attempts");
        check::<lifecycle::job::State>("jobs");
        check::<lifecycle::inbound_event::State>("inbound_events");
        check::<lifecycle::review::State>("reviews");
        check::<lifecycle::delivery::State>("inbox");
        check::<lifecycle::reconciliation::State>("reconciliations");
        check::<lifecycle::difference::State>("differences");
    }
}
