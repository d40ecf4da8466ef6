//! The store: the handle that the rest of the program uses.

use parking_lot::Mutex;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::TenantId;
use domain::rows::{Facts, Needs};
use domain::working_set::{Command, Context, Decision, DecisionResult};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::backup::{self, Backup};
use crate::migrate::{self, Migrated};
use crate::postgres::notify::{Notifier, NotifierTask};
use crate::queries::Queries;
use crate::queue::{Pending, Queue};
use crate::stats::{Counters, Stats};
use crate::writer::{self, Running, Shared};
use crate::{CommandResult, Error, Location, Options, Unavailable, postgres, sqlite};

const WRITER_ANSWERS_WITHIN: Duration = Duration::from_secs(3);
/// In this time the system's own work, which never pauses, would fail again.
const FAILED_LATELY: Duration = Duration::from_secs(10);

/// Changes nothing. It only shows that a writer answers.
#[derive(Debug)]
struct EmptyCommand;

impl Command for EmptyCommand {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, _: &mut Needs<'_>) -> Option<()> {
        Some(())
    }

    fn decide(&self, _: &Facts, _: &Context<'_>) -> DecisionResult {
        Ok(Decision::default())
    }
}

/// A handle. Clones share the queue, the writers and the readers. It dereferences to its [`Queries`].
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    queries: Queries,
    database_id: Uuid,
    running: Mutex<Vec<Running>>,
    _ringing: Option<NotifierTask>,
}

/// If all handles are dropped without a close, the writers end once the queue is empty.
impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Deref for Store {
    type Target = Queries;
    fn deref(&self) -> &Queries {
        &self.inner.queries
    }
}

impl Store {
    /// Opens for reading and writing. Refuses a schema that is not migrated, or newer than this
    /// program, and a SQLite file that another process has open. Needs a Tokio runtime.
    pub async fn open(options: Options) -> Result<Store, Error> {
        let queue = Arc::new(Queue::new(options.queue_max, options.tenant_share));
        let counters = Arc::new(Counters::default());
        let shared = |notifier| Arc::new(Shared::new(&options, queue.clone(), counters.clone(), notifier));
        let (queries, running, ringing) = match &options.location {
            Location::Sqlite { path } => {
                let writer = sqlite::Writer::open(path, &options, counters.clone())?;
                let queries = Queries::sqlite(path, options.readers, options.query_max)?;
                (queries, vec![writer::thread(shared(None), writer)?], None)
            }
            Location::Postgres { url } => {
                let url = url.expose();
                let queries = Queries::postgres(url, options.readers, options.query_max)?;
                postgres::check(url).await?;
                migrate::check(queries.read_version().await?)?;
                let lanes = postgres::Lanes::new(url, &options, &counters)?;
                let notifier = Arc::new(Notifier::default());
                let ringing = lanes.notifier(notifier.clone(), &options);
                (queries, writer::tasks(&shared(Some(notifier)), &lanes), Some(ringing))
            }
        };
        let database_id = queries.read_database_id().await?;
        Ok(Store {
            inner: Arc::new(Inner {
                queue,
                counters,
                queries,
                database_id,
                running: Mutex::new(running),
                _ringing: ringing,
            }),
        })
    }

    /// Only the queries, for checks of whole tables. Another process may have a SQLite file open for writing.
    pub async fn open_read_only(location: &Location) -> Result<Queries, Error> {
        let queries = match location {
            Location::Sqlite { path } => Queries::sqlite_for_checks(path, crate::READERS)?,
            Location::Postgres { url } => Queries::postgres_for_checks(url.expose(), crate::READERS)?,
        };
        migrate::check(queries.read_version().await?)?;
        Ok(queries)
    }

    /// Migrates the schema to this program's version. Forward only, and safe from many processes.
    pub async fn migrate(location: &Location) -> Result<Migrated, Error> {
        migrate::run(location).await
    }

    /// Copies a SQLite database to a file that must not exist. The copy is consistent and checked,
    /// also while a server writes the database.
    pub async fn back_up(path: &Path, to: &Path) -> Result<Backup, Error> {
        let (path, to) = (path.to_owned(), to.to_owned());
        let copied = tokio::task::spawn_blocking(move || backup::run(&path, &to));
        copied.await.unwrap_or(Err(Error::Closed))
    }

    /// Carries out a command in the next batch, and returns after the commit.
    pub async fn submit(&self, command: Box<dyn Command>) -> Result<CommandResult, Unavailable> {
        let (asker, answer) = oneshot::channel();
        self.inner.queue.push(Pending { command, asker })?;
        // A writer that dropped the channel has ended.
        answer.await.unwrap_or(Err(Unavailable::Closed))
    }

    /// Carries out a command about many rows. If a row cannot be read, the command runs in halves,
    /// so that only that row is left out.
    pub async fn submit_about<Id, C: Command + 'static>(
        &self,
        ids: &[Id],
        command: impl Fn(&[Id]) -> C,
    ) -> Result<Vec<CommandResult>, Unavailable> {
        let (mut parts, mut answers) = (vec![ids], Vec::new());
        while let Some(part) = parts.pop() {
            match self.submit(Box::new(command(part))).await {
                Ok(answer) => answers.push(answer),
                Err(Unavailable::Unreadable(why))
                    if fault_injection::is(fault_injection::InjectedFault::UnreadableStopsSweep) =>
                {
                    return Err(Unavailable::Unreadable(why));
                }
                Err(Unavailable::Unreadable(_)) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                // The failure was logged before.
                Err(Unavailable::Unreadable(_)) => {}
                Err(unavailable) => return Err(unavailable),
            }
        }
        Ok(answers)
    }

    /// Whether writes work now: a writer answers, and the database has not failed a batch a moment ago.
    pub async fn check_writer(&self) -> Result<(), Unavailable> {
        let answer = tokio::time::timeout(WRITER_ANSWERS_WITHIN, self.submit(Box::new(EmptyCommand))).await;
        answer.map_err(|_| Unavailable::Database("the writer does not answer".to_owned()))??;
        match self.inner.counters.failure(FAILED_LATELY) {
            Some(why) => Err(Unavailable::Database(why)),
            None => Ok(()),
        }
    }

    /// Refuses new commands, carries out the waiting ones, and ends the writers.
    pub async fn close(self) {
        self.inner.queue.close();
        let running = std::mem::take(&mut *self.inner.running.lock());
        for writer in running {
            writer.ended().await;
        }
    }

    pub fn queries(&self) -> &Queries {
        &self.inner.queries
    }

    /// The id of the database, made at the first migration, so that a cache is never used for
    /// another database.
    pub fn database_id(&self) -> Uuid {
        self.inner.database_id
    }

    pub fn stats(&self) -> Stats {
        self.inner.counters.read(self.inner.queue.len())
    }
}
