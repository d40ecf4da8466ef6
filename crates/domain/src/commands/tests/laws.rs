//! The laws: what must be true after every command.

use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::String;
use std::vec::Vec;
use uuid::Uuid;

use super::test_store::{Rows, TestStore};
use crate::commands::PostTransfer;
use crate::lifecycle::{
    CurrentState, State, attempt, booking, booking_item, difference, job, payment, payout, refund, review,
};
use crate::rows::{
    Attempt, AttemptKind, Audit, Booking, BookingItem, CheckIn, Client, Customer, Difference, Dispute, Job,
    LedgerAccount, Message, Movement, MovementKind, Payment, Payout, PayoutMethod, Posting, Refund, Review,
    Slot, Subject, Transfer,
};
use crate::side_effects::{Counter, RESOLVED_WITHIN};
use crate::working_set::{Command, Row};
use crate::{MovementId, ReviewId};

/// The expected counters as `subject/word`, without the late payments that were seated.
fn counted(rows: &Rows) -> BTreeMap<String, i64> {
    fn all<R: Row>(rows: &Rows) -> impl Iterator<Item = R> {
        let rows = rows.get(R::TABLE.name).into_iter().flat_map(BTreeMap::values);
        rows.map(|row| R::read(row.clone()).unwrap())
    }
    let bookings = all(rows).map(|row: Booking| format!("bookings/{}", row.state.name()));
    let payments = all(rows).map(|row: Payment| format!("payments/{}", row.state.name()));
    let refunds = all(rows).map(|row: Refund| format!("refunds/{}", row.state.name()));
    let payouts = all(rows).map(|row: Payout| format!("payouts/{}", row.state.name()));
    let transfers = all(rows).map(|row: Transfer| format!("transfers/{}", row.kind));
    let refunded = all(rows).filter(|row: &Refund| row.key.is_none() && !row.external);
    let refunded = refunded.map(|_| "late_payments/refunded".into());
    let voided = all(rows).filter(|row: &Attempt| row.kind == AttemptKind::Void && row.key.is_none());
    let voided = voided.map(|_| "late_payments/voided".into());
    let open = all(rows).filter(|row: &Difference| row.state.is(difference::State::Open));
    let differences = open.map(|row| format!("differences/{}", row.kind.name()));
    let resolved = all(rows).filter_map(|row: Attempt| {
        let since = row.unknown_since.filter(|_| row.state.is_final())?;
        let seconds = row.updated_at.since(since).as_seconds();
        let (_, within) = RESOLVED_WITHIN.iter().find(|(limit, _)| seconds < *limit)?;
        Some(format!("unknown_attempts/{within}"))
    });
    let late = refunded.chain(voided);
    let mut counted = BTreeMap::new();
    for name in bookings
        .chain(payments)
        .chain(refunds)
        .chain(payouts)
        .chain(transfers)
        .chain(late)
        .chain(differences)
        .chain(resolved)
    {
        *counted.entry(name).or_default() += 1;
    }
    for under_way in [
        "bookings/held",
        "payments/created",
        "payments/pending",
        "refunds/created",
        "refunds/pending",
        "refunds/unknown",
        "refunds/review",
        "payouts/scheduled",
        "payouts/sent",
        "payouts/unknown",
        "payouts/review",
    ] {
        counted.remove(under_way);
    }
    counted
}

impl TestStore {
    pub fn hold_every_law(&self, before: &Rows, command: &dyn Command) {
        let bookings: Vec<Booking> = self.all();
        let payments: Vec<Payment> = self.all();
        self.seats_add_up(&bookings, command);
        self.resources_add_up(command);
        self.items_agree(&bookings, command);
        self.taxes_agree(&bookings, command);
        self.check_ins_are_counted(command);
        Self::holds_end_in_time(&bookings, command);
        self.money_is_in_bounds(&bookings, &payments, command);
        Self::confirmed_by_evidence(before, &bookings, &payments, command);
        self.messages_are_dense(command);
        self.moves_are_audited(before, command);
        self.no_attempt_is_forgotten(command);
        self.disputes_are_counted(&payments, command);
        self.counters_equal_the_rows(before, command);
    }

