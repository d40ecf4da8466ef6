//! The bytes of each call: Stripe refuses a key that comes with other bytes.

use domain::{
    Currency, CustomerId, Money, ProviderCustomerId, Timestamp, provider::CallOutcome, rows::Capture,
};
use providers::{CustomerOrder, PaymentOrder, Provider, RefundOrder, stripe::EVENTS};
use serde_json::json;
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use crate::{euros, on, order, refund, stripe_without_retries};

const ID: &str = "00000000-0000-0000-0000-000000000001";

/// Any reply will do: the tests look at the request.
async fn server() -> ScriptedServer {
    ScriptedServer::start(vec![ServerStep::Answer(answer(500, "", ""))]).await
}

async fn check(call: impl AsyncFn(&providers::stripe::Stripe), line: &str, verb: Option<&str>, body: &str) {
    let server = server().await;
    let stripe = stripe_without_retries(server.base_url.clone());
    call(&stripe).await;
    call(&stripe).await;
    let [first, second] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
    assert_eq!(first, second, "the same call must always be the same bytes");
    let (head, sent) = first.split_once("\r\n\r\n").unwrap();
    assert_eq!(head.lines().next().unwrap(), format!("{line} HTTP/1.1"));
    assert_eq!(sent, body);
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    assert_eq!(header("authorization"), Some("Bearer sk_test_1"));
    assert!(header("stripe-version").is_some());
    let key = verb.map(|verb| format!("surehold-{ID}-{verb}"));
    assert_eq!(header("idempotency-key"), key.as_deref());
    let form = verb.map(|_| "application/x-www-form-urlencoded");
    assert_eq!(header("content-type"), form);
}

#[tokio::test]
async fn a_charge_consists_of_two_calls() {
    let body = |capture: &str| {
        format!(
            "amount=2000&currency=eur&capture_method={capture}&payment_method=pm_card_visa&\
             allowed_payment_method_types[0]=card&metadata[operation]={ID}&metadata[attempt]={ID}&\
             metadata[tenant]=00000000-0000-0000-0000-000000000003&\
             metadata[booking]=00000000-0000-0000-0000-000000000002&metadata[reference]=tour%207&\
             metadata[colour]=blue"
        )
    };
    let line = "POST /v1/payment_intents";
    let automatic = order(1);
    let manual = PaymentOrder { capture: Capture::Manual, ..order(1) };
    check(async |stripe| drop(stripe.create(&automatic).await), line, Some("create"), &body("automatic"))
        .await;
    check(async |stripe| drop(stripe.create(&manual).await), line, Some("create"), &body("manual")).await;

    let line = "POST /v1/payment_intents/pi_1/confirm";
    let back = PaymentOrder { return_url: Some("https://a.example/b".to_owned()), ..order(1) };
    // The charge shows how long an authorisation lasts.
    let plain = "expand[0]=latest_charge";
    check(async |stripe| drop(stripe.confirm(&automatic, "pi_1").await), line, Some("confirm"), plain).await;
    let url = "expand[0]=latest_charge&return_url=https%3A%2F%2Fa.example%2Fb";
    check(async |stripe| drop(stripe.confirm(&back, "pi_1").await), line, Some("confirm"), url).await;
}

#[tokio::test]
async fn a_saved_method_has_its_customer_at_the_create_and_its_absence_at_the_confirm() {
    let line = "POST /v1/payment_intents";
    let rest = format!(
        "payment_method=pm_card_visa&allowed_payment_method_types[0]=card&metadata[operation]={ID}&\
         metadata[attempt]={ID}&metadata[tenant]=00000000-0000-0000-0000-000000000003&\
         metadata[booking]=00000000-0000-0000-0000-000000000002&metadata[reference]=tour%207&\
         metadata[colour]=blue"
    );
    let start = "amount=2000&currency=eur&capture_method=automatic&customer=cus_1&";
    let customer = Some("cus_1".to_owned());
    let saves = PaymentOrder { customer: customer.clone(), saves_method: true, ..order(1) };
    let body = format!("{start}setup_future_usage=off_session&{rest}");
    check(async |stripe| drop(stripe.create(&saves).await), line, Some("create"), &body).await;
    let absent = PaymentOrder { customer, off_session: true, ..order(1) };
    let body = format!("{start}{rest}");
    check(async |stripe| drop(stripe.create(&absent).await), line, Some("create"), &body).await;

    let line = "POST /v1/payment_intents/pi_1/confirm";
    let plain = "expand[0]=latest_charge";
    check(async |stripe| drop(stripe.confirm(&saves, "pi_1").await), line, Some("confirm"), plain).await;
    let body = "expand[0]=latest_charge&off_session=true";
    check(async |stripe| drop(stripe.confirm(&absent, "pi_1").await), line, Some("confirm"), body).await;

    let made = CustomerOrder {
        id: ProviderCustomerId(order(1).attempt.0),
        version: 2,
        key_number: 1,
        tenant: order(1).tenant,
        customer: CustomerId(order(7).attempt.0),
    };
    let body = "metadata[surehold_customer]=00000000-0000-0000-0000-000000000007&\
                metadata[tenant]=00000000-0000-0000-0000-000000000003";
    let line = "POST /v1/customers";
    check(async |stripe| drop(stripe.create_customer(&made).await), line, Some("customer-2-1"), body).await;
}

