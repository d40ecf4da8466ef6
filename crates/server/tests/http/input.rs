//! Bodies that must be refused before any work.

use api::limits::BODY_BYTES_MAX;
use serde_json::json;
use testkit::TestCatalogue;

use crate::test_server::TestServer;

testkit::on_both_engines![
    what_is_malformed_changes_nothing,
    an_integer_may_be_written_with_a_point,
    what_keeps_its_limits_is_taken_in_any_script,
];

async fn what_keeps_its_limits_is_taken_in_any_script(server: TestServer) {
    let text = |chars: usize| "漢".repeat(chars);
    let metadata = |count: usize| {
        (0..count).map(|key| (key.to_string(), json!(text(500)))).collect::<serde_json::Map<_, _>>()
    };
    let unit = json!({ "name": text(200), "price": { "minor": 1, "currency": "EUR" } });
    let mut product = json!({
        "name": text(200), "description": text(5_000), "time_zone": "Asia/Shanghai", "currency": "EUR",
        "units": vec![unit; 50], "metadata": metadata(21),
    });
    let made = server.post("/v1/products", &product).expect(201).await;
    assert_eq!(made.body["metadata"], product["metadata"]);
    product["metadata"] = json!(metadata(22));
    let refused = server.post("/v1/products", &product).refused(400, "validation_failed").await;
    assert_eq!(refused.pointers(), ["/metadata"]);
}

async fn an_integer_may_be_written_with_a_point(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let good = catalogue.booking(1, "ana").to_string();
    let with = |quantity: &str| good.replace(r#""quantity":1"#, &format!(r#""quantity":{quantity}"#));
    let request = |quantity: &str, key: &str| {
        server.request("POST", "/v1/bookings").bytes(with(quantity).into_bytes()).key(key)
    };
    let held = request("2.0", "k-1").expect(201).await;
    assert_eq!(held.body["seats"], 2);
    // It is the same request in every spelling of the number.
    let again = request("2", "k-1").expect(201).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    request("0.2e1", "k-1").expect(201).await;
    for (quantity, code) in [
        ("1.5", "validation_failed"),
        ("0.0", "validation_failed"),
        ("-0.0", "validation_failed"),
        ("1001.0", "validation_failed"),
        ("9007199254740992.0", "malformed_json"),
        ("1e400", "malformed_json"),
    ] {
        request(quantity, "k-2").refused(400, code).await;
    }
}

async fn what_is_malformed_changes_nothing(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let good = catalogue.booking(1, "ana").to_string();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from));
        good.replace(from, to).into_bytes()
    };
    let deep = format!(r#"{{"metadata":{}1{}}}"#, r#"{"a":"#.repeat(40), "}".repeat(40));
    let quantity = r#""quantity":1"#;
    for (body, status, code) in [
        (b"{".to_vec(), 400, "malformed_json"),
        (b"\xff\xfe".to_vec(), 400, "malformed_json"),
        (with("Ana", "\u{0}"), 400, "malformed_json"),
        (with(quantity, r#""quantity":1,"quantity":2"#), 400, "malformed_json"),
        (with(quantity, r#""quantity":9007199254740992"#), 400, "malformed_json"),
        (deep.into_bytes(), 400, "malformed_json"),
        (b"[]".to_vec(), 400, "validation_failed"),
        (b"null".to_vec(), 400, "validation_failed"),
        (Vec::new(), 400, "malformed_json"),
        (with(quantity, r#""quantity":0"#), 400, "validation_failed"),
        (with(quantity, r#""quantity":-1"#), 400, "validation_failed"),
        (with(quantity, r#""quantity":1.5"#), 400, "validation_failed"),
        (with(quantity, r#""quantity":"1""#), 400, "validation_failed"),
        (with(quantity, r#""quantity":1,"price":0"#), 400, "validation_failed"),
        (with("Ana", "\\u0000"), 400, "validation_failed"),
        (with("ana@example.com", "ana"), 400, "validation_failed"),
        (with(&catalogue.slot, "../../etc"), 400, "validation_failed"),
        (vec![b' '; BODY_BYTES_MAX + 1], 413, "body_is_too_large"),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
        let answer = server.request("POST", "/v1/bookings").bytes(body).key("k-1").send().await;
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (status, Some(code)),
            "{shown}: {}",
            answer.text
        );
    }
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
    {
        let request = server.request("POST", "/v1/bookings").header("content-type", content_type).key("k-1");
        request.raw(good.clone().into_bytes()).refused(415, "unsupported_media_type").await;
    }
    assert_eq!(catalogue.vacancies(&server).await, 10);
    let bookings = server.get("/v1/bookings").expect(200).await.body;
    assert_eq!(bookings["data"].as_array().unwrap().len(), 0);
    // None of the refusals was stored under the key.
    server.book(&catalogue, "k-1", 1).await;
}
