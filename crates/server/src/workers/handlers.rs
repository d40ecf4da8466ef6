//! The handler of each kind of job. A handler works on claimed jobs of its kind, one file each; the
//! kinds themselves are in [`domain::jobs`].
//!
//! To add a kind: a file with its handler, and its line in [`registered`].

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::jobs::{self, JobKind, JobKinds};
use domain::reply::ClaimedJob;
use futures_util::future::BoxFuture;

use super::charge::ChargeHandler;
use super::check_authorization::CheckAuthorizationHandler;
use super::driver::Driver;
use super::evidence::EvidenceHandler;
use super::look_up::LookUpHandler;
use super::payout::PayoutHandler;
use super::reconcile::ReconcileHandler;
use super::refund::RefundHandler;
use super::release::ReleaseHandler;
use super::reversal::ReversalHandler;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// A command of the handler itself moved the job: finished or postponed it.
    Reported,
    Done,
    /// It is tried again later, unless its attempts are used up.
    Failed(String),
}

pub trait JobHandler: Send + Sync {
    /// Runs under the job's lease, and is dropped when the lease is lost. It changes rows only
    /// through commands under the job's token.
    fn run<'a>(&'a self, claimed: &'a ClaimedJob) -> BoxFuture<'a, JobOutcome>;
}

pub type RegisteredHandler = (&'static JobKind, Arc<dyn JobHandler>);

/// The handlers of all kinds that this version works on.
pub fn registered(driver: &Driver) -> Vec<RegisteredHandler> {
    vec![
        (&jobs::CHARGE, Arc::new(ChargeHandler(driver.clone()))),
        (&jobs::CAPTURE, Arc::new(ReleaseHandler(driver.clone()))),
        (&jobs::VOID, Arc::new(ReleaseHandler(driver.clone()))),
        (&jobs::REFUND, Arc::new(RefundHandler(driver.clone()))),
        (&jobs::LOOK_UP, Arc::new(LookUpHandler(driver.clone()))),
        (&jobs::CHECK_AUTHORIZATION, Arc::new(CheckAuthorizationHandler(driver.clone()))),
        (&jobs::RECONCILE, Arc::new(ReconcileHandler(driver.clone()))),
        (&jobs::SUBMIT_EVIDENCE, Arc::new(EvidenceHandler(driver.clone()))),
        (&jobs::PAYOUT, Arc::new(PayoutHandler(driver.clone()))),
        (&jobs::REVERSE_PAYOUT, Arc::new(ReversalHandler(driver.clone()))),
    ]
}

/// The handlers of a process, by kind. A kind without a handler is not claimed.
pub struct JobHandlers {
    pub kinds: JobKinds,
    by_kind: BTreeMap<&'static str, RegisteredHandler>,
}

impl JobHandlers {
    /// The list of kinds lives as long as the process.
    pub fn new(handlers: Vec<RegisteredHandler>) -> JobHandlers {
        let kinds: Vec<&'static JobKind> = handlers.iter().map(|(kind, _)| *kind).collect();
        let by_kind = handlers.into_iter().map(|(kind, handler)| (kind.name, (kind, handler))).collect();
        JobHandlers { kinds: JobKinds(kinds.leak()), by_kind }
    }

    pub(super) fn of(&self, kind: &str) -> Option<&RegisteredHandler> {
        self.by_kind.get(kind)
    }
}