#[tokio::test]
async fn a_customer_is_believed_only_if_it_stands_for_ours() {
    let check = async |id: &str, metadata: serde_json::Value, expected: Option<&str>| {
        let shown = json!({ "id": id, "object": "customer", "metadata": metadata }).to_string();
        let server = ScriptedServer::start(vec![ServerStep::Answer(answer(200, "", &shown))]).await;
        let stripe = stripe_without_retries(server.base_url.clone());
        let made = CustomerOrder {
            id: ProviderCustomerId(order(1).attempt.0),
            version: 0,
            key_number: 0,
            tenant: order(1).tenant,
            customer: CustomerId(order(7).attempt.0),
        };
        match (stripe.create_customer(&made).await, expected) {
            (CallOutcome::Object(id), Some(expected)) => assert_eq!(id, expected),
            (CallOutcome::Unknown { key_spent: false, .. }, None) => {}
            (outcome, _) => panic!("{shown}: {outcome:?}"),
        }
    };
    let ours = json!({ "surehold_customer": "00000000-0000-0000-0000-000000000007" });
    check("cus_1", ours.clone(), Some("cus_1")).await;
    check("", ours, None).await;
    check("cus_1", json!({ "surehold_customer": ID }), None).await;
    check("cus_1", json!({}), None).await;
}

#[tokio::test]
async fn the_other_calls_have_their_paths_and_bodies() {
    let attempt = order(1).attempt;
    check(
        async |stripe| drop(stripe.capture(on(attempt, "pi_1"), euros(1500)).await),
        "POST /v1/payment_intents/pi_1/capture",
        Some("capture"),
        "amount_to_capture=1500",
    )
    .await;
    check(
        async |stripe| drop(stripe.cancel(on(attempt, "pi_1")).await),
        "POST /v1/payment_intents/pi_1/cancel",
        Some("cancel"),
        "",
    )
    .await;
    check(
        async |stripe| drop(stripe.fetch("pi_1/../x").await),
        "GET /v1/payment_intents/pi_1%2F%2E%2E%2Fx?expand[]=latest_charge",
        None,
        "",
    )
    .await;
    check(async |stripe| drop(stripe.fetch_refund("pi_1", "re_1").await), "GET /v1/refunds/re_1", None, "")
        .await;
}

#[tokio::test]
async fn a_refund_sends_its_reason_as_stripe_accepts_it() {
    let line = "POST /v1/refunds";
    let start = "payment_intent=pi_1&amount=500";
    let metadata = format!("metadata[refund]={ID}&metadata[operation]={ID}&metadata[attempt]={ID}");
    let known = refund(1, &order(1), "pi_1", 500);
    let own = RefundOrder { reason: Some("rain".to_owned()), ..known.clone() };
    let body =
        format!("{start}&reason=requested_by_customer&{metadata}&metadata[reason]=requested_by_customer");
    check(async |stripe| drop(stripe.refund(&known).await), line, Some("refund"), &body).await;
    let body = format!("{start}&{metadata}&metadata[reason]=rain");
    check(async |stripe| drop(stripe.refund(&own).await), line, Some("refund"), &body).await;
}

