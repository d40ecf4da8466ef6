//! Random histories: clients, workers, a bad network, webhooks in any order, and jumps of the
//! clock. Every law holds after every command, and once everything is delivered, everything is
//! settled.

mod operations;

use proptest::collection::vec;
use proptest::prelude::ProptestConfig;
use std::boxed::Box;
use std::collections::BTreeSet;
use std::vec::Vec;

use self::operations::{Happening, Operation, happening};
use super::cancellations::half;
use super::dead_letters::decided;
use super::driver::{Chaos, Game};
use super::operate::resolution;
use super::provider_model::{News, ProviderModel};
use super::taxes::{both, set_taxes};
use super::test_store::CommandResult;
use super::test_world::{LEASE, PRICE, TestWorld};
use crate::commands::{
    ClaimJobs, DeadLetterRef, DiscardDeadLetter, ExtendHold, RetryDeadLetter, StartPayment,
};
use crate::idempotency::KeyProgress;
use crate::jobs::JobKinds;
use crate::lifecycle::{State as _, attempt, booking, job, payment};
use crate::limits::{JOB_ATTEMPTS_MAX, OPERATION_DEADLINE_SECONDS};
use crate::provider::ProviderStatus;
use crate::reply::{ClaimedJob, Reply};
use crate::rows::{Attempt, AttemptKind, Booking, BookingItem, CheckIn, Job, Key, Payment};
use crate::time::Span;
use crate::working_set::Command;
use crate::{BookingId, JobId, PaymentId, Timestamp};

/// The random part stays well inside the deadline of an operation, so that an unknown outcome at
/// its end is fetched in time.
const RANDOM_SECONDS_MAX: i64 = 45 * 60;

struct History {
    game: Game,
    started_at: Timestamp,
    /// The requests of clients, which may be repeated.
    requested: Vec<Box<dyn Command>>,
    delivered: Vec<News>,
    /// Dead jobs that a person has decided on.
    decided_on: BTreeSet<JobId>,
    discarded: BTreeSet<JobId>,
    /// A person had to decide: a job was given up, or somebody acted at the provider.
    odd: bool,
}

fn pick<T: Copy>(of: &[T], which: u8) -> Option<T> {
    (!of.is_empty()).then(|| of[usize::from(which) % of.len()])
}

impl History {
    fn new() -> History {
        let mut world = TestWorld::new(4);
        world.set_policy(half());
        world.add_slot(3);
        // Fewer seats than both slots have together.
        world.share_a_resource(5);
        set_taxes(&mut world, both());
        let started_at = world.now;
        let game =
            Game { world, provider: ProviderModel::default(), chaos: Chaos::default(), zombies: Vec::new() };
        History {
            game,
            started_at,
            requested: Vec::new(),
            delivered: Vec::new(),
            decided_on: BTreeSet::new(),
            discarded: BTreeSet::new(),
            odd: false,
        }
    }

    fn bookings(&self) -> Vec<BookingId> {
        self.game.world.all::<Booking>().iter().map(|booking| booking.id).collect()
    }
    fn payments(&self) -> Vec<PaymentId> {
        self.game.world.all::<Payment>().iter().map(|payment| payment.id).collect()
    }

    /// A client sends a request. A server with a lease works on its job at once.
    fn request(&mut self, command: impl Command + 'static) {
        if let CommandResult::Fresh(reply) = self.game.world.run(&command)
            && let Reply::Started(started) = *reply
        {
            self.game.drive(&started);
        }
        self.requested.push(Box::new(command));
    }

