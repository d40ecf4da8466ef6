//! The circuits of the accounts at providers, as operators see them: by metrics, by the log, and by
//! `/v1/ops/breakers`.
//!
//! Each process that calls an account has a circuit of its own to it; one that calls none shows none.

use std::sync::Arc;

use domain::TenantId;
use domain::rows::Mode;
use providers::Guard;
use resilience::breaker::{Move, State};
use resilience::{Observer, Retry};

use crate::metrics::catalogue::{BREAKER_OPENINGS, BREAKER_STATE, PROVIDER_SECOND_TRIES, RETRY_BUDGET_LEFT};
use crate::metrics::labels::{Account, Provider};

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

/// Those of this process.
#[derive(Clone, Debug, Default)]
pub struct Circuits(Arc<Vec<Circuit>>);

impl Circuits {
    pub fn new(circuits: Vec<Circuit>) -> Circuits {
        Circuits(Arc::new(circuits))
    }

    pub fn of(&self, tenant: TenantId, mode: Mode) -> impl Iterator<Item = &Circuit> {
        self.0.iter().filter(move |circuit| circuit.tenant == tenant && circuit.mode == mode)
    }

    /// For a scrape: how they stand now.
    pub fn show(&self) {
        for Circuit { provider, account, guard, .. } in &*self.0 {
            let labels = (*provider, Account::of(account));
            let state = match guard.breaker.state() {
                State::Closed => 0.0,
                State::HalfOpen => 1.0,
                State::Open => 2.0,
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

    fn moved(&self, moved: &Move) {
        let Move { calls, failures, .. } = *moved;
        match moved.to {
            State::Open => {
                BREAKER_OPENINGS.increment((self.provider, Account::of(&self.account)));
                let open_for_ms = moved.open_for.unwrap_or_default().as_millis();
                tracing::warn!(
                    account = self.account,
                    calls,
                    failures,
                    open_for_ms,
                    "the circuit to the provider is open; nothing is sent"
                );
            }
            State::HalfOpen => {
                tracing::info!(account = self.account, "the circuit to the provider is probed");
            }
            State::Closed => {
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
