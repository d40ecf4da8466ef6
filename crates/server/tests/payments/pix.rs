//! Pix at a bank: the charge is found by our id, webhooks prove nothing, and what a bank takes back is
//! followed.

use domain::rows::Mode;
use domain::time::Span;
use providers::pix::{ADAPTER, PixAccount, PixReceiver};
use providers::{ProviderSettings, Secret, WireSettings};
use serde_json::{Value, json};
use server::service::{AccountSettings, Settings};
use testkit::{Engine, ONE, TestService, until, with};

testkit::on_both_engines![
    a_booking_is_paid_by_webhook,
    without_webhooks_the_charge_is_fetched,
    without_webhooks_the_received_pix_are_listed,
    a_charge_whose_reply_was_lost_is_found_by_our_id,
    a_return_is_refused_when_it_is_repeated_and_made_once,
    a_return_in_several_parts_never_exceeds_the_charge,
    what_the_bank_takes_back_is_a_dispute,
    a_person_returns_a_pix_at_the_bank,
    another_amount_waits_for_a_person,
    a_charge_whose_time_is_over_is_removed,
    a_payment_that_is_called_off_is_removed_at_the_bank,
    a_token_that_ends_early_is_replaced,
    a_hold_lives_as_long_as_its_pix,
    a_hold_ends_with_its_pix,
    a_pix_never_outlives_the_departure,
    a_delivery_without_the_secret_is_refused,
    late_and_doubled_webhooks_count_once,
];

const ACCOUNT: &str = "bank-1";
const CLIENT: &str = "client_1";
const CLIENT_SECRET: &str = "client_secret_1";
const SECRET: &str = "webhook_secret_of_thirty_two_bytes";

fn account(base_url: &str) -> ProviderSettings {
    let secrets = vec![Secret::new(SECRET)];
    let settings = ADAPTER.settings(Secret::new(CLIENT_SECRET), secrets, Mode::Test);
    let receiver = PixReceiver { name: "Harbour Tours".to_owned(), city: "RECIFE".to_owned() };
    let account = PixAccount {
        client_id: CLIENT.to_owned(),
        key: "key@tours.example".to_owned(),
        token_url: None,
        api_path: "/api/v2".to_owned(),
        receiver,
    };
    ProviderSettings { wire: WireSettings::new(base_url), pix: Some(account), ..settings }
}

async fn service(engine: Engine) -> TestService {
    with_settings(engine, |_| ()).await
}

/// If a webhook is lost, the charge is fetched soon.
pub(super) async fn watchful(engine: Engine) -> TestService {
    with_settings(engine, |settings| settings.pace.evidence_after = Span::millis(300)).await
}

async fn with_settings(engine: Engine, change: impl FnOnce(&mut Settings)) -> TestService {
    let service = TestService::with(engine, |settings| {
        let base_url = settings.accounts[0].settings.wire.base_url.clone();
        settings.accounts.push(AccountSettings::new(ONE.id(), &ADAPTER, ACCOUNT, account(&base_url)));
        change(settings);
    })
    .await;
    let account = json!({
        "id": ACCOUNT,
        "provider": "pix",
        "secret_key": format!("{CLIENT}:{CLIENT_SECRET}"),
        "webhook": {
            "url": format!("{}/webhooks/pix/{ACCOUNT}?hmac={SECRET}", service.one.base_url),
            "secrets": [SECRET],
        },
    });
    service.provider.post("/sandbox/accounts", &account).await;
    service
}

pub(super) fn brl(minor: i64) -> Value {
    json!({ "minor": minor, "currency": "BRL" })
}

pub(super) fn pix(minor: i64) -> Value {
    json!({ "amount": brl(minor), "provider": "pix", "payment_method": "pix", "reference": "order 17" })
}

fn object(payment: &Value) -> &str {
    payment["provider_reference"].as_str().unwrap()
}

/// What a person, the customer, or the customer's bank does at the bank.
pub(super) async fn acts(service: &TestService, payment: &Value, action: &str, body: Value) {
    service.provider.post(&format!("/sandbox/pix/cob/{}/{action}", object(payment)), &body).await;
}

