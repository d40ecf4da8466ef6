//! Tickets at the entrance: signed, listed, scanned once.

use api::ticket::{SignedTicket, TicketKey};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{TWO, TestCatalogue, with};

use crate::test_server::TestServer;

testkit::on_both_engines![
    a_device_verifies_a_ticket_with_the_published_keys,
    a_ticket_is_used_once_however_many_scan_it,
    a_scan_that_arrives_late_is_dated_back,
    what_is_no_valid_ticket_is_refused,
    a_check_in_is_undone_by_a_person,
    the_manifest_shows_who_is_expected_and_who_came,
    tickets_are_listed_page_by_page,
];

async fn tickets(server: &TestServer, booking: &str) -> Vec<Value> {
    let list = server.get(&format!("/v1/bookings/{booking}/tickets")).expect(200).await;
    list.body["data"].as_array().unwrap().clone()
}

/// A slot, and a booking of so many seats in it that costs nothing and so is confirmed.
async fn sold(server: &TestServer, seats: i64) -> (TestCatalogue, String, Vec<Value>) {
    let catalogue = TestCatalogue::create(server, 10).await;
    let booking = catalogue.book_children(server, "b-1", seats).await;
    let tickets = tickets(server, &booking).await;
    (catalogue, booking, tickets)
}

fn scan(ticket: &Value) -> Value {
    json!({ "ticket": ticket["ticket"], "who": "Gate 1" })
}

async fn a_device_verifies_a_ticket_with_the_published_keys(server: TestServer) {
    let (catalogue, booking, tickets) = sold(&server, 2).await;
    let keys = server.get("/.well-known/ticket-keys").by("").expect(200).await.body;
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
    let keys = [TicketKey::of_base64(key["x"].as_str().unwrap()).unwrap()];
    assert_eq!(tickets.len(), 2);
    for (ticket, number) in tickets.iter().zip(1..) {
        let text = ticket["ticket"].as_str().unwrap();
        assert_eq!(text[2..10], *key["kid"].as_str().unwrap());
        let read = SignedTicket::verify(text, &keys).expect("it is signed by a published key");
        assert_eq!((read.number, read.booking.to_string()), (number, booking.clone()));
        assert_eq!(
            (read.slot.to_string(), json!(read.item.0)),
            (catalogue.slot.clone(), ticket["item_id"].clone())
        );
        assert!(ticket["qr_svg"].as_str().unwrap().starts_with("<svg "));
        assert_eq!(ticket["check_in"], Value::Null);
    }
}

async fn a_ticket_is_used_once_however_many_scan_it(server: TestServer) {
    let (_, booking, all) = sold(&server, 2).await;
    let body = scan(&all[0]);
    let keys: Vec<String> = (0..8).map(|number| format!("s-{number}")).collect();
    let scans = keys.iter().map(|key| server.post("/v1/check_ins", &body).key(key).expect(200));
    let replies = join_all(scans).await;
    let fresh: Vec<_> = replies.iter().filter(|reply| reply.body["already_checked_in"] == false).collect();
    assert_eq!(fresh.len(), 1, "one of them let somebody in");
    let check_ins = replies.iter().map(|reply| &reply.body["check_in"]["id"]);
    assert!(check_ins.into_iter().all(|id| *id == fresh[0].body["check_in"]["id"]));
    let again = server.post("/v1/check_ins", &body).key(&keys[0]).expect(200).await;
    assert!(again.is_replay());
    let shown = tickets(&server, &booking).await;
    assert_eq!((&shown[0]["check_in"]["who"], &shown[1]["check_in"]), (&json!("Gate 1"), &Value::Null));
    let history = server.get(&format!("/v1/bookings/{booking}/history")).expect(200).await;
    assert_eq!(history.text.matches("ticket_checked_in").count(), 1);
}

async fn a_scan_that_arrives_late_is_dated_back(server: TestServer) {
    let (_, _, all) = sold(&server, 1).await;
    let at = |time: &str, who: &str| with(scan(&all[0]), json!({ "scanned_at": time, "who": who }));
    let second = at("2020-07-01T10:00:05Z", "Gate 2");
    let reply = server.post("/v1/check_ins", &second).key("s-1").expect(200).await.body;
    assert_eq!((&reply["already_checked_in"], &reply["check_in"]["who"]), (&json!(false), &json!("Gate 2")));
    let first = at("2020-07-01T10:00:00Z", "Gate 1");
    for key in ["s-2", "s-3"] {
        let reply = server.post("/v1/check_ins", &first).key(key).expect(200).await.body;
        let (already, check_in) = (&reply["already_checked_in"], &reply["check_in"]);
        assert_eq!((already, &check_in["who"]), (&json!(true), &json!("Gate 1")));
        assert_eq!(check_in["scanned_at"], "2020-07-01T10:00:00Z");
    }
    let reply = server.post("/v1/check_ins", &second).key("s-4").expect(200).await.body;
    assert_eq!(reply["check_in"]["scanned_at"], "2020-07-01T10:00:00Z", "the earliest stays");
}