    fn counters_equal_the_rows(&self, before: &Rows, command: &dyn Command) {
        let mut expected = counted(&self.rows);
        for (counter, count) in counted(before) {
            *expected.entry(counter).or_default() -= count;
        }
        let audited = self.audited.iter().map(|id| self.get::<Audit>(*id));
        let seated = audited.filter(|audit| {
            audit.subject_kind == Subject::Booking
                && audit.from_state.as_deref() == Some("expired")
                && audit.to_state.as_deref() == Some("confirmed")
        });
        expected.insert("late_payments/seated".into(), seated.count() as i64);
        expected.retain(|_, count| *count != 0);
        let kept = self.side_effects.counters.iter();
        let kept: BTreeMap<String, i64> =
            kept.map(|(Counter { subject, word }, by)| (format!("{subject}/{word}"), *by)).collect();
        assert_eq!(kept, expected, "counted by {command:?}");
    }

    /// An item counts its tickets that are checked in, each once.
    fn check_ins_are_counted(&self, command: &dyn Command) {
        let check_ins: Vec<CheckIn> = self.all();
        let mut tickets = BTreeSet::new();
        for check_in in &check_ins {
            assert!(
                tickets.insert((check_in.item, check_in.number)),
                "a ticket used twice after {command:?}"
            );
            let item = self.get::<BookingItem>(check_in.item);
            assert_eq!((item.booking, item.slot), (check_in.booking, check_in.slot), "after {command:?}");
        }
        for item in self.all::<BookingItem>() {
            let of_item = |row: &&CheckIn| row.item == item.id && row.is_in_force();
            let counted = check_ins.iter().filter(of_item).count() as i64;
            assert_eq!(item.checked_in, counted, "check-ins of an item after {command:?}");
            assert!(counted <= item.quantity, "more check-ins than tickets after {command:?}");
        }
    }

    fn seats_add_up(&self, bookings: &[Booking], command: &dyn Command) {
        let items: Vec<BookingItem> = self.all();
        for slot in self.all::<Slot>() {
            let of = |state| -> i64 {
                let here = items.iter().filter(|item| item.slot == slot.id && item.state.is(state));
                here.map(|item| item.seats).sum()
            };
            let (held, sold) = (of(booking_item::State::Held), of(booking_item::State::Sold));
            assert_eq!((slot.held, slot.sold), (held, sold), "seats of a slot after {command:?}");
            assert!(held + sold <= slot.capacity, "oversold by {command:?}");
        }
        let held_by = |wanted: &dyn Fn(&Booking) -> bool| -> i64 {
            let holds = bookings.iter().filter(|booking| wanted(booking)).map(|booking| booking.id);
            let holds: BTreeSet<_> = holds.collect();
            let held = items.iter().filter(|item| item.state.is(booking_item::State::Held));
            held.filter(|item| holds.contains(&item.booking)).map(|item| item.seats).sum()
        };
        for customer in self.all::<Customer>() {
            let held = held_by(&|booking| booking.customer == customer.id);
            assert_eq!(customer.held_seats, held, "held by a customer after {command:?}");
        }
        for client in self.all::<Client>() {
            let held = held_by(&|booking| booking.client == client.id && booking.counts_for_client);
            assert_eq!(client.held_seats, held, "held through a client after {command:?}");
        }
    }

    /// A booking costs what its items cost, and its items have the state that the booking's state implies.
    fn items_agree(&self, bookings: &[Booking], command: &dyn Command) {
        let items: Vec<BookingItem> = self.all();
        for booking in bookings {
            let own = || items.iter().filter(|item| item.booking == booking.id);
            let cost: i64 = own().map(|item| item.cost_minor() - item.credited_minor.unwrap_or(0)).sum();
            assert_eq!(booking.total_minor, cost, "a total is not its items' after {command:?}");
            for item in own() {
                let (is, was_sold) = (*item.state, booking.confirmed_at.is_some());
                let expected = match *booking.state {
                    booking::State::Held => booking_item::State::Held,
                    booking::State::Expired => booking_item::State::Released,
                    booking::State::Cancelled if was_sold => booking_item::State::Returned,
                    booking::State::Cancelled => booking_item::State::Released,
                    _ if item.credited_minor.is_some() => booking_item::State::Returned,
                    _ => booking_item::State::Sold,
                };
                assert_eq!(is, expected, "an item of a booking that is {:?}: {command:?}", booking.state);
            }
        }
    }

