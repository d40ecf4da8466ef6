//! `POST /v1/payments`: what a card decides, and what is refused.

use serde_json::{Value, json};

use super::seller::{ACCESS_TOKEN, COLLECTOR, PAYMENTS, Seller, card, hold, path, pix, summary, with};

#[tokio::test]
async fn the_token_decides_the_outcome() {
    let seller = Seller::start().await;
    let check = async |token: &str, expected: &str, sums: [i64; 4]| {
        let created = seller.create(token, &card(token)).await;
        assert_eq!(summary(&created), expected, "{token}");
        assert_eq!(*seller.sums().await.last().unwrap(), sums, "{token}");
        let mut fetched = seller.get(&path(&created)).await;
        assert_eq!((fetched.status, fetched.body.take()), (200, created.body), "{token}");
    };
    let taken = [10_050, 10_050, 0, 0];
    check("approved", "201 approved accredited", taken).await;
    check("refund_in_process", "201 approved accredited", taken).await;
    check("in_process", "201 in_process pending_contingency", [0; 4]).await;
    let insufficient = "201 rejected cc_rejected_insufficient_amount";
    check("rejected_insufficient_funds", insufficient, [0; 4]).await;
    check("rejected_other", "201 rejected cc_rejected_other_reason", [0; 4]).await;
    check("rejected_high_risk", "201 rejected cc_rejected_high_risk", [0; 4]).await;
    assert_eq!(summary(&seller.create("none", &card("token_unknown")).await), "400 2006");
    assert_eq!(seller.sums().await.len(), 6, "an unknown token creates nothing");
}