async fn what_is_no_valid_ticket_is_refused(server: TestServer) {
    let (catalogue, booking, all) = sold(&server, 2).await;
    let text = all[0]["ticket"].as_str().unwrap();
    let forged = format!("{}{}", &text[..text.len() - 1], if text.ends_with('A') { "B" } else { "A" });
    for (number, ticket) in [forged.as_str(), "ABAB", &"A".repeat(text.len())].into_iter().enumerate() {
        let request = server.post("/v1/check_ins", &json!({ "ticket": ticket })).key(&format!("f-{number}"));
        request.refused(422, "ticket_signature_invalid").await;
    }
    let foreign = server.post("/v1/check_ins", &scan(&all[0])).key("s-1").by(&TWO.api_key());
    foreign.refused(404, "booking_not_found").await;
    let by_hand = json!({ "booking_id": booking, "item_id": all[0]["item_id"], "number": 1 });
    let foreign = server.post("/v1/check_ins", &by_hand).key("s-2").by(&TWO.api_key());
    foreign.refused(404, "booking_not_found").await;
    server
        .get(&format!("/v1/slots/{}/manifest", catalogue.slot))
        .by(&TWO.api_key())
        .refused(404, "slot_not_found")
        .await;
    server
        .get(&format!("/v1/bookings/{booking}/tickets"))
        .by(&TWO.api_key())
        .refused(404, "booking_not_found")
        .await;
    let elsewhere = with(scan(&all[0]), json!({ "slot_id": booking }));
    let refused = server.post("/v1/check_ins", &elsewhere).key("s-3");
    let refused = refused.refused(409, "ticket_is_for_another_slot").await;
    assert_eq!(refused.body["resource"], json!(catalogue.slot));
    let beyond = with(by_hand.clone(), json!({ "number": 3 }));
    server.post("/v1/check_ins", &beyond).key("s-4").refused(409, "ticket_is_cancelled").await;

    let held = catalogue.book(&server, "held", 1).await;
    let item = server.see(&format!("/v1/bookings/{held}")).await["items"][0]["id"].clone();
    let unpaid = json!({ "booking_id": held, "item_id": item, "number": 1 });
    server.post("/v1/check_ins", &unpaid).key("s-5").refused(409, "booking_is_not_confirmed").await;
    server.get(&format!("/v1/bookings/{held}/tickets")).refused(409, "booking_is_not_confirmed").await;

    server.post(&format!("/v1/bookings/{booking}/cancel"), &json!({})).key("c-1").expect(200).await;
    server.post("/v1/check_ins", &scan(&all[0])).key("s-6").refused(409, "ticket_is_cancelled").await;
    server.post("/v1/check_ins", &by_hand).key("s-7").refused(409, "ticket_is_cancelled").await;
}

async fn a_check_in_is_undone_by_a_person(server: TestServer) {
    let (_, booking, all) = sold(&server, 1).await;
    let early = with(scan(&all[0]), json!({ "scanned_at": "2020-07-01T10:00:00Z" }));
    let made = server.post("/v1/check_ins", &early).key("s-1").expect(200).await.body;
    let path = format!("/v1/check_ins/{}/undo", made["check_in"]["id"].as_str().unwrap());
    let decision = json!({ "who": "Marta", "why": "the wrong party" });
    server.post(&path, &decision).key("u-0").by(&TWO.api_key()).refused(404, "check_in_not_found").await;
    let undone = server.post(&path, &decision).key("u-1").expect(200).await.body;
    assert_eq!((&undone["undone_by"], &undone["undone_why"]), (&json!("Marta"), &json!("the wrong party")));
    let again =
        server.post(&path, &with(decision, json!({ "who": "Rui" }))).key("u-2").expect(200).await.body;
    assert_eq!(again, undone, "it stays as it was undone first");
    server.post("/v1/check_ins", &early).key("s-2").refused(409, "check_in_was_undone").await;
    let history = server.get(&format!("/v1/bookings/{booking}/history")).expect(200).await.body;
    let entry = history["data"].as_array().unwrap().iter().find(|row| row["action"] == "check_in_undone");
    assert_eq!(entry.unwrap()["person"], "Marta");
}

async fn the_manifest_shows_who_is_expected_and_who_came(server: TestServer) {
    let (catalogue, booking, all) = sold(&server, 2).await;
    catalogue.book(&server, "held", 1).await;
    let other = catalogue.book_children(&server, "b-2", 1).await;
    let gone = catalogue.book_children(&server, "b-3", 1).await;
    server.post(&format!("/v1/bookings/{gone}/cancel"), &json!({})).key("c-1").expect(200).await;
    server.post("/v1/check_ins", &scan(&all[1])).key("s-1").expect(200).await;
    let path = format!("/v1/slots/{}/manifest", catalogue.slot);
    let manifest = server.get(&path).expect(200).await.body;
    let [first, second] = &manifest["data"].as_array().unwrap()[..] else { panic!("{manifest}") };
    assert_eq!((&first["booking_id"], &second["booking_id"]), (&json!(booking), &json!(other)));
    assert_eq!((&first["tickets"], &first["checked_in"]), (&json!(2), &json!(1)));
    assert_eq!(first["items"][0]["checked_in_numbers"], json!([2]));
    assert_eq!(first["customer"]["email"], "b-1@example.com");
    assert_eq!((&second["tickets"], &second["checked_in"]), (&json!(1), &json!(0)));

    let page = server.get(&format!("{path}?limit=1")).expect(200).await.body;
    assert_eq!(page["data"][0]["booking_id"], json!(booking));
    let next = page["next_cursor"].as_str().unwrap();
    let page = server.get(&format!("{path}?limit=1&cursor={next}")).expect(200).await.body;
    assert_eq!((&page["data"][0]["booking_id"], &page["next_cursor"]), (&json!(other), &Value::Null));
}

async fn tickets_are_listed_page_by_page(server: TestServer) {
    let (_, booking, all) = sold(&server, 5).await;
    let path = format!("/v1/bookings/{booking}/tickets?limit=2");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{path}{cursor}")).expect(200).await.body;
        seen.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, all);
    let numbers: Vec<&Value> = seen.iter().map(|ticket| &ticket["number"]).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}