    /// However often a hold is extended. The sweep comes at its end, or later in the grace of its payment.
    fn holds_end_in_time(bookings: &[Booking], command: &dyn Command) {
        for booking in bookings.iter().filter(|booking| booking.state.is(booking::State::Held)) {
            let (ends_at, swept_at) = (booking.hold_expires_at, booking.sweep_at);
            assert!(ends_at <= booking.hold_expires_max, "a hold ends too late after {command:?}");
            assert!(swept_at >= ends_at, "a hold is swept before its end after {command:?}");
        }
    }

    fn money_is_in_bounds(&self, bookings: &[Booking], payments: &[Payment], command: &dyn Command) {
        let refunds: Vec<Refund> = self.all();
        for payment in payments {
            let what = (payment.id, *payment.state, command);
            assert!((0..=payment.amount_minor).contains(&payment.authorized_minor), "{what:?}");
            assert!((0..=payment.amount_minor).contains(&payment.captured_minor), "{what:?}");
            assert!((0..=payment.captured_minor).contains(&payment.refunded_minor), "{what:?}");
            assert_eq!(payment.captured_minor > 0, payment.state.is(payment::State::Captured), "{what:?}");
            let of = |wanted: fn(refund::State) -> bool| -> i64 {
                let here =
                    refunds.iter().filter(|refund| refund.payment == payment.id && wanted(*refund.state));
                here.map(|refund| refund.amount_minor).sum()
            };
            assert_eq!(payment.refunded_minor, of(|state| state == refund::State::Succeeded), "{what:?}");
            assert_eq!(payment.refunding_minor, of(|state| state.rank() < 3), "{what:?}");
            self.sums_are_of_movements(payment, command);
        }
        for booking in bookings {
            let own = || payments.iter().filter(|payment| payment.booking == Some(booking.id));
            let open: Vec<_> = own().filter(|payment| !payment.state.is_final()).collect();
            assert!(open.len() <= 1, "two payments are open after {command:?}");
            for payment in open {
                assert_eq!(
                    booking.open_payment,
                    Some(payment.id),
                    "an open payment is not known: {command:?}"
                );
            }
            let sum = |of: fn(&Payment) -> i64| own().map(of).sum::<i64>();
            assert_eq!(booking.paid_minor, sum(|payment| payment.booked_paid_minor), "{command:?}");
            assert_eq!(booking.refunded_minor, sum(|payment| payment.booked_refunded_minor), "{command:?}");
            assert_eq!(
                booking.authorized_minor,
                sum(|payment| payment.booked_authorized_minor),
                "{command:?}"
            );
            self.never_overpaid(booking, own(), command);
        }
    }

    fn sums_are_of_movements(&self, payment: &Payment, command: &dyn Command) {
        let movements: Vec<Movement> = self.all();
        let of = |wanted: MovementKind| -> i64 {
            let own = movements.iter().filter(|row| row.payment == payment.id && row.kind == wanted);
            own.map(|row| row.amount_minor).sum()
        };
        let sums = (payment.captured_minor, payment.refunded_minor, payment.disputed_minor);
        let moved = (
            of(MovementKind::Capture),
            of(MovementKind::Refund) - of(MovementKind::RefundReversal),
            of(MovementKind::Dispute) - of(MovementKind::DisputeReversal),
        );
        assert_eq!(sums, moved, "sums without their movements after {command:?}");
        let left = of(MovementKind::SuspenseReturn) - of(MovementKind::SuspenseReturnReversal);
        assert!(left >= 0, "more came back into suspense than went out of it, after {command:?}");
    }

    /// A booking becomes confirmed by money that was seen in a webhook or a fetched object.
    fn confirmed_by_evidence(
        before: &Rows,
        bookings: &[Booking],
        payments: &[Payment],
        command: &dyn Command,
    ) {
        for booking in bookings.iter().filter(|booking| booking.state.is(booking::State::Confirmed)) {
            let was = before.get(Booking::TABLE.name).and_then(|rows| rows.get(&booking.id.0));
            let was = was.map(|row| Booking::read(row.clone()).unwrap());
            if was.is_some_and(|was| was.state != booking.state) {
                let by_evidence = |payment: &Payment| {
                    payment.evidenced && payment.booked_paid_minor + payment.booked_authorized_minor > 0
                };
                let own = payments.iter().filter(|payment| payment.booking == Some(booking.id));
                assert!(own.clone().any(by_evidence), "confirmed without evidence by {command:?}");
            }
        }
    }

