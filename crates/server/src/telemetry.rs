//! Traces: what an work_context came to, for those who collect such things with OpenTelemetry.
//!
//! | piece | what it is |
//! |---|---|
//! | [`ports::telemetry`](crate::ports::telemetry) | spans that exist only while somebody collects them |
//! | `otlp` | OTLP over HTTP: the sampler, the queue, and the way to the collector |
//!
//! An work_context is what is done; while traces are collected it is a span as well, with the same ids that the
//! log has, and a call to a provider is a span below it. While they are not, there is no span, and nothing
//! is paid for but a look at whether there is somebody. Decision 0018 says why.
//!
//! **Nobody waits for a collector.** A span that ends goes into a queue of [`QUEUE_MAX`]; where there is no
//! room it is dropped and counted. Metrics do not go this way: they are Prometheus' (`/metrics`).
//!
//! What must never be here: a name, an address, an amount, a secret, an error's text, or anything else that
//! a client or a provider sent, but for the request's id and the trace that it belongs to.

#[cfg(feature = "otel")]
mod otlp;

use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

#[cfg(feature = "otel")]
pub use otlp::Telemetry;

/// Spans that wait for the collector; one more is dropped.
pub const QUEUE_MAX: usize = 2_048;
/// Spans that go to the collector at once.
pub const BATCH_MAX: usize = 512;
/// So often what waits is sent.
pub const PAUSE: Duration = Duration::from_secs(2);
/// What waits at the end has so long to leave.
pub const STOP_MAX: Duration = Duration::from_secs(5);

/// Where OTLP says that traces go, below the collector's address.
const TRACES: &str = "/v1/traces";

#[derive(Clone, Debug)]
pub struct Settings {
    /// With the path.
    pub endpoint: Uri,
    /// For a collector that wants to know who sends. Their values are not shown.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The part of the traces that begin here that is kept. One that began elsewhere was decided on there.
    pub sample_ratio: f64,
    /// For one batch, from the connection to the answer.
    pub timeout: Duration,
}

impl Settings {
    /// `endpoint` is the collector's address; the path of traces is added where it is missing.
    pub fn new(endpoint: &str) -> Result<Settings, String> {
        let whole = match endpoint.trim_end_matches('/') {
            whole if whole.ends_with(TRACES) => whole.to_owned(),
            base => format!("{base}{TRACES}"),
        };
        let endpoint: Uri = whole.parse().map_err(|_| "it is no address".to_owned())?;
        match endpoint.scheme_str() {
            Some("http") => {}
            Some("https") if cfg!(feature = "tls") => {}
            Some("https") => return Err("this build has no TLS; build with --features tls".to_owned()),
            _ => return Err("it begins with http:// or https://".to_owned()),
        }
        let authority = endpoint.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err("it holds no password; give the collector a header".to_owned());
        }
        Ok(Settings { endpoint, headers: Vec::new(), sample_ratio: 1.0, timeout: Duration::from_secs(5) })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("telemetry: {0}")]
pub struct Error(pub String);

/// What a build without it has instead.
#[cfg(not(feature = "otel"))]
pub struct Telemetry(std::convert::Infallible);

#[cfg(not(feature = "otel"))]
impl Telemetry {
    pub fn start(_: &Settings) -> Result<Telemetry, Error> {
        Err(Error("this build has no OpenTelemetry; build with --features otel".to_owned()))
    }

    #[expect(clippy::unused_async, reason = "the same signature with and without it")]
    pub async fn stop(self) {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_added_where_it_is_missing() {
        let check = |given: &str, expected: Result<&str, &str>| {
            let endpoint = Settings::new(given).map(|settings| settings.endpoint.to_string());
            assert_eq!(endpoint, expected.map(str::to_owned).map_err(str::to_owned), "{given}");
        };
        check("http://localhost:4318", Ok("http://localhost:4318/v1/traces"));
        check("http://localhost:4318/", Ok("http://localhost:4318/v1/traces"));
        check("http://localhost:4318/v1/traces", Ok("http://localhost:4318/v1/traces"));
        check("http://localhost/otlp/", Ok("http://localhost/otlp/v1/traces"));
        check("localhost:4318", Err("it is no address"));
        check("grpc://localhost:4317", Err("it begins with http:// or https://"));
        check("http://u:hunter2@localhost", Err("it holds no password; give the collector a header"));
        let secured = if cfg!(feature = "tls") {
            Ok("https://c.example/v1/traces")
        } else {
            Err("this build has no TLS; build with --features tls")
        };
        check("https://c.example", secured);
    }
}
