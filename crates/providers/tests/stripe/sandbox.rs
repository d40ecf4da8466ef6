//! The contract against a provider that keeps books: what the adapter reports is what happened.

use domain::{
    CustomerId, ProviderCustomerId, Timestamp,
    provider::{CallOutcome, ProviderStatus, RefundStatus},
    rows::{Capture, FailureCause, NextAction},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use providers::{CustomerOrder, EventContent, ListedRefund, PaymentOrder, Provider, port, stripe::Stripe};
use sandbox::{Options, RunningSandbox};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{euros, failure, head, on, order, refund, settings};

struct SandboxAccount {
    sandbox: RunningSandbox,
    stripe: Stripe,
    _directory: TempDir,
}

/// `webhooks`: the listener that receives the account's events.
async fn sandbox_account(webhooks: Option<&TcpListener>) -> SandboxAccount {
    let directory = tempfile::tempdir().unwrap();
    let (listen, journal) = ("127.0.0.1:0".parse().unwrap(), directory.path().join("journal"));
    let options = Options { listen, journal, record: testkit::traffic::file() };
    let sandbox = sandbox::start(options).await.unwrap();
    let settings = settings(format!("http://{}", sandbox.address));
    let mut account = json!({"id": "acct_1", "secret_key": settings.secret_key.expose()});
    if let Some(listener) = webhooks {
        let url = format!("http://{}/", listener.local_addr().unwrap());
        account["webhook"] = json!({"url": url, "secrets": [settings.webhook_secrets[0].expose()]});
    }
    let connected = SandboxAccount { stripe: Stripe::new(settings).unwrap(), sandbox, _directory: directory };
    connected.control("/sandbox/accounts", &account).await;
    connected
}

impl SandboxAccount {
    async fn control(&self, path: &str, body: &serde_json::Value) {
        let mut stream = TcpStream::connect(self.sandbox.address).await.unwrap();
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }

    async fn created(&self, order: &PaymentOrder) -> String {
        let observation = object(self.stripe.create(order).await);
        assert_eq!(observation.status, ProviderStatus::Unconfirmed);
        assert_eq!((observation.amount_minor, observation.currency), (2000, order.amount.currency));
        observation.object
    }
}

fn object<O: std::fmt::Debug>(outcome: CallOutcome<O>) -> O {
    match outcome {
        CallOutcome::Object(object) => object,
        other => panic!("{other:?}"),
    }
}

fn with_card(card: &str) -> PaymentOrder {
    PaymentOrder { method: crate::card(card), ..order(1) }
}

#[tokio::test]
async fn a_payment_goes_from_creation_to_refund() {
    let account = sandbox_account(None).await;
    let stripe = &account.stripe;
    let order = PaymentOrder { capture: Capture::Manual, ..order(1) };
    let id = account.created(&order).await;
    assert_eq!(account.created(&order).await, id, "the same key makes no second object");

    let authorized = ProviderStatus::Authorized { amount_minor: 2000 };
    assert_eq!(object(stripe.confirm(&order, &id).await).status, authorized);
    assert_eq!(object(stripe.confirm(&order, &id).await).status, authorized, "a replay");
    assert_eq!(object(stripe.fetch(&id).await).status, authorized);
    let captured = ProviderStatus::Captured { amount_minor: 1500 };
    assert_eq!(object(stripe.capture(on(order.attempt, &id), euros(1500)).await).status, captured);
    assert_eq!(object(stripe.fetch(&id).await).status, captured);

    let ours = refund(9, &order, &id, 500);
    assert_eq!(stripe.refunds_of(&id).await, CallOutcome::Object(Vec::new()));
    let made = object(stripe.refund(&ours).await);
    assert_eq!((made.status.clone(), made.amount_minor), (RefundStatus::Succeeded, 500));
    let listed = ListedRefund { refund: Some(ours.refund), observation: made.clone() };
    assert_eq!(stripe.refunds_of(&id).await, CallOutcome::Object(vec![listed]));
    assert_eq!(object(stripe.fetch_refund(&id, &made.object).await), made);
    assert_eq!(object(stripe.refund(&ours).await), made, "a replay");
    let too_much = stripe.refund(&refund(11, &order, &id, 1001)).await;
    assert!(matches!(too_much, CallOutcome::Refused { .. }), "{too_much:?}");
}

#[tokio::test]
async fn a_decline_is_the_payments_outcome_and_a_cancel_makes_it_final() {
    let account = sandbox_account(None).await;
    let check = async |number: u128, card: &str, code: &str, retryable: bool| {
        let order = PaymentOrder { attempt: refund(number, &order(1), "", 1).attempt, ..with_card(card) };
        let id = account.created(&order).await;
        let declined = ProviderStatus::Declined(failure(code, retryable));
        assert_eq!(object(account.stripe.confirm(&order, &id).await).status, declined);
        assert_eq!(object(account.stripe.fetch(&id).await).status, declined);
        assert_eq!(
            object(account.stripe.cancel(on(order.attempt, &id)).await).status,
            ProviderStatus::Cancelled
        );
        assert_eq!(object(account.stripe.fetch(&id).await).status, ProviderStatus::Cancelled);
    };
    check(21, "pm_card_visa_chargeDeclined", "generic_decline", true).await;
    check(22, "pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds", true).await;
    check(23, "pm_card_visa_chargeDeclinedStolenCard", "stolen_card", false).await;
    check(24, "pm_card_chargeDeclinedExpiredCard", "expired_card", true).await;
}

#[tokio::test]
async fn a_customer_may_have_to_act() {
    let account = sandbox_account(None).await;
    let plain = with_card("pm_card_authenticationRequired");
    let id = account.created(&plain).await;
    let status = object(account.stripe.confirm(&plain, &id).await).status;
    let ProviderStatus::NeedsAction(NextAction::UseProviderSdk { client_secret: Some(_) }) = status else {
        panic!("{status:?}")
    };
    let back = PaymentOrder {
        attempt: refund(2, &plain, "", 1).attempt,
        return_url: Some("https://tours.example/back".to_owned()),
        ..plain
    };
    let id = account.created(&back).await;
    let status = object(account.stripe.confirm(&back, &id).await).status;
    let ProviderStatus::NeedsAction(NextAction::Redirect { url }) = status else { panic!("{status:?}") };
    assert!(url.ends_with(&id), "{url}");
    account.control(&format!("/sandbox/authenticate/{id}"), &json!({"approve": true})).await;
    assert_eq!(
        object(account.stripe.fetch(&id).await).status,
        ProviderStatus::Captured { amount_minor: 2000 }
    );
}

#[tokio::test]
async fn a_lost_reply_is_unknown_and_the_object_shows_the_outcome() {
    let account = sandbox_account(None).await;
    for (number, fault) in [(31, "commit_then_drop"), (32, "commit_then_500"), (33, "drop_before")] {
        let order = PaymentOrder { attempt: refund(number, &order(1), "", 1).attempt, ..order(1) };
        let id = account.created(&order).await;
        account.control("/sandbox/faults", &json!({fault: 1.0})).await;
        let outcome = account.stripe.confirm(&order, &id).await;
        assert!(matches!(outcome, CallOutcome::Unknown { .. }), "{fault}: {outcome:?}");
        account.control("/sandbox/faults", &json!({})).await;
        let is_captured = fault != "drop_before";
        let expected = if is_captured {
            ProviderStatus::Captured { amount_minor: 2000 }
        } else {
            ProviderStatus::Unconfirmed
        };
        assert_eq!(object(account.stripe.fetch(&id).await).status, expected, "{fault}");
        let captured = ProviderStatus::Captured { amount_minor: 2000 };
        assert_eq!(object(account.stripe.confirm(&order, &id).await).status, captured, "{fault}: repeated");
    }
}

#[tokio::test]
async fn a_refusal_comes_with_the_object() {
    let account = sandbox_account(None).await;
    let order = order(1);
    let id = account.created(&order).await;
    object(account.stripe.confirm(&order, &id).await);
    let captured = ProviderStatus::Captured { amount_minor: 2000 };
    let again = refund(2, &order, "", 1).attempt;
    for outcome in
        [account.stripe.cancel(on(again, &id)).await, account.stripe.capture(on(again, &id), euros(1)).await]
    {
        let CallOutcome::Refused { code, object: Some(shown), .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(shown.status, captured);
        assert_eq!(code, "payment_intent_unexpected_state");
    }
    let missing = account.stripe.fetch("pi_none").await;
    assert!(
        matches!(&missing, CallOutcome::Refused { code, .. } if code == "resource_missing"),
        "{missing:?}"
    );
    let other_bytes = PaymentOrder { amount: euros(2001), ..order };
    let reused = account.stripe.create(&other_bytes).await;
    assert!(matches!(reused, CallOutcome::Unknown { .. }), "{reused:?}");
}

/// Stripe's SDK accepts what the sandbox signs, so both sides follow one wire.
#[tokio::test]
async fn a_delivery_is_verified_and_assigned_to_its_payment() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let account = sandbox_account(Some(&listener)).await;
    let order = order(1);
    let id = account.created(&order).await;
    object(account.stripe.confirm(&order, &id).await);
    let ours = refund(9, &order, &id, 500);
    object(account.stripe.refund(&ours).await);
    let (mut paid, mut refunded) = (false, false);
    while !(paid && refunded) {
        let (headers, body) = delivery(&listener).await;
        let signed_at = headers["stripe-signature"].to_str().unwrap();
        let signed_at = signed_at.split(',').find_map(|part| part.strip_prefix("t=")).unwrap();
        let now = Timestamp(signed_at.parse::<i64>().unwrap() * 1_000_000);
        let [event] = &account.stripe.verify(head(&headers), &body, now).unwrap()[..] else {
            panic!("one event")
        };
        assert!(event.event.starts_with("evt_"), "{event:?}");
        let mut changed = body.clone();
        *changed.last_mut().unwrap() = b' ';
        assert!(account.stripe.verify(head(&headers), &changed, now).is_err());
        match (&*event.kind, account.stripe.interpret(&event.body).unwrap()) {
            ("payment_intent.succeeded", EventContent::Payment { payment, observation }) => {
                assert_eq!((payment, &observation.object), (Some(order.operation), &id));
                assert_eq!(observation.status, ProviderStatus::Captured { amount_minor: 2000 });
                paid = true;
            }
            ("refund.created", EventContent::Refund { refund, payment, payment_object, observation }) => {
                assert_eq!((refund, payment), (Some(ours.refund), Some(order.operation)));
                assert_eq!((payment_object, observation.amount_minor), (Some(id.clone()), 500));
                refunded = true;
            }
            (_, EventContent::Payment { payment, .. }) => assert_eq!(payment, Some(order.operation)),
            (kind, about) => assert!(matches!(about, EventContent::Nothing { .. }), "{kind}: {about:?}"),
        }
    }
}

async fn delivery(listener: &TcpListener) -> (HeaderMap, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    let (head, length) = loop {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut headers = HeaderMap::new();
        for line in head.lines().skip(1) {
            let (name, value) = line.split_once(": ").unwrap();
            headers.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
        if body.len() >= length {
            break (headers, length);
        }
    };
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
    (head, bytes[bytes.len() - length..].to_vec())
}

/// The customer of our customer 7, made once.
async fn customer(account: &SandboxAccount) -> String {
    let order = CustomerOrder {
        id: ProviderCustomerId(order(1).attempt.0),
        version: 0,
        key_number: 0,
        tenant: order(1).tenant,
        customer: CustomerId(order(7).attempt.0),
    };
    let made = object(account.stripe.create_customer(&order).await);
    assert_eq!(
        object(account.stripe.create_customer(&order).await),
        made,
        "the same key makes no second one"
    );
    made
}

#[tokio::test]
async fn a_saved_method_is_charged_while_its_customer_is_absent() {
    let account = sandbox_account(None).await;
    let stripe = &account.stripe;
    let known = Some(customer(&account).await);
    let numbered = |number: u128, order: PaymentOrder| PaymentOrder {
        attempt: refund(number, &order, "", 1).attempt,
        customer: known.clone(),
        ..order
    };
    let saves = numbered(11, PaymentOrder { saves_method: true, ..with_card("pm_card_visa") });
    let id = account.created(&saves).await;
    let saved = object(stripe.confirm(&saves, &id).await).saved_method.unwrap();
    assert!(saved.starts_with("pm_") && saved != "pm_card_visa", "{saved}");
    assert_eq!(object(stripe.fetch(&id).await).saved_method.as_deref(), Some(saved.as_str()));
    for number in 12..14 {
        let absent = numbered(number, PaymentOrder { off_session: true, ..with_card(&saved) });
        let id = account.created(&absent).await;
        let paid = object(stripe.confirm(&absent, &id).await);
        assert_eq!(paid.status, ProviderStatus::Captured { amount_minor: 2000 });
        assert_eq!(paid.saved_method, None, "it was saved before");
    }
    let without_customer = PaymentOrder { customer: None, ..numbered(14, with_card(&saved)) };
    let refused = stripe.create(&without_customer).await;
    let CallOutcome::Refused { cause: FailureCause::PaymentMethod, .. } = refused else {
        panic!("{refused:?}")
    };
    let nobody = PaymentOrder { customer: Some("cus_none".to_owned()), ..numbered(15, with_card(&saved)) };
    let refused = stripe.create(&nobody).await;
    assert!(
        matches!(&refused, CallOutcome::Refused { code, .. } if code == port::CUSTOMER_IS_MISSING),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_absent_customer_who_must_authenticate_is_a_decline() {
    let account = sandbox_account(None).await;
    let known = Some(customer(&account).await);
    let absent = PaymentOrder {
        customer: known,
        off_session: true,
        return_url: Some("https://a.example/".to_owned()),
        ..with_card("pm_card_authenticationRequired")
    };
    let id = account.created(&absent).await;
    let declined = ProviderStatus::Declined(failure("authentication_required", true));
    assert_eq!(object(account.stripe.confirm(&absent, &id).await).status, declined);
    assert_eq!(object(account.stripe.fetch(&id).await).status, declined);
}
