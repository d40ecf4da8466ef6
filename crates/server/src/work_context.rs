//! A work context: the current work, and the tenant that it is for. Every log line that is written
//! meanwhile names it, also that of a panic.
//!
//! Tenant and operation become known during the work, so each is set once, when it is known. A work
//! context is not a span: a span costs microseconds per request, this a few atomic operations, and
//! few requests have a log line. If traces are collected, it has a span ([`telemetry`]), which
//! begins and ends with it and gets its fields at the end.
//!
//! What must never be here: a name, an address, a secret, or anything else that a client sent,
//! except the request's id.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use domain::{ClientId, KeyId, TenantId};
use http::StatusCode;
use uuid::Uuid;

use crate::metrics::catalogue::FAILURES;
use crate::metrics::labels::{Label as _, Reason, WorkLabel};
use crate::ports::telemetry::{self, SpanSide, TraceSpan};

#[derive(Debug)]
pub struct WorkContext {
    /// For example `request`.
    pub kind: &'static str,
    /// The request's id, as the client knows it.
    request: Option<Arc<str>>,
    tenant: OnceLock<TenantId>,
    client: OnceLock<ClientId>,
    key: OnceLock<KeyId>,
    operation: OnceLock<Uuid>,
    /// Only if traces are collected.
    span: Option<Box<dyn TraceSpan>>,
}

impl WorkContext {
    /// `what` is the work within its kind, such as the `charge` that is driven. It is a part of the
    /// current work context, if there is one.
    pub fn new(kind: &'static str, what: &'static str) -> WorkContext {
        let name = || format!("{kind} {what}");
        let span = match current() {
            Some(work_context) => work_context.begin(name, SpanSide::Internal),
            None => telemetry::begin(name),
        };
        WorkContext::with(kind, None, span)
    }

    pub fn request(id: Arc<str>, span: Option<Box<dyn TraceSpan>>) -> WorkContext {
        WorkContext::with("request", Some(id), span)
    }

    fn with(kind: &'static str, request: Option<Arc<str>>, span: Option<Box<dyn TraceSpan>>) -> WorkContext {
        WorkContext {
            kind,
            request,
            tenant: OnceLock::new(),
            client: OnceLock::new(),
            key: OnceLock::new(),
            operation: OnceLock::new(),
            span,
        }
    }

    /// Begins the span of a part that is not a work context itself.
    pub fn begin(&self, name: impl FnOnce() -> String, side: SpanSide) -> Option<Box<dyn TraceSpan>> {
        self.span.as_ref().map(|span| span.begin(name(), side))
    }

    pub fn is_for(&self, tenant: TenantId) {
        // The caller stays the same.
        let _again = self.tenant.set(tenant);
    }

    pub fn is_requested_by(&self, tenant: TenantId, client: ClientId) {
        self.is_for(tenant);
        let _again = self.client.set(client);
    }

    pub fn is_under(&self, key: KeyId) {
        let _again = self.key.set(key);
    }

    /// The payment, booking or refund that the work is about.
    pub fn is_about(&self, operation: impl Into<Uuid>) {
        let _again = self.operation.set(operation.into());
    }

    /// The response of a request, which ends the work.
    pub fn is_answered(&self, status: StatusCode, code: Option<&str>) {
        let Some(span) = &self.span else { return };
        span.set("http.response.status_code", status.as_str().to_owned());
        if let Some(code) = code {
            span.set("code", code.to_owned());
        }
        if status.is_server_error() {
            span.fail("server_error");
        }
        self.ends();
    }

    fn ends(&self) {
        let Some(span) = &self.span else { return };
        // The span belongs to that trace already.
        for (name, value) in self.fields().filter(|(name, _)| *name != TRACE_ID) {
            span.set(name, value);
        }
        span.end();
    }

