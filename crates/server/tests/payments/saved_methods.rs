//! Payment methods that are saved at Stripe, and charged later while the customer is absent.

use std::collections::BTreeSet;

use domain::time::Span;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Engine, ONE, TestCatalogue, TestReply, TestService, charge, payment_of, until, with};

testkit::on_both_engines![
    what_a_booking_saved_pays_later_without_its_customer,
    an_absent_customer_who_must_authenticate_comes_back,
    a_method_is_charged_for_its_own_customer_only,
    a_customer_is_made_once_whatever_is_lost,
    a_customer_whom_the_provider_has_forgotten_twice_is_used_once,
    a_customer_that_was_deleted_at_the_provider_is_made_again,
    a_form_saves_what_the_customer_entered,
    saved_methods_are_listed_and_removed,
    a_removal_is_repeated_safely_and_only_by_its_owner,
    a_provider_that_is_down_is_a_refusal_that_can_be_repeated,
];

fn saves() -> Value {
    json!({ "setup_future_usage": "off_session" })
}

/// A payment of an amount that saves its method for this customer.
fn saving(minor: i64, card: &str, customer: &str) -> Value {
    with(with(charge(minor, card), saves()), json!({ "customer": customer }))
}

fn absent(minor: i64, method: &str, customer: &str) -> Value {
    with(charge(minor, method), json!({ "off_session": true, "customer": customer }))
}

fn saved(payment: &Value) -> String {
    payment["saved_payment_method"]
        .as_str()
        .unwrap_or_else(|| panic!("nothing was saved: {payment}"))
        .to_owned()
}

async fn pay(service: &TestService, body: &Value, key: &str) -> TestReply {
    service.one.post("/v1/payments", body).key(key).expect(201).await
}

/// The customers of all objects of the first tenant at the provider.
async fn customers(service: &TestService) -> BTreeSet<String> {
    let listed = service.provider.stripe(ONE, "/v1/payment_intents?limit=100").await;
    let named = listed["data"].as_array().unwrap().iter().filter_map(|intent| intent["customer"].as_str());
    named.map(str::to_owned).collect()
}

async fn what_a_booking_saved_pays_later_without_its_customer(engine: Engine) {
    let mut service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "ana", 1).await;
    let paid = pay(&service, &with(payment_of(&booking, "pm_card_visa"), saves()), "p-1").await.body;
    assert_eq!((&paid["state"], &paid["setup_future_usage"]), (&json!("captured"), &json!("off_session")));
    let method = saved(&paid);
    assert_ne!(method, "pm_card_visa", "the token of a later payment");
    service.one.booking_becomes(&booking, "confirmed").await;

    // What must be known later is in the database.
    service.stop_service().await;
    service.start_service().await;
    let later = absent(900, &method, "ana@example.com");
    let charged = service.one.post("/v1/charges", &later).key("c-1").expect(201).await;
    let state = ["state", "off_session", "saved_payment_method"].map(|member| &charged.body[member]);
    assert_eq!(state, [&json!("captured"), &json!(true), &json!(null)]);
    let again = service.one.post("/v1/charges", &later).key("c-1").expect(201).await;
    assert_eq!((again.is_replay(), &again.text), (true, &charged.text));

    // The same customer on session, in another booking, and absent in a third.
    for (key, more) in [("b-1", json!({})), ("b-2", json!({ "off_session": true }))] {
        let seat = catalogue.booking(1, "ana");
        let booking = service.one.post("/v1/bookings", &seat).key(key).expect(201).await.id();
        pay(&service, &with(payment_of(&booking, &method), more), &format!("p-{key}")).await;
        service.one.booking_becomes(&booking, "confirmed").await;
    }
    let books = service.quiet().await;
    assert_eq!(books.stands(&charged.id()), ("succeeded", 900, 900, 0));
    assert_eq!((books.arrivals("POST", "/v1/customers"), customers(&service).await.len()), (1, 1));
    let known = service.provider.stripe(ONE, "/v1/payment_intents?limit=1").await;
    let id = known["data"][0]["customer"].as_str().unwrap();
    let shown = service.provider.stripe(ONE, &format!("/v1/customers/{id}")).await;
    assert_eq!((&shown["email"], &shown["name"]), (&json!(null), &json!(null)), "nothing personal is sent");
    service.end().await;
}

