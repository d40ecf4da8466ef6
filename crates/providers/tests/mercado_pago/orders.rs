//! What only orders do. That they keep the contract, their row there says.

use domain::{
    Timestamp,
    provider::{CallOutcome, ProviderStatus},
    rows::{Capture, FailureCause, PaymentMethod},
    time::Span,
};
use providers::{EventContent, PaymentOrder, Provider, RefundOrder};
use serde_json::{Value, json};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use crate::{
    OURS, adapter,
    calls::{body, header},
    events::{BEFORE, FROM, contents},
    is_revealing, ok, on, order, payment, reais, refund,
};

const ORDER: &str = "ORD01J49MMW3SSBK5PSV3DFR32959";
const PAYMENT: &str = "PAY01J67CQQH5904WDBVZEM4JMEP3";

fn by_orders(number: u128) -> PaymentOrder {
    PaymentOrder { api: Some("orders".to_owned()), ..order(number) }
}

fn shown(status: &str, detail: &str) -> Value {
    json!({
        "id": ORDER, "status": status, "status_detail": detail, "external_reference": OURS,
        "total_amount": "100.50", "payer": {"email": "maria@a.example"},
        "transactions": {"payments": [{"id": PAYMENT, "amount": "100.50", "status_detail": "insufficient_amount"}]},
    })
}

/// A payment as the search shows it, of the order.
fn of_order(status: &str) -> Value {
    let mut payment = payment(123, status);
    payment["order"] = json!({"id": ORDER, "type": "mercadopago"});
    payment["metadata"] = json!({});
    payment
}

async fn requested(order: &PaymentOrder) -> String {
    let server = ScriptedServer::start(vec![ok(&shown("processed", "accredited"))]).await;
    adapter(&server.base_url).create(order).await;
    server.requests().remove(0)
}

#[tokio::test]
async fn an_order_has_one_transaction_and_amounts_as_texts() {
    let request = requested(&by_orders(1)).await;
    assert!(request.starts_with("POST /v1/orders HTTP/1.1"), "{request}");
    let again = requested(&by_orders(1)).await;
    assert_eq!(header(&request, "x-idempotency-key"), header(&again, "x-idempotency-key"));
    let payer = json!({
        "email": "maria@a.example", "first_name": "Maria", "last_name": "da Silva",
        "identification": {"type": "CPF", "number": "12345678909"},
    });
    let method = json!({"id": "visa", "type": "credit_card", "token": "card_token_1", "installments": 3});
    let expected = json!({
        "type": "online", "processing_mode": "automatic", "capture_mode": "automatic", "total_amount": "100.50",
        "external_reference": OURS, "description": "tour 7", "payer": payer,
        "transactions": {"payments": [{"amount": "100.50", "payment_method": method}]},
    });
    assert_eq!(body(&request), expected);
    let manual = PaymentOrder { capture: Capture::Manual, ..by_orders(1) };
    assert_eq!(body(&requested(&manual).await)["capture_mode"], "manual");
    let (pay_until, pay_within) = (Timestamp(1_700_000_000_000_000), Span::seconds(1_800));
    let pix = PaymentOrder { method: PaymentMethod::Pix { pay_until, pay_within }, ..by_orders(1) };
    let expected = json!({
        "amount": "100.50", "payment_method": {"id": "pix", "type": "bank_transfer"},
        "date_of_expiration": "2023-11-14T22:13:20.000+00:00",
    });
    assert_eq!(body(&requested(&pix).await)["transactions"]["payments"][0], expected);
    let debit =
        PaymentMethod::Card { token: "t".to_owned(), brand: Some("debvisa".to_owned()), instalments: 1 };
    let debit = PaymentOrder { method: debit, ..by_orders(1) };
    assert_eq!(
        body(&requested(&debit).await)["transactions"]["payments"][0]["payment_method"]["type"],
        "debit_card"
    );
}

#[tokio::test]
async fn a_declined_card_is_an_order_that_failed() {
    let failed = json!({"errors": [{"code": "failed", "message": "m"}], "data": shown("failed", "failed")});
    let server = ScriptedServer::start(vec![ServerStep::Answer(answer(402, "", &failed.to_string()))]).await;
    let made = adapter(&server.base_url).create(&by_orders(1)).await;
    let CallOutcome::Object(seen) = made else { panic!("{made:?}") };
    let ProviderStatus::Failed(failure) = seen.status else { panic!("{seen:?}") };
    assert_eq!((seen.object.as_str(), failure.code.as_str()), (ORDER, "insufficient_amount"));
    // Of another order it proves nothing.
    let server = ScriptedServer::start(vec![ServerStep::Answer(answer(402, "", &failed.to_string()))]).await;
    let other = adapter(&server.base_url).create(&by_orders(2)).await;
    assert!(matches!(other, CallOutcome::Unknown { .. }), "{other:?}");
}

/// A capture takes all that is authorised.
#[tokio::test]
async fn a_part_of_an_order_is_never_captured() {
    let held = ok(&shown("action_required", "waiting_capture"));
    let server = ScriptedServer::start(vec![held]).await;
    let part = adapter(&server.base_url).capture(on(ORDER), reais(6_000)).await;
    assert!(matches!(part, CallOutcome::Refused { cause: FailureCause::NotSent, .. }), "{part:?}");
    assert_eq!(server.requests().len(), 1, "only the order was read");
}

