//! Customers, and the payment methods that are attached to them.

use serde_json::{Value, json};

use crate::client::{Answer, CREATE, SALE, TestSandbox, sale};

const CUSTOMERS: &str = "/v1/customers";
const METHODS: &str = "/v1/payment_methods";
const SAVES: &str = "&setup_future_usage=off_session";

async fn customer(sandbox: &TestSandbox) -> String {
    sandbox.post(CUSTOMERS, "metadata[ours]=1").await.id().to_owned()
}

/// A payment of the customer. The card may have to be authenticated by its payer.
async fn pay(sandbox: &TestSandbox, customer: &str, card: &str, more: &str) -> Answer {
    sandbox.post(CREATE, &format!("{}&customer={customer}{more}", sale(card))).await
}

/// The payment method that a payment has saved.
async fn saved(sandbox: &TestSandbox, customer: &str, card: &str) -> String {
    let paid = pay(sandbox, customer, card, SAVES).await;
    if paid.summary() == "200 requires_action" {
        let page = format!("/sandbox/authenticate/{}", paid.id());
        sandbox.control(&page, json!({"approve": true})).await;
    }
    let intent = sandbox.get(&format!("{CREATE}/{}", paid.id())).await;
    assert_eq!(intent.summary(), "200 succeeded");
    intent.body["payment_method"].as_str().unwrap().to_owned()
}

fn error(answer: &Answer) -> (&str, &Value) {
    (answer.body["error"]["message"].as_str().unwrap(), &answer.body["error"]["param"])
}

#[tokio::test]
async fn a_customer_is_made_shown_and_deleted() {
    let sandbox = TestSandbox::start().await;
    let form = "description=b&email=ana@example.com&name=Ana&phone=1&metadata[ours]=1";
    let made = sandbox.keyed("k-1", CUSTOMERS, form).await;
    assert!(made.id().starts_with("cus_"), "{}", made.body);
    assert_eq!(
        (&made.body["email"], &made.body["metadata"]),
        (&json!("ana@example.com"), &json!({"ours": "1"}))
    );
    assert_eq!(sandbox.keyed("k-1", CUSTOMERS, form).await.body, made.body, "a replay");
    let path = format!("{CUSTOMERS}/{}", made.id());
    let second = sandbox.after_a_kill(b"").await;
    assert_eq!(second.get(&path).await.body, made.body);
    let check = async |form: &str, param: &str| {
        let refused = sandbox.post(CUSTOMERS, form).await;
        assert_eq!((refused.status, error(&refused).1), (400, &json!(param)), "{form}");
    };
    check("balance=5", "balance").await;
    check("payment_method=pm_card_visa", "payment_method").await;
    check("odd=1", "odd").await;

    let card = saved(&sandbox, made.id(), "pm_card_visa").await;
    let bearer = format!("Bearer {}", sandbox.secret_key);
    let deleted = sandbox.send("DELETE", &path, &[("authorization", &*bearer)], "").await;
    let gone = json!({"id": made.id(), "object": "customer", "deleted": true});
    assert_eq!((&deleted.body, sandbox.get(&path).await.body), (&gone, gone.clone()));
    let again = sandbox.send("DELETE", &path, &[("authorization", &*bearer)], "").await;
    assert_eq!(again.summary(), "404 resource_missing");
    let late = pay(&sandbox, made.id(), "pm_card_visa", "").await;
    assert_eq!((late.summary(), error(&late).1), ("400 resource_missing".into(), &json!("customer")));
    assert_eq!(sandbox.get(&format!("{METHODS}/{card}")).await.body["customer"], json!(null));
    assert_eq!(sandbox.post(CREATE, &sale(&card)).await.summary(), "400 invalid_request_error");
    let kinds = sandbox.kinds().await;
    for kind in ["customer.created", "payment_method.attached", "payment_method.detached", "customer.deleted"]
    {
        assert!(kinds.iter().any(|found| found == kind), "{kind}: {kinds:?}");
    }
}

