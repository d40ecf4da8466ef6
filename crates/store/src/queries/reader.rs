//! Connections for reading, and the one way to run a query on either engine.

use parking_lot::Mutex;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use domain::TenantId;
use domain::working_set::{Column, Kind, Row, Value};
use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_postgres::NoTls;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::filter::{owned, placeholders, with};
use crate::statements::{list, quoted};
use crate::{Error, migrate, postgres, sqlite};

/// The wait for a free connection, and for a new one.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// The wait for the server's report that it ended a query.
const END_REPORT_MAX: Duration = Duration::from_secs(5);
/// Steps of SQLite's virtual machine between two reads of the clock: well below a millisecond.
const STEPS_BETWEEN_CLOCK_READS: i32 = 10_000;
/// A query about whole tables takes as long as the tables are large.
const CHECK_MAX: Duration = Duration::from_hours(6);

/// The queries of the read side; cheap to clone.
#[derive(Clone)]
pub struct Queries {
    engine: Engine,
    /// Collects the plan of each query, for tests.
    plans: Option<Plans>,
}

/// The plans of the queries, in order.
pub type Plans = Arc<Mutex<Vec<String>>>;

#[derive(Clone)]
enum Engine {
    Sqlite(Arc<Files>),
    Postgres(Served),
}

/// Connections to a server. A connection that is silent for too long is dropped.
#[derive(Clone)]
struct Served {
    pool: Pool,
    silence_max: Duration,
}

/// A few read-only connections to one file, used on the threads for blocking calls.
struct Files {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    free: Semaphore,
    query_max: Duration,
}

impl Queries {
    pub(crate) fn sqlite(path: &Path, readers: usize, query_max: Duration) -> Result<Queries, Error> {
        // Opened here, so that a missing file is an error at once.
        let first = sqlite::reader(path)?;
        let files = Files {
            path: path.to_owned(),
            idle: Mutex::new(vec![first]),
            free: Semaphore::new(readers.max(1)),
            query_max,
        };
        Ok(Queries { engine: Engine::Sqlite(Arc::new(files)), plans: None })
    }

    /// For questions about whole tables.
    pub(crate) fn sqlite_for_checks(path: &Path, readers: usize) -> Result<Queries, Error> {
        Queries::sqlite(path, readers, CHECK_MAX)
    }

    /// For queries about whole tables. While a table has no statistics, the planner expects few
    /// rows and chooses nested loops, which took minutes where a hash join takes a moment.
    pub(crate) fn postgres_for_checks(url: &str, readers: usize) -> Result<Queries, Error> {
        Queries::postgres_with(url, readers, "set enable_nestloop = off", CHECK_MAX)
    }

    /// The server ends a query that takes longer than `query_max`. We end a query if the server stays silent.
    pub(crate) fn postgres(url: &str, readers: usize, query_max: Duration) -> Result<Queries, Error> {
        let limit = format!("set statement_timeout = {}", query_max.as_millis());
        Queries::postgres_with(url, readers, &limit, query_max + END_REPORT_MAX)
    }