#[tokio::test]
async fn a_status_that_does_not_allow_a_call_refuses_it() {
    let check = async |code: &str, refused: bool| {
        let error = json!({"errors": [{"code": code, "message": "maria@a.example"}]}).to_string();
        let server = ScriptedServer::start(vec![
            ok(&shown("processed", "accredited")),
            ServerStep::Answer(answer(409, "", &error)),
        ]);
        let server = server.await;
        let order = RefundOrder { object: ORDER.to_owned(), ..refund(500) };
        let outcome = adapter(&server.base_url).refund(&order).await;
        let is_refused = matches!(outcome, CallOutcome::Refused { cause: FailureCause::Declined, .. });
        assert_eq!(is_refused, refused, "{code}: {outcome:?}");
    };
    check("cannot_refund_order", true).await;
    check("order_already_refunded", true).await;
    check("idempotency_key_already_used", false).await;
    check("order_refund_already_in_process", false).await;
}

/// The payment of an order has an id that we do not know: it leads to the order, so that no payment of ours
/// seems to have two objects.
#[tokio::test]
async fn the_payment_of_an_order_leads_to_the_order() {
    let page = json!({"results": [of_order("approved")], "paging": {"total": 1}});
    let server = ScriptedServer::start(vec![ok(&page)]).await;
    let CallOutcome::Object(listed) = adapter(&server.base_url).events(FROM, BEFORE, None).await else {
        panic!()
    };
    assert_eq!(contents(&listed.events), [format!("fetch {ORDER}")]);

    let script = vec![ok(&of_order("approved")), ok(&shown("processed", "accredited"))];
    let server = ScriptedServer::start(script).await;
    let CallOutcome::Object(shown_now) = adapter(&server.base_url).fetch_events("123").await else {
        panic!()
    };
    assert_eq!(contents(&shown_now), [format!("payment {ORDER}")]);
    assert!(!shown_now.iter().any(|event| is_revealing(&String::from_utf8_lossy(&event.body))));

    let server = ScriptedServer::start(vec![ok(&page)]).await;
    let CallOutcome::Object(page) = adapter(&server.base_url).listed(FROM, BEFORE, None).await else {
        panic!()
    };
    assert_eq!(page.payments[0].observation.object, ORDER);
}

#[tokio::test]
async fn a_refunded_order_is_listed_with_its_refunds_by_their_own_ids() {
    let mut payment = of_order("approved");
    payment["transaction_amount_refunded"] = json!(5);
    payment["refunds"] = json!([{"id": 9, "amount": 5, "status": "approved"}]);
    let mut order = shown("processed", "partially_refunded");
    order["transactions"]["refunds"] = json!([{"id": "REF1", "amount": "5.00", "status": "processed"}]);
    let page = json!({"results": [payment], "paging": {"total": 1}});
    let server = ScriptedServer::start(vec![ok(&page), ok(&order)]).await;
    let CallOutcome::Object(page) = adapter(&server.base_url).listed(FROM, BEFORE, None).await else {
        panic!()
    };
    let refunds: Vec<_> =
        page.refunds.iter().map(|refund| (&*refund.payment_object, &*refund.observation.object)).collect();
    assert_eq!(refunds, [(ORDER, "REF1")]);
}

#[tokio::test]
async fn a_chargeback_of_an_order_is_found_by_its_payment() {
    let chargeback = json!({"id": "7", "payments": [123], "currency": "BRL", "amount": 100.5});
    let script = vec![
        ok(&shown("charged_back", "in_process")),
        ok(&json!({"results": [payment(5, "rejected"), of_order("charged_back")]})),
        ok(&json!({"results": [chargeback]})),
    ];
    let server = ScriptedServer::start(script).await;
    let adapter = adapter(&server.base_url);
    let CallOutcome::Object(events) = adapter.fetch_events(ORDER).await else { panic!() };
    let dispute = adapter.interpret(&events.last().unwrap().body).unwrap();
    let EventContent::Dispute { payment_object, observation } = dispute else { panic!("{dispute:?}") };
    assert_eq!((payment_object.as_str(), observation.object.as_str()), (ORDER, "7"));
    assert!(server.requests()[2].starts_with("GET /v1/chargebacks/search?payment_id=123 "));
}

#[tokio::test]
async fn an_order_is_found_around_the_time_of_our_payment() {
    let found = json!({"data": [shown("failed", "failed"), shown("processed", "accredited")]});
    let server = ScriptedServer::start(vec![ok(&found), ok(&shown("processed", "accredited"))]).await;
    let CallOutcome::Object(Some(seen)) = adapter(&server.base_url).find(&by_orders(1)).await else {
        panic!()
    };
    assert_eq!((seen.object.as_str(), seen.amount_minor), (ORDER, 10_050));
    let line = server.requests()[0].lines().next().unwrap().to_owned();
    let (begin, end) = ("2025-12-01T00%3A00%3A00%2E000%2B00%3A00", "2026-02-01T00%3A00%3A00%2E000%2B00%3A00");
    let expected = format!("begin_date={begin}&end_date={end}&external_reference={OURS}");
    assert_eq!(line, format!("GET /v1/orders?{expected} HTTP/1.1"));
}
