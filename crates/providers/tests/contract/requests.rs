//! The keys that calls are made under, and our references in them.

use std::collections::BTreeMap;

use domain::{PaymentId, provider::CallOutcome};
use providers::Creation;
use serde_json::json;
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};
use uuid::Uuid;

use crate::{
    calls::{Call, FIRST, Keyed, refund},
    outcomes::{patient, successful},
    rows::{ContractRow, ROWS},
};

/// The first request of a call, whose reply does not matter.
async fn requested(row: &ContractRow, call: Call, keyed: Keyed) -> String {
    let server = ScriptedServer::start(vec![ServerStep::Answer(answer(400, "", ""))]).await;
    let provider = row.open(&row.settings(&server.base_url), &patient());
    call.make(row, &*provider, keyed).await;
    server.requests().remove(0)
}

fn without_host(request: &str) -> String {
    request.lines().filter(|line| !line.starts_with("host: ")).collect::<Vec<_>>().join("\n")
}

/// Every driver of an attempt makes the same call, before or after a crash. A provider that gets the same
/// key moves money once.
#[tokio::test]
async fn each_call_of_each_attempt_has_a_key_of_its_own() {
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
                if let Some(key) = key {
                    let taken = keys.insert(key, context.clone());
                    assert!(taken.is_none(), "{context} has the key of {taken:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_payment_carries_our_id_and_is_found_by_it() {
    for row in ROWS {
        let ours = (row.order)(1).operation;
        let id = ours.0.hyphenated().to_string();
        let created = requested(row, Call::Create, FIRST).await;
        assert!(created.contains(&id), "{}: {created}", row.adapter.name);
        let settings = row.settings("http://127.0.0.1:9");
        if row.open(&settings, &patient()).capabilities().creation == Creation::TwoSteps {
            // The object's id is committed before money can move.
            continue;
        }
        let find = async |payment: PaymentId| {
            let server = ScriptedServer::start(successful((row.replies)(Call::Find))).await;
            let provider = row.open(&row.settings(&server.base_url), &patient());
            (provider.find(payment).await, server.requests())
        };
        let (found, requests) = find(ours).await;
        let CallOutcome::Object(Some(found)) = found else { panic!("{}: {found:?}", row.adapter.name) };
        assert_eq!(found.object, row.object);
        assert!(requests[0].contains(&id), "{}: {requests:?}", row.adapter.name);
        // A search that ignores its condition shows everybody's payments.
        let (other, _) = find(PaymentId(Uuid::from_u128(77))).await;
        assert!(matches!(other, CallOutcome::Object(None)), "{}: {other:?}", row.adapter.name);
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
        assert!(!carries || request.contains(&ours.0.hyphenated().to_string()), "{request}");
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
