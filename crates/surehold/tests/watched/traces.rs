//! Traces of the program: the spans of a charge, and what clients see if a collector fails.

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::{Value, json};
use testkit::{Engine, until};

use crate::collector::{Collector, Mood, attribute};
use crate::deployment::Deployment;
use crate::logs::{MARK, customer, secrets};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

fn of(span: &Span, key: &str) -> Option<String> {
    attribute(&span.attributes, key)
}

fn of_trace(collector: &Collector, trace: &str) -> Vec<Span> {
    let mut spans = collector.spans();
    spans.retain(|span| hex::encode(&span.trace_id) == trace);
    spans
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} is not among {names:?}"))
}

fn log(deployment: &Deployment) -> String {
    std::fs::read_to_string(deployment.installation.log("server")).unwrap()
}

fn count(text: &str, phrase: &str) -> usize {
    text.matches(phrase).count()
}

/// Pays for a booking and returns the payment.
async fn pay(deployment: &Deployment, key: &str, headers: &[(&str, &str)]) -> Value {
    let booking = deployment.reserve(&format!("{key}-reserve"), &customer()).await;
    let body = json!({
        "booking_id": booking["id"], "provider": "stripe", "payment_method": "pm_card_visa",
        "metadata": { "note": "qz7 metadata" }, "return_url": "https://example.com/qz7",
    });
    let answer = deployment.post_with("/v1/payments", key, headers, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_is_one_trace_with_its_ids_and_nobodys_data() {
    let collector = Collector::open(Mood::Takes).await;
    let section = collector.section("headers = { authorization = \"Bearer for-the-collector\" }");
    let mut deployment = Deployment::open(Engine::Sqlite, &section).await;
    let headers = [
        ("traceparent", &*traceparent("01")),
        ("tracestate", "qz7=qz7"),
        ("x-request-id", "the-charge"),
        ("user-agent", "qz7"),
    ];
    let payment = pay(&deployment, "qz7-pay", &headers).await;
    collector.spans_named("drive charge", 1).await;
    collector.spans_named("POST /v1/payments", 1).await;

    let spans = of_trace(&collector, TRACE);
    let request = named(&spans, "POST /v1/payments");
    assert_eq!(
        (request.kind, hex::encode(&request.parent_span_id)),
        (SpanKind::Server as i32, PARENT.to_owned())
    );
    let tenant = deployment.installation.tenant.tenant_id.clone();
    let operation = payment["id"].as_str().unwrap().to_owned();
    for (key, value) in [
        ("surehold.work", "request"),
        ("surehold.request_id", "the-charge"),
        ("surehold.tenant", &tenant),
        ("surehold.operation", &operation),
        ("http.request.method", "POST"),
        ("http.route", "/v1/payments"),
        ("http.response.status_code", "201"),
    ] {
        assert_eq!(of(request, key).as_deref(), Some(value), "{key}");
    }
    for key in ["surehold.client", "surehold.key"] {
        assert!(of(request, key).is_some(), "{key}");
    }
    let drive = named(&spans, "drive charge");
    assert_eq!((drive.kind, &drive.parent_span_id), (SpanKind::Internal as i32, &request.span_id));
    assert_eq!(of(drive, "surehold.operation"), Some(operation.clone()));
    for call in ["stripe create", "stripe confirm"] {
        let call = named(&spans, call);
        assert_eq!((call.kind, &call.parent_span_id), (SpanKind::Client as i32, &drive.span_id));
        assert_eq!(of(call, "surehold.answer").as_deref(), Some("object"));
        assert!(call.start_time_unix_nano <= call.end_time_unix_nano);
    }
    // The provider's event belongs to no client's trace, and is found by its payment. Of several
    // events the first that is collected may be one that changes nothing.
    until("the event of the payment is collected", async || {
        let events = collector.spans_named("event stripe", 1).await;
        events.iter().any(|event| of(event, "surehold.operation").as_ref() == Some(&operation)).then_some(())
    })
    .await;
    assert_eq!(attribute(&collector.resource(), "service.name").as_deref(), Some("surehold"));
    assert_eq!(collector.headers()[0]["authorization"], "Bearer for-the-collector");

    failures_are_marked(&deployment, &collector).await;
    // The last spans are sent before the process ends.
    assert_eq!(deployment.get("/v1/ledger/accounts").await.status, 200);
    deployment.stop_server().await;
    let names: Vec<String> = collector.spans().into_iter().map(|span| span.name).collect();
    assert!(names.iter().any(|name| name == "GET /v1/ledger/accounts"), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("health") || name.contains("metrics")), "{names:?}");
    nothing_of_anybodys(&deployment, &collector);
    deployment.close().await;
}

/// A reused key, whose log line names the trace; and a call whose reply was lost.
async fn failures_are_marked(deployment: &Deployment, collector: &Collector) {
    let other = json!({
        "amount": { "minor": 700, "currency": "EUR" }, "provider": "stripe", "payment_method": "pm_card_visa",
    });
    let headers = [("traceparent", &*traceparent("01"))];
    let reused = deployment.post_with("/v1/charges", "qz7-pay", &headers, &other).await;
    assert_eq!(reused.status, 422, "{}", reused.text());
    let spans = collector.spans_named("POST /v1/charges", 1).await;
    assert_eq!(of(&spans[0], "surehold.code").as_deref(), Some("idempotency_key_reused"));
    assert_eq!(spans[0].status.clone().unwrap_or_default().code, StatusCode::Unset as i32);
    let line =
        log(deployment).lines().find(|line| line.contains("idempotency_key_reused")).unwrap().to_owned();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["trace_id"], TRACE, "{line}");

    let faults = json!({ "seed": 1, "commit_then_drop": 1 });
    let mut sandbox = outbound::HttpConnection::new(&deployment.sandbox.base_url);
    let json = [("content-type", "application/json")];
    assert!(sandbox.post("/sandbox/faults", &json, faults.to_string()).await.unwrap().status.is_success());
    let lost = deployment.post_with("/v1/charges", "qz7-lost", &[("prefer", "respond-async")], &other).await;
    assert_eq!(lost.status, 202, "{}", lost.text());
    let failed = until("a lost call is collected", async || {
        let failed = |span: &Span| of(span, "error.type").as_deref() == Some("unknown");
        collector.spans().into_iter().find(failed)
    })
    .await;
    assert_eq!(failed.status.unwrap_or_default().code, StatusCode::Error as i32);
    assert!(sandbox.post("/sandbox/faults", &json, "{}").await.unwrap().status.is_success());
}

