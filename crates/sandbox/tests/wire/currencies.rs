//! Amounts that Stripe charges, and amounts that it refuses.

use crate::client::{CREATE, TestSandbox};

#[tokio::test]
async fn amounts_outside_stripes_bounds_are_refused() {
    let sandbox = TestSandbox::start().await;
    let check = async |currency: &str, amount: i64, expected: &str| {
        let form = format!("amount={amount}&currency={currency}&allowed_payment_method_types[]=card");
        let made = sandbox.post(CREATE, &form).await;
        assert_eq!(made.summary(), expected, "{amount} {currency}: {}", made.body);
        let param = made.body["error"]["param"].as_str();
        let expected = if expected.starts_with("200") { None } else { Some("amount") };
        assert_eq!(param, expected, "{amount} {currency}");
    };
    let (made, small) = ("200 requires_payment_method", "400 amount_too_small");
    let (large, integer) = ("400 amount_too_large", "400 parameter_invalid_integer");
    check("eur", 50, made).await;
    check("eur", 49, small).await;
    check("eur", 99_999_999, made).await;
    check("eur", 100_000_000, large).await;
    check("jpy", 50, made).await;
    check("jpy", 49, small).await;
    check("jpy", 9_999_999_999, made).await;
    check("idr", 999_999_999_999, made).await;
    check("idr", 1_000_000_000_000, large).await;
    check("kwd", 1_000, made).await;
    check("kwd", 1_001, integer).await;
    check("isk", 10_000, made).await;
    check("isk", 10_050, integer).await;
    check("krw", 1, made).await;
    check("eur", 0, integer).await;
    check("eur", -50, integer).await;
}

#[tokio::test]
async fn currencies_that_stripe_does_not_charge_are_refused() {
    let sandbox = TestSandbox::start().await;
    for currency in ["xxx", "xts", "xau", "xag", "xdr", "abc", "BRL"] {
        let refused = sandbox.post(CREATE, &format!("amount=500&currency={currency}")).await;
        assert_eq!(refused.summary(), "400 invalid_request_error", "{currency}");
        assert_eq!(refused.body["error"]["param"], "currency");
        let message = refused.body["error"]["message"].as_str().unwrap();
        assert!(
            message.starts_with(&format!("Invalid currency: {currency}. Stripe currently supports")),
            "{message}"
        );
    }
}

#[tokio::test]
async fn amount_rules_apply_to_captures_refunds_and_updates() {
    let sandbox = TestSandbox::start().await;
    let hold = "amount=5000&currency=kwd&capture_method=manual&confirm=true&payment_method=pm_card_visa\
                &allowed_payment_method_types[]=card";
    let held = sandbox.post(CREATE, hold).await;
    let capture = format!("{CREATE}/{}/capture", held.id());
    let refused = sandbox.post(&capture, "amount_to_capture=4001").await;
    assert_eq!(refused.summary(), "400 parameter_invalid_integer");
    assert_eq!(refused.body["error"]["param"], "amount_to_capture");
    assert_eq!(sandbox.post(&capture, "amount_to_capture=4000").await.summary(), "200 succeeded");
    let refund = async |amount: i64| {
        sandbox.post("/v1/refunds", &format!("payment_intent={}&amount={amount}", held.id())).await.summary()
    };
    assert_eq!(refund(15).await, "400 parameter_invalid_integer");
    assert_eq!(refund(10).await, "200 succeeded", "less than any minimum");
    assert_eq!(refund(3990).await, "200 succeeded");

    let open = sandbox.post(CREATE, "amount=500&currency=eur").await;
    let path = format!("{CREATE}/{}", open.id());
    assert_eq!(sandbox.post(&path, "amount=49").await.summary(), "400 amount_too_small");
    assert_eq!(sandbox.post(&path, "currency=kwd").await.summary(), "200 requires_payment_method");
    assert_eq!(sandbox.post(&path, "amount=505").await.summary(), "400 parameter_invalid_integer");
    assert_eq!(sandbox.post(&path, "currency=huf").await.summary(), "400 amount_too_small");
}

#[tokio::test]
async fn a_refund_that_is_too_large_names_both_amounts() {
    let sandbox = TestSandbox::start().await;
    let check = async |currency: &str, expected: &str| {
        let sale = format!(
            "amount=100000&currency={currency}&confirm=true&payment_method=pm_card_visa&allowed_payment_method_types[]=card"
        );
        let sold = sandbox.post(CREATE, &sale).await;
        let refused =
            sandbox.post("/v1/refunds", &format!("payment_intent={}&amount=100100", sold.id())).await;
        assert_eq!(refused.body["error"]["message"], expected);
    };
    let words = |asked: &str, left: &str| {
        format!("Refund amount ({asked}) is greater than unrefunded amount on charge ({left})")
    };
    check("eur", &words("€1,001.00", "€1,000.00")).await;
    check("jpy", &words("¥100,100", "¥100,000")).await;
    check("kwd", &words("KWD 100.100", "KWD 100.000")).await;
}
