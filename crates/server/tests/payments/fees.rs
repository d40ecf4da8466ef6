//! What a provider keeps of payments: a reconciliation reads it from the provider's list, records it once, and the
//! ledger's account of the provider is what is left there.

use serde_json::{Value, json};
use testkit::{Engine, ONE, TestService, eur, until};

use super::reconciliation::{
    MERCADO_PAGO, STRIPE, differences, paid, pairs, posted, reconcile, reconcile_before, service,
};

testkit::on_both_engines![
    fees_are_recorded_once_and_posted,
    a_dispute_costs_a_fee_that_may_come_back,
    a_fee_with_another_amount_goes_to_a_person,
    the_fee_of_a_capture_counts_what_was_captured,
];

/// Nothing was made before this time.
const DAYS_AGO_MS: i64 = -3 * 86_400_000;

fn fees() -> Value {
    json!({ "basis_points": 290, "fixed_minor": 30, "dispute_minor": 1_500, "returns_dispute_fee": true })
}

/// The balance of an account of the ledger in a currency, by its name or the beginning of it.
async fn balance(service: &TestService, name: &str, currency: &str) -> i64 {
    let accounts = service.one.see("/v1/ledger/accounts?limit=200").await["data"].clone();
    let of = |account: &&Value| {
        account["name"].as_str().unwrap().starts_with(name) && account["balance"]["currency"] == currency
    };
    let balances = accounts.as_array().unwrap().iter().filter(of);
    balances.map(|account| account["balance"]["minor"].as_i64().unwrap()).sum()
}

async fn fee_movements(service: &TestService, payment: &str) -> Vec<(String, i64)> {
    let moved = service.one.see(&format!("/v1/payments/{payment}/movements")).await["data"].clone();
    let moved = moved
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["kind"].as_str().unwrap().to_owned(), row["amount"]["minor"].as_i64().unwrap()));
    let mut fees: Vec<_> = moved.filter(|(kind, _)| kind.starts_with("provider_fee")).collect();
    fees.sort();
    fees
}

async fn shown_fee(service: &TestService, payment: &str) -> Value {
    service.one.see(&format!("/v1/payments/{payment}")).await["provider_fee"].clone()
}

async fn fees_are_recorded_once_and_posted(engine: Engine) {
    let service = service(engine).await;
    service.charge_fees(ONE, fees()).await;
    for wire in [STRIPE, MERCADO_PAGO] {
        let currency = if wire.provider == "stripe" { "EUR" } else { "BRL" };
        let (first, _) = paid(&service, wire, 10_000, &format!("{currency}-1")).await;
        let (second, _) = paid(&service, wire, 1_000, &format!("{currency}-2")).await;
        assert_eq!(shown_fee(&service, &first).await, Value::Null, "nobody has read it yet");
        let refund = json!({ "amount": { "minor": 400, "currency": currency } });
        let path = format!("/v1/payments/{second}/refunds");
        service.one.post(&path, &refund).key(&format!("{currency}-r")).expect(201).await;
        posted(&service).await;
        for _ in 0..2 {
            let run = reconcile(&service, wire.provider).await;
            assert_eq!((&run["found"], &run["repaired"]), (&json!(0), &json!(0)), "{run}");
            for (payment, minor) in [(&first, 320), (&second, 59)] {
                let shown = json!({ "minor": minor, "currency": currency });
                assert_eq!(shown_fee(&service, payment).await, shown);
                let recorded = [("provider_fee".to_owned(), minor)];
                assert_eq!(fee_movements(&service, payment).await, recorded);
            }
        }
        posted(&service).await;
        assert_eq!(balance(&service, "provider_fees", currency).await, 379);
        let provider = format!("provider/{}", wire.provider);
        assert_eq!(balance(&service, &provider, currency).await, 10_000 + 1_000 - 400 - 379);
    }
    assert_eq!(differences(&service, "open").await, []);
    service.end().await;
}

