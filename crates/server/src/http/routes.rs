//! Every address, and what stands behind it.

use api::Code;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::endpoints::{
    api_keys, bookings, catalogue, dead_letters, events, ledger, ops, payments, probes, refunds,
};
use super::guard::guard;
use super::{App, RefusedRequest, docs};

/// The API, and whatever else the program listens to (`extra`), under one guard.
pub fn router(app: App, extra: Router) -> Router {
    let routes = Router::new()
        .route("/v1/products", get(catalogue::list_products::handle).post(catalogue::create_product::handle))
        .route(
            "/v1/products/{id}",
            get(catalogue::get_product::handle).patch(catalogue::change_product::handle),
        )
        .route("/v1/products/{id}/slots", post(catalogue::add_slots::handle))
        .route("/v1/availability", get(catalogue::get_availability::handle))
        .route("/v1/bookings", get(bookings::find_bookings::handle).post(bookings::create_booking::handle))
        .route("/v1/bookings/{id}", get(bookings::get_booking::handle))
        .route("/v1/bookings/{id}/cancel", post(bookings::cancel_booking::handle))
        .route("/v1/bookings/{id}/history", get(bookings::get_booking_history::handle))
        .route("/v1/payments", get(payments::find_payments::handle).post(payments::create_payment::handle))
        .route("/v1/charges", post(payments::create_charge::handle))
        .route("/v1/payments/{id}", get(payments::get_payment::handle))
        .route("/v1/payments/{id}/capture", post(payments::capture_payment::handle))
        .route("/v1/payments/{id}/cancel", post(payments::cancel_payment::handle))
        .route(
            "/v1/payments/{id}/refunds",
            get(refunds::list_refunds::handle).post(refunds::create_refund::handle),
        )
        .route("/v1/payments/{id}/movements", get(payments::list_movements::handle))
        .route("/v1/payments/{id}/history", get(payments::get_payment_history::handle))
        .route("/v1/refunds/{id}", get(refunds::get_refund::handle))
        .route("/v1/refunds/{id}/history", get(refunds::get_refund_history::handle))
        .route("/v1/ledger/accounts", get(ledger::list_accounts::handle))
        .route("/v1/ledger/transfers", get(ledger::list_transfers::handle))
        .route("/v1/events", get(events::list_events::handle))
        .route("/v1/ops/review_cases", get(ops::list_review_cases::handle))
        .route("/v1/ops/review_cases/{id}/resolve", post(ops::resolve_review_case::handle))
        .route("/v1/ops/dead_letters", get(dead_letters::list_dead_letters::handle))
        .route("/v1/ops/dead_letters/{id}", get(dead_letters::get_dead_letter::handle))
        .route("/v1/ops/dead_letters/{id}/history", get(dead_letters::get_dead_letter_history::handle))
        .route("/v1/ops/dead_letters/{id}/retry", post(dead_letters::retry_dead_letter::handle))
        .route("/v1/ops/dead_letters/{id}/discard", post(dead_letters::discard_dead_letter::handle))
        .route(
            "/v1/ops/api_keys",
            get(api_keys::list_api_keys::handle).post(api_keys::create_api_key::handle),
        )
        .route("/v1/ops/api_keys/{id}/revoke", post(api_keys::revoke_api_key::handle))
        .route("/v1/ops/breakers", get(ops::list_breakers::handle))
        .route("/v1/ops/settings", get(ops::get_settings::handle).patch(ops::change_settings::handle))
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
        .route("/health/live", get(probes::get_liveness::handle))
        .route("/health/ready", get(probes::get_readiness::handle))
        .route("/metrics", get(probes::get_metrics::handle))
}

/// Whatever else is asked for is refused as everything is, and everything is limited and counted.
fn guarded(app: App, routes: Router) -> Router {
    routes
        .fallback(|| async { RefusedRequest::from(Code::NotFound) })
        .method_not_allowed_fallback(|| async { RefusedRequest::from(Code::MethodNotAllowed) })
        .layer(from_fn_with_state(app, guard))
}
