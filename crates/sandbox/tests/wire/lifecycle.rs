//! Which actions a payment intent allows in each state.

use serde_json::json;

use crate::client::{HOLD, OPEN, SALE, TestSandbox, sale};

/// Brings an intent into each state, tries every action, and compares the results.
#[tokio::test]
async fn every_state_allows_its_actions_and_refuses_the_others() {
    let sandbox = TestSandbox::start().await;
    let asks = &HOLD.replace("pm_card_visa", "pm_card_authenticationRequired");
    let chosen = &HOLD.replace("&confirm=true", "");
    let open = &chosen.replace("&payment_method=pm_card_visa", "");
    let wrong = "400 payment_intent_unexpected_state";
    let held = "200 requires_capture";
    let gone = "200 canceled";
    // (created with, then, [confirm, capture, cancel])
    let rows: [(&str, &str, &str, [&str; 3]); 6] = [
        ("requires_payment_method", open, "", [held, wrong, gone]),
        ("requires_confirmation", chosen, "", [held, wrong, gone]),
        ("requires_action", asks, "", [held, wrong, gone]),
        ("requires_capture", HOLD, "", [wrong, "200 succeeded", gone]),
        ("succeeded", SALE, "", [wrong, wrong, wrong]),
        ("canceled", HOLD, "cancel", [wrong, wrong, wrong]),
    ];
    for (state, form, then, expected) in rows {
        for (verb, expected) in ["confirm", "capture", "cancel"].into_iter().zip(expected) {
            let made = sandbox.post("/v1/payment_intents", form).await;
            let path = format!("/v1/payment_intents/{}", made.id());
            if !then.is_empty() {
                sandbox.post(&format!("{path}/{then}"), "").await;
            }
            let before = sandbox.get(&path).await;
            assert_eq!(before.body["status"], state);
            let body = if verb == "confirm" { "payment_method=pm_card_visa" } else { "" };
            let moved = sandbox.post(&format!("{path}/{verb}"), body).await;
            assert_eq!(moved.summary(), expected, "{verb} in {state}: {}", moved.body);
            if moved.status == 400 {
                assert_eq!(moved.body["error"]["payment_intent"], before.body);
                assert_eq!(sandbox.get(&path).await.body, before.body, "a refused move changes nothing");
            }
        }
    }
}

#[tokio::test]
async fn a_partial_capture_takes_its_part_and_releases_the_rest() {
    let sandbox = TestSandbox::start().await;
    let check = async |amount: &str, expected: &str| {
        let made = sandbox.post("/v1/payment_intents", HOLD).await;
        let capture = format!("/v1/payment_intents/{}/capture", made.id());
        let captured = sandbox.post(&capture, &format!("amount_to_capture={amount}")).await;
        assert_eq!(captured.summary(), expected, "{amount}");
        let charge =
            sandbox.get(&format!("/v1/charges/{}", made.body["latest_charge"].as_str().unwrap())).await;
        (captured.body, charge.body)
    };
    let (intent, charge) = check("1500", "200 succeeded").await;
    assert_eq!((&intent["amount_received"], &intent["amount_capturable"]), (&json!(1500), &json!(0)));
    assert_eq!((&charge["amount_captured"], &charge["amount_refunded"]), (&json!(1500), &json!(500)));
    assert_eq!(charge["refunded"], false);
    check("2000", "200 succeeded").await;
    check("2001", "400 amount_too_large").await;
    check("0", "400 parameter_invalid_integer").await;
    check("-1", "400 invalid_request_error").await;
    check("x", "400 parameter_invalid_integer").await;
    assert_eq!(
        sandbox.sums().await,
        [[2000, 1500, 0], [2000, 2000, 0], [2000, 0, 0], [2000, 0, 0], [2000, 0, 0], [2000, 0, 0]]
    );
}

#[tokio::test]
async fn a_decline_leaves_an_intent_that_can_be_tried_again() {
    let sandbox = TestSandbox::start().await;
    let check = async |card: &str, code: &str, decline: &str| {
        let declined = sandbox.post("/v1/payment_intents", &sale(card)).await;
        let error = &declined.body["error"];
        assert_eq!(declined.summary(), format!("402 {code}"), "{card}");
        assert_eq!(
            (&error["type"], &error["decline_code"]),
            (&json!("card_error"), &json!(decline)),
            "{card}"
        );
        let intent = &error["payment_intent"];
        assert_eq!(intent["status"], "requires_payment_method");
        assert_eq!(intent["last_payment_error"]["code"], code);
        let charge = sandbox.get(&format!("/v1/charges/{}", error["charge"].as_str().unwrap())).await;
        assert_eq!((charge.summary(), &charge.body["paid"]), ("200 failed".into(), &json!(false)));
        let confirm = format!("/v1/payment_intents/{}/confirm", intent["id"].as_str().unwrap());
        let paid = sandbox.post(&confirm, "payment_method=pm_card_visa").await;
        assert_eq!(paid.summary(), "200 succeeded");
        assert!(paid.body["last_payment_error"].is_null());
    };
    check("pm_card_chargeDeclined", "card_declined", "generic_decline").await;
    check("pm_card_visa_chargeDeclined", "card_declined", "generic_decline").await;
    check("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds").await;
    check("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card").await;
    check("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc").await;
    check("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error").await;
    // The failed charges have no money: each intent was paid once.
    assert_eq!(sandbox.sums().await, [[2000, 2000, 0]; 6]);
}

