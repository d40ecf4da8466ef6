//! Ports: a trait for each part that can be replaced, with its default. Adapters and other parts of
//! the service implement them; this module does not know who does.
//!
//! | port | what is behind it | by default |
//! |---|---|---|
//! | [`idempotency_cache`] | answers duplicates before the database is read | none: the database answers |
//! | [`cache`] | opens that cache, and the shared floors of retry budgets | nothing is shared |
//! | [`broker`] | carries messages from the relay to the consumers | this process |
//! | [`telemetry`] | collects traces | none |
//! | [`clock`] | the time of day | the machine's, which never goes back |
//! | [`accounts`] | the tenants' accounts at providers, as a request needs them | |
//! | [`worker_pool`] | the workers of this process, as a request needs them | none |

pub mod accounts;
pub mod broker;
pub mod cache;
pub mod clock;
pub mod idempotency_cache;
pub mod telemetry;
pub mod worker_pool;

pub use accounts::{Accounts, PaymentAccount, WantedAccount};
pub use broker::Broker;
pub use idempotency_cache::{IdempotencyCache, NoIdempotencyCache};
pub use worker_pool::{NoWorkers, WorkerPermit, WorkerPool};
