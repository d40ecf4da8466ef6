//! The allowed texts are the same on both engines, because a text is checked before the engine gets
//! it.

use serde_json::json;
use testkit::TestCatalogue;

use crate::documented::Document;
use crate::test_server::TestServer;

testkit::on_both_engines![
    a_control_character_is_refused_in_every_text_of_every_request,
    a_control_character_is_refused_in_every_parameter,
    what_nobody_sees_is_refused_in_names,
    one_address_in_several_spellings_is_one_customer,
    a_time_zone_is_one_of_the_iana_database_in_its_own_spelling,
];

async fn a_control_character_is_refused_in_every_text_of_every_request(server: TestServer) {
    let document = Document::of(&server).await;
    let mut tried = 0;
    for operation in document.operations() {
        let Some(schema) = document.body_of(&operation) else { continue };
        for (body, pointer) in document.bodies_with(schema, "a\0b") {
            let request = server.request(&operation.method, &operation.address()).json(&body).key("k-1");
            let refused = request.refused(400, "validation_failed").await;
            let controls = refused.body["errors"].as_array().unwrap().iter().find(|error| {
                error["pointer"] == pointer.as_str() && error["detail"].as_str().unwrap().contains("control")
            });
            assert!(controls.is_some(), "{body}: {}", refused.text);
            tried += 1;
        }
    }
    assert!(tried > 50, "{tried}");
}

async fn a_control_character_is_refused_in_every_parameter(server: TestServer) {
    let document = Document::of(&server).await;
    let mut tried = 0;
    for operation in document.operations() {
        for parameter in operation.parameters("query") {
            let name = parameter["name"].as_str().unwrap();
            for control in ["%00", "a%0Ab", "%1B%5B2J", "%C2%85"] {
                let address = format!("{}?{name}={control}", operation.address());
                let refused =
                    server.request(&operation.method, &address).refused(400, "validation_failed").await;
                assert_eq!(refused.pointers(), [format!("/{name}")], "{address}: {}", refused.text);
                assert_eq!(refused.body["retryable"], false);
                tried += 1;
            }
        }
    }
    assert!(tried > 80, "{tried}");
    for filter in ["reference", "customer_email"] {
        let path = if filter == "reference" { "/v1/payments" } else { "/v1/bookings" };
        server.get(&format!("{path}?{filter}=ana%00@example.com")).refused(400, "validation_failed").await;
    }
}

async fn what_nobody_sees_is_refused_in_names(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let price = json!({ "minor": 500, "currency": "EUR" });
    let change = format!("/v1/products/{}", catalogue.product);
    let charge = json!({ "amount": price, "provider": "stripe", "payment_method": "pm_card_visa" });
    for (method, path, body, pointer) in [
        ("POST", "/v1/bookings", catalogue.booking(1, "ana"), "/customer/name"),
        ("POST", "/v1/bookings", catalogue.booking(1, "ana"), "/customer/email"),
        ("PATCH", &change, json!({ "name": "Sail" }), "/name"),
        ("PATCH", &change, json!({ "units": [{ "name": "Baby", "price": price }] }), "/units/0/name"),
        (
            "POST",
            "/v1/charges",
            {
                let mut charge = charge.clone();
                charge["reference"] = json!("INV-1");
                charge
            },
            "/reference",
        ),
        (
            "POST",
            "/v1/ops/api_keys",
            json!({ "client_name": "till", "scopes": ["bookings"] }),
            "/client_name",
        ),
    ] {
        for letter in
            ['\u{200B}', '\u{FEFF}', '\u{AD}', '\u{3164}', '\u{202E}', '\u{2028}', '\u{2066}', '\u{E0041}']
        {
            let mut with = body.clone();
            let text = with.pointer_mut(pointer).unwrap();
            *text = json!(format!("{letter}{}", text.as_str().unwrap()));
            let refused =
                server.request(method, path).json(&with).key("k-1").refused(400, "validation_failed").await;
            assert_eq!(refused.pointers(), [pointer], "{letter:?}: {}", refused.text);
            assert!(!refused.text.contains(letter), "{letter:?} is shown by its number");
        }
    }
    for name in ["علی\u{200C}رضا", "ශ්\u{200D}රී", "葛\u{E0100}城", "Zoë 👩\u{200D}👩\u{200D}👧"]
    {
        let mut booking = catalogue.booking(1, "ana");
        booking["customer"]["name"] = json!(name);
        let key = format!("k-{:x}", name.chars().fold(0_u32, |all, letter| all ^ letter as u32));
        let held = server.post("/v1/bookings", &booking).key(&key).expect(201).await;
        assert_eq!(held.body["customer"]["name"], name);
    }
}

async fn one_address_in_several_spellings_is_one_customer(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let settings = json!({ "seats_held_per_customer_max": 1 });
    server.request("PATCH", "/v1/ops/settings").json(&settings).expect(200).await;
    for (number, spellings) in [
        &["ana@example.com", "ANA@EXAMPLE.COM", " ana@example.com "][..],
        &["jose\u{301}@example.com", "jos\u{e9}@example.com", "JOS\u{c9}@example.com"],
        &[
            "bo@b\u{fc}cher.example",
            "bo@bu\u{308}cher.example",
            "bo@xn--bcher-kva.example",
            "bo@B\u{dc}CHER.example",
        ],
        &["cy@\u{ff45}xample.com", "cy@example\u{3002}com", "cy@Example.com"],
    ]
    .into_iter()
    .enumerate()
    {
        for (at, email) in spellings.iter().enumerate() {
            let mut booking = catalogue.booking(1, "ana");
            booking["customer"]["email"] = json!(email);
            let request = server.post("/v1/bookings", &booking).key(&format!("k-{number}-{at}"));
            if at == 0 {
                request.expect(201).await;
            } else {
                request.refused(409, "too_many_seats_held_by_customer").await;
            }
            let found = server.get(&of_customer(email)).expect(200).await.body;
            assert_eq!(found["data"].as_array().unwrap().len(), 1, "{email}");
        }
    }
    server.get(&of_customer("ana")).refused(400, "validation_failed").await;
}

fn of_customer(email: &str) -> String {
    let escaped = email.bytes().fold(String::new(), |all, byte| all + &format!("%{byte:02X}"));
    format!("/v1/bookings?customer_email={escaped}")
}

async fn a_time_zone_is_one_of_the_iana_database_in_its_own_spelling(server: TestServer) {
    let product = |zone: &str| {
        json!({
            "name": "Sail", "time_zone": zone, "currency": "EUR",
            "units": [{ "name": "Adult", "price": { "minor": 1, "currency": "EUR" } }],
        })
    };
    for (zone, stored) in [
        ("Europe/Lisbon", "Europe/Lisbon"),
        ("europe/lisbon", "Europe/Lisbon"),
        ("AMERICA/SAO_PAULO", "America/Sao_Paulo"),
        ("utc", "UTC"),
    ] {
        let made = server.post("/v1/products", &product(zone)).expect(201).await;
        assert_eq!(made.body["time_zone"], stored);
    }
    for zone in [
        "localtime",
        "posixrules",
        "Factory",
        "factory",
        "posix/Europe/Lisbon",
        "right/Europe/Lisbon",
        "Etc/Unknown",
        "zone.tab",
        "../localtime",
        "+02:00",
        "EST5EDT,M3.2.0,M11.1.0",
        "Mars/Olympus",
        "",
    ] {
        let refused = server.post("/v1/products", &product(zone)).refused(400, "validation_failed").await;
        assert_eq!(refused.pointers(), ["/time_zone"], "{zone}");
    }
}