async fn confirmed(service: &TestService, payment: &str) -> Value {
    let path = format!("/v1/payments/{payment}");
    service.one.becomes(&path, |seen| seen["confirmed_by_provider"] == true, "there is evidence").await
}

/// A payment that was paid, with its evidence.
async fn paid(service: &TestService, minor: i64) -> Value {
    let waiting = service.one.post("/v1/payments", &pix(minor)).key("k").expect(201).await.body;
    acts(service, &waiting, "pay", json!({})).await;
    confirmed(service, waiting["id"].as_str().unwrap()).await
}

/// A held booking in reais, and its hold's end.
pub(super) async fn held(service: &TestService, starts_in_hours: i64) -> (String, Value) {
    let (slot, unit) = slot_in_reais(service, starts_in_hours).await;
    let booking = json!({
        "slot_id": slot, "units": [{ "unit_id": unit, "quantity": 2 }],
        "customer": { "name": "Ana Lima", "email": "ana@example.com" },
    });
    let held = service.one.post("/v1/bookings", &booking).key("b").expect(201).await;
    (held.id(), held.body["hold_expires_at"].clone())
}

async fn slot_in_reais(service: &TestService, starts_in_hours: i64) -> (String, String) {
    let product = json!({
        "name": "Harbour tour", "time_zone": "America/Recife", "currency": "BRL",
        "units": [{ "name": "Adult", "price": brl(5_000), "seats": 1 }],
    });
    let product = service.one.post("/v1/products", &product).key("p").expect(201).await;
    let unit = product.body["units"][0]["id"].as_str().unwrap().to_owned();
    let starts_at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(starts_in_hours);
    let slots = json!({ "slots": [{ "starts_at": starts_at.to_string(), "capacity": 2 }] });
    let path = format!("/v1/products/{}/slots", product.id());
    let slots = service.one.post(&path, &slots).key("s").expect(201).await;
    (slots.body["data"][0]["id"].as_str().unwrap().to_owned(), unit)
}

fn time(value: &Value) -> jiff::Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

async fn a_booking_is_paid_by_webhook(engine: Engine) {
    let service = service(engine).await;
    let (booking, _) = held(&service, 48).await;
    let body = json!({ "booking_id": booking, "provider": "pix", "payment_method": "pix" });
    let waiting = service.one.post("/v1/payments", &body).key("k").expect(201).await;
    let next = &waiting.body["next_action"];
    assert_eq!(next["type"], "pix", "{}", waiting.text);
    assert!(next["qr_png"].as_str().unwrap().starts_with("data:image/png;base64,"));
    let code = providers::br_code::BrCode::parse(next["code"].as_str().unwrap()).unwrap();
    assert!(code.location.unwrap().ends_with(object(&waiting.body)));
    acts(&service, &waiting.body, "pay", json!({})).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&waiting.id()), ("concluida", 10_000, 10_000, 0));
    assert_eq!(books.arrivals("PUT", object(&waiting.body)), 1);
    service.end().await;
}

async fn without_webhooks_the_charge_is_fetched(engine: Engine) {
    let service = watchful(engine).await;
    service.provider.faults(json!({ "webhook_drop": 1 })).await;
    let payment = paid(&service, 8_800).await;
    assert_eq!(payment["state"], "captured");
    service.end().await;
}

async fn without_webhooks_the_received_pix_are_listed(engine: Engine) {
    let mut service = with_settings(engine, |settings| {
        settings.events_every = Span::seconds(3_600);
        // Nothing is fetched by itself.
        settings.pace.evidence_after = Span::seconds(3_600);
    })
    .await;
    // The accounts are open at their providers before their lists are read.
    service.stop_service().await;
    service.change(|settings| settings.events_every = Span::millis(200));
    service.database.execute("update event_feeds set due_at = 0").await;
    service.start_service().await;
    service.provider.faults(json!({ "webhook_drop": 1 })).await;
    let payment = paid(&service, 8_800).await;
    assert_eq!(payment["state"], "captured");
    service.end().await;
}

