//! Relay, broker, consumers and sweep on both engines: what is published, in which order, how often, and
//! what comes of a message that fails, panics, or kills its process.
//!
//! PostgreSQL is the server that `SUREHOLD_TEST_POSTGRES` names; `cargo xtask test` starts one and sets
//! it. Each test makes a database of its own there.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

/// Each test once on SQLite and once on PostgreSQL.
macro_rules! both {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::post::Post::on_sqlite().await).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::post::Post::on_postgres().await).await;
            })+
        }
    };
}

mod brokers;
mod catch_up;
mod consumers;
mod due;
mod failing;
mod order;
mod post;
mod pruning;
mod taking_over;
