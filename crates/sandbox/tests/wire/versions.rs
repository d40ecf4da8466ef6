//! The API version and the account of a call.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::client::{CREATE, OPEN, TestSandbox};

#[tokio::test]
async fn the_version_header_overrides_the_version_of_the_account() {
    let sandbox = TestSandbox::start().await;
    let plain = sandbox.post(CREATE, OPEN).await;
    assert_eq!(plain.header("stripe-version"), Some("2026-10-28.endive"));
    for version in ["2026-10-28.endive", "2026-07-29.dahlia", "2023-10-16"] {
        let made = sandbox.speaking(version, CREATE, OPEN).await;
        assert_eq!((made.status, made.header("stripe-version")), (200, Some(version)));
    }
    for version in ["2026-10-29.endive", "2026-10-28", "2026-10-28.dahlia", "latest", "2019-2-19"] {
        let refused = sandbox.speaking(version, CREATE, OPEN).await;
        assert_eq!(refused.summary(), "400 invalid_request_error", "{version}");
        assert_eq!(refused.body["error"]["message"], format!("Invalid Stripe API version: {version}"));
    }
    assert_eq!(sandbox.sums().await.len(), 4);
}

#[tokio::test]
async fn a_removed_parameter_is_accepted_by_earlier_versions_only() {
    let sandbox = TestSandbox::start().await;
    let open = "amount=500&currency=brl";
    let made = sandbox.speaking("2026-08-26.dahlia", CREATE, open).await;
    let path = format!("{CREATE}/{}", made.id());
    let types = "payment_method_types[0]=card";
    let confirm = format!("{path}/confirm");
    for version in ["2026-09-30.endive", "2026-10-28.endive"] {
        let calls =
            [(CREATE, format!("{open}&{types}")), (&path, types.to_owned()), (&confirm, types.to_owned())];
        for (path, form) in calls {
            let refused = sandbox.speaking(version, path, &form).await;
            assert_eq!(refused.summary(), "400 payment_method_types_no_longer_supported", "{version} {path}");
            let error = &refused.body["error"];
            assert_eq!(
                (&error["param"], &error["type"]),
                (&json!("payment_method_types"), &json!("invalid_request_error"))
            );
        }
    }
    let taken = sandbox.speaking("2026-08-26.dahlia", CREATE, &format!("{open}&{types}")).await;
    assert_eq!(taken.summary(), "200 requires_payment_method");
    let taken = sandbox.speaking("2026-07-29.dahlia", &path, types).await;
    assert_eq!(taken.summary(), "200 requires_payment_method");
    let form = format!("{types}&payment_method=pm_card_visa&return_url=https://a.example/b");
    let taken = sandbox.speaking("2026-07-29.dahlia", &confirm, &form).await;
    assert_eq!(taken.summary(), "200 succeeded");
}

#[tokio::test]
async fn http_basic_authenticates_like_bearer() {
    let sandbox = TestSandbox::start().await;
    let check = async |authorization: Option<String>, expected: u16| {
        let header = authorization.as_ref().map(|value| ("authorization", &**value));
        let answer = sandbox.send("GET", CREATE, header.as_slice(), "").await;
        assert_eq!(answer.status, expected, "{authorization:?}");
    };
    check(Some(format!("Basic {}", STANDARD.encode("sk_test_1:"))), 200).await;
    check(Some("Bearer sk_test_1".to_owned()), 200).await;
    check(Some(format!("Basic {}", STANDARD.encode("sk_test_2:"))), 401).await;
    check(Some(format!("Basic {}", STANDARD.encode(":sk_test_1"))), 401).await;
    check(Some("Basic sk_test_1".to_owned()), 401).await;
    check(None, 401).await;
}

#[tokio::test]
async fn an_endpoint_receives_events_of_its_own_version() {
    let mut receiver = crate::receiver::Receiver::answering(&[]).await;
    let sandbox = TestSandbox::start().await;
    let form = format!(
        "url={}&enabled_events[]=payment_intent.created&api_version=2024-06-20&description=mine&metadata[a]=1",
        receiver.url
    );
    let endpoint = sandbox.post("/v1/webhook_endpoints", &form).await.body;
    assert_eq!((&endpoint["api_version"], &endpoint["description"]), (&json!("2024-06-20"), &json!("mine")));
    assert_eq!(endpoint["metadata"], json!({"a": "1"}));
    sandbox.post(CREATE, OPEN).await;
    assert_eq!(receiver.next().await.event["api_version"], "2024-06-20");
    let listed = sandbox.get("/v1/events").await.body;
    assert_eq!(listed["data"][0]["api_version"], "2026-10-28.endive");
}
