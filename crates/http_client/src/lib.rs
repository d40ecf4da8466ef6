//! An HTTP/1.1 client of one connection: what a load generator and a test need, and no more.
//!
//! It never sends anything twice. Whoever retries does it with the same idempotency key, and knows it.

use std::time::Duration;

use ::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A server that says nothing for this long has lost the request, as far as we can tell.
const TIMEOUT: Duration = Duration::from_secs(35);

/// One kept connection to one server; made when it is needed, made again when it broke.
pub struct HttpClient {
    /// `host:port`.
    authority: String,
    /// Before every path; without a slash at its end.
    prefix: String,
    timeout: Duration,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// An answer that came whole.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{0}` is not an http:// address")]
    Address(String),
    #[error("the request cannot be written: {0}")]
    Request(#[from] ::http::Error),
    /// Nothing was sent.
    #[error("no connection to {authority}: {cause}")]
    Connect { authority: String, cause: std::io::Error },
    /// It may have been carried out.
    #[error("no whole answer: {0}")]
    Lost(#[from] hyper::Error),
    /// It may have been carried out.
    #[error("no whole answer within {0:?}")]
    TimedOut(Duration),
}

impl Response {
    pub fn json(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::from_slice(&self.body)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's text; none if it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl HttpClient {
    /// Connects at the first request.
    pub fn new(base_url: &str) -> Result<HttpClient, Error> {
        let not_one = || Error::Address(base_url.to_owned());
        let rest = base_url.strip_prefix("http://").ok_or_else(not_one)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.is_empty() {
            return Err(not_one());
        }
        let authority =
            if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        let prefix = if path.is_empty() { String::new() } else { format!("/{}", path.trim_end_matches('/')) };
        Ok(HttpClient { authority, prefix, timeout: TIMEOUT, connection: None })
    }

    pub fn with_timeout(mut self, timeout: Duration) -> HttpClient {
        self.timeout = timeout;
        self
    }

    /// `path` begins with a slash and may have a query.
    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Response, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(header::HOST, &self.authority);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into()))?;
        let timeout = self.timeout;
        match tokio::time::timeout(timeout, self.exchange(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                self.connection = None;
                Err(error)
            }
            // The answer may still be on its way: the connection must not carry another request.
            Err(_) => {
                self.connection = None;
                Err(Error::TimedOut(timeout))
            }
        }
    }

    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<Response, Error> {
        self.request(Method::GET, path, headers, Bytes::new()).await
    }

    pub async fn post(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Response, Error> {
        self.request(Method::POST, path, headers, body).await
    }

    /// Connects now, so that the next request leaves at once.
    pub async fn open(&mut self) -> Result<(), Error> {
        let connection = match self.kept().await {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        self.connection = Some(connection);
        Ok(())
    }

    /// The connection that was kept, if it still carries anything.
    async fn kept(&mut self) -> Option<SendRequest<Full<Bytes>>> {
        let mut kept = self.connection.take()?;
        kept.ready().await.ok().map(|()| kept)
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Response, Error> {
        let mut connection = match self.kept().await {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let response = connection.send_request(request).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        self.connection = Some(connection);
        Ok(Response { status: parts.status, headers: parts.headers, body })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Error> {
        let failed = |cause| Error::Connect { authority: self.authority.clone(), cause };
        let stream = TcpStream::connect(&self.authority).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with the sender. What broke it is told to whoever waits for an answer.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Bytes as Sent;
    use axum::routing::{get, post};
    use tokio::net::TcpListener;

    use super::*;

    async fn served() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let echo = |headers: HeaderMap, body: Sent| async move {
            let key = headers.get("idempotency-key").unwrap().to_str().unwrap().to_owned();
            ([("x-key", key)], body)
        };
        let slow = || std::future::pending::<&'static str>();
        let router = Router::new()
            .route("/deep/echo", post(echo))
            .route("/slow", get(slow))
            .route("/closing", get(|| async { ([("connection", "close")], "bye") }));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn a_connection_carries_many_requests_and_is_made_again() {
        let base_url = served().await;
        let mut client = HttpClient::new(&format!("{base_url}/deep/")).unwrap();
        for body in ["one", "two"] {
            let answer = client.post("/echo", &[("idempotency-key", body)], body).await.unwrap();
            assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, body));
            assert_eq!(answer.header("x-key"), Some(body));
        }
        let mut client = HttpClient::new(&base_url).unwrap();
        for _ in 0..2 {
            assert_eq!(client.get("/closing", &[]).await.unwrap().text(), "bye");
        }
    }

    #[tokio::test]
    async fn what_was_not_sent_is_told_from_what_was_lost() {
        let mut client = HttpClient::new(&served().await).unwrap().with_timeout(Duration::from_millis(50));
        assert!(matches!(client.get("/slow", &[]).await, Err(Error::TimedOut(_))));
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let mut client = HttpClient::new(&format!("http://{closed}")).unwrap();
        assert!(matches!(client.get("/", &[]).await, Err(Error::Connect { .. })));
        assert!(HttpClient::new("https://example.com").is_err());
        assert!(HttpClient::new("http://").is_err());
    }
}
