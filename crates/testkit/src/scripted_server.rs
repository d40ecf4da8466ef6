//! A server that follows a script and records every request.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How the server handles one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerStep {
    /// Sends these bytes and keeps the connection.
    Answer(Vec<u8>),
    /// Sends these bytes and closes the connection.
    AnswerAndClose(Vec<u8>),
    /// Sends these bytes and then nothing.
    AnswerAndStall(Vec<u8>),
    /// Sends these bytes over and over.
    AnswerEndlessly(Vec<u8>),
    /// Resets the connection after the whole request was read.
    Reset,
    /// Resets the connection when the request begins.
    ResetUnread,
}

pub struct ScriptedServer {
    pub base_url: String,
    requests: Arc<Mutex<Vec<String>>>,
    script: Arc<Mutex<VecDeque<ServerStep>>>,
}

impl ScriptedServer {
    /// Handles requests as listed, and all further ones as the last in the list.
    pub async fn start(steps: Vec<ServerStep>) -> ScriptedServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(VecDeque::from(steps)));
        let (seen, followed) = (requests.clone(), script.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (followed, seen) = (followed.clone(), seen.clone());
                tokio::spawn(async move { serve(stream, &followed, &seen).await });
            }
        });
        ScriptedServer { base_url, requests, script }
    }

    /// Goes on with another list, and forgets the requests so far.
    pub fn follow(&self, steps: Vec<ServerStep>) {
        self.requests.lock().clear();
        *self.script.lock() = VecDeque::from(steps);
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }
}

/// An error means that the client closed the connection, which is expected.
async fn serve(mut stream: TcpStream, script: &Mutex<VecDeque<ServerStep>>, seen: &Mutex<Vec<String>>) {
    loop {
        let _ = stream.readable().await;
        let step = if let Some(unread) = next(script, |next| *next == ServerStep::ResetUnread) {
            unread
        } else {
            let Some(request) = read(&mut stream).await else { return };
            seen.lock().push(request);
            next(script, |_| true).expect("a script is never empty")
        };
        match step {
            ServerStep::Answer(bytes) => drop(stream.write_all(&bytes).await),
            ServerStep::AnswerAndClose(bytes) => return drop(stream.write_all(&bytes).await),
            ServerStep::AnswerAndStall(bytes) => {
                drop(stream.write_all(&bytes).await);
                std::future::pending::<()>().await;
            }
            ServerStep::AnswerEndlessly(bytes) => while stream.write_all(&bytes).await.is_ok() {},
            ServerStep::Reset | ServerStep::ResetUnread => return stream.set_zero_linger().unwrap(),
        }
    }
}

/// The next step if it is `wanted`. The last one stays in the script.
fn next(script: &Mutex<VecDeque<ServerStep>>, wanted: impl Fn(&ServerStep) -> bool) -> Option<ServerStep> {
    let mut script = script.lock();
    if script.len() > 1 {
        script.pop_front_if(|next| wanted(next))
    } else {
        script.front().cloned().filter(wanted)
    }
}

/// A whole request, head and body.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text.into_owned());
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

pub fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Whatever\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}
