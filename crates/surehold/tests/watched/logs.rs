//! The log of the program at `debug`: each line is an object, a failure is one line with the ids
//! that it concerns, and no line contains a secret, a card number or a customer's data.

use std::path::Path;

use outbound::HttpReply;
use serde_json::{Value, json};
use testkit::program::{Ready, RunningProgram};
use testkit::{Engine, until};

use crate::deployment::Deployment;

/// The beginning of all text that clients send in this test. It occurs nowhere else.
pub const MARK: &str = "qz7";

/// One number in three spellings.
const CARD_NUMBER: [&str; 3] = ["4000056655665556", "4000 0566 5566 5556", "4000-0566-5566-5556"];

pub fn customer() -> Value {
    json!({ "name": "Qz7 Silva", "email": "qz7.silva@example.com", "phone": "+351 917 707 707" })
}

/// Text that no line may contain, in lower or upper case.
pub fn secrets(deployment: &Deployment) -> Vec<String> {
    let own = &deployment.installation.residents()[0];
    let mut secrets = vec![MARK.to_owned(), "917 707".to_owned(), "4242424242424242".to_owned()];
    secrets.extend(CARD_NUMBER.map(str::to_owned));
    // The provider's token of a card, and the form of its signatures.
    secrets.extend(["pm_card_visa".to_owned(), "t=1,v1=".to_owned()]);
    secrets.extend([&own.secret_key, &own.webhook_secret].map(String::clone));
    secrets.extend([&own.tenant.api_key, &own.tenant.ops_key].map(String::clone));
    secrets.iter().map(|secret| secret.to_lowercase()).collect()
}

async fn live(deployment: &Deployment) {
    let booking = deployment.reserve("qz7-reserve", &customer()).await;
    let pay = |method: &str| {
        json!({
            "booking_id": booking["id"], "provider": "stripe", "payment_method": method,
            "metadata": { "note": "qz7 metadata" }, "return_url": "https://example.com/qz7",
        })
    };
    assert_eq!(deployment.post("/v1/payments", "qz7-card", &pay("4242424242424242")).await.status, 400);
    assert_eq!(deployment.post("/v1/payments", "qz7-pay", &pay("pm_card_visa")).await.status, 201);
    assert_eq!(deployment.post("/v1/payments", "qz7-pay", &pay("pm_card_visa_qz7")).await.status, 422);
    assert_eq!(deployment.post("/v1/charges", "qz7-typo", &json!({ "qz7": 1 })).await.status, 400);
    assert_eq!(deployment.get("/v1/bookings?customer_email=qz7.silva@example.com").await.status, 200);
    assert_eq!(deployment.get("/v1/bookings?qz7=1").await.status, 400);
    assert_eq!(deployment.get("/v1/qz7").await.status, 404);
    let refund = json!({ "amount": { "minor": 100, "currency": "EUR" }, "reason": "qz7 reason" });
    let payments =
        deployment.get(&format!("/v1/payments?booking_id={}", booking["id"].as_str().unwrap())).await;
    let payment = payments.json().unwrap()["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        deployment.post(&format!("/v1/payments/{payment}/refunds"), "qz7-refund", &refund).await.status,
        201
    );
    send_card_numbers(deployment).await;
    let mut forger = outbound::HttpConnection::new(&deployment.base_url);
    let headers = [("stripe-signature", "t=1,v1=qz7"), ("x-request-id", "forged-1")];
    assert_eq!(forger.post(&deployment.webhooks(), &headers, "{\"qz7\":1}").await.unwrap().status, 400);
}

/// In every place of a request that may contain text.
async fn send_card_numbers(deployment: &Deployment) {
    for card in CARD_NUMBER {
        let mut charge = json!({
            "amount": { "minor": 100, "currency": "EUR" },
            "provider": "stripe", "payment_method": "pm_card_visa",
        });
        for (member, value) in [
            ("reference", json!(card)),
            ("metadata", json!({ "note": card })),
            ("metadata", json!({ card: "note" })),
            ("return_url", json!(format!("https://example.com/{card}"))),
            ("capture", json!(card)),
            (card, json!(1)),
        ] {
            let mut with = charge.clone();
            with[member] = value;
            refused(&deployment.post("/v1/charges", "qz7-number", &with).await);
        }
        let named = json!({ "slot_id": card, "units": [], "customer": { "name": card, "email": card } });
        refused(&deployment.post("/v1/bookings", "qz7-number", &named).await);
        refused(&deployment.post("/v1/charges", card, &charge).await);
        let address = card.replace(' ', "%20");
        refused(&deployment.get(&format!("/v1/payments?reference={address}")).await);
        refused(&deployment.get(&format!("/v1/payments?{address}=1")).await);
        refused(&deployment.get(&format!("/v1/payments/{address}")).await);
        let twice = format!("{{\"{card}\":1,\"{card}\":1}}");
        refused(&deployment.post_text("/v1/charges", "qz7-number", twice).await);
        charge["reference"] = json!(4_000_056_655_665_556_i64);
        // A number instead of a text, which must not be repeated either.
        refused_as(&deployment.post("/v1/charges", "qz7-number", &charge).await, "validation_failed");
        let named = [("x-request-id", card)];
        assert_eq!(deployment.post_with("/v1/charges", "qz7-odd", &named, &json!({})).await.status, 400);
    }
}