    fn make(&mut self, Happening { operation, which, faults }: Happening) {
        self.game.chaos = Chaos(faults);
        match operation {
            Operation::Reserve => {
                let mut command = self.game.world.reserve_command(i64::from(which % 3) + 1);
                command.items.extend(self.game.world.item_of_another_slot(which));
                command.customer.email = std::format!("{}@example.com", which % 5);
                self.request(command);
            }
            Operation::Pay(capture) => {
                let Some(booking) = pick(&self.bookings(), which) else { return };
                let command = StartPayment { capture, ..self.game.world.pay_command(booking) };
                self.request(command);
            }
            Operation::Cancel { part } => {
                let Some(booking) = pick(&self.bookings(), which) else { return };
                let command = self.game.world.cancel_as_quoted(booking, part);
                self.request(command);
            }
            Operation::Complete { attended } => {
                let Some(booking) = pick(&self.bookings(), which) else { return };
                let command = self.game.world.complete_command(booking, attended);
                self.request(command);
            }
            Operation::ChangeTaxes => self.change_taxes(which),
            Operation::ExtendHold => {
                let Some(booking) = pick(&self.bookings(), which) else { return };
                let claim = self.game.world.claim();
                self.request(ExtendHold { claim, booking, hold_seconds: None });
            }
            Operation::CheckIn { seconds_ago } => self.check_in(which, seconds_ago),
            Operation::UndoCheckIn => self.undo_check_in(which),
            Operation::Capture { part } => {
                let Some(payment) = pick(&self.payments(), which) else { return };
                let command = self.game.world.capture_command(payment, part.then_some(PRICE / 2));
                self.request(command);
            }
            Operation::Void => {
                let Some(payment) = pick(&self.payments(), which) else { return };
                let command = self.game.world.void_command(payment);
                self.request(command);
            }
            Operation::Refund { part } => {
                let Some(payment) = pick(&self.payments(), which) else { return };
                let command = self.game.world.refund_command(payment, part.then_some(PRICE / 4));
                self.request(command);
            }
            Operation::AskAgain => self.ask_again(which),
            Operation::Work => _ = self.work(1),
            Operation::Deliver { again } => self.deliver_one(which, again),
            Operation::Conclude { well } => {
                let objects: Vec<PaymentId> = self.game.provider.objects.keys().copied().collect();
                let Some(payment) = pick(&objects, which) else { return };
                self.game.provider.conclude(payment, well);
            }
            Operation::Wait { seconds } => {
                let now = self.game.world.now.plus(Span::seconds(seconds));
                if now.since(self.started_at) < Span::seconds(RANDOM_SECONDS_MAX) {
                    self.game.world.now = now;
                }
            }
            Operation::ExpireHolds => _ = self.game.world.expire(),
            Operation::ZombieReturns => {
                if !self.game.zombies.is_empty() {
                    let zombie = self.game.zombies.remove(usize::from(which) % self.game.zombies.len());
                    self.game.run_system(&*zombie);
                }
            }
            Operation::WearOutJob => self.wear_out(which),
            Operation::DecideOnDeadJob { discard } => self.decide_on_one(which, discard),
            Operation::ActAtProvider => {
                let Some(payment) = pick(&self.payments(), which) else { return };
                self.game.provider.act_at_provider(payment, self.game.chaos.next());
                self.odd = true;
            }
        }
    }

    fn ask_again(&mut self, which: u8) {
        if !self.requested.is_empty() {
            let again = self.requested.remove(usize::from(which) % self.requested.len());
            self.repeat(&*again);
            self.requested.push(again);
        }
    }

    fn change_taxes(&mut self, which: u8) {
        let mut taxes = both();
        taxes.truncate(usize::from(which % 3));
        set_taxes(&mut self.game.world, taxes);
    }

    fn check_in(&mut self, which: u8, seconds_ago: i64) {
        let Some(booking) = pick(&self.bookings(), which) else { return };
        let mut command = self.game.world.scan_command(booking, i64::from(which % 3) + 1);
        command.scan.at = Some(self.game.world.now.minus(Span::seconds(seconds_ago)));
        self.request(command);
    }

    fn undo_check_in(&mut self, which: u8) {
        let check_ins: Vec<_> = self.game.world.all::<CheckIn>().iter().map(|row| row.id).collect();
        let Some(check_in) = pick(&check_ins, which) else { return };
        let command = self.game.world.undo_command(check_in);
        self.request(command);
    }

    /// The same request once more: it has no further effect, whatever its reply.
    fn repeat(&mut self, command: &dyn Command) {
        let known = self.game.world.find::<Key>(command.claim().unwrap().key).is_some();
        let (payments, bookings) = (self.payments().len(), self.bookings().len());
        let answer = self.game.world.run(command);
        if known {
            assert!(matches!(answer, CommandResult::Replay { .. } | CommandResult::InFlight), "{answer:?}");
            assert_eq!((self.payments().len(), self.bookings().len()), (payments, bookings));
        }
    }

    /// The next claim of the job is its last.
    fn wear_out(&mut self, which: u8) {
        let jobs = self.game.world.all::<Job>().into_iter();
        let open: Vec<JobId> = jobs.filter(|job| job.state.is(job::State::Ready)).map(|job| job.id).collect();
        let Some(id) = pick(&open, which) else { return };
        let job: Job = self.game.world.get(id);
        let now = self.game.world.now;
        self.odd = true;
        self.game.world.set(&Job { attempts: JOB_ATTEMPTS_MAX, due_at: now, ..job });
    }

    fn dead(&self) -> Vec<JobId> {
        let jobs = self.game.world.all::<Job>().into_iter();
        jobs.filter(|job| job.state.is(job::State::Dead)).map(|job| job.id).collect()
    }

