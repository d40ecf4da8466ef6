//! For any history, the breaker does what a naive model does, and always closes again.

use proptest::prelude::*;

use super::*;
use crate::breaker::window::SLOTS;

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u32),
    Call(Health, Option<BreakerSubject>),
    /// A call goes out; its result is reported later, or never.
    Begin,
    End(usize, Health),
}

fn health() -> impl Strategy<Value = Health> {
    prop_oneof![3 => Just(Health::Good), 4 => Just(Health::Bad), 1 => Just(Health::Unclear)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..6_000u32).prop_map(Step::Wait),
        8 => (health(), proptest::option::of(0..4_u64)).prop_map(|(health, about)| Step::Call(health, about)),
        3 => Just(Step::Begin),
        3 => (any::<usize>(), health()).prop_map(|(which, health)| Step::End(which, health)),
    ]
}

/// A naive breaker: every call and every probe is a row. It has no randomness: it takes each open
/// time from the breaker and checks its bounds.
struct Model {
    generation: u32,
    state: BreakerState,
    calls: Vec<(Duration, Option<BreakerSubject>, bool)>,
    probes: Vec<(u32, Duration)>,
    results: Vec<bool>,
    failed: Vec<BreakerSubject>,
    until: Duration,
    openings: u32,
}

struct Run {
    driver: DrivenBreaker,
    model: Model,
    out: Vec<(Permit, u32, Option<Duration>)>,
}

impl Run {
    fn new() -> Run {
        let settings = Settings {
            calls_min: 5,
            window: s(10),
            open_base: s(2),
            open_cap: s(10),
            probe_patience: s(5),
            ..Settings::default()
        };
        let model = Model {
            generation: 0,
            state: BreakerState::Closed,
            calls: Vec::new(),
            probes: Vec::new(),
            results: Vec::new(),
            failed: Vec::new(),
            until: Duration::ZERO,
            openings: 0,
        };
        Run { driver: DrivenBreaker::new(settings), model, out: Vec::new() }
    }

    fn enter(&mut self, state: BreakerState) {
        self.model.generation += 1;
        self.model.state = state;
        self.model.calls.clear();
        self.model.probes.clear();
        self.model.results.clear();
        self.model.failed.clear();
    }

    /// Called after each use of the breaker, which may have just opened.
    fn open(&mut self) {
        let now = self.driver.now;
        let doubled = (2.0 * f64::from(1u32 << self.model.openings.min(10))).min(10.0);
        let open = self.driver.open_seconds();
        assert!((doubled * 0.8..=doubled * 1.2).contains(&open), "open for {open}, {doubled} expected");
        self.model.openings += 1;
        self.model.until = now + self.driver.breaker.open_left(now);
        self.enter(BreakerState::Open);
    }

    fn judge_probes(&mut self) {
        let results = self.model.results.len();
        if self.model.state != BreakerState::HalfOpen || results < 3 {
            return;
        }
        if self.model.results.iter().filter(|failed| **failed).count() * 2 >= results {
            self.open();
        } else {
            self.model.openings = 0;
            self.enter(BreakerState::Closed);
        }
    }

    fn live(&self) -> Vec<(Option<BreakerSubject>, bool)> {
        let slot = |at: Duration| at.as_nanos() / (s(10).as_nanos() / u128::from(SLOTS));
        let current = slot(self.driver.now);
        let live = self.model.calls.iter().filter(|(at, ..)| slot(*at) + u128::from(SLOTS) > current);
        live.map(|(_, about, failed)| (*about, *failed)).collect()
    }

    fn judge_window(&mut self) {
        let live = self.live();
        let failures = live.iter().filter(|(_, failed)| *failed).count();
        if self.model.state == BreakerState::Closed && live.len() >= 5 && failures * 2 >= live.len() {
            self.open();
        }
    }

