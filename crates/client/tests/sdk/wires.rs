//! Real sockets, and servers that are none: what each failure is taken for, and what is on the wire.

use std::time::Duration;

use client::{Client, Error, RequestFailure, Stop, Timeouts, views::Settings};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};
use tokio::net::TcpListener;

use crate::sdk_service::{RecordedRetries, new_charge};

fn client(base_url: &str, recorded: &RecordedRetries) -> Client {
    let timeouts = Timeouts { attempt: Duration::from_millis(300), operation: Duration::from_secs(30) };
    let builder = Client::builder(base_url, "sh_test_key").timeouts(timeouts).wait(Duration::ZERO);
    builder.observer(recorded.observer()).build().unwrap()
}

#[tokio::test]
async fn the_bytes_of_all_attempts_are_the_same() {
    let unavailable = || answer(503, "retry-after: 0\r\n", "");
    let torn = b"HTTP/1.1 201 Created\r\ncontent-length: 50\r\n\r\n{".to_vec();
    let server = ScriptedServer::start(vec![
        ServerStep::Answer(unavailable()),
        ServerStep::Reset,
        ServerStep::AnswerAndClose(torn),
        ServerStep::Answer(answer(422, "", "")),
    ])
    .await;
    let recorded = RecordedRetries::nothing();
    let base_url = format!("{}/behind/", server.base_url);
    let builder = Client::builder(base_url, "sh_test_key").user_agent("shop/1.0").attempts_max(4);
    let client = builder.observer(recorded.observer()).build().unwrap();
    let operation = client.charge(&new_charge(1_250, "pm_card_visa")).key("order-17").unwrap();
    let error = operation.send().await.unwrap_err();
    assert!(error.is_outcome_unknown(), "an answer that is not Surehold's settles nothing: {error}");
    assert_eq!(recorded.words(), ["no_document", "broken", "broken"]);
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| *request == requests[0]), "{requests:#?}");
    let authority = server.base_url.trim_start_matches("http://");
    let body =
        r#"{"amount":{"minor":1250,"currency":"EUR"},"provider":"stripe","payment_method":"pm_card_visa"}"#;
    for line in [
        "POST /behind/v1/charges HTTP/1.1",
        &format!("host: {authority}"),
        "authorization: Bearer sh_test_key",
        "idempotency-key: order-17",
        "content-type: application/json",
        "prefer: wait=10",
        "user-agent: shop/1.0",
        body,
    ] {
        assert!(requests[0].lines().any(|sent| sent == line), "{line}\n{}", requests[0]);
    }
}

/// What a look at the settings meets, and what is sent of it.
#[tokio::test]
async fn what_each_failure_is_taken_for() {
    let check = async |behaviour: ServerStep, expected: &str| {
        let server = ScriptedServer::start(vec![behaviour.clone()]).await;
        let recorded = RecordedRetries::nothing();
        let error = client(&server.base_url, &recorded).get_settings().await.unwrap_err();
        let Error::Unavailable(stopped) = &error else { panic!("{behaviour:?}: {error}") };
        assert_eq!((stopped.why, stopped.attempts), (Stop::Attempts, 3), "{behaviour:?}");
        assert_eq!(stopped.last.as_ref().map(RequestFailure::label), Some(expected), "{behaviour:?}");
        assert_eq!(recorded.words(), [expected; 2], "{behaviour:?}");
        assert_eq!(server.requests().len(), 3, "{behaviour:?}");
    };
    let head = |length: &str| format!("HTTP/1.1 200 OK\r\n{length}\r\n").into_bytes();
    check(ServerStep::Reset, "broken").await;
    check(ServerStep::AnswerAndClose(vec![]), "broken").await;
    check(ServerStep::AnswerAndClose(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()), "broken").await;
    check(ServerStep::AnswerAndClose(b"HTTP/1.1 200".to_vec()), "broken").await;
    check(ServerStep::AnswerAndClose(head("content-length: 9\r\n")), "broken").await;
    check(ServerStep::AnswerAndClose(head("content-length: x\r\n")), "broken").await;
    check(ServerStep::AnswerAndClose(head("transfer-encoding: chunked\r\n")), "broken").await;
    check(ServerStep::AnswerEndlessly(b"HTTP/1.1 200 OK\r\nx: ".to_vec()), "broken").await;
    check(ServerStep::AnswerAndStall(vec![]), "timed_out").await;
    check(ServerStep::AnswerAndStall(head("content-length: 9\r\n")), "timed_out").await;
    check(ServerStep::Answer(answer(200, "", "{}")), "unreadable").await;
    check(ServerStep::Answer(answer(200, "", &"[".repeat(100_000))), "unreadable").await;
    check(ServerStep::Answer(answer(204, "", "")), "unreadable").await;
    check(ServerStep::Answer(answer(502, "", "<html>")), "no_document").await;
}

#[tokio::test]
async fn nobody_there_is_not_sent() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let recorded = RecordedRetries::nothing();
    let client = client(&format!("http://{closed}"), &recorded);
    let error = client.charge(&new_charge(1_250, "pm_card_visa")).send().await.unwrap_err();
    let Error::Unavailable(stopped) = &error else { panic!("{error}") };
    assert!(matches!(stopped.last, Some(RequestFailure::NotSent(_))), "{error}");
    assert!(!error.is_outcome_unknown());
    assert_eq!(recorded.words(), ["not_sent"; 2]);
}

/// A kept connection that the server has closed meanwhile is no failure: nothing was written into it.
#[tokio::test]
async fn a_connection_is_kept_and_made_anew() {
    let settings = Settings {
        tenant_id: uuid::Uuid::nil(),
        tenant_name: "sdk".to_owned(),
        late_money: client::requests::LateMoney::Reseat,
        seats_held_per_customer_max: None,
        hold_seconds: 900,
        hold_seconds_max: 86_400,
    };
    let body = serde_json::to_string(&settings).unwrap();
    let server = ScriptedServer::start(vec![
        ServerStep::Answer(answer(200, "", &body)),
        ServerStep::AnswerAndClose(answer(200, "", &body)),
        ServerStep::Answer(answer(200, "", &body)),
    ])
    .await;
    let client = client(&server.base_url, &RecordedRetries::nothing());
    for _ in 0..3 {
        assert_eq!(client.get_settings().await.unwrap(), settings);
    }
}
