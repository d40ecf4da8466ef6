//! The circuit breaker of one dependency.
//!
//! | state | a call | leaves it when |
//! |---|---|---|
//! | closed | goes out, and is counted once per subject in a window of time | at least `calls_min` calls are counted and a share of `failure_share` failed: open |
//! | open | is rejected with the time until the next try | the open time is over: half-open |
//! | half-open | goes out if it is one of `probes`; others are rejected | all probes have ended: closed, or open again for twice as long if the share of them failed |
//!
//! A probe that does not end within `probe_patience` counts as failed, so a caller that vanished
//! blocks nobody. Every change of state begins a new generation. A report of a call from an earlier
//! generation says nothing about the present and is not counted.
//!
//! **Subjects, not calls.** A caller may name the subject of its call ([`Permit::about`]). All
//! calls about one subject count as one: an object that a dependency cannot process says nothing
//! about other objects.
//!
//! **A window of time and a small minimum**, because one account may make few calls at a provider.
//! A window of a hundred calls would need an hour to notice an outage, and another hour to forget
//! it.

mod shared;
mod window;

use std::time::Duration;

use rand::{Rng, RngExt as _};
pub use shared::{BreakerSnapshot, PermittedCall, SharedBreaker};
use window::Window;

/// How long a caller that met a half-open circuit waits. By then most probes have ended.
const PROBING_RETRY_AFTER: Duration = Duration::from_secs(1);
/// An open time is multiplied by a random factor from this range, so that the processes of a fleet
/// do not probe at the same moment.
const JITTER: std::ops::RangeInclusive<f64> = 0.8..=1.2;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    pub failure_share: f64,
    /// With fewer calls than this in the window the circuit stays closed.
    pub calls_min: u32,
    pub window: Duration,
    /// The first open time. It doubles with each opening until the circuit closes.
    pub open_base: Duration,
    pub open_cap: Duration,
    pub probes: u32,
    pub probe_patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            failure_share: 0.5,
            calls_min: 20,
            window: Duration::from_secs(30),
            open_base: Duration::from_secs(15),
            open_cap: Duration::from_mins(2),
            probes: 3,
            probe_patience: Duration::from_mins(1),
        }
    }
}

impl Settings {
    pub const CALLS_MIN_MAX: u32 = 10_000;
    pub const WINDOW_MIN: Duration = Duration::from_secs(1);
    pub const WINDOW_MAX: Duration = Duration::from_hours(1);
    pub const OPEN_MIN: Duration = Duration::from_millis(100);
    pub const OPEN_MAX: Duration = Duration::from_hours(1);
    pub const PROBES_MAX: u32 = 100;

    /// The error is a sentence that says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        if !(self.failure_share > 0.0 && self.failure_share <= 1.0) {
            return Err("the breaker's failure share must be above 0 and at most 1".to_owned());
        }
        if !(1..=Self::CALLS_MIN_MAX).contains(&self.calls_min) {
            return Err("the breaker needs from 1 to 10000 calls to decide".to_owned());
        }
        if !(Self::WINDOW_MIN..=Self::WINDOW_MAX).contains(&self.window) {
            return Err("the breaker's window must be from a second to an hour".to_owned());
        }
        if self.open_base < Self::OPEN_MIN || self.open_cap > Self::OPEN_MAX {
            return Err("the breaker's open time must be from 100 ms to an hour".to_owned());
        }
        if self.open_base > self.open_cap {
            return Err("the breaker's first open time must not exceed the longest".to_owned());
        }
        if !(1..=Self::PROBES_MAX).contains(&self.probes) {
            return Err("the breaker needs from 1 to 100 probes".to_owned());
        }
        if self.probe_patience.is_zero() {
            return Err("a probe needs time to end".to_owned());
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

impl BreakerState {
    pub fn name(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        }
    }
}

/// What a call shows about the health of the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Good,
    Bad,
    /// Nothing: the call was rejected because of rate limits, or its caller gave up.
    Unclear,
}

/// The subject of a call, such as the hash of a payment's id.
pub type BreakerSubject = u64;

/// Permission to make one call. It must be reported once, so it cannot be copied.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    generation: u64,
    probe: Option<u64>,
    subject: Option<BreakerSubject>,
}

impl Permit {
    pub fn about(self, subject: Option<BreakerSubject>) -> Permit {
        Permit { subject, ..self }
    }
}

/// The call may not be made; says when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub retry_after: Duration,
}

/// A change of state and the counts that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerTransition {
    pub from: BreakerState,
    pub to: BreakerState,
    pub at: Duration,
    /// The counted calls: of the window, or the probes.
    pub calls: u32,
    pub failures: u32,
    /// How long all calls are rejected.
    pub open_for: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Probe {
    id: u64,
    since: Duration,
}

#[derive(Clone, Debug)]
enum Phase {
    Closed(Window),
    Open { until: Duration },
    HalfOpen { out: Vec<Probe>, good: u32, bad: u32, failed: Vec<BreakerSubject> },
}

#[derive(Clone, Debug)]
pub struct Breaker {
    settings: Settings,
    phase: Phase,
    generation: u64,
    /// Openings since the circuit was last closed.
    openings: u32,
    probes_made: u64,
    transition: Option<BreakerTransition>,
}

impl Breaker {
    pub fn new(settings: Settings) -> Breaker {
        Breaker {
            settings,
            phase: Phase::Closed(Window::new(settings.window)),
            generation: 0,
            openings: 0,
            probes_made: 0,
            transition: None,
        }
    }

