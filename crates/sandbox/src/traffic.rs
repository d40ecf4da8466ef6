//! A file of the traffic: what the providers' clients called, what they were answered, and the
//! webhooks that were sent, as JSON lines.
//!
//! | member | content |
//! |---|---|
//! | `at` | Unix milliseconds of the end of the exchange |
//! | `webhook` | `true` for a delivery, which this sandbox sent; absent for a call |
//! | `method`, `path` | the path with its query; of a delivery, those of its address |
//! | `request_headers`, `response_headers` | by name, in small letters; what authorises is redacted |
//! | `request`, `response` | the bodies: the value of a JSON body, the text of another, `null` for none |
//! | `left_out` | the names of bodies that were too long, if there are any |
//! | `status` | `null` if no answer was sent, or none came |
//!
//! Each line is one write, so a killed process loses at most the line that it was writing. A line
//! that was cut off is removed at the next start. Control routes are not recorded.
//!
//! What must never be here: anything that a reply depends on.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderMap, Response, request};
use http_body_util::{BodyExt as _, Full};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::clock;

/// The most that a file takes. What comes after it is not recorded, and the log says so once.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// A longer body is left out.
const BODY_BYTES_MAX: usize = 256 << 10;
/// The last line of a file is looked for in pieces of this size.
const PIECE_BYTES: u64 = 64 << 10;
const REDACTED_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
/// A member of a body that authorises.
const REDACTED_MEMBER: &str = "access_token";
const REDACTED: &str = "(redacted)";

/// Clones write into the same file.
#[derive(Clone)]
pub struct TrafficRecorder(Arc<Mutex<TrafficFile>>);

struct TrafficFile {
    file: File,
    length: u64,
    is_full: bool,
}

/// A request whose end is recorded; also if it is dropped without an answer.
pub struct RecordedExchange {
    recorder: TrafficRecorder,
    line: Map<String, Value>,
    left_out: Vec<&'static str>,
}

impl TrafficRecorder {
    /// Opens or creates the file, and takes its lock.
    pub fn open(path: &Path) -> io::Result<Self> {
        // The bodies contain the payers' data, so only its owner may read it.
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another process writes it")),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let length = end_of_last_line(&mut file)?;
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        Ok(Self(Arc::new(Mutex::new(TrafficFile { file, length, is_full: false }))))
    }

    /// A call that has arrived.
    pub fn call(&self, head: &request::Parts, body: &[u8]) -> RecordedExchange {
        self.begin(head, body)
    }

    /// A delivery that is about to be sent.
    pub fn webhook(&self, head: &request::Parts, body: &[u8]) -> RecordedExchange {
        let mut exchange = self.begin(head, body);
        exchange.line.insert("webhook".to_owned(), json!(true));
        exchange
    }

    fn begin(&self, head: &request::Parts, body: &[u8]) -> RecordedExchange {
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut line = Map::new();
        line.insert("method".to_owned(), json!(head.method.as_str()));
        line.insert("path".to_owned(), json!(path));
        line.insert("status".to_owned(), Value::Null);
        let mut exchange = RecordedExchange { recorder: self.clone(), line, left_out: Vec::new() };
        exchange.add("request_headers", "request", &head.headers, body);
        exchange
    }

    fn write(&self, line: &Map<String, Value>) {
        let mut bytes = serde_json::to_vec(line).expect("a map has only text keys");
        bytes.push(b'\n');
        let mut traffic = self.0.lock();
        if traffic.is_full {
            return;
        }
        if traffic.length + bytes.len() as u64 > FILE_BYTES_MAX {
            traffic.is_full = true;
            tracing::warn!(FILE_BYTES_MAX, "the file of the traffic is full: nothing more is recorded");
            return;
        }
        match traffic.file.write_all(&bytes) {
            Ok(()) => traffic.length += bytes.len() as u64,
            Err(error) => {
                // Half a line would make the file unreadable.
                traffic.is_full = true;
                let length = traffic.length;
                let _ = traffic.file.set_len(length);
                tracing::warn!(%error, "the traffic cannot be written: nothing more is recorded");
            }
        }
    }
}

impl RecordedExchange {
    pub fn finish(mut self, status: u16, headers: &HeaderMap, body: &[u8]) {
        self.line.insert("status".to_owned(), json!(status));
        self.add("response_headers", "response", headers, body);
    }

