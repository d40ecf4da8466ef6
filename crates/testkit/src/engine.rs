//! The two engines, and a test written once for both.

use std::future::Future;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgres",
        }
    }
}

/// A type that a test of [`on_both_engines`](crate::on_both_engines) may take as its argument.
pub trait OnEngine: Sized {
    fn on(engine: Engine) -> impl Future<Output = Self> + Send;
}

impl OnEngine for Engine {
    async fn on(engine: Engine) -> Engine {
        engine
    }
}

pub async fn run<T: OnEngine, F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(T) -> F) {
    test(T::on(engine).await).await;
}

/// Runs each test once on SQLite and once on PostgreSQL.
#[macro_export]
macro_rules! on_both_engines {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
            async fn $test() {
                $crate::engine::run($crate::Engine::Sqlite, super::$test).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
            async fn $test() {
                $crate::engine::run($crate::Engine::Postgres, super::$test).await;
            })+
        }
    };
}
