//! PostgreSQL: connections that only write batches.
//!
//! A batch is three or four round trips, each a pipeline:
//!
//! | trip | what is sent together |
//! |---|---|
//! | load | BEGIN, the locks of the first tables, the clock |
//! | load | the remaining tables, if a row named others; the clock again |
//! | write | every insert, update and removal, parents first |
//! | commit | COMMIT, alone: the rows are counted before it |
//!
//! All statements are prepared before a pipeline is sent, because a prepare inside it would change its order.

mod error;
pub(crate) mod notify;
mod pipeline;
mod session;
mod set;
mod value;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::side_effects::Counter;
use domain::working_set::{Role, TableWrite, Value};
use fault_injection::InjectedFault;
use futures_util::future::{join, join3};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Statement};
use uuid::Uuid;

use crate::counters::POSTGRES_ADD;
use crate::engine::{Engine, Fault, LoadedRows, LockedRows, WantedRows};
use crate::statements::POSTGRES;
use crate::stats::{Counters, add};
use crate::{Error, Options};
pub(crate) use error::{describe, is_data_error};
use error::{fault, fault_of_commit};
use notify::{Notifier, NotifierTask};
use pipeline::in_order;
use session::Session;
pub(crate) use session::{check, config, writing};
use set::Set;
pub(crate) use value::{Bound, decode};

/// How long a writer waits for a row before it continues without it.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);
/// How long a command waits apart for its row.
pub(crate) const LOCK_WAIT_MAX: Duration = Duration::from_secs(2);
/// The pause between reading and writing in a program with an injected fault.
const LINGER: Duration = Duration::from_millis(100);
/// PostgreSQL takes 0 for "forever".
const LOCK_WAIT_MAX_MIN: Duration = Duration::from_millis(10);

/// Differs by necessity: servers on several machines must agree on leases and expiry, so the time is
/// the database's own. SQLite has one process, and uses the injected clock.
const CLOCK: &str = "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)";

/// The connections that write.
pub(crate) struct Lanes {
    config: Config,
    writers: usize,
    counters: Arc<Counters>,
}

impl Lanes {
    pub fn new(url: &str, options: &Options, counters: &Arc<Counters>) -> Result<Lanes, Error> {
        let config = session::writing(url, "surehold writer")?;
        Ok(Lanes { config, writers: options.writers.max(1), counters: counters.clone() })
    }

    /// Notifies other processes of commits here, and the listener of theirs.
    pub fn notifier(&self, notifier: Arc<Notifier>, options: &Options) -> NotifierTask {
        notifier.run(self.config.clone(), options.listener.clone(), options.ids.next())
    }

    pub fn writers(&self) -> impl Iterator<Item = Postgres> {
        (0..self.writers).map(|_| self.apart())
    }

    /// Where commands wait for rows that another transaction holds.
    pub fn apart(&self) -> Postgres {
        Postgres {
            config: self.config.clone(),
            session: None,
            begun: false,
            patience: None,
            counters: self.counters.clone(),
        }
    }
}

/// A writer's connection: made when it is needed, made again when it broke.
pub(crate) struct Postgres {
    config: Config,
    session: Option<Session>,
    begun: bool,
    /// Waits for a lock this long instead of the ordinary time.
    pub patience: Option<Duration>,
    counters: Arc<Counters>,
}

/// The prepared statements of one table's load.
struct Load {
    rows: Statement,
    /// Which rows exist, if locked rows are skipped.
    exist: Option<Statement>,
}

impl Postgres {
    async fn connected(&mut self) -> Result<&mut Session, Fault> {
        if self.session.as_ref().is_none_or(Session::is_closed) {
            self.begun = false;
            self.session = Some(Session::connect(&self.config).await?);
        }
        Ok(self.session.as_mut().expect("it was just made"))
    }

    async fn prepare_load(
        &mut self,
        wanted: &[WantedRows],
        busy: LockedRows,
    ) -> Result<(Vec<Load>, Statement), Fault> {
        let session = self.connected().await?;
        let clock = session.prepare(CLOCK).await?;
        let mut loads = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let description = wanted.table.description();
            let statements = &POSTGRES[description.name];
            let skip = busy == LockedRows::Skip && description.role == Role::Lock;
            let sql = if skip { &statements.load_free } else { &statements.load };
            let rows = session.prepare(sql).await?;
            let exist = if skip { Some(session.prepare(&statements.exist).await?) } else { None };
            loads.push(Load { rows, exist });
        }
        Ok((loads, clock))
    }

    fn begin(&self) -> String {
        match self.patience {
            None => "begin".to_owned(),
            Some(patience) => {
                format!("begin; set local lock_timeout = {}", patience.max(LOCK_WAIT_MAX_MIN).as_millis())
            }
        }
    }

    fn session(&self) -> Result<&Session, Fault> {
        self.session.as_ref().ok_or_else(|| Fault::Lost("there is no connection".to_owned()))
    }
}

