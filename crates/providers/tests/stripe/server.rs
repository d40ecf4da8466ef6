//! A server that follows a script and records every request.

use parking_lot::Mutex;
use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// How the server handles one request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Sends these bytes and keeps the connection.
    Answer(Vec<u8>),
    /// Sends these bytes and closes the connection.
    AnswerAndClose(Vec<u8>),
    /// Sends these bytes and then nothing.
    AnswerAndStall(Vec<u8>),
    /// Sends these bytes, then repeats the last ones without end.
    AnswerEndlessly(Vec<u8>),
    /// Resets the connection after the whole request was read.
    Reset,
    /// Resets the connection as soon as it is open, or when the next request begins.
    ResetUnread,
}

pub struct Server {
    pub base_url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Handles requests as listed, and all further ones as the last in the list.
    pub async fn start(behaviours: Vec<Behaviour>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        tokio::spawn(async move {
            let script = Arc::new(Mutex::new(behaviours.into_iter()));
            let last = Arc::new(Mutex::new(None));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, last, seen) = (script.clone(), last.clone(), seen.clone());
                tokio::spawn(async move {
                    let next = || {
                        let mut last = last.lock();
                        *last = script.lock().next().or(last.take());
                        last.clone().unwrap()
                    };
                    serve(stream, next, &seen).await;
                });
            }
        });
        Server { base_url, requests }
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }
}

/// An error means that the client closed the connection, which is expected.
async fn serve(mut stream: TcpStream, next: impl Fn() -> Behaviour, seen: &Mutex<Vec<String>>) {
    loop {
        let behaviour = next();
        if !matches!(behaviour, Behaviour::ResetUnread) {
            let Some(request) = read(&mut stream).await else { return };
            seen.lock().push(request);
        }
        match behaviour {
            Behaviour::Answer(bytes) => {
                let _ = stream.write_all(&bytes).await;
            }
            Behaviour::AnswerAndClose(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Behaviour::AnswerAndStall(bytes) => {
                let _ = stream.write_all(&bytes).await;
                std::future::pending::<()>().await;
            }
            Behaviour::AnswerEndlessly(bytes) => while stream.write_all(&bytes).await.is_ok() {},
            Behaviour::Reset => return reset(&stream),
            Behaviour::ResetUnread => {
                let _ = stream.readable().await;
                return reset(&stream);
            }
        }
    }
}

fn reset(stream: &TcpStream) {
    stream.set_zero_linger().unwrap();
}

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
    format!(
        "HTTP/1.1 {status} Whatever\r\nrequest-id: req_1\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
