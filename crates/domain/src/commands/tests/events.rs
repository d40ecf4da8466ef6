//! Events as they arrive.

use super::shop::{Shop, TENANT, account};
use crate::Refusal;
use crate::commands::{CloseEvent, RecordEvent};
use crate::lifecycle::inbound_event;
use crate::rows::InboundEvent;

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
