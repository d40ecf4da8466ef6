//! A payout is taken back once, all of it or a part.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Engine, ONE, eur, id_of, until};

use super::payouts::{FEE, PRICE, Shared};

testkit::on_both_engines![
    a_payout_is_reversed_once_in_parts,
    a_reversal_whose_reply_was_lost_is_made_once,
    reversals_at_the_same_time_end_in_exactly_one,
    a_reversal_that_the_provider_refuses_leaves_the_payout_paid,
    a_reversal_that_stays_unknown_has_a_case_of_its_own,
];

impl Shared {
    /// What came back of a transfer, and by how many reversals.
    async fn reversed(&self, transfer: &str) -> (i64, usize) {
        let shown = self.service.provider.stripe(ONE, &format!("/v1/transfers/{transfer}")).await;
        (shown["amount_reversed"].as_i64().unwrap(), shown["reversals"]["data"].as_array().unwrap().len())
    }

    async fn reversal_ends(&self, path: &str) -> Value {
        let so = |payout: &Value| payout["being_reversed"] == Value::Null;
        self.service.one.becomes(path, so, "the reversal has ended").await
    }
}

fn reversal(amount: Option<i64>) -> Value {
    json!({ "amount": amount.map(eur), "who": "Ana", "why": "the tour was cancelled" })
}

async fn a_payout_is_reversed_once_in_parts(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    let one = &shared.service.one;
    let (booking, path, transfer) = shared.paid_out("b-1").await;
    let reverse = format!("{path}/reverse");
    one.post(&reverse, &reversal(None)).refused(400, "idempotency_key_missing").await;
    shared.service.two.post(&reverse, &reversal(None)).key("v-1").refused(404, "payout_not_found").await;
    one.post(&reverse, &reversal(Some(PRICE))).key("v-0").refused(422, "reversal_exceeds_payout").await;
    let begun = one.post(&reverse, &reversal(Some(1_000))).key("v-1").expect(202).await;
    assert_eq!(begun.body["being_reversed"], eur(1_000));
    let ended = shared.reversal_ends(&path).await;
    assert_eq!((&ended["state"], &ended["returned"]), (&json!("paid"), &eur(1_000)));
    let again = one.post(&reverse, &reversal(Some(1_000))).key("v-1").expect(202).await;
    assert_eq!((again.is_replay(), &again.text), (true, &begun.text));
    assert_eq!(shared.reversed(&transfer).await, (1_000, 1));

    one.post(&reverse, &reversal(None)).key("v-2").expect(202).await;
    let returned = shared.becomes(&booking, "returned").await;
    assert_eq!((&returned["returned"], &returned["failure"]), (&eur(PRICE - FEE), &Value::Null));
    assert_eq!(shared.reversed(&transfer).await, (PRICE - FEE, 2));
    one.post(&reverse, &reversal(None)).key("v-3").refused(409, "state_does_not_allow_it").await;
    shared.service.quiet().await;
    assert_eq!(shared.owed().await["balances"][0]["closing"], eur(PRICE - FEE));
    let history = one.see(&format!("{path}/history")).await;
    let started = |entry: &&Value| entry["action"] == "payout_reversal_started";
    let by: Vec<&Value> =
        history["data"].as_array().unwrap().iter().filter(started).map(|entry| &entry["person"]).collect();
    assert_eq!(by, ["Ana", "Ana"]);
    shared.service.end().await;
}

async fn a_reversal_whose_reply_was_lost_is_made_once(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    for (name, fault) in [
        ("b-1", "commit_then_drop"),
        ("b-2", "commit_then_kept_500"),
        ("b-3", "kept_500"),
        ("b-4", "commit_then_500"),
        ("b-5", "drop_before"),
    ] {
        let (_, path, transfer) = shared.paid_out(name).await;
        shared.service.provider.faults(json!({ fault: 1.0, "webhook_drop": 1.0 })).await;
        let body = reversal(Some(1_000));
        shared
            .service
            .one
            .post(&format!("{path}/reverse"), &body)
            .key(&format!("v-{name}"))
            .expect(202)
            .await;
        until("the provider was called", async || {
            let books = shared.service.provider.books().await;
            (books.arrivals("POST", &format!("/v1/transfers/{transfer}/reversals")) > 0).then_some(())
        })
        .await;
        let second = shared.service.one.post(&format!("{path}/reverse"), &body).key(&format!("w-{name}"));
        let second = second.send().await;
        assert!(second.status == 202 || second.code() == "payout_is_being_reversed", "{}", second.text);
        shared.service.provider.faults(json!({})).await;
        let ended = shared.reversal_ends(&path).await;
        let times = if second.status == 202 { 2 } else { 1 };
        assert_eq!(ended["returned"], eur(1_000 * times), "{fault}");
        assert_eq!(shared.reversed(&transfer).await, (1_000 * times, times as usize), "{fault}");
    }
    shared.service.quiet().await;
    shared.service.end().await;
}

