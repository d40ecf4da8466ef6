//! The provider's transfers are compared with our payouts: every difference is found, by its kind, and what a
//! webhook did not report is applied as evidence.

use serde_json::{Value, json};
use testkit::{Engine, ONE, eur, id_of};

use super::payouts::{FEE, PRICE, Shared};
use super::reconciliation::{differences, pairs, posted, reconcile};

testkit::on_both_engines![
    transfers_that_agree_have_no_difference,
    a_transfer_that_nobody_reported_is_applied,
    every_difference_of_a_transfer_is_found,
];

impl Shared {
    /// A transfer that no call of ours made, and that nobody reports. Returns its id.
    async fn transferred_by_hand(&self, payout: Option<&str>) -> String {
        let mut form = vec![("amount", "100"), ("currency", "eur"), ("destination", "acct_guide")];
        form.extend(payout.map(|payout| ("metadata[surehold_payout]", payout)));
        id_of(&self.service.provider.by_hand(ONE, "/v1/transfers", &form).await)
    }

    async fn taken_back_by_hand(&self, transfer: &str, amount: &str) {
        let path = format!("/v1/transfers/{transfer}/reversals");
        self.service.provider.by_hand(ONE, &path, &[("amount", amount)]).await;
    }

    /// Changes our row of the payout.
    async fn spoil(&self, path: &str, change: &str) {
        let id = path.rsplit('/').next().unwrap().parse::<uuid::Uuid>().unwrap();
        let id = self.service.database.literal(id);
        self.service.database.execute(&format!("update payouts set {change} where id = {id}")).await;
    }

    async fn no_webhook_comes(&self) {
        self.service.quiet().await;
        self.service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    }
}

async fn transfers_that_agree_have_no_difference(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    shared.paid_out("paid").await;
    let (_, path, returned) = shared.paid_out("returned").await;
    shared.taken_back_by_hand(&returned, "1000").await;
    shared.service.one.becomes(&path, |payout: &Value| payout["returned"] == eur(1_000), "returned").await;
    posted(&shared.service).await;
    let run = reconcile(&shared.service, "stripe").await;
    assert_eq!(differences(&shared.service, "open").await, []);
    assert_eq!((&run["found"], &run["repaired"]), (&json!(0), &json!(0)));
    assert_eq!(run["provider_objects"], 4, "two payments and two transfers");
    shared.service.end().await;
}

async fn a_transfer_that_nobody_reported_is_applied(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    let one = &shared.service.one;
    let (_, lost, lost_transfer) = shared.paid_out("lost").await;
    let (_, returned, returned_transfer) = shared.paid_out("returned").await;
    shared.no_webhook_comes().await;
    shared.spoil(&lost, "state = 'unknown', provider_ref = null").await;
    shared.taken_back_by_hand(&returned_transfer, "1000").await;
    let run = reconcile(&shared.service, "stripe").await;
    let applied = [("state_behind", lost_transfer.as_str()), ("state_behind", returned_transfer.as_str())];
    assert_eq!(differences(&shared.service, "settled").await, pairs(&applied));
    assert_eq!(differences(&shared.service, "open").await, []);
    assert_eq!((&run["found"], &run["repaired"]), (&json!(0), &json!(2)));
    let paid = one.see(&lost).await;
    assert_eq!((&paid["state"], &paid["provider_reference"]), (&json!("paid"), &json!(lost_transfer)));
    assert_eq!(one.see(&returned).await["returned"], eur(1_000));
    let again = reconcile(&shared.service, "stripe").await;
    assert_eq!((&again["found"], &again["repaired"]), (&json!(0), &json!(0)));
    shared.service.provider.faults(json!({})).await;
    shared.service.quiet().await;
    assert_eq!(shared.owed().await["balances"][0]["closing"], eur(1_000));
    shared.service.stop().await;
}

async fn every_difference_of_a_transfer_is_found(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    let (_, fine, _) = shared.paid_out("fine").await;
    let (_, amount, amount_transfer) = shared.paid_out("amount").await;
    let (_, destination, destination_transfer) = shared.paid_out("destination").await;
    let (_, missing, missing_transfer) = shared.paid_out("missing").await;
    let (_, recorded, recorded_transfer) = shared.paid_out("recorded").await;
    shared.no_webhook_comes().await;
    shared.spoil(&amount, "amount_minor = amount_minor + 1").await;
    shared.spoil(&destination, "destination = 'acct_other'").await;
    shared.spoil(&missing, "provider_ref = 'tr_gone'").await;
    let record = json!({ "outcome": "returned", "reference": "SEPA", "who": "Ana", "why": "it came back" });
    shared.service.one.post(&format!("{recorded}/record"), &record).key("x-1").expect(200).await;
    let foreign = shared.transferred_by_hand(None).await;
    let unknown = shared.transferred_by_hand(Some("00000000-0000-7000-8000-000000000001")).await;
    let second = shared.transferred_by_hand(fine.rsplit('/').next()).await;
    let nobodys = shared.transferred_by_hand(None).await;
    shared.taken_back_by_hand(&nobodys, "100").await;

    reconcile(&shared.service, "stripe").await;
    let expected = [
        ("other_amount", amount_transfer.as_str()),
        ("other_destination", &destination_transfer),
        ("payout_unknown_there", "tr_gone"),
        ("other_object", &missing_transfer),
        ("other_amount", &recorded_transfer),
        ("foreign_transfer", &foreign),
        ("payout_unknown_here", &unknown),
        ("other_object", &second),
    ];
    assert_eq!(differences(&shared.service, "open").await, pairs(&expected));
    let of_fine = shared.service.one.see("/v1/ops/differences?kind=foreign_transfer").await;
    let shown = &of_fine["data"][0];
    assert_eq!((&shown["at_provider"], &shown["here"]), (&eur(100), &Value::Null), "{shown}");
    // A second run finds the same, and neither opens a review case nor moves a payout.
    let run = reconcile(&shared.service, "stripe").await;
    assert_eq!((&run["found"], shared.service.reviews().await), (&json!(0), Vec::new()));
    assert_eq!(differences(&shared.service, "open").await, pairs(&expected));
    assert_eq!(shared.service.one.see(&fine).await["returned"], eur(0));

    // What a person repairs at the provider is settled, also by a run that does not list it.
    shared.taken_back_by_hand(&foreign, "100").await;
    shared.taken_back_by_hand(&second, "100").await;
    shared.taken_back_by_hand(&recorded_transfer, &(PRICE - FEE).to_string()).await;
    let early = json!({ "provider": "stripe", "who": "Ana", "from": "1970-01-01T00:00:00Z", "to": "1970-01-02T00:00:00Z" });
    let run = shared.service.one.post("/v1/ops/reconciliations", &early).expect(202).await;
    let path = format!("/v1/ops/reconciliations/{}", run.id());
    shared.service.one.becomes(&path, |run: &Value| run["state"] == "finished", "the run has ended").await;
    let gone = [foreign.as_str(), &second, &recorded_transfer];
    let rest: Vec<(&str, &str)> = expected.into_iter().filter(|(_, object)| !gone.contains(object)).collect();
    assert_eq!(differences(&shared.service, "open").await, pairs(&rest));
    shared.service.stop().await;
}
