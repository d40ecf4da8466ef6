//! Events as they arrive.

use super::shop::{Shop, TENANT, account};
use crate::commands::{AdvanceFeed, ClaimFeed, CloseEvent, RecordEvent};
use crate::lifecycle::inbound_event;
use crate::reply::Reply;
use crate::rows::{EventFeed, InboundEvent};
use crate::time::Span;
use crate::{Refusal, Timestamp};

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
