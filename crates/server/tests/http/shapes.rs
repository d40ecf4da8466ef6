//! A body of another coding, a head that names no host, and all the mistakes of a request at once.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::house::House;

both![a_body_that_is_encoded_is_told_as_such,];

async fn a_body_that_is_encoded_is_told_as_such(house: House) {
    let sail = house.sail().await;
    let body = sail.booking(1).to_string().into_bytes();
    for coding in ["gzip", "GZIP", "br", "identity, gzip", "odd"] {
        for (method, path) in
            [("POST", "/v1/bookings"), ("POST", "/v1/ops/api_keys"), ("PATCH", "/v1/ops/settings")]
        {
            let ask =
                house.ask(method, path).bytes(body.clone()).header("content-encoding", coding).key("k-1");
            let refused = ask.refused(415, "content_coding_not_accepted").await;
            assert_eq!(refused.header("accept-encoding"), Some("identity"), "{coding}");
        }
    }
    let plain =
        house.ask("POST", "/v1/bookings").bytes(body).header("content-encoding", "identity").key("k-1");
    plain.expect(201).await;
}

/// RFC 9112 section 3.2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_has_one_host() {
    let house = House::on_sqlite().await;
    let ask = async |head: &str| {
        let mut stream = TcpStream::connect(house.base.strip_prefix("http://").unwrap()).await.unwrap();
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
        let answer = ask(head).await;
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
    let house = House::on_sqlite().await;
    let sail = house.sail().await;
    let booking = house.book(&sail, "b-1", 1).await;
    let answers = [
        house.get("/v1/products").expect(200).await,
        house.get("/v1/none").expect(404).await,
        house.get("/v1/products").by("").expect(401).await,
        house.get("/openapi.json").expect(200).await,
        house.get("/health/live").expect(200).await,
        house.get("/extra/panic").expect(500).await,
        booking,
    ];
    for answer in answers {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{}", answer.text);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.text);
    }
    for page in ["/docs", "/docs/errors"] {
        let page = house.get(page).by("").expect(200).await;
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("cache-control"), Some("no-cache"));
    }
}
