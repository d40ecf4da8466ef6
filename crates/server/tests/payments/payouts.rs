//! The funds of a completed booking are released once, and each share is paid once.

use domain::Timestamp;
use domain::commands::ReleaseFunds;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Engine, ONE, TestCatalogue, TestService, eur, id_of, payment_of, until};

testkit::on_both_engines![
    a_share_is_transferred_once,
    a_lost_answer_pays_nothing_twice,
    a_kept_error_pays_nothing_twice,
    too_low_a_balance_is_paid_later,
    a_refused_transfer_is_paid_by_a_person,
    a_person_pays_and_records_it,
    what_is_taken_back_is_owed_again,
    a_refund_and_a_release_end_in_exactly_one,
    timers_of_many_servers_release_once,
    a_crash_before_the_call_loses_nothing,
    a_beneficiary_is_changed_and_deactivated,
];

pub const PRICE: i64 = 4_500;
/// 10 % and 50.
pub const FEE: i64 = 500;

pub struct Shared {
    pub service: TestService,
    pub catalogue: TestCatalogue,
    pub beneficiary: String,
}

impl Shared {
    async fn on(engine: Engine, transfer: Value) -> Shared {
        let service = TestService::on(engine).await;
        let catalogue = TestCatalogue::create(&service.one, 100).await;
        let mut body = json!({ "name": "Ana, guide" });
        body.as_object_mut().unwrap().extend(transfer.as_object().unwrap().clone());
        let beneficiary = service.one.post("/v1/beneficiaries", &body).key("n-1").expect(201).await.id();
        let split = json!({
            "platform_fee": { "basis_points": 1_000, "fixed": eur(50) },
            "shares": [{ "beneficiary_id": beneficiary }],
            "remainder_to": beneficiary,
        });
        let path = format!("/v1/products/{}/split", catalogue.product);
        let product = service.one.post(&path, &split).key("s-1").expect(200).await.body;
        assert_eq!(product["split"]["shares"][0]["beneficiary_id"], json!(beneficiary));
        Shared { service, catalogue, beneficiary }
    }

    /// By a transfer to the beneficiary's account.
    pub async fn transferred(engine: Engine) -> Shared {
        Shared::on(engine, json!({ "provider": "stripe", "destination": "acct_guide" })).await
    }

    /// A booking that is paid. Returns it and its payment.
    pub async fn paid(&self, name: &str) -> (String, String) {
        let one = &self.service.one;
        let booking = self.catalogue.book(one, name, 1).await;
        let key = format!("p-{name}");
        let payment = payment_of(&booking, "pm_card_visa");
        let payment = one.post("/v1/payments", &payment).key(&key).expect(201).await.id();
        one.booking_becomes(&booking, "confirmed").await;
        (booking, payment)
    }

    pub async fn complete(&self, booking: &str) {
        let path = format!("/v1/bookings/{booking}/complete");
        self.service.one.post(&path, &json!({})).key(&format!("c-{booking}")).expect(200).await;
    }

    async fn payouts(&self, booking: &str) -> Vec<Value> {
        let found = self.service.one.see(&format!("/v1/payouts?booking_id={booking}")).await;
        found["data"].as_array().unwrap().clone()
    }

    /// The only payout of a booking, once it is in this state.
    pub async fn becomes(&self, booking: &str, state: &str) -> Value {
        until(&format!("the payout is {state}"), async || {
            let payouts = self.payouts(booking).await;
            assert!(payouts.len() <= 1, "{payouts:?}");
            payouts.into_iter().next().filter(|payout| payout["state"] == state)
        })
        .await
    }

    pub async fn owed(&self) -> Value {
        let path = format!(
            "/v1/beneficiaries/{}/statement?from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z",
            self.beneficiary
        );
        self.service.one.see(&path).await
    }
}

