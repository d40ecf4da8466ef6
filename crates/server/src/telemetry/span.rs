//! Spans, as those who do the work see them: whether somebody collects them is not theirs to know.

use std::fmt::Debug;
use std::sync::OnceLock;

use axum::extract::MatchedPath;
use http::{HeaderMap, Method, Request};

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

/// The span of a request. Probes have none, nor has what matches no address: they would be most of all.
pub fn of_request<B>(request: &Request<B>, route: Option<&MatchedPath>) -> Option<Box<dyn TraceSpan>> {
    let collector = COLLECTOR.get()?;
    let route = route?.as_str();
    if !(route.starts_with("/v1/") || route.starts_with("/webhooks/")) {
        return None;
    }
    let method = method(request.method());
    let span = collector.begin(format!("{method} {route}"), SpanSide::Server, Some(request.headers()));
    span.set("http.request.method", method.to_owned());
    span.set("http.route", route.to_owned());
    Some(span)
}

/// A client may call its method anything.
fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}