async fn a_charge_whose_reply_was_lost_is_found_by_our_id(engine: Engine) {
    let service = service(engine).await;
    service.provider.faults(json!({ "commit_then_drop": 1 })).await;
    let first = service.one.post("/v1/payments", &pix(7_000)).key("k").without_waiting();
    let payment = first.expect(202).await.id();
    until("the charge is made at the bank", async || {
        (!service.provider.books().await.charges().is_empty()).then_some(())
    })
    .await;
    service.provider.faults(json!({})).await;
    let path = format!("/v1/payments/{payment}");
    let waiting = service.one.becomes(&path, |seen| !seen["next_action"].is_null(), "it can be paid").await;
    acts(&service, &waiting, "pay", json!({})).await;
    service.one.payment_becomes(&payment, "captured").await;
    confirmed(&service, &payment).await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("concluida", 7_000, 7_000, 0));
    service.end().await;
}

async fn a_return_is_refused_when_it_is_repeated_and_made_once(engine: Engine) {
    let service = watchful(engine).await;
    let payment = paid(&service, 4_000).await;
    let id = payment["id"].as_str().unwrap();
    // The return is made and its reply is lost, and the charge does not show it yet.
    service.provider.faults(json!({ "commit_then_drop": 1, "returns_hidden": true })).await;
    let path = format!("/v1/payments/{id}/refunds");
    let refund = service.one.post(&path, &json!({ "amount": brl(1_500) })).key("r").without_waiting();
    let refund = refund.expect(202).await.id();
    until("the return is made at the bank", async || {
        (!service.provider.books().await.refunds().is_empty()).then_some(())
    })
    .await;
    service.provider.faults(json!({ "returns_hidden": true })).await;
    until("the repeated call is refused", async || {
        let books = service.provider.books().await;
        books.calls().iter().any(|call| call["outcome"] == "400 PixDevolucaoInvalida").then_some(())
    })
    .await;
    service.one.refund_becomes(&refund, "succeeded").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(id), ("concluida", 4_000, 4_000, 1_500));
    assert_eq!(books.refunds_of(id), [(1_500, "succeeded")]);
    assert_eq!(service.one.payment(id).await["refunded"], brl(1_500));
    service.end().await;
}

async fn a_return_in_several_parts_never_exceeds_the_charge(engine: Engine) {
    let service = service(engine).await;
    let payment = paid(&service, 4_000).await;
    let id = payment["id"].as_str().unwrap();
    let path = format!("/v1/payments/{id}/refunds");
    for (key, minor) in [("r1", 1_000), ("r2", 2_500)] {
        let refund = service.one.post(&path, &json!({ "amount": brl(minor) })).key(key).expect(201).await;
        service.one.refund_becomes(&refund.id(), "succeeded").await;
    }
    let too_much = json!({ "amount": brl(501) });
    service.one.post(&path, &too_much).key("r3").refused(422, "refund_exceeds_capture").await;
    let books = service.quiet().await;
    assert_eq!(books.refunds_of(id), [(1_000, "succeeded"), (2_500, "succeeded")]);
    service.end().await;
}

async fn what_the_bank_takes_back_is_a_dispute(engine: Engine) {
    let service = service(engine).await;
    let payment = paid(&service, 4_000).await;
    acts(&service, &payment, "med", json!({ "valor": "15.00" })).await;
    let path = format!("/v1/payments/{}", payment["id"].as_str().unwrap());
    let seen = service.one.becomes(&path, |seen| seen["disputed"] == brl(1_500), "it is followed").await;
    assert_eq!(seen["refunded"], brl(0));
    let too_much = json!({ "amount": brl(2_501) });
    service
        .one
        .post(&format!("{path}/refunds"), &too_much)
        .key("r")
        .refused(422, "refund_exceeds_capture")
        .await;
    service.end_reviewed(&["payment_disputed"]).await;
}

async fn a_person_returns_a_pix_at_the_bank(engine: Engine) {
    let service = service(engine).await;
    let payment = paid(&service, 4_000).await;
    acts(&service, &payment, "refund", json!({ "valor": "12.50" })).await;
    let path = format!("/v1/payments/{}", payment["id"].as_str().unwrap());
    service.one.becomes(&path, |seen| seen["refunded"] == brl(1_250), "it is followed").await;
    service.end().await;
}

