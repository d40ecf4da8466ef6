//! Workers: they claim jobs under a lease, and a handler works on each kind of job.
//!
//! | piece | what it does |
//! |---|---|
//! | [`Pool`] | takes new jobs that were created under its lease, and due jobs by query; a bounded number per lane |
//! | [`JobHandlers`] | the handler of each kind of job: [`registered`] is the list |
//! | `heartbeat` | keeps the lease alive during a long call; stops the work when the lease is lost |
//! | [`MeteredProvider`] | counts and times the calls to a provider |
//! | [`Gates`] | whether an account may be called now: its share of the workers, its circuit, its retry budget |
//! | `reconcile` | for the job of a reconciliation: compares the provider's books with ours, page by page; [`schedule`] starts the runs that are due |
//! | [`Driver`] | for jobs of attempts: chooses the next call from what is known, makes it, and submits the outcome |
//!
//! A worker never writes: it submits each outcome as a command. After a suspension longer than the
//! lease its token is refused, and it drops its work.

mod charge;
mod check_authorization;
mod driver;
mod evidence;
mod gate;
mod guarded_provider;
mod handlers;
mod heartbeat;
mod lane;
mod look_up;
mod metered_provider;
mod payout;
mod pool;
mod reconcile;
mod refund;
mod release;
mod report;
mod reversal;
mod saved_customer;

pub use driver::{Driver, Pace};
pub use gate::{ACCOUNT_SHARE, Gates};
pub use handlers::{JobHandler, JobHandlers, JobOutcome, RegisteredHandler, registered};
pub use look_up::payment_of_case;
pub use metered_provider::MeteredProvider;
pub use pool::{LEASE, LaneConcurrency, Pool, PoolParts};
pub use reconcile::schedule;
