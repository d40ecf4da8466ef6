//! Deliveries and events that are counted before they are handled.

use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::vec::Vec;

use super::test_world::{TENANT, TestWorld};
use crate::commands::{
    CloseEvent, CloseLedger, DeliveryKey, FailDelivery, Origin, PostTransfer, PutOffDelivery, PutOffEvent,
    StartDelivery, StartEvent,
};
use crate::consumers::LEDGER;
use crate::lifecycle::{delivery, inbound_event};
use crate::limits::EVENT_ATTEMPTS_MAX;
use crate::reply::{DeliveryStatus, Reply};
use crate::rows::{Actor, DayBalance, Delivery, InboundEvent, LedgerClosing, Message, Posting, Transfer};
use crate::time::{DAY, Span, Timestamp};
use crate::{LedgerAccountId, MessageId, Refusal};
use uuid::Uuid;

const PAUSE: Span = Span::seconds(10);
const ATTEMPTS_MAX: i64 = 3;

fn message_for_ledger(world: &mut TestWorld) -> (PostTransfer, DeliveryKey) {
    world.paid();
    let message =
        world.all::<Message>().into_iter().find(|message| message.kind == "payment.captured").unwrap();
    let at = DeliveryKey { tenant: TENANT, message: message.id, consumer: LEDGER };
    (PostTransfer::of(&message).unwrap().unwrap(), at)
}

fn start(world: &mut TestWorld, at: DeliveryKey) -> DeliveryStatus {
    let start = StartDelivery { at, pause: PAUSE, attempts_max: ATTEMPTS_MAX };
    let Reply::Delivery(status) = world.run(&start).reply() else { panic!("a delivery has a status") };
    status
}

fn fail(world: &mut TestWorld, at: DeliveryKey, counted: bool) -> DeliveryStatus {
    let fail = FailDelivery { at, error: "broken".into(), pause: PAUSE, attempts_max: ATTEMPTS_MAX, counted };
    let Reply::Delivery(status) = world.run(&fail).reply() else { panic!("a delivery has a status") };
    status
}

fn attempts(world: &TestWorld, at: DeliveryKey) -> i64 {
    world.get::<Delivery>(at.id()).attempts
}

#[test]
fn a_movement_in_two_messages_is_posted_once() {
    let mut world = TestWorld::new(9);
    let (post, _) = message_for_ledger(&mut world);
    world.run(&post).reply();
    assert_eq!(world.refused(&post), Refusal::NothingToDo);
    let mut again = post;
    again.message.id = MessageId(Uuid::from_u128(77));
    world.run(&again).reply();
    assert_eq!(world.refused(&again), Refusal::NothingToDo);
    assert_eq!((world.all::<Transfer>().len(), world.all::<Posting>().len()), (1, 2));
    let held = world.all::<Message>().into_iter().find(|message| message.kind == "booking.held").unwrap();
    assert!(PostTransfer::of(&held).unwrap().is_none());
}

/// The ledger is dated by a clock that jumps between days, and sometimes goes back.
#[test]
fn what_an_account_had_at_a_past_time_never_changes() {
    let mut world = TestWorld::new(9);
    let (post, _) = message_for_ledger(&mut world);
    let begin = world.now;
    let close = |ends_at: Timestamp| CloseLedger {
        claim: None,
        tenant: TENANT,
        origin: Origin::of(Actor::Person),
        ends_at,
        day: "a day".into(),
    };
    let mut closed = Vec::new();
    let balances = |world: &TestWorld, before: Timestamp| {
        let mut balances: BTreeMap<LedgerAccountId, i64> = BTreeMap::new();
        for posting in world.all::<Posting>().into_iter().filter(|posting| posting.posted_at < before) {
            *balances.entry(posting.account).or_default() += posting.amount_minor;
        }
        balances
    };
    for (number, hours) in [0, 1, 20, 30, 29, 55, 10, 55, 200, 100, 201].into_iter().enumerate() {
        world.now = begin.plus(Span::seconds(hours * 3_600));
        let mut post = post.clone();
        post.message.id = MessageId(Uuid::from_u128(1_000 + number as u128));
        post.entry.movement = format!("m/{number}");
        world.run(&post).reply();
        if number % 3 == 0 {
            let day = world.now.day_end().minus(DAY);
            assert_eq!(
                world.refused(&close(world.now.plus(Span(1)))),
                Refusal::LedgerDayIsNotOver { ends_at: world.now.plus(Span(1)) }
            );
            world.run(&close(day)).reply();
            closed.push((day, balances(&world, day)));
        }
        for (day, then) in &closed {
            assert_eq!(balances(&world, *day), *then, "a closed day changed");
        }
    }
    let days: Vec<DayBalance> = world.all();
    for day in &days {
        assert_eq!(balances(&world, day.ends_at)[&day.account], day.balance_minor);
    }
    let moved: BTreeSet<_> = world
        .all::<Posting>()
        .into_iter()
        .map(|posting| (posting.account, posting.posted_at.day_end()))
        .collect();
    assert_eq!(days.len(), moved.len() - 2, "each day on which an account moved, but its last");
}

