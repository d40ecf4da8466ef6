//! The keys that calls are made under, and our references in them.

use std::collections::BTreeMap;

use domain::provider::CallOutcome;
use providers::Creation;
use serde_json::json;
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use crate::{
    calls::{Call, FIRST, Keyed, OutcomeKind, refund},
    outcomes::{patient, successful},
    rows::{ContractRow, KeysOf, ROWS},
};

/// The request of a call that its replies are for. Its reply does not matter.
async fn requested(row: &ContractRow, call: Call, keyed: Keyed) -> String {
    let script = row.script(call, [ServerStep::Answer(answer(400, "", ""))]);
    let server = ScriptedServer::start(script).await;
    let provider = row.open(&row.settings(&server.base_url), &patient());
    call.make(row, &*provider, keyed).await;
    server.requests().remove(row.requests_before(call))
}

fn without_host(request: &str) -> String {
    request.lines().filter(|line| !line.starts_with("host: ")).collect::<Vec<_>>().join("\n")
}

/// Every driver of an attempt makes the same call, before or after a crash. A provider that gets the same
/// key moves money once.
#[tokio::test]
async fn each_call_has_a_key_of_its_own() {
    for row in ROWS {
        let mut keys: BTreeMap<String, String> = BTreeMap::new();
        for call in row.calls() {
            for (attempt, number) in [(1, 0), (1, 1), (2, 0)] {
                let context = format!("{} {call:?} {attempt}/{number}", row.adapter.name);
                let keyed = Keyed { attempt, number };
                let request = requested(row, call, keyed).await;
                let again = requested(row, call, keyed).await;
                assert_eq!(without_host(&request), without_host(&again), "{context}: other bytes");
                let key = (row.key)(&request).filter(|key| !key.is_empty());
                assert_eq!(key.is_some(), call.is_write(), "{context}: {request}");
                let Some(key) = key else { continue };
                // One object has one key for each verb, whatever the attempt.
                let owner = match row.particulars.keys_of {
                    KeysOf::Attempt => context.clone(),
                    KeysOf::Object => format!("{} {call:?}", row.adapter.name),
                };
                let is_new = attempt == 1 && number == 0 || row.particulars.keys_of == KeysOf::Attempt;
                let taken = keys.insert(key, owner.clone());
                assert_eq!(taken, (!is_new).then_some(owner), "{context} has another owner's key");
            }
        }
    }
}

#[tokio::test]
async fn a_payment_carries_our_id_and_is_found_by_it() {
    for row in ROWS {
        let ours = (row.order)(1).operation;
        let id = (row.particulars.own_id)(ours.0);
        let created = requested(row, Call::Create, FIRST).await;
        assert!(created.contains(&id), "{}: {created}", row.adapter.name);
        let settings = row.settings("http://127.0.0.1:9");
        if row.open(&settings, &patient()).capabilities().creation == Creation::TwoSteps {
            // The object's id is committed before money can move.
            continue;
        }
        let find = async |number: u128| {
            let server = ScriptedServer::start(successful((row.replies)(Call::Find))).await;
            let provider = row.open(&row.settings(&server.base_url), &patient());
            (provider.find(&(row.order)(number)).await, server.requests())
        };
        let (found, requests) = find(1).await;
        let CallOutcome::Object(Some(found)) = found else { panic!("{}: {found:?}", row.adapter.name) };
        assert_eq!(found.object, row.object);
        assert!(requests[0].contains(&id), "{}: {requests:?}", row.adapter.name);
        // A search that ignores its condition shows everybody's payments.
        let (other, _) = find(77).await;
        let expected = if row.particulars.absent.contains(&Call::Find) {
            // It is no search. A reply about another object says nothing about this one.
            matches!(other, CallOutcome::Unknown { .. })
        } else {
            matches!(other, CallOutcome::Object(None))
        };
        assert!(expected, "{}: {other:?}", row.adapter.name);
    }
}

/// A refund whose reply was lost is recognised by our id, or is sent again under its key.
#[tokio::test]
async fn a_refund_carries_our_id_where_it_can() {
    for row in ROWS {
        let settings = row.settings("http://127.0.0.1:9");
        let carries = row.open(&settings, &patient()).capabilities().refunds_carry_reference;
        let ours = refund(row, &(row.order)(1)).refund;
        let request = requested(row, Call::Refund, FIRST).await;
        assert!(!carries || request.contains(&(row.particulars.own_id)(ours.0)), "{request}");
        let server = ScriptedServer::start(successful((row.replies)(Call::RefundsOf))).await;
        let listed = row.open(&row.settings(&server.base_url), &patient()).refunds_of(row.object).await;
        let CallOutcome::Object(listed) = listed else { panic!("{}: {listed:?}", row.adapter.name) };
        let [listed] = &listed[..] else { panic!("{}: {listed:?}", row.adapter.name) };
        assert_eq!(listed.refund, carries.then_some(ours), "{}", row.adapter.name);
        assert_eq!(listed.observation.object, row.refund);
    }
}

/// Another currency's amount would be charged as the same number of the account's.
#[tokio::test]
async fn what_the_adapter_cannot_make_is_never_sent() {
    for row in ROWS {
        let server =
            ScriptedServer::start(vec![ServerStep::Answer(answer(200, "", &json!({}).to_string()))]).await;
        let provider = row.open(&row.settings(&server.base_url), &patient());
        let mut order = (row.order)(1);
        order.amount.minor = 0;
        let made = provider.create(&order).await;
        assert!(matches!(made, CallOutcome::Refused { .. }), "{}: {made:?}", row.adapter.name);
        let mut refunded = refund(row, &(row.order)(1));
        refunded.amount.minor = -1;
        let refunded = provider.refund(&refunded).await;
        assert!(matches!(refunded, CallOutcome::Refused { .. }), "{}: {refunded:?}", row.adapter.name);
        assert_eq!(server.requests(), Vec::<String>::new(), "{}", row.adapter.name);
    }
}

/// The driver makes the customer before the first step, and reads nothing else.
#[test]
fn methods_are_saved_only_where_a_payment_has_two_steps() {
    for row in ROWS {
        let capabilities = row.open(&row.settings("http://127.0.0.1:9"), &patient()).capabilities();
        assert_eq!(capabilities.saved_methods, row.adapter.methods.saved_methods, "{}", row.adapter.name);
        let has_two_steps = capabilities.creation == Creation::TwoSteps;
        assert!(has_two_steps || !capabilities.saved_methods, "{}", row.adapter.name);
    }
}

#[tokio::test]
async fn a_call_that_is_not_offered_is_never_sent() {
    for row in ROWS {
        let server = ScriptedServer::start(successful((row.replies)(Call::Fetch))).await;
        let provider = row.open(&row.settings(&server.base_url), &patient());
        let offered = row.calls();
        for call in Call::ALL.into_iter().filter(|call| !offered.contains(call)) {
            let ended = call.make(row, &*provider, FIRST).await;
            assert_eq!(ended.kind, OutcomeKind::Refused, "{} {call:?}: {ended:?}", row.adapter.name);
        }
        assert_eq!(server.requests(), Vec::<String>::new(), "{}", row.adapter.name);
    }
}
