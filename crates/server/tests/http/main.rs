//! The HTTP side over a real listener and a real store, on both engines.
//!
//! PostgreSQL is the server that `SUREHOLD_TEST_POSTGRES` names; `cargo xtask test` starts one and
//! sets it. Each test makes a database of its own there. No provider is called here: what is begun at
//! one stays in progress.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

/// Each test once on SQLite and once on PostgreSQL.
macro_rules! both {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::house::House::on_sqlite().await).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::house::House::on_postgres().await).await;
            })+
        }
    };
}

mod api_keys;
mod bookings;
mod card_numbers;
mod catalogue;
mod contract;
mod dead_letters;
mod documented;
mod door;
mod house;
mod idempotency;
mod input;
mod lists;
mod ops;
mod parameters;
mod payments;
mod refunds;
mod rows;
mod shapes;
mod texts;
mod walls;