fn refused(response: &HttpReply) {
    refused_as(response, "card_number_refused");
}

fn refused_as(response: &HttpReply, code: &str) {
    assert_eq!(response.status, 400, "{}", response.text());
    assert_eq!(response.json().unwrap()["code"], code, "{}", response.text());
    let repeated = CARD_NUMBER.iter().any(|card| response.text().contains(card));
    assert!(!repeated, "{}", response.text());
}

fn lines(deployment: &Deployment) -> Vec<Value> {
    let text = std::fs::read_to_string(deployment.installation.log("server")).unwrap();
    for secret in secrets(deployment) {
        let found = text.lines().find(|line| line.to_lowercase().contains(&secret));
        assert_eq!(found, None, "the log contains {secret}");
    }
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn found<'l>(lines: &'l [Value], message: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["message"] == message).collect()
}

/// Each refusal has one line with its code, route and caller, and nothing else of the request.
async fn each_refusal_has_one_line(deployment: &Deployment) {
    let tenant = Some(deployment.installation.tenant.tenant_id.as_str());
    let declined = json!({
        "amount": { "minor": 700, "currency": "EUR" },
        "provider": "stripe", "payment_method": "pm_card_chargeDeclined",
    });
    let cents = json!({
        "amount": { "minor": 1, "currency": "EUR" }, "provider": "stripe", "payment_method": "pm_card_visa",
    });
    for (id, key, path, body, status, code) in [
        ("refused-1", "qz7-declined", "/v1/charges", &declined, 402, "payment_declined"),
        // A stored refusal is repeated, and so is one that is not stored.
        ("refused-2", "qz7-declined", "/v1/charges", &declined, 402, "payment_declined"),
        ("refused-3", "qz7-declined", "/v1/charges", &cents, 422, "idempotency_key_reused"),
        ("refused-4", "qz7-cents", "/v1/charges", &cents, 422, "amount_is_not_payable"),
        ("refused-5", "qz7-typo", "/v1/charges", &json!({ "qz7": 1 }), 400, "validation_failed"),
    ] {
        let answer = deployment.post_with(path, key, &[("x-request-id", id)], body).await;
        let problem = answer.json().unwrap();
        assert_eq!((answer.status.as_u16(), problem["code"].as_str()), (status, Some(code)), "{id}");
    }
    let mut stranger = outbound::HttpConnection::new(&deployment.base_url);
    let headers = |id| [("x-request-id", id)];
    assert_eq!(stranger.get("/v1/bookings", &headers("refused-6")).await.unwrap().status, 401);
    assert_eq!(stranger.get("/qz7", &headers("refused-7")).await.unwrap().status, 404);
    let lines = lines(deployment);
    for (id, code, route, tenant) in [
        ("refused-1", "payment_declined", Some("/v1/charges"), tenant),
        ("refused-2", "payment_declined", Some("/v1/charges"), tenant),
        ("refused-3", "idempotency_key_reused", Some("/v1/charges"), tenant),
        ("refused-4", "amount_is_not_payable", Some("/v1/charges"), tenant),
        ("refused-5", "validation_failed", Some("/v1/charges"), tenant),
        ("refused-6", "unauthenticated", Some("/v1/bookings"), None),
        ("refused-7", "not_found", None, None),
        ("forged-1", "webhook_signature_invalid", Some("/webhooks/{provider}/{account}"), tenant),
    ] {
        let of_it = |line: &&Value| line["request_id"] == id && line["level"] == "INFO";
        let found: Vec<&Value> = lines.iter().filter(of_it).collect();
        assert_eq!(found.len(), 1, "{id}: {found:?}");
        let line = found[0];
        assert_eq!(
            (line["message"].as_str(), line["code"].as_str()),
            (Some("a request was refused"), Some(code))
        );
        assert_eq!((line["route"].as_str(), line["tenant"].as_str()), (route, tenant), "{line}");
        let known = ["timestamp", "level", "target", "message", "route", "code", "work", "request_id"];
        let ids = ["tenant", "client", "key", "operation", "trace_id"];
        let members = line.as_object().unwrap().keys();
        let others: Vec<_> =
            members.filter(|name| !known.iter().chain(&ids).any(|known| *known == name.as_str())).collect();
        assert!(others.is_empty(), "{line}");
    }
}