    pub fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let fields = [
            ("request_id", self.request.as_ref().map(ToString::to_string)),
            ("tenant", self.tenant.get().map(ToString::to_string)),
            ("client", self.client.get().map(ToString::to_string)),
            ("key", self.key.get().map(ToString::to_string)),
            ("operation", self.operation.get().map(ToString::to_string)),
            (TRACE_ID, self.span.as_ref().and_then(|span| span.trace_id())),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        std::iter::once(("work", self.kind.to_owned())).chain(fields)
    }
}

const TRACE_ID: &str = "trace_id";

impl Drop for WorkContext {
    fn drop(&mut self) {
        if let Some(span) = &self.span
            && std::thread::panicking()
        {
            span.fail("panic");
        }
        self.ends();
    }
}

pub fn about(operation: impl Into<Uuid>) {
    if let Some(work_context) = current() {
        work_context.is_about(operation);
    }
}

/// Records that a piece of work did not come to its end.
pub fn failed(work: WorkLabel, reason: Reason) {
    FAILURES.increment((work, reason));
    if let Some(span) = current().as_ref().and_then(|work_context| work_context.span.as_ref()) {
        span.fail(reason.value());
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<WorkContext>>> = const { RefCell::new(None) };
}

pub async fn on<F: Future>(work_context: Arc<WorkContext>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(move |context| {
        let _left = enter(work_context.clone());
        future.as_mut().poll(context)
    })
    .await
}

/// Takes the current work context along to another task.
pub fn along<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let work_context = current();
    async move {
        match work_context {
            Some(work_context) => on(work_context, future).await,
            None => future.await,
        }
    }
}

/// The same for a function that does not wait.
pub fn within<T>(work_context: &Arc<WorkContext>, act: impl FnOnce() -> T) -> T {
    let _left = enter(work_context.clone());
    act()
}

pub fn current() -> Option<Arc<WorkContext>> {
    CURRENT.with_borrow(Clone::clone)
}

fn enter(work_context: Arc<WorkContext>) -> EnteredContext {
    EnteredContext(CURRENT.replace(Some(work_context)))
}

/// Restores the previous work context of the thread.
struct EnteredContext(Option<Arc<WorkContext>>);

impl Drop for EnteredContext {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn kind() -> Option<&'static str> {
        current().map(|work_context| work_context.kind)
    }

    #[tokio::test]
    async fn a_future_has_its_context_whenever_it_runs() {
        let outer = on(Arc::new(WorkContext::new("request", "test")), async {
            assert_eq!(kind(), Some("request"));
            tokio::task::yield_now().await;
            assert_eq!(kind(), Some("request"));
            on(Arc::new(WorkContext::new("drive", "charge")), async { assert_eq!(kind(), Some("drive")) })
                .await;
            assert_eq!(kind(), Some("request"));
        });
        outer.await;
        assert_eq!(kind(), None);
    }

    #[tokio::test]
    async fn a_context_is_taken_along_to_another_task() {
        let task = || tokio::spawn(along(async { kind() }));
        let within = on(Arc::new(WorkContext::new("request", "test")), async { task().await });
        assert_eq!(within.await.unwrap(), Some("request"));
        assert_eq!(task().await.unwrap(), None);
    }

    #[test]
    fn what_is_known_is_named() {
        let work_context = WorkContext::request("r-1".into(), None);
        let id = Uuid::from_u128(1);
        work_context.is_requested_by(TenantId(id), ClientId(id));
        work_context.is_about(id);
        work_context.is_about(Uuid::from_u128(2));
        let named: Vec<_> = work_context.fields().collect();
        let text = || id.to_string();
        let expected = [
            ("work", "request".to_owned()),
            ("request_id", "r-1".to_owned()),
            ("tenant", text()),
            ("client", text()),
            ("operation", text()),
        ];
        assert_eq!(named, expected, "the first values stay");
    }

    #[tokio::test]
    async fn a_context_ends_with_a_panic() {
        let panics = on(Arc::new(WorkContext::new("request", "test")), async { panic!("on purpose") });
        assert!(std::panic::AssertUnwindSafe(panics).catch_unwind().await.is_err());
        assert_eq!(kind(), None);
    }
}
