//! No tenant sees or changes the rows of another, and no key acts without the scope for it.

use domain::rows::{Message, Subject};
use serde_json::{Value, json};
use testkit::{ALL_SCOPES, ONE, TestCatalogue};

use crate::rows::{Insert, event};
use crate::test_server::TestServer;

testkit::on_both_engines![
    what_is_foreign_is_unknown,
    lists_show_nothing_foreign,
    a_key_may_only_do_what_its_scopes_allow,
    events_are_those_that_the_scopes_allow,
    a_booking_shows_its_payments_to_whoever_may_see_payments,
];

async fn what_is_foreign_is_unknown(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let booking = server.book(&catalogue, "b-1", 1).await.id();
    let charge = json!({
        "amount": { "minor": 500, "currency": "EUR" }, "provider": "stripe", "payment_method": "pm_card_visa",
    });
    let payment = server
        .post("/v1/charges", &charge)
        .key("p-1")
        .header("prefer", "respond-async")
        .expect(202)
        .await
        .id();
    let product = &catalogue.product;
    let range = "from=2050-01-01T00:00:00Z&to=2051-01-01T00:00:00Z";
    for (method, path, body, code) in [
        ("GET", format!("/v1/products/{product}"), None, "product_not_found"),
        ("PATCH", format!("/v1/products/{product}"), Some(json!({ "active": false })), "product_not_found"),
        (
            "POST",
            format!("/v1/products/{product}/slots"),
            Some(json!({ "slots": [{ "starts_at": "2050-07-02T00:00:00Z", "capacity": 1 }] })),
            "product_not_found",
        ),
        ("GET", format!("/v1/availability?product_id={product}&{range}"), None, "product_not_found"),
        ("POST", "/v1/bookings".to_owned(), Some(catalogue.booking(1, "ana")), "slot_not_found"),
        ("GET", format!("/v1/bookings/{booking}"), None, "booking_not_found"),
        ("GET", format!("/v1/bookings/{booking}/history"), None, "booking_not_found"),
        ("POST", format!("/v1/bookings/{booking}/cancel"), Some(json!({})), "booking_not_found"),
        (
            "POST",
            "/v1/payments".to_owned(),
            Some(json!({ "booking_id": booking, "provider": "stripe", "payment_method": "pm_card_visa" })),
            "booking_not_found",
        ),
        ("GET", format!("/v1/payments/{payment}"), None, "payment_not_found"),
        ("GET", format!("/v1/payments/{payment}/history"), None, "payment_not_found"),
        ("GET", format!("/v1/payments/{payment}/refunds"), None, "payment_not_found"),
        ("POST", format!("/v1/payments/{payment}/refunds"), Some(json!({})), "payment_not_found"),
        ("POST", format!("/v1/payments/{payment}/capture"), Some(json!({})), "payment_not_found"),
        ("POST", format!("/v1/payments/{payment}/cancel"), Some(json!({})), "payment_not_found"),
        // There is no refund yet: the tests with a provider cover it.
        ("GET", format!("/v1/refunds/{payment}"), None, "refund_not_found"),
        ("GET", format!("/v1/refunds/{payment}/history"), None, "refund_not_found"),
    ] {
        let mut request = server.request(method, &path).by("sk_two");
        if let Some(body) = &body {
            request = request.json(body).key(&format!("foreign {path}").replace([' ', '/'], "-"));
        }
        let foreign = request.refused(404, code).await;
        assert!(!foreign.text.contains("Sunset"), "{path}");
    }
    assert_eq!(catalogue.vacancies(&server).await, 9, "nothing was changed");
    let seen = server.get(&format!("/v1/bookings/{booking}")).expect(200).await.body;
    assert_eq!((&seen["state"], &seen["payments"]), (&json!("held"), &json!([])));
}

async fn lists_show_nothing_foreign(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let booking = server.book(&catalogue, "b-1", 1).await.id();
    for path in [
        "/v1/products".to_owned(),
        "/v1/bookings".to_owned(),
        format!("/v1/bookings?slot_id={}", catalogue.slot),
        "/v1/bookings?customer_email=ana@example.com".to_owned(),
        "/v1/payments".to_owned(),
        format!("/v1/payments?booking_id={booking}"),
        "/v1/payments?customer_email=ana@example.com".to_owned(),
        "/v1/payments?idempotency_key=b-1".to_owned(),
        "/v1/ledger/accounts".to_owned(),
        "/v1/ledger/transfers".to_owned(),
        "/v1/events".to_owned(),
        "/v1/ops/review_cases".to_owned(),
    ] {
        let seen = server.get(&path).by("sk_two").expect(200).await.body;
        assert_eq!(seen["data"], json!([]), "{path}");
    }
}