    /// The same for an answer of this sandbox.
    pub async fn answered(self, response: &Response<Full<Bytes>>) {
        let Ok(body) = response.body().clone().collect().await;
        self.finish(response.status().as_u16(), response.headers(), &body.to_bytes());
    }

    fn add(&mut self, headers_name: &str, body_name: &'static str, headers: &HeaderMap, body: &[u8]) {
        self.line.insert(headers_name.to_owned(), shown_headers(headers));
        if body.len() > BODY_BYTES_MAX {
            self.left_out.push(body_name);
        }
        self.line.insert(body_name.to_owned(), shown_body(body));
    }
}

impl Drop for RecordedExchange {
    fn drop(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        line.insert("at".to_owned(), json!(clock::now_ms()));
        if !self.left_out.is_empty() {
            line.insert("left_out".to_owned(), json!(self.left_out));
        }
        self.recorder.write(&line);
    }
}

fn shown_headers(headers: &HeaderMap) -> Value {
    let shown = headers.keys().map(|name| {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let values: Vec<_> = values.collect();
        let text =
            if REDACTED_HEADERS.contains(&name.as_str()) { REDACTED.to_owned() } else { values.join(", ") };
        (name.as_str().to_owned(), Value::String(text))
    });
    Value::Object(shown.collect())
}

fn shown_body(body: &[u8]) -> Value {
    if body.is_empty() || body.len() > BODY_BYTES_MAX {
        return Value::Null;
    }
    let mut shown = serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
    if let Some(token) = shown.get_mut(REDACTED_MEMBER) {
        *token = Value::String(REDACTED.to_owned());
    }
    shown
}

/// The length of the file up to its last line's end.
fn end_of_last_line(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    while end > 0 {
        let begin = end.saturating_sub(PIECE_BYTES);
        let mut piece = Vec::new();
        file.seek(SeekFrom::Start(begin))?;
        io::Read::by_ref(file).take(end - begin).read_to_end(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn head() -> request::Parts {
        let request = http::Request::post("http://a.example/v1/x?y=1").header("authorization", "Bearer sk_1");
        request.header("x-key", "k").body(()).unwrap().into_parts().0
    }

    fn lines(path: &Path) -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_both_sides_and_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("traffic");
        let recorder = TrafficRecorder::open(&path).unwrap();
        let answer = HeaderMap::from_iter([(http::header::CONTENT_TYPE, "text/plain".parse().unwrap())]);
        recorder.call(&head(), br#"{"a":1.50}"#).finish(201, &answer, b"done");
        recorder.webhook(&head(), b"a=1").finish(200, &HeaderMap::new(), b"");
        drop(recorder.call(&head(), &vec![b' '; BODY_BYTES_MAX + 1]));
        let [call, webhook, dropped] = &lines(&path)[..] else { panic!("{:?}", lines(&path)) };
        for (line, expected) in [
            (call, json!(["/v1/x?y=1", 201, {"a": 1.50}, "done", null, null])),
            (webhook, json!(["/v1/x?y=1", 200, "a=1", null, true, null])),
            (dropped, json!(["/v1/x?y=1", null, null, null, null, ["request"]])),
        ] {
            let members = ["path", "status", "request", "response", "webhook", "left_out"];
            assert_eq!(json!(members.map(|member| &line[member])), expected);
            let headers = &line["request_headers"];
            assert_eq!((&headers["authorization"], &headers["x-key"]), (&json!(REDACTED), &json!("k")));
            assert!(line["at"].as_i64().unwrap() > 0 && !line.to_string().contains("sk_1"));
        }
        assert_eq!(call["response_headers"]["content-type"], "text/plain");
    }

    #[test]
    fn a_torn_line_is_cut_off_and_the_file_is_continued() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("traffic");
        let recorder = TrafficRecorder::open(&path).unwrap();
        drop(recorder.call(&head(), b""));
        assert!(TrafficRecorder::open(&path).is_err(), "one process writes it");
        drop(recorder);
        for torn in [0, 20, 3 * usize::try_from(PIECE_BYTES).unwrap()] {
            let before = lines(&path).len();
            let mut bytes = fs::read(&path).unwrap();
            bytes.extend(vec![b'{'; torn]);
            fs::write(&path, bytes).unwrap();
            drop(TrafficRecorder::open(&path).unwrap().call(&head(), b""));
            assert_eq!(lines(&path).len(), before + 1, "{torn}");
        }
        fs::write(&path, "{").unwrap();
        TrafficRecorder::open(&path).unwrap();
        assert_eq!(lines(&path).len(), 0);
    }
}