/// The clock stands before the end of a day that another server has closed.
#[test]
fn nothing_is_posted_into_a_closed_day() {
    let mut world = TestWorld::new(9);
    let (post, _) = message_for_ledger(&mut world);
    let ends_at = world.now;
    let origin = Origin::of(Actor::Person);
    world.run(&CloseLedger { claim: None, tenant: TENANT, origin, ends_at, day: "a day".into() }).reply();
    world.now = ends_at.minus(Span::seconds(9));
    world.run(&post).reply();
    assert_eq!(world.all::<Transfer>()[0].posted_at, ends_at);
    assert_eq!(world.all::<LedgerClosing>().len(), 1);
}

#[test]
fn a_message_that_kills_the_process_is_counted_and_dies() {
    let mut world = TestWorld::new(9);
    let (post, at) = message_for_ledger(&mut world);
    for attempt in 1..=ATTEMPTS_MAX {
        assert_eq!(start(&mut world, at), DeliveryStatus::Begun { attempts: attempt });
        assert_eq!(attempts(&world, at), attempt, "counted before it is handled");
        // The process dies here. The delivery is not begun again before it is due.
        assert_eq!(start(&mut world, at), DeliveryStatus::Waiting);
        world.wait(PAUSE);
    }
    assert_eq!(start(&mut world, at), DeliveryStatus::Dead);
    assert_eq!(start(&mut world, at), DeliveryStatus::Dead);
    let row: Delivery = world.get(at.id());
    assert!(row.state.is(delivery::State::Dead) && row.due_at.is_none(), "{row:?}");
    assert!(row.last_error.unwrap().contains("never came to an end"));
    assert_eq!(world.refused(&post), Refusal::DeliveryIsDead);
}

#[test]
fn a_failure_counts_once_however_it_began() {
    let mut world = TestWorld::new(9);
    let (post, at) = message_for_ledger(&mut world);
    assert_eq!(fail(&mut world, at, false), DeliveryStatus::Waiting);
    assert_eq!(attempts(&world, at), 1);
    world.wait(PAUSE);
    assert_eq!(start(&mut world, at), DeliveryStatus::Begun { attempts: 2 });
    assert_eq!(fail(&mut world, at, true), DeliveryStatus::Waiting);
    assert_eq!(attempts(&world, at), 2);
    let row: Delivery = world.get(at.id());
    assert_eq!((row.due_at, row.last_error.as_deref()), (Some(world.now.plus(PAUSE)), Some("broken")));
    // The last attempt succeeds: the waiting row becomes the receipt.
    world.run(&post).reply();
    let row: Delivery = world.get(at.id());
    assert!(row.state.is(delivery::State::Received) && row.attempts == 2 && row.due_at.is_none());
    assert_eq!(start(&mut world, at), DeliveryStatus::Received);
    let late = FailDelivery { at, error: "x".into(), pause: PAUSE, attempts_max: 1, counted: false };
    assert_eq!(world.refused(&late), Refusal::NothingToDo, "a receipt stays");
}

#[test]
fn an_outage_uses_up_no_attempts() {
    let mut world = TestWorld::new(9);
    let (_, at) = message_for_ledger(&mut world);
    let put_off = PutOffDelivery { at, pause: PAUSE };
    assert_eq!(world.refused(&put_off), Refusal::NothingToDo, "nothing was begun");
    for _ in 0..2 * ATTEMPTS_MAX {
        assert_eq!(start(&mut world, at), DeliveryStatus::Begun { attempts: 1 });
        world.run(&put_off).reply();
        assert_eq!(start(&mut world, at), DeliveryStatus::Waiting, "not at once");
        world.wait(PAUSE);
    }
    let event = world.record();
    for _ in 0..2 * EVENT_ATTEMPTS_MAX {
        assert!(matches!(world.run(&StartEvent { event }).reply(), Reply::Proceed(true)));
        world.run(&PutOffEvent { event }).reply();
    }
    assert_eq!(world.refused(&PutOffEvent { event }), Refusal::NothingToDo);
}

#[test]
fn the_last_failure_goes_to_the_dead_letters_with_its_reason() {
    let mut world = TestWorld::new(9);
    let (_, at) = message_for_ledger(&mut world);
    for _ in 1..ATTEMPTS_MAX {
        assert_eq!(fail(&mut world, at, false), DeliveryStatus::Waiting);
    }
    assert_eq!(fail(&mut world, at, false), DeliveryStatus::Dead);
    let row: Delivery = world.get(at.id());
    assert_eq!((row.attempts, row.last_error.as_deref()), (ATTEMPTS_MAX, Some("broken")));
}

#[test]
fn an_event_that_was_left_behind_is_counted_and_dies() {
    let mut world = TestWorld::new(9);
    let event = world.record();
    let start = StartEvent { event };
    for attempt in 1..=EVENT_ATTEMPTS_MAX {
        assert!(matches!(world.run(&start).reply(), Reply::Proceed(true)));
        assert_eq!(world.get::<InboundEvent>(event).attempts, attempt);
    }
    assert!(matches!(world.run(&start).reply(), Reply::Proceed(false)));
    let row: InboundEvent = world.get(event);
    assert!(row.state.is(inbound_event::State::Dead) && row.attempts == EVENT_ATTEMPTS_MAX);
    assert!(world.has_open_review(event.0));
    assert_eq!(world.refused(&start), Refusal::NothingToDo);

    let event = world.record();
    world.run(&StartEvent { event }).reply();
    world.run(&CloseEvent { event, why: "not ours".into(), dead: false }).reply();
    assert_eq!(world.get::<InboundEvent>(event).attempts, 1, "counted once");
    assert_eq!(world.refused(&StartEvent { event }), Refusal::NothingToDo);
}
