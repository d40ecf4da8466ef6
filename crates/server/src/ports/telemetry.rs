//! Spans, as those who do the work see them: whether somebody collects them is not theirs to know.

use std::fmt::Debug;
use std::sync::OnceLock;

use futures_util::future::BoxFuture;
use http::HeaderMap;

/// Who is on the other side of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanSide {
    /// Somebody asked us.
    Server,
    /// We ask somebody.
    Client,
    Internal,
}

/// A piece of work that is under way. Dropped, it has ended.
pub trait TraceSpan: Debug + Send + Sync {
    /// `None`: this trace is not among those that are kept.
    fn trace_id(&self) -> Option<String>;
    /// A piece of this piece.
    fn begin(&self, name: String, side: SpanSide) -> Box<dyn TraceSpan>;
    fn set(&self, name: &str, value: String);
    /// It did not come to its end, or not to a good one.
    fn fail(&self, reason: &'static str);
    /// It ends now; whatever is said of it afterwards is not heard.
    fn end(&self);
}

/// Whoever collects.
pub trait Collector: Debug + Send + Sync {
    /// The first span of this process in a trace. The headers may say which.
    fn begin(&self, name: String, side: SpanSide, headers: Option<&HeaderMap>) -> Box<dyn TraceSpan>;
}

static COLLECTOR: OnceLock<Box<dyn Collector>> = OnceLock::new();

/// Once a process; `false` if somebody collects already.
pub fn collect_with(collector: Box<dyn Collector>) -> bool {
    COLLECTOR.set(collector).is_ok()
}

/// The span of work that nobody in this process asked for. `None` while nobody collects.
pub fn begin(name: impl FnOnce() -> String) -> Option<Box<dyn TraceSpan>> {
    Some(COLLECTOR.get()?.begin(name(), SpanSide::Internal, None))
}

/// The span of a request. `None` while nobody collects.
pub fn begin_request(name: impl FnOnce() -> String, headers: &HeaderMap) -> Option<Box<dyn TraceSpan>> {
    Some(COLLECTOR.get()?.begin(name(), SpanSide::Server, Some(headers)))
}

/// What collects traces outside this process, before it is started.
pub trait TelemetryAdapter: Debug {
    /// Where the traces go, for the log.
    fn address(&self) -> String;

    /// From now on work has spans. Once a process, and inside the runtime. A collector that is out of reach is
    /// no reason not to start.
    fn start(&self) -> Result<Box<dyn RunningTelemetry>, String>;
}

pub trait RunningTelemetry: Send {
    /// Sends what waits.
    fn stop(self: Box<Self>) -> BoxFuture<'static, ()>;
}
