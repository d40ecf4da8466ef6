//! The kinds of jobs: the table of all work that continues after a transaction, under a lease.
//!
//! A job is a row with its kind, its subject, the time when it is due, and its deadline. The
//! handler of its kind works on it. A new kind needs its line in [`ALL`], its handler in the
//! server, and code in [`crate::commands`] only if a claim, a death or a person's decision moves
//! other rows as well.
//!
//! A job whose kind or payload this version does not know belongs to a newer version, and stays as it is.

use crate::commands::{
    AttemptJobs, EvidenceJobs, JobRules, PayoutJobs, ReconciliationJobs, ReversalJobs, StandaloneJobs,
};
use crate::limits::JOB_ATTEMPTS_MAX;
use crate::rows::{AttemptKind, Job, Lane};
use crate::time::Span;

/// One kind of job.
#[derive(Debug)]
pub struct JobKind {
    pub name: &'static str,
    pub lane: Lane,
    /// The highest version of the payload that this version reads.
    pub payload_version: i64,
    /// The first pause after a failure, doubled with each further one.
    pub backoff_base: Span,
    pub backoff_cap: Span,
    /// Claims that end without a report, or reported failures in a row, before the job is given up.
    pub attempts_max: i64,
    /// The text of the dead letter if no error was stored.
    pub dead_letter: &'static str,
    pub(crate) rules: &'static dyn JobRules,
}

impl JobKind {
    /// A kind whose jobs move no other row. The fields can be changed.
    pub const fn standalone(name: &'static str, lane: Lane) -> JobKind {
        JobKind {
            name,
            lane,
            payload_version: 1,
            backoff_base: Span::seconds(1),
            backoff_cap: Span::seconds(60 * 60),
            attempts_max: JOB_ATTEMPTS_MAX,
            dead_letter: USED_UP,
            rules: &StandaloneJobs,
        }
    }

    /// An attempt at a provider. A customer waits for it with their money.
    const fn attempt(name: &'static str) -> JobKind {
        JobKind {
            backoff_base: Span::millis(100),
            backoff_cap: Span::seconds(20),
            rules: &AttemptJobs,
            ..JobKind::standalone(name, Lane::Critical)
        }
    }
}

pub(crate) const USED_UP: &str = "its attempts are used up";

pub static CHARGE: JobKind = JobKind::attempt("charge");
pub static CAPTURE: JobKind = JobKind::attempt("capture");
pub static VOID: JobKind = JobKind::attempt("void");
pub static REFUND: JobKind = JobKind::attempt("refund");
/// The bank waits for days, so nobody waits for it with their money.
pub static SUBMIT_EVIDENCE: JobKind =
    JobKind { rules: &EvidenceJobs, ..JobKind::standalone("submit_evidence", Lane::Ordinary) };

/// Compares an account's books at its provider with ours. A page that fails is read again; the run is given
/// up after a day without a page.
pub static RECONCILE: JobKind = JobKind {
    attempts_max: 30,
    dead_letter: "the provider's books could not be read",
    rules: &ReconciliationJobs,
    ..JobKind::standalone("reconcile", Lane::Ordinary)
};

/// Fetches what a review case is about, because a person wants to know what the provider says.
pub static LOOK_UP: JobKind = JobKind {
    dead_letter: "the provider did not show the object",
    ..JobKind::standalone("look_up", Lane::Ordinary)
};

/// Fetches the object of an authorised payment whose end has passed without news, and settles what it shows.
pub static CHECK_AUTHORIZATION: JobKind = JobKind::standalone("check_authorization", Lane::Ordinary);

/// Pays a beneficiary. No customer waits for it, so it does not delay a charge.
pub static PAYOUT: JobKind = JobKind {
    backoff_base: Span::millis(100),
    rules: &PayoutJobs,
    ..JobKind::standalone("payout", Lane::Ordinary)
};

/// Takes a payout back, all of it or a part.
pub static REVERSE_PAYOUT: JobKind = JobKind {
    backoff_base: Span::millis(100),
    rules: &ReversalJobs,
    ..JobKind::standalone("reverse_payout", Lane::Ordinary)
};

/// Every kind of this version.
pub static ALL: [&JobKind; 10] = [
    &CHARGE,
    &CAPTURE,
    &VOID,
    &REFUND,
    &LOOK_UP,
    &CHECK_AUTHORIZATION,
    &RECONCILE,
    &SUBMIT_EVIDENCE,
    &PAYOUT,
    &REVERSE_PAYOUT,
];

/// The kind of job for an attempt.
pub fn of_attempt(kind: AttemptKind) -> &'static JobKind {
    match kind {
        AttemptKind::Charge => &CHARGE,
        AttemptKind::Capture => &CAPTURE,
        AttemptKind::Void => &VOID,
        AttemptKind::Refund => &REFUND,
    }
}

/// The kinds that a process works on: [`ALL`], unless a test adds its own.
#[derive(Clone, Copy, Debug)]
pub struct JobKinds(pub &'static [&'static JobKind]);

impl Default for JobKinds {
    fn default() -> Self {
        JobKinds(&ALL)
    }
}

impl JobKinds {
    /// The kind of a job whose payload this version can read.
    pub fn of(self, job: &Job) -> Option<&'static JobKind> {
        self.get(&job.kind).filter(|kind| job.payload_version <= kind.payload_version)
    }

    pub fn get(self, name: &str) -> Option<&'static JobKind> {
        self.0.iter().copied().find(|kind| kind.name == name)
    }

    pub fn in_lane(self, lane: Lane) -> impl Iterator<Item = &'static JobKind> {
        self.0.iter().copied().filter(move |kind| kind.lane == lane)
    }
}