async fn check(engine: Engine) {
    let mut deployment = Deployment::open(engine, "log = \"debug\"\n").await;
    live(&deployment).await;
    until("the refund is in the ledger", async || {
        let effects =
            deployment.scrape().await.sum("surehold_effects_applied", &[("kind", "refund.succeeded")]);
        effects.filter(|effects| *effects > 0.5)
    })
    .await;
    let lines = lines(&deployment);
    for line in &lines {
        for member in ["timestamp", "level", "target", "message"] {
            assert!(line[member].is_string(), "{member} in {line}");
        }
    }
    let mut reused = found(&lines, "a request was refused");
    reused.retain(|line| line["code"] == "idempotency_key_reused");
    assert_eq!(reused.len(), 1, "once");
    assert_eq!(reused[0]["tenant"], deployment.installation.tenant.tenant_id.as_str(), "{}", reused[0]);
    assert_eq!(reused[0]["route"], "/v1/payments");
    for member in ["request_id", "client", "key"] {
        assert!(reused[0][member].is_string(), "{member} in {}", reused[0]);
    }
    let forged: Vec<&Value> = lines.iter().filter(|line| line["request_id"] == "forged-1").collect();
    assert!(forged.iter().any(|line| line["code"] == "webhook_signature_invalid"), "{forged:?}");
    assert_eq!(found(&lines, "a request failed"), Vec::<&Value>::new());
    each_refusal_has_one_line(&deployment).await;
    fail(&mut deployment, engine).await;
    deployment.close().await;
}

/// A database that accepts no more writes: every request fails, and each failure has its line.
async fn fail(deployment: &mut Deployment, engine: Engine) {
    let before = lines(deployment).len();
    match engine {
        Engine::Sqlite => deployment.kill_and_restart("log = \"debug\"\nsqlite_max_page_count = 1\n").await,
        Engine::Postgres => deployment.execute("alter table bookings rename to bookings_that_are_gone").await,
    }
    // More than is free on any existing page.
    let metadata: serde_json::Map<String, Value> =
        (0..40).map(|number| (format!("qz7-{number}"), json!("x".repeat(500)))).collect();
    let body = json!({
        "slot_id": deployment.catalogue.slots[0],
        "units": [{ "unit_id": deployment.catalogue.unit, "quantity": 1 }],
        "customer": customer(),
        "metadata": metadata,
    });
    let answer = deployment.post("/v1/bookings", "qz7-fails", &body).await;
    assert!(answer.status.is_server_error(), "{} {}", answer.status, answer.text());
    let since = lines(deployment).split_off(before);
    let failed = found(&since, "a request failed");
    assert_eq!(failed.len(), 1, "one line a failure: {failed:?}");
    let failed = failed[0];
    assert_eq!(failed["request_id"], answer.header("x-request-id").unwrap(), "{failed}");
    assert_eq!(failed["tenant"], deployment.installation.tenant.tenant_id.as_str(), "{failed}");
    assert_eq!((failed["level"].as_str(), failed["route"].as_str()), (Some("ERROR"), Some("/v1/bookings")));
    assert!(failed["cause"].is_string() && failed["key"].is_string(), "{failed}");
    let others: Vec<&Value> =
        since.iter().filter(|line| line["level"] == "ERROR" && *line != failed).collect();
    assert_eq!(others, Vec::<&Value>::new(), "logged once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_of_failures_and_of_nobody_on_sqlite() {
    check(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_of_failures_and_of_nobody_on_postgres() {
    check(Engine::Postgres).await;
}

/// The server serves, but nobody can use it: the log says what is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tenants_and_accounts_logs_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let config = format!(
        "listen = '127.0.0.1:0'\ndatabase_url = 'sqlite:{}'\nready_file = '{}'\n",
        path("surehold.sqlite").display(),
        path("ready.json").display()
    );
    std::fs::write(path("surehold.toml"), config).unwrap();
    let (program, config) = (env!("CARGO_BIN_EXE_surehold"), path("surehold.toml").display().to_string());
    let arguments = ["serve", "--config", &config];
    let ready = Ready::File(path("ready.json"));
    let server = RunningProgram::start(Path::new(program), &arguments, ready, path("log")).await.unwrap();
    let ready: Value = serde_json::from_slice(&std::fs::read(path("ready.json")).unwrap()).unwrap();
    assert_eq!(ready["pid"], server.pid());
    assert!(server.stop("TERM").await.unwrap().success());
    let log = std::fs::read_to_string(path("log")).unwrap();
    for warning in ["there is no tenant", "no provider account is configured"] {
        let logged = log.lines().any(|line| line.contains(warning) && line.contains("WARN"));
        assert!(logged, "{warning}: {log}");
    }
}
