//! The gate of an account: what a drive passes before the account is called, and what it leaves there.
//!
//! | asked in this order | shut | the job |
//! |---|---|---|
//! | a place among the account's share of the workers | the account has its share | comes back as soon as one is free |
//! | the circuit | open, or its probes are out | comes back once it may be called |
//! | the retry budget, if the job's last try brought no answer | spent | comes back a good while later |
//!
//! A job that is turned away here was not tried: nobody was asked, and it does not count. While an account
//! is shut its due jobs are not even looked for, and never more of them than could pass ([`Gates::room`]);
//! but for those past their deadline, which end or become review cases by being turned away
//! ([`Gates::behind_circuits`]).
//!
//! What a drive leaves: the first try of a job deposits into the budget, if the provider was really asked.
//! A further try gives back the token it withdrew if it was answered well. Why: decision 0014.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

use domain::AccountId;
use domain::provider::CallOutcome;
use domain::reply::AttemptJob;
use domain::rows::Job;
use domain::time::Span;
use providers::{Guard, Registry};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::metrics::labels::Denied;

/// The part of a process's workers that one account may hold, if there are others.
pub const ACCOUNT_SHARE: f64 = 0.5;

pub struct Gates {
    gates: HashMap<AccountId, Gate>,
}

struct Gate {
    guard: Guard,
    places: Arc<Semaphore>,
}

impl Gates {
    pub fn new(registry: &Registry, concurrency: usize, account_share: f64) -> Gates {
        let alone = registry.guards().count() == 1;
        let share = if alone { concurrency } else { share_of(concurrency, account_share) };
        let gate = |guard: &Guard| Gate { guard: guard.clone(), places: Arc::new(Semaphore::new(share)) };
        Gates { gates: registry.guards().map(|(account, guard)| (account, gate(guard))).collect() }
    }

    /// How many jobs under each concurrency key could be worked on now: the key is the account's id. A key that
    /// has no gate is not bounded.
    pub fn room(&self) -> HashMap<Uuid, usize> {
        self.gates.iter().map(|(account, gate)| (account.0, gate.room())).collect()
    }

    /// Accounts whose circuit is not closed. How many of their jobs wait, and how long, nobody can say; a
    /// deadline must not wait for a probe.
    pub fn behind_circuits(&self) -> Vec<AccountId> {
        let behind = self.gates.iter().filter(|(_, gate)| gate.is_behind_circuit());
        behind.map(|(account, _)| *account).collect()
    }

    /// `None`: the account is not configured.
    pub async fn enter(&self, claimed: &AttemptJob) -> Option<Result<AccountPermit, Denied>> {
        let gate = self.gates.get(&claimed.payment.account)?;
        Some(gate.enter(&claimed.job).await)
    }
}

/// The places of an account that is not alone. At least one place, or it would never be called.
fn share_of(concurrency: usize, account_share: f64) -> usize {
    ((concurrency as f64 * account_share).ceil() as usize).clamp(1, concurrency.max(1))
}

impl Gate {
    fn room(&self) -> usize {
        let probes = self.guard.breaker.permits_left().map_or(usize::MAX, |room| room as usize);
        self.places.available_permits().min(probes)
    }

    fn is_behind_circuit(&self) -> bool {
        self.guard.breaker.permits_left().is_some()
    }

    async fn enter(&self, job: &Job) -> Result<AccountPermit, Denied> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Denied::Crowded)?;
        if self.guard.breaker.permits_left() == Some(0) {
            return Err(Denied::Open);
        }
        let retries = is_retry(job);
        if retries && !self.guard.budget.withdraw().await {
            return Err(Denied::Spent);
        }
        let first = job.failures == 0 && job.looks == 0;
        let told = Mutex::new(CallTotals::default());
        Ok(AccountPermit { guard: self.guard.clone(), first, retries, told, _place: place })
    }
}

/// A try after one that brought no answer. A look that was planned, for evidence or at what waits for the
/// customer or a person, is none.
fn is_retry(job: &Job) -> bool {
    job.failures > 0
}

/// A drive's leave to call its account.
pub struct AccountPermit {
    guard: Guard,
    first: bool,
    retries: bool,
    told: Mutex<CallTotals>,
    _place: OwnedSemaphorePermit,
}

/// What became of the calls so far.
#[derive(Clone, Copy, Debug, Default)]
struct CallTotals {
    calls: u32,
    /// A call that is not back counts as asked.
    asked: u32,
    /// The last call was answered.
    well: bool,
    retry_after_seconds: i64,
}

impl AccountPermit {
    fn with<T>(&self, act: impl FnOnce(&mut CallTotals) -> T) -> T {
        act(&mut self.told.lock())
    }

    /// A call is made; `heard` says what of it is looked at here.
    pub async fn call<T>(&self, call: impl Future<Output = T>, heard: impl FnOnce(&T) -> AnswerKind) -> T {
        self.with(|told| {
            told.calls += 1;
            told.asked += 1;
            told.well = false;
        });
        let answer = call.await;
        let outcome = heard(&answer);
        self.with(|told| {
            told.well = matches!(outcome, AnswerKind::Answered);
            if let AnswerKind::Nothing { asked, retry_after_seconds } = outcome {
                told.asked -= u32::from(!asked);
                told.retry_after_seconds = retry_after_seconds.unwrap_or(0);
            }
        });
        answer
    }

    /// Whether every call was turned away at our own door.
    pub fn turned_away(&self) -> bool {
        self.with(|told| told.calls > 0 && told.asked == 0)
    }

    /// No sooner than the other side wants, as far as it was heard.
    pub fn retry_after(&self) -> Span {
        const SECONDS_MAX: i64 = 600;
        Span::seconds(self.with(|told| told.retry_after_seconds).clamp(0, SECONDS_MAX))
    }
}

impl Drop for AccountPermit {
    fn drop(&mut self) {
        let CallTotals { asked, well, .. } = self.with(|told| *told);
        if self.first && asked > 0 {
            self.guard.budget.deposit();
        }
        if self.retries && (asked == 0 || well) {
            self.guard.budget.give_back();
        }
    }
}

/// What is looked at of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// Somebody answered, be it with a refusal.
    Answered,
    Nothing {
        asked: bool,
        retry_after_seconds: Option<i64>,
    },
}

impl AnswerKind {
    pub fn of<O>(heard: &CallOutcome<O>) -> AnswerKind {
        match heard {
            CallOutcome::Object(_) | CallOutcome::Refused { .. } => AnswerKind::Answered,
            CallOutcome::NotSent { reached_provider: asked, retry_after_seconds, .. } => {
                AnswerKind::Nothing { asked: *asked, retry_after_seconds: *retry_after_seconds }
            }
            CallOutcome::Unknown { .. } => AnswerKind::Nothing { asked: true, retry_after_seconds: None },
        }
    }
}

#[cfg(test)]
mod tests;
