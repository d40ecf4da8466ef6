//! The judgement, from the provider's own books first.

use std::collections::BTreeMap;
use std::time::Instant;

use harness::oracle::Charge;

use crate::clients::{Outcome, Teller};
use crate::orders::Order;
use crate::town::{LOOK_EVERY, QUIET_WITHIN, Town};

/// Every order was carried out exactly once, and nothing is left open.
pub async fn judge(town: &Town, orders: &[Order], outcomes: &[Outcome]) {
    assert_eq!(outcomes.len(), orders.len(), "every order has its definite outcome");
    let verdicts = town.quiet().await;
    println!("{verdicts}");
    captured_once(town, outcomes).await;
    let mut teller = Teller::new(&town.shop);
    let cases = teller.get("/v1/ops/review_cases", &town.shop.tenant.ops_key).await;
    assert_eq!(cases["data"].as_array().map(Vec::len), Some(0), "a person would have to look: {cases}");
    for outcome in outcomes {
        confirmed_by_evidence(town, &mut teller, outcome).await;
    }
    every_answer_stands(town, &mut teller).await;
    assert!(town.verdicts().await.all_hold(), "repeating every request changed something");
}

/// A booking follows what was seen at the provider, and a webhook that was lost is made up for later.
async fn confirmed_by_evidence(town: &Town, teller: &mut Teller<'_>, outcome: &Outcome) {
    let Some(booking) = &outcome.booking else { return };
    let path = format!("/v1/bookings/{booking}");
    let begun = Instant::now();
    loop {
        let booking = teller.get(&path, &town.shop.tenant.api_key).await;
        let waits = booking["state"] == "held" && !booking["open_payment_id"].is_null();
        if !waits {
            let expected = if outcome.declined { "held" } else { "confirmed" };
            assert_eq!(booking["state"], expected, "{}: {booking}", outcome.order.name);
            return;
        }
        assert!(begun.elapsed() < QUIET_WITHIN, "{}: {booking}", outcome.order.name);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// By the provider's books, grouped by what the customers wanted, whatever we say of it.
async fn captured_once(town: &Town, outcomes: &[Outcome]) {
    let books = town.books().await;
    let mut charges: BTreeMap<&str, Vec<&Charge>> = BTreeMap::new();
    for charge in books.charges.iter().filter(|charge| charge.moved()) {
        let order = charge.metadata.get("order").expect("each of our charges names its order");
        charges.entry(order).or_default().push(charge);
    }
    let mut captured = 0;
    for Outcome { order, payment, declined, .. } in outcomes {
        let made = charges.remove(order.name.as_str()).unwrap_or_default();
        if *declined {
            assert!(made.is_empty(), "{} was declined, and took money: {made:?}", order.name);
            continue;
        }
        let [charge] = made[..] else { panic!("{} was charged {} times: {made:?}", order.name, made.len()) };
        assert_eq!(charge.operation(), Some(payment.as_str()), "{}", order.name);
        assert_eq!(charge.captured_minor, order.taken_minor(), "{}: {charge:?}", order.name);
        assert_eq!(charge.refunded_minor, order.refunds_minor.iter().sum::<i64>(), "{charge:?}");
        captured += 1;
    }
    assert!(charges.is_empty(), "money moved for what nobody wanted: {charges:?}");
    let declined = outcomes.len() - captured;
    println!("{captured} captured once, {declined} declined, {} raw calls", books.calls.len());
    assert!(captured > declined, "most are to be captured");
}

/// Each request, said once more under its key, is answered as it was.
async fn every_answer_stands(town: &Town, teller: &mut Teller<'_>) {
    let journal = town.shop.journal.lock().unwrap().clone();
    for entry in journal {
        let again = teller.insist(&entry).await;
        let (status, body) = entry.answer.clone().expect("each request was answered");
        assert_eq!((again.status.as_u16(), again.text()), (status, body), "{}", entry.key);
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{}", entry.key);
    }
}