/// Several clients, and a person in the provider's dashboard whose webhook comes in between.
async fn reversals_at_the_same_time_end_in_exactly_one(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    let one = &shared.service.one;
    let (_, path, transfer) = shared.paid_out("b-1").await;
    let reverse = format!("{path}/reverse");
    let body = reversal(Some(1_000));
    let all = join_all((0..6).map(|number| {
        let (reverse, body) = (&reverse, &body);
        async move { one.post(reverse, body).key(&format!("v-{number}")).send().await }
    }))
    .await;
    let begun = all.iter().filter(|reply| reply.status == 202).count();
    let refused = all.iter().filter(|reply| reply.code() == "payout_is_being_reversed").count();
    assert_eq!(begun + refused, 6, "{:?}", all.iter().map(|reply| &reply.text).collect::<Vec<_>>());
    let back = format!("/v1/transfers/{transfer}/reversals");
    shared.service.provider.by_hand(ONE, &back, &[("amount", "100")]).await;
    shared.reversal_ends(&path).await;
    let expected = 1_000 * i64::try_from(begun).unwrap() + 100;
    assert_eq!(shared.reversed(&transfer).await, (expected, begun + 1));
    one.becomes(&path, |payout: &Value| payout["returned"] == eur(expected), "all is recorded").await;
    shared.service.quiet().await;
    assert_eq!(shared.owed().await["balances"][0]["closing"], eur(expected));
    shared.service.end().await;
}

async fn a_reversal_that_the_provider_refuses_leaves_the_payout_paid(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    let one = &shared.service.one;
    let (_, path, transfer) = shared.paid_out("b-1").await;
    // The webhook of the person's reversal does not come, so ours asks for more than is left.
    shared.service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let back = format!("/v1/transfers/{transfer}/reversals");
    shared.service.provider.by_hand(ONE, &back, &[("amount", "3900")]).await;
    one.post(&format!("{path}/reverse"), &reversal(Some(1_000))).key("v-1").expect(202).await;
    let ended = shared.reversal_ends(&path).await;
    assert_eq!((&ended["state"], &ended["returned"]), (&json!("paid"), &eur(3_900)));
    assert!(ended["failure"]["code"].is_string(), "{ended}");
    assert_eq!(shared.reversed(&transfer).await, (3_900, 1));
    shared.service.provider.faults(json!({})).await;
    shared.service.end().await;
}

impl Shared {
    /// The outcome of the call under way has been unknown for an hour, and a person gets the case.
    async fn stays_unknown(&self) {
        until("a person has the case", async || {
            let older = "update payouts set unknown_since = unknown_since - 3600000000";
            self.service.database.execute(older).await;
            (self.service.reviews().await == ["outcome_unknown_at_deadline"]).then_some(())
        })
        .await;
    }
}

async fn a_reversal_that_stays_unknown_has_a_case_of_its_own(engine: Engine) {
    let shared = Shared::transferred(engine).await;
    let (booking, _) = shared.paid("b-1").await;
    let failing = json!({ "kept_500": 1.0, "webhook_drop": 1.0 });
    shared.service.provider.faults(failing.clone()).await;
    shared.complete(&booking).await;
    shared.stays_unknown().await;
    shared.service.provider.faults(json!({})).await;
    // It is not sent any more, and now it arrives.
    let payout = shared.becomes(&booking, "review").await;
    let (amount, group) = ((PRICE - FEE).to_string(), format!("surehold_booking_{booking}"));
    let form = [
        ("amount", amount.as_str()),
        ("currency", "eur"),
        ("destination", "acct_guide"),
        ("transfer_group", group.as_str()),
        ("metadata[surehold_payout]", payout["id"].as_str().unwrap()),
    ];
    shared.service.provider.by_hand(ONE, "/v1/transfers", &form).await;
    let paid = shared.becomes(&booking, "paid").await;
    assert!(shared.service.reviews().await.is_empty(), "the payout's own case is closed");

    let path = format!("/v1/payouts/{}", id_of(&paid));
    shared.service.provider.faults(failing).await;
    let begun = shared.service.one.post(&format!("{path}/reverse"), &reversal(None)).key("v-1");
    begun.expect(202).await;
    shared.stays_unknown().await;
    let record = json!({ "outcome": "failed", "reference": "none", "who": "Ana", "why": "it is not there" });
    let recorded = shared.service.one.post(&format!("{path}/record"), &record).key("x-1").expect(200).await;
    assert_eq!((&recorded.body["state"], &recorded.body["being_reversed"]), (&json!("paid"), &Value::Null));
    assert!(shared.service.reviews().await.is_empty());
    shared.service.provider.faults(json!({})).await;
    shared.service.end().await;
}
