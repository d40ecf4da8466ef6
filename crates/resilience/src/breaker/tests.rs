use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::{SeedableRng as _, rngs::StdRng};

use super::*;

mod model;

const fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// A breaker that is told things one after the other.
struct DrivenBreaker {
    breaker: Breaker,
    rng: StdRng,
    now: Duration,
}

impl DrivenBreaker {
    fn new(settings: Settings) -> DrivenBreaker {
        settings.check().unwrap();
        DrivenBreaker { breaker: Breaker::new(settings), rng: StdRng::seed_from_u64(3), now: s(1_000) }
    }

    fn admit(&mut self) -> Result<Permit, Rejected> {
        self.breaker.pass(self.now, &mut self.rng);
        let before = self.breaker.room(self.now);
        let admitted = self.breaker.admit(self.now, &mut self.rng);
        assert_eq!(admitted.is_ok(), before != Some(0));
        assert_eq!(self.breaker.room(self.now), before.map(|room| room.saturating_sub(1)));
        admitted
    }

    fn report(&mut self, permit: Permit, health: Health) {
        self.breaker.report(permit, health, self.now, &mut self.rng);
    }

    fn call(&mut self, health: Health) {
        let permit = self.admit().expect("the circuit lets it through");
        self.report(permit, health);
    }

    fn call_about(&mut self, subject: BreakerSubject, health: Health) {
        let permit = self.admit().expect("the circuit lets it through").about(Some(subject));
        self.report(permit, health);
    }

    fn calls(&mut self, count: u32, health: Health) {
        for _ in 0..count {
            self.call(health);
        }
    }

    fn state(&self) -> BreakerState {
        self.breaker.state(self.now)
    }

    /// Opens it, and waits until it lets probes through.
    fn half_open(&mut self) {
        self.calls(20, Health::Bad);
        self.now += self.breaker.open_left(self.now);
        assert_eq!(self.state(), BreakerState::HalfOpen);
    }

    fn open_seconds(&self) -> f64 {
        self.breaker.open_left(self.now).as_secs_f64()
    }
}

fn driven() -> DrivenBreaker {
    DrivenBreaker::new(Settings::default())
}

#[test]
fn opens_at_the_share_and_not_before_the_minimum() {
    let check = |good: u32, bad: u32, expected: BreakerState| {
        let mut told = driven();
        told.calls(good, Health::Good);
        for _ in 0..bad {
            // The last failures may find it open already.
            if let Ok(permit) = told.admit() {
                told.report(permit, Health::Bad);
            }
        }
        assert_eq!(told.state(), expected, "{good} good, {bad} bad");
    };
    check(0, 19, BreakerState::Closed);
    check(0, 20, BreakerState::Open);
    check(10, 10, BreakerState::Open);
    check(11, 10, BreakerState::Closed);
    check(19, 1, BreakerState::Closed);
    check(500, 499, BreakerState::Closed);
    check(500, 500, BreakerState::Open);
}

#[test]
fn what_is_unclear_counts_for_nothing() {
    let mut told = driven();
    told.calls(100, Health::Unclear);
    assert_eq!(told.breaker.counted(told.now), (0, 0));
    told.calls(19, Health::Bad);
    assert_eq!(told.state(), BreakerState::Closed);
}

#[test]
fn old_failures_are_forgotten() {
    let mut told = driven();
    told.calls(19, Health::Bad);
    told.now += s(30);
    told.calls(19, Health::Bad);
    assert_eq!(told.state(), BreakerState::Closed);
    told.call(Health::Bad);
    assert_eq!(told.state(), BreakerState::Open);
}

#[test]
fn open_rejects_and_says_until_when() {
    let mut told = driven();
    told.calls(20, Health::Bad);
    let open = told.open_seconds();
    assert!((12.0..=18.0).contains(&open), "{open}");
    let rejected = told.admit().unwrap_err();
    assert_eq!(rejected.retry_after.as_secs_f64().to_bits(), open.to_bits());
    told.now += rejected.retry_after.saturating_sub(Duration::from_nanos(1));
    assert_eq!(told.admit(), Err(Rejected { retry_after: Duration::from_nanos(1) }));
    told.now += Duration::from_nanos(1);
    assert!(told.admit().is_ok());
}

