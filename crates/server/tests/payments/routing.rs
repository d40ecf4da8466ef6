//! Which of a tenant's accounts a payment goes to, when it goes on at the next one, and credentials that
//! are replaced while the service runs.

use domain::Currency;
use domain::rows::{Mode, PayBy};
use providers::{Secret, mercado_pago, stripe};
use serde_json::{Value, json};
use server::service::{AccountCredentials, AccountSettings};
use testkit::{Engine, ONE, TestService, until, with};

testkit::on_both_engines![
    an_account_is_chosen_by_currency_and_method,
    a_declined_charge_goes_on_at_the_next_account,
    an_unreachable_provider_is_passed_over,
    an_unknown_outcome_goes_nowhere_else,
    credentials_are_replaced_without_a_restart,
];

/// A second account at Stripe, chosen for Swiss francs.
const FRANCS: &str = "acct_francs";
const FRANCS_KEY: &str = "sk_test_francs";
/// A third one, at an address where nobody listens.
const NOBODY: &str = "acct_nobody";
const MERCADO: &str = "421";
const MERCADO_KEY: &str = "TEST-token-one";

async fn service(engine: Engine) -> TestService {
    let service = TestService::with(engine, |settings| {
        let base_url = settings.accounts[0].settings.wire.base_url.clone();
        let of = |adapter: &'static providers::Adapter, name: &str, key: &str, secret: &str| {
            let mut settings = adapter.settings(Secret::new(key), vec![Secret::new(secret)], Mode::Test);
            settings.wire.base_url.clone_from(&base_url);
            AccountSettings::new(ONE.id(), adapter, name, settings)
        };
        settings.accounts[0].currencies = Some(vec![Currency::EUR]);
        let francs = of(&stripe::ADAPTER, FRANCS, FRANCS_KEY, "whsec_francs");
        let chf = Some(vec![Currency::new("CHF").unwrap()]);
        settings.accounts.push(AccountSettings { currencies: chf, ..francs });
        let mut nobody = of(&stripe::ADAPTER, NOBODY, "sk_test_nobody", "whsec_nobody");
        "http://127.0.0.1:1".clone_into(&mut nobody.settings.wire.base_url);
        settings.accounts.push(AccountSettings {
            currencies: Some(vec![Currency::BRL]),
            methods: Some(vec![PayBy::Card]),
            ..nobody
        });
        let mercado = of(&mercado_pago::ADAPTER, MERCADO, MERCADO_KEY, "signature-one");
        settings.accounts.push(AccountSettings { methods: Some(vec![PayBy::Card, PayBy::Pix]), ..mercado });
    })
    .await;
    let webhook = |provider: &str, account: &str, secret: &str| {
        let url = format!("{}/webhooks/{provider}/{account}", service.one.base_url);
        json!({ "url": url, "secrets": [secret] })
    };
    let francs = json!({ "id": FRANCS, "secret_key": FRANCS_KEY, "webhook": webhook("stripe", FRANCS, "whsec_francs") });
    service.provider.post("/sandbox/accounts", &francs).await;
    let mercado = json!({
        "id": MERCADO, "provider": "mercado_pago", "secret_key": MERCADO_KEY,
        "webhook": webhook("mercado_pago", MERCADO, "signature-one"),
    });
    service.provider.post("/sandbox/accounts", &mercado).await;
    service
}

fn money(minor: i64, currency: &str) -> Value {
    json!({ "minor": minor, "currency": currency })
}

/// The configured name of the account that a payment went to.
async fn account_of(service: &TestService, payment: &Value) -> String {
    let accounts = service.one.get("/v1/accounts").expect(200).await.body;
    let own = |account: &&Value| account["id"] == payment["account_id"];
    let account = accounts["data"].as_array().unwrap().iter().find(own).unwrap();
    account["name"].as_str().unwrap().to_owned()
}

async fn an_account_is_chosen_by_currency_and_method(engine: Engine) {
    let service = service(engine).await;
    let listed = service.one.get("/v1/accounts").expect(200).await.body;
    let names: Vec<&Value> = listed["data"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, [ONE.account_name().as_str(), FRANCS, NOBODY, MERCADO], "in the order of the settings");
    assert_eq!(listed["data"][1]["currencies"], json!(["CHF"]));

    for (currency, account) in [("EUR", ONE.account_name()), ("CHF", FRANCS.to_owned())] {
        let body = json!({ "amount": money(900, currency), "payment_method": "pm_card_visa" });
        let made = service.one.post("/v1/charges", &body).key(currency).expect(201).await;
        assert_eq!(account_of(&service, &made.body).await, account);
    }
    let payer = json!({ "email": "ana@example.com", "tax_id": { "kind": "cpf", "number": "12345678909" } });
    let pix = json!({ "amount": money(900, "BRL"), "payment_method": "pix", "payer": payer });
    let made = service.one.post("/v1/payments", &pix).key("pix").expect(201).await;
    assert_eq!(account_of(&service, &made.body).await, MERCADO);
    let object = service.provider_reference(&made.id()).await;
    service.provider.post(&format!("/sandbox/mercado_pago/payments/{object}/pay"), &json!({})).await;

    let nobody = json!({ "amount": money(900, "JPY"), "payment_method": "pm_card_visa" });
    service.one.post("/v1/charges", &nobody).key("jpy").refused(422, "not_offered_by_provider").await;
    let named =
        json!({ "amount": money(900, "EUR"), "payment_method": "pm_card_visa", "account": "elsewhere" });
    service.one.post("/v1/charges", &named).key("named").refused(404, "provider_account_not_found").await;
    service.end().await;
}

