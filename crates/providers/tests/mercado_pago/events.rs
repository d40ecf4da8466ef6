//! Payments and refunds as events.

use domain::{Timestamp, provider::CallOutcome};
use providers::{EventContent, EventPage, Provider, VerifiedEvent};
use serde_json::{Value, json};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use crate::{adapter, is_revealing, ok, order, payment, refund_object};

pub const FROM: Timestamp = Timestamp(1_000_000_000);
pub const BEFORE: Timestamp = Timestamp(2_000_000_000);

/// The objects of the events, by kind.
pub fn contents(events: &[VerifiedEvent]) -> Vec<String> {
    let interpreter = adapter("http://127.0.0.1:9");
    let content = |event: &VerifiedEvent| match interpreter.interpret(&event.body).unwrap() {
        EventContent::Payment { payment, observation } => {
            assert_eq!(payment, Some(order(1).operation));
            format!("payment {}", observation.object)
        }
        EventContent::Refund { refund: None, payment, payment_object, observation } => {
            assert_eq!(payment, Some(order(1).operation));
            format!("refund {} of {}", observation.object, payment_object.unwrap())
        }
        EventContent::Fetch { object } => format!("fetch {object}"),
        other => panic!("{other:?}"),
    };
    events.iter().map(content).collect()
}

async fn fetched(script: Vec<ServerStep>) -> (CallOutcome<Vec<VerifiedEvent>>, usize) {
    let server = ScriptedServer::start(script).await;
    let shown = adapter(&server.base_url).fetch_events("123").await;
    (shown, server.requests().len())
}

#[tokio::test]
async fn a_payment_is_fetched_with_its_refunds() {
    let check = async |script: Vec<ServerStep>, requests: usize, expected: &[&str]| {
        let (shown, made) = fetched(script).await;
        let CallOutcome::Object(shown) = shown else { panic!("{shown:?}") };
        assert_eq!((contents(&shown), made), (expected.iter().map(ToString::to_string).collect(), requests));
        assert!(!shown.iter().any(|event| is_revealing(&String::from_utf8_lossy(&event.body))), "{shown:?}");
    };
    let refunds = ok(&json!([refund_object(9, "approved"), refund_object(8, "in_process")]));
    check(vec![ok(&payment(123, "pending"))], 1, &["payment 123"]).await;
    check(vec![ok(&payment(123, "approved")), ok(&json!([]))], 2, &["payment 123"]).await;
    let all = ["payment 123", "refund 9 of 123", "refund 8 of 123"];
    check(vec![ok(&payment(123, "refunded")), refunds], 2, &all).await;
}

