//! The append-only file behind the books: JSON lines, one per call, written before the reply is
//! sent.
//!
//! A line is passed to the kernel with one `write`, so a process that is killed with SIGKILL loses
//! nothing. It is **not** synced to the disk: the sandbox must survive `kill -9`, not a power cut,
//! and a sync per charge would make it slower than the program under test. A last line that a kill
//! cut off is removed at the next start. If a line cannot be written (a full disk), the file and
//! the books stay unchanged.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader},
    os::unix::fs::{FileExt, OpenOptionsExt as _},
    path::Path,
    sync::Arc,
};

use crate::line::JournalRecord;

/// Where a line is in the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineSpan {
    pub offset: u64,
    pub length: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the journal cannot be read or written: {0}")]
    Io(#[from] io::Error),
    #[error("another process holds the journal")]
    Held,
    #[error("the journal is broken at byte {offset}: {cause}")]
    Broken { offset: u64, cause: serde_json::Error },
}

pub struct BooksJournal {
    reader: JournalReader,
    length: u64,
    buffer: Vec<u8>,
}

/// Reads lines back, independently of the writer and its lock.
#[derive(Clone)]
pub struct JournalReader(Arc<File>);

impl JournalReader {
    pub fn line(&self, place: LineSpan) -> io::Result<JournalRecord> {
        let mut bytes = vec![0; place.length as usize];
        self.0.read_exact_at(&mut bytes, place.offset)?;
        serde_json::from_slice(&bytes).map_err(io::Error::other)
    }
}

impl BooksJournal {
    /// Opens or creates the file, takes its lock, and passes every complete line to `replay` in
    /// order.
    pub fn open(path: &Path, mut replay: impl FnMut(LineSpan, JournalRecord)) -> Result<Self, Error> {
        // It contains the accounts' secret keys, so only its owner may read it.
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Held),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut lines = BufReader::with_capacity(1 << 20, &file);
        let mut bytes = Vec::new();
        let mut offset = 0;
        loop {
            bytes.clear();
            let length = lines.read_until(b'\n', &mut bytes)?;
            if bytes.last() != Some(&b'\n') {
                break;
            }
            let line = serde_json::from_slice(&bytes).map_err(|cause| Error::Broken { offset, cause })?;
            replay(LineSpan { offset, length: length as u32 }, line);
            offset += length as u64;
        }
        file.set_len(offset)?;
        Ok(Self { reader: JournalReader(Arc::new(file)), length: offset, buffer: Vec::new() })
    }

    pub fn reader(&self) -> JournalReader {
        self.reader.clone()
    }

    /// Writes one complete line, or leaves the file as it was.
    pub fn append(&mut self, line: &JournalRecord) -> io::Result<LineSpan> {
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, line).map_err(io::Error::other)?;
        self.buffer.push(b'\n');
        if let Err(error) = self.reader.0.write_all_at(&self.buffer, self.length) {
            // If this fails as well, the partial line is after the end that is recorded here. The
            // next line overwrites it, and a fragment without a newline is removed at the next
            // start.
            let _ = self.reader.0.set_len(self.length);
            return Err(error);
        }
        let place = LineSpan { offset: self.length, length: self.buffer.len() as u32 };
        self.length += self.buffer.len() as u64;
        Ok(place)
    }

    /// A journal whose writes all fail, as on a full disk.
    #[cfg(test)]
    pub fn unwritable(path: &Path) -> Self {
        File::create(path).unwrap();
        Self { reader: JournalReader(Arc::new(File::open(path).unwrap())), length: 0, buffer: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn replayed(path: &Path) -> Result<Vec<i64>, Error> {
        let mut found = Vec::new();
        BooksJournal::open(path, |_, line| found.push(line.at))?;
        Ok(found)
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_a_broken_middle_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = BooksJournal::open(&path, |_, _| {}).unwrap();
        let place = journal.append(&JournalRecord { at: 1, ..JournalRecord::default() }).unwrap();
        journal.append(&JournalRecord { at: 2, ..JournalRecord::default() }).unwrap();
        assert_eq!(journal.reader().line(place).unwrap().at, 1);
        assert!(matches!(BooksJournal::open(&path, |_, _| {}), Err(Error::Held)));
        drop(journal);

        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        assert_eq!(replayed(&path).unwrap(), [1]);
        assert_eq!(fs::metadata(&path).unwrap().len(), u64::from(place.length));

        fs::write(&path, [b"nonsense\n", &whole[..]].concat()).unwrap();
        assert!(matches!(replayed(&path), Err(Error::Broken { offset: 0, .. })));
    }

    #[test]
    fn a_failed_write_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = BooksJournal::unwritable(&folder.path().join("journal"));
        assert!(journal.append(&JournalRecord::default()).is_err());
    }
}
