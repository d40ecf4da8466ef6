//! Cancellations of paid bookings: what the quote says is what the provider's books show afterwards.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Engine, TestCatalogue, TestClient, TestService, eur, payment_of, with};

testkit::on_both_engines![
    a_cancellation_gives_back_what_its_quote_says,
    two_cancellations_give_back_once,
    tickets_are_cancelled_one_by_one,
    only_the_penalty_of_reserved_money_is_captured,
    reserved_money_without_a_penalty_is_released,
    a_lost_answer_gives_back_once,
    without_a_policy_nothing_goes_back,
    a_policy_is_of_its_tenant,
];

/// Half goes back until the start, less 1 EUR by the ticket.
fn half() -> Value {
    json!({ "tiers": [{ "hours": 0, "refund_basis_points": 5_000, "fee": eur(100) }] })
}

/// A product with this policy, and a confirmed booking of two tickets for 45 EUR each.
async fn sold(service: &TestService, policy: &Value, capture: &str) -> (String, String) {
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let path = format!("/v1/products/{}/cancellation_policy", catalogue.product);
    service.one.post(&path, policy).expect(200).await;
    let booking = catalogue.book(&service.one, "b-1", 2).await;
    let body = with(payment_of(&booking, "pm_card_visa"), json!({ "capture": capture }));
    let made = service.one.post("/v1/payments", &body).key("p-1").expect(201).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    if capture == "automatic" {
        let paid = |seen: &Value| seen["payment_status"] == "paid";
        service.one.becomes(&format!("/v1/bookings/{booking}"), paid, "the booking is paid").await;
    }
    (booking, made.id())
}

async fn quote(client: &TestClient, booking: &str, query: &str) -> Value {
    client.see(&format!("/v1/bookings/{booking}/cancellation_quote{query}")).await
}

fn expecting(minor: i64) -> Value {
    json!({ "expected_refund": eur(minor) })
}

async fn a_cancellation_gives_back_what_its_quote_says(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let (booking, payment) = sold(&service, &half(), "automatic").await;
    let seen = quote(&service.one, &booking, "").await;
    // Half of 45.00 less 1.00, twice.
    assert_eq!((&seen["refund"], &seen["penalty"]), (&eur(4_300), &eur(4_700)));
    assert_eq!((&seen["lines"][0]["rule"], &seen["lines"][0]["tier"]), (&json!("tier"), &json!(1)));
    assert_eq!(seen["payments"][0]["payment_id"], json!(payment));
    let path = format!("/v1/bookings/{booking}/cancel");
    let none = service.one.post(&path, &json!({})).key("c-1");
    assert_eq!(none.refused(409, "expected_refund_is_missing").await.body["refund"], eur(4_300));
    let wrong = service.one.post(&path, &expecting(4_301)).key("c-2");
    assert_eq!(wrong.refused(409, "quote_has_changed").await.body["refund"], eur(4_300));

    let done = service.one.post(&path, &expecting(4_300)).key("c-3").expect(200).await;
    assert_eq!((&done.body["state"], &done.body["due"]), (&json!("cancelled"), &eur(0)));
    assert_eq!(done.body["items"][0]["penalty"], eur(4_700));
    let again = service.one.post(&path, &expecting(4_300)).key("c-3").expect(200).await;
    assert_eq!((again.is_replay(), &again.text), (true, &done.text));
    let refunded = |seen: &Value| seen["refunded"] == eur(4_300);
    let shown = service.one.becomes(&format!("/v1/bookings/{booking}"), refunded, "it is refunded").await;
    assert_eq!((&shown["paid"], &shown["total"]), (&eur(9_000), &eur(4_700)));
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 9_000, 9_000, 4_300));
    assert_eq!(books.arrivals("POST", "/v1/refunds"), 1);
    service.end().await;
}

async fn two_cancellations_give_back_once(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let (booking, payment) = sold(&service, &half(), "automatic").await;
    let path = format!("/v1/bookings/{booking}/cancel");
    let keys: Vec<String> = (0..6).map(|number| format!("c-{number}")).collect();
    let cancels = keys.iter().map(|key| service.one.post(&path, &expecting(4_300)).key(key).send());
    let mut statuses: Vec<u16> = join_all(cancels).await.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409]);
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 9_000, 9_000, 4_300));
    service.end().await;
}

