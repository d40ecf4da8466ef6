//! The broker on a real NATS server: what it is sent, what it keeps, and what becomes of messages where it
//! loses, repeats or forgets them.

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

#[expect(dead_code, reason = "the relay's own tests use the rest")]
#[path = "../../../../server/tests/relay/brokers.rs"]
mod brokers;
mod consuming;
mod line;
mod losses;
#[expect(dead_code, reason = "the relay's own tests use the rest")]
#[path = "../../../../server/tests/relay/post.rs"]
mod post;
mod publishing;
mod silence;
mod stream;
