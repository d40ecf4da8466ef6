//! SQLite: one file, one process, one writer.
//!
//! WAL, `synchronous = FULL`: after COMMIT has returned, the changes survive a power cut. The lock
//! is `BEGIN IMMEDIATE` by the only writer, and a lock file keeps other processes away. Readers
//! have connections of their own and see the last commit.

mod error;
mod value;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::rows::TableName;
use domain::side_effects::Counter;
use domain::working_set::{Kind, Removal, TableWrite, Update, Value};
use rusqlite::{Connection, OpenFlags};

use crate::counters::SQLITE_ADD;
use crate::engine::{Engine, Fault, LoadedRows, LockedRows, WantedRows};
use crate::statements::SQLITE;
use crate::stats::Counters;
use crate::{Clock, Error, Options, migrate, private};
pub(crate) use error::is_data_error;
use error::{fault, fault_of_commit};
use value::Bound;
pub(crate) use value::{bind, decode};

/// Only a program that migrates or checks can hold the lock, and not for long.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of 4 kB; measured against 4,000 and against a checkpoint in the background: the WAL stays
/// small and the throughput is the same.
const CHECKPOINT_PAGES: u64 = 1_000;
/// A page and the head of its frame.
const FRAME_BYTES: u64 = 4_096 + 24;
/// The writer's page cache, in KiB. Keys and customers are spread over their trees by hash: with
/// SQLite's 2 MiB most pages of a batch are read from the file again.
const CACHE_KIB: i64 = 32 * 1_024;
/// Each table has at most four statements, and transactions have theirs.
const STATEMENTS_MAX: usize = 256;

/// The writer's connection, and the lock that makes it the only one.
pub(crate) struct Writer {
    pub engine: Sqlite,
    pub path: PathBuf,
    _lock: File,
}

impl Writer {
    pub fn open(path: &Path, options: &Options, counters: Arc<Counters>) -> Result<Writer, Error> {
        let lock = lock(path)?;
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate::check(migrate::sqlite_version(&connection)?)?;
        // A restored backup has not got this mode.
        until_free(|| connection.pragma_update(None, "journal_mode", "WAL"))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        checkpoint_and_count(&mut connection, counters)?;
        if let Some(pages) = options.max_page_count {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        let engine = Sqlite { connection, clock: options.clock.clone(), begun: false };
        Ok(Writer { engine, path: path.to_owned(), _lock: lock })
    }
}

/// Makes a checkpoint after the commit that fills the log, as `wal_autocheckpoint` does (which uses
/// the same hook, so it cannot be used as well), and counts the bytes that each commit appends.
fn checkpoint_and_count(connection: &mut Connection, counters: Arc<Counters>) -> rusqlite::Result<()> {
    let mut before = 0;
    connection.wal_hook(Some(move |wal: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
        let pages = u64::try_from(pages).unwrap_or(0);
        // After a complete checkpoint the log starts again.
        let written = if pages > before { pages - before } else { pages };
        before = pages;
        counters.wal_bytes.fetch_add(written * FRAME_BYTES, Ordering::Relaxed);
        if pages >= CHECKPOINT_PAGES {
            // A checkpoint that a reader prevents is made up for by the next one.
            let _made = wal.checkpoint();
        }
        Ok(())
    }))
}

