//! Finding a payment by our reference, and listing refunds.

use domain::provider::{CallOutcome, Observation, ProviderStatus};
use providers::Provider;
use serde_json::{Value, json};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use crate::{adapter, ok, order, payment, refund_object};

/// Finds among these results, and fetches what is found.
async fn find(results: Value, fetched: ServerStep) -> (CallOutcome<Option<Observation>>, Vec<String>) {
    let search = ok(&json!({"results": results, "paging": {"total": 3, "limit": 30, "offset": 0}}));
    let server = ScriptedServer::start(vec![search, fetched]).await;
    let found = adapter(&server.base_url).find(&order(1)).await;
    let requests = server.requests();
    let lines = requests.iter().map(|request| request.lines().next().unwrap().to_owned());
    (found, lines.skip(1).collect())
}

#[tokio::test]
async fn the_payment_with_money_is_found_then_the_one_that_may_still_have_it() {
    let check = async |results: &[(u64, &str)], expected: u64| {
        let shown: Vec<Value> = results.iter().map(|(id, status)| payment(*id, status)).collect();
        let (found, lines) = find(json!(shown), ok(&payment(expected, "approved"))).await;
        let CallOutcome::Object(Some(found)) = found else { panic!("{results:?}: {found:?}") };
        assert_eq!(found.object, expected.to_string(), "{results:?}");
        // The search lags behind: the payment itself says its status.
        assert_eq!(found.status, ProviderStatus::Captured { amount_minor: 10_050 });
        assert_eq!(lines, [format!("GET /v1/payments/{expected} HTTP/1.1")], "{results:?}");
    };
    check(&[(123, "in_process")], 123).await;
    check(&[(3, "rejected"), (2, "cancelled")], 3).await;
    check(&[(3, "rejected"), (2, "pending"), (1, "in_process")], 2).await;
    check(&[(3, "pending"), (2, "authorized"), (1, "rejected")], 2).await;
    check(&[(3, "authorized"), (2, "approved")], 3).await;
    check(&[(3, "rejected"), (2, "pending"), (1, "refunded")], 1).await;
}

#[tokio::test]
async fn nothing_is_found_without_our_reference() {
    let mut other = payment(124, "approved");
    other["external_reference"] = json!("00000000-0000-0000-0000-000000000002");
    let mut nobody = payment(125, "approved");
    nobody["external_reference"] = json!(null);
    for results in [json!([]), json!([other, nobody])] {
        let (found, lines) = find(results, ok(&payment(124, "approved"))).await;
        assert_eq!(found, CallOutcome::Object(None));
        assert_eq!(lines, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_search_that_fails_proves_nothing() {
    let error = |status| ServerStep::Answer(answer(status, "", r#"{"error":"some_error","message":"m"}"#));
    let check = async |script: Vec<ServerStep>, expected: &str| {
        let server = ScriptedServer::start(script.clone()).await;
        let found = adapter(&server.base_url).find(&order(1)).await;
        let name = match found {
            CallOutcome::Unknown { .. } => "unknown",
            CallOutcome::NotSent { reached_provider: true, .. } => "not sent",
            _ => "other",
        };
        assert_eq!(name, expected, "{script:?}: {found:?}");
    };
    check(vec![error(400)], "unknown").await;
    check(vec![error(404)], "unknown").await;
    check(vec![error(500)], "unknown").await;
    check(vec![error(429)], "not sent").await;
    check(vec![error(401)], "not sent").await;
    check(vec![ok(&json!([]))], "unknown").await;
    let search = ok(&json!({"results": [payment(123, "approved")]}));
    check(vec![search.clone(), error(404)], "unknown").await;
    check(vec![search.clone(), error(500)], "unknown").await;
    check(vec![search, error(429)], "not sent").await;
    let mut unreadable = payment(123, "approved");
    unreadable["currency_id"] = json!(7);
    check(vec![ok(&json!({"results": [unreadable]}))], "unknown").await;
}

#[tokio::test]
async fn refunds_are_listed() {
    let check = async |step: ServerStep, expected: &str| {
        let server = ScriptedServer::start(vec![step.clone()]).await;
        let found = match adapter(&server.base_url).refunds_of("123").await {
            CallOutcome::Object(listed) => {
                assert!(listed.iter().all(|listed| listed.refund.is_none()));
                let shown = listed.iter().map(|listed| {
                    format!("{}:{}", listed.observation.object, listed.observation.amount_minor)
                });
                shown.collect::<Vec<_>>().join(" ")
            }
            CallOutcome::NotSent { .. } => "not sent".to_owned(),
            CallOutcome::Unknown { .. } => "unknown".to_owned(),
            CallOutcome::Refused { .. } => "refused".to_owned(),
        };
        assert_eq!(found, expected, "{step:?}");
    };
    check(ok(&json!([])), "").await;
    check(ok(&json!([refund_object(9, "approved"), refund_object(8, "rejected")])), "9:500 8:500").await;
    let mut other = refund_object(9, "approved");
    other["payment_id"] = json!(124);
    check(ok(&json!([other])), "unknown").await;
    check(ok(&json!([{"id": 9}])), "unknown").await;
    check(ok(&json!({})), "unknown").await;
    let error = r#"{"error":"not_found","message":"m"}"#;
    check(ServerStep::Answer(answer(404, "", error)), "unknown").await;
    check(ServerStep::Answer(answer(500, "", error)), "unknown").await;
    check(ServerStep::Answer(answer(429, "", error)), "not sent").await;
}
