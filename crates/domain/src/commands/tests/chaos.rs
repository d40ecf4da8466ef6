//! Random histories: clients, workers, a bad network, webhooks in any order, and jumps of the
//! clock. Every law holds after every command; and once all is delivered, all is settled.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any};
use std::boxed::Box;
use std::collections::BTreeSet;
use std::vec::Vec;

use super::dead_letters::decided;
use super::driver::{Chaos, Game};
use super::operate::resolution;
use super::shop::{LEASE, PRICE, Shop};
use super::teller::{News, ProviderModel};
use super::world::CommandResult;
use crate::commands::{
    CancelHold, ClaimJobs, DeadLetterRef, DiscardDeadLetter, RetryDeadLetter, StartPayment,
};
use crate::idempotency::KeyProgress;
use crate::jobs::JobKinds;
use crate::lifecycle::{State as _, attempt, booking, job, payment};
use crate::limits::{JOB_ATTEMPTS_MAX, OPERATION_DEADLINE_SECONDS};
use crate::provider::ProviderStatus;
use crate::reply::{ClaimedJob, Reply};
use crate::rows::{Attempt, AttemptKind, Booking, Capture, Job, Key, Payment};
use crate::time::Span;
use crate::working_set::Command;
use crate::{BookingId, JobId, PaymentId, Timestamp};

/// What happens, to which of those there are, and what goes wrong meanwhile.
type Move = (u8, u8, Vec<u8>);

/// The random part stays well inside the deadline of an operation, so that what is unknown when it
/// ends is looked up in time.
const RANDOM_SECONDS_MAX: i64 = 45 * 60;

struct History {
    game: Game,
    started_at: Timestamp,
    /// What clients asked for; they may ask again.
    asked: Vec<Box<dyn Command>>,
    delivered: Vec<News>,
    /// Dead jobs that a person has decided on.
    looked_at: BTreeSet<JobId>,
    discarded: BTreeSet<JobId>,
    /// A person had to look: a job was worn out, or somebody acted at the provider.
    odd: bool,
}

fn pick<T: Copy>(of: &[T], which: u8) -> Option<T> {
    (!of.is_empty()).then(|| of[usize::from(which) % of.len()])
}

impl History {
    fn new() -> History {
        let shop = Shop::new(4);
        let started_at = shop.now;
        let game =
            Game { shop, teller: ProviderModel::default(), chaos: Chaos::default(), zombies: Vec::new() };
        History {
            game,
            started_at,
            asked: Vec::new(),
            delivered: Vec::new(),
            looked_at: BTreeSet::new(),
            discarded: BTreeSet::new(),
            odd: false,
        }
    }

    fn bookings(&self) -> Vec<BookingId> {
        self.game.shop.all::<Booking>().iter().map(|booking| booking.id).collect()
    }
    fn payments(&self) -> Vec<PaymentId> {
        self.game.shop.all::<Payment>().iter().map(|payment| payment.id).collect()
    }

    /// A client asks. A server that took a lease drives at once.
    fn ask(&mut self, command: impl Command + 'static) {
        if let CommandResult::Fresh(reply) = self.game.shop.run(&command)
            && let Reply::Started(started) = *reply
        {
            self.game.drive(&started);
        }
        self.asked.push(Box::new(command));
    }

    fn make(&mut self, (kind, which, faults): &Move) {
        self.game.chaos = Chaos(faults.clone());
        let (which, odd) = (*which, which % 2 == 1);
        match kind % 19 {
            0 => {
                let mut command = self.game.shop.reserve_command(i64::from(which % 3) + 1);
                command.customer.email = std::format!("{}@example.com", which % 5);
                self.ask(command);
            }
            1 | 2 => {
                let Some(booking) = pick(&self.bookings(), which) else { return };
                let capture = if kind % 2 == 1 { Capture::Manual } else { Capture::Automatic };
                let command = StartPayment { capture, ..self.game.shop.pay_command(booking) };
                self.ask(command);
            }
            3 => {
                let Some(booking) = pick(&self.bookings(), which) else { return };
                let claim = self.game.shop.claim();
                self.ask(CancelHold { claim, booking });
            }
            4 => {
                let Some(payment) = pick(&self.payments(), which) else { return };
                let amount = odd.then_some(PRICE / 2);
                let command = self.game.shop.capture_command(payment, amount);
                self.ask(command);
            }
            5 => {
                let Some(payment) = pick(&self.payments(), which) else { return };
                let command = self.game.shop.void_command(payment);
                self.ask(command);
            }
            6 => {
                let Some(payment) = pick(&self.payments(), which) else { return };
                let command = self.game.shop.refund_command(payment, odd.then_some(PRICE / 4));
                self.ask(command);
            }
            7 | 8 => _ = self.work(1),
            9 | 10 => self.deliver_one(which, odd),
            11 => {
                let objects: Vec<PaymentId> = self.game.teller.objects.keys().copied().collect();
                let Some(payment) = pick(&objects, which) else { return };
                self.game.teller.conclude(payment, !odd);
            }
            12 => {
                let seconds = [1, 31, 400, 901][usize::from(which) % 4];
                let now = self.game.shop.now.plus(Span::seconds(seconds));
                if now.since(self.started_at) < Span::seconds(RANDOM_SECONDS_MAX) {
                    self.game.shop.now = now;
                }
            }
            13 => _ = self.game.shop.expire(),
            16 => self.wear_out(which),
            17 => self.decide_on_one(which, odd),
            18 => {
                let Some(payment) = pick(&self.payments(), which) else { return };
                self.game.teller.by_hand(payment, self.game.chaos.next());
                self.odd = true;
            }
            14 => {
                if !self.asked.is_empty() {
                    let again = self.asked.remove(usize::from(which) % self.asked.len());
                    self.ask_again(&*again);
                    self.asked.push(again);
                }
            }
            _ => {
                if !self.game.zombies.is_empty() {
                    let zombie = self.game.zombies.remove(usize::from(which) % self.game.zombies.len());
                    self.game.run_system(&*zombie);
                }
            }
        }
    }

