//! Side effects of a change besides its rows: after the commit, waiting workers and relays are
//! woken; and counters have the number of rows in each state.
//!
//! A row's description names its function here, and [`Facts::apply`](crate::rows::Facts::apply) calls it for
//! each row that a command puts, so no command can forget it.
//!
//! | row | wakes |
//! |---|---|
//! | a new message | relays |
//! | a released partition that another relay waits for | relays |
//! | a retried delivery | the sweep |
//! | a job that is ready | workers; a job that is inserted as claimed wakes none |
//! | an event that is received | the reader of events |
//!
//! | counted | words | not counted |
//! |---|---|---|
//! | `bookings` | states | `held` |
//! | `payments` | states | `created`, `pending` |
//! | `refunds` | states | `created`, `pending`, `unknown`, `review` |
//! | `transfers` | kinds | |
//! | `differences` | kinds, while they are open | |
//! | `unknown_attempts` | how long until the outcome was known, once it is | |
//! | `late_payments` | `seated`, `refunded`, `voided` | a refund that somebody made at the provider |
//!
//! Rows under way are not counted: they are few, a partial index finds them, and a command that
//! only continues work writes no counter.
//!
//! What must never be here: anything that decides by a counter.

use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};

use crate::lifecycle::{
    CurrentState, State, booking, delivery, difference, inbound_event, job, payment, refund,
};
use crate::rows::{
    Attempt, AttemptKind, Booking, Delivery, Difference, InboundEvent, Job, Message, Partition, Payment,
    Refund, Transfer,
};

use crate::time::Span;

/// Work that workers or relays wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WakeUp {
    /// Messages were appended to the outbox.
    Messages,
    /// Partitions were released, and a relay waits for them.
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

/// The name of a number of rows: a state or a kind, as the column `word` has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    pub subject: &'static str,
    pub word: Cow<'static, str>,
}

/// The side effects of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideEffects {
    pub wake_ups: BTreeSet<WakeUp>,
    /// The amount to add to each counter, never zero. The counters are sorted, so that two
    /// transactions lock them in the same order and do not deadlock.
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

    /// A row entered a state, from another one or as a new row.
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

    /// Late money.
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
    // An automatic refund has no key, and neither has a refund that was made at the provider.
    let is_own = after.key.is_none() && !after.external;
    effects.count_late_payment("refunded", before.is_none() && is_own);
}

/// The spans in which an unknown outcome may become known, in seconds, and their names.
pub const RESOLVED_WITHIN: [(i64, &str); 5] = [
    (60, "a_minute"),
    (10 * 60, "ten_minutes"),
    (60 * 60, "an_hour"),
    (24 * 60 * 60, "a_day"),
    (i64::MAX, "longer"),
];

fn resolved_within(span: Span) -> &'static str {
    let within = RESOLVED_WITHIN.iter().find(|(seconds, _)| span.as_seconds() < *seconds);
    within.map_or("longer", |(_, name)| *name)
}

pub(crate) fn of_attempt(before: Option<&Attempt>, after: &Attempt, effects: &mut SideEffects) {
    let was_open = before.is_some_and(|before| !before.state.is_final());
    if let Some(since) = after.unknown_since.filter(|_| was_open && after.state.is_final()) {
        effects.count("unknown_attempts", resolved_within(after.updated_at.since(since)), 1);
    }
    let is_own_void = after.kind == AttemptKind::Void && after.key.is_none();
    effects.count_late_payment("voided", before.is_none() && is_own_void);
}

pub(crate) fn of_difference(before: Option<&Difference>, after: &Difference, effects: &mut SideEffects) {
    let is_open = |row: &&Difference| row.state.is(difference::State::Open);
    for (_, by) in
        [(before, -1), (Some(after), 1)].into_iter().filter(|(row, _)| row.is_some_and(|row| is_open(&row)))
    {
        effects.count("differences", after.kind.name(), by);
    }
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