    fn advance(&mut self) {
        let now = self.driver.now;
        if self.model.state == BreakerState::Open && self.model.until <= now {
            self.enter(BreakerState::HalfOpen);
        }
        let before = self.model.probes.len();
        self.model.probes.retain(|(_, since)| now.saturating_sub(*since) < s(5));
        self.model.results.extend(std::iter::repeat_n(true, before - self.model.probes.len()));
        self.judge_probes();
    }

    fn begin(&mut self) -> bool {
        let now = self.driver.now;
        let admitted = self.driver.admit();
        self.advance();
        let has_permit = self.model.probes.len() + self.model.results.len() < 3;
        let expected = match self.model.state {
            BreakerState::Closed => true,
            BreakerState::Open => false,
            BreakerState::HalfOpen => has_permit,
        };
        assert_eq!(admitted.is_ok(), expected, "{admitted:?} in {:?}", self.model.state);
        match admitted {
            Ok(permit) => {
                let probe = (self.model.state == BreakerState::HalfOpen).then_some(now);
                if let Some(since) = probe {
                    self.model.probes.push((self.model.generation, since));
                }
                self.out.push((permit, self.model.generation, probe));
                true
            }
            Err(rejected) => {
                assert!(!rejected.retry_after.is_zero() && rejected.retry_after <= s(12), "{rejected:?}");
                false
            }
        }
    }

    fn end(&mut self, which: usize, health: Health, about: Option<BreakerSubject>) {
        if self.out.is_empty() {
            return;
        }
        let (permit, generation, probe) = self.out.swap_remove(which % self.out.len());
        self.driver.report(permit.about(about), health);
        self.advance();
        if generation == self.model.generation && self.model.state == BreakerState::Closed {
            let failed = health == Health::Bad;
            let known = about.is_some() && self.live().contains(&(about, failed));
            if health != Health::Unclear && !known {
                self.model.calls.push((self.driver.now, about, failed));
            }
        } else if let Some(since) = probe.filter(|_| generation == self.model.generation)
            && let Some(position) = self.model.probes.iter().position(|(_, at)| *at == since)
        {
            self.model.probes.swap_remove(position);
            let known = about.is_some_and(|about| self.model.failed.contains(&about));
            match health {
                Health::Good => self.model.results.push(false),
                Health::Bad if !known => {
                    self.model.results.push(true);
                    self.model.failed.extend(about);
                }
                Health::Bad | Health::Unclear => {}
            }
        }
        self.judge_window();
        self.judge_probes();
    }
}

proptest! {
    #[test]
    fn does_what_the_model_does(steps in proptest::collection::vec(step(), 0..200)) {
        let mut run = Run::new();
        for step in steps {
            match step {
                Step::Wait(ms) => run.driver.now += Duration::from_millis(u64::from(ms)),
                Step::Call(health, about) => {
                    if run.begin() {
                        run.end(run.out.len() - 1, health, about);
                    }
                }
                Step::Begin => { run.begin(); }
                Step::End(which, health) => run.end(which, health, None),
            }
            let since = run.model.state;
            let due = since == BreakerState::Open && run.model.until <= run.driver.now;
            prop_assert_eq!(run.driver.state(), if due { BreakerState::HalfOpen } else { since });
        }
    }

    /// Whatever happens, half an hour of good replies closes the circuit.
    #[test]
    fn good_replies_always_close_it_again(steps in proptest::collection::vec(step(), 0..100)) {
        let mut run = Run::new();
        for step in steps {
            match step {
                Step::Wait(ms) => run.driver.now += Duration::from_millis(u64::from(ms)),
                Step::Call(..) | Step::Begin => { run.begin(); }
                Step::End(which, health) => run.end(which, health, None),
            }
        }
        for _ in 0..1_800 {
            run.driver.now += s(1);
            if let Ok(permit) = run.driver.admit() {
                run.driver.report(permit, Health::Good);
            }
        }
        prop_assert_eq!(run.driver.state(), BreakerState::Closed);
    }
}
