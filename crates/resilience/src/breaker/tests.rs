use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::{SeedableRng as _, rngs::StdRng};

use super::*;

mod model;

const fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// A breaker and its clock, driven step by step.
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
        self.breaker.advance(self.now, &mut self.rng);
        let before = self.breaker.permits_left(self.now);
        let admitted = self.breaker.admit(self.now, &mut self.rng);
        assert_eq!(admitted.is_ok(), before != Some(0));
        assert_eq!(self.breaker.permits_left(self.now), before.map(|permits| permits.saturating_sub(1)));
        admitted
    }

    fn report(&mut self, permit: Permit, health: Health) {
        self.breaker.report(permit, health, self.now, &mut self.rng);
    }

    fn call(&mut self, health: Health) {
        let permit = self.admit().expect("the circuit admits the call");
        self.report(permit, health);
    }

    fn call_about(&mut self, subject: BreakerSubject, health: Health) {
        let permit = self.admit().expect("the circuit admits the call").about(Some(subject));
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

    /// Opens the circuit and waits until it admits probes.
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
fn opens_at_the_failure_share_but_not_below_the_minimum() {
    let check = |good: u32, bad: u32, expected: BreakerState| {
        let mut driver = driven();
        driver.calls(good, Health::Good);
        for _ in 0..bad {
            // The last failures may find it open already.
            if let Ok(permit) = driver.admit() {
                driver.report(permit, Health::Bad);
            }
        }
        assert_eq!(driver.state(), expected, "{good} good, {bad} bad");
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
fn unclear_results_are_not_counted() {
    let mut driver = driven();
    driver.calls(100, Health::Unclear);
    assert_eq!(driver.breaker.counted(driver.now), (0, 0));
    driver.calls(19, Health::Bad);
    assert_eq!(driver.state(), BreakerState::Closed);
}

#[test]
fn old_failures_are_forgotten() {
    let mut driver = driven();
    driver.calls(19, Health::Bad);
    driver.now += s(30);
    driver.calls(19, Health::Bad);
    assert_eq!(driver.state(), BreakerState::Closed);
    driver.call(Health::Bad);
    assert_eq!(driver.state(), BreakerState::Open);
}

#[test]
fn an_open_circuit_rejects_and_says_until_when() {
    let mut driver = driven();
    driver.calls(20, Health::Bad);
    let open = driver.open_seconds();
    assert!((12.0..=18.0).contains(&open), "{open}");
    let rejected = driver.admit().unwrap_err();
    assert_eq!(rejected.retry_after.as_secs_f64().to_bits(), open.to_bits());
    driver.now += rejected.retry_after.saturating_sub(Duration::from_nanos(1));
    assert_eq!(driver.admit(), Err(Rejected { retry_after: Duration::from_nanos(1) }));
    driver.now += Duration::from_nanos(1);
    assert!(driver.admit().is_ok());
}

#[test]
fn half_open_admits_three_probes_and_decides_when_all_have_ended() {
    let check = |healths: [Health; 3], expected: BreakerState| {
        let mut driver = driven();
        driver.half_open();
        let probes: Vec<_> = (0..3).map(|_| driver.admit().unwrap()).collect();
        assert_eq!(driver.admit(), Err(Rejected { retry_after: PROBING_RETRY_AFTER }));
        for (probe, health) in probes.into_iter().zip(healths) {
            assert_eq!(driver.state(), BreakerState::HalfOpen);
            assert!(driver.admit().is_err(), "a probe that has ended leaves no permit for a fourth");
            driver.report(probe, health);
        }
        assert_eq!(driver.state(), expected, "{healths:?}");
    };
    use Health::{Bad, Good};
    check([Good, Good, Good], BreakerState::Closed);
    check([Good, Bad, Good], BreakerState::Closed);
    check([Bad, Good, Bad], BreakerState::Open);
    check([Bad, Bad, Bad], BreakerState::Open);
}

#[test]
fn an_unclear_probe_gives_its_permit_back() {
    let mut driver = driven();
    driver.half_open();
    let probes: Vec<_> = (0..3).map(|_| driver.admit().unwrap()).collect();
    assert!(driver.admit().is_err());
    for probe in probes {
        driver.report(probe, Health::Unclear);
    }
    assert_eq!(driver.state(), BreakerState::HalfOpen);
    driver.calls(3, Health::Good);
    assert_eq!(driver.state(), BreakerState::Closed);
}

#[test]
fn probes_that_never_end_count_as_failed() {
    let mut driver = driven();
    driver.half_open();
    let lost: Vec<_> = (0..3).map(|_| driver.admit().unwrap()).collect();
    driver.now += s(59);
    assert_eq!(driver.admit(), Err(Rejected { retry_after: PROBING_RETRY_AFTER }));
    driver.now += s(1);
    assert!(driver.admit().is_err());
    assert_eq!(driver.state(), BreakerState::Open, "it does not stay half-open");
    driver.now += s(120);
    for probe in lost {
        driver.report(probe, Health::Bad);
    }
    assert_eq!(driver.state(), BreakerState::HalfOpen, "their reports are from an earlier generation");
    driver.calls(3, Health::Good);
    assert_eq!(driver.state(), BreakerState::Closed);
}

#[test]
fn open_times_double_up_to_their_cap_and_start_again_after_closing() {
    let mut driver = driven();
    driver.calls(20, Health::Bad);
    for expected in [15.0, 30.0, 60.0, 120.0, 120.0, 120.0] {
        let open = driver.open_seconds();
        assert!((expected * 0.8..=expected * 1.2).contains(&open), "{open} is not about {expected}");
        driver.now += driver.breaker.open_left(driver.now);
        driver.calls(3, Health::Bad);
    }
    driver.now += driver.breaker.open_left(driver.now);
    driver.calls(3, Health::Good);
    driver.calls(20, Health::Bad);
    assert!((12.0..=18.0).contains(&driver.open_seconds()));
}

#[test]
fn open_times_are_spread() {
    let open_time = |seed: u64| {
        let mut driver = DrivenBreaker { rng: StdRng::seed_from_u64(seed), ..driven() };
        driver.calls(20, Health::Bad);
        driver.breaker.open_left(driver.now)
    };
    let mut times: Vec<_> = (0..100).map(open_time).collect();
    times.sort();
    times.dedup();
    assert!(times.len() > 95, "{} different open times in a hundred", times.len());
    let spread = times[times.len() - 1].saturating_sub(times[0]);
    assert!(spread > s(4), "all processes would probe within {spread:?}");
}

#[test]
fn late_results_of_an_earlier_state_do_not_count() {
    let mut driver = driven();
    let mut slow: Vec<_> = (0..60).map(|_| driver.admit().unwrap()).collect();
    driver.half_open();
    for permit in slow.drain(..30) {
        driver.report(permit, Health::Bad);
    }
    assert_eq!((driver.state(), driver.breaker.counted(driver.now)), (BreakerState::HalfOpen, (0, 0)));
    driver.calls(3, Health::Good);
    for permit in slow {
        driver.report(permit, Health::Bad);
    }
    assert_eq!((driver.state(), driver.breaker.counted(driver.now)), (BreakerState::Closed, (0, 0)));
}

#[test]
fn every_transition_is_returned_once() {
    let mut driver = driven();
    assert_eq!(driver.breaker.take_transition(), None);
    driver.half_open();
    let opened = driver.breaker.take_transition().unwrap();
    assert_eq!((opened.from, opened.to), (BreakerState::Closed, BreakerState::Open));
    assert_eq!((opened.calls, opened.failures), (20, 20));
    assert!(opened.open_for.is_some());
    assert_eq!(driver.breaker.take_transition(), None);
    driver.calls(3, Health::Good);
    let closed = driver.breaker.take_transition().unwrap();
    assert_eq!(
        (closed.from, closed.to, closed.open_for),
        (BreakerState::HalfOpen, BreakerState::Closed, None)
    );
}

#[test]
fn settings_outside_their_limits_are_refused() {
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

/// Counts transitions by their target state.
#[derive(Default)]
struct TransitionCounts {
    opened: AtomicU32,
    closed: AtomicU32,
}

impl crate::Observer for TransitionCounts {
    fn state_changed(&self, transition: &BreakerTransition) {
        let counter = match transition.to {
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
    let transitions = Arc::new(TransitionCounts::default());
    let settings =
        Settings { open_base: Settings::OPEN_MIN, open_cap: Settings::OPEN_MIN, ..Settings::default() };
    let breaker = SharedBreaker::observed(settings, crate::SharedRng::seeded(1), transitions.clone());
    let on_all_threads = |work: &(dyn Fn() -> u32 + Sync)| -> u32 {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        })
    };
    let failing =
        || (0..100).filter_map(|_| breaker.admit().ok()).map(|call| call.end(Health::Bad)).count() as u32;
    let out = on_all_threads(&failing);
    assert!(out >= 20, "{out}");
    assert_eq!(breaker.state(), BreakerState::Open);
    assert_eq!(transitions.opened.load(Ordering::Relaxed), 1);
    let deadline = std::time::Instant::now() + s(10);
    while breaker.state() == BreakerState::Open {
        assert!(std::time::Instant::now() < deadline, "the circuit stays open");
        std::thread::yield_now();
    }
    let probes = parking_lot::Mutex::new(Vec::new());
    let probing = || {
        let calls: Vec<_> = (0..100).filter_map(|_| breaker.admit().ok()).collect();
        let count = calls.len() as u32;
        probes.lock().extend(calls);
        count
    };
    assert_eq!(on_all_threads(&probing), 3);
    // One caller drops its call without a report. That frees its own permit and no other.
    let mut probes = probes.into_inner();
    drop(probes.pop());
    probes.push(breaker.admit().ok().unwrap());
    assert!(breaker.admit().is_err());
    for call in probes {
        call.end(Health::Good);
    }
    assert_eq!((breaker.state(), transitions.closed.load(Ordering::Relaxed)), (BreakerState::Closed, 1));
    assert_eq!(breaker.snapshot().calls, 0);
}

/// One payment counts once, however often it is tried: the circuit belongs to the account.
#[test]
fn one_subject_does_not_open_the_circuit() {
    let mut driver = driven();
    for _ in 0..200 {
        driver.call_about(1, Health::Bad);
        driver.call_about(2, Health::Bad);
    }
    assert_eq!(driver.breaker.counted(driver.now), (2, 2));
    assert_eq!(driver.state(), BreakerState::Closed);
    for subject in 3..=20 {
        assert_eq!(driver.state(), BreakerState::Closed);
        driver.call_about(subject, Health::Bad);
    }
    assert_eq!(driver.state(), BreakerState::Open, "many failed subjects mean that the dependency fails");
}

#[test]
fn a_subject_with_successes_and_failures_counts_as_both() {
    let mut driver = driven();
    for _ in 0..50 {
        driver.call_about(1, Health::Good);
        driver.call_about(1, Health::Bad);
    }
    assert_eq!(driver.breaker.counted(driver.now), (2, 1));
    driver.now += s(40);
    driver.call_about(1, Health::Bad);
    assert_eq!(driver.breaker.counted(driver.now), (1, 1), "old calls no longer count");
}

#[test]
fn one_subject_does_not_fail_all_probes() {
    let mut driver = driven();
    driver.half_open();
    for _ in 0..20 {
        driver.call_about(1, Health::Bad);
    }
    assert_eq!(driver.state(), BreakerState::HalfOpen);
    driver.call_about(2, Health::Good);
    driver.call_about(3, Health::Good);
    assert_eq!(driver.state(), BreakerState::Closed);
}
