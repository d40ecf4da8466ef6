//! The circuits of the accounts at providers, for operators: as metrics, in the log, and at
//! `/v1/ops/breakers`.
//!
//! Each process that calls an account has its own circuit for it. A process that calls no account
//! shows none.

use std::sync::Arc;

use api::views::Breaker;
use domain::TenantId;
use domain::rows::Mode;
use providers::Guard;
use resilience::breaker::{BreakerSnapshot, BreakerState, BreakerTransition};
use resilience::{Observer, Retry};

use crate::metrics::catalogue::{BREAKER_OPENINGS, BREAKER_STATE, PROVIDER_SECOND_TRIES, RETRY_BUDGET_LEFT};
use crate::metrics::labels::{AccountLabel, Label as _, ProviderLabel};

#[derive(Clone, Debug)]
pub struct Circuit {
    pub tenant: TenantId,
    pub mode: Mode,
    pub provider: ProviderLabel,
    /// The account's configured name.
    pub account: String,
    pub guard: Guard,
}

impl Circuit {
    pub fn view(&self) -> Breaker {
        let BreakerSnapshot { state, calls, failures, open_left } = self.guard.breaker.snapshot();
        Breaker {
            provider: ProviderLabel::values()[self.provider.index()].to_owned(),
            account: self.account.clone(),
            state: state.name().to_owned(),
            calls,
            failures,
            open_for_ms: u64::try_from(open_left.as_millis()).unwrap_or(u64::MAX),
            retries_left: self.guard.budget.left() as u64,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Circuits(Arc<Vec<Circuit>>);

impl Circuits {
    pub fn new(circuits: Vec<Circuit>) -> Circuits {
        Circuits(Arc::new(circuits))
    }

    /// Sets the metrics to the current state, before a scrape.
    pub fn show(&self) {
        for Circuit { provider, account, guard, .. } in &*self.0 {
            let labels = (*provider, AccountLabel::of(account));
            let state = match guard.breaker.state() {
                BreakerState::Closed => 0.0,
                BreakerState::HalfOpen => 1.0,
                BreakerState::Open => 2.0,
            };
            BREAKER_STATE.set(labels, state);
            RETRY_BUDGET_LEFT.set(labels, guard.budget.left());
        }
    }
}

/// Observes an account's circuit, and the retries of calls to its provider.
pub struct Watch {
    pub provider: ProviderLabel,
    pub account: String,
}

impl Observer for Watch {
    fn retrying(&self, retry: &Retry) {
        PROVIDER_SECOND_TRIES.increment(self.provider);
        tracing::debug!(
            account = self.account,
            reason = retry.reason,
            delay_ms = retry.delay.as_millis(),
            "a call to the provider is repeated"
        );
    }

    fn state_changed(&self, transition: &BreakerTransition) {
        let BreakerTransition { calls, failures, .. } = *transition;
        match transition.to {
            BreakerState::Open => {
                BREAKER_OPENINGS.increment((self.provider, AccountLabel::of(&self.account)));
                let open_for_ms = transition.open_for.unwrap_or_default().as_millis();
                tracing::warn!(
                    account = self.account,
                    calls,
                    failures,
                    open_for_ms,
                    "the circuit to the provider is open; nothing is sent"
                );
            }
            BreakerState::HalfOpen => {
                tracing::info!(account = self.account, "the circuit to the provider is probed");
            }
            BreakerState::Closed => {
                tracing::info!(
                    account = self.account,
                    calls,
                    failures,
                    "the circuit to the provider is closed"
                );
            }
        }
    }
}
