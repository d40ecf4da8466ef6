//! An encoded body, a head that names no host, and all mistakes of a request at once.

use serde_json::{Value, json};
use testkit::{Engine, OnEngine as _, TestCatalogue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::documented::Document;
use crate::test_server::TestServer;

testkit::on_both_engines![
    an_encoded_body_is_refused_as_such,
    all_mistakes_are_reported_at_once,
    no_sentence_names_a_type_of_ours,
];

async fn an_encoded_body_is_refused_as_such(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let body = catalogue.booking(1, "ana").to_string().into_bytes();
    for coding in ["gzip", "GZIP", "br", "identity, gzip", "odd"] {
        for (method, path) in
            [("POST", "/v1/bookings"), ("POST", "/v1/ops/api_keys"), ("PATCH", "/v1/ops/settings")]
        {
            let request = server
                .request(method, path)
                .bytes(body.clone())
                .header("content-encoding", coding)
                .key("k-1");
            let refused = request.refused(415, "content_coding_not_accepted").await;
            assert_eq!(refused.header("accept-encoding"), Some("identity"), "{coding}");
        }
    }
    let plain =
        server.request("POST", "/v1/bookings").bytes(body).header("content-encoding", "identity").key("k-1");
    plain.expect(201).await;
}

async fn all_mistakes_are_reported_at_once(server: TestServer) {
    let product = json!({
        "name": "\u{200B}", "currency": "eur", "time_zone": "Mars/Olympus", "odd": 1, "metadata": { "a": 1 },
        "units": [
            { "name": "Adult", "price": { "minor": "5", "currency": "EUR" }, "seats": 0 },
            { "price": 7 },
        ],
    });
    let refused = server.post("/v1/products", &product).refused(400, "validation_failed").await;
    let mut pointers = refused.pointers();
    pointers.sort_unstable();
    let expected = [
        "/currency",
        "/metadata/a",
        "/name",
        "/odd",
        "/time_zone",
        "/units/0/price/minor",
        "/units/0/seats",
        "/units/1/name",
        "/units/1/price",
    ];
    assert_eq!(pointers, expected, "{}", refused.text);

    let availability = "/v1/availability?product_id=7&from=tomorrow&limit=0&cursor=zz&odd=1&limit=5";
    let refused = server.get(availability).refused(400, "validation_failed").await;
    let mut pointers = refused.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/cursor", "/from", "/limit", "/odd", "/product_id", "/to"], "{}", refused.text);
    for path in ["/v1/bookings?state=sunk&limit=0&slot_id=x", "/v1/payments?state=sunk&limit=0&booking_id=x"]
    {
        assert_eq!(server.get(path).refused(400, "validation_failed").await.pointers().len(), 3, "{path}");
    }
}

/// Values of the wrong type, in every member of every request.
async fn no_sentence_names_a_type_of_ours(server: TestServer) {
    let document = Document::of(&server).await;
    let mut tried = 0;
    for operation in document.operations() {
        let Some(schema) = document.body_of(&operation) else { continue };
        let mut bodies = vec![json!([]), json!(7), json!("x"), json!(null), json!({ "odd": {} })];
        for wrong in [json!([]), json!({}), json!(true), json!(1.5), json!("?"), json!({ "currency": 1 })] {
            let members = document.members(schema);
            bodies.extend(members.into_iter().map(|name| json!({ name: wrong })));
        }
        for body in bodies {
            let request = server.request(&operation.method, &operation.address()).json(&body).key("k-1");
            let answer = request.send().await;
            if answer.status == 400 {
                assert_plain(&answer.body, &body);
                tried += 1;
            }
        }
    }
    assert!(tried > 150, "{tried}");
    for path in [
        "/v1/availability",
        "/v1/availability?from=2026-01-01T00:00:00",
        "/v1/availability?product_id=1",
        "/v1/events?after=x",
        "/v1/events?after=99999999999999999999",
        "/v1/bookings?slot=1",
        "/v1/bookings?slot_id=1",
    ] {
        let refused = server.get(path).refused(400, "validation_failed").await;
        assert_plain(&refused.body, &json!(path));
    }
}

fn assert_plain(problem: &Value, sent: &Value) {
    assert_ne!(problem["title"], problem["detail"], "{sent}: {problem}");
    let type_names = [
        "struct",
        "expected ",
        "invalid",
        "i64",
        "u64",
        "enum",
        "variant",
        "offset component",
        "failed to",
        "NewBooking",
        "Money",
        "borrowed",
        "`",
        "at line",
        "map",
    ];
    let details = problem["errors"].as_array().unwrap().iter().map(|error| &error["detail"]);
    for detail in details.chain([&problem["detail"]]) {
        let detail = detail.as_str().unwrap();
        assert!(!type_names.iter().any(|name| detail.contains(name)), "{sent}: {detail}");
    }
}

/// A `+` that is not written as `%2B` arrives as a space.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plus_in_a_time_is_explained() {
    let server = TestServer::on(Engine::Sqlite).await;
    let catalogue = TestCatalogue::create(&server, 10).await;
    let path = |from: &str| {
        format!("/v1/availability?product_id={}&from={from}&to=2051-01-01T00:00:00Z", catalogue.product)
    };
    let refused = server.get(&path("2050-01-01T00:00:00+02:00")).refused(400, "validation_failed").await;
    assert_eq!(refused.pointers(), ["/from"]);
    assert!(refused.body["errors"][0]["detail"].as_str().unwrap().contains("%2B"), "{}", refused.text);
    server.get(&path("2050-01-01T00:00:00%2B02:00")).expect(200).await;
    let other = server.get(&path("2050-01-01T00:00:00")).refused(400, "validation_failed").await;
    assert!(!other.text.contains("%2B"), "{}", other.text);
}

