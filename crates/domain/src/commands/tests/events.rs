//! Events as they arrive, and as they are let go.

use std::vec::Vec;

use super::shop::{Shop, TENANT, account};
use crate::commands::{AdvanceFeed, ClaimFeed, CloseEvent, PruneWork, RecordEvent};
use crate::lifecycle::{inbound_event, job};
use crate::provider::ProviderStatus;
use crate::reply::Reply;
use crate::rows::{Attempt, EventFeed, InboundEvent, Job};
use crate::time::Span;
use crate::{AttemptId, JobId, Refusal, Timestamp};

#[test]
fn an_event_is_stored_once() {
    let mut shop = Shop::new(9);
    let record = RecordEvent {
        tenant: TENANT,
        account: account(),
        name: "evt".into(),
        kind: "payment_intent.succeeded".into(),
        body: b"{}".to_vec(),
    };
    shop.run(&record).reply();
    assert_eq!(shop.refused(&record), Refusal::NothingToDo);
    assert_eq!(shop.all::<InboundEvent>().len(), 1);
}

#[test]
fn an_event_is_closed_once_and_the_dead_are_seen() {
    let mut shop = Shop::new(9);
    let close = |event, dead| CloseEvent { event, why: "why".into(), dead };
    let ignored = shop.record();
    shop.run(&close(ignored, false)).reply();
    assert_eq!(shop.refused(&close(ignored, false)), Refusal::NothingToDo);
    assert!(shop.reviews().is_empty());
    let dead = shop.record();
    shop.run(&close(dead, true)).reply();
    assert!(shop.has_open_review(dead.0));
    let row: InboundEvent = shop.get(dead);
    assert!(row.state.is(inbound_event::State::Dead) && row.outcome.as_deref() == Some("why"));
    shop.run(&close(dead, false)).reply();
    assert!(shop.get::<InboundEvent>(dead).state.is(inbound_event::State::Ignored));
}

#[test]
fn an_accounts_events_are_read_by_one_at_a_time() {
    let mut shop = Shop::new(9);
    let every = Span::seconds(20);
    let claim = ClaimFeed { account: account(), tenant: TENANT, every };
    let claimed = |shop: &mut Shop| {
        let Reply::Feed(claimed) = shop.run(&claim).reply() else { panic!("a claim is answered") };
        claimed
    };
    let first = claimed(&mut shop).unwrap();
    assert_eq!(first.read_until, shop.now, "what came before it was known is nobody's");
    assert_eq!(claimed(&mut shop), None);
    let advance = |token, read_until: Timestamp| AdvanceFeed { account: account(), token, read_until };
    shop.wait(every);
    let later = shop.now;
    let second = claimed(&mut shop).unwrap();
    assert_eq!((second.token, second.read_until), (first.token + 1, first.read_until), "nothing was read");
    assert_eq!(shop.refused(&advance(first.token, later)), Refusal::NothingToDo, "another has it");
    shop.run(&advance(second.token, later)).reply();
    assert_eq!(shop.refused(&advance(second.token, first.read_until)), Refusal::NothingToDo);
    assert_eq!(shop.get::<EventFeed>(account()).read_until, later);
}

#[test]
fn work_that_ended_long_ago_is_let_go_and_nothing_else() {
    const KEPT: Span = Span::seconds(90 * 24 * 60 * 60);
    let mut shop = Shop::new(9);
    let booking = shop.reserve(1);
    let paid = shop.pay(booking);
    shop.mark_sent(paid);
    let captured = ProviderStatus::Captured { amount_minor: super::shop::PRICE };
    shop.answer(paid, captured.clone());
    shop.webhook(paid, captured);
    let waiting = shop.reserve(1);
    let waiting = shop.pay(waiting);
    let (received, dead) = (shop.record(), shop.record());
    shop.run(&CloseEvent { event: dead, why: "why".into(), dead: true }).reply();
    assert!(shop.get::<Job>(JobId::from(AttemptId::from(paid))).state.is(job::State::Done));

    let prune = |shop: &Shop| PruneWork {
        events: shop.all::<InboundEvent>().iter().map(|event| event.id).collect(),
        jobs: shop.all::<Job>().iter().map(|job| job.id).collect(),
        kept: KEPT,
    };
    let early = prune(&shop);
    assert!(matches!(shop.run(&early).reply(), Reply::Swept(0)), "not before its time");
    shop.wait(KEPT);
    shop.wait(Span::seconds(1));
    let command = prune(&shop);
    assert!(matches!(shop.run(&command).reply(), Reply::Swept(2)));
    let left: Vec<_> = shop.all::<InboundEvent>().iter().map(|event| event.id).collect();
    assert!(left.contains(&received) && left.contains(&dead) && left.len() == 2);
    let left: Vec<_> = shop.all::<Job>().iter().map(|job| job.id).collect();
    assert_eq!(left, [JobId::from(AttemptId::from(waiting))]);
    assert_eq!(shop.all::<Attempt>().len(), 2, "what was done is told as before");
    // What comes to the payment later finds no job, and needs none.
    shop.refund_at_provider(paid, "re_late", 100, crate::provider::RefundStatus::Succeeded).reply();
}
