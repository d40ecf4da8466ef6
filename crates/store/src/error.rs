//! Errors of opening the store, and of queries.

use std::path::PathBuf;

use domain::working_set::ColumnMismatch;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{text}` is neither a postgres:// URL nor the path of a file")]
    Location { text: String },
    #[error("there is no database at {}", path.display())]
    Missing { path: PathBuf },
    #[error(
        "it is not migrated (its schema is at version {found}, this program needs {needed}): run `surehold migrate`"
    )]
    NotMigrated { found: i64, needed: i64 },
    #[error("the schema is at version {found}, newer than the {known} that this program knows")]
    Newer { found: i64, known: i64 },
    #[error(
        "migration {version} of this database is not this program's: it was made before the first release, \
         and such databases are not carried on; make a new one"
    )]
    OtherSchema { version: i64 },
    /// SQLite serves one process.
    #[error("{} is in use by another process (it holds {}.lock)", path.display(), path.display())]
    InUse { path: PathBuf },
    #[error("PostgreSQL: {}", crate::postgres::describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error("the database is encoded in {found}, which cannot hold every name: make one `encoding 'UTF8'`")]
    Encoding { found: String },
    #[error(
        "a pooler between this program and PostgreSQL gives a connection away after each transaction, and \
         with it settings, prepared statements and locks: use its session mode, or PostgreSQL's own address"
    )]
    Pooled,
    #[error("no connection to PostgreSQL: {0}")]
    Pool(String),
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Mismatch(#[from] ColumnMismatch),
    #[error("{} exists: it is not written over", path.display())]
    Exists { path: PathBuf },
    #[error("the copy {} is damaged, and was removed: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// Whether the same query would fail again, because the database refuses the query itself.
    pub fn is_permanent(&self) -> bool {
        match self {
            Error::Mismatch(_) => true,
            Error::Postgres(error) => crate::postgres::is_data_error(error),
            Error::Sqlite(error) => crate::sqlite::is_data_error(error),
            _ => false,
        }
    }
}
