//! `/openapi.json`, and pages to read. They load nothing from other servers.
//!
//! The reference of the API is Scalar's, compiled in. It shows the document and sends requests to
//! this server; everything else that it can do is switched off in `docs/start.js`, and prevented by
//! [`REFERENCE_POLICY`].

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};

use super::App;
use super::read_request::JSON;

const INDEX: &str = include_str!("docs/index.html");
const PAGE: &str = include_str!("docs/page.html");
const SCRIPT: &str = "text/javascript; charset=utf-8";
const START: &str = include_str!("docs/start.js");
/// The page's own style only.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";
/// Scripts of this server only; they put styles and pictures into the page and send requests to
/// this server.
const REFERENCE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; \
     img-src 'self' data: blob:; font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

static REFERENCE: LazyLock<Bytes> = LazyLock::new(|| {
    scalar_api_reference::get_asset("scalar.js").expect("the crate brings its script").into()
});

pub async fn openapi(State(app): State<App>) -> Response {
    ([(CONTENT_TYPE, JSON)], app.openapi.clone()).into_response()
}

/// What this server is, for a person who opens the address in a browser.
pub async fn index() -> Response {
    html(POLICY, INDEX.to_owned())
}

pub async fn page() -> Response {
    html(REFERENCE_POLICY, PAGE.to_owned())
}

/// Five million characters, so a browser asks each time whether they have changed.
pub async fn reference(headers: HeaderMap) -> Response {
    let tag = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
    let unchanged = headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag);
    let headers_sent = [(CONTENT_TYPE, SCRIPT), (CACHE_CONTROL, "no-cache"), (ETAG, tag)];
    if unchanged {
        return (StatusCode::NOT_MODIFIED, headers_sent).into_response();
    }
    (headers_sent, REFERENCE.clone()).into_response()
}

pub async fn start() -> Response {
    ([(CONTENT_TYPE, SCRIPT), (CACHE_CONTROL, "no-cache")], START).into_response()
}

/// The page that the `type` of a problem document points to.
pub async fn errors() -> Response {
    html(POLICY, errors_page())
}

fn html(policy: &'static str, text: String) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

fn errors_page() -> String {
    use std::fmt::Write as _;
    let mut rows = String::new();
    for code in api::Code::documented() {
        let (name, status) = (code.name(), code.status());
        let (title, advice) = (code.title(), code.advice());
        let retry = if code.is_retryable() { "yes" } else { "no" };
        writeln!(
            rows,
            "<tr id=\"{name}\"><td><code>{name}</code></td><td>{status}</td><td>{retry}</td><td>{title}</td><td>{advice}</td></tr>"
        )
        .expect("writing to a String cannot fail");
    }
    include_str!("docs/errors.html").replace("<!-- rows -->", &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_an_anchor() {
        let page = errors_page();
        for code in api::Code::documented() {
            assert!(page.contains(&format!("id=\"{}\"", code.name())), "{code:?}");
        }
        assert!(!page.contains("lease_lost"), "no client ever sees it");
        assert!(!page.contains("<!-- rows -->"));
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for reference in ["http://", "https://", "//cdn", "@import", " src=\"//"] {
            for text in [PAGE, START, INDEX, &errors_page()] {
                assert!(!text.contains(reference), "{reference}");
            }
        }
        assert!(!REFERENCE_POLICY.contains("http") && !REFERENCE_POLICY.contains('*'));
    }
}
