//! The gate of an account: the checks of a drive before the account is called, and the accounting
//! after it.
//!
//! | checked in this order | refused if | the job |
//! |---|---|---|
//! | a permit of the account's share of the workers | the share is used up | comes back as soon as a permit is free |
//! | the circuit | it is open, or its probes are out | comes back once the account may be called |
//! | the retry budget, if the job's last try got no reply | it is spent | comes back after a longer pause |
//!
//! A job that is refused here was not tried: the provider was not called, so it does not count.
//! While an account is not available, its due jobs are not selected, and never more of them than
//! could pass ([`Gates::room`]). The exception are jobs past their deadline, which end or become
//! review cases when they are refused ([`Gates::behind_circuits`]).
//!
//! The first try of a job deposits into the retry budget, if the provider was really called. A
//! further try returns the token that it withdrew if the call was answered. Decision 0014 gives the
//! reasons.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

use domain::AccountId;
use domain::provider::CallOutcome;
use domain::rows::Job;
use domain::time::Span;
use providers::{Guard, Registry};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::metrics::labels::Denied;

/// The part of a process's workers that one account may use, if there are others.
pub const ACCOUNT_SHARE: f64 = 0.5;

pub struct Gates {
    gates: HashMap<AccountId, Gate>,
}

struct Gate {
    guard: Guard,
    permits: Arc<Semaphore>,
}

impl Gates {
    pub fn new(registry: &Registry, concurrency: usize, account_share: f64) -> Gates {
        let alone = registry.guards().count() == 1;
        let share = if alone { concurrency } else { share_of(concurrency, account_share) };
        let gate = |guard: &Guard| Gate { guard: guard.clone(), permits: Arc::new(Semaphore::new(share)) };
        Gates { gates: registry.guards().map(|(account, guard)| (account, gate(guard))).collect() }
    }

    /// How many jobs could be worked on now, by concurrency key: the key is the account's id. A key
    /// without a gate is not limited.
    pub fn room(&self) -> HashMap<Uuid, usize> {
        self.gates.iter().map(|(account, gate)| (account.0, gate.room())).collect()
    }

    /// Accounts whose circuit is not closed. Nobody can predict how many of their jobs wait, and
    /// how long; a deadline must not wait for a probe.
    pub fn behind_circuits(&self) -> Vec<AccountId> {
        let behind = self.gates.iter().filter(|(_, gate)| gate.is_behind_circuit());
        behind.map(|(account, _)| *account).collect()
    }

    /// `None`: the account is not configured.
    pub async fn enter(&self, account: AccountId, job: &Job) -> Option<Result<AccountPermit, Denied>> {
        let gate = self.gates.get(&account)?;
        Some(gate.enter(job).await)
    }
}

/// The permits of an account that is not alone. At least one, or it would never be called.
fn share_of(concurrency: usize, account_share: f64) -> usize {
    ((concurrency as f64 * account_share).ceil() as usize).clamp(1, concurrency.max(1))
}

impl Gate {
    fn room(&self) -> usize {
        let probes = self.guard.breaker.permits_left().map_or(usize::MAX, |room| room as usize);
        self.permits.available_permits().min(probes)
    }

    fn is_behind_circuit(&self) -> bool {
        self.guard.breaker.permits_left().is_some()
    }

    async fn enter(&self, job: &Job) -> Result<AccountPermit, Denied> {
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| Denied::Crowded)?;
        if self.guard.breaker.permits_left() == Some(0) {
            return Err(Denied::Open);
        }
        let retries = is_retry(job);
        if retries && !self.guard.budget.withdraw().await {
            return Err(Denied::Spent);
        }
        let first = job.failures == 0 && job.looks == 0;
        let totals = Mutex::new(CallTotals::default());
        Ok(AccountPermit { guard: self.guard.clone(), first, retries, totals, _permit: permit })
    }
}

/// Whether this is a try after one that got no reply. A planned check, for evidence or of an object
/// that waits for the customer or a person, is not a retry.
fn is_retry(job: &Job) -> bool {
    job.failures > 0
}

/// A drive's permission to call its account.
pub struct AccountPermit {
    guard: Guard,
    first: bool,
    retries: bool,
    totals: Mutex<CallTotals>,
    _permit: OwnedSemaphorePermit,
}

/// The results of the calls so far.
#[derive(Clone, Copy, Debug, Default)]
struct CallTotals {
    calls: u32,
    /// A call that has not returned counts as made.
    contacted: u32,
    /// The last call was answered.
    answered: bool,
    retry_after_seconds: i64,
}

impl AccountPermit {
    fn with<T>(&self, act: impl FnOnce(&mut CallTotals) -> T) -> T {
        act(&mut self.totals.lock())
    }

    /// Makes a call; `kind_of` returns the part of its result that counts here.
    pub async fn call<T>(&self, call: impl Future<Output = T>, kind_of: impl FnOnce(&T) -> AnswerKind) -> T {
        self.with(|totals| {
            totals.calls += 1;
            totals.contacted += 1;
            totals.answered = false;
        });
        let answer = call.await;
        let kind = kind_of(&answer);
        self.with(|totals| {
            totals.answered = matches!(kind, AnswerKind::Answered);
            if let AnswerKind::Nothing { contacted, retry_after_seconds } = kind {
                totals.contacted -= u32::from(!contacted);
                totals.retry_after_seconds = retry_after_seconds.unwrap_or(0);
            }
        });
        answer
    }

    /// Whether every call was refused before it reached the provider.
    pub fn turned_away(&self) -> bool {
        self.with(|totals| totals.calls > 0 && totals.contacted == 0)
    }

    /// No sooner than the provider requested, as far as known.
    pub fn retry_after(&self) -> Span {
        const SECONDS_MAX: i64 = 600;
        Span::seconds(self.with(|totals| totals.retry_after_seconds).clamp(0, SECONDS_MAX))
    }
}

impl Drop for AccountPermit {
    fn drop(&mut self) {
        let CallTotals { contacted, answered, .. } = self.with(|totals| *totals);
        if self.first && contacted > 0 {
            self.guard.budget.deposit();
        }
        if self.retries && (contacted == 0 || answered) {
            self.guard.budget.give_back();
        }
    }
}

/// The part of a result that the gate uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// The provider answered, even with a refusal.
    Answered,
    Nothing {
        contacted: bool,
        retry_after_seconds: Option<i64>,
    },
}

impl AnswerKind {
    pub fn of<O>(outcome: &CallOutcome<O>) -> AnswerKind {
        match outcome {
            CallOutcome::Object(_) | CallOutcome::Refused { .. } => AnswerKind::Answered,
            CallOutcome::NotSent { reached_provider: contacted, retry_after_seconds, .. } => {
                AnswerKind::Nothing { contacted: *contacted, retry_after_seconds: *retry_after_seconds }
            }
            CallOutcome::Unknown { .. } => AnswerKind::Nothing { contacted: true, retry_after_seconds: None },
        }
    }
}

#[cfg(test)]
mod tests;
