//! Workers: they claim jobs under a lease, and handlers work on them, each on its kinds.
//!
//! | piece | what it does |
//! |---|---|
//! | [`Pool`] | takes born-claimed jobs at once and due jobs by query, so many of each lane at a time |
//! | [`JobHandlers`] | which handler works on which kind of job: [`registered`] is the list |
//! | `heartbeat` | keeps the lease alive while a call takes long; stops the work when it is lost |
//! | [`MeteredProvider`] | counts and times the calls to a provider |
//! | [`Gates`] | whether an account may be called now: its share of the workers, its circuit, its retry budget |
//! | [`Driver`] | for the kinds that are an attempt's: decides the next call by what is known, makes it, and tells what it heard |
//!
//! A worker never writes: what it learned is a command. A worker that was stopped for longer than
//! its lease finds its token refused and drops what it has.

mod charge;
mod driver;
mod gate;
mod guarded_provider;
mod handlers;
mod heartbeat;
mod lane;
mod metered_provider;
mod pool;
mod refund;
mod release;
mod report;

pub use driver::{Driver, Pace};
pub use gate::{ACCOUNT_SHARE, Gates};
pub use handlers::{JobHandler, JobHandlers, JobOutcome, RegisteredHandler, registered};
pub use metered_provider::MeteredProvider;
pub use pool::{LEASE, LaneConcurrency, Pool, PoolParts};
