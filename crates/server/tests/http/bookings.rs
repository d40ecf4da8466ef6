//! Holding seats, and releasing them.

use domain::commands::ExpireHolds;
use domain::time::Span;
use serde_json::{Value, json};
use store::Clock as _;
use testkit::{Engine, OnEngine as _, TestCatalogue};

use crate::test_server::TestServer;

testkit::on_both_engines![
    a_booking_from_hold_to_cancellation,
    seats_that_are_not_there_are_not_held,
    bookings_are_found_by_what_is_known_of_them,
    a_replay_of_a_full_slot_stays_full,
    a_hold_ends_when_its_slot_starts,
    a_hold_is_extended_to_its_last_possible_end,
    many_extensions_at_once_are_one_each,
    holds_that_wait_for_their_payments_hide_no_others,
];

async fn a_booking_from_hold_to_cancellation(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let mut body = catalogue.booking(3, "ana");
    body["hold_seconds"] = json!(600);
    body["metadata"] = json!({ "order": "A-1" });
    body["customer"]["phone"] = json!("+351 900 000 000");
    let held = server.post("/v1/bookings", &body).key("b-1").expect(201).await;
    let path = format!("/v1/bookings/{}", held.id());
    assert_eq!(held.header("location"), Some(path.as_str()));
    assert_eq!(held.header("content-type"), Some("application/json"));
    assert_eq!((&held.body["state"], &held.body["payment_status"]), (&json!("held"), &json!("unpaid")));
    assert_eq!(held.body["due"], json!({ "minor": 13_500, "currency": "EUR" }));
    assert_eq!(held.body["seats"], 3);
    assert_eq!(catalogue.vacancies(&server).await, 7);

    let seen = server.get(&path).expect(200).await.body;
    for member in ["id", "state", "total", "items", "seats", "customer", "metadata", "hold_expires_at"] {
        assert_eq!(seen[member], held.body[member], "{member}");
    }
    assert_eq!(seen["payments"], json!([]));
    assert!(!seen["timeline"].as_array().unwrap().is_empty());

    let cancelled = server.request("POST", &format!("{path}/cancel")).key("b-2").expect(200).await;
    assert_eq!(cancelled.body["state"], "cancelled");
    assert_eq!(catalogue.vacancies(&server).await, 10);
    let again = server.post(&format!("{path}/cancel"), &json!({})).key("b-2").expect(200).await;
    assert_eq!(again.text, cancelled.text, "an empty body is an empty object");
    server
        .request("POST", &format!("{path}/cancel"))
        .key("b-3")
        .refused(409, "state_does_not_allow_it")
        .await;

    let history = server.get(&format!("{path}/history")).expect(200).await.body;
    let moves: Vec<_> = history["data"].as_array().unwrap().iter().map(|entry| &entry["to_state"]).collect();
    assert_eq!(*moves.last().unwrap(), &json!("cancelled"));
}

async fn seats_that_are_not_there_are_not_held(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    server.book(&catalogue, "b-1", 8).await;
    let refused = server
        .post("/v1/bookings", &catalogue.booking(3, "ana"))
        .key("b-2")
        .refused(409, "slot_is_full")
        .await;
    assert!(refused.body["detail"].as_str().unwrap().contains('2'), "{}", refused.text);
    assert_eq!(catalogue.vacancies(&server).await, 2);
    server.book(&catalogue, "b-3", 2).await;
    assert_eq!(catalogue.vacancies(&server).await, 0);
    let mut unknown = catalogue.booking(1, "ana");
    unknown["slot_id"] = json!(catalogue.adult);
    server.post("/v1/bookings", &unknown).key("b-4").refused(404, "slot_not_found").await;
}

/// A definite refusal is the reply to its key forever; a request with another key may succeed.
async fn a_replay_of_a_full_slot_stays_full(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let first = server.book(&catalogue, "b-1", 10).await;
    let full = server
        .post("/v1/bookings", &catalogue.booking(1, "ana"))
        .key("b-2")
        .refused(409, "slot_is_full")
        .await;
    server.request("POST", &format!("/v1/bookings/{}/cancel", first.id())).key("c-1").expect(200).await;
    let replay = server
        .post("/v1/bookings", &catalogue.booking(1, "ana"))
        .key("b-2")
        .refused(409, "slot_is_full")
        .await;
    assert_eq!(
        (replay.text.as_str(), replay.header("idempotent-replayed")),
        (full.text.as_str(), Some("true"))
    );
    server.book(&catalogue, "b-3", 1).await;
}

