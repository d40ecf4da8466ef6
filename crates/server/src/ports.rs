//! What is plugged into the service: a trait for each, with what is there by default. Adapters and other parts
//! of the service implement them; nothing here knows who does.
//!
//! | port | what is behind it | by default |
//! |---|---|---|
//! | [`idempotency_cache`] | answers duplicates before the database is asked | nothing: the database is asked |
//! | [`cache`] | what opens that, and the floors of retry budgets | nothing is shared |
//! | [`broker`] | carries messages from the relay to the consumers | this process |
//! | [`telemetry`] | collects traces | nobody |
//! | [`clock`] | the time of day | the machine's, which never goes back |
//! | [`accounts`] | the tenants' accounts at providers, as a request sees them | |
//! | [`worker_pool`] | the workers of this process, as a request sees them | none |

pub mod accounts;
pub mod broker;
pub mod cache;
pub mod clock;
pub mod idempotency_cache;
pub mod telemetry;
pub mod worker_pool;

pub use accounts::Accounts;
pub use broker::Broker;
pub use idempotency_cache::{IdempotencyCache, NoIdempotencyCache};
pub use worker_pool::{NoWorkers, WorkerPermit, WorkerPool};
