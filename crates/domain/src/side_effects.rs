//! Side effects: what a change sets going beside its rows. Whoever waits for such work is woken once the
//! change is committed, and counters say how many rows stand where.
//!
//! A row's description names its function here, and [`Facts::apply`](crate::rows::Facts::apply) calls it for
//! each row that a command puts, so no command can forget it.
//!
//! | row | wakes |
//! |---|---|
//! | a new message | relays |
//! | a partition that is handed back and awaited | relays |
//! | a delivery that a person retries | the sweep |
//! | a job that is ready | workers; one that is born claimed is somebody's already |
//! | an event that is received | whoever reads events |
//!
//! | counted | words | not counted |
//! |---|---|---|
//! | `bookings` | states | `held` |
//! | `payments` | states | `created`, `pending` |
//! | `refunds` | states | `created`, `pending`, `unknown`, `review` |
//! | `transfers` | kinds | |
//! | `late_payments` | `seated`, `refunded`, `voided` | a refund that somebody made at the provider |
//!
//! What is under way is not counted: there is never much of it, a partial index finds it, and a command that
//! only moves work along writes no counter.
//!
//! What must never be here: anything that decides by a counter.

use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};

use crate::lifecycle::{CurrentState, State, booking, delivery, inbound_event, job, payment, refund};
use crate::rows::{
    Attempt, AttemptKind, Booking, Delivery, InboundEvent, Job, Message, Partition, Payment, Refund, Transfer,
};

/// Work that somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WakeUp {
    /// Messages were appended to the outbox.
    Messages,
    /// Partitions were handed back, and a relay waits for them.
    Partitions,
    /// Deliveries that a person retries.
    Retries,
    /// Jobs that are ready.
    Jobs,
    /// Providers' events that were stored or that a person retries.
    Events,
}

impl WakeUp {
    pub const ALL: [WakeUp; 5] =
        [WakeUp::Messages, WakeUp::Partitions, WakeUp::Retries, WakeUp::Jobs, WakeUp::Events];
}

/// How many rows have this word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    pub subject: &'static str,
    pub word: Cow<'static, str>,
}

/// What the changes of a batch set going.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideEffects {
    pub wake_ups: BTreeSet<WakeUp>,
    /// What is to be added to each counter, never zero. In one order, so that two who share a counter never
    /// wait for each other in a circle.
    pub counters: BTreeMap<Counter, i64>,
}

impl SideEffects {
    fn wake(&mut self, who: WakeUp, condition: bool) {
        if condition {
            self.wake_ups.insert(who);
        }
    }

    fn count(&mut self, subject: &'static str, word: impl Into<Cow<'static, str>>, by: i64) {
        let counter = Counter { subject, word: word.into() };
        let sum = self.counters.get(&counter).copied().unwrap_or_default() + by;
        if sum == 0 {
            self.counters.remove(&counter);
        } else {
            self.counters.insert(counter, sum);
        }
    }

    /// A row came to a state, from another or as a new row.
    fn count_state<S: State>(
        &mut self,
        subject: &'static str,
        before: Option<CurrentState<S>>,
        after: CurrentState<S>,
        is_counted: impl Fn(S) -> bool,
    ) {
        for (state, by) in before.map(|state| (state, -1)).into_iter().chain([(after, 1)]) {
            if is_counted(*state) {
                self.count(subject, state.name(), by);
            }
        }
    }

    /// Money that came when its booking could no longer take it.
    fn count_late_payment(&mut self, outcome: &'static str, condition: bool) {
        if condition {
            self.count("late_payments", outcome, 1);
        }
    }
}

pub(crate) fn of_booking(before: Option<&Booking>, after: &Booking, effects: &mut SideEffects) {
    let before = before.map(|booking| booking.state);
    effects.count_state("bookings", before, after.state, |state| state != booking::State::Held);
    let was_expired = before.is_some_and(|state| state.is(booking::State::Expired));
    effects.count_late_payment("seated", was_expired && after.state.is(booking::State::Confirmed));
}

pub(crate) fn of_payment(before: Option<&Payment>, after: &Payment, effects: &mut SideEffects) {
    effects.count_state("payments", before.map(|payment| payment.state), after.state, |state| {
        !matches!(state, payment::State::Created | payment::State::Pending)
    });
}

pub(crate) fn of_refund(before: Option<&Refund>, after: &Refund, effects: &mut SideEffects) {
    effects.count_state("refunds", before.map(|refund| refund.state), after.state, |state| {
        use refund::State::{Created, Pending, Review, Unknown};
        !matches!(state, Created | Pending | Unknown | Review)
    });
    // Nobody asked for it, so it has no key; one that was made at the provider has none either.
    let is_own = after.key.is_none() && !after.external;
    effects.count_late_payment("refunded", before.is_none() && is_own);
}

pub(crate) fn of_attempt(before: Option<&Attempt>, after: &Attempt, effects: &mut SideEffects) {
    let is_own_void = after.kind == AttemptKind::Void && after.key.is_none();
    effects.count_late_payment("voided", before.is_none() && is_own_void);
}

pub(crate) fn of_transfer(before: Option<&Transfer>, after: &Transfer, effects: &mut SideEffects) {
    if before.is_none() {
        effects.count("transfers", after.kind.clone(), 1);
    }
}

pub(crate) fn of_message(before: Option<&Message>, _: &Message, effects: &mut SideEffects) {
    effects.wake(WakeUp::Messages, before.is_none());
}

pub(crate) fn of_partition(_: Option<&Partition>, after: &Partition, effects: &mut SideEffects) {
    effects.wake(WakeUp::Partitions, after.lease_until.is_none() && after.next.is_some());
}

pub(crate) fn of_delivery(before: Option<&Delivery>, after: &Delivery, effects: &mut SideEffects) {
    let was_dead = before.is_some_and(|delivery| delivery.state.is(delivery::State::Dead));
    effects.wake(WakeUp::Retries, was_dead && after.state.is(delivery::State::Waiting));
}

pub(crate) fn of_job(_: Option<&Job>, after: &Job, effects: &mut SideEffects) {
    effects.wake(WakeUp::Jobs, after.state.is(job::State::Ready));
}

pub(crate) fn of_inbound_event(_: Option<&InboundEvent>, after: &InboundEvent, effects: &mut SideEffects) {
    effects.wake(WakeUp::Events, after.state.is(inbound_event::State::Received));
}
