//! Disputes by payers: their effect on the money, the events and the books.

use serde_json::{Value, json};

use crate::client::{CREATE, HOLD, SALE, TestSandbox, sale};

const REFUNDS: &str = "/v1/refunds";

/// The only dispute.
async fn only(sandbox: &TestSandbox) -> Value {
    let listed = sandbox.get("/v1/disputes").await.body;
    let disputes = listed["data"].as_array().unwrap();
    assert_eq!(disputes.len(), 1, "{listed}");
    disputes[0].clone()
}

/// `[status, withdrawn_minor]` of the dispute and `[captured, refunded, disputed]` of its intent,
/// from the books.
async fn booked(sandbox: &TestSandbox) -> Value {
    let books = sandbox.books().await;
    let (dispute, charge) = (&books["disputes"][0], &books["charges"][0]);
    json!([
        dispute["status"],
        dispute["withdrawn_minor"],
        charge["captured_minor"],
        charge["refunded_minor"],
        charge["disputed_minor"],
    ])
}

fn path(dispute: &Value) -> String {
    format!("/v1/disputes/{}", dispute["id"].as_str().unwrap())
}

#[tokio::test]
async fn dispute_cards_open_a_dispute_when_charged() {
    let check = async |card: &str, reason: &str, status: &str, withdrawn: i64| {
        let sandbox = TestSandbox::start().await;
        let sold = sandbox.post(CREATE, &format!("{}&metadata[operation]=op_1", sale(card))).await;
        assert_eq!(sold.summary(), "200 succeeded");
        let dispute = only(&sandbox).await;
        assert_eq!((&dispute["reason"], &dispute["status"]), (&json!(reason), &json!(status)), "{card}");
        assert_eq!((&dispute["amount"], &dispute["currency"]), (&json!(2000), &json!("brl")));
        assert_eq!(
            (&dispute["payment_intent"], &dispute["charge"]),
            (&sold.body["id"], &sold.body["latest_charge"])
        );
        let moved: Vec<_> = dispute["balance_transactions"].as_array().unwrap().iter().collect();
        assert_eq!(moved.iter().map(|moved| moved["net"].as_i64().unwrap()).sum::<i64>(), -withdrawn);
        assert_eq!(dispute["is_charge_refundable"], withdrawn == 0);
        let charge = sandbox.get(&format!("/v1/charges/{}", dispute["charge"].as_str().unwrap())).await.body;
        assert_eq!(charge["disputed"], true);
        assert_eq!(booked(&sandbox).await, json!([status, withdrawn, 2000, 0, withdrawn]));
        let entry = sandbox.books().await["disputes"][0].clone();
        assert_eq!((&entry["reference"], &entry["account"]), (&json!("op_1"), &json!("acct_1")));
        let kinds = sandbox.kinds().await;
        let mut expected = vec!["payment_intent.created", "charge.succeeded", "charge.dispute.created"];
        expected.extend((withdrawn > 0).then_some("charge.dispute.funds_withdrawn"));
        expected.push("payment_intent.succeeded");
        assert_eq!(kinds, expected, "{card}");
        let second = sandbox.after_a_kill(b"").await;
        assert_eq!(only(&second).await, dispute);
    };
    check("pm_card_createDispute", "fraudulent", "needs_response", 2000).await;
    check("pm_card_createDisputeProductNotReceived", "product_not_received", "needs_response", 2000).await;
    check("pm_card_createDisputeInquiry", "fraudulent", "warning_needs_response", 0).await;
}

#[tokio::test]
async fn an_authorised_payment_is_disputed_when_it_is_captured() {
    let sandbox = TestSandbox::start().await;
    let held = sandbox.post(CREATE, &HOLD.replace("pm_card_visa", "pm_card_createDispute")).await;
    assert_eq!(sandbox.get("/v1/disputes").await.body["data"], json!([]));
    sandbox.post(&format!("{CREATE}/{}/capture", held.id()), "amount_to_capture=1500").await;
    assert_eq!(only(&sandbox).await["amount"], 1500);
    assert_eq!(booked(&sandbox).await, json!(["needs_response", 1500, 1500, 0, 1500]));
    let kinds = sandbox.kinds().await;
    let expected = [
        "charge.captured",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "payment_intent.succeeded",
    ];
    assert_eq!(kinds[kinds.len() - 4..], expected);
}