    fn never_overpaid<'p>(
        &self,
        booking: &Booking,
        payments: impl Iterator<Item = &'p Payment>,
        command: &dyn Command,
    ) {
        let mut net = 0;
        for payment in payments {
            // What a cancellation gives back is on its way.
            net += payment.captured_minor - payment.refunded_minor - payment.refunding_minor;
            let due = (booking.total_minor - booking.settled_minor).max(0);
            net += match *payment.state {
                state if state.is_final() => 0,
                payment::State::Authorized if payment.void_requested => 0,
                // No more is ever captured than is due then.
                payment::State::Authorized => {
                    payment.capturing_minor.unwrap_or(payment.amount_minor.min(due))
                }
                _ => payment.amount_minor,
            };
            if self.is_excused(payment) {
                return;
            }
        }
        assert!(net <= booking.total_minor, "overpaid by {command:?}");
    }

    /// Whether a person has a case of the payment, or had one of what a cancellation was to give back; or the booking
    /// has not counted its money yet.
    fn is_excused(&self, payment: &Payment) -> bool {
        let failed = |refund: &Refund| {
            let state = *refund.state;
            refund.payment == payment.id && matches!(state, refund::State::Failed | refund::State::WrittenOff)
        };
        let is_case =
            |review: &Review| review.subject == payment.id.0 && review.reason == "cancellation_not_settled";
        self.has_open_review(payment.id.0)
            || self.all::<Review>().iter().any(is_case)
            || self.all::<Refund>().iter().any(failed)
            || payment.captured_minor != payment.booked_paid_minor
    }

    /// Each payment counts its disputes that the bank has not decided, and those whose money is elsewhere than
    /// the decision puts it.
    fn disputes_are_counted(&self, payments: &[Payment], command: &dyn Command) {
        let disputes: Vec<Dispute> = self.all();
        for payment in payments {
            let own = disputes.iter().filter(|dispute| dispute.payment == payment.id);
            let open = own.clone().filter(|dispute| dispute.is_open()).count() as i64;
            assert_eq!(payment.open_disputes, open, "open disputes after {command:?}");
            let moved = |dispute: &Dispute, kind: MovementKind| {
                self.find::<Movement>(MovementId::of(payment.id, kind.name(), &dispute.object)).is_some()
            };
            let unsettled = own.clone().filter(|dispute| {
                let back = moved(dispute, MovementKind::DisputeReversal);
                !dispute.is_settled(moved(dispute, MovementKind::Dispute), back)
            });
            assert_eq!(payment.unsettled_disputes, unsettled.count() as i64, "after {command:?}");
            for dispute in own {
                assert_eq!(dispute.closed_at.is_some(), dispute.state.is_final(), "{command:?}");
            }
        }
    }

    fn messages_are_dense(&self, command: &dyn Command) {
        let mut seqs: BTreeMap<(Subject, Uuid), Vec<i64>> = BTreeMap::new();
        for message in self.all::<Message>() {
            seqs.entry((message.subject_kind, message.subject)).or_default().push(message.seq);
        }
        for (subject, mut seqs) in seqs {
            seqs.sort_unstable();
            // The lowest may have been pruned.
            let first = seqs[0];
            let dense: Vec<i64> = (first..first + seqs.len() as i64).collect();
            assert_eq!(seqs, dense, "the messages of {subject:?} after {command:?}");
        }
    }

    /// Each new state was reached by audited moves of this command.
    fn moves_are_audited(&self, before: &Rows, command: &dyn Command) {
        let audited: Vec<Audit> = self.audited.iter().map(|id| self.get(*id)).collect();
        self.audited_in::<Booking, _>(before, &audited, |row| row.state, command);
        self.audited_in::<Payment, _>(before, &audited, |row| row.state, command);
        self.audited_in::<Refund, _>(before, &audited, |row| row.state, command);
        self.audited_in::<Dispute, _>(before, &audited, |row| row.state, command);
        self.audited_in::<Payout, _>(before, &audited, |row| row.state, command);
    }

    fn audited_in<R: Row, S: State>(
        &self,
        before: &Rows,
        audited: &[Audit],
        stage: fn(&R) -> CurrentState<S>,
        command: &dyn Command,
    ) {
        for (id, row) in self.rows.get(R::TABLE.name).into_iter().flatten() {
            let was = before.get(R::TABLE.name).and_then(|rows| rows.get(id));
            if was == Some(row) {
                continue;
            }
            let is = stage(&R::read(row.clone()).unwrap());
            let mut reached: BTreeSet<Option<String>> = BTreeSet::new();
            reached.insert(was.map(|was| String::from(stage(&R::read(was.clone()).unwrap()).name())));
            // Moves of one command stand in the order in which they were made.
            for audit in audited.iter().filter(|audit| audit.subject == *id) {
                if reached.contains(&audit.from_state) {
                    reached.insert(audit.to_state.clone());
                }
            }
            assert!(
                reached.contains(&Some(String::from(is.name()))),
                "{} became {} unaudited: {command:?}",
                R::TABLE.name,
                is.name()
            );
        }
    }

    fn no_attempt_is_forgotten(&self, command: &dyn Command) {
        for attempt in self.all::<Attempt>() {
            // None: the job was done long ago, and was pruned.
            let state = self.find::<Job>(attempt.id.0).map(|job| *job.state);
            let works = matches!(state, Some(job::State::Ready | job::State::Running));
            let seen = self.has_open_review(attempt.payment.0)
                || attempt.refund.is_some_and(|refund| self.has_open_review(refund.0));
            assert!(
                attempt.state.is_final() || works || seen,
                "a {:?} is forgotten: {command:?}",
                attempt.kind
            );
            let case = self.find::<Review>(ReviewId::of_attempt(attempt.id));
            let open = case.is_some_and(|case| case.state.is(review::State::Open));
            let in_review = attempt.state.is(attempt::State::Review);
            assert_eq!(in_review, open, "an attempt in review has its case, and no other: {command:?}");
            assert!(state != Some(job::State::Dead) || seen, "nobody knows of a dead job: {command:?}");
        }
    }

    pub fn has_open_review(&self, subject: Uuid) -> bool {
        self.reviews().iter().any(|review| review.subject == subject)
    }

    pub fn reviews(&self) -> Vec<Review> {
        let open = self.all::<Review>().into_iter();
        open.filter(|review| review.state.is(review::State::Open)).collect()
    }

    /// Posts every message twice, and compares the books with the payments.
    pub fn close_the_books(&mut self) -> BTreeMap<String, i64> {
        for message in self.all::<Message>() {
            if let Some(post) = PostTransfer::of(&message).unwrap() {
                self.run(&post);
                assert_eq!(self.run(&post).refusal(), crate::Refusal::NothingToDo);
            }
        }
        let mut transfers: BTreeMap<Uuid, i64> = BTreeMap::new();
        let mut accounts: BTreeMap<Uuid, i64> = BTreeMap::new();
        for posting in self.all::<Posting>() {
            *transfers.entry(posting.transfer.0).or_default() += posting.amount_minor;
            *accounts.entry(posting.account.0).or_default() += posting.amount_minor;
        }
        assert!(transfers.values().all(|sum| *sum == 0), "a transfer does not balance");
        let mut balances: BTreeMap<String, i64> = BTreeMap::new();
        for account in self.all::<LedgerAccount>() {
            assert_eq!(account.balance_minor, accounts[&account.id.0], "{}", account.name);
            let name = account.name.split_once('/').map_or(account.name.as_str(), |(kind, _)| kind);
            *balances.entry(name.into()).or_default() += account.balance_minor;
        }
        let kept: i64 =
            self.all::<Payment>().iter().map(|payment| payment.captured_minor - payment.refunded_minor).sum();
        let paid_out = |payout: &Payout| match *payout.state {
            payout::State::Paid | payout::State::Returned if payout.method == PayoutMethod::Transfer => {
                payout.amount_minor - payout.returned_minor
            }
            _ => 0,
        };
        let known = kept - self.all::<Payout>().iter().map(paid_out).sum::<i64>();
        let of = |name: &str| balances.get(name).copied().unwrap_or_default();
        assert_eq!(
            of("provider") + of("suspense") + of("disputes") + of("provider_fees"),
            known,
            "the books are not the payments': {balances:?}"
        );
        self.taxes_are_posted();
        let income = ["deferred_revenue", "sales", "revenue", "refunds", "platform_fees", "taxes_payable"];
        let owed: i64 = income.into_iter().chain(["payable", "bank"]).map(of).sum();
        assert_eq!(owed, -known, "{balances:?}");
        balances
    }
}
