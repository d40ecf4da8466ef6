//! The only crate that knows SQL: the working set, on SQLite and on PostgreSQL.
//!
//! A command goes in by [`Store::submit`], waits in a fair and bounded queue, and becomes part of
//! the next batch. One batch is one transaction:
//!
//! | phase | what | where |
//! |---|---|---|
//! | take | the waiting commands, tenants in turn, at most 128, without a delay | `queue` |
//! | load | call `needs`, lock rows by id, children first; read the clock | `executor`, `engine` |
//! | decide | each command in turn; keys answer replays; a panic fails only its command | `executor` |
//! | write | inserts and guarded updates as sets, parents first, all counted | `sqlite`, `postgres` |
//! | commit | once | `sqlite`, `postgres` |
//! | answer | the callers and the listener; never before the commit | `writer` |
//! | notify | on PostgreSQL the other processes, outside of every transaction | `postgres/notify` |
//! | retry | conflicts and deadlocks run again, a failing batch is halved, a locked row waits apart | `writer` |
//!
//! Reading order: `options`, `answer`, then `writer` and `executor` for the write path,
//! `statements` for the SQL of it, [`queries`] for the read side, which never passes the writer.
//!
//! What must never be here: a rule of the domain, JSON of the API, `now()` or `random()` in SQL, and
//! the name of a constraint.

mod backup;
mod command_result;
mod counters;
mod engine;
mod error;
mod executor;
mod key_resolution;
mod location;
mod migrate;
mod options;
mod postgres;
mod private;
pub mod queries;
mod queue;
mod sqlite;
mod statements;
mod stats;
mod store;
mod writer;

pub use backup::Backup;
pub use command_result::{CommandResult, Unavailable};
pub use error::Error;
pub use location::{Location, PostgresUrl};
pub use migrate::Migrated;
pub use options::{
    BATCH_MAX, Clock, Committed, Listener, Notification, Options, QUEUE_MAX, READERS, Render, Rendered,
    TENANT_SHARE,
};
pub use queries::Queries;
pub use stats::Stats;
pub use store::Store;