#[tokio::test]
async fn a_disputed_charge_cannot_be_refunded_until_the_dispute_is_won() {
    let sandbox = TestSandbox::start().await;
    let sold = sandbox.post(CREATE, &sale("pm_card_createDispute")).await;
    let refund = format!("payment_intent={}", sold.id());
    assert_eq!(sandbox.post(REFUNDS, &refund).await.summary(), "400 charge_disputed");
    let dispute = only(&sandbox).await;
    let order = format!("/sandbox/disputes/{}", dispute["id"].as_str().unwrap());
    let won = sandbox.control(&order, json!({"outcome": "won"})).await;
    assert_eq!((&won["status"], &won["is_charge_refundable"]), (&json!("won"), &json!(true)));
    assert_eq!(booked(&sandbox).await, json!(["won", 0, 2000, 0, 0]));
    let kinds = sandbox.kinds().await;
    assert_eq!(kinds[kinds.len() - 2..], ["charge.dispute.funds_reinstated", "charge.dispute.closed"]);
    assert_eq!(
        sandbox.try_control(&order, json!({"outcome": "lost"})).await.status,
        400,
        "it is decided once"
    );
    assert_eq!(sandbox.post(REFUNDS, &refund).await.summary(), "200 succeeded");
    assert_eq!(booked(&sandbox).await, json!(["won", 0, 2000, 2000, 0]));
}

#[tokio::test]
async fn closing_a_dispute_loses_it() {
    let sandbox = TestSandbox::start().await;
    let sold = sandbox.post(CREATE, &sale("pm_card_createDispute")).await;
    let dispute = only(&sandbox).await;
    let closed = sandbox.post(&format!("{}/close", path(&dispute)), "").await;
    assert_eq!(closed.summary(), "200 lost");
    assert_eq!(sandbox.kinds().await.last().unwrap(), "charge.dispute.closed");
    assert_eq!(booked(&sandbox).await, json!(["lost", 2000, 2000, 0, 2000]));
    for path in [format!("{}/close", path(&dispute)), path(&dispute)] {
        let refused = sandbox.post(&path, "").await;
        assert_eq!(refused.body["error"]["message"], "This dispute is already closed", "{path}");
    }
    assert_eq!(
        sandbox.post(REFUNDS, &format!("payment_intent={}", sold.id())).await.summary(),
        "400 charge_disputed"
    );
    assert_eq!(sandbox.get("/v1/disputes/du_x").await.summary(), "404 resource_missing");
    assert_eq!(sandbox.post("/v1/disputes/du_x/close", "").await.body["error"]["param"], "dispute");
}

#[tokio::test]
async fn test_evidence_decides_a_dispute() {
    let check = async |card: &str, evidence: &str, at_first: &str, later: &str, booked_later: Value| {
        let sandbox = TestSandbox::start().await;
        sandbox.post(CREATE, &sale(card)).await;
        let path = path(&only(&sandbox).await);
        let staged =
            sandbox.post(&path, &format!("evidence[uncategorized_text]={evidence}&submit=false")).await.body;
        assert_eq!(staged["evidence_details"]["submission_count"], 0);
        assert_eq!(staged["evidence"]["uncategorized_text"], evidence);
        let submitted = sandbox.post(&path, "submit=true&metadata[a]=1").await.body;
        assert_eq!((&submitted["status"], &submitted["metadata"]), (&json!(at_first), &json!({"a": "1"})));
        assert_eq!(submitted["evidence_details"]["submission_count"], 1);
        assert_eq!(sandbox.kinds().await.last().unwrap(), "charge.dispute.updated");
        let second = sandbox.after_a_kill(b"").await;
        for sandbox in [&sandbox, &second] {
            sandbox.until(&path, later).await;
            assert_eq!(booked(sandbox).await, booked_later, "{card} {evidence}");
        }
    };
    let (plain, asked) = ("pm_card_createDispute", "pm_card_createDisputeInquiry");
    check(plain, "winning_evidence", "under_review", "won", json!(["won", 0, 2000, 0, 0])).await;
    check(plain, "losing_evidence", "under_review", "lost", json!(["lost", 2000, 2000, 0, 2000])).await;
    let open = json!(["under_review", 2000, 2000, 0, 2000]);
    check(plain, "anything", "under_review", "under_review", open).await;
    let escalated = json!(["needs_response", 2000, 2000, 0, 2000]);
    check(asked, "escalate_inquiry_evidence", "warning_under_review", "needs_response", escalated).await;
    let closed = json!(["warning_closed", 0, 2000, 0, 0]);
    check(asked, "winning_evidence", "warning_under_review", "warning_closed", closed).await;
}