#[test]
fn half_open_lets_three_probes_through_and_decides_when_all_are_back() {
    let check = |healths: [Health; 3], expected: BreakerState| {
        let mut told = driven();
        told.half_open();
        let probes: Vec<_> = (0..3).map(|_| told.admit().unwrap()).collect();
        assert_eq!(told.admit(), Err(Rejected { retry_after: PROBING_RETRY_AFTER }));
        for (probe, health) in probes.into_iter().zip(healths) {
            assert_eq!(told.state(), BreakerState::HalfOpen);
            assert!(told.admit().is_err(), "a probe that is back makes no room for a fourth");
            told.report(probe, health);
        }
        assert_eq!(told.state(), expected, "{healths:?}");
    };
    use Health::{Bad, Good};
    check([Good, Good, Good], BreakerState::Closed);
    check([Good, Bad, Good], BreakerState::Closed);
    check([Bad, Good, Bad], BreakerState::Open);
    check([Bad, Bad, Bad], BreakerState::Open);
}

#[test]
fn an_unclear_probe_gives_its_place_back() {
    let mut told = driven();
    told.half_open();
    let probes: Vec<_> = (0..3).map(|_| told.admit().unwrap()).collect();
    assert!(told.admit().is_err());
    for probe in probes {
        told.report(probe, Health::Unclear);
    }
    assert_eq!(told.state(), BreakerState::HalfOpen);
    told.calls(3, Health::Good);
    assert_eq!(told.state(), BreakerState::Closed);
}

#[test]
fn probes_that_never_come_back_have_failed() {
    let mut told = driven();
    told.half_open();
    let lost: Vec<_> = (0..3).map(|_| told.admit().unwrap()).collect();
    told.now += s(59);
    assert_eq!(told.admit(), Err(Rejected { retry_after: PROBING_RETRY_AFTER }));
    told.now += s(1);
    assert!(told.admit().is_err());
    assert_eq!(told.state(), BreakerState::Open, "and it is not wedged half-open");
    told.now += s(120);
    for probe in lost {
        told.report(probe, Health::Bad);
    }
    assert_eq!(told.state(), BreakerState::HalfOpen, "what they say now is of another generation");
    told.calls(3, Health::Good);
    assert_eq!(told.state(), BreakerState::Closed);
}

#[test]
fn open_times_double_to_their_cap_and_begin_anew_after_a_closing() {
    let mut told = driven();
    told.calls(20, Health::Bad);
    for expected in [15.0, 30.0, 60.0, 120.0, 120.0, 120.0] {
        let open = told.open_seconds();
        assert!((expected * 0.8..=expected * 1.2).contains(&open), "{open} is not about {expected}");
        told.now += told.breaker.open_left(told.now);
        told.calls(3, Health::Bad);
    }
    told.now += told.breaker.open_left(told.now);
    told.calls(3, Health::Good);
    told.calls(20, Health::Bad);
    assert!((12.0..=18.0).contains(&told.open_seconds()));
}

#[test]
fn open_times_are_spread() {
    let open_time = |seed: u64| {
        let mut told = DrivenBreaker { rng: StdRng::seed_from_u64(seed), ..driven() };
        told.calls(20, Health::Bad);
        told.breaker.open_left(told.now)
    };
    let mut times: Vec<_> = (0..100).map(open_time).collect();
    times.sort();
    times.dedup();
    assert!(times.len() > 95, "{} different open times in a hundred", times.len());
    let spread = times[times.len() - 1].saturating_sub(times[0]);
    assert!(spread > s(4), "the fleet would probe within {spread:?}");
}

#[test]
fn late_results_of_an_earlier_state_do_not_count() {
    let mut told = driven();
    let mut slow: Vec<_> = (0..60).map(|_| told.admit().unwrap()).collect();
    told.half_open();
    for permit in slow.drain(..30) {
        told.report(permit, Health::Bad);
    }
    assert_eq!((told.state(), told.breaker.counted(told.now)), (BreakerState::HalfOpen, (0, 0)));
    told.calls(3, Health::Good);
    for permit in slow {
        told.report(permit, Health::Bad);
    }
    assert_eq!((told.state(), told.breaker.counted(told.now)), (BreakerState::Closed, (0, 0)));
}

#[test]
fn every_move_is_told_once() {
    let mut told = driven();
    assert_eq!(told.breaker.take_move(), None);
    told.half_open();
    let opened = told.breaker.take_move().unwrap();
    assert_eq!((opened.from, opened.to), (BreakerState::Closed, BreakerState::Open));
    assert_eq!((opened.calls, opened.failures), (20, 20));
    assert!(opened.open_for.is_some());
    assert_eq!(told.breaker.take_move(), None);
    told.calls(3, Health::Good);
    let closed = told.breaker.take_move().unwrap();
    assert_eq!(
        (closed.from, closed.to, closed.open_for),
        (BreakerState::HalfOpen, BreakerState::Closed, None)
    );
}

