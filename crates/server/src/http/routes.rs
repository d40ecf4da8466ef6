//! Every address, and what stands behind it.

use api::Code;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use super::endpoint::Endpoint;
use super::endpoints::{self, operations};
use super::guard::guard;
use super::{App, RefusedRequest, docs};

/// The API, and whatever else the program listens to (`extra`), under one guard.
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

/// What a process without the API still answers: whether it is alive and ready, and its numbers.
pub fn probes(app: App) -> Router {
    let probes = operations::PROBES.iter().map(|endpoint| endpoint());
    guarded(app.clone(), served(probes).with_state(app))
}

fn served(endpoints: impl Iterator<Item = Endpoint>) -> Router<App> {
    endpoints.fold(Router::new(), |router, Endpoint { operation, route }| router.route(operation.path, route))
}

/// Whatever else is asked for is refused as everything is, and everything is limited and counted.
fn guarded(app: App, routes: Router) -> Router {
    routes
        .fallback(|| async { RefusedRequest::from(Code::NotFound) })
        .method_not_allowed_fallback(|| async { RefusedRequest::from(Code::MethodNotAllowed) })
        .layer(from_fn_with_state(app, guard))
}
