//! Access to rows of the program's own database. Values are texts, which both engines share.
//!
//! A scenario reads the state of a message at one moment, which the API cannot show. It also writes
//! rows that the program cannot read, and restores them.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use store::Location;
use tokio::task::AbortHandle;
use tokio_postgres::{NoTls, SimpleQueryMessage};
use uuid::Uuid;

use super::Error;

/// The wait for another process that locks the file.
const BUSY: Duration = Duration::from_secs(10);

/// A connection to a database that the program uses at the same time.
pub struct DatabaseRows(Engine);

enum Engine {
    Sqlite { path: PathBuf },
    Postgres { client: tokio_postgres::Client, connection: AbortHandle },
}

/// The write lock of SQLite, until this is dropped.
pub struct WriteLock(#[expect(dead_code, reason = "it is held")] Connection);

/// One row. A null is `None`; an id has its hyphens.
pub type Texts = Vec<Option<String>>;

impl Drop for DatabaseRows {
    fn drop(&mut self) {
        if let Engine::Postgres { connection, .. } = &self.0 {
            connection.abort();
        }
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Refused(format!("the database cannot be read: {error}"))
}

impl DatabaseRows {
    pub async fn of(location: &Location) -> Result<DatabaseRows, Error> {
        match location {
            Location::Sqlite { path } => Ok(DatabaseRows(Engine::Sqlite { path: path.clone() })),
            Location::Postgres { url } => {
                let (client, connection) =
                    tokio_postgres::connect(url.expose(), NoTls).await.map_err(failed)?;
                let connection = tokio::spawn(async move { drop(connection.await) }).abort_handle();
                Ok(DatabaseRows(Engine::Postgres { client, connection }))
            }
        }
    }

    /// An id as a literal of SQL.
    pub fn id(&self, id: Uuid) -> String {
        match self.0 {
            Engine::Sqlite { .. } => format!("x'{}'", id.simple()),
            Engine::Postgres { .. } => format!("'{id}'"),
        }
    }

    /// Ids as a list for `in`. No row matches the empty list.
    pub fn ids(&self, ids: impl IntoIterator<Item = Uuid>) -> String {
        let mut list = "(null".to_owned();
        for id in ids {
            write!(list, ", {}", self.id(id)).expect("a String takes it");
        }
        list + ")"
    }

    /// Runs one statement in a transaction of its own.
    pub async fn select(&self, sql: &str) -> Result<Vec<Texts>, Error> {
        match &self.0 {
            Engine::Sqlite { path } => {
                let (path, sql) = (path.clone(), sql.to_owned());
                let found = tokio::task::spawn_blocking(move || {
                    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                    select(&Connection::open_with_flags(path, flags)?, &sql)
                });
                found.await.map_err(failed)?.map_err(failed)
            }
            Engine::Postgres { client, .. } => {
                let found = client.simple_query(sql).await.map_err(failed)?;
                let row = |message: SimpleQueryMessage| match message {
                    SimpleQueryMessage::Row(row) => {
                        Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
                    }
                    _ => None,
                };
                Ok(found.into_iter().filter_map(row).collect())
            }
        }
    }

    /// The ids in the first column.
    pub async fn select_ids(&self, sql: &str) -> Result<Vec<Uuid>, Error> {
        let rows = self.select(sql).await?;
        let id = |row: Texts| row.into_iter().next().flatten().and_then(|text| text.parse().ok());
        Ok(rows.into_iter().filter_map(id).collect())
    }

    /// Writes. On SQLite all other writers wait until it is done.
    pub async fn execute(&self, sql: &str) -> Result<(), Error> {
        match &self.0 {
            Engine::Sqlite { path } => {
                let (path, sql) = (path.clone(), sql.to_owned());
                let done = tokio::task::spawn_blocking(move || {
                    let connection = Connection::open(path)?;
                    connection.busy_timeout(BUSY)?;
                    connection.execute_batch(&sql)
                });
                done.await.map_err(failed)?.map_err(failed)
            }
            Engine::Postgres { client, .. } => client.batch_execute(sql).await.map_err(failed),
        }
    }

    /// Takes the write lock on SQLite; does nothing on PostgreSQL. A server gives up waiting after
    /// some seconds.
    pub async fn lock_writes(&self) -> Result<Option<WriteLock>, Error> {
        let Engine::Sqlite { path } = &self.0 else { return Ok(None) };
        let path = path.clone();
        let taken = tokio::task::spawn_blocking(move || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY)?;
            connection.execute_batch("begin immediate")?;
            Ok::<_, rusqlite::Error>(WriteLock(connection))
        });
        taken.await.map_err(failed)?.map(Some).map_err(failed)
    }
}

fn select(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<Texts>> {
    connection.busy_timeout(BUSY)?;
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get_ref(at).map(text)).collect())?;
    rows.collect()
}

fn text(value: ValueRef) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Some(match Uuid::from_slice(bytes) {
            Ok(id) => id.to_string(),
            Err(_) => String::from_utf8_lossy(bytes).into_owned(),
        }),
    }
}

/// A text as a literal of SQL.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn values_are_read_as_texts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sqlite");
        let rows = DatabaseRows::of(&Location::Sqlite { path }).await.unwrap();
        rows.execute("create table a (id blob, n integer, t text)").await.unwrap();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let insert = format!(
            "insert into a values ({}, 7, {}), ({}, null, 'y')",
            rows.id(one),
            quoted("it's"),
            rows.id(other)
        );
        rows.execute(&insert).await.unwrap();
        let found = rows.select("select id, n, t from a order by t").await.unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(found[0], [text(&one.to_string()), text("7"), text("it's")]);
        assert_eq!(found[1], [text(&other.to_string()), None, text("y")]);
        let among = |ids: Vec<Uuid>| format!("select id from a where id in {}", rows.ids(ids));
        assert_eq!(rows.select_ids(&among(vec![other])).await.unwrap(), [other]);
        assert!(rows.select_ids(&among(vec![])).await.unwrap().is_empty());
        assert!(rows.select("select x from b").await.is_err());
    }
}