async fn a_key_may_only_do_what_its_scopes_allow(server: TestServer) {
    let endpoints = [
        ("GET", "/v1/products", &["catalogue", "bookings"][..]),
        ("POST", "/v1/products", &["catalogue"]),
        ("PATCH", "/v1/products/00000000-0000-0000-0000-000000000001", &["catalogue"]),
        ("GET", "/v1/schedules/00000000-0000-0000-0000-000000000001", &["catalogue", "bookings"]),
        ("PATCH", "/v1/schedules/00000000-0000-0000-0000-000000000001", &["catalogue"]),
        ("POST", "/v1/products/00000000-0000-0000-0000-000000000001/schedules", &["catalogue"]),
        ("GET", "/v1/products/00000000-0000-0000-0000-000000000001/blackouts", &["catalogue", "bookings"]),
        ("POST", "/v1/blackouts/00000000-0000-0000-0000-000000000001/end", &["catalogue"]),
        ("GET", "/v1/resources", &["catalogue", "bookings"]),
        ("POST", "/v1/resources", &["catalogue"]),
        ("PATCH", "/v1/resources/00000000-0000-0000-0000-000000000001", &["catalogue"]),
        ("GET", "/v1/resources/00000000-0000-0000-0000-000000000001/calendar", &["catalogue", "bookings"]),
        ("POST", "/v1/products/00000000-0000-0000-0000-000000000001/resources", &["catalogue"]),
        ("GET", "/v1/bookings", &["bookings"]),
        ("POST", "/v1/bookings", &["bookings"]),
        ("GET", "/v1/payments", &["payments"]),
        ("POST", "/v1/payments", &["payments"]),
        ("POST", "/v1/charges", &["payments"]),
        ("POST", "/v1/payments/00000000-0000-0000-0000-000000000001/refunds", &["payments"]),
        ("GET", "/v1/refunds/00000000-0000-0000-0000-000000000001", &["payments"]),
        ("GET", "/v1/refunds/00000000-0000-0000-0000-000000000001/history", &["payments"]),
        ("GET", "/v1/ledger/accounts", &["ledger"]),
        ("GET", "/v1/ledger/transfers", &["ledger"]),
        ("GET", "/v1/ledger/accounts/00000000-0000-0000-0000-000000000001/statement", &["ledger"]),
        ("GET", "/v1/ledger/closing", &["ledger"]),
        ("POST", "/v1/ledger/closing", &["ops"]),
        ("GET", "/v1/events", &["bookings", "payments"]),
        ("GET", "/v1/ops/review_cases", &["ops"]),
        ("GET", "/v1/ops/settings", &["ops"]),
        ("GET", "/v1/ops/api_keys", &["ops"]),
        ("GET", "/v1/ops/breakers", &["ops"]),
        ("POST", "/v1/ops/api_keys", &["ops"]),
        ("POST", "/v1/ops/api_keys/00000000-0000-0000-0000-000000000001/revoke", &["ops"]),
    ];
    for scope in ALL_SCOPES {
        let secret = format!("sk_{scope}");
        server.provision_keys(ONE, &[(&secret, &[scope], None)]).await;
        for (method, path, allowed) in endpoints {
            let answer = server.request(method, path).by(&secret).send().await;
            let missing = answer.body["code"] == "scope_is_missing";
            assert_eq!(missing, !allowed.contains(&scope), "{scope}: {method} {path}: {}", answer.text);
            assert_eq!(missing, answer.status == 403);
        }
    }
}

/// Long runs of hidden events lie between the visible ones, and behind them.
async fn events_are_those_that_the_scopes_allow(server: TestServer) {
    let subjects = [Subject::Booking, Subject::Payment, Subject::Refund, Subject::Dispute];
    let kind_at = |position: i64| subjects[usize::try_from(position / 9 % 3).unwrap()];
    let message = |position| Message { subject_kind: kind_at(position), ..event(position) };
    Insert::of((1..=70).map(message).collect()).into(&server).await;
    for (scopes, seen) in [
        (&["bookings"][..], &[Subject::Booking][..]),
        (&["payments"], &[Subject::Payment, Subject::Refund, Subject::Dispute]),
        (&["bookings", "payments"], &subjects),
        (&["payments", "ops", "catalogue", "ledger"], &[Subject::Payment, Subject::Refund, Subject::Dispute]),
    ] {
        let secret = format!("sk_{}", scopes.join("_"));
        server.provision_keys(ONE, &[(&secret, scopes, None)]).await;
        let expected: Vec<i64> = (1..=70).filter(|position| seen.contains(&kind_at(*position))).collect();
        for limit in [1, 2, 200] {
            assert_eq!(positions(&server, &secret, limit).await, expected, "{scopes:?}, {limit} a page");
        }
    }
}

/// Reads on until a page is empty.
async fn positions(server: &TestServer, secret: &str, limit: i64) -> Vec<i64> {
    let (mut positions, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let path = format!("/v1/events?after={after}&limit={limit}");
        let page = server.get(&path).by(secret).expect(200).await.body;
        let events = page["data"].as_array().unwrap();
        if events.is_empty() {
            assert_eq!(page["next_cursor"], after, "there is always a position to continue from");
            return positions;
        }
        positions.extend(events.iter().map(|event| event["position"].as_i64().unwrap()));
        page["next_cursor"].as_str().unwrap().clone_into(&mut after);
    }
}

async fn a_booking_shows_its_payments_to_whoever_may_see_payments(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let booking = server.book(&catalogue, "b-1", 1).await.id();
    let payment = json!({ "booking_id": booking, "provider": "stripe", "payment_method": "pm_card_visa" });
    let request = server.post("/v1/payments", &payment).key("p-1").header("prefer", "respond-async");
    let payment = request.expect(202).await.id();
    server
        .provision_keys(
            ONE,
            &[("sk_books", &["bookings"], None), ("sk_sells", &["bookings", "payments"], None)],
        )
        .await;
    let path = format!("/v1/bookings/{booking}");
    let books = server.get(&path).by("sk_books").expect(200).await;
    assert_eq!(books.body["payments"], Value::Null);
    assert!(!books.text.contains("pm_card_visa"), "{}", books.text);
    assert_eq!(books.body["timeline"][0]["action"], "reserved");
    let sells = server.get(&path).by("sk_sells").expect(200).await.body;
    assert_eq!(sells["payments"][0]["id"], payment.as_str());
}