/// Whatever length was requested; afterwards the booking cannot be paid.
async fn a_hold_ends_when_its_slot_starts(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let starts_at = api::time::instant(server.clock.now().plus(Span::millis(1_500)));
    let path = format!("/v1/products/{}/slots", catalogue.product);
    let slots = json!({ "slots": [{ "starts_at": starts_at, "capacity": 10 }] });
    let slot = server.post(&path, &slots).expect(201).await.body["data"][0]["id"].clone();
    let mut body = catalogue.booking(1, "ana");
    body["slot_id"] = slot.clone();
    body["hold_seconds"] = json!(86_400);
    let held = server.post("/v1/bookings", &body).key("b-1").expect(201).await;
    assert_eq!(held.body["hold_expires_at"], held.body["items"][0]["slot"]["starts_at"]);

    let range = "from=2020-01-01T00:00:00Z&to=2049-01-01T00:00:00Z";
    let path = format!("/v1/availability?product_id={}&{range}", catalogue.product);
    while server.get(&path).expect(200).await.body["data"][0]["status"] != "started" {
        tokio::task::yield_now().await;
    }
    let pay = json!({ "booking_id": held.id(), "provider": "stripe", "payment_method": "pm_card_visa" });
    server.post("/v1/payments", &pay).key("p-1").refused(409, "hold_has_expired").await;
}

async fn a_hold_is_extended_to_its_last_possible_end(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let settings = json!({ "hold_seconds": 600, "hold_seconds_max": 3_600 });
    server.request("PATCH", "/v1/ops/settings").json(&settings).expect(200).await;
    let held = server.book(&catalogue, "b-1", 2).await;
    let path = format!("/v1/bookings/{}/extend", held.id());
    let seconds = |from, to: jiff::Timestamp| to.duration_since(from).as_secs();

    let same = server.request("POST", &path).key("e-1").expect(200).await;
    assert!(instant(&same.body, "hold_expires_at") >= instant(&held.body, "hold_expires_at"));
    assert_eq!(same.header("location"), Some(path.trim_end_matches("/extend")));
    let longer = server.post(&path, &json!({ "hold_seconds": 1_200 })).key("e-2").expect(200).await;
    let created = instant(&held.body, "created_at");
    assert!((1_200..1_260).contains(&seconds(created, instant(&longer.body, "hold_expires_at"))));
    let replay = server.post(&path, &json!({ "hold_seconds": 1_200 })).key("e-2").expect(200).await;
    assert_eq!((&replay.text, replay.header("idempotent-replayed")), (&longer.text, Some("true")));
    let shorter = server.post(&path, &json!({ "hold_seconds": 60 })).key("e-3").expect(200).await;
    assert_eq!(shorter.body["hold_expires_at"], longer.body["hold_expires_at"]);

    let last = server.post(&path, &json!({ "hold_seconds": 3_600 })).key("e-4").expect(200).await;
    let latest = instant(&last.body, "hold_expires_at");
    assert_eq!(seconds(created, latest), 3_600, "counted from the reservation");
    let refused = server.request("POST", &path).key("e-5").refused(409, "hold_is_at_its_limit").await;
    assert_eq!(instant(&refused.body, "latest_at"), latest);
    server.post(&path, &json!({ "hold_seconds": 3_601 })).key("e-6").refused(422, "hold_is_too_long").await;
    server.post(&path, &json!({ "hold_seconds": 0 })).key("e-7").refused(400, "validation_failed").await;

    server
        .request("POST", &path)
        .by(&testkit::TWO.api_key())
        .key("e-8")
        .refused(404, "booking_not_found")
        .await;
    let history = server.get(&format!("/v1/bookings/{}/history", held.id())).expect(200).await.body;
    let extended =
        history["data"].as_array().unwrap().iter().filter(|entry| entry["action"] == "hold_extended");
    assert!((2..=3).contains(&extended.count()));
    server.request("POST", &format!("/v1/bookings/{}/cancel", held.id())).key("c-1").expect(200).await;
    server.request("POST", &path).key("e-9").refused(409, "booking_is_not_held").await;
}

/// Each waits for the lock of the booking, and none shortens what another gave.
async fn many_extensions_at_once_are_one_each(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let held = server.book(&catalogue, "b-1", 1).await;
    let path = format!("/v1/bookings/{}/extend", held.id());
    let extend = |number: i64| {
        let body = json!({ "hold_seconds": 1_000 + 100 * number });
        server.post(&path, &body).key(&format!("e-{number}")).expect(200)
    };
    let replies = futures_util::future::join_all((0..10).map(extend)).await;
    let seen = server.get(&format!("/v1/bookings/{}", held.id())).expect(200).await.body;
    let last = replies.iter().map(|reply| instant(&reply.body, "hold_expires_at")).max();
    assert_eq!(last, Some(instant(&seen, "hold_expires_at")));
}

fn instant(body: &Value, member: &str) -> jiff::Timestamp {
    body[member].as_str().unwrap().parse().unwrap()
}