#[test]
fn settings_have_their_limits() {
    let check = |accepted: bool, change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        assert_eq!(settings.check().is_ok(), accepted, "{settings:?}: {:?}", settings.check());
    };
    check(true, |_| ());
    check(true, |settings| settings.failure_share = 1.0);
    check(false, |settings| settings.failure_share = 0.0);
    check(false, |settings| settings.failure_share = 1.01);
    check(false, |settings| settings.failure_share = f64::NAN);
    check(false, |settings| settings.calls_min = 0);
    check(false, |settings| settings.calls_min = 10_001);
    check(false, |settings| settings.window = Duration::from_millis(999));
    check(false, |settings| settings.window = s(3_601));
    check(false, |settings| settings.open_base = Duration::from_millis(99));
    check(false, |settings| settings.open_base = s(121));
    check(false, |settings| settings.open_cap = s(3_601));
    check(false, |settings| settings.probes = 0);
    check(false, |settings| settings.probes = 101);
    check(false, |settings| settings.probe_patience = Duration::ZERO);
}

/// Counts moves by where they lead.
#[derive(Default)]
struct Moves {
    opened: AtomicU32,
    closed: AtomicU32,
}

impl crate::Observer for Moves {
    fn moved(&self, moved: &BreakerTransition) {
        let counter = match moved.to {
            BreakerState::Open => &self.opened,
            BreakerState::Closed => &self.closed,
            BreakerState::HalfOpen => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn many_threads_get_three_probes_and_one_opening() {
    const THREADS: usize = 8;
    let moves = Arc::new(Moves::default());
    let settings =
        Settings { open_base: Settings::OPEN_MIN, open_cap: Settings::OPEN_MIN, ..Settings::default() };
    let breaker = SharedBreaker::observed(settings, crate::Dice::seeded(1), moves.clone());
    let everywhere = |work: &(dyn Fn() -> u32 + Sync)| -> u32 {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        })
    };
    let failing =
        || (0..100).filter_map(|_| breaker.admit().ok()).map(|call| call.end(Health::Bad)).count() as u32;
    let out = everywhere(&failing);
    assert!(out >= 20, "{out}");
    assert_eq!(breaker.state(), BreakerState::Open);
    assert_eq!(moves.opened.load(Ordering::Relaxed), 1);
    let deadline = std::time::Instant::now() + s(10);
    while breaker.state() == BreakerState::Open {
        assert!(std::time::Instant::now() < deadline, "it stays open");
        std::thread::yield_now();
    }
    let probes = std::sync::Mutex::new(Vec::new());
    let probing = || {
        let calls: Vec<_> = (0..100).filter_map(|_| breaker.admit().ok()).collect();
        let count = calls.len() as u32;
        probes.lock().unwrap().extend(calls);
        count
    };
    assert_eq!(everywhere(&probing), 3);
    // One caller goes away without a word: its place is free again, and no more than its own.
    let mut probes = probes.into_inner().unwrap();
    drop(probes.pop());
    probes.push(breaker.admit().ok().unwrap());
    assert!(breaker.admit().is_err());
    for call in probes {
        call.end(Health::Good);
    }
    assert_eq!((breaker.state(), moves.closed.load(Ordering::Relaxed)), (BreakerState::Closed, 1));
    assert_eq!(breaker.snapshot().calls, 0);
}

/// However often one payment is tried: it is one witness, and the circuit is the account's.
#[test]
fn one_subject_opens_nothing() {
    let mut told = driven();
    for _ in 0..200 {
        told.call_about(1, Health::Bad);
        told.call_about(2, Health::Bad);
    }
    assert_eq!(told.breaker.counted(told.now), (2, 2));
    assert_eq!(told.state(), BreakerState::Closed);
    for subject in 3..=20 {
        assert_eq!(told.state(), BreakerState::Closed);
        told.call_about(subject, Health::Bad);
    }
    assert_eq!(told.state(), BreakerState::Open, "many are the dependency's");
}

#[test]
fn a_subject_that_fared_well_and_badly_counts_as_both() {
    let mut told = driven();
    for _ in 0..50 {
        told.call_about(1, Health::Good);
        told.call_about(1, Health::Bad);
    }
    assert_eq!(told.breaker.counted(told.now), (2, 1));
    told.now += s(40);
    told.call_about(1, Health::Bad);
    assert_eq!(told.breaker.counted(told.now), (1, 1), "what is past is forgotten");
}

#[test]
fn one_subject_does_not_fail_all_probes() {
    let mut told = driven();
    told.half_open();
    for _ in 0..20 {
        told.call_about(1, Health::Bad);
    }
    assert_eq!(told.state(), BreakerState::HalfOpen);
    told.call_about(2, Health::Good);
    told.call_about(3, Health::Good);
    assert_eq!(told.state(), BreakerState::Closed);
}