    /// The same request once more: whatever it answers, it does nothing again.
    fn ask_again(&mut self, command: &dyn Command) {
        let known = self.game.shop.find::<Key>(command.claim().unwrap().key).is_some();
        let (payments, bookings) = (self.payments().len(), self.bookings().len());
        let answer = self.game.shop.run(command);
        if known {
            assert!(matches!(answer, CommandResult::Replay { .. } | CommandResult::InFlight), "{answer:?}");
            assert_eq!((self.payments().len(), self.bookings().len()), (payments, bookings));
        }
    }

    /// A job has killed its workers so often that the next claim is its last.
    fn wear_out(&mut self, which: u8) {
        let jobs = self.game.shop.all::<Job>().into_iter();
        let open: Vec<JobId> = jobs.filter(|job| job.state.is(job::State::Ready)).map(|job| job.id).collect();
        let Some(id) = pick(&open, which) else { return };
        let job: Job = self.game.shop.get(id);
        let now = self.game.shop.now;
        self.odd = true;
        self.game.shop.set(&Job { attempts: JOB_ATTEMPTS_MAX, due_at: now, ..job });
    }

    fn dead(&self) -> Vec<JobId> {
        let jobs = self.game.shop.all::<Job>().into_iter();
        jobs.filter(|job| job.state.is(job::State::Dead)).map(|job| job.id).collect()
    }

    /// A person looks at a dead job.
    fn decide_on_one(&mut self, which: u8, discard: bool) {
        if let Some(job) = pick(&self.dead(), which) {
            self.decide_on(job, discard);
        }
    }

    fn decide_on(&mut self, job: JobId, discard: bool) {
        let decided = decided(DeadLetterRef::Job(job));
        self.looked_at.insert(job);
        if discard {
            self.discarded.insert(job);
            self.game.shop.run(&DiscardDeadLetter(decided)).reply();
        } else {
            self.game.shop.run(&RetryDeadLetter(decided)).reply();
        }
    }

    fn deliver_one(&mut self, which: u8, again: bool) {
        let from = if again { &mut self.delivered } else { &mut self.game.teller.news };
        if from.is_empty() {
            return;
        }
        let news = from.remove(usize::from(which) % from.len());
        self.game.deliver(&news);
        self.delivered.push(news);
    }

