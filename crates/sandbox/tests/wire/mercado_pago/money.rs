//! Captures, cancellations, refunds and chargebacks, and the limits of their amounts.

use serde_json::{Value, json};

use super::seller::{Seller, card, hold, path, summary};

#[tokio::test]
async fn a_capture_never_exceeds_the_authorisation() {
    let seller = Seller::start().await;
    let held = seller.create("k1", &hold()).await;
    assert_eq!(summary(&held), "201 authorized pending_capture");
    assert_eq!(held.body["captured"], false);
    assert_eq!(seller.sums().await, [[10_050, 0, 0, 0]]);
    let check = async |body: Value, expected: &str| {
        assert_eq!(summary(&seller.update(&held, body.clone()).await), expected, "{body}");
    };
    check(json!({"capture": true, "transaction_amount": 100.51}), "400 1").await;
    check(json!({"capture": true, "transaction_amount": 0}), "400 4040").await;
    check(json!({"capture": false}), "400 1").await;
    check(json!({}), "400 1").await;
    check(json!({"capture": true, "status": "cancelled"}), "400 1").await;
    check(json!({"status": "approved"}), "400 1").await;
    check(json!({"date_of_expiration": "2030-01-01T00:00:00Z"}), "400 8").await;
    assert_eq!(seller.sums().await, [[10_050, 0, 0, 0]], "nothing was captured yet");
    let captured = seller.update(&held, json!({"capture": true, "transaction_amount": 60.25})).await;
    assert_eq!(summary(&captured), "200 approved accredited");
    assert_eq!(
        (&captured.body["captured"], &captured.body["transaction_amount"]),
        (&json!(true), &json!(60.25))
    );
    check(json!({"capture": true}), "400 2063").await;
    check(json!({"status": "cancelled"}), "400 2063").await;
    assert_eq!(seller.sums().await, [[10_050, 6_025, 0, 0]]);
    assert_eq!(summary(&seller.refund(&held, "r1", r#"{"amount": 60.26}"#).await), "400 1");
    assert_eq!(seller.refund(&held, "r2", r#"{"amount": 60.25}"#).await.status, 201);
    assert_eq!(seller.sums().await, [[10_050, 6_025, 6_025, 0]]);
}

#[tokio::test]
async fn a_whole_authorisation_is_captured_or_released() {
    let seller = Seller::start().await;
    let captured = seller.create("k1", &hold()).await;
    assert_eq!(summary(&seller.update(&captured, json!({"capture": true})).await), "200 approved accredited");
    let cancelled = seller.create("k2", &hold()).await;
    let cancel = json!({"status": "cancelled"});
    assert_eq!(summary(&seller.update(&cancelled, cancel.clone()).await), "200 cancelled by_collector");
    assert_eq!(summary(&seller.update(&cancelled, json!({"capture": true})).await), "400 2063");
    assert_eq!(summary(&seller.refund(&cancelled, "r", "{}").await), "400 2063");
    let expired = seller.create("k3", &hold()).await;
    assert_eq!(seller.act(&expired, "expire", json!({})).await.body["status_detail"], "expired");
    assert_eq!(summary(&seller.update(&expired, json!({"capture": true})).await), "400 2063");
    let reviewed = seller.create("k4", &card("in_process")).await;
    assert_eq!(summary(&seller.update(&reviewed, cancel).await), "200 cancelled by_collector");
    let whole = [10_050, 10_050, 0, 0];
    assert_eq!(seller.sums().await, [whole, [10_050, 0, 0, 0], [10_050, 0, 0, 0], [0; 4]]);
}

#[tokio::test]
async fn refunds_never_exceed_the_capture() {
    let seller = Seller::start().await;
    let paid = seller.create("k1", &card("approved")).await;
    let first = seller.refund(&paid, "r1", r#"{"amount": 40}"#).await;
    assert_eq!((first.status, &first.body["status"]), (201, &json!("approved")));
    assert_eq!((&first.body["amount"], &first.body["payment_id"]), (&json!(40), &paid.body["id"]));
    let partly = seller.get(&path(&paid)).await;
    assert_eq!(summary(&partly), "200 approved partially_refunded");
    assert_eq!(partly.body["transaction_amount_refunded"], 40);
    let check = async |body: &str, expected: &str| {
        assert_eq!(summary(&seller.refund(&paid, "r2", body).await), expected, "{body}");
    };
    check(r#"{"amount": 60.51}"#, "400 1").await;
    check(r#"{"amount": -1}"#, "400 4040").await;
    check(r#"{"amount": "1"}"#, "400 4041").await;
    check(r#"{"metadata": {}}"#, "400 8").await;
    check("", "201 approved").await;
    check("", "201 approved").await;
    let rest = seller.get(&path(&paid)).await;
    assert_eq!(summary(&rest), "200 refunded refunded");
    assert_eq!(summary(&seller.refund(&paid, "r3", "{}").await), "400 2063");
    assert_eq!(seller.sums().await, [[10_050, 10_050, 10_050, 0]]);

    let listed = seller.get(&format!("{}/refunds", path(&paid))).await.body;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[0], first.body);
    let one = seller.get(&format!("{}/refunds/{}", path(&paid), first.body["id"])).await;
    assert_eq!(one.body, first.body);
    let entry = &seller.0.books().await["refunds"][0];
    let expected = json!({
        "provider": "mercado_pago", "account": "44444", "id": first.body["id"].to_string(),
        "charge": paid.body["id"].to_string(), "payment_intent": paid.body["id"].to_string(),
        "reference": "op_1", "idempotency_key": "r1", "amount_minor": 4_000, "currency": "brl",
        "status": "succeeded", "metadata": {},
    });
    assert_eq!(entry, &expected);
}

#[tokio::test]
async fn many_refunds_at_once_never_exceed_the_capture() {
    let seller = Seller::start().await;
    let paid = seller.create("k1", &card("approved")).await;
    seller.0.faults(json!({"delay_ms": [0, 20]})).await;
    let keys: Vec<String> = (0..10).map(|number| format!("r{number}")).collect();
    let refunds = keys.iter().map(|key| seller.refund(&paid, key, r#"{"amount": 30}"#));
    let answers = futures_util::future::join_all(refunds).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3);
    assert_eq!(seller.sums().await, [[10_050, 10_050, 9_000, 0]]);
}

#[tokio::test]
async fn a_refund_may_be_decided_later() {
    let seller = Seller::start().await;
    let check = async |token: &str, later: &str, status: &str, refunded: i64| {
        let paid = seller.create(token, &card(token)).await;
        let refund = seller.refund(&paid, &format!("r-{token}"), "{}").await;
        assert_eq!(refund.body["status"], "in_process", "{token}");
        assert_eq!(summary(&seller.refund(&paid, "again", r#"{"amount": 1}"#).await), "400 2063", "{token}");
        let decided = async {
            loop {
                let found = seller.get(&path(&paid)).await;
                if found.body["refunds"][0]["status"] != "in_process" {
                    break found;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let decided = tokio::time::timeout(std::time::Duration::from_secs(10), decided).await.unwrap();
        assert_eq!(summary(&decided), later, "{token}");
        let books = seller.0.books().await;
        assert_eq!(books["refunds"].as_array().unwrap().last().unwrap()["status"], status, "{token}");
        assert_eq!(seller.sums().await.last().unwrap()[2], refunded, "{token}");
    };
    check("refund_in_process", "200 refunded refunded", "succeeded", 10_050).await;
    check("refund_rejected", "200 approved accredited", "failed", 0).await;
}

#[tokio::test]
async fn a_chargeback_is_a_resource_of_its_own() {
    let seller = Seller::start().await;
    let paid = seller.create("k1", &card("approved")).await;
    assert_eq!(seller.get("/v1/chargebacks/1").await.status, 404);
    let search = format!("/v1/chargebacks/search?payment_id={}", paid.body["id"]);
    assert_eq!(seller.get(&search).await.body["paging"]["total"], 0);
    seller.act(&paid, "charge_back", json!({})).await;
    let found = seller.get(&search).await.body["results"][0].clone();
    let path = format!("/v1/chargebacks/{}", found["id"].as_str().unwrap());
    let check = async |coverage: Value, documentation: &str| {
        let shown = seller.get(&path).await.body;
        assert_eq!((&shown["payments"][0], &shown["amount"]), (&paid.body["id"], &json!(100.5)));
        assert_eq!((&shown["coverage_applied"], &shown["currency"]), (&coverage, &json!("BRL")));
        assert_eq!(shown["documentation_status"], documentation);
    };
    check(Value::Null, "pending").await;
    let lost = seller.act(&paid, "settle", json!({})).await;
    assert_eq!(summary(&lost), "200 charged_back settled");
    check(json!(false), "not_supplied").await;
    assert_eq!(seller.act(&paid, "reimburse", json!({})).await.status, 400, "it is decided");
    assert_eq!(seller.sums().await, [[10_050, 10_050, 0, 10_050]]);
    assert_eq!(seller.0.books().await["disputes"][0]["status"], "lost");
    for refused in ["/v1/chargebacks/x", "/v1/chargebacks/search?id=1", "/v1/chargebacks/search"] {
        assert_eq!(seller.get(refused).await.status, 400, "{refused}");
    }
}

#[tokio::test]
async fn a_chargeback_takes_what_is_left_and_can_be_won() {
    let seller = Seller::start().await;
    let paid = seller.create("k1", &card("approved")).await;
    seller.act(&paid, "refund", json!({"amount": 10})).await;
    let taken = seller.act(&paid, "charge_back", json!({})).await;
    assert_eq!(summary(&taken), "200 charged_back in_process");
    assert_eq!(seller.sums().await, [[10_050, 10_050, 1_000, 9_050]]);
    assert_eq!(summary(&seller.refund(&paid, "r1", r#"{"amount": 1}"#).await), "400 2063");
    assert_eq!(seller.act(&paid, "charge_back", json!({})).await.status, 400);
    let dispute = seller.0.books().await["disputes"][0].clone();
    assert_eq!((&dispute["status"], &dispute["withdrawn_minor"]), (&json!("needs_response"), &json!(9_050)));
    assert_eq!(seller.0.books().await["refunds"][0]["idempotency_key"], Value::Null, "a person made it");
    let won = seller.act(&paid, "reimburse", json!({})).await;
    assert_eq!(summary(&won), "200 charged_back reimbursed");
    assert_eq!(seller.act(&paid, "reimburse", json!({})).await.status, 400);
    assert_eq!(seller.sums().await, [[10_050, 10_050, 1_000, 0]]);
}

#[tokio::test]
async fn a_person_decides_a_payment_in_review() {
    let seller = Seller::start().await;
    let approved = seller.create("k1", &card("in_process")).await;
    let shown = seller.act(&approved, "review", json!({"approve": true})).await;
    assert_eq!(summary(&shown), "200 approved accredited");
    let rejected = seller.create("k2", &card("in_process")).await;
    let shown = seller.act(&rejected, "review", json!({"approve": false})).await;
    assert_eq!(summary(&shown), "200 rejected cc_rejected_other_reason");
    for (action, status) in [("review", 400), ("pay", 400), ("expire", 400), ("fly", 404)] {
        let answer = seller.act(&rejected, action, json!({"approve": true})).await;
        assert_eq!(answer.status, status, "{action}");
    }
    let binary = super::seller::with(card("in_process"), "binary_mode", json!(true));
    assert_eq!(summary(&seller.create("k3", &binary).await), "201 rejected cc_rejected_other_reason");
    assert_eq!(seller.sums().await, [[10_050, 10_050, 0, 0], [0; 4], [0; 4]]);
}
