//! Stripe's adapter against a server that misbehaves byte by byte, against arbitrary bytes, and
//! against the sandbox, which implements Stripe's wire and shares no code with it.

#![expect(clippy::unwrap_used, reason = "a test's own server may stop the test")]

mod answers;
mod any_bytes;
mod calls;
mod guarded;
mod sandbox;
#[cfg(feature = "tls")]
mod tls;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{
    AttemptId, BookingId, Currency, Money, PaymentId, RefundId, TenantId,
    rows::{Capture, Failure, FailureCause, Mode, PaymentMethod},
};
use http::HeaderMap;
use providers::{
    Guard, ObjectCall, PaymentOrder, ProviderSettings, RefundOrder, Secret, WebhookHead, WireSettings, guard,
    stripe::{ADAPTER, Stripe},
};
use resilience::{NoObserver, breaker, budget};
use uuid::Uuid;

const CALL_TIMEOUT: Duration = Duration::from_millis(400);

fn settings(base_url: String) -> ProviderSettings {
    let wire = WireSettings {
        connect_timeout: Duration::from_millis(200),
        call_timeout: CALL_TIMEOUT,
        ..WireSettings::new(&base_url)
    };
    let secrets = vec![Secret::new("whsec_test_secret")];
    ProviderSettings { wire, ..ADAPTER.settings(Secret::new("sk_test_1"), secrets, Mode::Test) }
}

/// An adapter that never retries and whose circuit never opens, to observe single calls.
fn stripe_without_retries(base_url: String) -> Stripe {
    let settings_of_guard = guard::Settings {
        breaker: breaker::Settings { calls_min: breaker::Settings::CALLS_MIN_MAX, ..Default::default() },
        budget: budget::Settings { ratio: 0.0, floor_per_second: 0.0, ..Default::default() },
    };
    let guard = Guard::new("test", &settings_of_guard, None, Arc::new(NoObserver));
    Stripe::guarded(settings(base_url), &guard).unwrap()
}

fn euros(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

fn order(number: u128) -> PaymentOrder {
    PaymentOrder {
        attempt: AttemptId(Uuid::from_u128(number)),
        key_number: 0,
        operation: PaymentId(Uuid::from_u128(number)),
        booking: Some(BookingId(Uuid::from_u128(2))),
        tenant: TenantId(Uuid::from_u128(3)),
        amount: euros(2000),
        capture: Capture::Automatic,
        method: card("pm_card_visa"),
        payer: None,
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

fn card(token: &str) -> PaymentMethod {
    PaymentMethod::Card { token: token.to_owned(), brand: None, instalments: 1 }
}

fn head(headers: &HeaderMap) -> WebhookHead<'_> {
    WebhookHead { headers, query: "" }
}

/// A call on an object, under the attempt's first key.
fn on(attempt: AttemptId, object: &str) -> ObjectCall<'_> {
    ObjectCall { attempt, key_number: 0, object }
}

/// A decline as the adapter reports it.
fn failure(code: &str, retryable: bool) -> Failure {
    Failure { code: code.to_owned(), retryable, cause: FailureCause::Declined }
}

fn refund(number: u128, order: &PaymentOrder, object: &str, minor: i64) -> RefundOrder {
    RefundOrder {
        attempt: AttemptId(Uuid::from_u128(number)),
        key_number: 0,
        refund: RefundId(Uuid::from_u128(number)),
        payment: order.operation,
        object: object.to_owned(),
        amount: Money::new(minor, order.amount.currency),
        reason: Some("requested_by_customer".to_owned()),
        counted: Vec::new(),
    }
}