async fn an_absent_customer_who_must_authenticate_comes_back(engine: Engine) {
    let service = TestService::on(engine).await;
    let authenticated = async |payment: &TestReply| {
        assert_eq!(payment.body["state"], "pending", "{}", payment.text);
        service.provider.authenticate(payment.body["provider_reference"].as_str().unwrap(), true).await;
        service.one.payment_becomes(&payment.id(), "captured").await
    };
    let first = pay(&service, &saving(700, "pm_card_authenticationRequired", "member-1"), "p-1").await;
    assert_eq!(first.body["saved_payment_method"], json!(null), "nothing was paid yet");
    let method = saved(&authenticated(&first).await);

    let later = service.one.post("/v1/charges", &absent(900, &method, "member-1")).key("c-1");
    let refused = later.refused(402, "payment_declined").await;
    assert!(refused.text.contains("authentication_required"), "{}", refused.text);
    let resource = refused.body["resource"].as_str().unwrap();
    let id = resource.rsplit('/').next().unwrap();
    let failed = service.one.payment_becomes(id, "failed").await;
    let failure = json!({ "code": "authentication_required", "another_attempt_may_succeed": true });
    assert_eq!((&failed["failure"], &failed["next_action"]), (&failure, &json!(null)));

    let present = with(charge(900, &method), json!({ "customer": "member-1" }));
    authenticated(&pay(&service, &present, "p-2").await).await;
    let books = service.quiet().await;
    assert_eq!(books.stands(id), ("canceled", 0, 0, 0));
    service.end().await;
}

async fn a_method_is_charged_for_its_own_customer_only(engine: Engine) {
    let service = TestService::on(engine).await;
    let nobody = absent(900, "pm_card_visa", "member-1");
    service.one.post("/v1/charges", &nobody).key("c-1").refused(422, "customer_has_no_saved_method").await;
    let method = saved(&pay(&service, &saving(700, "pm_card_visa", "member-1"), "p-1").await.body);
    pay(&service, &saving(700, "pm_card_visa", "member-2"), "p-2").await;
    let others = absent(900, &method, "member-2");
    let refused = service.one.post("/v1/charges", &others).key("c-2");
    refused.refused(422, "payment_method_not_accepted").await;
    let theirs = absent(900, &method, "member-1");
    service.two.post("/v1/charges", &theirs).key("c-3").refused(422, "customer_has_no_saved_method").await;
    let without = service.one.post("/v1/charges", &charge(900, &method)).key("c-4");
    without.refused(422, "payment_method_not_accepted").await;

    service.provider.by_hand(ONE, &format!("/v1/payment_methods/{method}/detach"), &[]).await;
    let detached = service.one.post("/v1/charges", &theirs).key("c-5");
    assert_ne!(detached.send().await.status, 201);
    assert_eq!(service.quiet().await.charges().iter().filter(|one| one["captured"] == 900).count(), 0);
    service.end().await;
}

async fn a_customer_is_made_once_whatever_is_lost(engine: Engine) {
    let service =
        TestService::with(engine, |settings| settings.pace.evidence_after = Span::millis(300)).await;
    let faults = json!({
        "seed": 7, "kept_500": 0.2, "commit_then_kept_500": 0.2, "commit_then_drop": 0.2, "drop_before": 0.1,
    });
    service.provider.faults(faults).await;
    let one = &service.one;
    let payments = join_all((0..8).map(|number| async move {
        let body = saving(700, "pm_card_visa", "member-1");
        let paid = one.persist("/v1/payments", &body, &format!("p-{number}")).await;
        assert_eq!((paid.status, &paid.body["state"]), (201, &json!("captured")), "{}", paid.text);
        paid.id()
    }))
    .await;
    service.provider.faults(json!({})).await;
    service.quiet().await;
    let mut methods = BTreeSet::new();
    for payment in &payments {
        methods.insert(saved(&service.one.payment(payment).await));
    }
    assert_eq!(methods.len(), 8, "each payment saved its own");
    let committed = "select count(*) || '/' || count(distinct object) from provider_customers";
    assert_eq!(service.database.query_text(committed).await, "1/1");
    let paid = service.provider.stripe(ONE, "/v1/payment_intents?limit=100").await;
    let succeeded = paid["data"].as_array().unwrap().iter().filter(|intent| intent["status"] == "succeeded");
    let used: BTreeSet<&str> = succeeded.map(|intent| intent["customer"].as_str().unwrap()).collect();
    assert_eq!(used.len(), 1, "all of them for one customer");
    for method in methods {
        one.post("/v1/charges", &absent(300, &method, "member-1")).key(&method).expect(201).await;
    }
    service.end().await;
}