async fn a_dispute_costs_a_fee_that_may_come_back(engine: Engine) {
    let service = service(engine).await;
    service.charge_fees(ONE, fees()).await;
    let (payment, object) = paid(&service, STRIPE, 10_000, "k").await;
    service.provider.post(&format!("/sandbox/dispute/{object}"), &json!({})).await;
    let path = format!("/v1/disputes?payment_id={payment}");
    let dispute = until("the dispute is shown", async || {
        service.one.see(&path).await["data"].as_array().unwrap().first().cloned()
    })
    .await;
    posted(&service).await;
    reconcile(&service, "stripe").await;
    let charged = [("provider_fee".to_owned(), 320), ("provider_fee".to_owned(), 1_500)];
    assert_eq!(fee_movements(&service, &payment).await, charged);
    assert_eq!(shown_fee(&service, &payment).await, eur(1_820));
    let path = format!("/sandbox/disputes/{}", dispute["provider_reference"].as_str().unwrap());
    service.provider.post(&path, &json!({ "outcome": "won" })).await;
    let path = format!("/v1/disputes/{}", dispute["id"].as_str().unwrap());
    service.one.becomes(&path, |seen| seen["state"] == "won", "it is won").await;
    posted(&service).await;
    reconcile(&service, "stripe").await;
    let returned = ("provider_fee_reversal".to_owned(), 1_500);
    assert_eq!(fee_movements(&service, &payment).await, [charged.as_slice(), &[returned]].concat());
    assert_eq!(shown_fee(&service, &payment).await, eur(320));
    posted(&service).await;
    assert_eq!(balance(&service, "provider_fees", "EUR").await, 320);
    service.end().await;
}

async fn a_fee_with_another_amount_goes_to_a_person(engine: Engine) {
    let service = service(engine).await;
    service.charge_fees(ONE, fees()).await;
    let (payment, _) = paid(&service, STRIPE, 10_000, "k").await;
    posted(&service).await;
    reconcile(&service, "stripe").await;
    let moved = service.one.see(&format!("/v1/payments/{payment}/movements")).await["data"].clone();
    let fee = moved.as_array().unwrap().iter().find(|row| row["kind"] == "provider_fee").unwrap().clone();
    posted(&service).await;
    let change =
        |minor: i64| format!("update movements set amount_minor = {minor} where kind = 'provider_fee'");
    service.database.execute(&change(300)).await;
    reconcile(&service, "stripe").await;
    let object = fee["provider_reference"].as_str().unwrap();
    let in_ledger = format!("payment.fee_charged/{payment}/{object}");
    let expected = pairs(&[("other_amount", object), ("ledger_other_amount", &in_ledger)]);
    assert_eq!(differences(&service, "open").await, expected);
    // The fee is not in the list of another time, and cannot be fetched.
    reconcile_before(&service, "stripe", DAYS_AGO_MS).await;
    assert_eq!(differences(&service, "open").await, expected, "nothing has settled it");
    service.database.execute(&change(320)).await;
    reconcile(&service, "stripe").await;
    assert_eq!(differences(&service, "open").await, []);
    service.end().await;
}

async fn the_fee_of_a_capture_counts_what_was_captured(engine: Engine) {
    let service = TestService::watchful(engine).await;
    service.charge_fees(ONE, fees()).await;
    let body = json!({ "amount": eur(10_000), "payment_method": "pm_card_visa", "capture": "manual" });
    let held = service.one.post("/v1/payments", &body).key("k").expect(201).await;
    reconcile(&service, "stripe").await;
    assert_eq!(shown_fee(&service, &held.id()).await, Value::Null, "nothing was captured");
    let path = format!("/v1/payments/{}/capture", held.id());
    service.one.post(&path, &json!({ "amount": eur(5_000) })).key("c").expect(200).await;
    posted(&service).await;
    reconcile(&service, "stripe").await;
    assert_eq!(shown_fee(&service, &held.id()).await, eur(175));
    service.end().await;
}
