//! Every address, and what stands behind it.

use api::Code;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::guard::guard;
use super::{
    App, RefusedRequest, api_keys, bookings, catalogue, dead_letters, docs, events, health, history, ledger,
    ops, payments, refunds,
};

/// The API, and whatever else the program listens to (`extra`), under one guard.
pub fn router(app: App, extra: Router) -> Router {
    let routes = Router::new()
        .route("/v1/products", get(catalogue::products::list).post(catalogue::create_product::create))
        .route("/v1/products/{id}", get(catalogue::products::one).patch(catalogue::change_product::change))
        .route("/v1/products/{id}/slots", post(catalogue::add_slots::add))
        .route("/v1/availability", get(catalogue::availability::find))
        .route("/v1/bookings", get(bookings::find::find).post(bookings::reserve::reserve))
        .route("/v1/bookings/{id}", get(bookings::one::one))
        .route("/v1/bookings/{id}/cancel", post(bookings::cancel::cancel))
        .route("/v1/bookings/{id}/history", get(history::of_booking))
        .route("/v1/payments", get(payments::find::find).post(payments::start::payment))
        .route("/v1/charges", post(payments::start::charge))
        .route("/v1/payments/{id}", get(payments::one::one))
        .route("/v1/payments/{id}/capture", post(payments::capture::capture))
        .route("/v1/payments/{id}/cancel", post(payments::cancel::cancel))
        .route("/v1/payments/{id}/refunds", get(refunds::of_payment).post(payments::refund::refund))
        .route("/v1/payments/{id}/movements", get(payments::movements::list))
        .route("/v1/payments/{id}/history", get(history::of_payment))
        .route("/v1/refunds/{id}", get(refunds::one))
        .route("/v1/refunds/{id}/history", get(history::of_refund))
        .route("/v1/ledger/accounts", get(ledger::accounts))
        .route("/v1/ledger/transfers", get(ledger::transfers))
        .route("/v1/events", get(events::after))
        .route("/v1/ops/review_cases", get(ops::review_cases))
        .route("/v1/ops/review_cases/{id}/resolve", post(ops::resolve))
        .route("/v1/ops/dead_letters", get(dead_letters::list))
        .route("/v1/ops/dead_letters/{id}", get(dead_letters::one))
        .route("/v1/ops/dead_letters/{id}/history", get(dead_letters::history))
        .route("/v1/ops/dead_letters/{id}/retry", post(dead_letters::retry))
        .route("/v1/ops/dead_letters/{id}/discard", post(dead_letters::discard))
        .route("/v1/ops/api_keys", get(api_keys::list).post(api_keys::create))
        .route("/v1/ops/api_keys/{id}/revoke", post(api_keys::revoke))
        .route("/v1/ops/breakers", get(ops::breakers))
        .route("/v1/ops/settings", get(ops::settings).patch(ops::change_settings))
        .merge(health_routes())
        .route("/openapi.json", get(docs::openapi))
        .route("/", get(docs::index))
        .route("/docs", get(docs::page))
        .route("/docs/reference.js", get(docs::reference))
        .route("/docs/start.js", get(docs::start))
        .route("/docs/errors", get(docs::errors))
        .with_state(app.clone())
        .merge(extra);
    guarded(app, routes)
}

/// What a process without the API still answers: whether it is alive and ready, and its numbers.
pub fn probes(app: App) -> Router {
    guarded(app.clone(), health_routes().with_state(app))
}

fn health_routes() -> Router<App> {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
}

/// Whatever else is asked for is refused as everything is, and everything is limited and counted.
fn guarded(app: App, routes: Router) -> Router {
    routes
        .fallback(|| async { RefusedRequest::from(Code::NotFound) })
        .method_not_allowed_fallback(|| async { RefusedRequest::from(Code::MethodNotAllowed) })
        .layer(from_fn_with_state(app, guard))
}
