//! Around every request: its id, its limits, its panic, its problem document and its count.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use api::Code;
use api::validation_errors::ValidationErrors;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt as _;
use http::header::{CACHE_CONTROL, CONNECTION, HOST, X_CONTENT_TYPE_OPTIONS};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Version};
use tracing::Instrument as _;

use super::refused::{self, RefusedRequest, StoredCode};
use super::request_id::{self, RequestId};
use super::{App, Limits, idempotency_key};
use crate::metrics::catalogue::{HTTP_REQUEST_SECONDS, HTTP_REQUESTS};
use crate::metrics::labels::{Route, StatusLabel};
use crate::ports::telemetry::{self, TraceSpan};
use crate::work_context::{self, WorkContext};

pub async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let request_id = RequestId::of(request.headers(), &*app.parts.ids);
    let route = request.extensions().get::<MatchedPath>().cloned();
    request.extensions_mut().insert(request_id.clone());
    let span = span(&request, route.as_ref());
    let work_context = Arc::new(WorkContext::request(request_id.shared(), span));
    request.extensions_mut().insert(work_context.clone());
    let span = tracing::debug_span!("request", request_id = request_id.as_str());

    let answered = answer(&app, request, next, &work_context).instrument(span).await;
    let answered = answered.map(|mut response| match response.extensions_mut().remove::<RefusedRequest>() {
        Some(refused) => Err(refused),
        None => Ok(response),
    });
    let path = route.as_ref().map(MatchedPath::as_str);
    let mut code = None;
    let mut response = answered.flatten().unwrap_or_else(|refused| {
        code = Some(refused.problem.code.clone());
        work_context::within(&work_context, || refused.log(path));
        refused::response(refused, &request_id)
    });
    if let Some(StoredCode(stored)) = response.extensions_mut().remove() {
        work_context::within(&work_context, || refused::log_refusal(path, &stored));
        code = Some(stored);
    }
    if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    forbid_caching(response.headers_mut());
    if app.is_leaving() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    count(route.as_ref(), response.status(), began);
    work_context.is_answered(response.status(), code.as_deref());
    response
}

/// Probes have none, nor has a request that matches no address: they would outnumber all others.
fn span(request: &Request, route: Option<&MatchedPath>) -> Option<Box<dyn TraceSpan>> {
    let route = route?.as_str();
    if !(route.starts_with("/v1/") || route.starts_with("/webhooks/")) {
        return None;
    }
    let method = method(request.method());
    let span = telemetry::begin_request(|| format!("{method} {route}"), request.headers())?;
    span.set("http.request.method", method.to_owned());
    span.set("http.route", route.to_owned());
    Some(span)
}

/// A client may send any text as its method.
fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

/// A response belongs to one tenant and is true for a moment, so nobody may store it or guess its
/// type. A page that sets these headers itself keeps its own.
fn forbid_caching(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

async fn answer(
    app: &App,
    request: Request,
    next: Next,
    work_context: &Arc<WorkContext>,
) -> Result<Response, RefusedRequest> {
    check_head(&request, app.limits())?;
    check_texts(&request)?;
    // Probes and webhooks have their own limits: to shed them would hide a fault, or lose an event.
    let webhooks_too = fault_injection::is(fault_injection::InjectedFault::WebhooksTakeRequests);
    let _permit = if webhooks_too || request.uri().path().starts_with("/v1/") {
        Some(app.room.try_acquire().map_err(|_| Code::Overloaded)?)
    } else {
        None
    };
    let answer = AssertUnwindSafe(work_context::on(work_context.clone(), next.run(request))).catch_unwind();
    match tokio::time::timeout(app.limits().request_timeout, answer).await {
        Ok(Ok(response)) => Ok(response),
        // The panic was logged when it happened.
        Ok(Err(_)) => Err(Code::InternalError.into()),
        Err(_) => {
            let limit = app.limits().request_timeout;
            Err(RefusedRequest::from(Code::RequestTimedOut)
                .because(format!("it took longer than {} ms", limit.as_millis())))
        }
    }
}

fn check_head(request: &Request, limits: &Limits) -> Result<(), Code> {
    let uri = request.uri();
    let address_bytes = uri.path().len() + uri.query().map_or(0, str::len);
    if address_bytes > limits.address_bytes_max {
        return Err(Code::AddressIsTooLong);
    }
    let header_bytes: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if !names_one_host(request) {
        return Err(Code::HostHeaderMalformed);
    }
    if request.headers().len() > limits.headers_max || header_bytes > limits.header_bytes_max {
        return Err(Code::HeadersAreTooLarge);
    }
    Ok(())
}

/// RFC 9112 section 3.2: with no host, two hosts, or an invalid one, a proxy in front may have read
/// another host than we do. A client older than HTTP/1.1 need not name one.
fn names_one_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.is_empty() || is_host(host.as_bytes()),
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

fn is_host(host: &[u8]) -> bool {
    Authority::try_from(host).is_ok() && !host.contains(&b'@')
}

/// The texts that a client chooses outside the body, which is checked when it is read. A webhook's
/// address is chosen by the operator, and is checked when it is configured.
fn check_texts(request: &Request) -> Result<(), RefusedRequest> {
    let uri = request.uri();
    if !uri.path().starts_with("/v1/") {
        return Ok(());
    }
    let mut findings = ValidationErrors::default();
    findings.card_numbers_in_address(uri.path(), uri.query());
    for key in request.headers().get_all(idempotency_key::HEADER) {
        findings.card_numbers_in_header("Idempotency-Key", key.as_bytes());
    }
    findings.none_or(())?;
    let mut findings = ValidationErrors::default();
    findings.controls_in_query(uri.query().unwrap_or_default());
    Ok(findings.none_or(())?)
}

fn count(route: Option<&MatchedPath>, status: http::StatusCode, began: Instant) {
    let route = Route::of(route);
    HTTP_REQUESTS.increment((route, StatusLabel(status)));
    HTTP_REQUEST_SECONDS.record(route, began.elapsed());
}
