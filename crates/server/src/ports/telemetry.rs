//! Spans, for the code that does the work. It does not know whether traces are collected.

use std::fmt::Debug;
use std::sync::OnceLock;

use futures_util::future::BoxFuture;
use http::HeaderMap;

/// The side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanSide {
    /// We received the request.
    Server,
    /// We make the request.
    Client,
    Internal,
}

/// A piece of work in progress. Dropping it ends it.
pub trait TraceSpan: Debug + Send + Sync {
    /// `None`: this trace is not sampled.
    fn trace_id(&self) -> Option<String>;
    /// Begins a span below this one.
    fn begin(&self, name: String, side: SpanSide) -> Box<dyn TraceSpan>;
    fn set(&self, name: &str, value: String);
    /// The work did not end, or ended badly.
    fn fail(&self, reason: &'static str);
    /// Ends the span now. Later changes have no effect.
    fn end(&self);
}

/// A collector of spans.
pub trait Collector: Debug + Send + Sync {
    /// The first span of this process in a trace. The headers may name the trace.
    fn begin(&self, name: String, side: SpanSide, headers: Option<&HeaderMap>) -> Box<dyn TraceSpan>;
}

static COLLECTOR: OnceLock<Box<dyn Collector>> = OnceLock::new();

/// Called once per process; `false` if there is a collector already.
pub fn collect_with(collector: Box<dyn Collector>) -> bool {
    COLLECTOR.set(collector).is_ok()
}

/// The span of work that no request started. `None` while there is no collector.
pub fn begin(name: impl FnOnce() -> String) -> Option<Box<dyn TraceSpan>> {
    Some(COLLECTOR.get()?.begin(name(), SpanSide::Internal, None))
}

/// The span of a request. `None` while there is no collector.
pub fn begin_request(name: impl FnOnce() -> String, headers: &HeaderMap) -> Option<Box<dyn TraceSpan>> {
    Some(COLLECTOR.get()?.begin(name(), SpanSide::Server, Some(headers)))
}

/// A collector outside this process, before it is started.
pub trait TelemetryAdapter: Debug {
    /// The address of the collector, for the log.
    fn address(&self) -> String;

    /// From now on work has spans. Called once per process, inside the runtime. An unreachable
    /// collector does not prevent the start.
    fn start(&self) -> Result<Box<dyn RunningTelemetry>, String>;
}

pub trait RunningTelemetry: Send {
    /// Sends the spans that wait.
    fn stop(self: Box<Self>) -> BoxFuture<'static, ()>;
}
