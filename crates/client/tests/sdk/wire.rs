//! A server that follows a script and records every byte that it receives.

use parking_lot::Mutex;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of one request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// These bytes, and the connection is kept.
    Answer(Vec<u8>),
    /// These bytes, and the connection is closed.
    AnswerAndClose(Vec<u8>),
    /// These bytes, and then nothing forever.
    AnswerAndStall(Vec<u8>),
    /// These bytes over and over.
    AnswerEndlessly(Vec<u8>),
    /// A reset, once the whole request was read.
    Reset,
}

pub struct Server {
    pub base_url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Behaves as listed, request by request, and as the last in the list from then on.
    pub async fn start(behaviours: Vec<Behaviour>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, behaviours.clone(), seen.clone()));
            }
        });
        Server { base_url, requests }
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }
}

/// An error is the client's end of the connection: it may well have gone.
async fn serve(mut stream: TcpStream, behaviours: Vec<Behaviour>, seen: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read(&mut stream).await {
        let number = {
            let mut seen = seen.lock();
            seen.push(request);
            seen.len() - 1
        };
        match &behaviours[number.min(behaviours.len() - 1)] {
            Behaviour::Answer(bytes) => drop(stream.write_all(bytes).await),
            Behaviour::AnswerAndClose(bytes) => return drop(stream.write_all(bytes).await),
            Behaviour::AnswerAndStall(bytes) => {
                drop(stream.write_all(bytes).await);
                std::future::pending::<()>().await;
            }
            Behaviour::AnswerEndlessly(bytes) => while stream.write_all(bytes).await.is_ok() {},
            Behaviour::Reset => return stream.set_zero_linger().unwrap(),
        }
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