#[tokio::test]
async fn an_amount_that_stripe_cannot_represent_is_never_sent() {
    let server = server().await;
    let stripe = stripe_without_retries(server.base_url.clone());
    let ariary = Money::new(501, Currency::new("MGA").unwrap());
    let broken = PaymentOrder { amount: ariary, ..order(1) };
    let made = stripe.create(&broken).await;
    let captured = stripe.capture(on(broken.attempt, "pi_1"), ariary).await;
    let refunded = stripe.refund(&refund(1, &broken, "pi_1", 501)).await;
    assert!(
        matches!(made, CallOutcome::Refused { code, object: None, .. } if code == "amount_not_representable")
    );
    assert!(
        matches!(captured, CallOutcome::Refused { code, object: None, .. } if code == "amount_not_representable")
    );
    assert!(
        matches!(refunded, CallOutcome::Refused { code, object: None, .. } if code == "amount_not_representable")
    );
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn refunds_are_listed_page_by_page() {
    let page = |ids: &[u128], has_more: bool| {
        let shown = |id: &u128| {
            json!({
                "id": format!("re_{id}"), "object": "refund", "status": "pending", "amount": 500,
                "currency": "eur", "payment_intent": "pi_1",
                "metadata": {"refund": uuid::Uuid::from_u128(*id)},
            })
        };
        let data: Vec<_> = ids.iter().map(shown).collect();
        let page = json!({"object": "list", "data": data, "has_more": has_more});
        ServerStep::Answer(answer(200, "", &page.to_string()))
    };
    let look = async |pages: Vec<ServerStep>| {
        let server = ScriptedServer::start(pages).await;
        let found = stripe_without_retries(server.base_url.clone()).refunds_of("pi_1").await;
        let found = match found {
            CallOutcome::Object(listed) => {
                let numbers = listed.iter().map(|listed| listed.refund.unwrap().0.as_u128().to_string());
                numbers.collect::<Vec<_>>().join(" ")
            }
            CallOutcome::NotSent { reached_provider, retry_after_seconds, .. } => {
                format!("not sent, reached: {reached_provider}, again after {retry_after_seconds:?}")
            }
            CallOutcome::Unknown { .. } => "unknown".to_owned(),
            CallOutcome::Refused { .. } => "refused".to_owned(),
        };
        (found, server.requests().len())
    };
    let check = async |pages: Vec<ServerStep>, expected: &str, requests: usize| {
        assert_eq!(look(pages).await, (expected.to_owned(), requests));
    };
    check(vec![page(&[5, 7], false)], "5 7", 1).await;
    check(vec![page(&[5, 6], true), page(&[7], false)], "5 6 7", 2).await;
    check(vec![page(&[], false)], "", 1).await;
    check(vec![page(&[5], true)], "unknown", 10).await;
    check(vec![ServerStep::Answer(answer(500, "", "{}"))], "unknown", 1).await;
    check(vec![ServerStep::Answer(answer(200, "", "[]"))], "unknown", 1).await;
    let missing = json!({"error": {"type": "invalid_request_error", "code": "resource_missing"}});
    check(vec![ServerStep::Answer(answer(404, "", &missing.to_string()))], "unknown", 1).await;
    let busy = ServerStep::Answer(answer(429, "retry-after: 7\r\n", "{}"));
    check(vec![busy], "not sent, reached: true, again after Some(7)", 1).await;
}

/// Events that a lost webhook missed are listed page by page, as a webhook would deliver them.
#[tokio::test]
async fn events_are_listed_page_by_page() {
    let event = |id: &str, livemode: bool| {
        json!({
            "id": id, "object": "event", "type": "refund.created", "livemode": livemode,
            "data": {"object": {}},
        })
    };
    let page = |data: Vec<serde_json::Value>, has_more: bool| {
        let page = json!({"object": "list", "data": data, "has_more": has_more});
        ServerStep::Answer(answer(200, "", &page.to_string()))
    };
    let pages = vec![page(vec![event("evt_2", false)], true), page(vec![event("evt_1", false)], false)];
    let server = ScriptedServer::start(pages).await;
    let stripe = stripe_without_retries(server.base_url.clone());
    let (from, before) = (Timestamp(1_000_000_000), Timestamp(2_000_000_000));
    let mut names = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let CallOutcome::Object(page) = stripe.events(from, before, next.as_deref()).await else {
            panic!("a page")
        };
        for listed in page.events {
            let body: serde_json::Value = serde_json::from_slice(&listed.body).unwrap();
            assert_eq!(
                (&listed.event[..], &listed.kind[..]),
                (body["id"].as_str().unwrap(), "refund.created")
            );
            names.push(listed.event);
        }
        match page.next {
            Some(page) => next = Some(page),
            None => break,
        }
    }
    assert_eq!(names, ["evt_2", "evt_1"]);
    let requests = server.requests();
    let line = |request: &str| request.lines().next().unwrap().to_owned();
    let first = line(&requests[0]);
    assert!(
        first.starts_with("GET /v1/events?created[gte]=1000&created[lt]=2000&limit=50&types[]="),
        "{first}"
    );
    for kind in EVENTS {
        assert!(first.contains(&format!("&types[]={kind}")), "{kind}");
    }
    assert!(line(&requests[1]).contains("&starting_after=evt_2 "));

    let of_the_other_mode = ScriptedServer::start(vec![page(vec![event("evt_1", true)], false)]).await;
    let outcome =
        crate::stripe_without_retries(of_the_other_mode.base_url.clone()).events(from, before, None).await;
    assert!(matches!(outcome, CallOutcome::Unknown { .. }), "{outcome:?}");
}