#[tokio::test]
async fn a_payment_that_is_not_shown_whole_becomes_no_events() {
    let error = |status| ServerStep::Answer(answer(status, "", r#"{"error":"some_error","message":"m"}"#));
    let captured = || ok(&payment(123, "approved"));
    for script in [
        vec![error(500)],
        vec![ok(&payment(124, "approved"))],
        vec![captured(), error(404)],
        vec![captured(), error(500)],
        vec![captured(), ok(&json!({}))],
    ] {
        let (shown, _) = fetched(script.clone()).await;
        assert!(matches!(shown, CallOutcome::Unknown { .. }), "{script:?}: {shown:?}");
    }
    let (missing, _) = fetched(vec![error(404)]).await;
    assert!(
        matches!(&missing, CallOutcome::Refused { code, .. } if code == "resource_missing"),
        "{missing:?}"
    );
}

/// A page of changed payments, by their ids.
fn page(ids: std::ops::Range<u64>, total: u64) -> ServerStep {
    let results: Vec<Value> = ids.map(|id| payment(id, "approved")).collect();
    ok(&json!({"results": results, "paging": {"total": total, "limit": 30, "offset": 0}}))
}

async fn read(script: Vec<ServerStep>, cursor: Option<&str>) -> (CallOutcome<EventPage>, Vec<String>) {
    let server = ScriptedServer::start(script).await;
    let shown = adapter(&server.base_url).events(FROM, BEFORE, cursor).await;
    let requests = server.requests();
    let lines = requests.iter().map(|request| request.lines().next().unwrap().to_owned());
    (shown, lines.collect())
}

#[tokio::test]
async fn changed_payments_are_listed_in_overlapping_pages() {
    let check =
        async |cursor: Option<&str>, ids: std::ops::Range<u64>, total: u64, expected: Option<&str>| {
            let (shown, lines) = read(vec![page(ids.clone(), total)], cursor).await;
            let CallOutcome::Object(shown) = shown else { panic!("{shown:?}") };
            let found = (shown.events.len() as u64, shown.next.as_deref());
            assert_eq!(found, (ids.end - ids.start, expected), "{cursor:?} {ids:?} {total}");
            let line = format!(
                "GET /v1/payments/search?range=date_last_updated\
             &begin_date=1970-01-01T00%3A16%3A40%2E000%2B00%3A00\
             &end_date=1970-01-01T00%3A33%3A20%2E000%2B00%3A00\
             &sort=date_last_updated&criteria=desc&limit=30&offset={} HTTP/1.1",
                cursor.unwrap_or("0")
            );
            assert_eq!(lines, [line]);
        };
    check(None, 0..0, 0, None).await;
    check(None, 0..30, 30, None).await;
    check(None, 0..30, 31, Some("25")).await;
    check(Some("25"), 25..31, 31, None).await;
    check(Some("25"), 25..55, 100, Some("50")).await;
    // A page never ends before it begins, and an empty one is the last.
    check(Some("25"), 25..27, 100, Some("26")).await;
    check(Some("25"), 0..0, 100, None).await;
}

#[tokio::test]
async fn a_listed_payment_shows_its_refunds_or_is_fetched() {
    let check = async |changes: Value, expected: &[&str]| {
        let mut listed = payment(123, "approved");
        for (name, value) in changes.as_object().unwrap() {
            listed[name] = value.clone();
        }
        let step = ok(&json!({"results": [listed], "paging": {"total": 1}}));
        let (shown, _) = read(vec![step], None).await;
        let CallOutcome::Object(shown) = shown else { panic!("{shown:?}") };
        assert_eq!(contents(&shown.events), expected, "{changes}");
    };
    check(json!({}), &["payment 123"]).await;
    let refunds = json!([refund_object(9, "approved")]);
    let shown = json!({"refunds": refunds, "transaction_amount_refunded": 5});
    check(shown, &["payment 123", "refund 9 of 123"]).await;
    check(json!({"transaction_amount_refunded": 5}), &["payment 123", "fetch 123"]).await;
}

/// Otherwise each reading would store all events of the previous one again.
#[tokio::test]
async fn the_same_state_is_the_same_event_wherever_it_was_read() {
    let refunds = json!([refund_object(9, "approved")]);
    let mut listed = payment(123, "approved");
    listed["refunds"] = refunds.clone();
    let step = ok(&json!({"results": [listed], "paging": {"total": 1}}));
    let (CallOutcome::Object(listed), _) = read(vec![step], None).await else { panic!("a page") };
    let (CallOutcome::Object(fetched), _) = fetched(vec![ok(&payment(123, "approved")), ok(&refunds)]).await
    else {
        panic!("events")
    };
    assert_eq!(listed.events, fetched);
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_unknown() {
    for step in [
        ok(&json!({"results": []})),
        ok(&json!({"results": [{"status": "approved"}], "paging": {"total": 1}})),
        ServerStep::Answer(answer(400, "", r#"{"error":"bad_request","message":"m"}"#)),
    ] {
        let (shown, _) = read(vec![step.clone()], None).await;
        assert!(matches!(shown, CallOutcome::Unknown { .. }), "{step:?}: {shown:?}");
    }
    let (shown, lines) = read(vec![page(0..1, 1)], Some("x")).await;
    assert!(matches!(shown, CallOutcome::Unknown { .. }) && lines.is_empty(), "{shown:?}");
}

/// A payment of another integration must not stop the list.
#[tokio::test]
async fn a_listed_payment_that_has_no_meaning_for_us_is_an_event_all_the_same() {
    let foreign = json!({"id": 5, "status": 7, "metadata": "x", "external_reference": 8, "refunds": "x"});
    let step = ok(&json!({"results": [foreign, payment(123, "approved")], "paging": {"total": 2}}));
    let (CallOutcome::Object(shown), _) = read(vec![step], None).await else { panic!("a page") };
    let interpreter = adapter("http://127.0.0.1:9");
    let readable: Vec<bool> =
        shown.events.iter().map(|event| interpreter.interpret(&event.body).is_ok()).collect();
    assert_eq!(readable, [false, true]);
}
