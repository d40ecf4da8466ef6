//! The bytes of each call.

use domain::{
    Currency, Money, Timestamp,
    provider::CallOutcome,
    rows::{Capture, FailureCause, Payer, PaymentMethod},
};
use providers::{PaymentOrder, Provider, RefundOrder, mercado_pago::MercadoPago};
use serde_json::{Value, json};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};
use uuid::Uuid;

use crate::{OURS, adapter, is_revealing, on, order, reais, refund, settings, without_retries};

/// Any reply will do: the tests look at the request.
async fn server() -> ScriptedServer {
    ScriptedServer::start(vec![ServerStep::Answer(answer(500, "", ""))]).await
}

pub fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

pub fn body(request: &str) -> Value {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() }
}

/// Makes the call twice, and returns the request.
async fn requested(call: impl AsyncFn(&MercadoPago), line: &str) -> String {
    let server = server().await;
    let adapter = adapter(&server.base_url);
    call(&adapter).await;
    call(&adapter).await;
    let [first, second] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
    assert_eq!(first, second, "the same call must always be the same bytes");
    assert_eq!(first.lines().next().unwrap(), format!("{line} HTTP/1.1"));
    assert_eq!(header(first, "authorization"), Some("Bearer TEST-token_1"));
    let changes = !line.starts_with("GET");
    assert_eq!(header(first, "content-type"), changes.then_some("application/json"));
    let key = header(first, "x-idempotency-key").map(|key| key.parse::<Uuid>().unwrap());
    assert_eq!(key.is_some(), changes, "{first}");
    first.clone()
}

fn card_body(capture: bool) -> Value {
    json!({
        "transaction_amount": 100.5, "payment_method_id": "visa", "token": "card_token_1",
        "installments": 3, "capture": capture, "description": "tour 7", "external_reference": OURS,
        "metadata": {
            "amount_minor": "10050", "attempt": OURS, "booking": "00000000-0000-0000-0000-000000000002",
            "colour": "blue", "operation": OURS, "tenant": "00000000-0000-0000-0000-000000000003",
        },
        "payer": {
            "email": "maria@a.example", "first_name": "Maria", "last_name": "da Silva",
            "identification": {"type": "CPF", "number": "12345678909"},
        },
    })
}

#[tokio::test]
async fn a_card_is_charged_or_authorized() {
    let line = "POST /v1/payments";
    let automatic = order(1);
    let request = requested(async |adapter| drop(adapter.create(&automatic).await), line).await;
    assert_eq!(body(&request), card_body(true));
    assert!(request.contains("\"transaction_amount\":100.50,"), "{request}");
    let manual = PaymentOrder { capture: Capture::Manual, ..order(1) };
    let request = requested(async |adapter| drop(adapter.create(&manual).await), line).await;
    assert_eq!(body(&request), card_body(false));
}

#[tokio::test]
async fn pix_has_an_expiry_and_no_card() {
    let pix = PaymentOrder {
        method: PaymentMethod::Pix {
            pay_until: Timestamp(1_700_000_000_000_000),
            pay_within: domain::time::Span::seconds(1_800),
        },
        payer: Some(Payer { email: "maria@a.example".to_owned(), name: None, tax_id: None }),
        booking: None,
        reference: None,
        ..order(1)
    };
    let request = requested(async |adapter| drop(adapter.create(&pix).await), "POST /v1/payments").await;
    let expected = json!({
        "transaction_amount": 100.5, "payment_method_id": "pix",
        "date_of_expiration": "2023-11-14T22:13:20.000+00:00", "external_reference": OURS,
        "metadata": {
            "amount_minor": "10050", "attempt": OURS, "colour": "blue", "operation": OURS,
            "tenant": "00000000-0000-0000-0000-000000000003",
        },
        "payer": {"email": "maria@a.example"},
    });
    assert_eq!(body(&request), expected);
}

#[tokio::test]
async fn a_notification_url_is_sent_with_each_payment() {
    let server = server().await;
    let notification_url = Some("https://a.example/webhooks/1".to_owned());
    let adapter = without_retries(providers::ProviderSettings {
        notification_url,
        ..settings(server.base_url.clone())
    });
    adapter.create(&order(1)).await;
    let sent = body(&server.requests()[0]);
    assert_eq!(sent["notification_url"], "https://a.example/webhooks/1?source_news=webhooks");
}