/// The replies were lost, and the provider has forgotten the key: there are several customers.
async fn a_customer_whom_the_provider_has_forgotten_twice_is_used_once(engine: Engine) {
    let service = TestService::on(engine).await;
    service.provider.faults(json!({ "commit_then_drop": 1.0, "forget_keys": true })).await;
    let body = saving(700, "pm_card_visa", "member-1");
    service.one.post("/v1/payments", &body).key("p-1").without_waiting().expect(202).await;
    until("several customers were made", async || {
        (service.provider.books().await.arrivals("POST", "/v1/customers") > 2).then_some(())
    })
    .await;
    service.provider.faults(json!({})).await;
    let paid = service.one.persist("/v1/payments", &body, "p-1").await;
    let method = saved(&paid.body);
    let later = absent(300, &method, "member-1");
    service.one.post("/v1/charges", &later).key("c-1").expect(201).await;
    service.quiet().await;
    assert_eq!(customers(&service).await.len(), 1);
    service.end().await;
}

async fn a_customer_that_was_deleted_at_the_provider_is_made_again(engine: Engine) {
    let service = TestService::on(engine).await;
    let method = saved(&pay(&service, &saving(700, "pm_card_visa", "member-1"), "p-1").await.body);
    let delete = async || {
        let listed = service.provider.stripe(ONE, "/v1/payment_intents?limit=1").await;
        let id = listed["data"][0]["customer"].as_str().unwrap().to_owned();
        let url = format!("{}/v1/customers/{id}", service.provider.base_url);
        let deleted = service.provider.http.delete(url).bearer_auth(ONE.provider_key()).send().await.unwrap();
        assert!(deleted.status().is_success(), "{}", deleted.status());
    };
    delete().await;
    let later = service.one.post("/v1/charges", &absent(300, &method, "member-1")).key("c-1");
    later.refused(422, "payment_method_not_accepted").await;
    let later = service.one.post("/v1/charges", &absent(300, &method, "member-1")).key("c-2");
    later.refused(422, "customer_has_no_saved_method").await;

    let second = saved(&pay(&service, &saving(700, "pm_card_visa", "member-1"), "p-2").await.body);
    delete().await;
    // A payment that saves makes the customer itself, without another request.
    let third = saved(&pay(&service, &saving(700, "pm_card_visa", "member-1"), "p-3").await.body);
    assert_ne!(second, third);
    service.one.post("/v1/charges", &absent(300, &third, "member-1")).key("c-3").expect(201).await;
    service.quiet().await;
    service.end().await;
}

async fn a_form_saves_what_the_customer_entered(engine: Engine) {
    let service = TestService::on(engine).await;
    let pending = pay(&service, &saving(700, "payment_form", "member-1"), "p-1").await;
    let object = pending.body["provider_reference"].as_str().unwrap();
    service.provider.fill_form(object, "pm_card_visa").await;
    let method = saved(&service.one.payment_becomes(&pending.id(), "captured").await);
    service.one.post("/v1/charges", &absent(300, &method, "member-1")).key("c-1").expect(201).await;
    service.quiet().await;
    service.end().await;
}

/// What the provider has saved for a customer, by the API: the tokens, newest first.
async fn listed(service: &TestService, customer: &str) -> Vec<String> {
    let page =
        service.one.get(&format!("/v1/saved_payment_methods?customer={customer}")).expect(200).await.body;
    assert_eq!((&page["provider"], &page["has_more"]), (&json!("stripe"), &json!(false)));
    page["data"].as_array().unwrap().iter().map(|method| method["id"].as_str().unwrap().to_owned()).collect()
}

fn removal(customer: &str, method: &str) -> Value {
    json!({ "customer": customer, "payment_method": method })
}

const REMOVE: &str = "/v1/saved_payment_methods/remove";

/// The audit of removals, oldest first.
async fn removals(service: &TestService) -> String {
    let actions = "select coalesce(string_agg(action || ' ' || why, ', ' order by at, id), '') from audit \
                   where subject_kind = 'customer'";
    service.database.query_text(actions).await
}

