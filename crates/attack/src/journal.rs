//! The client's journal: each request is on disk before it is sent, and its outcome follows.
//!
//! A client that keeps its records in memory can be wrong about its requests: it dies, or it
//! forgets the request that got no answer. So a line is written and flushed to disk before a
//! request is sent. The judge reads only the file. The lines of many clients share a flush.
//!
//! | line | when |
//! |---|---|
//! | `sent` | before the request is sent: operation, key, hash of the body, attempt, expected effect |
//! | `answered` | a complete answer came |
//! | `lost` | no complete answer came |
//!
//! A `sent` line without an outcome comes from a client that died. Its request may have been
//! carried out.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::operation_request::{ExpectedEffect, OperationAnswer, OperationRequest};
use super::timeline::Timeline;

/// A line of the file, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum JournalLine {
    Sent {
        /// Lines about the outcome have the same number.
        number: u64,
        at_ms: u64,
        operation: String,
        key: String,
        /// How many requests had this key so far, including this one.
        attempt: u32,
        path: String,
        body_sha256: String,
        wants: ExpectedEffect,
        /// The operation may be refused.
        #[serde(default)]
        may_be_refused: bool,
    },
    Answered {
        number: u64,
        at_ms: u64,
        status: u16,
        replayed: bool,
        /// The code of a problem document.
        #[serde(default)]
        code: Option<String>,
        #[serde(default)]
        id: Option<String>,
        #[serde(default)]
        state: Option<String>,
        /// The provider's id of the object.
        #[serde(default)]
        object: Option<String>,
        retryable: bool,
        /// `None` if the SDK has read the body.
        #[serde(default)]
        body_sha256: Option<String>,
    },
    Lost {
        number: u64,
        at_ms: u64,
        why: String,
    },
}

/// A request that is in the journal, and may now be sent.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    pub number: u64,
    pub attempt: u32,
}

struct Entry {
    line: String,
    flushed: Option<oneshot::Sender<io::Result<()>>>,
}

/// Writes the file. Clones write into the same file.
#[derive(Clone)]
pub struct Journal {
    entries: Sender<Entry>,
    counted: Arc<Mutex<Counted>>,
    timeline: Timeline,
}

#[derive(Default)]
struct Counted {
    numbers: u64,
    attempts: HashMap<String, u32>,
}

impl Journal {
    pub fn create(path: &Path, timeline: Timeline) -> io::Result<Journal> {
        let file = File::create(path)?;
        let (entries, received) = channel();
        std::thread::Builder::new().name("journal".to_owned()).spawn(move || write(file, &received))?;
        Ok(Journal { entries, counted: Arc::default(), timeline })
    }

    /// On return the line is on disk.
    pub async fn record_request(&self, request: &OperationRequest) -> io::Result<Ticket> {
        let ticket = self.ticket(&request.key);
        let line = JournalLine::Sent {
            number: ticket.number,
            at_ms: self.timeline.now_ms(),
            operation: request.operation.clone(),
            key: request.key.clone(),
            attempt: ticket.attempt,
            path: request.path.clone(),
            body_sha256: sha256(request.body.as_bytes()),
            wants: request.wants.clone(),
            may_be_refused: request.may_be_refused,
        };
        let (flushed, wait) = oneshot::channel();
        self.write(&line, Some(flushed));
        wait.await.unwrap_or_else(|_| Err(io::Error::other("the journal's writer is gone")))?;
        Ok(ticket)
    }

    pub fn record_answer(&self, ticket: Ticket, answer: &OperationAnswer) {
        let line = JournalLine::Answered {
            number: ticket.number,
            at_ms: self.timeline.now_ms(),
            status: answer.status,
            replayed: answer.replayed,
            code: answer.code(),
            id: answer.id(),
            state: answer.body["state"].as_str().map(str::to_owned),
            object: answer.body["provider_reference"].as_str().map(str::to_owned),
            retryable: answer.is_retryable(),
            body_sha256: answer.text.as_ref().map(|text| sha256(text.as_bytes())),
        };
        self.write(&line, None);
    }

    pub fn record_loss(&self, ticket: Ticket, why: &str) {
        let line =
            JournalLine::Lost { number: ticket.number, at_ms: self.timeline.now_ms(), why: why.to_owned() };
        self.write(&line, None);
    }

    /// On return all earlier lines are on disk.
    pub async fn flush(&self) -> io::Result<()> {
        let (flushed, wait) = oneshot::channel();
        let _gone = self.entries.send(Entry { line: String::new(), flushed: Some(flushed) });
        wait.await.unwrap_or_else(|_| Err(io::Error::other("the journal's writer is gone")))
    }

