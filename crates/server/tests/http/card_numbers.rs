//! A card number is refused in every part of a request.

use domain::KeyId;
use serde_json::{Value, json};
use testkit::{ONE, TestCatalogue, TestReply, TestRequest};

use crate::documented::Document;
use crate::test_server::TestServer;

testkit::on_both_engines![
    a_card_number_is_refused_in_every_text_of_every_request,
    a_card_number_is_refused_in_every_parameter_header_and_path,
    a_request_that_would_be_taken_is_refused_for_its_card_number,
    other_numbers_are_accepted,
];

const CARD: &str = "4000 0566 5566 5556";

async fn refused(request: TestRequest, pointer: &str) -> TestReply {
    let answer = request.header("x-request-id", "r").refused(400, "card_number_refused").await;
    assert_eq!(answer.pointers(), [pointer], "{}", answer.text);
    assert_eq!(answer.body["retryable"], false);
    for part in ["4000", "0566", "5566", "5556"] {
        assert!(!answer.text.contains(part), "it is repeated: {}", answer.text);
    }
    answer
}

async fn a_card_number_is_refused_in_every_text_of_every_request(server: TestServer) {
    let document = Document::of(&server).await;
    let mut tried = 0;
    for operation in document.operations() {
        let Some(schema) = document.body_of(&operation) else { continue };
        for (body, pointer) in document.bodies_with(schema, CARD) {
            let request = server.request(&operation.method, &operation.address()).json(&body).key("k-1");
            refused(request, &pointer).await;
            tried += 1;
        }
    }
    assert!(tried > 50, "{tried}");
    nothing_is_stored(&server, "k-1").await;
}

async fn a_card_number_is_refused_in_every_parameter_header_and_path(server: TestServer) {
    let document = Document::of(&server).await;
    let mut tried = 0;
    for operation in document.operations() {
        let request = |address: &str| server.request(&operation.method, address);
        for parameter in operation.parameters("query") {
            let name = parameter["name"].as_str().unwrap();
            let address = format!("{}?{name}=4000+0566+5566%205556", operation.address());
            refused(request(&address), &format!("/{name}")).await;
            tried += 1;
        }
        refused(request(&format!("{}?4000056655665556=1", operation.address())), "").await;
        if operation.path.contains("{id}") {
            refused(request(&operation.path.replace("{id}", "4000056655665556")), "").await;
            refused(request(&operation.path.replace("{id}", "4000%200566-5566_5556")), "").await;
        }
        for key in ["4000056655665556", "\"order-4000-0566-5566-5556\"", "4000.0566.5566.5556"] {
            refused(request(&operation.address()).key(key), "").await;
        }
        refused(request(&operation.address()).key("k-2").key("4000056655665556"), "").await;
    }
    assert!(tried > 20, "{tried}");
    nothing_is_stored(&server, "4000056655665556").await;
}

/// Without the number each of them is accepted.
async fn a_request_that_would_be_taken_is_refused_for_its_card_number(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let charge = json!({
        "amount": { "minor": 500, "currency": "EUR" }, "provider": "stripe", "payment_method": "pm_card_visa",
        "reference": "INV-1", "return_url": "https://shop.example/done", "metadata": { "order": "A-1" },
    });
    let mut booking = catalogue.booking(1, "ana");
    booking["customer"]["phone"] = json!("+351 917 707 707");
    booking["metadata"] = json!({ "order": "A-1" });
    let product = json!({ "name": "Sunset", "description": "Two hours.", "metadata": {} });
    let name = json!({ "client_name": "till 2", "scopes": ["bookings"] });
    let change = format!("/v1/products/{}", catalogue.product);
    for (method, path, body, pointers) in [
        (
            "POST",
            "/v1/charges",
            &charge,
            &["/reference", "/payment_method", "/return_url", "/metadata/order"][..],
        ),
        (
            "POST",
            "/v1/bookings",
            &booking,
            &["/customer/name", "/customer/email", "/customer/phone", "/metadata/order"],
        ),
        ("PATCH", &change, &product, &["/name", "/description"]),
        ("POST", "/v1/ops/api_keys", &name, &["/client_name"]),
    ] {
        for pointer in pointers {
            for number in hidden() {
                let mut with = body.clone();
                let text = with.pointer_mut(pointer).unwrap();
                *text = json!(format!("{}{number}", text.as_str().unwrap()));
                refused(server.request(method, path).json(&with).key("k-3"), pointer).await;
            }
        }
        let mut with = body.clone();
        with["metadata"] = json!({ CARD: "x" });
        if path != "/v1/ops/api_keys" {
            refused(server.request(method, path).json(&with).key("k-3"), "/metadata").await;
        }
        let request = server.request(method, path).json(body).key(&format!("k-{path}"));
        let answer = request.header("prefer", "respond-async").send().await;
        assert!(answer.status < 300, "{}", answer.text);
    }
    nothing_is_stored(&server, "k-3").await;
}

/// The same number in the spellings of people and programs.
fn hidden() -> Vec<String> {
    let arabic = "4000056655665556"
        .chars()
        .map(|digit| char::from_u32('٠' as u32 + digit.to_digit(10).unwrap()).unwrap());
    let mut hidden: Vec<String> = [
        " 4000056655665556",
        "_4000056655665556",
        "x4000056655665556x",
        " 4000-0566-5566-5556 exp 12/27",
        " 4000.0566.5566.5556",
        " 4000_0566_5566_5556",
        " 4000\u{A0}0566\u{A0}5566\u{A0}5556",
        " 4000\u{2011}0566\u{2011}5566\u{2011}5556",
        " 4000\u{200B}0566\u{200B}5566\u{200B}5556",
        " ４０００ ０５６６ ５５６６ ５５５６",
        " 4 0 0 0 0 5 6 6 5 5 6 6 5 5 5 6",
    ]
    .map(str::to_owned)
    .to_vec();
    hidden.push(format!(" {}", arabic.collect::<String>()));
    hidden
}

async fn other_numbers_are_accepted(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let mut booking = catalogue.booking(1, "ana");
    booking["customer"]["phone"] = json!("+42 4242 4242 4242 4");
    booking["metadata"] = json!({
        "session": "01936d3c-7a2b-4c1d-8e9f-424242424242",
        "at": "2026-12-30 12:34:56.123456+02:00",
        "at_ms": "1785398400000",
        "client": "GA1.2.423456789.1785398400",
        "wrong": "4000 0566 5566 5557",
        "long": "40000566556655564000",
    });
    let key = "01936d3c-7a2b-4c1d-8e9f-424242424242";
    let held = server.post("/v1/bookings", &booking).key(key).expect(201).await;
    assert_eq!(held.body["metadata"], booking["metadata"]);
    // A request id for the log is replaced.
    let answer = server.get("/v1/products").header("x-request-id", "r-4000056655665556").expect(200).await;
    assert!(!answer.header("x-request-id").unwrap().contains("4000"));
}

async fn nothing_is_stored(server: &TestServer, key: &str) {
    let (tenant, client) = (ONE.id(), ONE.client());
    assert_eq!(server.store.key(tenant, KeyId::of(tenant, client, key)).await.unwrap(), None);
    for path in ["/v1/bookings", "/v1/payments"] {
        let found = server.get(path).expect(200).await.body;
        let text = found.to_string();
        assert!(!text.contains("5566"), "{text}");
        assert_ne!(found["data"], Value::Null);
    }
}
