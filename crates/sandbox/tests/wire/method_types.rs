//! Which payment methods an intent accepts, depending on its parameters.

use serde_json::{Value, json};

use crate::client::{CREATE, TestSandbox};

const OPEN: &str = "amount=500&currency=eur";

#[tokio::test]
async fn an_intent_shows_given_and_computed_method_types() {
    let sandbox = TestSandbox::start().await;
    let names = [
        "allowed_payment_method_types",
        "automatic_payment_methods",
        "excluded_payment_method_types",
        "payment_method_types",
    ];
    let check = async |form: &str, expected: Value| {
        let made = sandbox.post(CREATE, &format!("{OPEN}{form}")).await.body;
        assert_eq!(json!(names.map(|name| &made[name])), expected, "{form}: {made}");
    };
    let settings = |redirects: &str| json!({"enabled": true, "allow_redirects": redirects});
    check("", json!([null, settings("always"), null, ["card"]])).await;
    check(
        "&allowed_payment_method_types[]=card&allowed_payment_method_types[]=klarna",
        json!([["card", "klarna"], null, null, ["card"]]),
    )
    .await;
    check(
        "&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never",
        json!([null, settings("never"), null, ["card"]]),
    )
    .await;
    check("&excluded_payment_method_types[]=klarna", json!([null, settings("always"), ["klarna"], ["card"]]))
        .await;
    let old = sandbox.speaking("2020-08-27", CREATE, OPEN).await.body;
    assert_eq!(json!(names.map(|name| &old[name])), json!([null, null, null, ["card"]]));
}

#[tokio::test]
async fn method_type_parameters_exclude_each_other() {
    let sandbox = TestSandbox::start().await;
    let allowed = "allowed_payment_method_types[]=card";
    let automatic = "automatic_payment_methods[enabled]=true";
    let excluded = "excluded_payment_method_types[]=klarna";
    let exact = "payment_method_types[]=card";
    let check = async |one: &str, other: &str, expected: &str| {
        let made = sandbox.speaking("2026-08-26.dahlia", CREATE, &format!("{OPEN}&{one}&{other}")).await;
        assert_eq!(made.summary(), expected, "{one}&{other}: {}", made.body);
    };
    for (one, other) in
        [(allowed, exact), (allowed, automatic), (allowed, excluded), (exact, automatic), (exact, excluded)]
    {
        check(one, other, "400 parameters_exclusive").await;
    }
    let made = "200 requires_payment_method";
    check(automatic, excluded, made).await;
    check(allowed, "automatic_payment_methods[enabled]=false", made).await;
    check(exact, "automatic_payment_methods[enabled]=false", made).await;
}

#[tokio::test]
async fn methods_that_are_not_activated_are_refused_or_left_out() {
    let sandbox = TestSandbox::start().await;
    let check = async |form: &str, expected: &str, words: &str| {
        let made = sandbox.speaking("2026-08-26.dahlia", CREATE, &format!("{OPEN}&{form}")).await;
        assert_eq!(made.summary(), expected, "{form}");
        assert!(made.body["error"]["message"].as_str().unwrap().contains(words), "{}", made.body);
    };
    check(
        "payment_method_types[]=klarna",
        "400 payment_intent_invalid_parameter",
        "The payment method type \"klarna\" is invalid.",
    )
    .await;
    let none = "No valid payment method types for this Payment Intent.";
    check("allowed_payment_method_types[]=klarna", "400 invalid_request_error", none).await;
    check("excluded_payment_method_types[]=card", "400 invalid_request_error", none).await;
    check(
        "payment_method_options[klarna][capture_method]=manual",
        "400 invalid_request_error",
        "`payment_method_options[klarna]` is not modelled by this stand-in.",
    )
    .await;
}

#[tokio::test]
async fn automatic_payment_methods_require_a_return_url() {
    let sandbox = TestSandbox::start().await;
    let check = async |form: &str, expected: &str| {
        let sale = format!("{OPEN}&confirm=true&payment_method=pm_card_visa");
        let made = sandbox.post(CREATE, &format!("{sale}{form}")).await;
        assert_eq!(made.summary(), expected, "{form}: {}", made.body);
        let open = sandbox
            .post(CREATE, &format!("{OPEN}{}", form.replace("&return_url=https://a.example/b", "")))
            .await;
        let back = if form.contains("return_url") { "&return_url=https://a.example/b" } else { "" };
        let path = format!("{CREATE}/{}/confirm", open.id());
        let confirmed = sandbox.post(&path, &format!("payment_method=pm_card_visa{back}")).await;
        assert_eq!(confirmed.summary(), expected, "{form}: {}", confirmed.body);
    };
    check("", "400 invalid_request_error").await;
    check("&automatic_payment_methods[enabled]=true", "400 invalid_request_error").await;
    check("&return_url=https://a.example/b", "200 succeeded").await;
    let never = "&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never";
    check(never, "200 succeeded").await;
    check("&allowed_payment_method_types[]=card", "200 succeeded").await;
}