    fn ticket(&self, key: &str) -> Ticket {
        let mut counted = self.counted.lock();
        counted.numbers += 1;
        let number = counted.numbers;
        let attempt = counted.attempts.entry(key.to_owned()).or_default();
        *attempt += 1;
        Ticket { number, attempt: *attempt }
    }

    fn write(&self, line: &JournalLine, flushed: Option<oneshot::Sender<io::Result<()>>>) {
        let line = serde_json::to_string(line).expect("a line has no keys that are not text") + "\n";
        // If the writer has ended, the caller that waits for the flush gets an error.
        let _gone = self.entries.send(Entry { line, flushed });
    }
}

/// All entries that wait share one flush.
fn write(mut file: File, entries: &Receiver<Entry>) {
    while let Ok(first) = entries.recv() {
        let mut text = first.line;
        let mut waiting: Vec<_> = first.flushed.into_iter().collect();
        for Entry { line, flushed } in entries.try_iter() {
            text.push_str(&line);
            waiting.extend(flushed);
        }
        let mut written = file.write_all(text.as_bytes());
        if !waiting.is_empty() {
            written = written.and_then(|()| file.sync_data());
        }
        for waiting in waiting {
            let result = written.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()));
            // A caller that no longer waits needs no answer.
            let _gone = waiting.send(result.copied());
        }
    }
}

/// The lines of a file. An incomplete last line is left out: its writer died.
pub fn read(path: &Path) -> io::Result<Vec<JournalLine>> {
    let text = std::fs::read(path)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(io::Error::other)).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes it");
        hex
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::Stdio;

    use tokio::io::{AsyncBufReadExt as _, BufReader};

    use super::*;
    use crate::methods::STRIPE;

    fn request(number: usize) -> OperationRequest {
        OperationRequest::charge(&format!("operation-{number}"), 100, &STRIPE)
    }

    #[tokio::test]
    async fn requests_and_outcomes_are_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = Journal::create(&path, Timeline::begin_now()).unwrap();
        let first = journal.record_request(&request(1)).await.unwrap();
        journal.record_loss(first, "cut");
        let again = journal.record_request(&request(1)).await.unwrap();
        journal
            .record_answer(again, &OperationAnswer::read(201, true, None, serde_json::json!({ "id": "p1" })));
        journal.flush().await.unwrap();
        assert_eq!((first.attempt, again.attempt), (1, 2));
        let found: Vec<String> = read(&path)
            .unwrap()
            .into_iter()
            .map(|line| match line {
                JournalLine::Sent { number, attempt, key, .. } => format!("{number} {key} {attempt}"),
                JournalLine::Answered { number, status, replayed, id, .. } => {
                    format!("{number} {status} {replayed} {id:?}")
                }
                JournalLine::Lost { number, why, .. } => format!("{number} {why}"),
            })
            .collect();
        let expected = ["1 operation-1 1", "1 cut", "2 operation-1 2", "2 201 true Some(\"p1\")"];
        assert_eq!(found, expected);
    }

    /// The same test, started again as a process that is killed while it writes.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_kill_loses_no_request_that_may_have_been_sent() {
        const PATH: &str = "SUREHOLD_JOURNAL_TEST";
        #[expect(clippy::disallowed_methods, reason = "the test configures the process that it starts")]
        let path = std::env::var(PATH);
        if let Ok(path) = path {
            let journal = Journal::create(Path::new(&path), Timeline::begin_now()).unwrap();
            for number in 0.. {
                journal.record_request(&request(number)).await.unwrap();
                // From here on the request may be on the wire.
                writeln!(std::io::stderr(), "sent {number}").unwrap();
            }
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut writer = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::tests::a_kill_loses_no_request_that_may_have_been_sent"])
            .arg("--nocapture")
            .env(PATH, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(writer.stderr.take().unwrap()).lines();
        let mut sent = 0;
        while let Some(line) = output.next_line().await.unwrap() {
            if line.starts_with("sent ") {
                sent += 1;
            }
            if sent == 20 {
                writer.kill().await.unwrap();
            }
        }
        assert!(sent >= 20, "it was killed too early");
        let lines = read(&path).unwrap();
        assert!(lines.len() >= sent, "{} lines for {sent} requests", lines.len());
        for (number, line) in lines.iter().enumerate() {
            let JournalLine::Sent { key, .. } = line else { panic!("{line:?}") };
            assert_eq!(*key, format!("operation-{number}"));
        }
    }

    #[tokio::test]
    async fn an_incomplete_line_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = Journal::create(&path, Timeline::begin_now()).unwrap();
        journal.record_request(&request(1)).await.unwrap();
        File::options().append(true).open(&path).unwrap().write_all(b"{\"line\":\"sent\",\"num").unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
        std::fs::write(&path, "not a line\n").unwrap();
        assert!(read(&path).is_err(), "what is no journal is not taken for one");
    }
}