async fn another_amount_waits_for_a_person(engine: Engine) {
    let service = watchful(engine).await;
    let waiting = service.one.post("/v1/payments", &pix(4_000)).key("k").expect(201).await.body;
    acts(&service, &waiting, "pay", json!({ "valor": "39.00" })).await;
    // The event and the worker each found it.
    let cases = ["provider_contradicts"; 2];
    until("a person has the case", async || (service.reviews().await == cases).then_some(())).await;
    let payment = service.one.payment(waiting["id"].as_str().unwrap()).await;
    assert_eq!((&payment["state"], &payment["captured"]), (&json!("pending"), &brl(0)));
    service.end_reviewed(&cases).await;
}

async fn a_charge_whose_time_is_over_is_removed(engine: Engine) {
    let mut service = watchful(engine).await;
    let body = with(pix(4_000), json!({ "expires_in_seconds": 60 }));
    let waiting = service.one.post("/v1/payments", &body).key("k").expect(201).await;
    service.stop_service().await;
    service
        .database
        .execute("update payments set pay_until = pay_until - 120000000, created_at = created_at - 120000000")
        .await;
    service.database.execute("update jobs set due_at = due_at - 120000000").await;
    service.start_service().await;
    service.one.payment_becomes(&waiting.id(), "cancelled").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&waiting.id()), ("removida_pelo_usuario_recebedor", 0, 0, 0));
    service.end().await;
}

async fn a_payment_that_is_called_off_is_removed_at_the_bank(engine: Engine) {
    let service = service(engine).await;
    let waiting = service.one.post("/v1/payments", &pix(4_000)).key("k").expect(201).await;
    let path = format!("/v1/payments/{}/cancel", waiting.id());
    service.one.post(&path, &json!({})).key("c").expect(200).await;
    service.one.payment_becomes(&waiting.id(), "cancelled").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&waiting.id()), ("removida_pelo_usuario_recebedor", 0, 0, 0));
    service.end().await;
}

async fn a_token_that_ends_early_is_replaced(engine: Engine) {
    let service = service(engine).await;
    let first = service.one.post("/v1/payments", &pix(4_000)).key("k").expect(201).await.body;
    service.provider.faults(json!({ "token_generation": 1 })).await;
    let second = service.one.post("/v1/payments", &pix(5_000)).key("k2").expect(201).await.body;
    for waiting in [&first, &second] {
        acts(&service, waiting, "pay", json!({})).await;
        confirmed(&service, waiting["id"].as_str().unwrap()).await;
    }
    let books = service.quiet().await;
    let ended = books.calls().iter().filter(|call| call["outcome"] == "token ended");
    assert_eq!(ended.count(), 1);
    service.end().await;
}

async fn a_hold_lives_as_long_as_its_pix(engine: Engine) {
    let service = service(engine).await;
    let (booking, expires_at) = held(&service, 48).await;
    let body = json!({
        "booking_id": booking, "provider": "pix", "payment_method": "pix", "expires_in_seconds": 7_200,
    });
    let waiting = service.one.post("/v1/payments", &body).key("k").expect(201).await.body;
    let extended = service.one.booking(&booking).await["hold_expires_at"].clone();
    assert!(time(&extended) > time(&expires_at), "{extended} after {expires_at}");
    // The customer is shown no more time than the seats have.
    assert_eq!(time(&waiting["next_action"]["expires_at"]), time(&extended));
    // It is not shortened by a shorter one.
    let cancel = format!("/v1/payments/{}/cancel", waiting["id"].as_str().unwrap());
    service.one.post(&cancel, &json!({})).key("c").expect(200).await;
    service.one.payment_becomes(waiting["id"].as_str().unwrap(), "cancelled").await;
    let shorter = with(body.clone(), json!({ "expires_in_seconds": 60 }));
    let again = service.one.post("/v1/payments", &shorter).key("k2").expect(201).await.body;
    assert_eq!(service.one.booking(&booking).await["hold_expires_at"], extended);
    acts(&service, &again, "pay", json!({})).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    service.end().await;
}