async fn saved_methods_are_listed_and_removed(engine: Engine) {
    let service = TestService::on(engine).await;
    assert!(listed(&service, "member-1").await.is_empty(), "a customer whom the provider does not know");
    assert_eq!(service.provider.books().await.arrivals("GET", "/v1/customers"), 0);
    let first = saved(&pay(&service, &saving(700, "pm_card_visa", "member-1"), "p-1").await.body);
    let second = saved(&pay(&service, &saving(700, "pm_card_visa", "member-1"), "p-2").await.body);
    pay(&service, &saving(700, "pm_card_visa", "member-2"), "p-3").await;
    assert_eq!(listed(&service, "member-1").await, [second.clone(), first.clone()]);
    let whole =
        service.one.get("/v1/saved_payment_methods?customer=member-1&provider=stripe").expect(200).await;
    let card = json!({ "brand": "visa", "last_digits": "4242", "expiry_month": 12, "expiry_year": 2034 });
    assert_eq!((&whole.body["data"][0]["card"], &whole.body["data"][0]["kind"]), (&card, &json!("card")));

    let removed = service.one.post(REMOVE, &removal("member-1", &first)).expect(200).await.body;
    assert_eq!(removed, json!({ "id": first, "was_removed_before": false }));
    assert_eq!(listed(&service, "member-1").await, [second.as_str()]);
    let audited = format!("saved_method_removal_requested {first}, saved_method_removed {first}");
    assert_eq!(removals(&service).await, audited);
    let charged = service.one.post("/v1/charges", &absent(300, &first, "member-1")).key("c-1").send().await;
    assert_ne!(charged.status, 201, "{}", charged.text);
    service.one.post("/v1/charges", &absent(300, &second, "member-1")).key("c-2").expect(201).await;

    // Whoever deletes the customer at the provider deletes its methods.
    let intents = service.provider.stripe(ONE, "/v1/payment_intents?limit=1").await;
    let customer = intents["data"][0]["customer"].as_str().unwrap();
    let url = format!("{}/v1/customers/{customer}", service.provider.base_url);
    service.provider.http.delete(url).bearer_auth(ONE.provider_key()).send().await.unwrap();
    assert!(listed(&service, "member-1").await.is_empty());
    service.quiet().await;
    service.end().await;
}

async fn a_removal_is_repeated_safely_and_only_by_its_owner(engine: Engine) {
    let service = TestService::on(engine).await;
    let method = saved(&pay(&service, &saving(700, "pm_card_visa", "member-1"), "p-1").await.body);
    pay(&service, &saving(700, "pm_card_visa", "member-2"), "p-2").await;
    for (client, customer, id) in [
        (&service.one, "member-2", method.as_str()),
        (&service.one, "member-3", &method),
        (&service.two, "member-1", &method),
        (&service.one, "member-1", "pm_nobodys"),
        (&service.one, "member-1", "../customers"),
    ] {
        client.post(REMOVE, &removal(customer, id)).refused(404, "saved_method_not_found").await;
    }
    let seen = service.two.get("/v1/saved_payment_methods?customer=member-1").expect(200).await.body;
    assert_eq!(seen["data"], json!([]));
    assert_eq!((listed(&service, "member-1").await.len(), removals(&service).await), (1, String::new()));

    let one = &service.one;
    let body = removal("member-1", &method);
    let all = join_all((0..8).map(|_| one.post(REMOVE, &body).expect(200))).await;
    let first = all.iter().filter(|reply| reply.body["was_removed_before"] == false).count();
    assert_eq!(first, 1, "of eight at the same time, one removed it");
    assert!(listed(&service, "member-1").await.is_empty());
    let again = one.post(REMOVE, &body).expect(200).await.body;
    assert_eq!(again["was_removed_before"], true);
    assert_eq!(removals(&service).await.matches("saved_method_removed").count(), 1);
    service.quiet().await;
    service.end().await;
}

async fn a_provider_that_is_down_is_a_refusal_that_can_be_repeated(engine: Engine) {
    let service = TestService::on(engine).await;
    let method = saved(&pay(&service, &saving(700, "pm_card_visa", "member-1"), "p-1").await.body);
    let body = removal("member-1", &method);
    let list = "/v1/saved_payment_methods?customer=member-1";
    service.quiet().await;

    service.provider.faults(json!({ "unavailable": 1.0 })).await;
    service.one.get(list).refused(503, "provider_unavailable").await;
    service.one.post(REMOVE, &body).refused(503, "provider_unavailable").await;
    assert_eq!(removals(&service).await, "", "nothing was known of its owner");

    // It is detached, and the reply is lost: the repetition finds it done.
    service.provider.faults(json!({ "commit_then_drop": 1.0 })).await;
    let lost = service.one.post(REMOVE, &body).send().await;
    assert_eq!(lost.status, 503, "{}", lost.text);
    service.provider.faults(json!({})).await;
    let done = service.one.post(REMOVE, &body).expect(200).await.body;
    assert_eq!(done["was_removed_before"], true);
    assert!(removals(&service).await.contains("saved_method_removal_requested"));
    assert!(listed(&service, "member-1").await.is_empty());
    service.quiet().await;
    service.end().await;
}