#[tokio::test]
async fn a_payment_for_future_use_attaches_its_method() {
    let sandbox = TestSandbox::start().await;
    let ana = customer(&sandbox).await;
    let once = pay(&sandbox, &ana, "pm_card_visa", "").await;
    assert_eq!((once.summary(), &once.body["customer"]), ("200 succeeded".into(), &json!(ana)));
    let method = once.body["payment_method"].as_str().unwrap();
    assert_eq!(sandbox.get(&format!("{METHODS}/{method}")).await.body["customer"], json!(null));
    assert_eq!(
        pay(&sandbox, &ana, method, "").await.summary(),
        "400 invalid_request_error",
        "it was not kept"
    );

    let declined = pay(&sandbox, &ana, "pm_card_chargeDeclined", SAVES).await;
    assert_eq!(declined.summary(), "402 card_declined");
    let list = format!("{METHODS}?customer={ana}");
    assert_eq!(sandbox.get(&list).await.body["data"], json!([]));

    let card = saved(&sandbox, &ana, "pm_card_visa").await;
    let shown = sandbox.get(&format!("{METHODS}/{card}")).await.body;
    assert_eq!(shown["customer"], json!(ana));
    for list in [&list, &format!("{CUSTOMERS}/{ana}/payment_methods?limit=100")] {
        assert_eq!(sandbox.get(list).await.body["data"], json!([shown]), "{list}");
    }
    let nobodys = sandbox.get(&format!("{CUSTOMERS}/cus_none/payment_methods")).await;
    assert_eq!(nobodys.summary(), "404 resource_missing");
    for more in ["", "&off_session=true", SAVES] {
        let paid = pay(&sandbox, &ana, &card, more).await;
        assert_eq!((paid.summary(), &paid.body["payment_method"]), ("200 succeeded".into(), &json!(card)));
        let charge = paid.body["latest_charge"].as_str().unwrap();
        assert_eq!(sandbox.get(&format!("/v1/charges/{charge}")).await.body["customer"], json!(ana));
    }
    let nobodys = sandbox.post(CREATE, &format!("{SALE}{SAVES}")).await;
    let method = nobodys.body["payment_method"].as_str().unwrap();
    assert_eq!(sandbox.post(CREATE, &sale(method)).await.summary(), "400 invalid_request_error");
}

#[tokio::test]
async fn a_method_of_another_customer_is_refused() {
    let sandbox = TestSandbox::start().await;
    let (ana, rui) = (customer(&sandbox).await, customer(&sandbox).await);
    let card = saved(&sandbox, &ana, "pm_card_visa").await;
    let others = pay(&sandbox, &rui, &card, "").await;
    let message = format!(
        "The customer does not have a payment method with the ID {card}. The payment method must be attached to the customer."
    );
    assert_eq!(error(&others), (message.as_str(), &json!("payment_method")));
    let nobodys = sandbox.post(CREATE, &sale(&card)).await;
    let (message, param) = error(&nobodys);
    assert!(message.contains(&format!("belongs to the Customer {ana}")) && *param == json!("payment_method"));
    // The same at the confirmation.
    let open = SALE.replace("&confirm=true", "").replace("&payment_method=pm_card_visa", "");
    let open = sandbox.post(CREATE, &format!("{open}&customer={rui}")).await;
    let confirm = format!("{CREATE}/{}/confirm", open.id());
    assert_eq!(sandbox.post(&confirm, &format!("payment_method={card}")).await.status, 400);
    let attach = format!("{METHODS}/{card}/attach");
    let taken = sandbox.post(&attach, &format!("customer={rui}")).await;
    assert_eq!(taken.summary(), "400 payment_method_unexpected_state");
    assert_eq!(sandbox.post(&attach, "").await.summary(), "400 parameter_missing");

    let detach = format!("{METHODS}/{card}/detach");
    assert_eq!(sandbox.post(&detach, "").await.body["customer"], json!(null));
    assert_eq!(sandbox.post(&detach, "").await.summary(), "400 payment_method_unexpected_state");
    assert_eq!(sandbox.post(&attach, &format!("customer={rui}")).await.status, 400);
    assert_eq!(pay(&sandbox, &ana, &card, "").await.status, 400);
    let fresh = sandbox.post(&format!("{METHODS}/pm_card_visa/attach"), &format!("customer={rui}")).await;
    assert_eq!(fresh.body["customer"], json!(rui));
    assert_eq!(pay(&sandbox, &rui, fresh.id(), "&off_session=true").await.summary(), "200 succeeded");
}

#[tokio::test]
async fn test_cards_authenticate_by_session_and_setup() {
    let sandbox = TestSandbox::start().await;
    let check = async |card: &str, on_session: &str, off_session: &str, saved_off_session: &str| {
        let ana = customer(&sandbox).await;
        assert_eq!(pay(&sandbox, &ana, card, "").await.summary(), on_session, "{card} on session");
        let absent = pay(&sandbox, &ana, card, "&off_session=true").await;
        assert_eq!(absent.summary(), off_session, "{card} off session");
        let kept = saved(&sandbox, &ana, card).await;
        let absent = pay(&sandbox, &ana, &kept, "&off_session=true").await;
        assert_eq!(absent.summary(), saved_off_session, "{card} saved");
        assert_eq!(pay(&sandbox, &ana, &kept, "").await.summary(), on_session, "{card} saved, on session");
    };
    let (paid, asks, declined) = ("200 succeeded", "200 requires_action", "402 authentication_required");
    check("pm_card_visa", paid, paid, paid).await;
    check("pm_card_authenticationRequired", asks, declined, declined).await;
    check("pm_card_authenticationRequiredOnSetup", asks, declined, paid).await;
    check("pm_card_authenticationRequiredSetupForOffSession", asks, paid, paid).await;
}