    /// A person decides on a dead job.
    fn decide_on_one(&mut self, which: u8, discard: bool) {
        if let Some(job) = pick(&self.dead(), which) {
            self.decide_on(job, discard);
        }
    }

    fn decide_on(&mut self, job: JobId, discard: bool) {
        let decided = decided(DeadLetterRef::Job(job));
        self.decided_on.insert(job);
        if discard {
            self.discarded.insert(job);
            self.game.world.run(&DiscardDeadLetter(decided)).reply();
        } else {
            self.game.world.run(&RetryDeadLetter(decided)).reply();
        }
    }

    fn deliver_one(&mut self, which: u8, again: bool) {
        let from = if again { &mut self.delivered } else { &mut self.game.provider.news };
        if from.is_empty() {
            return;
        }
        let news = from.remove(usize::from(which) % from.len());
        self.game.deliver(&news);
        self.delivered.push(news);
    }

    fn due(&self) -> Vec<JobId> {
        let now = self.game.world.now;
        let jobs = self.game.world.all::<Job>().into_iter();
        let due = jobs.filter(|job| matches!(*job.state, job::State::Ready | job::State::Running));
        due.filter(|job| job.due_at <= now).map(|job| job.id).collect()
    }

    fn work(&mut self, jobs_max: usize) -> usize {
        let mut jobs = self.due();
        jobs.truncate(jobs_max);
        let claim = ClaimJobs { jobs, kinds: JobKinds::default(), lease: LEASE, alone: false };
        let Some(Reply::Claimed(claimed)) = self.game.run_system(&claim) else {
            panic!("a claim is answered")
        };
        for claimed in &claimed {
            let ClaimedJob::Attempt(claimed) = claimed else { panic!("an attempt is driven") };
            self.game.drive(claimed);
        }
        claimed.len()
    }

    /// The network recovers: everything is delivered and retried.
    fn calm(&mut self) {
        self.game.chaos = Chaos::default();
        let processing: Vec<PaymentId> = self
            .game
            .provider
            .objects
            .iter()
            .filter(|(_, object)| object.status == ProviderStatus::Processing)
            .map(|(id, _)| *id)
            .collect();
        for payment in processing {
            self.game.provider.conclude(payment, true);
        }
        for index in 0..self.game.provider.returns.len() {
            self.game.provider.pay_back(index);
        }
        for _ in 0..2_000 {
            while let Some(zombie) = self.game.zombies.pop() {
                self.game.run_system(&*zombie);
            }
            // An event that is ahead of our rows is repeated.
            for _ in 0..self.game.provider.news.len() {
                self.deliver_one(0, false);
            }
            self.game.world.expire();
            if self.work(100) > 0 {
                continue;
            }
            // A job that dies again is discarded.
            if let Some(job) = self.dead().first().copied() {
                self.decide_on(job, self.decided_on.contains(&job));
                continue;
            }
            // Cases for a person stay open as well.
            if self.resolve_one() {
                continue;
            }
            let jobs = self.game.world.all::<Job>().into_iter();
            let open = jobs.filter(|job| matches!(*job.state, job::State::Ready | job::State::Running));
            let bookings = self.game.world.all::<Booking>().into_iter();
            let held = bookings.filter(|booking| booking.state.is(booking::State::Held));
            let next = open.map(|job| job.due_at).chain(held.map(|booking| booking.sweep_at)).min();
            let Some(next) = next else {
                if self.game.provider.news.is_empty() {
                    return;
                }
                continue;
            };
            let soon = self.game.world.now.plus(Span::seconds(10));
            self.game.world.now = next.max(soon);
        }
        panic!("it never comes to rest");
    }

    /// A person closes the case of an attempt long after its deadline.
    fn resolve_one(&mut self) -> bool {
        let cases = self.game.world.reviews().into_iter();
        let Some(case) = cases.filter(|case| case.attempt.is_some()).find(|case| {
            self.game.world.now.since(case.opened_at) > Span::seconds(OPERATION_DEADLINE_SECONDS)
        }) else {
            return false;
        };
        let attempt = case.attempt.unwrap();
        if self.game.world.get::<Attempt>(attempt).state.is(attempt::State::Review) {
            self.discarded.insert(JobId::from(attempt));
        }
        self.game.world.run(&resolution(&case)).reply();
        true
    }

