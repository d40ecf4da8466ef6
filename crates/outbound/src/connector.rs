//! The way to a server: name, connection and TLS under one limit of time.
//!
//! That limit is what makes "not sent" provable: whatever fails in here failed before a byte of the
//! request was written.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use tower::Service;

use crate::identity::ClientIdentity;

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Made<S> = <S as Service<Uri>>::Response;

#[cfg(feature = "tls")]
type Inner = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Inner = HttpConnector;

#[derive(Clone)]
pub struct Connector {
    inner: Inner,
    timeout: Duration,
}

impl Connector {
    pub fn new(timeout: Duration, identity: Option<&ClientIdentity>) -> Result<Connector, String> {
        Ok(Connector { inner: secured(plain(), identity)?, timeout })
    }
}

/// Without TLS.
pub fn plain() -> HttpConnector {
    let mut http = HttpConnector::new();
    // A request is one small packet that waits for its answer: there is nothing to gather.
    http.set_nodelay(true);
    http.set_keepalive(Some(Duration::from_secs(30)));
    http
}

#[cfg(not(feature = "tls"))]
fn secured(http: HttpConnector, identity: Option<&ClientIdentity>) -> Result<Inner, String> {
    identity.map_or(Ok(()), ClientIdentity::check)?;
    Ok(http)
}

#[cfg(feature = "tls")]
fn secured(mut http: HttpConnector, identity: Option<&ClientIdentity>) -> Result<Inner, String> {
    http.enforce_http(false);
    let config = crate::identity::tls::config(identity)?;
    let builder = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config);
    Ok(builder.https_or_http().enable_http1().wrap_connector(http))
}

impl Service<Uri> for Connector {
    type Response = Made<Inner>;
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failed>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        self.inner.poll_ready(context).map_err(boxed)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, timeout) = (self.inner.call(uri), self.timeout);
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(made) => made.map_err(boxed),
                Err(_) => Err(format!("no connection within {} ms", timeout.as_millis()).into()),
            }
        })
    }
}

/// The connector with TLS boxes its errors itself, the plain one does not.
fn boxed(error: impl Into<Failed>) -> Failed {
    error.into()
}
