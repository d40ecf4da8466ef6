//! One kept connection to one server, without TLS: what a load generator, a scenario of faults and a
//! test need.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Uri, header};
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use tower::ServiceExt as _;

use crate::http_client::{before_an_answer, read_whole};
use crate::{Error, HttpReply, connector, error_chain};

/// A server that is silent for this long has lost the request, as far as the caller can see.
const TIMEOUT: Duration = Duration::from_secs(35);
/// Books and metrics of a long run under load.
const REPLY_BYTES_MAX: usize = 1 << 30;

/// Connects at the first request, and again after the connection broke. It carries one request at a
/// time, and sends none twice.
pub struct HttpConnection {
    /// Without a slash at its end.
    base_url: String,
    timeout: Duration,
    kept: Option<SendRequest<Full<Bytes>>>,
}

impl HttpConnection {
    /// A base URL that is not an `http` address is reported by the first request.
    pub fn new(base_url: &str) -> HttpConnection {
        HttpConnection { base_url: base_url.trim_end_matches('/').to_owned(), timeout: TIMEOUT, kept: None }
    }

    pub fn with_timeout(mut self, timeout: Duration) -> HttpConnection {
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
    ) -> Result<HttpReply, Error> {
        let uri = self.uri(path)?;
        let origin_form = uri.path_and_query().map_or(path, |path| path.as_str());
        let mut request = Request::builder().method(method).uri(origin_form);
        if let Some(authority) = uri.authority() {
            request = request.header(header::HOST, authority.as_str());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).map_err(not_a_request)?;
        let timeout = self.timeout;
        // A reply that is late may still come: `exchange` keeps no connection that waits for one.
        tokio::time::timeout(timeout, self.exchange(uri, request))
            .await
            .unwrap_or_else(|_| Err(Error::Broken(format!("no whole answer within {timeout:?}"))))
    }

    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<HttpReply, Error> {
        self.request(Method::GET, path, headers, Bytes::new()).await
    }

    pub async fn post(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<HttpReply, Error> {
        self.request(Method::POST, path, headers, body).await
    }

    /// Connects now, so that the next request leaves at once.
    pub async fn open(&mut self) -> Result<(), Error> {
        let uri = self.uri("/")?;
        self.kept = Some(self.connected(uri).await?);
        Ok(())
    }

    fn uri(&self, path: &str) -> Result<Uri, Error> {
        Uri::try_from(format!("{}{path}", self.base_url)).map_err(not_a_request)
    }

    async fn exchange(&mut self, uri: Uri, request: Request<Full<Bytes>>) -> Result<HttpReply, Error> {
        let mut connection = self.connected(uri).await?;
        let response = connection.send_request(request).await.map_err(|error| before_an_answer(&error))?;
        let reply = read_whole(response, REPLY_BYTES_MAX).await?;
        self.kept = Some(connection);
        Ok(reply)
    }

    /// The kept connection if it still carries anything, or a new one.
    async fn connected(&mut self, uri: Uri) -> Result<SendRequest<Full<Bytes>>, Error> {
        if let Some(mut kept) = self.kept.take()
            && kept.ready().await.is_ok()
        {
            return Ok(kept);
        }
        let stream = connector::plain().oneshot(uri).await;
        let stream = stream.map_err(|error| Error::NotSent(error_chain(&error)))?;
        let (sender, connection) =
            handshake(stream).await.map_err(|error| Error::NotSent(error_chain(&error)))?;
        // The connection ends with its sender, which also reports what broke it.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

fn not_a_request(error: impl Into<http::Error>) -> Error {
    Error::NotSent(format!("the request cannot be written: {}", error.into()))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Bytes as Body;
    use axum::routing::{get, post};
    use http::HeaderMap;
    use tokio::net::TcpListener;

    use super::*;

    async fn serve() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let echo = |headers: HeaderMap, body: Body| async move {
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
        let base_url = serve().await;
        let mut connection = HttpConnection::new(&format!("{base_url}/deep/"));
        for body in ["one", "two"] {
            let reply = connection.post("/echo", &[("idempotency-key", body)], body).await.unwrap();
            assert_eq!((reply.status.as_u16(), reply.text().as_str()), (200, body));
            assert_eq!(reply.header("x-key"), Some(body));
        }
        let mut connection = HttpConnection::new(&base_url);
        for _ in 0..2 {
            assert_eq!(connection.get("/closing", &[]).await.unwrap().text(), "bye");
        }
    }

    #[tokio::test]
    async fn what_was_not_sent_is_distinguished_from_what_was_lost() {
        let mut slow = HttpConnection::new(&serve().await).with_timeout(Duration::from_millis(50));
        assert!(matches!(slow.get("/slow", &[]).await, Err(Error::Broken(_))));
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for base_url in [&format!("http://{closed}"), "https://127.0.0.1", "http://", "nonsense"] {
            let lost = HttpConnection::new(base_url).get("/", &[]).await.unwrap_err();
            assert!(matches!(lost, Error::NotSent(_)), "{base_url}: {lost}");
        }
    }
}