    fn all_is_settled(&mut self) {
        let world = &mut self.game.world;
        for key in world.all::<Key>() {
            assert_eq!(key.progress, KeyProgress::Finished, "{key:?}");
        }
        for attempt in world.all::<Attempt>() {
            assert!(attempt.state.is_final(), "{attempt:?}");
        }
        for job in world.all::<Job>() {
            assert!(job.state.is(job::State::Done), "{job:?}");
        }
        let books = world.close_the_books();
        let (mut provider_minor, mut suspense_minor) = (0, 0);
        for payment in world.all::<Payment>() {
            let Some(object) = self.game.provider.objects.get(&payment.id) else {
                assert_eq!(payment.captured_minor, 0, "{payment:?}");
                continue;
            };
            assert!(object.captures <= 1, "charged twice: {payment:?}");
            provider_minor += object.taken_minor - object.returned_minor;
            if payment.state.is(payment::State::WrittenOff) {
                // A person wrote the payment off, and the provider captured it: a person returns the money.
                suspense_minor += object.taken_minor - object.returned_minor;
                assert_eq!(payment.captured_minor, 0, "{payment:?}");
                continue;
            }
            assert_eq!(payment.captured_minor, object.taken_minor, "{payment:?}");
            assert_eq!(payment.refunded_minor, object.returned_minor, "{payment:?}");
            assert_eq!(payment.refunding_minor, 0, "{payment:?}");
            let reserved = matches!(object.status, ProviderStatus::Authorized { .. });
            assert_eq!(payment.state.is(payment::State::Authorized), reserved, "{payment:?}");
        }
        let of = |name: &str| books.get(name).copied().unwrap_or_default();
        assert_eq!((of("provider"), -of("suspense")), (provider_minor, suspense_minor));
        self.bookings_have_their_money();
        self.nobody_is_called_in_vain();
    }

    fn bookings_have_their_money(&self) {
        let world = &self.game.world;
        let attempts = world.all::<Attempt>();
        for booking in world.all::<Booking>() {
            let payments = world.all::<Payment>().into_iter();
            let own: Vec<Payment> = payments.filter(|payment| payment.booking == Some(booking.id)).collect();
            let net: i64 = own.iter().map(|payment| payment.captured_minor - payment.refunded_minor).sum();
            let reserved = own.iter().any(|payment| payment.state.is(payment::State::Authorized));
            // A tenant may refund, or void, a payment.
            let by_tenant = attempts.iter().any(|attempt| {
                own.iter().any(|payment| payment.id == attempt.payment)
                    && attempt.key.is_some()
                    && matches!(attempt.kind, AttemptKind::Void | AttemptKind::Refund)
            });
            let refund_failed = attempts.iter().any(|attempt| {
                own.iter().any(|payment| payment.id == attempt.payment)
                    && attempt.kind == AttemptKind::Refund
                    && attempt.state.is(attempt::State::Declined)
            });
            let lapsed = own.iter().any(|payment| payment.state.is(payment::State::Lapsed));
            // A person decided on a discarded row.
            let discarded = |attempt: &Attempt| self.discarded.contains(&JobId::from(attempt.id));
            if attempts
                .iter()
                .any(|attempt| discarded(attempt) && own.iter().any(|payment| payment.id == attempt.payment))
            {
                continue;
            }
            match *booking.state {
                booking::State::Confirmed | booking::State::Completed | booking::State::NoShow => {
                    assert!(net > 0 || reserved || by_tenant || lapsed, "unpaid: {}", booking.id);
                }
                state => {
                    assert!(
                        matches!(state, booking::State::Expired | booking::State::Cancelled),
                        "{booking:?}"
                    );
                    let items = world.items_of(booking.id);
                    let penalty: i64 = items.iter().filter_map(BookingItem::penalty_minor).sum();
                    assert!(
                        (net <= penalty || refund_failed) && !reserved,
                        "its money stays: {booking:?}\n{own:#?}\n{attempts:#?}\n{:#?}",
                        world.reviews()
                    );
                }
            }
        }
    }

    /// With a correct provider no case is left for a person, except after one race: a payment is
    /// voided at the provider at the moment when its money is reserved there, and the booking gets
    /// the evidence of the money first.
    fn nobody_is_called_in_vain(&self) {
        for review in self.game.world.reviews() {
            let of_a_dead_job = self.odd
                && matches!(
                    review.reason.as_str(),
                    "job_is_dead"
                        | "provider_contradicts"
                        | "late_money_not_returned"
                        | "refund_succeeded_after_it_was_written_off"
                        | "cancellation_not_settled"
                );
            assert!(of_a_dead_job || review.reason == "authorization_lapsed", "{review:?}");
        }
    }
}

proptest::proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn every_history_ends_well(happenings in vec(happening(), 1..80)) {
        let mut history = History::new();
        for one in happenings {
            history.make(one);
        }
        history.calm();
        history.all_is_settled();
    }
}
