//! The circuits of the accounts at providers, as operators see them: by metrics, by the log, and by
//! `/v1/ops/breakers`.
//!
//! Each process that calls an account has a circuit of its own to it; one that calls none shows none.

use std::sync::Arc;

use api::views::Breaker;
use domain::TenantId;
use domain::rows::Mode;
use providers::Guard;
use resilience::breaker::{BreakerSnapshot, BreakerState, BreakerTransition};
use resilience::{Observer, Retry};

use crate::metrics::catalogue::{BREAKER_OPENINGS, BREAKER_STATE, PROVIDER_SECOND_TRIES, RETRY_BUDGET_LEFT};
use crate::metrics::labels::{AccountLabel, Label as _, Provider};

/// One account's.
#[derive(Clone, Debug)]
pub struct Circuit {
    pub tenant: TenantId,
    pub mode: Mode,
    pub provider: Provider,
    /// Its configured name.
    pub account: String,
    pub guard: Guard,
}

impl Circuit {
    pub fn view(&self) -> Breaker {
        let BreakerSnapshot { state, calls, failures, open_left } = self.guard.breaker.snapshot();
        Breaker {
            provider: Provider::values()[self.provider.index()].to_owned(),
            account: self.account.clone(),
            state: state.name().to_owned(),
            calls,
            failures,
            open_for_ms: u64::try_from(open_left.as_millis()).unwrap_or(u64::MAX),
            retries_left: self.guard.budget.left() as u64,
        }
    }
}

/// Those of this process.
#[derive(Clone, Debug, Default)]
pub struct Circuits(Arc<Vec<Circuit>>);

impl Circuits {
    pub fn new(circuits: Vec<Circuit>) -> Circuits {
        Circuits(Arc::new(circuits))
    }

    /// For a scrape: how they stand now.
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

/// Hears of an account's circuit, and of its teller's second tries.
pub struct Watch {
    pub provider: Provider,
    pub account: String,
}

impl Observer for Watch {
    fn retrying(&self, retry: &Retry) {
        PROVIDER_SECOND_TRIES.increment(self.provider);
        tracing::debug!(
            account = self.account,
            reason = retry.reason,
            delay_ms = retry.delay.as_millis(),
            "a call to the provider is said again"
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
