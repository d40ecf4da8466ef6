//! The adapter for banks against a server that follows a script.

#![expect(clippy::unwrap_used, reason = "a test's own server may stop the test")]

mod answers;
mod calls;
mod events;
mod tokens;

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    AttemptId, BookingId, Currency, Money, PaymentId, RefundId, TenantId, Timestamp,
    rows::{Capture, Mode, Payer, PaymentMethod, TaxId, TaxIdKind},
    time::Span,
};
use providers::{
    Guard, ObjectCall, PaymentOrder, ProviderSettings, RefundOrder, Secret, WireSettings, guard,
    pix::{ADAPTER, PixAccount, PixBank, PixReceiver},
};
use resilience::{NoObserver, breaker, budget};
use serde_json::{Value, json};
use testkit::scripted_server::{ServerStep, answer};
use uuid::Uuid;

/// The charge of `order(1)`, and the return of `refund(1)`.
const OURS: &str = "sh00000000000000000000000000000001";
const PAID: &str = "E12345678202009091000abcde123456";
const WEBHOOK_SECRET: &str = "webhook_secret_of_thirty_two_bytes";
const CODE: &str = "00020101021226760014br.gov.bcb.pix2554pix.example.com/qr/v2/8b3da2f39a4140d1a91abd93113bd4415204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix2558pix.example.com/qr/v2/rec/94ed2badcbc04c15b0bb7fa35319489063047741";

fn settings(base_url: String) -> ProviderSettings {
    let wire = WireSettings::new(&base_url);
    let secrets = vec![Secret::new(WEBHOOK_SECRET)];
    let account = PixAccount {
        client_id: "client_1".to_owned(),
        key: "key@a.example".to_owned(),
        token_url: None,
        api_path: "/api/v2".to_owned(),
        receiver: PixReceiver { name: "Harbour Tours".to_owned(), city: "RECIFE".to_owned() },
    };
    let settings = ADAPTER.settings(Secret::new("client_secret_1"), secrets, Mode::Test);
    ProviderSettings { wire, pix: Some(account), ..settings }
}

/// An adapter that never retries and whose circuit never opens, to observe single calls.
fn adapter(base_url: &str) -> PixBank {
    let settings_of_guard = guard::Settings {
        breaker: breaker::Settings { calls_min: breaker::Settings::CALLS_MIN_MAX, ..Default::default() },
        budget: budget::Settings { ratio: 0.0, floor_per_second: 0.0, ..Default::default() },
    };
    let guard = Guard::new("test", &settings_of_guard, None, Arc::new(NoObserver));
    PixBank::guarded(settings(base_url.to_owned()), &guard).unwrap()
}

fn reais(minor: i64) -> Money {
    Money::new(minor, Currency::BRL)
}

fn order(number: u128) -> PaymentOrder {
    let tax_id = TaxId { kind: TaxIdKind::Cpf, number: "12345678909".to_owned() };
    PaymentOrder {
        attempt: AttemptId(Uuid::from_u128(number)),
        key_number: 0,
        operation: PaymentId(Uuid::from_u128(number)),
        booking: Some(BookingId(Uuid::from_u128(2))),
        tenant: TenantId(Uuid::from_u128(3)),
        amount: reais(10_050),
        capture: Capture::Automatic,
        method: PaymentMethod::Pix {
            pay_until: Timestamp(1_700_000_600_000_000),
            pay_within: Span::seconds(600),
        },
        payer: Some(Payer {
            email: "maria@a.example".to_owned(),
            name: Some("Maria da Silva".to_owned()),
            tax_id: Some(tax_id),
        }),
        return_url: None,
        metadata: BTreeMap::new(),
        reference: Some("tour 7".to_owned()),
        customer: None,
        saves_method: false,
        off_session: false,
        api: None,
        made_at: domain::Timestamp(1_767_225_600_000_000),
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
        object: OURS.to_owned(),
        amount: reais(minor),
        reason: None,
        counted: Vec::new(),
    }
}

/// A charge as a bank shows it, with everything about the customer.
fn cob(txid: &str, status: &str, pix: &Value) -> Value {
    json!({
        "calendario": {"criacao": "2023-11-14T22:13:20.000Z", "expiracao": 600}, "txid": txid, "revisao": 0,
        "loc": {"id": 7, "location": "pix.example.com/qr/v2/7", "tipoCob": "cob"},
        "location": "pix.example.com/qr/v2/7", "status": status, "chave": "key@a.example",
        "devedor": {"cpf": "12345678909", "nome": "Maria da Silva"}, "valor": {"original": "100.50"},
        "pixCopiaECola": CODE, "pix": pix,
    })
}

fn pix(txid: Option<&str>, returns: &Value) -> Value {
    json!({
        "endToEndId": PAID, "txid": txid, "valor": "100.50", "horario": "2023-11-14T22:14:00.000Z",
        "pagador": {"cpf": "12345678909", "nome": "Maria da Silva"}, "devolucoes": returns,
    })
}

fn returned(id: &str, status: &str) -> Value {
    json!({
        "id": id, "rtrId": "D12345678202009091000abcde123456", "valor": "5.00", "status": status,
        "horario": {"solicitacao": "2023-11-15T22:14:00.000Z"},
    })
}

fn problem(status: u16, name: &str) -> ServerStep {
    let body = json!({
        "type": format!("https://pix.bcb.gov.br/api/v2/error/{name}"), "title": "Maria", "status": status,
    });
    ServerStep::Answer(answer(status, "", &body.to_string()))
}

fn shows(body: &Value) -> ServerStep {
    ServerStep::Answer(answer(200, "", &body.to_string()))
}

fn token(text: &str, seconds: u64) -> ServerStep {
    let body = json!({"access_token": text, "token_type": "Bearer", "expires_in": seconds});
    ServerStep::Answer(answer(200, "", &body.to_string()))
}

/// The token and then these.
fn script(steps: &[ServerStep]) -> Vec<ServerStep> {
    [token("token_1", 3_600)].into_iter().chain(steps.iter().cloned()).collect()
}

/// Whether a text has a secret, or anything about the customer.
fn is_revealing(text: &str) -> bool {
    ["token_", "client_secret", WEBHOOK_SECRET, "maria", "Maria", "12345678909"]
        .iter()
        .any(|hidden| text.contains(hidden))
}