async fn a_hold_ends_with_its_pix(engine: Engine) {
    let mut service = service(engine).await;
    let (booking, _) = held(&service, 48).await;
    let body = json!({ "booking_id": booking, "provider": "pix", "payment_method": "pix" });
    let waiting = service.one.post("/v1/payments", &body).key("k").expect(201).await;
    service.stop_service().await;
    service.age_holds(1_801).await;
    service.start_service().await;
    service.one.payment_becomes(&waiting.id(), "cancelled").await;
    service.one.booking_becomes(&booking, "expired").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&waiting.id()), ("removida_pelo_usuario_recebedor", 0, 0, 0));
    service.end().await;
}

async fn a_pix_never_outlives_the_departure(engine: Engine) {
    let service = service(engine).await;
    let (booking, expires_at) = held(&service, 1).await;
    let body = json!({
        "booking_id": booking, "provider": "pix", "payment_method": "pix", "expires_in_seconds": 7_200,
    });
    service.one.post("/v1/payments", &body).key("k").refused(422, "payment_outlives_hold").await;
    assert_eq!(service.one.booking(&booking).await["hold_expires_at"], expires_at);
    let shorter = with(body, json!({ "expires_in_seconds": 1_200 }));
    let waiting = service.one.post("/v1/payments", &shorter).key("k2").expect(201).await.body;
    acts(&service, &waiting, "pay", json!({})).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    service.end().await;
}

async fn a_delivery_without_the_secret_is_refused(engine: Engine) {
    let service = service(engine).await;
    let waiting = service.one.post("/v1/payments", &pix(4_000)).key("k").expect(201).await.body;
    let forged = json!({ "pix": [{
        "endToEndId": "E12345678202009091000abcde123456", "txid": object(&waiting), "valor": "40.00",
        "horario": "2026-01-01T00:00:00Z",
    }] });
    let deliver = async |query: &str| {
        let url = format!("{}/webhooks/pix/{ACCOUNT}{query}", service.one.base_url);
        let request = service.one.http.post(url).header("content-type", "application/json");
        request.body(forged.to_string()).send().await.unwrap().status().as_u16()
    };
    assert_eq!(deliver("").await, 400);
    assert_eq!(deliver("?hmac=guessed").await, 400);
    assert_eq!(deliver(&format!("/pix?hmac={SECRET}x")).await, 400);
    // Whoever knows the address still moves nothing: the charge is fetched, and is not paid.
    assert_eq!(deliver(&format!("/pix?hmac={SECRET}")).await, 200);
    assert_eq!(deliver(&format!("?hmac={SECRET}/pix")).await, 200);
    until("the deliveries were processed", async || {
        (service.provider.books().await.arrivals("GET", object(&waiting)) > 0).then_some(())
    })
    .await;
    assert_eq!(service.one.payment(waiting["id"].as_str().unwrap()).await["state"], "pending");
    // Nor do they suppress the delivery of the real one.
    acts(&service, &waiting, "pay", json!({})).await;
    service.one.payment_becomes(waiting["id"].as_str().unwrap(), "captured").await;
    service.end().await;
}

async fn late_and_doubled_webhooks_count_once(engine: Engine) {
    let service = service(engine).await;
    service.provider.faults(json!({ "webhook_duplicates": 3, "webhook_shuffle": true })).await;
    let payment = paid(&service, 4_000).await;
    let id = payment["id"].as_str().unwrap();
    acts(&service, &payment, "refund", json!({ "valor": "12.50" })).await;
    acts(&service, &payment, "med", json!({ "valor": "1.00" })).await;
    let path = format!("/v1/payments/{id}");
    let both = |seen: &Value| seen["refunded"] == brl(1_250) && seen["disputed"] == brl(100);
    service.one.becomes(&path, both, "both are followed").await;
    let movements = service.one.see(&format!("{path}/movements")).await;
    assert_eq!(movements["data"].as_array().unwrap().len(), 3, "{movements}");
    service.end_reviewed(&["payment_disputed"]).await;
}