    /// Whether a call may go out now.
    pub fn admit(&mut self, now: Duration, rng: &mut impl Rng) -> Result<Permit, Rejected> {
        self.advance(now, rng);
        let probes = self.settings.probes;
        let probe = match &mut self.phase {
            Phase::Closed(_) => None,
            Phase::Open { until } => return Err(Rejected { retry_after: until.saturating_sub(now) }),
            Phase::HalfOpen { out, good, bad, .. } => {
                if out.len() as u32 + *good + *bad >= probes {
                    return Err(Rejected { retry_after: PROBING_RETRY_AFTER });
                }
                self.probes_made += 1;
                out.push(Probe { id: self.probes_made, since: now });
                Some(self.probes_made)
            }
        };
        Ok(Permit { generation: self.generation, probe, subject: None })
    }

    /// Reports the result of a call that was admitted.
    pub fn report(&mut self, permit: Permit, health: Health, now: Duration, rng: &mut impl Rng) {
        self.advance(now, rng);
        if permit.generation != self.generation {
            return;
        }
        match (&mut self.phase, permit.probe) {
            (Phase::Closed(window), _) if health != Health::Unclear => {
                window.add(now, permit.subject, health == Health::Bad);
            }
            (Phase::HalfOpen { out, good, bad, failed }, Some(id)) => {
                let Some(position) = out.iter().position(|probe| probe.id == id) else { return };
                out.swap_remove(position);
                let known = permit.subject.is_some_and(|subject| failed.contains(&subject));
                match health {
                    Health::Good => *good += 1,
                    Health::Bad if !known => {
                        *bad += 1;
                        failed.extend(permit.subject);
                    }
                    Health::Bad | Health::Unclear => {}
                }
            }
            _ => {}
        }
        self.judge(now, rng);
    }

    /// How many calls would be admitted now, without admitting one. `None`: any number.
    pub fn permits_left(&self, now: Duration) -> Option<u32> {
        match &self.phase {
            Phase::Closed(_) => None,
            Phase::Open { until } if now < *until => Some(0),
            Phase::Open { .. } => Some(self.settings.probes),
            Phase::HalfOpen { out, good, bad, .. } => {
                Some(self.settings.probes.saturating_sub(out.len() as u32 + good + bad))
            }
        }
    }

    /// The state that a call would meet now.
    pub fn state(&self, now: Duration) -> BreakerState {
        match self.phase {
            Phase::Closed(_) => BreakerState::Closed,
            Phase::Open { until } if now < until => BreakerState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Calls and failures that are counted now: of the window, or of the probes.
    pub fn counted(&mut self, now: Duration) -> (u32, u32) {
        match &mut self.phase {
            Phase::Closed(window) => window.counted(now),
            Phase::Open { .. } => (0, 0),
            Phase::HalfOpen { good, bad, .. } => (*good + *bad, *bad),
        }
    }

    /// How much longer all calls are rejected.
    pub fn open_left(&self, now: Duration) -> Duration {
        match self.phase {
            Phase::Open { until } => until.saturating_sub(now),
            _ => Duration::ZERO,
        }
    }

    /// Takes the last change of state; each is returned once.
    pub fn take_transition(&mut self) -> Option<BreakerTransition> {
        self.transition.take()
    }

    /// Applies the passage of time: an open time ends, an overdue probe counts as failed.
    fn advance(&mut self, now: Duration, rng: &mut impl Rng) {
        match &mut self.phase {
            Phase::Open { until } if *until <= now => {
                let probing = Phase::HalfOpen { out: Vec::new(), good: 0, bad: 0, failed: Vec::new() };
                self.enter(probing, now, (0, 0));
            }
            Phase::HalfOpen { out, bad, .. } => {
                let patience = self.settings.probe_patience;
                let before = out.len();
                out.retain(|probe| now.saturating_sub(probe.since) < patience);
                *bad += (before - out.len()) as u32;
                self.judge(now, rng);
            }
            _ => {}
        }
    }

    fn judge(&mut self, now: Duration, rng: &mut impl Rng) {
        let Settings { calls_min, probes, .. } = self.settings;
        let (calls, failures) = self.counted(now);
        let enough = match self.phase {
            Phase::Closed(_) => calls >= calls_min,
            Phase::Open { .. } => false,
            Phase::HalfOpen { .. } => calls >= probes,
        };
        if !enough {
            return;
        }
        let failing = f64::from(failures) >= self.settings.failure_share * f64::from(calls);
        if failing && !fault_injection::is(fault_injection::InjectedFault::BreakerNeverOpens) {
            let until = now.saturating_add(self.open_time(rng));
            self.openings = self.openings.saturating_add(1);
            self.enter(Phase::Open { until }, now, (calls, failures));
        } else if matches!(self.phase, Phase::HalfOpen { .. }) {
            self.openings = 0;
            self.enter(Phase::Closed(Window::new(self.settings.window)), now, (calls, failures));
        }
    }

    fn open_time(&self, rng: &mut impl Rng) -> Duration {
        let Settings { open_base, open_cap, .. } = self.settings;
        let doubled = 1u32.checked_shl(self.openings).and_then(|factor| open_base.checked_mul(factor));
        doubled.map_or(open_cap, |doubled| doubled.min(open_cap)).mul_f64(rng.random_range(JITTER))
    }

    fn enter(&mut self, phase: Phase, now: Duration, (calls, failures): (u32, u32)) {
        let from = self.state(now);
        let from = if matches!(self.phase, Phase::Open { .. }) { BreakerState::Open } else { from };
        self.phase = phase;
        self.generation += 1;
        let open_for = Some(self.open_left(now)).filter(|left| !left.is_zero());
        self.transition =
            Some(BreakerTransition { from, to: self.state(now), at: now, calls, failures, open_for });
    }
}

#[cfg(test)]
mod tests;