async fn a_share_is_transferred_once(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    let one = &shared.service.one;
    let (booking, payment) = shared.paid("b-1").await;
    assert_eq!(one.see(&format!("/v1/bookings/{booking}/release")).await["state"], "pending");
    shared.complete(&booking).await;
    let payout = shared.becomes(&booking, "paid").await;
    assert_eq!((&payout["amount"], &payout["method"]), (&eur(PRICE - FEE), &json!("transfer")));
    let path = format!("/v1/payouts/{}", id_of(&payout));
    assert_eq!(one.see(&path).await["state"], "paid");
    shared.service.two.get(&path).refused(404, "payout_not_found").await;
    let release = one.see(&format!("/v1/bookings/{booking}/release")).await;
    assert_eq!(
        (&release["state"], &release["released"], &release["platform"]),
        (&json!("released"), &eur(PRICE), &eur(FEE))
    );
    let refund = format!("/v1/payments/{payment}/refunds");
    one.post(&refund, &json!({})).key("r-1").refused(409, "funds_are_released").await;

    let books = shared.service.quiet().await;
    assert_eq!(books.transfers().len(), 1, "{:?}", books.transfers());
    let transfer = &books.transfers()[0];
    assert_eq!(
        (&transfer["amount_minor"], &transfer["destination"], &transfer["metadata"]["surehold_payout"]),
        (&json!(PRICE - FEE), &json!("acct_guide"), &payout["id"])
    );
    let statement = shared.owed().await;
    assert_eq!(statement["balances"], json!([{ "opening": eur(0), "closing": eur(0) }]));
    let amounts: Vec<&Value> =
        statement["movements"].as_array().unwrap().iter().map(|movement| &movement["amount"]).collect();
    assert_eq!(amounts, [&eur(PRICE - FEE), &eur(FEE - PRICE)]);
    shared.service.end().await;
}

async fn a_lost_answer_pays_nothing_twice(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    let (booking, _) = shared.paid("b-1").await;
    shared.service.provider.faults(json!({ "commit_then_drop": 1.0 })).await;
    shared.complete(&booking).await;
    shared.becomes(&booking, "paid").await;
    let books = shared.service.quiet().await;
    assert_eq!(books.transfers().len(), 1, "{:?}", books.transfers());
    shared.service.end().await;
}

async fn a_kept_error_pays_nothing_twice(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    for (name, fault) in [("b-1", "commit_then_kept_500"), ("b-2", "kept_500"), ("b-3", "commit_then_500")] {
        let (booking, _) = shared.paid(name).await;
        shared.service.provider.faults(json!({ fault: 1.0, "webhook_drop": 1.0 })).await;
        shared.complete(&booking).await;
        let path = format!("/v1/payouts?booking_id={booking}");
        let called = |page: &Value| {
            let state = page["data"][0]["state"].as_str().unwrap_or("scheduled");
            !["scheduled", "sent"].contains(&state)
        };
        shared.service.one.becomes(&path, called, "called").await;
        shared.service.provider.faults(json!({})).await;
        shared.becomes(&booking, "paid").await;
    }
    let books = shared.service.quiet().await;
    assert_eq!(books.transfers().len(), 3, "{:?}", books.transfers());
    shared.service.end().await;
}

async fn too_low_a_balance_is_paid_later(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    let (booking, _) = shared.paid("b-1").await;
    let form = [("amount", "4500"), ("currency", "eur"), ("destination", "acct_owner")];
    let taken = shared.service.provider.by_hand(ONE, "/v1/transfers", &form).await;
    shared.complete(&booking).await;
    let path = format!("/v1/payouts?booking_id={booking}");
    let waits = |page: &Value| page["data"][0]["failure"]["code"] == "balance_insufficient";
    shared.service.one.becomes(&path, waits, "waiting for money").await;
    let back = format!("/v1/transfers/{}/reversals", taken["id"].as_str().unwrap());
    shared.service.provider.by_hand(ONE, &back, &[]).await;
    let paid = shared.becomes(&booking, "paid").await;
    assert_eq!(paid["failure"], Value::Null);
    shared.service.end().await;
}

async fn a_refused_transfer_is_paid_by_a_person(engine: Engine) {
    let shared = Shared::on(engine, json!({ "provider": "stripe", "destination": "nobody" })).await;
    let (booking, _) = shared.paid("b-1").await;
    shared.complete(&booking).await;
    let failed = shared.becomes(&booking, "failed").await;
    assert_eq!(shared.service.reviews().await, ["payout_failed"]);
    let path = format!("/v1/payouts/{}/record", id_of(&failed));
    let record = json!({ "outcome": "paid", "reference": "SEPA 17", "who": "Ana", "why": "by hand" });
    let paid = shared.service.one.post(&path, &record).key("x-1").expect(200).await.body;
    assert_eq!((&paid["state"], &paid["method"]), (&json!("paid"), &json!("manual")));
    assert!(shared.service.quiet().await.transfers().is_empty());
    shared.service.end().await;
}

