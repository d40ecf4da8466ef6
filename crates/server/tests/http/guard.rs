//! The checks before every endpoint: the caller, the address, and the limits.

use api::limits::BODY_BYTES_MAX;
use domain::Timestamp;
use serde_json::Value;
use server::http::Limits;
use testkit::{ALL_SCOPES, Engine, ONE, OnEngine as _};

use crate::test_server::TestServer;

testkit::on_both_engines![a_stranger_gets_nowhere, probes_and_pages];

async fn a_stranger_gets_nowhere(server: TestServer) {
    server.provision_keys(ONE, &[("sk_revoked", &ALL_SCOPES, Some(Timestamp(1)))]).await;
    for secret in ["", "sk_none", "sk_revoked", "sk_one_", &"s".repeat(300)] {
        let refused = server.get("/v1/products").by(secret).refused(401, "unauthenticated").await;
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    server
        .get("/v1/products")
        .by("")
        .header("authorization", "Basic c2tfb25l")
        .refused(401, "unauthenticated")
        .await;
    server.get("/v1/products").expect(200).await;
}

async fn probes_and_pages(server: TestServer) {
    assert_eq!(server.get("/health/live").by("").expect(200).await.text, "alive\n");
    assert_eq!(server.get("/health/ready").by("").expect(200).await.text, "ready\n");
    assert!(server.get("/metrics").by("").expect(200).await.text.contains("surehold_up 1"));
    let page = server.get("/docs").by("").expect(200).await;
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(server.get("/docs/errors").by("").expect(200).await.text.contains("id=\"slot_is_full\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stops_is_not_ready_and_keeps_no_connection() {
    let server = TestServer::on(Engine::Sqlite).await;
    let kept = server.get("/health/ready").by("").expect(200).await;
    assert_eq!(kept.header("connection"), None);
    server.app.leave();
    let leaving = server.get("/health/ready").by("").expect(503).await;
    assert_eq!((leaving.text.as_str(), leaving.header("connection")), ("leaving\n", Some("close")));
    // The process is alive, and still serves clients that have not noticed.
    assert_eq!(server.get("/health/live").by("").expect(200).await.header("connection"), Some("close"));
    assert_eq!(server.get("/v1/products").expect(200).await.header("connection"), Some("close"));
    assert_eq!(server.get("/v1/none").refused(404, "not_found").await.header("connection"), Some("close"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_endpoint_is_guarded() {
    let server = TestServer::on(Engine::Sqlite).await;
    let document = server.get("/openapi.json").by("").expect(200).await.body;
    let id = "00000000-0000-0000-0000-000000000001";
    let mut served = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, specification) in item.as_object().unwrap() {
            let answer =
                server.request(&method.to_uppercase(), &path.replace("{id}", id)).by("").send().await;
            let expected = if specification["security"].is_array() { 401 } else { 200 };
            assert_eq!(answer.status, expected, "{method} {path}: {}", answer.text);
            served += 1;
        }
    }
    assert!(served > 25, "{served}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_address_is_refused() {
    let server = TestServer::on(Engine::Sqlite).await;
    for path in ["/v1", "/v2/bookings", "/v1/bookings/", "/v1/bookings/not-an-id"] {
        server.get(path).refused(404, "not_found").await;
    }
    let braces = "/v1/bookings/%7B00000000-0000-0000-0000-000000000001%7D";
    server.get(braces).refused(404, "not_found").await;
    let refused = server.request("DELETE", "/v1/bookings").refused(405, "method_not_allowed").await;
    assert_eq!(refused.header("allow"), Some("GET,HEAD,POST"));
    server.request("PUT", "/health/live").refused(405, "method_not_allowed").await;
    server.get("/v1/events?after=-1").refused(400, "validation_failed").await;
    server.get("/v1/events").expect(200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_names_its_request() {
    let server = TestServer::on(Engine::Sqlite).await;
    let given = server.get("/v1/none").header("x-request-id", "req-7").refused(404, "not_found").await;
    assert_eq!(
        (given.header("x-request-id"), &given.body["request_id"]),
        (Some("req-7"), &Value::from("req-7"))
    );
    let odd = server.get("/v1/products").header("x-request-id", "a b").expect(200).await;
    assert_eq!(odd.header("x-request-id").unwrap().len(), 36);
    let made = server.get("/v1/products").by("").refused(401, "unauthenticated").await;
    assert_eq!(made.header("x-request-id"), made.body["request_id"].as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_an_internal_error() {
    let server = TestServer::on(Engine::Sqlite).await;
    let answer = server.get("/extra/panic").refused(500, "internal_error").await;
    assert!(!answer.text.contains("on purpose"));
    server.get("/health/live").expect(200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_and_bodies_have_limits() {
    let server = TestServer::on(Engine::Sqlite).await;
    let long = format!("/v1/products?cursor={}", "0".repeat(3_000));
    server.get(&long).refused(414, "address_is_too_long").await;
    server
        .get("/v1/products")
        .header("x-large", &"x".repeat(20_000))
        .refused(431, "headers_are_too_large")
        .await;
    let huge = vec![b' '; BODY_BYTES_MAX + 1];
    server.request("POST", "/v1/bookings").bytes(huge).key("k").refused(413, "body_is_too_large").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_is_shed_and_probes_go_on() {
    let server = TestServer::with(Limits { requests_max: 0, ..Limits::default() }).await;
    let refused = server.get("/v1/products").refused(503, "overloaded").await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.body["retryable"], true);
    server.get("/health/ready").expect(200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_without_the_api_answers_probes_alone() {
    let server = TestServer::of_a_worker().await;
    for (path, text) in
        [("/health/live", "alive\n"), ("/health/ready", "ready\n"), ("/metrics", "surehold_up 1\n")]
    {
        let answer = server.get(path).by("").expect(200).await;
        assert_eq!(answer.text, text);
        assert!(answer.header("x-request-id").is_some(), "{path} is guarded");
    }
    for path in ["/v1/products", "/v1/ops/settings", "/openapi.json", "/docs", "/webhooks/stripe/main"] {
        server.get(path).refused(404, "not_found").await;
    }
    server.request("POST", "/health/live").refused(405, "method_not_allowed").await;
    let large = server.get("/health/live").header("x-large", &"x".repeat(20_000));
    large.refused(431, "headers_are_too_large").await;
}