#[tokio::test]
async fn an_inquiry_withdraws_nothing_and_closes_when_refunded() {
    let sandbox = TestSandbox::start().await;
    let sold = sandbox.post(CREATE, &sale("pm_card_createDisputeInquiry")).await;
    let refund = format!("payment_intent={}", sold.id());
    assert_eq!(sandbox.post(REFUNDS, &format!("{refund}&amount=500")).await.summary(), "200 succeeded");
    assert_eq!(only(&sandbox).await["status"], "warning_needs_response", "a part is no answer");
    assert_eq!(sandbox.post(REFUNDS, &refund).await.summary(), "200 succeeded");
    assert_eq!(booked(&sandbox).await, json!(["warning_closed", 0, 2000, 2000, 0]));
    assert_eq!(sandbox.kinds().await.last().unwrap(), "charge.dispute.closed");
}

#[tokio::test]
async fn the_control_route_disputes_any_captured_intent() {
    let sandbox = TestSandbox::start().await;
    let sold = sandbox.post(CREATE, SALE).await;
    sandbox.post(REFUNDS, &format!("payment_intent={}&amount=300", sold.id())).await;
    let order = format!("/sandbox/dispute/{}", sold.id());
    let check =
        async |body: Value| assert_eq!(sandbox.try_control(&order, body.clone()).await.status, 400, "{body}");
    check(json!({"amount": 1701})).await;
    check(json!({"amount": 0})).await;
    check(json!({"reason": "odd"})).await;
    check(json!({"odd": 1})).await;
    let dispute = sandbox.control(&order, json!({"amount": 1000, "reason": "duplicate"})).await;
    assert_eq!((&dispute["amount"], &dispute["reason"]), (&json!(1000), &json!("duplicate")));
    assert_eq!(booked(&sandbox).await, json!(["needs_response", 1000, 2000, 300, 1000]));
    check(json!({})).await;
    let refund = async |amount: i64| {
        sandbox.post(REFUNDS, &format!("payment_intent={}&amount={amount}", sold.id())).await.summary()
    };
    assert_eq!(refund(701).await, "400 invalid_request_error", "what is left of it");
    assert_eq!(refund(700).await, "200 succeeded");
    assert_eq!(refund(1).await, "400 charge_disputed");
    let open = sandbox.post(CREATE, HOLD).await;
    let uncaptured = sandbox.try_control(&format!("/sandbox/dispute/{}", open.id()), json!({})).await;
    assert_eq!(uncaptured.status, 400);
    assert_eq!(sandbox.try_control("/sandbox/dispute/pi_x", json!({})).await.status, 404);
    assert_eq!(sandbox.try_control("/sandbox/disputes/du_x", json!({"outcome": "won"})).await.status, 404);

    let asked = sandbox.post(CREATE, SALE).await;
    let order = format!("/sandbox/dispute/{}", asked.id());
    let inquiry = sandbox.control(&order, json!({"inquiry": true})).await;
    assert_eq!(inquiry["status"], "warning_needs_response");
    let order = format!("/sandbox/disputes/{}", inquiry["id"].as_str().unwrap());
    assert_eq!(sandbox.try_control(&order, json!({"outcome": "lost"})).await.status, 400);
    assert_eq!(sandbox.control(&order, json!({"outcome": "escalated"})).await["status"], "needs_response");
    assert_eq!(sandbox.control(&order, json!({"outcome": "lost"})).await["status"], "lost");
}