    /// A statement that writes is refused.
    fn postgres_with(
        url: &str,
        readers: usize,
        settings: &str,
        silence_max: Duration,
    ) -> Result<Queries, Error> {
        let config = postgres::config(url, "surehold reader")?;
        // After connecting, because a pooler takes no settings in the startup message.
        let settings = Arc::new(format!("set default_transaction_read_only = on; {settings}"));
        let set = Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let settings = settings.clone();
            Box::pin(async move { client.batch_execute(&settings).await.map_err(HookError::Backend) })
        });
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, NoTls, manager))
            .max_size(readers.max(1))
            .runtime(Runtime::Tokio1)
            .post_create(set)
            .wait_timeout(Some(WAIT_MAX))
            .create_timeout(Some(WAIT_MAX))
            .build()
            .map_err(|error| Error::Pool(error.to_string()))?;
        Ok(Queries { engine: Engine::Postgres(Served { pool, silence_max }), plans: None })
    }

    /// The same queries, with their plans: a test checks that no list scans a table.
    pub fn explained(&self) -> (Queries, Plans) {
        let plans = Plans::default();
        (Queries { plans: Some(plans.clone()), ..self.clone() }, plans)
    }

    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self.engine, Engine::Sqlite(_))
    }

    /// The version of the schema, 0 for an empty database.
    pub(crate) async fn read_version(&self) -> Result<i64, Error> {
        let known = match &self.engine {
            Engine::Sqlite(_) => "select 1 from sqlite_schema where name = 'migrations'",
            // Differs by necessity: each engine has a catalogue of its own.
            Engine::Postgres(_) => "select cast(1 as bigint) where to_regclass('migrations') is not null",
        };
        if self.values(known, vec![], &[Kind::Int]).await?.is_empty() {
            return Ok(0);
        }
        let rows = self.values(migrate::APPLIED, vec![], &[Kind::Int, Kind::Text]).await;
        let mut applied = Vec::new();
        for row in rows.map_err(migrate::unreadable)? {
            let [Value::Int(version), Value::Text(ref digest)] = row[..] else { continue };
            applied.push((version, digest.to_string()));
        }
        migrate::version(&applied)
    }

    pub(crate) async fn read_database_id(&self) -> Result<Uuid, Error> {
        let rows = self.values("select id from database_identity", vec![], &[Kind::Id]).await?;
        let id = rows.into_iter().flatten().next().and_then(Value::id);
        id.ok_or(Error::NotMigrated { found: 0, needed: 1 })
    }

    /// The id of this database's history. It changes with a restore to an earlier moment, with a
    /// failover, and in a copy, so that data cached from the first history is not used for the
    /// second. A copy of the files themselves has the same id.
    pub async fn lineage(&self) -> Result<String, Error> {
        // Differs by necessity: SQLite is its file, and stores nothing that a copy of the file would lack.
        if self.is_sqlite() {
            return Ok(String::new());
        }
        // This is the timeline of the current log. The control file has that of the last
        // checkpoint, and a promoted standby needs minutes until its first one. A restored dump
        // creates its tables with other numbers.
        let sql = "select concat_ws('/', system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8), \
                   'keys'::regclass::oid) from pg_control_system()";
        let rows = self.values(sql, vec![], &[Kind::Text]).await?;
        let lineage = rows.into_iter().flatten().next().and_then(Value::text);
        Ok(lineage.map(Cow::into_owned).unwrap_or_default())
    }

    /// Rows of one table: `select <its columns> from <it>` and whatever follows.
    pub(super) async fn rows<R: Row>(
        &self,
        rest: &str,
        parameters: Vec<Value<'static>>,
    ) -> Result<Vec<R>, Error> {
        let rows = self.unread_rows::<R>(rest, parameters).await?;
        Ok(rows.into_iter().map(R::read).collect::<Result<_, _>>()?)
    }

    /// The values of such rows, for a caller that tolerates unreadable rows.
    pub(super) async fn unread_rows<R: Row>(
        &self,
        rest: &str,
        parameters: Vec<Value<'static>>,
    ) -> Result<Vec<Vec<Value<'static>>>, Error> {
        let columns = list(R::TABLE, |_| true, quoted);
        let kinds: Vec<Kind> = R::TABLE.columns.iter().map(|column| column.kind).collect();
        let sql = format!("select {columns} from {} {rest}", R::TABLE.name);
        self.values(&sql, parameters, &kinds).await
    }

    pub(super) async fn row<R: Row>(
        &self,
        rest: &str,
        parameters: Vec<Value<'static>>,
    ) -> Result<Option<R>, Error> {
        Ok(self.rows(rest, parameters).await?.into_iter().next())
    }

    /// A tenant's rows whose `column` has one of these values.
    pub(super) async fn rows_in<R: Row, C: Column>(
        &self,
        tenant: TenantId,
        column: &str,
        values: &[C],
        order: &str,
    ) -> Result<Vec<R>, Error> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let mut parameters = with![tenant];
        parameters.extend(values.iter().map(owned));
        let placeholders = placeholders(2, values.len());
        self.rows(&format!("where tenant = $1 and {column} in ({placeholders}) order by {order}"), parameters)
            .await
    }

    pub(super) async fn ids(&self, sql: &str, parameters: Vec<Value<'static>>) -> Result<Vec<Uuid>, Error> {
        let rows = self.values(sql, parameters, &[Kind::Id]).await?;
        Ok(rows.into_iter().flatten().filter_map(Value::id).collect())
    }

    /// One number. 0 if there is none.
    pub(super) async fn number(&self, sql: &str, parameters: Vec<Value<'static>>) -> Result<i64, Error> {
        let rows = self.values(sql, parameters, &[Kind::Int]).await?;
        Ok(rows.into_iter().flatten().next().and_then(Value::int).unwrap_or(0))
    }

    /// Any query, in the dialect that both engines share, parameters as `$1`.
    pub(super) async fn values(
        &self,
        sql: &str,
        parameters: Vec<Value<'static>>,
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Value<'static>>>, Error> {
        if let Some(plans) = &self.plans {
            // Differs by necessity: each planner has its own statement and columns.
            let (explain, columns): (_, &[Kind]) = match &self.engine {
                Engine::Postgres(_) => ("explain", &[Kind::Text]),
                Engine::Sqlite(_) => ("explain query plan", &[Kind::Int, Kind::Int, Kind::Int, Kind::Text]),
            };
            let lines = self.answers(&format!("{explain} {sql}"), parameters.clone(), columns).await?;
            let lines = lines.into_iter().filter_map(|row| row.into_iter().last()?.text());
            plans.lock().push(lines.collect::<Vec<_>>().join("\n"));
        }
        self.answers(sql, parameters, kinds).await
    }

    async fn answers(
        &self,
        sql: &str,
        parameters: Vec<Value<'static>>,
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Value<'static>>>, Error> {
        match &self.engine {
            Engine::Postgres(served) => served.query(sql, &parameters).await,
            Engine::Sqlite(files) => {
                let _free = files.free.acquire().await.map_err(|_| Error::Closed)?;
                // Differs by necessity: SQLite takes `$1` as a name, and numbers it by its first appearance.
                let (files, sql, kinds) = (files.clone(), sql.replace('$', "?"), kinds.to_vec());
                let read = move || files.read(&sql, &parameters, &kinds);
                tokio::task::spawn_blocking(read).await.unwrap_or(Err(Error::Closed))
            }
        }
    }
}

