//! `/openapi.json`, and three pages to read: nothing of them is loaded from elsewhere.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use super::App;
use super::look::JSON;

const INDEX: &str = include_str!("docs/index.html");
const PAGE: &str = include_str!("docs/page.html");
/// The page's own script and style, and this server; nothing else.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub async fn openapi(State(app): State<App>) -> Response {
    ([(CONTENT_TYPE, JSON)], app.openapi.clone()).into_response()
}

/// What this is, for whoever opens the address in a browser.
pub async fn index() -> Response {
    html(INDEX.to_owned())
}

pub async fn page() -> Response {
    html(PAGE.to_owned())
}

/// Where the `type` of a problem document leads.
pub async fn errors() -> Response {
    html(errors_page())
}

fn html(text: String) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

fn errors_page() -> String {
    use std::fmt::Write as _;
    let mut rows = String::new();
    for code in api::Code::told() {
        let (name, status) = (code.name(), code.status());
        let (title, advice) = (code.title(), code.advice());
        let retry = if code.is_retryable() { "yes" } else { "no" };
        writeln!(
            rows,
            "<tr id=\"{name}\"><td><code>{name}</code></td><td>{status}</td><td>{retry}</td><td>{title}</td><td>{advice}</td></tr>"
        )
        .expect("a String takes whatever is written to it");
    }
    include_str!("docs/errors.html").replace("<!-- rows -->", &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_place_to_link_to() {
        let page = errors_page();
        for code in api::Code::told() {
            assert!(page.contains(&format!("id=\"{}\"", code.name())), "{code:?}");
        }
        assert!(!page.contains("lease_lost"), "no client ever sees it");
        assert!(!page.contains("<!-- rows -->"));
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for word in ["http://", "https://", "//cdn", "@import", " src=", "<link"] {
            assert!(!PAGE.contains(word) && !INDEX.contains(word), "{word}");
        }
    }
}
