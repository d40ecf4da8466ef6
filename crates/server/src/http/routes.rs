//! Every address and its handler.

use api::Code;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use super::endpoint::Endpoint;
use super::endpoints::{self, operations};
use super::guard::guard;
use super::{App, RefusedRequest, docs};

/// The API, and the program's other addresses (`extra`), under one guard.
pub fn router(app: App, extra: Router) -> Router {
    let routes = served(endpoints::all())
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

/// The addresses of a process without the API: whether it is alive and ready, and its metrics.
pub fn probes(app: App) -> Router {
    let probes = operations::PROBES.iter().map(|endpoint| endpoint());
    guarded(app.clone(), served(probes).with_state(app))
}

fn served(endpoints: impl Iterator<Item = Endpoint>) -> Router<App> {
    endpoints.fold(Router::new(), |router, Endpoint { operation, route }| router.route(operation.path, route))
}

/// Every other address gets a problem document, and every request is limited and counted.
fn guarded(app: App, routes: Router) -> Router {
    routes
        .fallback(|| async { RefusedRequest::from(Code::NotFound) })
        .method_not_allowed_fallback(|| async { RefusedRequest::from(Code::MethodNotAllowed) })
        .layer(from_fn_with_state(app, guard))
}
