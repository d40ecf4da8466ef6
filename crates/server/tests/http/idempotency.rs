//! The replies to a key that was used before.

use serde_json::json;
use testkit::TestCatalogue;

use crate::test_server::TestServer;

testkit::on_both_engines![the_verdicts, a_key_belongs_to_its_client, many_at_once_are_one];

async fn the_verdicts(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let new = server.book(&catalogue, "k-1", 2).await;
    assert_eq!(new.header("idempotent-replayed"), None);

    let replay = |body: Vec<u8>| server.request("POST", "/v1/bookings").bytes(body).key("\"k-1\"");
    let same = replay(catalogue.booking(2, "ana").to_string().into_bytes()).expect(201).await;
    assert_eq!((&same.text, same.header("idempotent-replayed")), (&new.text, Some("true")));
    assert_eq!(same.header("location"), new.header("location"));

    let reordered = format!(
        r#" {{ "customer" : {{"email":"ana@example.com", "name":"Ana\u0020Lima"}}, "units":[{{"quantity":2,"unit_id":"{}"}}],
        "slot_id":"{}" }} "#,
        catalogue.adult, catalogue.slot
    );
    let same = replay(reordered.into_bytes()).expect(201).await;
    assert_eq!(same.text, new.text, "white space and the order of members do not count");

    server
        .post("/v1/bookings", &catalogue.booking(3, "ana"))
        .key("k-1")
        .refused(422, "idempotency_key_reused")
        .await;
    let path = format!("/v1/bookings/{}/cancel", new.id());
    server.post(&path, &catalogue.booking(2, "ana")).key("k-1").refused(400, "validation_failed").await;
    server.request("POST", &path).key("k-1").refused(422, "idempotency_key_reused").await;
    server.post("/v1/bookings", &catalogue.booking(1, "ana")).refused(400, "idempotency_key_missing").await;
    for malformed in ["", "a b", "\"open", &"k".repeat(256)] {
        let request = server.post("/v1/bookings", &catalogue.booking(1, "ana")).key(malformed);
        request.refused(400, "idempotency_key_malformed").await;
    }
    let twice = server.post("/v1/bookings", &catalogue.booking(1, "ana")).key("k-2").key("k-2");
    twice.refused(400, "idempotency_key_malformed").await;
    assert_eq!(catalogue.vacancies(&server).await, 8, "it was done once");
}

async fn a_key_belongs_to_its_client(server: TestServer) {
    let unknown = json!({
        "name": "Sail", "time_zone": "UTC", "currency": "EUR",
        "units": [{ "name": "Adult", "price": { "minor": 1, "currency": "EUR" } }],
    });
    let one = server.post("/v1/products", &unknown).key("p-1").expect(201).await;
    let two = server.post("/v1/products", &unknown).key("p-1").by("sk_two").expect(201).await;
    assert_ne!(one.id(), two.id());
    let again = server.post("/v1/products", &unknown).key("p-1").expect(201).await;
    assert_eq!(again.text, one.text);
}

async fn many_at_once_are_one(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let requests =
        (0..20).map(|_| server.post("/v1/bookings", &catalogue.booking(1, "ana")).key("k-1").send());
    let answers = futures_util::future::join_all(requests).await;
    let fresh = answers.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count();
    assert_eq!(fresh, 1);
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.text == answers[0].text));
    assert_eq!(catalogue.vacancies(&server).await, 9);
}
