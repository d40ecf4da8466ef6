//! Traces: work contexts as spans, for collectors of OpenTelemetry.
//!
//! | piece | what it is |
//! |---|---|
//! | [`server::ports::telemetry`] | the port: spans that exist only while they are collected |
//! | `collector` | spans of the SDK behind our port, and the trace of a request |
//! | `queue` | limits the spans that wait, and counts the result of each |
//! | `span_sender` | the HTTP client that sends batches to the collector |
//!
//! The SDK sends on its own thread, one batch at a time. A batch that the collector does not accept
//! is lost: to repeat it would delay the next ones.
//!
//! While traces are collected, a work context has a span, with the same ids as the log, and a call
//! to a provider has a span below it. Otherwise there is no span, and the only cost is the check
//! whether there is a collector. Decision 0018 gives the reasons.
//!
//! **Nothing waits for a collector.** A span that ends goes into a queue of [`QUEUE_MAX`]; without
//! room it is dropped and counted. Metrics are not sent this way: Prometheus reads them
//! (`/metrics`).
//!
//! What must never be here: a name, an address, an amount, a secret, the text of an error, or
//! anything else that a client or a provider sent, except the request's id and the trace that it
//! belongs to.

mod collector;
mod queue;
mod span_sender;

use std::collections::HashMap;
use std::time::Duration;

use domain::Ids as _;
use futures_util::future::{BoxFuture, FutureExt as _};
use http::{HeaderName, HeaderValue, Uri};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanLimits,
};
use server::ids::UuidV7;
use server::ports::telemetry::{self, RunningTelemetry, TelemetryAdapter};

use self::collector::OtlpSdk;
use self::queue::{Bounded, Counted, QueueStats};
use self::span_sender::SpanSender;

/// Spans that wait for the collector; one more is dropped.
const QUEUE_MAX: usize = 2_048;
const BATCH_MAX: usize = 512;
const PAUSE: Duration = Duration::from_secs(2);
/// The time for the last spans when the process ends.
const STOP_MAX: Duration = Duration::from_secs(5);

/// The path of traces in OTLP, below the collector's address.
const TRACES: &str = "/v1/traces";

#[derive(Clone, Debug)]
pub struct Settings {
    /// With the path.
    pub endpoint: Uri,
    /// For a collector that authenticates the sender. Their values are never shown.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The part of the traces beginning here that is kept. For a trace that began elsewhere the
    /// caller has decided.
    pub sample_ratio: f64,
    /// For one batch, from the connection to the reply.
    pub timeout: Duration,
}

impl Settings {
    /// `endpoint` is the collector's address; the path of traces is added if it is missing.
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

struct Telemetry {
    provider: SdkTracerProvider,
}

impl TelemetryAdapter for Settings {
    fn address(&self) -> String {
        self.endpoint.to_string()
    }

    fn start(&self) -> Result<Box<dyn RunningTelemetry>, String> {
        let telemetry = Telemetry::start(self).map_err(|why| format!("telemetry: {why}"))?;
        Ok(Box::new(telemetry))
    }
}

impl Telemetry {
    fn start(settings: &Settings) -> Result<Telemetry, String> {
        let books = QueueStats::default();
        let courier = SpanSender::new(settings, books.clone())?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(courier)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(settings.endpoint.to_string())
            .with_timeout(settings.timeout)
            .with_headers(HashMap::new())
            .with_retry_policy(RetryPolicy::default().with_max_retries(0))
            .build()
            .map_err(|error| error.to_string())?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .with_scheduled_delay(PAUSE)
            .build();
        let processor = BatchSpanProcessor::new(Counted::new(exporter, books.clone()), batches);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Bounded::new(processor, books))
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio))))
            .with_span_limits(SpanLimits::default())
            .with_resource(resource())
            .build();
        if !telemetry::collect_with(Box::new(OtlpSdk::new(provider.tracer("surehold")))) {
            return Err("traces are collected already".to_owned());
        }
        Ok(Telemetry { provider })
    }
}

impl RunningTelemetry for Telemetry {
    /// Takes at most [`STOP_MAX`].
    fn stop(self: Box<Self>) -> BoxFuture<'static, ()> {
        async move {
            let stopping = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(STOP_MAX));
            if let Ok(Err(error)) = stopping.await {
                tracing::warn!(%error, "the last spans did not reach the collector");
            }
        }
        .boxed()
    }
}

/// The attributes of this process. The environment is not read here, because the configuration is
/// read elsewhere.
fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("surehold")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", UuidV7::default().next().to_string()),
        ])
        .build()
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
