//! Mercado Pago's adapter against a server that follows a script, and against arbitrary bytes.

#![expect(clippy::unwrap_used, reason = "a test's own server may stop the test")]

mod answers;
mod any_bytes;
mod calls;
mod events;
mod orders;
mod searches;

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    AttemptId, BookingId, Currency, Money, PaymentId, RefundId, TenantId,
    rows::{Capture, Mode, Payer, PaymentMethod, TaxId, TaxIdKind},
};
use providers::{
    Guard, ObjectCall, PaymentOrder, ProviderSettings, RefundOrder, Secret, WireSettings, guard,
    mercado_pago::{ADAPTER, MercadoPago},
};
use resilience::{NoObserver, breaker, budget};
use serde_json::{Value, json};
use testkit::scripted_server::{ServerStep, answer};
use uuid::Uuid;

/// The payment of `order(1)`.
const OURS: &str = "00000000-0000-0000-0000-000000000001";
const WEBHOOK_SECRET: &str = "your_secret_key_here";

fn settings(base_url: String) -> ProviderSettings {
    let wire = WireSettings::new(&base_url);
    let secrets = vec![Secret::new(WEBHOOK_SECRET)];
    ProviderSettings { wire, ..ADAPTER.settings(Secret::new("TEST-token_1"), secrets, Mode::Test) }
}

/// An adapter that never retries and whose circuit never opens, to observe single calls.
fn without_retries(settings: ProviderSettings) -> MercadoPago {
    let settings_of_guard = guard::Settings {
        breaker: breaker::Settings { calls_min: breaker::Settings::CALLS_MIN_MAX, ..Default::default() },
        budget: budget::Settings { ratio: 0.0, floor_per_second: 0.0, ..Default::default() },
    };
    let guard = Guard::new("test", &settings_of_guard, None, Arc::new(NoObserver));
    MercadoPago::guarded(settings, &guard).unwrap()
}

fn adapter(base_url: &str) -> MercadoPago {
    without_retries(settings(base_url.to_owned()))
}

fn reais(minor: i64) -> Money {
    Money::new(minor, Currency::BRL)
}

fn order(number: u128) -> PaymentOrder {
    PaymentOrder {
        attempt: AttemptId(Uuid::from_u128(number)),
        key_number: 0,
        operation: PaymentId(Uuid::from_u128(number)),
        booking: Some(BookingId(Uuid::from_u128(2))),
        tenant: TenantId(Uuid::from_u128(3)),
        amount: reais(10_050),
        capture: Capture::Automatic,
        method: PaymentMethod::Card {
            token: "card_token_1".to_owned(),
            brand: Some("visa".to_owned()),
            instalments: 3,
        },
        payer: Some(payer()),
        return_url: None,
        metadata: BTreeMap::from([("colour".to_owned(), "blue".to_owned())]),
        reference: Some("tour 7".to_owned()),
        customer: None,
        saves_method: false,
        off_session: false,
        api: None,
        made_at: domain::Timestamp(1_767_225_600_000_000),
    }
}

fn payer() -> Payer {
    Payer {
        email: "maria@a.example".to_owned(),
        name: Some("Maria da Silva".to_owned()),
        tax_id: Some(TaxId { kind: TaxIdKind::Cpf, number: "12345678909".to_owned() }),
    }
}

/// A call on an object, under the attempt's first key.
fn on(object: &str) -> ObjectCall<'_> {
    ObjectCall { attempt: order(1).attempt, key_number: 0, object }
}

fn refund(minor: i64) -> RefundOrder {
    RefundOrder {
        attempt: AttemptId(Uuid::from_u128(1)),
        key_number: 0,
        refund: RefundId(Uuid::from_u128(1)),
        payment: order(1).operation,
        object: "123".to_owned(),
        amount: reais(minor),
        reason: None,
        counted: Vec::new(),
    }
}

/// A payment as Mercado Pago shows it, with everything about its payer.
fn payment(id: u64, status: &str) -> Value {
    json!({
        "id": id, "status": status, "status_detail": "accredited", "currency_id": "BRL",
        "transaction_amount": 100.5, "transaction_amount_refunded": 0, "external_reference": OURS,
        "date_last_updated": "2023-11-14T22:13:20.000-04:00", "refunds": [],
        "metadata": {"payment": OURS, "amount_minor": "10050", "colour": "blue"},
        "payer": {
            "email": "maria@a.example", "first_name": "Maria",
            "identification": {"type": "CPF", "number": "12345678909"},
        },
        "card": {"last_four_digits": "4321", "cardholder": {"name": "MARIA SILVA"}},
    })
}

fn refund_object(id: u64, status: &str) -> Value {
    json!({"id": id, "payment_id": 123, "amount": 5, "status": status, "source": {"name": "Maria"}})
}

fn ok(body: &Value) -> ServerStep {
    ServerStep::Answer(answer(200, "", &body.to_string()))
}

/// Whether a text has a secret, or anything about the payer.
fn is_revealing(text: &str) -> bool {
    let hidden =
        ["token_1", WEBHOOK_SECRET, "maria", "Maria", "MARIA", "12345678909", "4321", "card_token_1"];
    hidden.iter().any(|hidden| text.contains(hidden))
}