#[tokio::test]
async fn the_other_calls_have_their_paths_and_bodies() {
    let check = async |call: Call, line: &str, expected: Value| {
        let request = requested(async |adapter| make(adapter, call).await, line).await;
        assert_eq!(body(&request), expected, "{line}");
    };
    let captured = json!({"capture": true, "transaction_amount": 60.0});
    check(Call::Capture, "PUT /v1/payments/123", captured).await;
    check(Call::Cancel, "PUT /v1/payments/123", json!({"status": "cancelled"})).await;
    check(Call::Refund, "POST /v1/payments/123/refunds", json!({"amount": 5.25})).await;
    check(Call::Fetch("123"), "GET /v1/payments/123", Value::Null).await;
    check(Call::Fetch("1/../x"), "GET /v1/payments/1%2F%2E%2E%2Fx", Value::Null).await;
    check(Call::RefundsOf, "GET /v1/payments/123/refunds", Value::Null).await;
    check(Call::FetchRefund, "GET /v1/payments/123/refunds/9", Value::Null).await;
    let line = format!("GET /v1/payments/search?external_reference={OURS}&sort=date_created&criteria=desc");
    check(Call::Find, &line, Value::Null).await;
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Create,
    Capture,
    Cancel,
    Refund,
    Fetch(&'static str),
    RefundsOf,
    FetchRefund,
    Find,
}

async fn make(adapter: &MercadoPago, call: Call) {
    match call {
        Call::Create => drop(adapter.create(&order(1)).await),
        Call::Capture => drop(adapter.capture(on("123"), reais(6_000)).await),
        Call::Cancel => drop(adapter.cancel(on("123")).await),
        Call::Refund => drop(adapter.refund(&refund(525)).await),
        Call::Fetch(object) => drop(adapter.fetch(object).await),
        Call::RefundsOf => drop(adapter.refunds_of("123").await),
        Call::FetchRefund => drop(adapter.fetch_refund("123", "9").await),
        Call::Find => drop(adapter.find(&order(1)).await),
    }
}

/// The key of another version must not differ: after an update it protects a call of the version before.
#[tokio::test]
async fn a_key_is_the_same_in_each_version() {
    let server = server().await;
    make(&adapter(&server.base_url), Call::Create).await;
    let key = header(&server.requests()[0], "x-idempotency-key").map(str::to_owned);
    assert_eq!(key.as_deref(), Some("27c23ee7-2675-5e76-abb7-9fdf96d56078"));
}

#[tokio::test]
async fn what_mercado_pago_cannot_do_is_never_sent() {
    let server = server().await;
    let adapter = adapter(&server.base_url);
    let euros = Money::new(500, Currency::EUR);
    let made = adapter.create(&PaymentOrder { amount: euros, ..order(1) }).await;
    let captured = adapter.capture(on("123"), euros).await;
    let refunded = adapter.refund(&RefundOrder { amount: euros, ..refund(500) }).await.code_if_never_sent();
    for code in [made.code_if_never_sent(), captured.code_if_never_sent(), refunded] {
        assert_eq!(code.as_deref(), Some("currency_is_not_of_account"));
    }
    let without_payer = adapter.create(&PaymentOrder { payer: None, ..order(1) }).await;
    assert_eq!(without_payer.code_if_never_sent().as_deref(), Some("payer_is_missing"));
    let confirmed = adapter.confirm(&order(1), "123").await;
    assert!(matches!(confirmed, CallOutcome::Refused { .. }), "{confirmed:?}");
    assert_eq!(server.requests(), Vec::<String>::new());
}

/// The code of a call that was never sent.
trait NeverSent {
    fn code_if_never_sent(self) -> Option<String>;
}

impl<O> NeverSent for CallOutcome<O> {
    fn code_if_never_sent(self) -> Option<String> {
        match self {
            CallOutcome::Refused { code, cause: FailureCause::NotSent, object: None } => Some(code),
            _ => None,
        }
    }
}

#[test]
fn debug_output_of_the_settings_shows_no_secret() {
    let shown = format!("{:?}", settings("http://127.0.0.1:9".to_owned()));
    assert!(!is_revealing(&shown), "{shown}");
}
