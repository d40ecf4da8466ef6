//! Files that only their owner may read, because a database contains customers' names and addresses.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Opens a file for writing, or creates it. SQLite gives the files `-wal` and `-shm` the mode of
/// their database.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).mode(0o600).open(path)
}

/// Creates a file that does not exist.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    File::options().create_new(true).write(true).mode(0o600).open(path)
}

/// Creates the folder of a file, and the folders above it. An existing folder stays as it is.
pub(crate) fn make_parent(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => DirBuilder::new().recursive(true).mode(0o700).create(parent),
        None => Ok(()),
    }
}