fn nothing_of_anybodys(deployment: &Deployment, collector: &Collector) {
    for bytes in collector.bytes() {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        for secret in secrets(deployment) {
            assert!(!text.contains(&secret), "a span contains {secret}");
        }
        assert!(!text.contains(MARK));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_sampled_are_collected() {
    let collector = Collector::open(Mood::Takes).await;
    let deployment = Deployment::open(Engine::Sqlite, &collector.section("sample_ratio = 0.0")).await;
    pay(&deployment, "unsampled", &[("traceparent", &*traceparent("00"))]).await;
    pay(&deployment, "of-ours", &[]).await;
    let sampled = pay(&deployment, "sampled", &[("traceparent", &*traceparent("01"))]).await;
    collector.spans_named("POST /v1/payments", 1).await;
    let drives = collector.spans_named("drive charge", 1).await;
    let operations: Vec<_> = drives.iter().map(|drive| of(drive, "surehold.operation").unwrap()).collect();
    assert_eq!(operations, [sampled["id"].as_str().unwrap()]);
    let strangers = collector.spans().into_iter().filter(|span| hex::encode(&span.trace_id) != TRACE).count();
    assert_eq!(strangers, 0);
    deployment.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_changes_nothing_for_clients() {
    let collector = Collector::open(Mood::Refuses).await;
    let deployment = Deployment::open(Engine::Sqlite, &collector.section("")).await;
    deployment.live_a_day().await;
    deployment.counted().await;
    let fate = async |fate: &str| {
        deployment.scrape().await.sum("surehold_trace_spans_total", &[("fate", fate)]).unwrap()
    };
    until("two batches are lost", async || {
        let _asked = deployment.get("/v1/ledger/accounts").await;
        (collector.bytes().len() >= 2 && fate("lost").await > 0.5).then_some(())
    })
    .await;
    assert_eq!(count(&log(&deployment), "the collector takes no traces"), 1, "logged once");
    collector.turns(Mood::Takes);
    until("the next batch arrives", async || {
        let _asked = deployment.get("/v1/ledger/accounts").await;
        (fate("exported").await > 0.5).then_some(())
    })
    .await;
    until("it is logged", async || (count(&log(&deployment), "takes traces again") == 1).then_some(())).await;
    deployment.close().await;

    let nobody = "[telemetry]\notlp_endpoint = \"http://127.0.0.1:1\"\n";
    let mut deployment = Deployment::open(Engine::Sqlite, nobody).await;
    deployment.live_a_day().await;
    deployment.counted().await;
    deployment.stop_server().await;
    let log_text = log(&deployment);
    let line = log_text.lines().find(|line| line.contains("the collector takes no traces")).unwrap();
    assert!(line.contains("Connection refused"), "{line}");
    deployment.close().await;
}

/// Spans that wait; the queue has room for 2048.
const MORE_THAN_WAIT: usize = 2_400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_hangs_costs_spans_and_nothing_else() {
    let collector = Collector::open(Mood::Hangs).await;
    let mut deployment = Deployment::open(Engine::Sqlite, &collector.section("timeout_ms = 60000")).await;
    let mut client = outbound::HttpConnection::new(&deployment.base_url);
    for _ in 0..MORE_THAN_WAIT {
        assert_eq!(client.get("/v1/products", &[]).await.unwrap().status, 401);
    }
    let dropped =
        deployment.scrape().await.sum("surehold_trace_spans_total", &[("fate", "dropped")]).unwrap();
    assert!(dropped > 0.5, "{dropped}");
    assert_eq!(count(&log(&deployment), "too many spans wait"), 1, "logged once");
    deployment.live_a_day().await;
    deployment.counted().await;
    deployment.stop_server().await;
    assert_eq!(count(&log(&deployment), "did not reach the collector"), 1);
    deployment.close().await;
}