#[tokio::test]
async fn a_payment_is_shown_with_integers_and_decimals() {
    let seller = Seller::start().await;
    let body = r#"{"transaction_amount": 100.50, "token": "approved", "installments": 3, "payment_method_id": "master",
        "payer": {"email": "ana@example.com", "identification": {"type": "CPF", "number": "12345678909"}},
        "external_reference": "op_7", "metadata": {"operation": "op_7", "count": 2}, "statement_descriptor": "TOUR",
        "additional_info": {"items": [{"unit_price": 100.10}]}}"#;
    let created = seller.call("POST", PAYMENTS, Some("k1"), body).await;
    let shown = &created.body;
    assert!(shown["id"].as_u64().is_some_and(|id| id < 1 << 53), "{shown}");
    assert_eq!((&shown["collector_id"], &shown["currency_id"]), (&json!(COLLECTOR), &json!("BRL")));
    assert_eq!((&shown["installments"], &shown["payment_type_id"]), (&json!(3), &json!("credit_card")));
    assert_eq!(shown["payer"]["identification"]["number"], "12345678909");
    assert_eq!(shown["metadata"], json!({"operation": "op_7", "count": 2}));
    let text = String::from_utf8(created.bytes().to_vec()).unwrap();
    assert!(text.contains(r#""transaction_amount":100.5,"#), "{text}");
    assert!(text.contains(r#""unit_price": 100.10"#), "a number that is only stored keeps its text: {text}");
    assert!(created.header("x-request-id").is_some() && created.header("stripe-version").is_none());
    let entry = &seller.0.books().await["charges"][0];
    let expected = json!({
        "provider": "mercado_pago", "account": COLLECTOR.to_string(), "id": shown["id"].to_string(),
        "reference": "op_7", "idempotency_key": "k1", "amount_minor": 10_050, "currency": "brl",
        "authorized_minor": 10_050, "captured_minor": 10_050, "refunded_minor": 0, "disputed_minor": 0,
        "fee_minor": 0, "status": "approved", "metadata": {"operation": "op_7", "count": "2"},
    });
    assert_eq!(entry, &expected);
}

#[tokio::test]
async fn the_collector_pays_the_fee_of_a_captured_payment() {
    let seller = Seller::start().await;
    let account = with(Seller::account(Value::Null), "fees", json!({"basis_points": 499, "fixed_minor": 0}));
    seller.0.control("/sandbox/accounts", account).await;
    let paid = seller.create("paid", &card("approved")).await.body;
    let fee = json!([{"type": "mercadopago_fee", "amount": 5.01, "fee_payer": "collector"}]);
    assert_eq!(
        (&paid["fee_details"], &paid["transaction_details"]["net_received_amount"]),
        (&fee, &json!(95.49))
    );
    assert_eq!(seller.0.books().await["charges"][0]["fee_minor"], 501);
    for unpaid in [with(card("approved"), "capture", json!(false)), card("rejected_insufficient_funds")] {
        let shown = seller.create(&unpaid.to_string(), &unpaid).await.body;
        assert_eq!(shown["fee_details"], json!([]), "{shown}");
    }
    let refused = with(Seller::account(Value::Null), "fees", json!({"basis_points": -1}));
    assert_eq!(seller.0.try_control("/sandbox/accounts", refused).await.status, 400);
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_refused() {
    let seller = Seller::start().await;
    let check = async |body: Value, expected: &str| {
        let refused = seller.create("k", &body).await;
        assert_eq!(summary(&refused), expected, "{body}");
        assert_eq!(refused.body["status"], refused.status, "{body}");
        assert!(refused.body["message"].is_string() && refused.body["error"].is_string(), "{body}");
    };
    let paid = |name: &str, value: Value| with(card("approved"), name, value);
    for name in ["transaction_amount", "token", "installments", "payment_method_id", "payer"] {
        check(paid(name, Value::Null), "400 1").await;
    }
    check(paid("payer", json!({})), "400 1").await;
    check(paid("payer", json!({"email": "ana"})), "400 1").await;
    check(paid("transaction_amount", json!(0)), "400 4040").await;
    check(paid("transaction_amount", json!(-5)), "400 4040").await;
    check(paid("transaction_amount", json!("100.5")), "400 4041").await;
    check(paid("transaction_amount", json!(1.005)), "400 1").await;
    check(paid("capture", json!("no")), "400 1").await;
    check(paid("application_fee", json!(1)), "400 8").await;
    check(paid("notification_url", json!("https://example.com/")), "400 1").await;
    check(paid("statement_descriptor", json!("x".repeat(23))), "400 1").await;
    check(paid("external_reference", json!("x".repeat(257))), "400 1").await;
    check(paid("installments", json!(13)), "422 1").await;
    check(paid("installments", json!(0)), "422 1").await;
    check(paid("payment_method_id", json!("bolbradesco")), "422 1").await;
    check(with(hold(), "payment_method_id", json!("debvisa")), "400 1").await;
    check(paid("date_of_expiration", json!("2030-01-01T00:00:00Z")), "400 1").await;
    check(with(pix(), "token", json!("approved")), "400 1").await;
    check(with(pix(), "capture", json!(false)), "400 1").await;
    for body in ["", "[]", "null", "{", "{\"payer\":1}"] {
        assert_eq!(seller.call("POST", PAYMENTS, Some("k"), body).await.status, 400, "{body}");
    }
    assert_eq!(seller.sums().await.len(), 0);
}

#[tokio::test]
async fn an_access_token_opens_its_own_wire_only() {
    let seller = Seller::start().await;
    let check = async |path: &str, credential: &str, status: u16| {
        let headers: &[(&str, &str)] =
            if credential.is_empty() { &[] } else { &[("authorization", credential)] };
        assert_eq!(seller.0.send("GET", path, headers, "").await.status, status, "{path} {credential}");
    };
    let search = "/v1/payments/search?sort=date_created&criteria=desc";
    let own = format!("Bearer {ACCESS_TOKEN}");
    check(search, &own, 200).await;
    check(search, "", 401).await;
    check(search, "Bearer APP_USR-2", 401).await;
    check(search, "Bearer sk_test_1", 401).await;
    check("/v1/payment_intents", "Bearer sk_test_1", 200).await;
    check("/v1/payment_intents", &own, 401).await;
    let moved = json!({"id": "acct_1", "provider": "mercado_pago", "secret_key": "sk_test_1"});
    assert_eq!(seller.0.try_control("/sandbox/accounts", moved).await.status, 409);
}

#[tokio::test]
async fn unknown_payments_and_paths_are_not_found() {
    let seller = Seller::start().await;
    let created = seller.create("k1", &card("approved")).await;
    let check = async |method: &str, path: &str, expected: &str| {
        assert_eq!(summary(&seller.call(method, path, Some("k2"), "{}").await), expected, "{method} {path}");
    };
    check("GET", "/v1/payments/1", "404 2000").await;
    check("PUT", "/v1/payments/1", "404 2000").await;
    check("POST", "/v1/payments/1/refunds", "404 2000").await;
    check("GET", "/v1/payments/1/refunds", "404 2000").await;
    check("GET", &format!("{}/refunds/1", path(&created)), "404 2032").await;
    check("GET", "/v1/payments/abc", "400 1").await;
    check("POST", "/v1/payments/1", "404 not_found").await;
    check("DELETE", &path(&created), "404 not_found").await;
    check("GET", "/v1/payments/1/2/3/4", "404 not_found").await;
}
