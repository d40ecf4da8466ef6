//! A request that the document forbids is refused, even if it could be understood. Another or an
//! older server might not understand it, and a client would find out only from its customers.

use serde_json::{Value, json};
use testkit::TestCatalogue;

use crate::documented::Document;
use crate::test_server::TestServer;

testkit::on_both_engines![
    a_body_that_is_needed_is_missed,
    an_id_has_one_spelling,
    an_instant_is_written_as_rfc_3339_has_it,
    a_return_address_is_an_address,
    what_an_answer_always_has_is_there,
];

async fn a_body_that_is_needed_is_missed(server: TestServer) {
    let document = Document::of(&server).await;
    let (mut needed, mut optional) = (0, 0);
    for operation in document.operations() {
        let Some(required) = operation.specification.pointer("/requestBody/required") else { continue };
        let request = server.request(&operation.method, &operation.address()).key("k-1");
        if *required == json!(true) {
            needed += 1;
            let refused = request.refused(400, "malformed_json").await;
            assert_eq!(refused.body["errors"][0]["detail"], "the body is missing", "{}", operation.path);
        } else {
            optional += 1;
            let answer = request.send().await;
            assert_eq!(answer.status, 404, "{}: {}", operation.path, answer.text);
        }
    }
    assert_eq!((needed, optional), (36, 7));
}

async fn an_id_has_one_spelling(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let other_spellings = |id: &str| [id.replace('-', ""), format!("{{{id}}}"), format!("urn:uuid:{id}")];
    for slot in other_spellings(&catalogue.slot) {
        let mut booking = catalogue.booking(1, "ana");
        booking["slot_id"] = json!(slot);
        let request = server.post("/v1/bookings", &booking).key("k-1");
        assert_eq!(request.refused(400, "validation_failed").await.pointers(), ["/slot_id"], "{slot}");
        let request = server.get(&format!("/v1/bookings?slot_id={slot}"));
        assert_eq!(request.refused(400, "validation_failed").await.pointers(), ["/slot_id"], "{slot}");
    }
    let mut booking = catalogue.booking(1, "ana");
    booking["slot_id"] = json!(catalogue.slot.to_uppercase());
    server.post("/v1/bookings", &booking).key("k-1").expect(201).await;
}

async fn an_instant_is_written_as_rfc_3339_has_it(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let path = format!("/v1/products/{}/slots", catalogue.product);
    let slots = |at: &str| json!({ "slots": [{ "starts_at": at, "capacity": 1 }] });
    for at in [
        "2050-01-01T11:00:00.123456789Z",
        "2050-01-02t11:00:00z",
        "2050-01-03T11:00:00+02:00",
        "2050-01-04T11:00:00.5-09:30",
    ] {
        server.post(&path, &slots(at)).expect(201).await;
    }
    let product = format!("/v1/availability?product_id={}", catalogue.product);
    for at in [
        "2050-01-01 11:00:00Z",
        "2050-01-01T11:00Z",
        "2050-01-01T11Z",
        "20500101T110000Z",
        "2050-01-01T11:00:00,5Z",
        "2050-01-01T11:00:00.Z",
        "2050-01-01T11:00:00.1234567890Z",
        "2050-01-01T11:00:00+02",
        "2050-01-01T11:00:00+0200",
        "2050-01-01T11:00:00+02:00:30",
        "2050-01-01T11:00:00+02:00[Europe/Paris]",
        "+002050-01-01T11:00:00Z",
        "2050-01-01T11:00:00",
        "2050-01-01",
        "2050-13-01T11:00:00Z",
    ] {
        let refused = server.post(&path, &slots(at)).refused(400, "validation_failed").await;
        assert_eq!(refused.pointers(), ["/slots/0/starts_at"], "{at}");
        let written: String = form(at);
        let request = server.get(&format!("{product}&from={written}&to=2051-01-01T00:00:00Z"));
        assert_eq!(request.refused(400, "validation_failed").await.pointers(), ["/from"], "{at}");
    }
}

fn form(text: &str) -> String {
    text.replace('+', "%2B").replace(' ', "%20").replace('[', "%5B").replace(']', "%5D")
}

async fn a_return_address_is_an_address(server: TestServer) {
    for url in ["https://shop.example/{id}", "myapp://done?x=\"y\"", "myapp://a|b", "https://a.example/%zz"] {
        let charge = json!({
            "amount": { "minor": 1250, "currency": "EUR" }, "provider": "stripe",
            "payment_method": "pm_card_visa", "return_url": url,
        });
        let refused = server.post("/v1/charges", &charge).key("k-1").refused(400, "validation_failed").await;
        assert_eq!(refused.pointers(), ["/return_url"], "{url}");
    }
}

async fn what_an_answer_always_has_is_there(server: TestServer) {
    let document = Document::of(&server).await;
    let always = |specification: &Value, status: &str| -> Vec<String> {
        let headers = specification["responses"][status]["headers"].as_object().into_iter().flatten();
        headers.filter(|(_, header)| header["required"] == true).map(|(name, _)| name.clone()).collect()
    };
    for operation in document.operations() {
        let specification = &operation.specification;
        assert_eq!(always(specification, "401"), ["WWW-Authenticate"], "{}", operation.path);
        assert_eq!(always(specification, "503"), ["Retry-After"], "{}", operation.path);
        let refused = server.request(&operation.method, &operation.address()).by("nobody").send().await;
        assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")));
    }
    let catalogue = TestCatalogue::create(&server, 10).await;
    let booked = server.book(&catalogue, "k-1", 1).await;
    assert_eq!(booked.header("location"), Some(format!("/v1/bookings/{}", booked.id()).as_str()));
    let operations = document.operations();
    let reserve = operations.iter().find(|one| one.method == "POST" && one.path == "/v1/bookings").unwrap();
    assert_eq!(always(&reserve.specification, "201"), ["Location"]);
}
