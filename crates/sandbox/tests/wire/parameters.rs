//! Unknown parameters are refused on every endpoint and change nothing.

use crate::client::{CREATE, HOLD, OPEN, SALE, TestSandbox};

#[tokio::test]
async fn each_endpoint_refuses_unknown_parameters() {
    let sandbox = TestSandbox::start().await;
    let held = sandbox.post(CREATE, HOLD).await.id().to_owned();
    let open = sandbox.post(CREATE, OPEN).await.id().to_owned();
    let before = sandbox.get(&format!("{CREATE}?limit=100")).await.body;
    let check = async |path: &str, form: &str, expected: &str, param: &str| {
        let answer = if let Some(path) = path.strip_prefix("GET ") {
            sandbox.get(&format!("{path}?{form}")).await
        } else {
            sandbox.post(path, form).await
        };
        assert_eq!(answer.summary(), expected, "{path} {form}: {}", answer.body);
        assert_eq!(answer.body["error"]["param"].as_str().unwrap_or("-"), param, "{path} {form}");
    };
    let (unknown, invalid) = ("400 parameter_unknown", "400 invalid_request_error");
    let integer = "400 parameter_invalid_integer";
    for path in [
        CREATE,
        &format!("{CREATE}/{open}"),
        &format!("{CREATE}/{open}/confirm"),
        &format!("{CREATE}/{held}/capture"),
        &format!("{CREATE}/{held}/cancel"),
        "/v1/refunds",
        "/v1/payment_methods",
        "/v1/webhook_endpoints",
        "/v1/disputes/du_x",
        "/v1/disputes/du_x/close",
        &format!("GET {CREATE}"),
        &format!("GET {CREATE}/{open}"),
        "GET /v1/charges",
        "GET /v1/charges/ch_x",
        "GET /v1/refunds",
        "GET /v1/refunds/re_x",
        "GET /v1/disputes",
        "GET /v1/disputes/du_x",
        "GET /v1/events",
        "GET /v1/events/evt_x",
        "GET /v1/payment_methods/pm_x",
        "GET /v1/webhook_endpoints",
        "GET /v1/webhook_endpoints/we_x",
    ] {
        check(path, "odd=1", unknown, "odd").await;
        check(path, "expand=latest_charge", invalid, "expand").await;
    }
    check(CREATE, &format!("{OPEN}&shipping[odd]=1"), unknown, "shipping[odd]").await;
    check(CREATE, &format!("{OPEN}&confirm=maybe"), invalid, "confirm").await;
    check(CREATE, &format!("{OPEN}&use_stripe_sdk=maybe"), invalid, "use_stripe_sdk").await;
    check(CREATE, &format!("{OPEN}&radar_options=1"), invalid, "radar_options").await;
    check(CREATE, &format!("{OPEN}&setup_future_usage=never"), invalid, "setup_future_usage").await;
    check(CREATE, &format!("{OPEN}&description="), "400 parameter_invalid_empty", "description").await;
    check(CREATE, &format!("{OPEN}&transfer_data[destination]=acct_1"), invalid, "transfer_data").await;
    check(CREATE, &format!("{OPEN}&customer=cus_1"), "400 resource_missing", "customer").await;
    check(CREATE, &format!("{OPEN}&receipt_email=ana"), "400 email_invalid", "receipt_email").await;
    check(&format!("{CREATE}/{open}/confirm"), "return_url=back", "400 url_invalid", "return_url").await;
    check(&format!("{CREATE}/{open}"), "amount=12.5", integer, "amount").await;
    check(&format!("{CREATE}/{held}/capture"), "amount_to_capture=all", integer, "amount_to_capture").await;
    check(&format!("{CREATE}/{held}/capture"), "final_capture=1", invalid, "final_capture").await;
    let cancel = format!("{CREATE}/{held}/cancel");
    check(&cancel, "cancellation_reason=automatic", invalid, "cancellation_reason").await;
    check("/v1/refunds", "payment_intent[]=pi_x", invalid, "payment_intent").await;
    check("/v1/refunds", "payment_intent=pi_x&reason=odd", invalid, "reason").await;
    check("/v1/refunds", "payment_intent=pi_x&reverse_transfer=true", invalid, "reverse_transfer").await;
    check("/v1/webhook_endpoints", "url=http://a", "400 parameter_missing", "enabled_events").await;
    check("/v1/webhook_endpoints", "url=http://a&enabled_events[]=odd", invalid, "enabled_events[0]").await;
    check("/v1/webhook_endpoints", "url=http://a&enabled_events=*", invalid, "enabled_events").await;
    let limit = format!("GET {CREATE}");
    check(&limit, "limit=many", integer, "limit").await;
    check(&limit, "limit=0", integer, "limit").await;
    check(&limit, "limit=101", integer, "limit").await;
    check(&limit, "created[since]=1", unknown, "created[since]").await;
    check(&limit, "created[gte]=today", integer, "created[gte]").await;
    check(&limit, "created=today", integer, "created").await;
    check(&limit, "starting_after=pi_x", "400 resource_missing", "starting_after").await;
    check("GET /v1/refunds", "ending_before=re_x", "400 resource_missing", "ending_before").await;
    check("GET /v1/events", "delivery_success=perhaps", invalid, "delivery_success").await;
    check("GET /v1/events", "types=charge.succeeded", invalid, "types").await;
    assert_eq!(sandbox.get(&format!("{CREATE}?limit=100")).await.body, before, "nothing has changed");
}