async fn tickets_are_cancelled_one_by_one(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let (booking, payment) = sold(&service, &half(), "automatic").await;
    let shown = service.one.see(&format!("/v1/bookings/{booking}")).await;
    let item = shown["items"][0]["id"].as_str().unwrap().to_owned();
    let one = quote(&service.one, &booking, &format!("?item_id={item}&quantity=1")).await;
    assert_eq!((&one["refund"], &one["cancels_booking"]), (&eur(2_150), &json!(false)));
    let path = format!("/v1/bookings/{booking}/cancel");
    let ticket = json!({ "items": [{ "item_id": item, "quantity": 1 }] });
    let too_many = json!({ "items": [{ "item_id": item, "quantity": 3 }], "expected_refund": eur(0) });
    service.one.post(&path, &too_many).key("c-1").refused(409, "not_so_many_tickets").await;
    let part = with(ticket, expecting(2_150));
    let done = service.one.post(&path, &part).key("c-2").expect(200).await;
    assert_eq!((&done.body["state"], &done.body["total"]), (&json!("confirmed"), &eur(6_850)));
    assert_eq!((&done.body["due"], done.body["items"].as_array().unwrap().len()), (&eur(0), 2));
    let refunded = |minor| move |seen: &Value| seen["refunded"] == eur(minor);
    let at = format!("/v1/bookings/{booking}");
    service.one.becomes(&at, refunded(2_150), "one ticket is refunded").await;
    let rest = quote(&service.one, &booking, "").await;
    assert_eq!((&rest["refund"], &rest["cancels_booking"]), (&eur(2_150), &json!(true)));
    service.one.post(&path, &expecting(2_150)).key("c-3").expect(200).await;
    service.one.becomes(&at, refunded(4_300), "both tickets are refunded").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 9_000, 9_000, 4_300));
    service.end().await;
}

async fn only_the_penalty_of_reserved_money_is_captured(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let (booking, payment) = sold(&service, &half(), "manual").await;
    let seen = quote(&service.one, &booking, "").await;
    assert_eq!((&seen["refund"], &seen["payments"][0]["captured"]), (&eur(4_300), &eur(4_700)));
    let path = format!("/v1/bookings/{booking}/cancel");
    service.one.post(&path, &expecting(4_300)).key("c-1").expect(200).await;
    let captured = |seen: &Value| seen["paid"] == eur(4_700);
    let at = format!("/v1/bookings/{booking}");
    let shown = service.one.becomes(&at, captured, "the penalty is captured").await;
    assert_eq!((&shown["state"], &shown["due"]), (&json!("cancelled"), &eur(0)));
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 9_000, 4_700, 0));
    service.end().await;
}

async fn reserved_money_without_a_penalty_is_released(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let (booking, payment) = sold(&service, &json!({ "preset": "free" }), "manual").await;
    let path = format!("/v1/bookings/{booking}/cancel");
    service.one.post(&path, &expecting(9_000)).key("c-1").expect(200).await;
    let at = format!("/v1/payments/{payment}");
    service.one.becomes(&at, |seen| seen["state"] == "cancelled", "the money is released").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("canceled", 9_000, 0, 0));
    service.end().await;
}

async fn a_lost_answer_gives_back_once(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let (booking, payment) = sold(&service, &half(), "automatic").await;
    let faults = json!({ "seed": 5, "commit_then_drop": 0.5, "commit_then_500": 0.3, "drop_before": 0.2 });
    service.provider.faults(faults).await;
    let path = format!("/v1/bookings/{booking}/cancel");
    service.one.post(&path, &expecting(4_300)).key("c-1").expect(200).await;
    let refunded = |seen: &Value| seen["refunded"] == eur(4_300);
    service.one.becomes(&format!("/v1/bookings/{booking}"), refunded, "it is refunded").await;
    service.provider.faults(json!({})).await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 9_000, 9_000, 4_300));
    service.end().await;
}

async fn without_a_policy_nothing_goes_back(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let (booking, payment) = sold(&service, &json!({}), "automatic").await;
    assert_eq!(quote(&service.one, &booking, "").await["refund"], eur(0));
    let supplier = quote(&service.one, &booking, "?cancelled_by=supplier").await;
    assert_eq!(supplier["refund"], eur(9_000));
    let path = format!("/v1/bookings/{booking}/cancel");
    service.one.post(&path, &json!({})).key("c-1").refused(409, "expected_refund_is_missing").await;
    service.one.post(&path, &expecting(0)).key("c-2").expect(200).await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 9_000, 9_000, 0));
    service.end().await;
}

async fn a_policy_is_of_its_tenant(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let path = format!("/v1/products/{}/cancellation_policy", catalogue.product);
    service.two.post(&path, &half()).refused(404, "product_not_found").await;
    let dollars = json!({ "minor": 100, "currency": "USD" });
    let foreign = json!({ "tiers": [{ "hours": 0, "refund_basis_points": 1, "fee": dollars }] });
    let refused = service.one.post(&path, &foreign).refused(400, "validation_failed").await;
    assert_eq!(refused.pointers(), ["/tiers/0/fee/currency"]);
    let set = service.one.post(&path, &half()).expect(200).await;
    assert_eq!(set.body["cancellation_policy"]["tiers"][0]["fee"], eur(100));
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let at = format!("/v1/bookings/{booking}/cancellation_quote");
    service.two.get(&at).refused(404, "booking_not_found").await;
    service.end().await;
}
