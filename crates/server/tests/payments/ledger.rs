//! The ledger at a past time: balances, statements page by page, and days that are closed.

use domain::Timestamp;
use domain::time::DAY;
use serde_json::{Value, json};
use store::Clock as _;
use testkit::{Engine, TestService, charge, eur, id_of};

testkit::on_both_engines![past_balances_and_statements, days_that_are_over_are_closed_once];

const PAID: [i64; 3] = [1_000, 2_000, 4_000];

/// Three charges, posted one after the other.
async fn paid(engine: Engine) -> TestService {
    let service = TestService::on(engine).await;
    for minor in PAID {
        let key = format!("p-{minor}");
        service.one.post("/v1/charges", &charge(minor, "pm_card_visa")).key(&key).expect(201).await;
        service.quiet().await;
    }
    service
}

/// The postings of an account, oldest first.
async fn statement(service: &TestService, account: &str, rest: &str) -> Value {
    let path = format!("/v1/ledger/accounts/{account}/statement?from=2020-01-01T00:00:00Z&{rest}");
    service.one.see(&path).await
}

async fn past_balances_and_statements(engine: Engine) {
    let service = paid(engine).await;
    let one = &service.one;
    let now = one.see("/v1/ledger/accounts").await;
    let sales = now["data"].as_array().unwrap().iter().find(|account| account["name"] == "sales").unwrap();
    assert_eq!(sales["balance"], eur(-7_000));
    let sales = id_of(sales);
    let whole = statement(&service, &sales, "to=2100-01-01T00:00:00Z").await;
    assert_eq!((&whole["opening"], &whole["closing"]), (&eur(0), &eur(-7_000)));
    assert_eq!((&whole["name"], &whole["next_cursor"]), (&json!("sales"), &Value::Null));
    let lines = whole["data"].as_array().unwrap();
    let amounts: Vec<&Value> = lines.iter().map(|line| &line["amount"]).collect();
    assert_eq!(amounts, [&eur(-1_000), &eur(-2_000), &eur(-4_000)]);
    assert!(lines.iter().all(|line| line["kind"] == "payment.captured"), "{lines:?}");

    let second = lines[1]["posted_at"].as_str().unwrap();
    for (as_of, expected) in [(second, -1_000), ("2100-01-01T00:00:00Z", -7_000)] {
        let then = one.see(&format!("/v1/ledger/accounts?as_of={as_of}")).await;
        let balances: Vec<i64> = then["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["balance"]["minor"].as_i64().unwrap())
            .collect();
        assert_eq!(balances, [-expected, expected], "{as_of}");
    }
    assert_eq!(one.see("/v1/ledger/accounts?as_of=2020-01-01T00:00:00Z").await["data"], json!([]));
    let part = format!("to={}", lines[2]["posted_at"].as_str().unwrap());
    let first = statement(&service, &sales, &format!("{part}&limit=1")).await;
    assert_eq!((&first["opening"], &first["closing"]), (&eur(0), &eur(-3_000)));
    assert_eq!(first["data"], json!([lines[0]]));
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = statement(&service, &sales, &format!("{part}&limit=1&cursor={cursor}")).await;
    assert_eq!((&next["data"], &next["closing"]), (&json!([lines[1]]), &eur(-3_000)));
    assert_eq!(next["next_cursor"], Value::Null);

    let path = format!("/v1/ledger/accounts/{sales}/statement?from=2020-01-01T00:00:00Z");
    service
        .two
        .get(&format!("{path}&to=2100-01-01T00:00:00Z"))
        .refused(404, "ledger_account_not_found")
        .await;
    for (query, why) in [("", "validation_failed"), ("&to=2020-01-01T00:00:00Z", "validation_failed")] {
        one.get(&format!("{path}{query}")).refused(400, why).await;
    }
    service.end().await;
}

async fn days_that_are_over_are_closed_once(engine: Engine) {
    let service = paid(engine).await;
    let one = &service.one;
    let today = server::ports::clock::SystemClock.now();
    let day =
        |days: i64| api::time::day_that_ends_at(Timestamp(today.day_end().0 + days * DAY.0)).to_string();
    let none = json!({ "through": null, "closed_at": null });
    assert_eq!(one.see("/v1/ledger/closing").await, none);
    let close = |day: String| json!({ "through": day, "who": "Ana" });
    for days in [0, 1, 400] {
        one.post("/v1/ledger/closing", &close(day(days))).refused(409, "ledger_day_is_not_over").await;
    }
    for text in ["2026-02-30", "2026-2-3", "20260203", "yesterday"] {
        one.post("/v1/ledger/closing", &close(text.to_owned())).refused(400, "validation_failed").await;
    }
    let closed = one.post("/v1/ledger/closing", &close(day(-1))).key("c-1").expect(200).await;
    assert_eq!(closed.body["through"], json!(day(-1)));
    let again = one.post("/v1/ledger/closing", &close(day(-1))).key("c-1").expect(200).await;
    assert_eq!((again.is_replay(), &again.text), (true, &closed.text));
    for days in [-1, -9] {
        let same = one.post("/v1/ledger/closing", &close(day(days))).expect(200).await;
        assert_eq!(same.body, closed.body, "what is closed stays as it is");
    }
    assert_eq!(one.see("/v1/ledger/closing").await, closed.body);
    assert_eq!(service.two.see("/v1/ledger/closing").await, none, "another tenant's");
    service.end().await;
}
