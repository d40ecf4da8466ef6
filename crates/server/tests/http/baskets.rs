//! Several slots in one booking, and their price before it.

use domain::time::Span;
use serde_json::{Value, json};
use testkit::{Engine, OnEngine as _, TestCatalogue, eur, with};

use crate::test_server::TestServer;

testkit::on_both_engines![
    a_basket_is_booked_as_it_was_quoted,
    a_basket_with_a_full_slot_is_shown_and_refused,
    a_quote_is_refused_as_the_booking_would_be,
    a_price_that_changed_holds_nothing,
    products_of_two_currencies_or_rules_are_not_sold_together,
];

/// A basket of both catalogues.
fn basket(first: (&TestCatalogue, i64), second: (&TestCatalogue, i64)) -> Value {
    let item = |(catalogue, quantity): (&TestCatalogue, i64)| {
        json!({
            "slot_id": catalogue.slot,
            "units": [{ "unit_id": catalogue.adult, "quantity": quantity }],
        })
    };
    json!({ "items": [item(first), item(second)] })
}

fn booking(basket: &Value) -> Value {
    with(basket.clone(), json!({ "customer": { "name": "Ana Lima", "email": "ana@example.com" } }))
}

async fn two(server: &TestServer) -> (TestCatalogue, TestCatalogue) {
    (TestCatalogue::create(server, 10).await, TestCatalogue::create(server, 3).await)
}

/// How many rows the whole history has. A quote adds none.
async fn rows(server: &TestServer) -> usize {
    server.get("/v1/events").expect(200).await.body["data"].as_array().unwrap().len()
        + server.get("/v1/bookings").expect(200).await.body["data"].as_array().unwrap().len()
}

async fn a_basket_is_booked_as_it_was_quoted(server: TestServer) {
    let (sail, dive) = two(&server).await;
    let basket = basket((&sail, 2), (&dive, 3));
    let quote = server.post("/v1/quotes", &basket).expect(200).await.body;
    assert_eq!(quote["total"], eur(5 * 4_500));
    assert_eq!((&quote["seats"], &quote["has_room"]), (&json!(5), &json!(true)));
    let line = &quote["lines"][1];
    assert_eq!((&line["slot_id"], &line["product_id"]), (&json!(dive.slot), &json!(dive.product)));
    assert_eq!((&line["name"], &line["quantity"], &line["seats"]), (&json!("Adult"), &json!(3), &json!(3)));
    assert_eq!((&line["price"], &line["amount"]), (&eur(4_500), &eur(3 * 4_500)));
    let slot = &quote["slots"][1];
    assert_eq!((&slot["id"], &slot["vacancies"], &slot["seats"]), (&json!(dive.slot), &json!(3), &json!(3)));
    assert_eq!(slot["status"], "available");
    assert_eq!((rows(&server).await, dive.vacancies(&server).await), (0, 3), "a quote holds nothing");

    let body = with(booking(&basket), json!({ "expected_total": quote["total"] }));
    let held = server.post("/v1/bookings", &body).key("b-1").expect(201).await.body;
    assert_eq!((&held["total"], &held["seats"]), (&quote["total"], &quote["seats"]));
    for (item, line) in held["items"].as_array().unwrap().iter().zip(quote["lines"].as_array().unwrap()) {
        assert_eq!((&item["slot"]["id"], &item["price"]), (&line["slot_id"], &line["price"]));
        assert_eq!((&item["unit_id"], &item["quantity"]), (&line["unit_id"], &line["quantity"]));
    }
    assert_eq!((sail.vacancies(&server).await, dive.vacancies(&server).await), (8, 0));
    let one_slot = json!({ "slot_id": sail.slot, "units": basket["items"][0]["units"] });
    assert_eq!(server.post("/v1/quotes", &one_slot).expect(200).await.body["total"], eur(9_000));
    let path = format!("/v1/bookings/{}/cancel", held["id"].as_str().unwrap());
    server.request("POST", &path).key("c-1").expect(200).await;
    assert_eq!((sail.vacancies(&server).await, dive.vacancies(&server).await), (10, 3));
}

async fn a_basket_with_a_full_slot_is_shown_and_refused(server: TestServer) {
    let (sail, dive) = two(&server).await;
    dive.book(&server, "bob", 1).await;
    let basket = basket((&sail, 2), (&dive, 3));
    let quote = server.post("/v1/quotes", &basket).expect(200).await.body;
    let room: Vec<&Value> = quote["slots"].as_array().unwrap().iter().map(|slot| &slot["has_room"]).collect();
    assert_eq!((room, &quote["has_room"]), (vec![&json!(true), &json!(false)], &json!(false)));
    assert_eq!(quote["slots"][1]["vacancies"], 2);
    let refused =
        server.post("/v1/bookings", &booking(&basket)).key("b-1").refused(409, "slot_is_full").await;
    assert_eq!(refused.body["resource"], json!(dive.slot));
    assert_eq!((sail.vacancies(&server).await, dive.vacancies(&server).await), (10, 2));
}