/// RFC 9112 section 3.2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_has_one_host() {
    let server = TestServer::on(Engine::Sqlite).await;
    let request = async |head: &str| {
        let mut stream = TcpStream::connect(server.base_url.strip_prefix("http://").unwrap()).await.unwrap();
        stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    for (head, status) in [
        ("GET /health/live HTTP/1.1\r\nhost: a\r\n", "200"),
        ("GET /health/live HTTP/1.1\r\nhost: a.example:80\r\n", "200"),
        ("GET /health/live HTTP/1.1\r\nhost: [::1]:80\r\n", "200"),
        ("GET /health/live HTTP/1.1\r\nhost:\r\n", "200"),
        ("GET /health/live HTTP/1.0\r\n", "200"),
        ("GET /health/live HTTP/1.1\r\n", "400"),
        ("GET /health/live HTTP/1.1\r\nhost: a\r\nhost: a\r\n", "400"),
        ("GET /health/live HTTP/1.1\r\nhost: a\r\nhost: b\r\n", "400"),
        ("GET /health/live HTTP/1.0\r\nhost: a\r\nhost: b\r\n", "400"),
        ("GET /health/live HTTP/1.1\r\nhost: a/b\r\n", "400"),
        ("GET /health/live HTTP/1.1\r\nhost: me@a\r\n", "400"),
        ("GET /v1/products HTTP/1.1\r\n", "400"),
    ] {
        let answer = request(head).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}"))
                || answer.starts_with(&format!("HTTP/1.0 {status}")),
            "{head}: {answer}"
        );
        assert_eq!(answer.contains("host_header_malformed"), status == "400", "{head}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_kept_or_guessed_at() {
    let server = TestServer::on(Engine::Sqlite).await;
    let catalogue = TestCatalogue::create(&server, 10).await;
    let booking = server.book(&catalogue, "b-1", 1).await;
    let answers = [
        server.get("/v1/products").expect(200).await,
        server.get("/v1/none").expect(404).await,
        server.get("/v1/products").by("").expect(401).await,
        server.get("/openapi.json").expect(200).await,
        server.get("/health/live").expect(200).await,
        server.get("/extra/panic").expect(500).await,
        booking,
    ];
    for answer in answers {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{}", answer.text);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.text);
    }
    for page in ["/", "/docs", "/docs/errors"] {
        let page = server.get(page).by("").expect(200).await;
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("cache-control"), Some("no-cache"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_refusal_of_an_unknown_provider_lists_the_known_ones() {
    let server = TestServer::on(Engine::Sqlite).await;
    let charge = json!({
        "amount": { "minor": 500, "currency": "EUR" }, "provider": "paypal", "payment_method": "pm_card_visa",
    });
    let refused =
        server.post("/v1/charges", &charge).key("k-1").refused(404, "provider_account_not_found").await;
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("There is no account at paypal for test mode; configured: stripe/acct_1, "));
}
