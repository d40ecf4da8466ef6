//! The counters and wake-ups of each change of a row.

use std::format;
use std::string::String;
use std::vec::Vec;
use uuid::Uuid;

use super::test_world::{TENANT, TestWorld};
use crate::lifecycle::{CurrentState, State, booking, delivery, inbound_event, job, payment, refund};
use crate::rows::{
    Attempt, AttemptKind, Booking, Delivery, InboundEvent, Job, Message, Partition, Payment, Refund, Transfer,
};
use crate::side_effects::{SideEffects, WakeUp};
use crate::working_set::{Column as _, Row, Value};
use crate::{InboxId, MessageId, PartitionId, Timestamp, WorkerId};

fn at<S: State>(name: &'static str) -> CurrentState<S> {
    CurrentState::read(Value::Text(name.into())).unwrap()
}

fn check<R: Row>(before: Option<&R>, after: &R, counters: &[&str], wake_ups: &[WakeUp]) {
    let mut effects = SideEffects::default();
    R::side_effects(before, after, &mut effects);
    let counters_of = effects.counters.iter();
    let counted: Vec<String> =
        counters_of.map(|(counter, by)| format!("{}/{} {by:+}", counter.subject, counter.word)).collect();
    assert_eq!(counted, counters, "{}", R::TABLE.name);
    assert_eq!(effects.wake_ups.into_iter().collect::<Vec<_>>(), wake_ups, "{}", R::TABLE.name);
}

/// Moves a row of each such pair of states; `None` inserts it.
fn check_states<R: Row, S: State>(
    row: &R,
    set: fn(R, CurrentState<S>) -> R,
    moves: &[(Option<&'static str>, &'static str, &[&str])],
) {
    for (before, after, counters) in moves {
        let before = before.map(|name| set(row.clone(), at(name)));
        check(before.as_ref(), &set(row.clone(), at(after)), counters, &[]);
    }
}

/// A world with one of each row: a captured payment of a booking, and a refund of it.
fn world() -> TestWorld {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    world.refund(payment, Some(1));
    world
}

#[test]
fn where_rows_stand_is_counted_once_they_may_stay() {
    let world = world();
    let row: Booking = world.all().remove(0);
    check_states::<_, booking::State>(
        &row,
        |row, state| Booking { state, ..row },
        &[
            (None, "held", &[]),
            (None, "confirmed", &["bookings/confirmed +1"]),
            (Some("held"), "confirmed", &["bookings/confirmed +1"]),
            (Some("held"), "expired", &["bookings/expired +1"]),
            (
                Some("expired"),
                "confirmed",
                &["bookings/confirmed +1", "bookings/expired -1", "late_payments/seated +1"],
            ),
            (Some("confirmed"), "no_show", &["bookings/confirmed -1", "bookings/no_show +1"]),
            (Some("confirmed"), "confirmed", &[]),
        ],
    );
    let row: Payment = world.all().remove(0);
    check_states::<_, payment::State>(
        &row,
        |row, state| Payment { state, ..row },
        &[
            (None, "created", &[]),
            (Some("created"), "pending", &[]),
            (Some("pending"), "authorized", &["payments/authorized +1"]),
            (Some("authorized"), "captured", &["payments/authorized -1", "payments/captured +1"]),
            (Some("pending"), "written_off", &["payments/written_off +1"]),
        ],
    );
    let row: Refund = world.all().remove(0);
    check_states::<_, refund::State>(
        &row,
        |row, state| Refund { state, ..row },
        &[
            (None, "created", &[]),
            (Some("created"), "unknown", &[]),
            (Some("unknown"), "review", &[]),
            (Some("review"), "succeeded", &["refunds/succeeded +1"]),
            (Some("succeeded"), "failed", &["refunds/failed +1", "refunds/succeeded -1"]),
        ],
    );
}

#[test]
fn what_goes_back_by_itself_is_a_late_payment() {
    let world = world();
    let requested: Refund = world.all().remove(0);
    let own = Refund { key: None, state: at("created"), ..requested.clone() };
    check(None, &own, &["late_payments/refunded +1"], &[]);
    check(Some(&own), &Refund { state: at("unknown"), ..own.clone() }, &[], &[]);
    check(None, &Refund { external: true, ..own.clone() }, &[], &[]);
    check(None, &Refund { state: at("created"), ..requested }, &[], &[]);
    let requested = Attempt { kind: AttemptKind::Void, ..world.all().remove(0) };
    let own = Attempt { key: None, ..requested.clone() };
    check(None, &own, &["late_payments/voided +1"], &[]);
    check(Some(&own), &own, &[], &[]);
    check(None, &requested, &[], &[]);
    check(None, &Attempt { kind: AttemptKind::Refund, ..own }, &[], &[]);
    let transfer = Transfer {
        id: Uuid::nil().into(),
        tenant: TENANT,
        kind: "payment.captured".into(),
        movement: "movement".into(),
        message: MessageId(Uuid::nil()),
        posted_at: Timestamp(0),
        subject: Uuid::nil(),
    };
    check(None, &transfer, &["transfers/payment.captured +1"], &[]);
}

#[test]
fn who_has_something_to_do_is_woken() {
    let world = world();
    let message: Message = world.all().remove(0);
    check(None, &message, &[], &[WakeUp::Messages]);
    check(Some(&message), &Message { published: 1, ..message.clone() }, &[], &[]);
    let job: Job = world.all().remove(0);
    let of = |name| Job { state: at::<job::State>(name), ..job.clone() };
    check(None, &of("ready"), &[], &[WakeUp::Jobs]);
    check(None, &of("running"), &[], &[]);
    check(Some(&of("running")), &of("ready"), &[], &[WakeUp::Jobs]);
    check(Some(&of("ready")), &of("ready"), &[], &[WakeUp::Jobs]);
    check(Some(&of("running")), &of("done"), &[], &[]);
    let event: InboundEvent = world.all().remove(0);
    let of = |name| InboundEvent { state: at::<inbound_event::State>(name), ..event.clone() };
    check(None, &of("received"), &[], &[WakeUp::Events]);
    check(Some(&of("dead")), &of("received"), &[], &[WakeUp::Events]);
    check(Some(&of("received")), &of("processed"), &[], &[]);
    let of = |name| Delivery {
        id: InboxId(Uuid::nil()),
        tenant: TENANT,
        consumer: "ledger".into(),
        message: message.id,
        state: at::<delivery::State>(name),
        attempts: 0,
        last_error: None,
        due_at: None,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    };
    check(None, &of("waiting"), &[], &[]);
    check(Some(&of("waiting")), &of("waiting"), &[], &[]);
    check(Some(&of("waiting")), &of("dead"), &[], &[]);
    check(Some(&of("dead")), &of("waiting"), &[], &[WakeUp::Retries]);
    check(Some(&of("dead")), &of("discarded"), &[], &[]);
    let worker = Some(WorkerId(Uuid::nil()));
    let of = |lease_until, next| Partition {
        id: PartitionId::of(0),
        number: 0,
        token: 1,
        worker,
        lease_until,
        next,
        next_until: None,
    };
    let (leased, given_back) = (of(Some(Timestamp(1)), worker), of(None, worker));
    check(None, &leased, &[], &[]);
    check(Some(&leased), &given_back, &[], &[WakeUp::Partitions]);
    check(Some(&leased), &of(None, None), &[], &[]);
}