async fn a_quote_is_refused_as_the_booking_would_be(server: TestServer) {
    let (sail, dive) = two(&server).await;
    let good = basket((&sail, 1), (&dive, 1));
    let check = async |pointer: &str, value: Value, status: u16, code: &str| {
        let mut basket = good.clone();
        *basket.pointer_mut(pointer).unwrap() = value;
        let quote = server.post("/v1/quotes", &basket).refused(status, code).await;
        let key = format!("b-{code}");
        let booked = server.post("/v1/bookings", &booking(&basket)).key(&key).refused(status, code).await;
        assert_eq!(
            (&quote.body["detail"], &quote.body["resource"]),
            (&booked.body["detail"], &booked.body["resource"])
        );
    };
    let unknown = "00000000-0000-0000-0000-000000000001";
    check("/items/1/slot_id", json!(unknown), 404, "slot_not_found").await;
    check("/items/1/units/0/unit_id", json!(unknown), 404, "unit_not_found").await;
    check("/items/1/units/0/unit_id", json!(sail.adult), 422, "unit_is_not_of_this_product").await;
    check("/items/1/slot_id", json!(sail.slot), 400, "validation_failed").await;
    let off_sale = json!({ "active": false });
    server.request("PATCH", &format!("/v1/products/{}", dive.product)).json(&off_sale).expect(200).await;
    check("/items/1/slot_id", json!(dive.slot), 409, "product_is_not_on_sale").await;
    // Whose slots they are is nobody else's business.
    let refused = server.post("/v1/quotes", &good).by(&testkit::TWO.api_key()).refused(404, "slot_not_found");
    refused.await;
    server.post("/v1/quotes", &good).by("nobody").refused(401, "unauthenticated").await;
}

async fn a_price_that_changed_holds_nothing(server: TestServer) {
    let (sail, dive) = two(&server).await;
    let basket = basket((&sail, 1), (&dive, 1));
    let quote = server.post("/v1/quotes", &basket).expect(200).await.body;
    let dearer = json!({ "units": [{ "id": dive.adult, "price": eur(5_000) }] });
    server.request("PATCH", &format!("/v1/products/{}", dive.product)).json(&dearer).expect(200).await;
    let body = with(booking(&basket), json!({ "expected_total": quote["total"] }));
    let refused = server.post("/v1/bookings", &body).key("b-1").refused(409, "price_has_changed").await;
    assert_eq!(refused.body["total"], eur(9_500));
    assert_eq!((sail.vacancies(&server).await, dive.vacancies(&server).await), (10, 3));
    // The customer was refused: the answer to this key stays.
    let cheap = json!({ "units": [{ "id": dive.adult, "price": eur(4_500) }] });
    server.request("PATCH", &format!("/v1/products/{}", dive.product)).json(&cheap).expect(200).await;
    let replay = server.post("/v1/bookings", &body).key("b-1").refused(409, "price_has_changed").await;
    assert_eq!((&replay.text, replay.header("idempotent-replayed")), (&refused.text, Some("true")));
    let held = server.post("/v1/bookings", &body).key("b-2").expect(201).await.body;
    assert_eq!(held["total"], quote["total"]);
}

async fn products_of_two_currencies_or_rules_are_not_sold_together(server: TestServer) {
    let (sail, dive) = two(&server).await;
    let reais = json!({
        "name": "Bugue", "time_zone": "America/Sao_Paulo", "currency": "BRL",
        "units": [{ "name": "Adult", "price": { "minor": 100, "currency": "BRL" } }],
    });
    let product = server.post("/v1/products", &reais).expect(201).await.body;
    let slots = json!({ "slots": [{ "starts_at": "2050-07-01T20:00:00Z", "capacity": 9 }] });
    let path = format!("/v1/products/{}/slots", testkit::id_of(&product));
    let slot = server.post(&path, &slots).expect(201).await.body["data"][0]["id"].clone();
    let mut mixed = basket((&sail, 1), (&dive, 1));
    mixed["items"][1] =
        json!({ "slot_id": slot, "units": [{ "unit_id": product["units"][0]["id"], "quantity": 1 }] });
    server.post("/v1/quotes", &mixed).refused(422, "currencies_differ").await;
    server.post("/v1/bookings", &booking(&mixed)).key("b-1").refused(422, "currencies_differ").await;

    let both = basket((&sail, 1), (&dive, 1));
    let guide = server.post("/v1/beneficiaries", &json!({ "name": "Ana" })).key("g-1").expect(201).await.id();
    let split = async |catalogue: &TestCatalogue, key: &str| {
        let share = json!({ "beneficiary_id": guide, "basis_points": 100 });
        let rule = json!({ "shares": [share], "release_after_days": 1 });
        server.post(&format!("/v1/products/{}/split", catalogue.product), &rule).key(key).expect(200).await;
    };
    split(&dive, "s-1").await;
    server.post("/v1/quotes", &both).refused(409, "split_rules_differ").await;
    server.post("/v1/bookings", &booking(&both)).key("b-2").refused(409, "split_rules_differ").await;
    split(&sail, "s-2").await;
    let held = server.post("/v1/bookings", &booking(&both)).key("b-3").expect(201).await;
    let release = server.get(&format!("/v1/bookings/{}/release", held.id())).expect(200).await.body;
    assert_eq!(release["split"]["shares"][0]["basis_points"], 100);
}

/// A basket frees those of all of its slots. Only on SQLite can the clock be moved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lapsed_holds_of_every_slot_are_freed_for_a_basket() {
    let server = TestServer::on(Engine::Sqlite).await;
    let (sail, dive) = two(&server).await;
    sail.book(&server, "bob", 10).await;
    dive.book(&server, "rui", 3).await;
    let basket = basket((&sail, 2), (&dive, 3));
    server.post("/v1/bookings", &booking(&basket)).key("b-1").refused(409, "slot_is_full").await;
    server.clock.advance(Span::seconds(24 * 60 * 60));
    server.post("/v1/bookings", &booking(&basket)).key("b-2").expect(201).await;
    assert_eq!((sail.vacancies(&server).await, dive.vacancies(&server).await), (8, 0));
}
