//! The access token: requested once, used until its end nears, replaced once when it is refused.

use std::time::Duration;

use base64::Engine as _;
use domain::provider::CallOutcome;
use futures_util::future::join_all;
use providers::Provider;
use serde_json::json;
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use crate::{OURS, adapter, cob, is_revealing, shows, token};

fn charge() -> ServerStep {
    shows(&cob(OURS, "ATIVA", &json!([])))
}

fn unauthorized() -> ServerStep {
    ServerStep::Answer(answer(401, "www-authenticate: Bearer\r\n", ""))
}

/// `token` for a request of a token, or else the token that the call carries.
fn seen(server: &ScriptedServer) -> Vec<String> {
    let of = |request: &String| {
        if request.starts_with("POST /oauth/token ") {
            return "token".to_owned();
        }
        let carried = request.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
        carried.unwrap().to_owned()
    };
    server.requests().iter().map(of).collect()
}

#[tokio::test]
async fn the_client_proves_itself_by_its_secret() {
    let server = ScriptedServer::start(vec![token("token_1", 3_600), charge()]).await;
    assert!(matches!(adapter(&server.base_url).fetch(OURS).await, CallOutcome::Object(_)));
    let request = server.requests()[0].clone();
    let credentials = base64::engine::general_purpose::STANDARD.encode("client_1:client_secret_1");
    assert!(request.contains(&format!("authorization: Basic {credentials}")), "{request}");
    let body = "grant_type=client_credentials&scope=cob%2Eread+cob%2Ewrite+pix%2Eread+pix%2Ewrite\
                +webhook%2Eread+webhook%2Ewrite";
    assert!(request.ends_with(body), "{request}");
}

#[tokio::test]
async fn many_calls_share_one_request() {
    let server = ScriptedServer::start(vec![token("token_1", 3_600), charge()]).await;
    let adapter = adapter(&server.base_url);
    let outcomes = join_all((0..20).map(|_| adapter.fetch(OURS))).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, CallOutcome::Object(_))), "{outcomes:?}");
    let seen = seen(&server);
    assert_eq!(seen.iter().filter(|seen| *seen == "token").count(), 1, "{seen:?}");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let steps = vec![token("token_1", 3_600), unauthorized(), token("token_2", 3_600), charge()];
    let server = ScriptedServer::start(steps).await;
    let adapter = adapter(&server.base_url);
    for _ in 0..2 {
        assert!(matches!(adapter.fetch(OURS).await, CallOutcome::Object(_)));
    }
    assert_eq!(seen(&server), ["token", "token_1", "token", "token_2", "token_2"]);

    let server = ScriptedServer::start(vec![
        token("token_1", 3_600),
        unauthorized(),
        token("token_2", 3_600),
        unauthorized(),
    ])
    .await;
    let outcome = crate::adapter(&server.base_url).fetch(OURS).await;
    assert!(matches!(outcome, CallOutcome::NotSent { .. }), "{outcome:?}");
    assert_eq!(seen(&server), ["token", "token_1", "token", "token_2"]);
}

#[tokio::test]
async fn a_call_without_a_token_is_not_sent() {
    for step in [
        unauthorized(),
        ServerStep::Answer(answer(200, "", "client_secret_1")),
        ServerStep::Answer(answer(200, "", r#"{"access_token":"a\nb"}"#)),
        ServerStep::Answer(answer(500, "", "")),
        ServerStep::Reset,
    ] {
        let server = ScriptedServer::start(vec![step.clone()]).await;
        let outcome = adapter(&server.base_url).create(&crate::order(1)).await;
        let CallOutcome::NotSent { error, .. } = outcome else { panic!("{step:?}: {outcome:?}") };
        assert!(!is_revealing(&error), "{error}");
        assert_eq!(seen(&server), ["token"], "{step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_replaced_before_its_end() {
    let steps = vec![token("token_1", 300), charge(), charge(), token("token_2", 10), charge()];
    let server = ScriptedServer::start(steps).await;
    let adapter = adapter(&server.base_url);
    let mut expected = vec!["token", "token_1"];
    adapter.fetch(OURS).await;
    assert_eq!(seen(&server), expected);
    tokio::time::advance(Duration::from_secs(239)).await;
    adapter.fetch(OURS).await;
    expected.push("token_1");
    assert_eq!(seen(&server), expected);
    tokio::time::advance(Duration::from_secs(1)).await;
    adapter.fetch(OURS).await;
    expected.extend(["token", "token_2"]);
    assert_eq!(seen(&server), expected);
}