impl Engine for Postgres {
    async fn load(&mut self, wanted: &[WantedRows], busy: LockedRows) -> Result<LoadedRows, Fault> {
        let (loads, clock) = self.prepare_load(wanted, busy).await?;
        let begin = (!self.begun).then(|| self.begin());
        self.begun = true;
        add(&self.counters.round_trips, 1);
        let client = &self.session()?.client;
        // `join` polls its parts in order, and a first poll sends: this is the order on the wire.
        let begun = async {
            match begin {
                Some(begin) => client.batch_execute(&begin).await,
                None => Ok(()),
            }
        };
        let loaded = in_order(wanted.iter().zip(&loads).map(|(wanted, load)| load_one(client, wanted, load)));
        let (begun, loaded, clock) = join3(begun, loaded, client.query_one(&clock, &[])).await;
        begun.map_err(|error| fault(&error))?;
        let mut rows = Vec::with_capacity(wanted.len());
        let mut busy = Vec::new();
        for (at, one) in loaded.into_iter().enumerate() {
            let (found, passed_over) = one.map_err(|error| fault(&error))?;
            rows.push(found);
            busy.extend(passed_over.into_iter().map(|id| (at, id)));
        }
        let now = clock.and_then(|row| row.try_get(0)).map_err(|error| fault(&error))?;
        Ok(LoadedRows { rows, busy, now: Timestamp(now) })
    }

    async fn write(
        &mut self,
        writes: &[TableWrite<'_>],
        counters: &BTreeMap<Counter, i64>,
    ) -> Result<(), Fault> {
        let Some(session) = &mut self.session else {
            return Err(Fault::Lost("there is no connection".to_owned()));
        };
        let writes_to = |name: &str| writes.iter().any(|write| write.table.name == name);
        if fault_injection::is(InjectedFault::UniqueIndexDropped) && writes_to("keys")
            || fault_injection::is(InjectedFault::CapacityReadWithoutLock) && writes_to("slots")
            || fault_injection::is(InjectedFault::ResourceNotLocked) && writes_to("resource_days")
        {
            // Concurrent transactions have read the same rows by now.
            tokio::time::sleep(LINGER).await;
        }
        let ids: Vec<set::Ids> = writes.iter().map(set::Ids::of).collect();
        let mut sets = Vec::with_capacity(2 * writes.len());
        for (write, ids) in writes.iter().zip(&ids) {
            let statements = &POSTGRES[write.table.name];
            if !write.inserts.is_empty() {
                let statement = session.prepare(&statements.insert).await?;
                sets.push(Set::of_inserts(write, statement));
            }
            if !write.updates.is_empty() {
                let statement = session.prepare(&statements.update).await?;
                sets.push(Set::of_updates(write, &ids.updated, statement));
            }
            if !write.removals.is_empty() {
                let statement = session.prepare(&statements.remove).await?;
                sets.push(Set::of_removals(write, &ids.removed, statement));
            }
        }
        let counted = set::rows_of_counters(counters, session.shard);
        if !counted.is_empty() {
            sets.push(Set::of_counters(&counted, session.prepare(POSTGRES_ADD).await?));
        }
        add(&self.counters.round_trips, 1);
        let written = in_order(sets.iter().map(|set| set.execute(&session.client))).await;
        // The first error is the cause: the later ones only report that the transaction failed.
        for (set, count) in sets.iter().zip(written) {
            let count = count.map_err(|error| fault(&error))?;
            let twice = count > set.sent && fault_injection::is(InjectedFault::UniqueIndexDropped);
            if count != set.sent && !twice {
                return Err(Fault::Again(format!("a row of {} is not as it was loaded", set.table)));
            }
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Fault> {
        add(&self.counters.round_trips, 1);
        let committed = self.session()?.client.batch_execute("commit").await;
        self.begun = committed.is_err();
        committed.map_err(|error| fault_of_commit(&error))
    }

    fn disconnect(&mut self) {
        self.session = None;
        self.begun = false;
    }

    async fn rollback(&mut self) {
        if !std::mem::take(&mut self.begun) {
            return;
        }
        add(&self.counters.round_trips, 1);
        let rolled_back = match &self.session {
            Some(session) => session.client.batch_execute("rollback").await.is_ok(),
            None => return,
        };
        if !rolled_back {
            self.session = None;
        }
    }
}

/// The rows of one table, and the ids that exist and were skipped.
type Found = (Vec<Vec<Value<'static>>>, Vec<Uuid>);

async fn load_one(client: &Client, wanted: &WantedRows, load: &Load) -> Result<Found, tokio_postgres::Error> {
    let ids: Vec<Value<'_>> = wanted.ids.iter().map(|id| Value::Id(*id)).collect();
    let ids: Vec<Bound<'_>> = ids.iter().map(Bound).collect();
    let parameters: [&(dyn ToSql + Sync); 1] = [&ids];
    let rows = client.query(&load.rows, &parameters);
    let Some(exist) = &load.exist else {
        return Ok((rows.await?.iter().map(decode).collect::<Result<_, _>>()?, Vec::new()));
    };
    let (rows, exist) = join(rows, client.query(exist, &parameters)).await;
    let rows = rows?.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
    // The key is the first column.
    let free: HashSet<Uuid> = rows.iter().filter_map(|row| row.first().cloned()?.id()).collect();
    let mut busy = Vec::new();
    for row in exist? {
        busy.extend(row.try_get::<_, value::Read>(0)?.0.id().filter(|id| !free.contains(id)));
    }
    Ok((rows, busy))
}