/// A charge with a card of Stripe, and one of Mercado Pago in case it is declined.
fn either(first: &str, second: &str) -> Value {
    let payer = json!({ "email": "ana@example.com", "tax_id": { "kind": "cpf", "number": "12345678909" } });
    json!({
        "amount": money(5_000, "BRL"), "reference": "order 9", "provider": "stripe", "account": ONE.account_name(),
        "payment_method": first, "payer": payer,
        "alternatives": [{ "provider": "mercado_pago", "payment_method": second, "brand": "visa" }],
    })
}

async fn a_declined_charge_goes_on_at_the_next_account(engine: Engine) {
    let service = service(engine).await;
    let body = either("pm_card_visa_chargeDeclinedInsufficientFunds", "approved");
    let made = service.one.post("/v1/payments", &body).key("k").expect(201).await;
    assert_eq!((&made.body["state"], &made.body["provider"]), (&json!("captured"), &json!("mercado_pago")));
    let first = service.one.payment(made.body["continues"].as_str().unwrap()).await;
    assert_eq!((&first["state"], &first["continued_by"]), (&json!("failed"), &made.body["id"]));
    let again = service.one.post("/v1/payments", &body).key("k").expect(201).await;
    assert!(again.is_replay());
    assert_eq!(again.id(), made.id());

    let both = either("pm_card_visa_chargeDeclinedInsufficientFunds", "rejected_insufficient_funds");
    service.one.post("/v1/payments", &both).key("both").refused(402, "payment_declined").await;
    let stolen = either("pm_card_visa_chargeDeclinedStolenCard", "approved");
    service.one.post("/v1/payments", &stolen).key("stolen").refused(402, "payment_declined").await;

    let books = service.quiet().await;
    assert_eq!(books.stands(&made.id()), ("approved", 5_000, 5_000, 0));
    assert_eq!(books.arrivals("POST", "/v1/payments"), 2, "a stolen card is tried nowhere else");
    service.end().await;
}

async fn an_unreachable_provider_is_passed_over(engine: Engine) {
    let service = service(engine).await;
    let body = with(either("pm_card_visa", "approved"), json!({ "account": NOBODY }));
    let made = service.one.post("/v1/payments", &body).key("k").expect(201).await;
    assert_eq!((&made.body["state"], &made.body["provider"]), (&json!("captured"), &json!("mercado_pago")));
    let first = service.one.payment(made.body["continues"].as_str().unwrap()).await;
    assert_eq!(first["failure"]["code"], "provider_unreachable");
    let books = service.quiet().await;
    assert_eq!(books.stands(&made.id()), ("approved", 5_000, 5_000, 0));
    service.end().await;
}

async fn an_unknown_outcome_goes_nowhere_else(engine: Engine) {
    let service = service(engine).await;
    service.provider.faults(json!({ "commit_then_drop": 1, "webhook_drop": 1 })).await;
    let payer = either("", "")["payer"].take();
    let body = json!({
        "amount": money(5_000, "BRL"), "provider": "mercado_pago", "payment_method": "approved", "brand": "visa",
        "payer": payer, "alternatives": [{ "provider": "stripe", "payment_method": "pm_card_visa" }],
    });
    let first = service.one.post("/v1/payments", &body).key("k").without_waiting().expect(202).await.id();
    until("the payment is made at the provider", async || {
        (service.provider.books().await.arrivals("POST", "/v1/payments") > 0).then_some(())
    })
    .await;
    service.provider.faults(json!({})).await;
    let made = service.one.payment_becomes(&first, "captured").await;
    assert_eq!(made["continued_by"], Value::Null);
    let books = service.quiet().await;
    assert_eq!(books.arrivals("POST", "/v1/payment_intents"), 0);
    service.end().await;
}

async fn credentials_are_replaced_without_a_restart(engine: Engine) {
    let service = service(engine).await;
    let body = json!({ "amount": money(900, "CHF"), "payment_method": "pm_card_visa" });
    service.one.post("/v1/charges", &body).key("before").expect(201).await;

    let url = format!("{}/webhooks/stripe/{FRANCS}", service.one.base_url);
    let webhook = json!({ "url": url, "secrets": ["whsec_new"] });
    let rolled = json!({ "id": FRANCS, "secret_key": "sk_test_new", "webhook": webhook });
    service.provider.post("/sandbox/accounts", &rolled).await;
    let new = |secret_key: &str| AccountCredentials {
        provider: "stripe".to_owned(),
        account: FRANCS.to_owned(),
        secret_key: Secret::new(secret_key),
        webhook_secrets: vec![Secret::new("whsec_new")],
    };
    service.running().replace_credentials(vec![new("pk_test_wrong_kind")]);
    service.running().replace_credentials(vec![new("sk_test_new")]);
    let made = service.one.post("/v1/charges", &body).key("after").expect(201).await;
    let path = format!("/v1/payments/{}", made.id());
    service.one.becomes(&path, |seen| seen["confirmed_by_provider"] == true, "a webhook was verified").await;
    service.end().await;
}
