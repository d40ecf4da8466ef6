//! OTLP over HTTP, with the SDK of OpenTelemetry.
//!
//! | file | its part |
//! |---|---|
//! | `collector` | spans of the SDK behind our port, and the trace that a request belongs to |
//! | `queue` | so many spans may wait; what becomes of each is counted |
//! | `courier` | the HTTP client that brings batches to the collector |
//!
//! The SDK sends on a thread of its own, one batch at a time. What a collector does not take is lost: to
//! say it again would keep what comes after it waiting.

mod collector;
mod queue;
mod span_sender;

use std::collections::HashMap;

use domain::Ids as _;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanLimits,
};

use self::collector::OtlpSdk;
use self::queue::{Bounded, Counted, QueueStats};
use self::span_sender::SpanSender;
use super::{BATCH_MAX, Error, PAUSE, QUEUE_MAX, STOP_MAX, Settings};
use crate::ids::UuidV7;
use crate::ports::telemetry;

/// Traces, while they are collected.
pub struct Telemetry {
    provider: SdkTracerProvider,
}

impl Telemetry {
    /// From now on errands are spans. Once a process, and inside the runtime. A collector that is out of
    /// reach is no reason not to start.
    pub fn start(settings: &Settings) -> Result<Telemetry, Error> {
        let error = |error: &dyn std::error::Error| Error(error.to_string());
        let books = QueueStats::default();
        let courier = SpanSender::new(settings, books.clone()).map_err(Error)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(courier)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(settings.endpoint.to_string())
            .with_timeout(settings.timeout)
            .with_headers(HashMap::new())
            .with_retry_policy(RetryPolicy::default().with_max_retries(0))
            .build()
            .map_err(|failed| error(&failed))?;
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
            return Err(Error("traces are collected already".to_owned()));
        }
        Ok(Telemetry { provider })
    }

    /// Sends what waits, for [`STOP_MAX`] at most.
    pub async fn stop(self) {
        let stopping = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(STOP_MAX));
        if let Ok(Err(error)) = stopping.await {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

/// Who we are. Nothing is taken from the environment here: the configuration is read elsewhere.
fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("surehold")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", UuidV7::default().next().to_string()),
        ])
        .build()
}
