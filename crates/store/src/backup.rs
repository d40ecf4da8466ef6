//! A copy of a SQLite database that a server may be writing.
//!
//! | phase | what | a crash leaves |
//! |---|---|---|
//! | copy | `VACUUM INTO` a draft beside the copy: a consistent snapshot | the draft, under a name of its own |
//! | check | SQLite reads all of the draft, its indexes and its references | the same |
//! | keep | the draft is synced, gets its name, and the folder is synced | the copy, or the draft |
//!
//! A copy is never overwritten: the call that gives the name fails if the file exists.

use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::{Error, migrate, private, sqlite};

/// A finished copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    pub bytes: u64,
    /// The version of its schema.
    pub version: i64,
}

/// Copies the database at `path` to the file `to`, which must not exist.
pub(crate) fn run(path: &Path, to: &Path) -> Result<Backup, Error> {
    if to.exists() {
        return Err(Error::Exists { path: to.to_owned() });
    }
    let source = sqlite::reader(path)?;
    let version = migrate::sqlite_version(&source)?;
    if version == 0 {
        return Err(migrate::not_migrated(version));
    }
    let draft = Draft::beside(to)?;
    let name = draft.path.to_str().ok_or_else(|| draft.failed(ErrorKind::InvalidFilename.into()))?;
    source.execute("vacuum into ?1", [name])?;
    draft.check()?;
    let bytes = draft.keep(to)?;
    Ok(Backup { bytes, version })
}

/// The copy before it has its name. It is removed unless it is kept.
struct Draft {
    path: PathBuf,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // A draft that was kept has no file to remove.
        let _kept = std::fs::remove_file(&self.path);
    }
}

impl Draft {
    fn beside(to: &Path) -> Result<Draft, Error> {
        let mut name = OsString::from(to);
        name.push(format!(".{}.draft", std::process::id()));
        let path = PathBuf::from(name);
        match private::create_new(&path) {
            Ok(_) => Ok(Draft { path }),
            Err(source) => Err(Error::File { path, source }),
        }
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::File { path: self.path.clone(), source }
    }

    /// A fault of the disk is found now, and not by the restore.
    fn check(&self) -> Result<(), Error> {
        let damaged = |what: String| Error::Damaged { path: self.path.clone(), what };
        let copy = sqlite::reader(&self.path)?;
        let answer: String = copy.query_row("pragma integrity_check(1)", [], |row| row.get(0))?;
        if answer != "ok" {
            return Err(damaged(answer));
        }
        match broken_reference(&copy)? {
            Some(table) => Err(damaged(format!("a row of {table} names a row that is not there"))),
            None => Ok(()),
        }
    }

    fn keep(&self, to: &Path) -> Result<u64, Error> {
        let file = File::open(&self.path).map_err(|error| self.failed(error))?;
        file.sync_all().map_err(|error| self.failed(error))?;
        let bytes = file.metadata().map_err(|error| self.failed(error))?.len();
        name(&self.path, to)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| Error::File { path: folder.to_owned(), source })?;
        Ok(bytes)
    }
}

/// Makes a hard link to the draft: unlike a rename, it fails if the name exists. A file system
/// without hard links gets the rename.
fn name(draft: &Path, to: &Path) -> Result<(), Error> {
    match std::fs::hard_link(draft, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists || to.exists() => {
            Err(Error::Exists { path: to.to_owned() })
        }
        Err(_) => std::fs::rename(draft, to).map_err(|source| Error::File { path: to.to_owned(), source }),
    }
}

/// The table of a row with a reference to a missing row.
fn broken_reference(copy: &Connection) -> Result<Option<String>, Error> {
    let mut statement = copy.prepare("pragma foreign_key_check")?;
    let mut rows = statement.query([])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}