    fn due(&self) -> Vec<JobId> {
        let now = self.game.shop.now;
        let jobs = self.game.shop.all::<Job>().into_iter();
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

    /// The network is well again: everything is delivered and retried.
    fn calm(&mut self) {
        self.game.chaos = Chaos::default();
        let processing: Vec<PaymentId> = self
            .game
            .teller
            .objects
            .iter()
            .filter(|(_, object)| object.status == ProviderStatus::Processing)
            .map(|(id, _)| *id)
            .collect();
        for payment in processing {
            self.game.teller.conclude(payment, true);
        }
        for place in 0..self.game.teller.returns.len() {
            self.game.teller.pay_back(place);
        }
        for _ in 0..2_000 {
            while let Some(zombie) = self.game.zombies.pop() {
                self.game.run_system(&*zombie);
            }
            // One that is ahead of what is known comes again.
            for _ in 0..self.game.teller.news.len() {
                self.deliver_one(0, false);
            }
            self.game.shop.expire();
            if self.work(100) > 0 {
                continue;
            }
            // What dies once more is given up.
            if let Some(job) = self.dead().first().copied() {
                self.decide_on(job, self.looked_at.contains(&job));
                continue;
            }
            // Nor is what only a person can settle.
            if self.resolve_one() {
                continue;
            }
            let jobs = self.game.shop.all::<Job>().into_iter();
            let open = jobs.filter(|job| matches!(*job.state, job::State::Ready | job::State::Running));
            let bookings = self.game.shop.all::<Booking>().into_iter();
            let held = bookings.filter(|booking| booking.state.is(booking::State::Held));
            let next = open.map(|job| job.due_at).chain(held.map(|booking| booking.sweep_at)).min();
            let Some(next) = next else {
                if self.game.teller.news.is_empty() {
                    return;
                }
                continue;
            };
            let soon = self.game.shop.now.plus(Span::seconds(10));
            self.game.shop.now = next.max(soon);
        }
        panic!("it never comes to rest");
    }

    /// A person closes a case of an attempt that was handed over, when its time is long over.
    fn resolve_one(&mut self) -> bool {
        let cases = self.game.shop.reviews().into_iter();
        let Some(case) = cases.filter(|case| case.attempt.is_some()).find(|case| {
            self.game.shop.now.since(case.opened_at) > Span::seconds(OPERATION_DEADLINE_SECONDS)
        }) else {
            return false;
        };
        let attempt = case.attempt.unwrap();
        if self.game.shop.get::<Attempt>(attempt).state.is(attempt::State::Review) {
            self.discarded.insert(JobId::from(attempt));
        }
        self.game.shop.run(&resolution(&case)).reply();
        true
    }

    fn all_is_settled(&mut self) {
        let shop = &mut self.game.shop;
        for key in shop.all::<Key>() {
            assert_eq!(key.progress, KeyProgress::Finished, "{key:?}");
        }
        for attempt in shop.all::<Attempt>() {
            assert!(attempt.state.is_final(), "{attempt:?}");
        }
        for job in shop.all::<Job>() {
            assert!(job.state.is(job::State::Done), "{job:?}");
        }
        let books = shop.close_the_books();
        let (mut provider_minor, mut suspense_minor) = (0, 0);
        for payment in shop.all::<Payment>() {
            let Some(object) = self.game.teller.objects.get(&payment.id) else {
                assert_eq!(payment.captured_minor, 0, "{payment:?}");
                continue;
            };
            assert!(object.captures <= 1, "charged twice: {payment:?}");
            provider_minor += object.taken_minor - object.returned_minor;
            if payment.state.is(payment::State::WrittenOff) {
                // A person said that nobody knows, and the provider took it: a person sends it back.
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
        let shop = &self.game.shop;
        let attempts = shop.all::<Attempt>();
        for booking in shop.all::<Booking>() {
            let payments = shop.all::<Payment>().into_iter();
            let own: Vec<Payment> = payments.filter(|payment| payment.booking == Some(booking.id)).collect();
            let net: i64 = own.iter().map(|payment| payment.captured_minor - payment.refunded_minor).sum();
            let reserved = own.iter().any(|payment| payment.state.is(payment::State::Authorized));
            // A tenant may send back, or let go, what it was paid.
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
            // What a person discarded is a person's.
            let discarded = |attempt: &Attempt| self.discarded.contains(&JobId::from(attempt.id));
            if attempts
                .iter()
                .any(|attempt| discarded(attempt) && own.iter().any(|payment| payment.id == attempt.payment))
            {
                continue;
            }
            match *booking.state {
                booking::State::Confirmed => {
                    assert!(net > 0 || reserved || by_tenant || lapsed, "unpaid: {}", booking.id);
                }
                state => {
                    assert!(
                        matches!(state, booking::State::Expired | booking::State::Cancelled),
                        "{booking:?}"
                    );
                    assert!(
                        (net == 0 || refund_failed) && !reserved,
                        "its money stays: {booking:?}\n{own:#?}\n{attempts:#?}\n{:#?}",
                        shop.reviews()
                    );
                }
            }
        }
    }

    /// A lawful provider leaves nothing to a person, but for one race: a payment is called off at
    /// the provider in the moment when its money is reserved there, and the booking learns first of
    /// the money.
    fn nobody_is_called_in_vain(&self) {
        for review in self.game.shop.reviews() {
            let of_a_dead_job = self.odd
                && matches!(
                    review.reason.as_str(),
                    "job_is_dead"
                        | "provider_contradicts"
                        | "late_money_not_returned"
                        | "refund_succeeded_after_it_was_written_off"
                );
            assert!(of_a_dead_job || review.reason == "authorization_lapsed", "{review:?}");
        }
    }
}

proptest::proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn every_history_ends_well(moves in vec((any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..8)), 1..80)) {
        let mut history = History::new();
        for one in &moves {
            history.make(one);
        }
        history.calm();
        history.all_is_settled();
    }
}
