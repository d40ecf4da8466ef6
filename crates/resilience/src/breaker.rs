//! The circuit breaker of one dependency.
//!
//! | state | a call | leaves it when |
//! |---|---|---|
//! | closed | goes out, and is counted in a window of time, once for each subject | of at least `calls_min` counted a share of `failure_share` failed: open |
//! | open | is rejected, and told when to come back | the open time is over: half-open |
//! | half-open | goes out if it is one of `probes`; others are rejected | all probes are back: closed, or open again for twice as long if the share of them failed |
//!
//! A probe that does not come back within `probe_patience` has failed, so that a caller who vanished keeps
//! nobody waiting. Every change of state begins a new generation: what a call of an earlier one reports
//! says nothing about now, and is not counted.
//!
//! **Subjects, not calls.** A caller may say what its call is about ([`Permit::about`]). All calls about one
//! subject are one witness: an object that a dependency cannot cope with says nothing about the others.
//!
//! **A window of time and a small minimum**, because the calls of one account at a provider may be few: a
//! window of a hundred calls would take an hour to notice an outage, and hold it against the provider for
//! another.

mod shared;
mod window;

use std::time::Duration;

use rand::{Rng, RngExt as _};
pub use shared::{BreakerSnapshot, PermittedCall, SharedBreaker};
use window::Window;

/// A caller that met a half-open circuit comes back after so long: probes are mostly back by then.
const PROBING_RETRY_AFTER: Duration = Duration::from_secs(1);
/// An open time is multiplied by a number drawn from this, so that a fleet does not probe as one.
const JITTER: std::ops::RangeInclusive<f64> = 0.8..=1.2;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    pub failure_share: f64,
    /// Fewer calls than this in the window prove nothing.
    pub calls_min: u32,
    pub window: Duration,
    /// The first open time; doubles with each opening that follows without a closing.
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

    /// Says in a sentence what is wrong.
    pub fn check(&self) -> Result<(), String> {
        if !(self.failure_share > 0.0 && self.failure_share <= 1.0) {
            return Err("the breaker's failure share must be above 0 and at most 1".to_owned());
        }
        if !(1..=Self::CALLS_MIN_MAX).contains(&self.calls_min) {
            return Err("the breaker needs at least 1 call and at most 10000 to judge by".to_owned());
        }
        if !(Self::WINDOW_MIN..=Self::WINDOW_MAX).contains(&self.window) {
            return Err("the breaker's window must be from a second to an hour".to_owned());
        }
        if self.open_base < Self::OPEN_MIN || self.open_cap > Self::OPEN_MAX {
            return Err("the breaker's open time must be from 100 ms to an hour".to_owned());
        }
        if self.open_base > self.open_cap {
            return Err("the breaker's first open time must not be above the longest".to_owned());
        }
        if !(1..=Self::PROBES_MAX).contains(&self.probes) {
            return Err("the breaker needs from 1 to 100 probes".to_owned());
        }
        if self.probe_patience.is_zero() {
            return Err("a probe must be given time to come back".to_owned());
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

/// What a call says about the health of what was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Good,
    Bad,
    /// Nothing: it was turned away for its number, or given up by its own caller.
    Unclear,
}

/// What a call is about, such as the hash of a payment's id.
pub type BreakerSubject = u64;

/// Permission to make one call. To be reported once; a copy would count twice.
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

/// No leave; when to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub retry_after: Duration,
}

/// A change of state, with what led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerTransition {
    pub from: BreakerState,
    pub to: BreakerState,
    pub at: Duration,
    /// What was counted: the window's calls, or the probes.
    pub calls: u32,
    pub failures: u32,
    /// For how long nothing is let through.
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
    /// Openings since it was closed last.
    openings: u32,
    probes_made: u64,
    moved: Option<BreakerTransition>,
}

impl Breaker {
    pub fn new(settings: Settings) -> Breaker {
        Breaker {
            settings,
            phase: Phase::Closed(Window::new(settings.window)),
            generation: 0,
            openings: 0,
            probes_made: 0,
            moved: None,
        }
    }

    /// Whether a call may go out now.
    pub fn admit(&mut self, now: Duration, rng: &mut impl Rng) -> Result<Permit, Rejected> {
        self.pass(now, rng);
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

    /// What became of a call that was admitted.
    pub fn report(&mut self, permit: Permit, health: Health, now: Duration, rng: &mut impl Rng) {
        self.pass(now, rng);
        if permit.generation != self.generation {
            return;
        }
        match (&mut self.phase, permit.probe) {
            (Phase::Closed(window), _) if health != Health::Unclear => {
                window.add(now, permit.subject, health == Health::Bad);
            }
            (Phase::HalfOpen { out, good, bad, failed }, Some(id)) => {
                let Some(place) = out.iter().position(|probe| probe.id == id) else { return };
                out.swap_remove(place);
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

    /// How many calls would be let through now, without letting one through. `None`: any number.
    pub fn room(&self, now: Duration) -> Option<u32> {
        match &self.phase {
            Phase::Closed(_) => None,
            Phase::Open { until } if now < *until => Some(0),
            Phase::Open { .. } => Some(self.settings.probes),
            Phase::HalfOpen { out, good, bad, .. } => {
                Some(self.settings.probes.saturating_sub(out.len() as u32 + good + bad))
            }
        }
    }

    /// As it would meet a call now.
    pub fn state(&self, now: Duration) -> BreakerState {
        match self.phase {
            Phase::Closed(_) => BreakerState::Closed,
            Phase::Open { until } if now < until => BreakerState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Calls and failures that count now: of the window, or of the probes.
    pub fn counted(&mut self, now: Duration) -> (u32, u32) {
        match &mut self.phase {
            Phase::Closed(window) => window.counted(now),
            Phase::Open { .. } => (0, 0),
            Phase::HalfOpen { good, bad, .. } => (*good + *bad, *bad),
        }
    }

    /// How long nothing is let through yet.
    pub fn open_left(&self, now: Duration) -> Duration {
        match self.phase {
            Phase::Open { until } => until.saturating_sub(now),
            _ => Duration::ZERO,
        }
    }

    /// The last change of state, told once.
    pub fn take_move(&mut self) -> Option<BreakerTransition> {
        self.moved.take()
    }

    /// What time alone does: an open time ends, a probe is given up.
    fn pass(&mut self, now: Duration, rng: &mut impl Rng) {
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
        self.moved =
            Some(BreakerTransition { from, to: self.state(now), at: now, calls, failures, open_for });
    }
}

#[cfg(test)]
mod tests;
