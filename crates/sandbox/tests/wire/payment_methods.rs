//! Payment methods belong to accounts, and pay once.

use serde_json::json;

use crate::client::{CREATE, SALE, TestSandbox, sale};

const METHODS: &str = "/v1/payment_methods";

#[tokio::test]
async fn a_test_card_name_makes_a_fresh_payment_method() {
    let sandbox = TestSandbox::start().await;
    let sold = sandbox.post(CREATE, SALE).await;
    let id = sold.body["payment_method"].as_str().unwrap();
    assert!(id.starts_with("pm_") && !id.starts_with("pm_card_"), "{id}");
    let method = sandbox.get(&format!("{METHODS}/{id}")).await.body;
    assert_eq!((&method["id"], &method["card"]["last4"]), (&json!(id), &json!("4242")));
    let charge = sandbox.get(&format!("/v1/charges/{}", sold.body["latest_charge"].as_str().unwrap())).await;
    assert_eq!(charge.body["payment_method"], id);
    let other = sandbox.post(CREATE, SALE).await;
    assert_ne!(other.body["payment_method"], id, "each use of the name makes another");
    let second = sandbox.after_a_kill(b"").await;
    assert_eq!(second.get(&format!("{METHODS}/{id}")).await.body, method);
}

#[tokio::test]
async fn a_token_makes_a_payment_method() {
    let sandbox = TestSandbox::start().await;
    let form = "type=card&card[token]=tok_visa&metadata[a]=1&billing_details[email]=ana@example.com\
                &billing_details[address][country]=PT&allow_redisplay=always";
    let made = sandbox.post(METHODS, form).await.body;
    assert_eq!(made["billing_details"]["email"], "ana@example.com");
    assert_eq!(made["billing_details"]["address"]["country"], "PT");
    assert_eq!((&made["allow_redisplay"], &made["metadata"]), (&json!("always"), &json!({"a": "1"})));
    let sold = sandbox.post(CREATE, &sale(made["id"].as_str().unwrap())).await;
    assert_eq!((sold.summary(), &sold.body["payment_method"]), ("200 succeeded".into(), &made["id"]));
    let check = async |token: &str, last4: &str| {
        let made = sandbox.post(METHODS, &format!("type=card&card[token]={token}")).await;
        assert_eq!(made.body["card"]["last4"], last4, "{token}: {}", made.body);
    };
    check("tok_mastercard", "4444").await;
    check("tok_visa_chargeDeclined", "0002").await;
    check("tok_createDispute", "0259").await;
    check("tok_visa_createDispute", "0259").await;
}

#[tokio::test]
async fn card_numbers_and_unknown_tokens_are_refused() {
    let sandbox = TestSandbox::start().await;
    let check = async |form: &str, expected: &str, param: Option<&str>| {
        let refused = sandbox.post(METHODS, form).await;
        assert_eq!(refused.summary(), expected, "{form}: {}", refused.body);
        assert_eq!(refused.body["error"]["param"].as_str(), param, "{form}");
    };
    check("card[token]=tok_visa", "400 parameter_missing", Some("type")).await;
    check("type=card", "400 parameter_missing", Some("card")).await;
    check("type=klarna", "400 invalid_request_error", Some("type")).await;
    check("type=odd", "400 invalid_request_error", Some("type")).await;
    check("type=card&klarna[a]=1", "400 invalid_request_error", Some("klarna")).await;
    check("type=card&card[token]=tok_x", "400 resource_missing", Some("card[token]")).await;
    check("type=card&card[token]=pm_card_visa", "400 resource_missing", Some("card[token]")).await;
    let number =
        "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2034&card[cvc]=123";
    check(number, "402 invalid_request_error", None).await;
    check("type=card&card[token]=tok_visa&customer=cus_1", "400 resource_missing", Some("customer")).await;
    assert_eq!(sandbox.get(&format!("{METHODS}/pm_card_visa")).await.summary(), "404 resource_missing");
}

