//! A writer's connection and its prepared statements.

use std::collections::HashMap;
use std::time::Duration;

use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, Statement};

use super::LOCK_TIMEOUT;
use super::error::{describe, fault};
use crate::Error;
use crate::engine::Fault;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection to a silent server is dropped after this time.
const SILENCE_MAX: Duration = Duration::from_secs(15);
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(20);
/// Our transactions never idle. If one hangs, the server ends it and releases its locks.
const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that restarts is back in a few seconds.
const RECONNECT_WAITS: [Duration; 6] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(600),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Takes the lowest shard that no connection has. The end of the connection always releases it. If
/// all shards are taken, one is shared, and its two writers wait for each other's commits.
const TAKE_SHARD: &str = "select coalesce((select shard from generate_series(0, 4095) as shard \
     where pg_try_advisory_lock(1953066092, shard) limit 1), 0)";

pub(super) struct Session {
    pub client: Client,
    /// The shard of the [counters](crate::counters) that only this connection writes.
    pub shard: i64,
    statements: HashMap<&'static str, Statement>,
}

/// The configuration of every connection to the server. The name appears in `pg_stat_activity`.
pub(crate) fn config(url: &str, name: &str) -> Result<Config, Error> {
    let mut config: Config = url.parse()?;
    config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(SILENCE_MAX).application_name(name);
    Ok(config)
}

/// The same for connections that write: they need a server that takes writes. A standby is skipped
/// or refused.
pub(crate) fn writing(url: &str, name: &str) -> Result<Config, Error> {
    let mut config = config(url, name)?;
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    Ok(config)
}

/// Refuses a pooler in transaction mode, with an explanation.
///
/// After each transaction such a pooler gives the connection to another client, so that settings,
/// prepared statements, advisory locks and LISTEN of the session are lost. It is recognised by two
/// clients with one connection.
pub(crate) async fn check(url: &str) -> Result<(), Error> {
    let config = config(url, "surehold start")?;
    let (first, second) = (connected(&config).await?, connected(&config).await?);
    let encoding = single_value(&first, "show server_encoding").await?;
    if encoding != "UTF8" {
        return Err(Error::Encoding { found: encoding });
    }
    const WHICH: &str = "select pg_backend_pid()";
    let before = single_value(&first, WHICH).await?;
    second.batch_execute("begin").await?;
    let (other, after) = (single_value(&second, WHICH).await?, single_value(&first, WHICH).await?);
    second.batch_execute("rollback").await?;
    if before == other || before != after { Err(Error::Pooled) } else { Ok(()) }
}

async fn connected(config: &Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The single value that a statement returns, without a prepared statement.
async fn single_value(client: &Client, sql: &str) -> Result<String, Error> {
    let answered = client.simple_query(sql).await?;
    let row = answered.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(row.unwrap_or_default().to_owned())
}

/// The planner's settings were measured: a plan that was made while a table is small, or for each
/// call, scans the table and costs twice as much. So nothing else may run on these connections.
fn settings() -> String {
    format!(
        "set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_hashjoin = off; \
         set enable_mergejoin = off; set synchronous_commit = on; set lock_timeout = {}; \
         set default_transaction_isolation = 'read committed'; set statement_timeout = {}; \
         set idle_in_transaction_session_timeout = {}; set jit = off",
        LOCK_TIMEOUT.as_millis(),
        STATEMENT_TIMEOUT.as_millis(),
        IDLE_IN_TRANSACTION_TIMEOUT.as_millis()
    )
}

impl Session {
    /// Tries for a few seconds.
    pub async fn connect(config: &Config) -> Result<Session, Fault> {
        let mut waits = RECONNECT_WAITS.into_iter();
        loop {
            let error = match Session::connect_once(config).await {
                Ok(session) => return Ok(session),
                Err(error) => error,
            };
            let Some(wait) = waits.next() else {
                return Err(Fault::Failed(format!("no connection to PostgreSQL: {}", describe(&error))));
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn connect_once(config: &Config) -> Result<Session, tokio_postgres::Error> {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(error = describe(&error), "a writer's connection ended");
            }
        });
        client.batch_execute(&settings()).await?;
        let shard: i32 = client.query_one(TAKE_SHARD, &[]).await?.try_get(0)?;
        Ok(Session { client, shard: shard.into(), statements: HashMap::new() })
    }

    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub async fn prepare(&mut self, sql: &'static str) -> Result<Statement, Fault> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await.map_err(|error| fault(&error))?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}
