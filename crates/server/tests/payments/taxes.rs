//! Taxes: what a quote shows, a booking has, and what the ledger owes when its money is recognized.

use serde_json::{Value, json};
use testkit::{Engine, TestCatalogue, TestService, eur, payment_of, with};

testkit::on_both_engines![taxes_are_shown_booked_and_owed, a_penalty_owes_its_part_of_the_tax];

/// A ticket for 45.00 has 8.41 of the first, and costs 0.73 more by the second.
fn taxes() -> Value {
    json!({ "taxes": [
        { "name": "VAT", "rate_basis_points": 2_300, "included": true },
        { "name": "City tax", "rate_basis_points": 200, "included": false },
    ] })
}

const PRICE: i64 = 4_573;
const TAX: i64 = 841 + 73;

fn shown(vat: i64, city: i64) -> Value {
    json!([
        { "name": "VAT", "rate_basis_points": 2_300, "included": true, "amount": eur(vat) },
        { "name": "City tax", "rate_basis_points": 200, "included": false, "amount": eur(city) },
    ])
}

/// A product with taxes, and a confirmed booking of two tickets.
async fn sold(service: &TestService) -> (TestCatalogue, String, String) {
    let one = &service.one;
    let catalogue = TestCatalogue::create(one, 10).await;
    let path = format!("/v1/products/{}", catalogue.product);
    let product = one.request("PATCH", &path).json(&taxes()).key("t-1").expect(200).await.body;
    assert_eq!(product["taxes"], taxes()["taxes"]);
    let asked = catalogue.booking(2, "ana");
    let asked = json!({ "slot_id": asked["slot_id"], "units": asked["units"] });
    let quote = one.post("/v1/quotes", &asked).expect(200).await.body;
    assert_eq!((&quote["total"], &quote["taxes"]), (&eur(2 * PRICE), &shown(2 * 841, 2 * 73)));
    assert_eq!((&quote["lines"][0]["price"], &quote["lines"][0]["taxes"]), (&eur(PRICE), &quote["taxes"]));
    let body = with(catalogue.booking(2, "ana"), json!({ "expected_total": quote["total"] }));
    let held = one.post("/v1/bookings", &body).key("b-1").expect(201).await.body;
    assert_eq!((&held["total"], &held["taxes"]), (&quote["total"], &quote["taxes"]));
    assert_eq!((&held["items"][0]["price"], &held["items"][0]["taxes"]), (&eur(PRICE), &quote["taxes"]));
    let booking = held["id"].as_str().unwrap().to_owned();
    let payment =
        one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1").expect(201).await;
    let paid = |seen: &Value| seen["payment_status"] == "paid";
    one.becomes(&format!("/v1/bookings/{booking}"), paid, "the booking is paid").await;
    (catalogue, booking, payment.id())
}

/// What the account has in the ledger; nothing if it has no postings.
async fn balance(service: &TestService, account: &str) -> i64 {
    service.quiet().await;
    let all = service.one.see("/v1/ledger/accounts").await;
    let found = all["data"].as_array().unwrap().iter().find(|row| row["name"] == account);
    found.map_or(0, |row| row["balance"]["minor"].as_i64().unwrap())
}

async fn taxes_are_shown_booked_and_owed(engine: Engine) {
    let service = TestService::on(engine).await;
    let (catalogue, booking, payment) = sold(&service).await;
    let path = format!("/v1/products/{}", catalogue.product);
    let none = json!({ "taxes": [] });
    let changed = service.one.request("PATCH", &path).json(&none).key("t-2").expect(200).await.body;
    assert_eq!(changed["taxes"], json!([]));
    let seen = service.one.see(&format!("/v1/bookings/{booking}")).await;
    assert_eq!(seen["taxes"], shown(2 * 841, 2 * 73), "as it was made");
    assert_eq!(balance(&service, "taxes_payable").await, 0);

    service.one.post(&format!("/v1/bookings/{booking}/complete"), &json!({})).key("c-1").expect(200).await;
    assert_eq!(balance(&service, "taxes_payable").await, -2 * TAX);
    assert_eq!(balance(&service, "revenue").await, -2 * (PRICE - TAX));
    let half = json!({ "amount": eur(PRICE) });
    service.one.post(&format!("/v1/payments/{payment}/refunds"), &half).key("r-1").expect(201).await;
    assert_eq!(balance(&service, "taxes_payable").await, -TAX);
    assert_eq!(balance(&service, "refunds").await, PRICE - TAX);
    service.end().await;
}

async fn a_penalty_owes_its_part_of_the_tax(engine: Engine) {
    let service = TestService::on(engine).await;
    let (_, booking, _) = sold(&service).await;
    // The product has no policy: nothing goes back of one ticket, and the other stays.
    let seen = service.one.see(&format!("/v1/bookings/{booking}")).await;
    let one =
        json!({ "items": [{ "item_id": seen["items"][0]["id"], "quantity": 1 }], "expected_refund": eur(0) });
    let path = format!("/v1/bookings/{booking}/cancel");
    let part = service.one.post(&path, &one).key("c-1").expect(200).await.body;
    assert_eq!(part["taxes"], shown(2 * 841, 2 * 73), "all of the price is kept");
    let rest = json!({ "expected_refund": eur(2 * PRICE), "cancelled_by": "supplier" });
    let refused = service.one.post(&path, &rest).key("c-2").refused(409, "quote_has_changed").await;
    assert_eq!(refused.body["refund"], eur(PRICE));
    let rest = json!({ "expected_refund": eur(PRICE), "cancelled_by": "supplier" });
    let done = service.one.post(&path, &rest).key("c-3").expect(200).await.body;
    assert_eq!((&done["total"], &done["taxes"]), (&eur(PRICE), &shown(841, 73)));
    assert_eq!(balance(&service, "taxes_payable").await, -TAX);
    assert_eq!(balance(&service, "revenue").await, -(PRICE - TAX));
    service.end().await;
}