#[tokio::test]
async fn three_d_secure_waits_for_the_payer() {
    let sandbox = TestSandbox::start().await;
    let create = async |card: &str, tail: &str| {
        sandbox.post("/v1/payment_intents", &format!("{}{tail}", sale(card))).await
    };
    let check = async |card: &str, approve: bool, expected: &str| {
        let created = create(card, "&return_url=https%3A%2F%2Fexample.com%2Fback").await;
        assert_eq!(created.summary(), "200 requires_action");
        let url = created.body["next_action"]["redirect_to_url"]["url"].as_str().unwrap();
        let page = sandbox.get(url.strip_prefix(&sandbox.url).unwrap()).await;
        assert!(page.body.as_str().unwrap().contains("value=true>Approve"), "{}", page.body);
        let path = format!("/sandbox/authenticate/{}", created.id());
        assert_eq!(sandbox.control(&path, json!({"approve": approve})).await["status"], expected);
        let again = sandbox.try_control(&path, json!({"approve": true})).await;
        assert_eq!(again.status, 400, "it is decided once");
    };
    check("pm_card_authenticationRequired", true, "succeeded").await;
    check("pm_card_authenticationRequired", false, "requires_payment_method").await;
    check("pm_card_threeDSecureRequiredChargeDeclined", true, "requires_payment_method").await;
    assert_eq!(sandbox.sums().await, [[2000, 2000, 0], [0; 3], [0; 3]]);
    let in_app = create("pm_card_authenticationRequired", "").await;
    assert_eq!(in_app.body["next_action"]["type"], "use_stripe_sdk");
}

#[tokio::test]
async fn an_authorisation_expires() {
    let sandbox = TestSandbox::start().await;
    let held = sandbox.post("/v1/payment_intents", HOLD).await;
    let path = format!("/sandbox/expire/{}", held.id());
    let expired = sandbox.control(&path, json!({})).await;
    assert_eq!(
        (&expired["status"], &expired["cancellation_reason"]),
        (&json!("canceled"), &json!("automatic"))
    );
    let events = sandbox.get("/v1/events?limit=2").await;
    assert_eq!(events.body["data"][0]["type"], "payment_intent.canceled");
    assert_eq!(events.body["data"][1]["type"], "charge.expired");
    assert_eq!(sandbox.try_control(&path, json!({})).await.status, 400);
}

#[tokio::test]
async fn invalid_calls_get_stripes_errors() {
    let sandbox = TestSandbox::start().await;
    let create = "/v1/payment_intents";
    let check = async |path: &str, form: &str, expected: &str, param: Option<&str>| {
        let answer = sandbox.post(path, form).await;
        assert_eq!(answer.summary(), expected, "{form}: {}", answer.body);
        assert_eq!(answer.body["error"]["param"].as_str(), param, "{form}");
        assert!(answer.header("request-id").unwrap().starts_with("req_"));
        assert_eq!(answer.header("stripe-should-retry"), Some("false"));
    };
    check(create, "currency=brl", "400 parameter_missing", Some("amount")).await;
    check(create, "amount=0&currency=brl", "400 parameter_invalid_integer", Some("amount")).await;
    check(create, "amount=1.5&currency=brl", "400 parameter_invalid_integer", Some("amount")).await;
    check(create, "amount=100000000&currency=brl", "400 amount_too_large", Some("amount")).await;
    check(create, "amount=500&currency=BRL", "400 invalid_request_error", Some("currency")).await;
    check(create, &format!("{OPEN}&odd=1"), "400 parameter_unknown", Some("odd")).await;
    check(create, &sale("pm_x"), "400 resource_missing", Some("payment_method")).await;
    check(create, &format!("{OPEN}&confirm=true"), "400 parameter_missing", Some("payment_method")).await;
    check("/v1/payment_intents/pi_x/capture", "", "404 resource_missing", Some("intent")).await;
    check("/v1/setup_intents", "", "404 invalid_request_error", None).await;
    check("/v1/payment_intents/search", "", "404 invalid_request_error", None).await;
    check("/v1/payment_intents/", "", "404 invalid_request_error", None).await;
    check("/v2/anything", "", "404 invalid_request_error", None).await;
    let huge = sandbox.post(create, &"x".repeat(64 * 1024 + 1)).await;
    assert_eq!(huge.status, 413);
    assert_eq!(sandbox.get("/v1/payment_intents?limit=101").await.status, 400);
    assert_eq!(sandbox.sums().await.len(), 0, "none of these made an intent");

    let mut stranger = TestSandbox::start().await;
    stranger.secret_key = "sk_test_wrong".into();
    let refused = stranger.post(create, SALE).await;
    assert_eq!(refused.summary(), "401 invalid_request_error");
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let mut sandbox = TestSandbox::start().await;
    sandbox.control("/sandbox/accounts", json!({"id": "acct_2", "secret_key": "sk_test_2"})).await;
    let mine = sandbox.keyed("same", "/v1/payment_intents", SALE).await;
    sandbox.secret_key = "sk_test_2".into();
    let other = sandbox.keyed("same", "/v1/payment_intents", OPEN).await;
    assert_eq!(other.status, 200, "a key belongs to its account");
    assert_eq!(sandbox.get(&format!("/v1/payment_intents/{}", mine.id())).await.status, 404);
    let books = sandbox.get("/sandbox/books?account=acct_2&calls=false").await.body;
    assert_eq!(books["charges"].as_array().unwrap().len(), 1);
    assert_eq!(books["charges"][0]["id"], other.body["id"]);
    assert_eq!(books["calls"], json!([]));
    let taken =
        sandbox.try_control("/sandbox/accounts", json!({"id": "acct_3", "secret_key": "sk_test_2"})).await;
    assert_eq!(taken.status, 409);
}
