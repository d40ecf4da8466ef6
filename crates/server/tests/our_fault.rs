//! The provider rejects the request itself as faulty. This is our fault and no decline: the client
//! gets an internal error, the log has an ERROR, and it is counted.
//!
//! A separate test program, because the log and the metrics belong to the process.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};
use server::metrics;
use testkit::{Engine, LogLine, LogLines, TestService, charge, keep_log, with};

/// A sandbox that can be read but accepts no order.
async fn without_orders(sandbox: String) -> String {
    async fn answer(State(sandbox): State<String>, request: Request) -> Response {
        let json = [(header::CONTENT_TYPE, "application/json")];
        if request.method() != "GET" {
            let error =
                json!({ "type": "invalid_request_error", "code": "parameter_unknown", "param": "us" });
            return (axum::http::StatusCode::BAD_REQUEST, json, json!({ "error": error }).to_string())
                .into_response();
        }
        let mut forwarded = reqwest::Client::new().get(format!("{sandbox}{}", request.uri()));
        for (name, value) in request.headers().iter().filter(|(name, _)| *name != header::HOST) {
            forwarded = forwarded.header(name, value);
        }
        let seen = forwarded.send().await.unwrap();
        (seen.status(), json, Body::from(seen.bytes().await.unwrap())).into_response()
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, Router::new().fallback(answer).with_state(sandbox)).await });
    format!("http://{address}")
}

fn counted(page: &str, call: &str) -> u64 {
    let name =
        format!("surehold_provider_calls_total{{provider=\"stripe\",call=\"{call}\",answer=\"rejected\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_us_is_blamed() {
    let (lines, metrics) = (keep_log(), metrics::install(std::iter::empty()).unwrap());
    for engine in [Engine::Sqlite, Engine::Postgres] {
        blamed(engine, &lines, &metrics).await;
    }
}

async fn blamed(engine: Engine, lines: &LogLines, metrics: &PrometheusHandle) {
    let already = lines.so_far().len();
    let mut service = TestService::watchful(engine).await;
    let charged =
        service.one.post("/v1/charges", &charge(900, "pm_card_visa")).key("c-1").expect(201).await.id();
    let manual = with(charge(900, "pm_card_visa"), json!({ "capture": "manual" }));
    let reserved = service.one.post("/v1/payments", &manual).key("p-1").expect(201).await.id();
    service.quiet().await;
    service.stop_service().await;
    let stub = without_orders(service.provider.base_url.clone()).await;
    service.change(|settings| settings.accounts[0].settings.wire.base_url = stub);
    service.start_service().await;

    let calls = [
        ("/v1/charges".to_owned(), charge(700, "pm_card_visa"), "create"),
        (format!("/v1/payments/{charged}/refunds"), json!({}), "refund"),
        (format!("/v1/payments/{reserved}/capture"), json!({}), "capture"),
    ];
    for (path, body, call) in &calls {
        let before = counted(&metrics.render(), call);
        let refused = service.one.post(path, body).key(call).refused(424, "provider_rejected_request").await;
        assert!(refused.body["detail"].as_str().unwrap().contains("parameter_unknown"), "{}", refused.text);
        assert!(counted(&metrics.render(), call) > before, "{}", metrics.render());
        let own = |line: &&LogLine| line["level"] == "ERROR" && line.get("call").is_some_and(|of| of == call);
        let lines = lines.so_far();
        let line = lines[already..].iter().find(own).unwrap_or_else(|| panic!("no line of {call}"));
        assert_eq!(line["code"], "parameter_unknown");
    }
    // Nothing moved, and nothing stays locked.
    service.stop_service().await;
    let sandbox = service.provider.base_url.clone();
    service.change(|settings| settings.accounts[0].settings.wire.base_url = sandbox);
    service.start_service().await;
    let kept = service.one.post(&calls[0].0, &calls[0].1).key("create");
    assert!(kept.refused(424, "provider_rejected_request").await.is_replay());
    for (path, body, status) in [(&calls[1].0, &calls[1].1, 201), (&calls[2].0, &calls[2].1, 200)] {
        service.one.post(path, body).key(&format!("again-{status}")).expect(status).await;
    }
    let books = service.quiet().await;
    assert_eq!(books.stands(&charged), ("succeeded", 900, 900, 900));
    assert_eq!(books.stands(&reserved), ("succeeded", 900, 900, 0));
    let declined = |seen: &Value| seen["state"] == "failed";
    let listed = service.one.see("/v1/payments").await["data"].clone();
    assert_eq!(listed.as_array().unwrap().iter().filter(|seen| declined(seen)).count(), 1);
    service.end().await;
}