impl Files {
    fn read(
        &self,
        sql: &str,
        parameters: &[Value<'_>],
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Value<'static>>>, Error> {
        let idle = self.idle.lock().pop();
        let mut connection = idle.map_or_else(|| sqlite::reader(&self.path), Ok)?;
        let (begun, query_max) = (Instant::now(), self.query_max);
        connection.progress_handler(STEPS_BETWEEN_CLOCK_READS, Some(move || begun.elapsed() > query_max))?;
        let found = read(&connection, sql, parameters, kinds);
        self.idle.lock().push(connection);
        Ok(found?)
    }
}

fn read(
    connection: &Connection,
    sql: &str,
    parameters: &[Value<'_>],
    kinds: &[Kind],
) -> rusqlite::Result<Vec<Vec<Value<'static>>>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(sqlite::bind(parameters))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(sqlite::decode(row, kinds)?);
    }
    Ok(found)
}

/// The whole error, because the pool's text alone lacks the server's message: a missing database, or user.
fn no_connection(error: PoolError) -> Error {
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
            Error::Postgres(error)
        }
        error => Error::Pool(error.to_string()),
    }
}

impl Served {
    /// After a restart of the server the pool still has broken connections. A query changes
    /// nothing, so it is sent again.
    async fn query(&self, sql: &str, parameters: &[Value<'_>]) -> Result<Vec<Vec<Value<'static>>>, Error> {
        let mut tries = self.pool.status().max_size;
        loop {
            let client = self.pool.get().await.map_err(no_connection)?;
            let bound: Vec<postgres::Bound<'_>> = parameters.iter().map(postgres::Bound).collect();
            let bound: Vec<&(dyn ToSql + Sync)> =
                bound.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            let reply = async { client.query(&client.prepare_cached(sql).await?, &bound).await };
            let Ok(found) = timeout(self.silence_max, reply).await else {
                // Otherwise the pool would give the silent connection to the next query.
                drop(Object::take(client));
                let limit = self.silence_max.as_millis();
                return Err(Error::Pool(format!("a query was not answered in {limit} ms")));
            };
            match found {
                Ok(rows) => return Ok(rows.iter().map(postgres::decode).collect::<Result<_, _>>()?),
                Err(_) if client.is_closed() && tries > 0 => tries -= 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}