/// The open file holds the lock, so the end of the process always releases it.
fn lock(path: &Path) -> Result<File, Error> {
    let mut name = OsString::from(path);
    name.push(".lock");
    let name = PathBuf::from(name);
    let failed = |source| Error::File { path: name.clone(), source };
    let file = private::open(&name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::InUse { path: path.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

pub(crate) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    if !flags.contains(OpenFlags::SQLITE_OPEN_CREATE) && !path.exists() {
        return Err(Error::Missing { path: path.to_owned() });
    }
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

/// A connection for queries. It cannot write.
pub(crate) fn reader(path: &Path) -> Result<Connection, Error> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

pub(crate) struct Sqlite {
    connection: Connection,
    clock: Arc<dyn Clock>,
    begun: bool,
}

impl Sqlite {
    fn load_rows(&self, table: TableName, ids: &[uuid::Uuid]) -> rusqlite::Result<Vec<Vec<Value<'static>>>> {
        let description = table.description();
        let kinds: Vec<Kind> = description.columns.iter().map(|column| column.kind).collect();
        let mut statement = self.connection.prepare_cached(&SQLITE[description.name].load)?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let mut rows = statement.query([Bound(&Value::Id(*id))])?;
            while let Some(row) = rows.next()? {
                found.push(decode(row, &kinds)?);
            }
        }
        Ok(found)
    }

    /// How many rows were written; fewer than sent means that a guard did not hold.
    fn write_set(&self, write: &TableWrite<'_>) -> rusqlite::Result<usize> {
        let statements = &SQLITE[write.table.name];
        let mut count = 0;
        if !write.inserts.is_empty() {
            let mut insert = self.connection.prepare_cached(&statements.insert)?;
            for row in &write.inserts {
                count += insert.execute(rusqlite::params_from_iter(row.iter().map(Bound)))?;
            }
        }
        if !write.updates.is_empty() {
            let mut update = self.connection.prepare_cached(&statements.update)?;
            for Update { id, guards, values } in &write.updates {
                let id = Value::Id(*id);
                let all = std::iter::once(&id).chain(guards).chain(values);
                count += update.execute(rusqlite::params_from_iter(all.map(Bound)))?;
            }
        }
        if !write.removals.is_empty() {
            let mut remove = self.connection.prepare_cached(&statements.remove)?;
            for Removal { id, guards } in &write.removals {
                let id = Value::Id(*id);
                let all = std::iter::once(&id).chain(guards);
                count += remove.execute(rusqlite::params_from_iter(all.map(Bound)))?;
            }
        }
        Ok(count)
    }

    fn add(&self, counters: &BTreeMap<Counter, i64>) -> rusqlite::Result<()> {
        for (Counter { subject, word }, count) in counters {
            let mut add = self.connection.prepare_cached(SQLITE_ADD)?;
            add.execute(rusqlite::params![subject, word, count])?;
        }
        Ok(())
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }
}

impl Engine for Sqlite {
    async fn load(&mut self, wanted: &[WantedRows], _: LockedRows) -> Result<LoadedRows, Fault> {
        if !self.begun {
            // After a failed rollback this fails as well, so that the remaining changes are never committed.
            self.execute("begin immediate").map_err(fault)?;
            self.begun = true;
        }
        let load = |wanted: &WantedRows| self.load_rows(wanted.table, &wanted.ids);
        let rows = wanted.iter().map(load).collect::<rusqlite::Result<_>>().map_err(fault)?;
        Ok(LoadedRows { rows, busy: Vec::new(), now: self.clock.now() })
    }

    async fn write(
        &mut self,
        writes: &[TableWrite<'_>],
        counters: &BTreeMap<Counter, i64>,
    ) -> Result<(), Fault> {
        for write in writes {
            if self.write_set(write).map_err(fault)? != write.len() {
                return Err(Fault::Again(format!("a row of {} is not as it was loaded", write.table.name)));
            }
        }
        self.add(counters).map_err(fault)
    }

    async fn commit(&mut self) -> Result<(), Fault> {
        self.execute("commit").map_err(fault_of_commit)?;
        self.begun = false;
        Ok(())
    }

    async fn rollback(&mut self) {
        self.begun = false;
        // SQLite has rolled back by itself after a full disk or a failed write.
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("rollback")
        {
            tracing::error!(%error, "SQLite could not roll back");
        }
    }
}

/// Switching to WAL is not covered by the busy timeout.
pub(crate) fn until_free(mut act: impl FnMut() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    let begun = std::time::Instant::now();
    loop {
        match act() {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && begun.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}
