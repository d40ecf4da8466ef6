//! The SDK's spans behind our port.

use parking_lot::Mutex;
use std::borrow::Cow;

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
};
use opentelemetry::{Context, Key, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;

use server::ports::telemetry::{Collector, SpanSide, TraceSpan};

#[derive(Debug)]
pub struct OtlpSdk {
    tracer: SdkTracer,
}

impl OtlpSdk {
    pub fn new(tracer: SdkTracer) -> OtlpSdk {
        OtlpSdk { tracer }
    }
}

impl Collector for OtlpSdk {
    fn begin(&self, name: String, side: SpanSide, headers: Option<&HeaderMap>) -> Box<dyn TraceSpan> {
        let parent = headers.map_or_else(Context::new, |headers| {
            TraceContextPropagator::new().extract_with_context(&Context::new(), &Traceparent(headers))
        });
        Box::new(Recorded::begin(&self.tracer, name, side, &parent))
    }
}

/// Only `traceparent` (W3C Trace Context, section 3.2). Its companion `tracestate` contains any
/// text of the client, and would go to the collector.
struct Traceparent<'a>(&'a HeaderMap);

const TRACEPARENT: &str = "traceparent";

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(TRACEPARENT).iter();
        let value = if key == TRACEPARENT { values.next()?.to_str().ok()? } else { return None };
        // Two values are ignored, because it is not known which is right.
        values.next().is_none().then_some(value)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

#[derive(Debug)]
struct Recorded {
    tracer: SdkTracer,
    context: SpanContext,
    span: Mutex<opentelemetry_sdk::trace::Span>,
}

impl Recorded {
    fn begin(tracer: &SdkTracer, name: String, side: SpanSide, parent: &Context) -> Recorded {
        let kind = match side {
            SpanSide::Server => SpanKind::Server,
            SpanSide::Client => SpanKind::Client,
            SpanSide::Internal => SpanKind::Internal,
        };
        let span = tracer.build_with_context(SpanBuilder::from_name(name).with_kind(kind), parent);
        Recorded { tracer: tracer.clone(), context: span.span_context().clone(), span: Mutex::new(span) }
    }

    /// A span that is not sampled is not recorded at all.
    fn with(&self, act: impl FnOnce(&mut opentelemetry_sdk::trace::Span)) {
        if self.context.is_sampled() {
            act(&mut self.span.lock());
        }
    }
}

impl TraceSpan for Recorded {
    fn trace_id(&self) -> Option<String> {
        self.context.is_sampled().then(|| self.context.trace_id().to_string())
    }

    fn begin(&self, name: String, side: SpanSide) -> Box<dyn TraceSpan> {
        let parent = Context::new().with_remote_span_context(self.context.clone());
        Box::new(Recorded::begin(&self.tracer, name, side, &parent))
    }

    fn set(&self, name: &str, value: String) {
        // The names of the conventions contain a dot; our own names get a prefix with one.
        let key = if name.contains('.') { name.to_owned() } else { format!("surehold.{name}") };
        self.with(|span| span.set_attribute(KeyValue::new(Key::new(key), value)));
    }

    fn fail(&self, reason: &'static str) {
        self.with(|span| {
            span.set_status(Status::Error { description: Cow::Borrowed(reason) });
            span.set_attribute(KeyValue::new("error.type", reason));
        });
    }

    fn end(&self) {
        self.with(opentelemetry::trace::Span::end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn parent(headers: &[(&'static str, &str)]) -> Option<(String, bool, String)> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Traceparent(&map));
        let span = context.span();
        let found = span.span_context();
        let parent = (found.trace_id().to_string(), found.is_sampled(), found.trace_state().header());
        found.is_valid().then_some(parent)
    }

    #[test]
    fn only_traceparent_is_taken_from_a_request() {
        let sampled = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let unsampled = format!("00-{TRACE}-00f067aa0ba902b7-00");
        let of = |sampled| Some((TRACE.to_owned(), sampled, String::new()));
        assert_eq!(parent(&[("traceparent", &sampled)]), of(true));
        assert_eq!(parent(&[("traceparent", &unsampled)]), of(false));
        assert_eq!(parent(&[("traceparent", &sampled), ("tracestate", "ana=ana%40example.com")]), of(true));
        assert_eq!(parent(&[("traceparent", &sampled), ("traceparent", &unsampled)]), None);
        for not_one in ["", "x", "00-0-0-01", &sampled.to_uppercase(), &sampled[..20]] {
            assert_eq!(parent(&[("traceparent", not_one)]), None, "{not_one}");
        }
        assert_eq!(parent(&[]), None);
    }
}