async fn a_person_pays_and_records_it(engine: Engine) {
    let shared = Shared::on(engine, json!({})).await;
    let one = &shared.service.one;
    let (booking, _) = shared.paid("b-1").await;
    let absent = format!("/v1/bookings/{booking}/no_show");
    one.post(&absent, &json!({})).key("c-1").expect(200).await;
    let scheduled = shared.becomes(&booking, "scheduled").await;
    let path = format!("/v1/payouts/{}/record", id_of(&scheduled));
    let record = |outcome: &str| json!({ "outcome": outcome, "reference": "SEPA 17", "who": "Ana", "why": "paid on Monday" });
    one.post(&path, &record("returned")).key("x-0").refused(409, "state_does_not_allow_it").await;
    shared.service.two.post(&path, &record("paid")).key("x-1").refused(404, "payout_not_found").await;
    let paid = one.post(&path, &record("paid")).key("x-1").expect(200).await.body;
    assert_eq!((&paid["state"], &paid["reference"]), (&json!("paid"), &json!("SEPA 17")));
    let history = one.see(&format!("/v1/payouts/{}/history", id_of(&paid))).await;
    let last = history["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["action"], &last["person"]), (&json!("pay"), &json!("Ana")), "{history}");
    shared.service.quiet().await;
    let accounts = one.see("/v1/ledger/accounts").await;
    let bank = accounts["data"].as_array().unwrap().iter().find(|account| account["name"] == "bank");
    assert_eq!(bank.unwrap()["balance"], eur(FEE - PRICE));
    shared.service.end().await;
}

async fn what_is_taken_back_is_owed_again(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    let (booking, _) = shared.paid("b-1").await;
    shared.complete(&booking).await;
    let paid = shared.becomes(&booking, "paid").await;
    let back = format!("/v1/transfers/{}/reversals", paid["provider_reference"].as_str().unwrap());
    shared.service.provider.by_hand(ONE, &back, &[("amount", "1000")]).await;
    shared.service.provider.by_hand(ONE, &back, &[]).await;
    let returned = shared.becomes(&booking, "returned").await;
    assert_eq!(returned["returned"], eur(PRICE - FEE));
    shared.service.quiet().await;
    let statement = shared.owed().await;
    assert_eq!(statement["balances"][0]["closing"], eur(PRICE - FEE));
    shared.service.end().await;
}

/// Many bookings, each with a refund and a release at the same moment.
async fn a_refund_and_a_release_end_in_exactly_one(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    let mut refunded = 0;
    for number in 0..6 {
        let (booking, payment) = shared.paid(&format!("b-{number}")).await;
        shared.complete(&booking).await;
        let path = format!("/v1/payments/{payment}/refunds");
        let refund = shared.service.one.post(&path, &json!({})).key(&format!("r-{number}")).send().await;
        match refund.status {
            201 | 202 => {
                refunded += 1;
                until("the funds are settled", async || {
                    let release = shared.service.one.see(&format!("/v1/bookings/{booking}/release")).await;
                    // It is checked again after some minutes.
                    ["void", "due"].contains(&release["state"].as_str().unwrap()).then_some(())
                })
                .await;
                assert!(shared.payouts(&booking).await.is_empty());
            }
            _ => {
                assert_eq!(refund.code(), "funds_are_released", "{}", refund.text);
                shared.becomes(&booking, "paid").await;
            }
        }
    }
    let books = shared.service.quiet().await;
    assert_eq!(books.transfers().len() + refunded, 6);
    shared.service.end().await;
}

/// Every server has the timer, and may find the same releases.
async fn timers_of_many_servers_release_once(engine: Engine) {
    let mut shared = Shared::transferred(engine).await;
    let mut bookings = Vec::new();
    for number in 0..4 {
        let (booking, _) = shared.paid(&format!("b-{number}")).await;
        bookings.push(booking);
    }
    join_all(bookings.iter().map(|booking| shared.complete(booking))).await;
    let found = shared.service.store().due_releases(Timestamp(i64::MAX), 100).await.unwrap();
    let release = || async {
        let command = ReleaseFunds { due: found.clone(), amounts: providers::AMOUNTS };
        shared.service.store().submit(Box::new(command)).await.unwrap()
    };
    join_all((0..8).map(|_| release())).await;
    for booking in &bookings {
        shared.becomes(booking, "paid").await;
    }
    shared.service.stop_service().await;
    shared.service.start_service().await;
    let books = shared.service.quiet().await;
    assert_eq!(books.transfers().len(), 4, "{:?}", books.transfers());
    shared.service.end().await;
}

async fn a_crash_before_the_call_loses_nothing(engine: Engine) {
    let mut shared = Shared::transferred(engine).await;
    let (booking, _) = shared.paid("b-1").await;
    shared.service.provider.faults(json!({ "drop_before": 1.0, "webhook_drop": 1.0 })).await;
    shared.complete(&booking).await;
    until("the payout is looked up", async || {
        let looked_up = shared.service.provider.books().await.arrivals("GET", "/v1/transfers");
        (looked_up > 0).then_some(())
    })
    .await;
    shared.service.stop_service().await;
    shared.service.provider.faults(json!({})).await;
    shared.service.start_service().await;
    shared.becomes(&booking, "paid").await;
    let books = shared.service.quiet().await;
    assert_eq!(books.transfers().len(), 1, "{:?}", books.transfers());
    shared.service.end().await;
}

impl Shared {
    /// A payout that was paid by a transfer: its booking, its path and its transfer's id.
    pub async fn paid_out(&self, name: &str) -> (String, String, String) {
        let (booking, _) = self.paid(name).await;
        self.complete(&booking).await;
        let paid = self.becomes(&booking, "paid").await;
        let transfer = paid["provider_reference"].as_str().unwrap().to_owned();
        (booking, format!("/v1/payouts/{}", id_of(&paid)), transfer)
    }
}

async fn a_beneficiary_is_changed_and_deactivated(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    let one = &shared.service.one;
    let path = format!("/v1/beneficiaries/{}", shared.beneficiary);
    let body = json!({ "name": "Ana Lima", "metadata": { "vat": "PT1" } });
    let changed = one.request("PATCH", &path).json(&body).expect(200).await.body;
    assert_eq!(
        (&changed["name"], &changed["destination"], &changed["metadata"]["vat"], &changed["active"]),
        (&json!("Ana Lima"), &json!("acct_guide"), &json!("PT1"), &json!(true))
    );
    shared.service.two.request("PATCH", &path).json(&body).refused(404, "beneficiary_not_found").await;
    let half = json!({ "method": "transfer", "provider": "stripe" });
    one.request("PATCH", &path).json(&half).refused(400, "validation_failed").await;
    let moved = json!({ "method": "transfer", "provider": "stripe", "destination": "acct_other" });
    one.request("PATCH", &path).json(&moved).key("m-1").expect(200).await;
    assert!(one.request("PATCH", &path).json(&moved).key("m-1").expect(200).await.is_replay());
    let (_, _, transfer) = shared.paid_out("b-1").await;
    let shown = shared.service.provider.stripe(ONE, &format!("/v1/transfers/{transfer}")).await;
    assert_eq!(shown["destination"], "acct_other");

    one.request("PATCH", &path).json(&json!({ "active": false })).expect(200).await;
    let (booking, _) = shared.paid("b-2").await;
    shared.complete(&booking).await;
    let scheduled = shared.becomes(&booking, "scheduled").await;
    assert_eq!(scheduled["method"], "manual", "a person decides");
    let split =
        json!({ "shares": [{ "beneficiary_id": shared.beneficiary }], "remainder_to": shared.beneficiary });
    let product = format!("/v1/products/{}/split", shared.catalogue.product);
    one.post(&product, &split).key("s-2").refused(409, "beneficiary_is_inactive").await;
    shared.service.quiet().await;
    shared.service.end().await;
}