#[tokio::test]
async fn a_payment_method_of_another_account_is_unknown() {
    let mut sandbox = TestSandbox::start().await;
    sandbox.control("/sandbox/accounts", json!({"id": "acct_2", "secret_key": "sk_test_2"})).await;
    let mine = sandbox.post(METHODS, "type=card&card[token]=tok_visa").await.id().to_owned();
    sandbox.secret_key = "sk_test_2".into();
    for id in [&*mine, "pm_never"] {
        let refused = sandbox.post(CREATE, &sale(id)).await;
        assert_eq!(refused.summary(), "400 resource_missing", "{id}");
        assert_eq!(refused.body["error"]["param"], "payment_method");
        assert_eq!(refused.body["error"]["message"], format!("No such PaymentMethod: '{id}'"));
        assert_eq!(sandbox.get(&format!("{METHODS}/{id}")).await.status, 404);
    }
}

#[tokio::test]
async fn a_payment_method_without_a_customer_pays_once() {
    let sandbox = TestSandbox::start().await;
    let token = async |token: &str| {
        sandbox.post(METHODS, &format!("type=card&card[token]={token}")).await.id().to_owned()
    };
    let visa = token("tok_visa").await;
    let chosen =
        sandbox.post(CREATE, &SALE.replace("&confirm=true", "").replace("pm_card_visa", &visa)).await;
    assert_eq!(chosen.summary(), "200 requires_confirmation", "to be chosen is not to be used");
    assert_eq!(sandbox.post(CREATE, &sale(&visa)).await.summary(), "200 succeeded");
    let again = sandbox.post(CREATE, &sale(&visa)).await;
    assert_eq!(again.summary(), "400 invalid_request_error");
    let message = again.body["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("The provided PaymentMethod was previously used"), "{message}");
    let late = sandbox.post(&format!("{CREATE}/{}/confirm", chosen.id()), "").await;
    assert_eq!(late.summary(), "400 invalid_request_error");
    let declined = token("tok_chargeDeclined").await;
    for _ in 0..2 {
        assert_eq!(
            sandbox.post(CREATE, &sale(&declined)).await.summary(),
            "402 card_declined",
            "a decline uses none up"
        );
    }
    let paid: Vec<_> = sandbox.sums().await.into_iter().filter(|sums| sums[1] > 0).collect();
    assert_eq!(paid, [[2000, 2000, 0]]);
}

#[tokio::test]
async fn a_decline_shows_the_payment_method() {
    let sandbox = TestSandbox::start().await;
    let declined = sandbox.post(CREATE, &sale("pm_card_chargeDeclined")).await;
    let error = &declined.body["error"];
    assert_eq!(error["payment_method"]["card"]["last4"], "0002");
    assert_eq!(
        error["payment_intent"]["last_payment_error"]["payment_method"]["id"],
        error["payment_method"]["id"]
    );
    assert!(error["payment_intent"]["payment_method"].is_null());
    assert_eq!(error["doc_url"], "https://stripe.com/docs/error-codes/card-declined");
}

#[tokio::test]
async fn authentication_without_a_payer_is_declined() {
    let sandbox = TestSandbox::start().await;
    let check = async |tail: &str, code: &str, decline: &str| {
        let form = format!("{}{tail}", sale("pm_card_authenticationRequired"));
        let refused = sandbox.post(CREATE, &form).await;
        assert_eq!(refused.summary(), format!("402 {code}"), "{tail}");
        let error = &refused.body["error"];
        assert_eq!((&error["decline_code"], &error["charge"]), (&json!(decline), &json!(null)), "{tail}");
        assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
    };
    check("&off_session=true", "authentication_required", "authentication_required").await;
    check("&off_session=recurring", "authentication_required", "authentication_required").await;
    check("&error_on_requires_action=true", "authentication_required", "authentication_not_handled").await;
    let asked =
        sandbox.post(CREATE, &format!("{}&off_session=false", sale("pm_card_authenticationRequired"))).await;
    assert_eq!(asked.summary(), "200 requires_action");
}
