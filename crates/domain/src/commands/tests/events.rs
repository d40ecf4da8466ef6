//! Events: their arrival, and their deletion.

use std::vec::Vec;

use super::test_world::{TENANT, TestWorld, account};
use crate::commands::{AdvanceFeed, ClaimFeed, CloseEvent, PruneWork, RecordEvent};
use crate::lifecycle::{inbound_event, job};
use crate::provider::ProviderStatus;
use crate::reply::Reply;
use crate::rows::{Attempt, EventFeed, InboundEvent, Job};
use crate::time::Span;
use crate::{AttemptId, JobId, Refusal, Timestamp};

#[test]
fn an_event_is_stored_once() {
    let mut world = TestWorld::new(9);
    let record = RecordEvent {
        tenant: TENANT,
        account: account(),
        name: "evt".into(),
        kind: "payment_intent.succeeded".into(),
        body: b"{}".to_vec(),
    };
    world.run(&record).reply();
    assert_eq!(world.refused(&record), Refusal::NothingToDo);
    assert_eq!(world.all::<InboundEvent>().len(), 1);
}

#[test]
fn an_event_is_closed_once_and_the_dead_are_seen() {
    let mut world = TestWorld::new(9);
    let close = |event, dead| CloseEvent { event, why: "why".into(), dead };
    let ignored = world.record();
    world.run(&close(ignored, false)).reply();
    assert_eq!(world.refused(&close(ignored, false)), Refusal::NothingToDo);
    assert!(world.reviews().is_empty());
    let dead = world.record();
    world.run(&close(dead, true)).reply();
    assert!(world.has_open_review(dead.0));
    let row: InboundEvent = world.get(dead);
    assert!(row.state.is(inbound_event::State::Dead) && row.outcome.as_deref() == Some("why"));
    world.run(&close(dead, false)).reply();
    assert!(world.get::<InboundEvent>(dead).state.is(inbound_event::State::Ignored));
}

#[test]
fn an_accounts_events_are_read_by_one_at_a_time() {
    let mut world = TestWorld::new(9);
    let every = Span::seconds(20);
    let claim = ClaimFeed { account: account(), tenant: TENANT, every };
    let claimed = |world: &mut TestWorld| {
        let Reply::Feed(claimed) = world.run(&claim).reply() else { panic!("a claim is answered") };
        claimed
    };
    let first = claimed(&mut world).unwrap();
    assert_eq!(first.read_until, world.now, "what came before it was known is nobody's");
    assert_eq!(claimed(&mut world), None);
    let advance = |token, read_until: Timestamp| AdvanceFeed { account: account(), token, read_until };
    world.wait(every);
    let later = world.now;
    let second = claimed(&mut world).unwrap();
    assert_eq!((second.token, second.read_until), (first.token + 1, first.read_until), "nothing was read");
    assert_eq!(world.refused(&advance(first.token, later)), Refusal::NothingToDo, "another has it");
    world.run(&advance(second.token, later)).reply();
    assert_eq!(world.refused(&advance(second.token, first.read_until)), Refusal::NothingToDo);
    assert_eq!(world.get::<EventFeed>(account()).read_until, later);
}

#[test]
fn work_that_ended_long_ago_is_let_go_and_nothing_else() {
    const KEPT: Span = Span::seconds(90 * 24 * 60 * 60);
    let mut world = TestWorld::new(9);
    let booking = world.reserve(1);
    let paid = world.pay(booking);
    world.mark_sent(paid);
    let captured = ProviderStatus::Captured { amount_minor: super::test_world::PRICE };
    world.answer(paid, captured.clone());
    world.webhook(paid, captured);
    let waiting = world.reserve(1);
    let waiting = world.pay(waiting);
    let (received, dead) = (world.record(), world.record());
    world.run(&CloseEvent { event: dead, why: "why".into(), dead: true }).reply();
    assert!(world.get::<Job>(JobId::from(AttemptId::from(paid))).state.is(job::State::Done));

    let prune = |world: &TestWorld| PruneWork {
        events: world.all::<InboundEvent>().iter().map(|event| event.id).collect(),
        jobs: world.all::<Job>().iter().map(|job| job.id).collect(),
        kept: KEPT,
    };
    let early = prune(&world);
    assert!(matches!(world.run(&early).reply(), Reply::Swept(0)), "not before its time");
    world.wait(KEPT);
    world.wait(Span::seconds(1));
    let command = prune(&world);
    assert!(matches!(world.run(&command).reply(), Reply::Swept(2)));
    let left: Vec<_> = world.all::<InboundEvent>().iter().map(|event| event.id).collect();
    assert!(left.contains(&received) && left.contains(&dead) && left.len() == 2);
    let left: Vec<_> = world.all::<Job>().iter().map(|job| job.id).collect();
    assert_eq!(left, [JobId::from(AttemptId::from(waiting))]);
    assert_eq!(world.all::<Attempt>().len(), 2, "the attempts are as before");
    // A later event of the payment finds no job, and needs none.
    world.refund_at_provider(paid, "re_late", 100, crate::provider::RefundStatus::Succeeded).reply();
}