#[tokio::test]
async fn disputes_are_listed_by_charge_and_intent() {
    let mut sandbox = TestSandbox::start().await;
    let first = sandbox.post(CREATE, &sale("pm_card_createDispute")).await;
    let second = sandbox.post(CREATE, &sale("pm_card_createDispute")).await;
    let check = async |query: &str, expected: &[&Value]| {
        let listed = sandbox.get(&format!("/v1/disputes?{query}")).await.body;
        let found: Vec<&Value> =
            listed["data"].as_array().unwrap().iter().map(|dispute| &dispute["payment_intent"]).collect();
        assert_eq!(found, expected, "{query}");
    };
    check("", &[&second.body["id"], &first.body["id"]]).await;
    check("limit=1", &[&second.body["id"]]).await;
    check(&format!("payment_intent={}", first.id()), &[&first.body["id"]]).await;
    check(&format!("charge={}", first.body["latest_charge"].as_str().unwrap()), &[&first.body["id"]]).await;
    check("created[lt]=1", &[]).await;
    let id = sandbox.get("/v1/disputes?limit=1").await.body["data"][0]["id"].as_str().unwrap().to_owned();
    sandbox.control("/sandbox/accounts", json!({"id": "acct_2", "secret_key": "sk_test_2"})).await;
    sandbox.secret_key = "sk_test_2".into();
    assert_eq!(sandbox.get(&format!("/v1/disputes/{id}")).await.status, 404);
    assert_eq!(sandbox.get("/v1/disputes").await.body["data"], json!([]));
}

#[tokio::test]
async fn wrong_evidence_is_refused() {
    let sandbox = TestSandbox::start().await;
    sandbox.post(CREATE, &sale("pm_card_createDispute")).await;
    let path = path(&only(&sandbox).await);
    let check = async |form: &str, expected: &str, param: &str| {
        let refused = sandbox.post(&path, form).await;
        assert_eq!(refused.summary(), expected, "{form}");
        assert_eq!(refused.body["error"]["param"], param, "{form}");
    };
    check("evidence[receipt]=file_1", "400 resource_missing", "evidence[receipt]").await;
    check("evidence[odd]=1", "400 parameter_unknown", "evidence[odd]").await;
    check("evidence=all", "400 invalid_request_error", "evidence").await;
    check("evidence[appeal][card][reason_for_filing]=a", "400 invalid_request_error", "evidence[appeal]")
        .await;
    check("submit=yes", "400 invalid_request_error", "submit").await;
    assert_eq!(only(&sandbox).await["status"], "needs_response");
}

#[tokio::test]
async fn a_prevented_dispute_keeps_the_money_and_late_evidence_is_refused() {
    let sandbox = TestSandbox::start().await;
    let sold = sandbox.post(CREATE, &sale("pm_card_visa")).await;
    let order = json!({ "due_by": 1_600_000_000 });
    sandbox.control(&format!("/sandbox/dispute/{}", sold.id()), order).await;
    let dispute = only(&sandbox).await;
    assert_eq!(dispute["evidence_details"]["due_by"], 1_600_000_000);
    let late = sandbox.post(&path(&dispute), "evidence[uncategorized_text]=x&submit=true").await;
    assert_eq!(late.status, 400);
    assert_eq!(only(&sandbox).await["evidence_details"]["submission_count"], 0);
    let id = dispute["id"].as_str().unwrap();
    sandbox.control(&format!("/sandbox/disputes/{id}"), json!({ "outcome": "prevented" })).await;
    assert_eq!(booked(&sandbox).await, json!(["prevented", 2000, 2000, 0, 2000]));
}
