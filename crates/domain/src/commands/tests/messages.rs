//! The relay, the ledger's consumer, and events as they arrive.

use std::vec::Vec;
use uuid::Uuid;

use super::payments::CAPTURED;
use super::shop::{STRANGER, Shop, TENANT, account};
use crate::commands::{CloseEvent, PostTransfer, RecordEvent, Relay};
use crate::lifecycle::inbound_event;
use crate::reply::Reply;
use crate::rows::{Capture, InboundEvent, Log, Message, Posting, Transfer};
use crate::{LogId, MessageId, Refusal};

fn relay(shop: &mut Shop, tenant: crate::TenantId, messages: Vec<MessageId>) -> usize {
    let Reply::Swept(relayed) = shop.run(&Relay { tenant, messages }).reply() else { panic!("counted") };
    relayed
}

#[test]
fn positions_are_dense_and_given_once() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    shop.webhook(payment, CAPTURED);
    shop.reserve(1);
    let mut messages: Vec<Message> = shop.all();
    messages.sort_by_key(|message| message.seq);
    let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
    assert_eq!(relay(&mut shop, STRANGER, ids.clone()), 0, "not theirs");
    let (first, rest) = ids.split_at(2);
    assert_eq!(relay(&mut shop, TENANT, first.to_vec()), 2);
    assert_eq!(relay(&mut shop, TENANT, first.to_vec()), 0, "a repetition moves nothing");
    assert_eq!(relay(&mut shop, TENANT, ids.clone()), rest.len());
    let positions: Vec<_> = ids.iter().map(|id| shop.get::<Message>(*id).position.unwrap()).collect();
    let dense: Vec<i64> = (1..=ids.len() as i64).collect();
    assert_eq!(positions, dense, "in the order given");
    assert_eq!(shop.get::<Log>(LogId::of(TENANT)).position, ids.len() as i64);
    assert_eq!(relay(&mut shop, TENANT, [MessageId(Uuid::nil())].to_vec()), 0);
}

#[test]
fn a_movement_is_posted_once_whoever_tells_it() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    shop.webhook(payment, CAPTURED);
    let told = shop.all::<Message>().into_iter().find(|message| message.kind == "payment.captured").unwrap();
    let post = PostTransfer::of(&told).unwrap();
    shop.run(&post).reply();
    assert_eq!(shop.refused(&post), Refusal::NothingToDo);
    let mut again = post;
    again.message.id = MessageId(Uuid::from_u128(77));
    shop.run(&again).reply();
    assert_eq!(shop.refused(&again), Refusal::NothingToDo);
    assert_eq!((shop.all::<Transfer>().len(), shop.all::<Posting>().len()), (1, 2));
    let held = shop.all::<Message>().into_iter().find(|message| message.kind == "booking.held").unwrap();
    assert!(PostTransfer::of(&held).is_none());
}

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
