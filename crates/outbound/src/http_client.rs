//! The client that calls every server: a request is written, and a reply is read with its body.

use std::error::Error as StdError;
use std::fmt::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::Service;

use crate::connector::Connector;
use crate::identity::ClientIdentity;

const HEADERS_BYTES_MAX: usize = 64 << 10;
const IDLE_CONNECTIONS_MAX: usize = 128;
/// Shorter than servers and load balancers keep them, so that our side closes first: a request
/// written into a connection that the other side just closed has an unknown outcome.
const IDLE_MAX: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// For name, connection and TLS together.
    pub connect_timeout: Duration,
    /// A longer reply is an error.
    pub reply_bytes_max: usize,
}

/// A reply that came whole.
#[derive(Clone, Debug)]
pub struct HttpReply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl HttpReply {
    /// As it was sent; none if it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn json(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::from_slice(&self.body)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether it repeats what an earlier request under the same idempotency key was answered, as
    /// Stripe and Surehold mark it.
    pub fn is_replayed(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }
}

/// Why no whole reply came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a byte of the request was written.
    #[error("no connection: {0}")]
    NotSent(String),
    /// The connection broke after writing began: what the other side did is not known.
    #[error("{0}")]
    Broken(String),
}

/// Cheap to clone; all clones share their connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    http: legacy::Client<Connector, Full<Bytes>>,
    reply_bytes_max: usize,
}

impl HttpClient {
    /// An error says in a sentence what is wrong with this machine: its certificates cannot be read.
    pub fn new(settings: Settings) -> Result<HttpClient, String> {
        HttpClient::identified(settings, None)
    }

    /// A client that shows its certificate to the servers that ask for it.
    pub fn identified(settings: Settings, identity: Option<&ClientIdentity>) -> Result<HttpClient, String> {
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .http1_max_buf_size(HEADERS_BYTES_MAX)
            // The one repetition, and it is none: a kept connection turned out to be closed, and the
            // library still holds the whole request, not a byte of it written.
            .retry_canceled_requests(true)
            .build(Connector::new(settings.connect_timeout, identity)?);
        Ok(HttpClient { http, reply_bytes_max: settings.reply_bytes_max })
    }
}

impl Service<Request<Full<Bytes>>> for HttpClient {
    type Response = HttpReply;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpReply, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let (responding, reply_bytes_max) = (self.http.request(request), self.reply_bytes_max);
        Box::pin(async move {
            let response = responding.await.map_err(|error| {
                if error.is_connect() {
                    Error::NotSent(error_chain(&error))
                } else {
                    before_an_answer(&error)
                }
            })?;
            read_whole(response, reply_bytes_max).await
        })
    }
}

pub fn before_an_answer(error: &(dyn StdError + 'static)) -> Error {
    Error::Broken(format!("the connection broke before an answer: {}", error_chain(error)))
}

pub async fn read_whole(response: Response<Incoming>, reply_bytes_max: usize) -> Result<HttpReply, Error> {
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, reply_bytes_max).collect().await.map_err(|error| {
        let status = parts.status.as_u16();
        Error::Broken(format!("the answer ({status}) broke off: {}", error_chain(&*error)))
    })?;
    Ok(HttpReply { status: parts.status, headers: parts.headers, body: body.to_bytes() })
}

/// An error with its causes: the outermost says no more than that a connection failed.
pub fn error_chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| (*cause).source()) {
        write!(text, ": {cause}").expect("writing into a String cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tower::ServiceExt as _;

    use super::*;

    const REPLY: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nidempotent-replayed: true\r\n\r\n0123456789";

    async fn exchange(reply: &'static [u8], reply_bytes_max: usize) -> Result<HttpReply, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _read = connection.read(&mut request).await.unwrap();
            connection.write_all(reply).await.unwrap();
        });
        call(&uri, reply_bytes_max).await
    }

    async fn call(uri: &str, reply_bytes_max: usize) -> Result<HttpReply, Error> {
        let settings = Settings { connect_timeout: Duration::from_secs(5), reply_bytes_max };
        let request = Request::get(uri).body(Full::default()).unwrap();
        HttpClient::new(settings).unwrap().oneshot(request).await
    }

    #[tokio::test]
    async fn a_reply_is_whole_or_an_error() {
        let reply = exchange(REPLY, 10).await.unwrap();
        assert_eq!((&reply.body[..], reply.is_replayed()), (&b"0123456789"[..], true));
        for (reply, reply_bytes_max) in [(REPLY, 9), (&REPLY[..REPLY.len() - 1], 10), (&REPLY[..20], 10)] {
            let lost = exchange(reply, reply_bytes_max).await.unwrap_err();
            assert!(matches!(lost, Error::Broken(_)), "{lost}");
        }
    }

    #[tokio::test]
    async fn without_a_connection_nothing_was_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let lost = call(&uri, 10).await.unwrap_err();
        assert!(matches!(lost, Error::NotSent(_)), "{lost}");
    }
}