#[tokio::test]
async fn parameters_in_the_query_of_a_post_are_read() {
    let sandbox = TestSandbox::start().await;
    let unknown = sandbox.post(&format!("{CREATE}?odd=1"), SALE).await;
    assert_eq!(unknown.summary(), "400 parameter_unknown");
    let expanded = sandbox.post(&format!("{CREATE}?expand[]=latest_charge"), SALE).await;
    assert_eq!(expanded.body["latest_charge"]["object"], "charge");
}

#[tokio::test]
async fn accepted_parameters_are_shown_on_the_intent() {
    let sandbox = TestSandbox::start().await;
    let form = format!(
        "{OPEN}&description=Two%20seats&receipt_email=ana@example.com&setup_future_usage=off_session\
         &statement_descriptor_suffix=TOURS&transfer_group=group_1&shipping[name]=Ana&shipping[address][city]=Porto\
         &shipping[phone]=1&payment_method_options[card][network]=visa&metadata[a]=1&use_stripe_sdk=true\
         &radar_options[session]=rse_1"
    );
    let made = sandbox.post(CREATE, &form).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let shown = |name: &str| made.body[name].as_str().unwrap().to_owned();
    assert_eq!(shown("description"), "Two seats");
    assert_eq!(shown("receipt_email"), "ana@example.com");
    assert_eq!(shown("setup_future_usage"), "off_session");
    assert_eq!(shown("statement_descriptor_suffix"), "TOURS");
    assert_eq!(shown("transfer_group"), "group_1");
    assert_eq!(made.body["shipping"]["address"]["city"], "Porto");
    assert!(made.body["shipping"]["address"]["line1"].is_null());
    assert_eq!(made.body["payment_method_options"]["card"]["network"], "visa");
    let path = format!("{CREATE}/{}", made.id());
    let changed = sandbox.post(&path, "receipt_email=&shipping=&metadata[a]=&metadata[b]=2").await.body;
    assert!(changed["receipt_email"].is_null() && changed["shipping"].is_null());
    assert_eq!(changed["metadata"], serde_json::json!({"b": "2"}));
    let raised = sandbox.post(&path, "amount=700&currency=eur").await.body;
    assert_eq!((&raised["amount"], &raised["currency"]), (&700.into(), &"eur".into()));
    let paid = sandbox.post(&format!("{path}/confirm"), "payment_method=pm_card_visa").await.body;
    let charge = sandbox.get(&format!("/v1/charges/{}", paid["latest_charge"].as_str().unwrap())).await.body;
    assert_eq!((&charge["amount"], &charge["statement_descriptor_suffix"]), (&700.into(), &"TOURS".into()));
}

#[tokio::test]
async fn a_statement_descriptor_is_refused_for_cards() {
    let sandbox = TestSandbox::start().await;
    let refused = sandbox.post(CREATE, &format!("{SALE}&statement_descriptor=TOURS")).await;
    assert_eq!(refused.summary(), "400 invalid_request_error");
    assert_eq!(refused.body["error"]["param"], "statement_descriptor");
    let long = sandbox.post(CREATE, &format!("{OPEN}&statement_descriptor_suffix={}", "x".repeat(23))).await;
    assert_eq!(long.body["error"]["param"], "statement_descriptor_suffix");
}

#[tokio::test]
async fn parameters_of_a_confirmation_are_refused_without_confirm() {
    let sandbox = TestSandbox::start().await;
    for name in ["return_url=https://a.example/b", "off_session=true", "error_on_requires_action=true"] {
        let refused = sandbox.post(CREATE, &format!("{OPEN}&{name}")).await;
        assert_eq!(refused.summary(), "400 invalid_request_error", "{name}");
        assert_eq!(refused.body["error"]["param"].as_str(), name.split('=').next(), "{name}");
    }
}
