//! A server that answers each line with the same response, and reports what it saw.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::proxy::{Counters, Plan, Proxy};

/// A test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saw {
    Opened,
    /// All text so far, at the end of a line.
    Line(String),
    /// The client closed its side after this text.
    Ended(String),
    Reset,
}

pub struct Server {
    pub address: SocketAddr,
    saws: mpsc::UnboundedReceiver<Saw>,
}

impl Server {
    pub async fn answering(answer: &'static [u8]) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (saw, saws) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer, saw.clone()));
            }
        });
        Server { address, saws }
    }

    pub async fn saw(&mut self) -> Saw {
        let saw = tokio::time::timeout(PATIENCE, self.saws.recv()).await;
        saw.expect("the server sees something in time").expect("the server is there")
    }

    pub fn saw_nothing(&self) -> bool {
        self.saws.is_empty()
    }
}

async fn serve(mut stream: TcpStream, answer: &[u8], saw: mpsc::UnboundedSender<Saw>) {
    let _ = saw.send(Saw::Opened);
    let mut text = String::new();
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => break drop(saw.send(Saw::Ended(text))),
            Ok(bytes) => text.push_str(std::str::from_utf8(&buffer[..bytes]).unwrap()),
            Err(_) => break drop(saw.send(Saw::Reset)),
        }
        if text.ends_with('\n') {
            let _ = saw.send(Saw::Line(text.clone()));
            let _ = stream.write_all(answer).await;
        }
    }
}

pub fn proxied(server: &Server, plan: Plan) -> Proxy {
    Proxy::start(server.address, plan).unwrap()
}

/// Waits until the proxy's counters satisfy the condition.
pub async fn until(proxy: &Proxy, so: impl FnMut(&Counters) -> bool) -> Counters {
    let counted = tokio::time::timeout(PATIENCE, proxy.wait_for(so)).await;
    counted.unwrap_or_else(|_| panic!("it never came to that: {:?}", proxy.counters()))
}

pub async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address).await.unwrap()
}

pub async fn send_line(proxy: &Proxy) -> TcpStream {
    let mut stream = connect(proxy).await;
    stream.write_all(b"pay\n").await.unwrap();
    stream
}

/// The bytes until the end, and how it ended.
pub async fn rest(stream: &mut TcpStream) -> (Vec<u8>, End) {
    let mut found = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut found)).await;
    let end = match read.expect("the connection ends in time") {
        Ok(_) => End::Closed,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
        Err(error) => panic!("{error}"),
    };
    (found, end)
}

pub async fn exactly(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut found = vec![0; bytes];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut found)).await;
    read.expect("the answer comes in time").unwrap();
    found
}

/// Whether there is nothing to read, not even an end.
pub fn is_silent(stream: &TcpStream) -> bool {
    stream.try_read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Closed,
    Reset,
}