async fn bookings_are_found_by_what_is_known_of_them(server: TestServer) {
    let (catalogue, other) =
        (TestCatalogue::create(&server, 10).await, TestCatalogue::create(&server, 10).await);
    let mine = server.book(&catalogue, "b-1", 1).await.id();
    let theirs = server.book(&other, "b-2", 1).await.id();
    let mut bob = other.booking(1, "ana");
    bob["customer"]["email"] = json!("bob@example.com");
    let bobs = server.post("/v1/bookings", &bob).key("b-3").expect(201).await.id();
    server.request("POST", &format!("/v1/bookings/{theirs}/cancel")).key("c-1").expect(200).await;
    for (query, expected) in [
        (String::new(), vec![&bobs, &theirs, &mine]),
        (format!("slot_id={}", catalogue.slot), vec![&mine]),
        ("customer_email=ANA@example.com".to_owned(), vec![&theirs, &mine]),
        ("state=held".to_owned(), vec![&bobs, &mine]),
        ("state=cancelled&customer_email=bob@example.com".to_owned(), vec![]),
        ("created_from=2020-01-01T00:00:00Z&state=held".to_owned(), vec![&bobs, &mine]),
        ("created_before=2020-01-01T00:00:00Z".to_owned(), vec![]),
    ] {
        let found = server.get(&format!("/v1/bookings?{query}")).expect(200).await.body;
        let ids: Vec<_> = found["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, expected.iter().map(|id| json!(id)).collect::<Vec<Value>>(), "{query}");
    }
    for query in ["state=open", "slot_id=1", "from=1"] {
        server.get(&format!("/v1/bookings?{query}")).refused(400, "validation_failed").await;
    }
}

/// A sweep of limited size finds the others, however many wait.
async fn holds_that_wait_for_their_payments_hide_no_others(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let short = |number: usize| {
        let mut body = catalogue.booking(1, "ana");
        body["hold_seconds"] = json!(1);
        body["customer"]["email"] = json!(format!("guest{number}@example.com"));
        server.post("/v1/bookings", &body).key(&format!("b-{number}"))
    };
    for number in 0..3 {
        let booking = short(number).expect(201).await.id();
        let pay = json!({ "booking_id": booking, "provider": "stripe", "payment_method": "pm_card_visa" });
        let pay = server.post("/v1/payments", &pay).key(&format!("p-{number}"));
        pay.header("prefer", "respond-async").expect(202).await;
    }
    let later = server.clock.now().plus(Span::seconds(2));
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let holds = server.store.lapsed_holds(later, 9).await.unwrap();
    assert_eq!(holds.len(), 3);
    server.store.submit(Box::new(ExpireHolds { holds })).await.unwrap();

    let last = short(3).expect(201).await.id();
    let later = server.clock.now().plus(Span::seconds(2));
    let found = server.store.lapsed_holds(later, 1).await.unwrap();
    let found: Vec<String> = found.iter().map(|hold| hold.booking.to_string()).collect();
    assert_eq!(found, [last]);
    let waiting = server.get("/v1/bookings?state=held").expect(200).await.body;
    assert_eq!(waiting["data"].as_array().unwrap().len(), 4, "the others keep their seats");
}

/// However many they are: one command takes a part of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_lapsed_holds_never_cost_a_sale() {
    let server = TestServer::on(Engine::Sqlite).await;
    let catalogue = TestCatalogue::create(&server, 10).await;
    let path = format!("/v1/products/{}/slots", catalogue.product);
    let slots = json!({ "slots": [{ "starts_at": "2050-08-01T20:00:00Z", "capacity": 150 }] });
    let slot = server.post(&path, &slots).expect(201).await.body["data"][0]["id"].clone();
    let book = |number: usize, quantity: i64| {
        let mut body = catalogue.booking(quantity, "ana");
        body["slot_id"] = slot.clone();
        body["customer"]["email"] = json!(format!("guest{number}@example.com"));
        server.post("/v1/bookings", &body).key(&format!("b-{number}"))
    };
    let lift = json!({ "seats_held_per_customer_max": null });
    server.request("PATCH", "/v1/ops/settings").json(&lift).expect(200).await;
    futures_util::future::join_all((0..150).map(|number| book(number, 1).expect(201))).await;
    book(150, 1).refused(409, "slot_is_full").await;
    server.clock.advance(Span::seconds(24 * 60 * 60));
    book(151, 150).expect(201).await;
}

/// Only on SQLite can the clock be moved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lapsed_hold_never_costs_a_sale() {
    let server = TestServer::on(Engine::Sqlite).await;
    let catalogue = TestCatalogue::create(&server, 10).await;
    let lapsing = server.book(&catalogue, "b-1", 10).await;
    server.post("/v1/bookings", &catalogue.booking(1, "ana")).key("b-2").refused(409, "slot_is_full").await;
    server.clock.advance(Span::seconds(24 * 60 * 60));
    server.book(&catalogue, "b-3", 4).await;
    assert_eq!(catalogue.vacancies(&server).await, 6);
    let seen = server.get(&format!("/v1/bookings/{}", lapsing.id())).expect(200).await.body;
    assert_eq!(seen["state"], "expired");
}
