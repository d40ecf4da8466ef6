//! A panic is logged once, with its location and the current work, and is counted. The request that
//! panicked gets a response, and the server goes on.
//!
//! A separate test program, because the hook, the log and the metrics belong to the process.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

#[path = "http/test_server.rs"]
#[expect(dead_code, reason = "another suite needs more of it")]
mod test_server;

use axum::Router;
use axum::routing::get;
use server::http::router;
use server::{metrics, panics};

use testkit::{LogLine, keep_log};

use crate::test_server::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_logged_counted_and_survived() {
    let handle = metrics::install(std::iter::empty()).unwrap();
    let lines = keep_log();
    panics::install();
    let server = TestServer::serving(|app| {
        let trap = get(async || assert!(std::hint::black_box(false), "a trap for tests"));
        router(app, Router::new().route("/trap", trap))
    })
    .await;
    assert!(handle.render().contains("surehold_panics_total 0"));
    let answer = server.get("/trap").header("x-request-id", "trapped-1").refused(500, "internal_error").await;
    assert_eq!(answer.header("x-request-id"), Some("trapped-1"));
    server.get("/health/ready").by("").expect(200).await;
    assert!(handle.render().contains("surehold_panics_total 1"), "{}", handle.render());
    let lines = lines.so_far();
    let of_request: Vec<&LogLine> =
        lines.iter().filter(|line| line.get("request_id").is_some_and(|id| id == "trapped-1")).collect();
    let panic_line = of_request.iter().find(|line| line["message"] == "a panic").unwrap();
    assert_eq!((panic_line["panic"].as_str(), panic_line["work"].as_str()), ("a trap for tests", "request"));
    assert!(panic_line["at"].contains("tests/panics.rs:"), "{panic_line:?}");
    assert!(panic_line["backtrace"].contains("panics::"), "{panic_line:?}");
    let failed = of_request.iter().find(|line| line["message"] == "a request failed").unwrap();
    assert_eq!(failed["code"], "internal_error");
}
