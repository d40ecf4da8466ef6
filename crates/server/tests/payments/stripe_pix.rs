//! Pix through Stripe: the customer pays a code, which expires.

use serde_json::{Value, json};
use testkit::{Engine, TestReply, TestService, with};

testkit::on_both_engines![
    a_code_is_paid_by_the_customer_and_refunded,
    an_expired_code_has_failed_once_its_object_ended,
    a_code_that_was_paid_meanwhile_is_not_called_off,
    an_order_of_pix_needs_what_stripe_needs,
];

fn brl(minor: i64) -> Value {
    json!({ "minor": minor, "currency": "BRL" })
}

fn pix(minor: i64) -> Value {
    let tax_id = json!({ "kind": "cpf", "number": "12345678909" });
    let payer = json!({ "email": "ana@example.com", "name": "Ana Lima", "tax_id": tax_id });
    json!({ "amount": brl(minor), "provider": "stripe", "payment_method": "pix", "payer": payer })
}

async fn start(service: &TestService) -> (TestReply, String) {
    let body = with(pix(7_500), json!({ "expires_in_seconds": 600 }));
    let pending = service.one.post("/v1/payments", &body).key("pix").expect(201).await;
    assert_eq!(pending.body["state"], "pending", "{}", pending.text);
    let object = pending.body["provider_reference"].as_str().unwrap().to_owned();
    (pending, object)
}

async fn a_code_is_paid_by_the_customer_and_refunded(engine: Engine) {
    let service = TestService::on(engine).await;
    let (pending, object) = start(&service).await;
    let next = &pending.body["next_action"];
    assert_eq!(next["type"], "pix");
    assert!(next["code"].as_str().unwrap().starts_with("000201"), "{next}");
    let at = |member: &Value| member.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let lasts = at(&next["expires_at"]).as_second() - at(&pending.body["created_at"]).as_second();
    assert!((598..=660).contains(&lasts), "{lasts} s");
    service.provider.pay_code(&object).await;
    service.one.payment_becomes(&pending.id(), "captured").await;
    let path = format!("/v1/payments/{}/refunds", pending.id());
    service.one.post(&path, &json!({ "amount": brl(2_500) })).key("r-1").expect(201).await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&pending.id()), ("succeeded", 7_500, 7_500, 2_500));
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    service.end().await;
}

async fn an_expired_code_has_failed_once_its_object_ended(engine: Engine) {
    let service = TestService::on(engine).await;
    let (pending, object) = start(&service).await;
    let expired = service.provider.post(&format!("/sandbox/expire/{object}"), &json!({})).await;
    assert_eq!(expired["status"], "requires_payment_method", "it could still be paid in another way");
    let failed = service.one.payment_becomes(&pending.id(), "failed").await;
    assert_eq!(failed["failure"]["code"], "payment_intent_payment_attempt_expired");
    let books = service.quiet().await;
    assert_eq!(books.stands(&pending.id()), ("canceled", 0, 0, 0));
    assert_eq!(books.arrivals("POST", "/cancel"), 1);
    service.end().await;
}

/// By our clock the customer's time is over, and by the provider's books the code was paid.
async fn a_code_that_was_paid_meanwhile_is_not_called_off(engine: Engine) {
    let mut service = TestService::on(engine).await;
    let (pending, object) = start(&service).await;
    service.stop_service().await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    service.provider.pay_code(&object).await;
    service.database.execute("update payments set pay_until = 1, next_action = null").await;
    service.database.execute("update jobs set due_at = 1 where state = 'ready'").await;
    service.start_service().await;
    service.one.payment_becomes(&pending.id(), "captured").await;
    service.provider.faults(json!({})).await;
    assert_eq!(service.quiet().await.stands(&pending.id()), ("succeeded", 7_500, 7_500, 0));
    service.end().await;
}

async fn an_order_of_pix_needs_what_stripe_needs(engine: Engine) {
    let service = TestService::on(engine).await;
    let check = async |over: Value, pointer: &str| {
        let body = with(pix(7_500), over);
        let refused =
            service.one.post("/v1/payments", &body).key("no").refused(422, "not_offered_by_provider").await;
        assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{}", refused.text);
    };
    check(json!({ "payer": null }), "/payer").await;
    check(json!({ "payer": { "email": "ana@example.com", "name": "Ana Lima" } }), "/payer").await;
    check(json!({ "expires_in_seconds": 1_209_601 }), "/expires_in_seconds").await;
    let held = with(pix(7_500), json!({ "capture": "manual" }));
    let refused = service.one.post("/v1/payments", &held).key("no").refused(400, "validation_failed").await;
    assert_eq!(refused.pointers(), ["/capture"]);
    let euros = with(pix(0), json!({ "amount": testkit::eur(7_500) }));
    service.one.post("/v1/payments", &euros).key("no").refused(422, "currency_is_not_taken").await;
    assert!(service.provider.books().await.charges().is_empty(), "nothing was sent");
    service.end().await;
}
