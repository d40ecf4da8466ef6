//! Payments, captures, refunds and webhooks: the whole service over HTTP against the sandbox, on both
//! engines.
//!
//! Every test ends with the same questions: do all promises hold, in the rows and in the provider's
//! books, is nothing left open, and did every call that moves money come under one key?
//!
//! PostgreSQL is the server that `SUREHOLD_TEST_POSTGRES` names; `cargo xtask test` starts one and
//! sets it. Each test makes a database of its own there, and has a sandbox of its own.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

/// Each test once on SQLite and once on PostgreSQL.
macro_rules! both {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::stage::Engine::Sqlite).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::stage::Engine::Postgres).await;
            })+
        }
    };
}

mod apart;
mod ask;
mod authentication;
mod bookings;
mod books;
mod by_hand;
mod captures;
mod charges;
mod database;
mod dead_letters;
mod delivery;
mod duplicates;
mod expiry;
mod handed_over;
mod kept_errors;
mod lanes;
mod leases;
mod outage;
mod refunds;
mod restarts;
mod sail;
mod stage;
mod storm;
mod tenants;
mod webhooks;
