//! The store as the rest of the program holds it.

use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
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
/// Long enough for our own work, which never rests, to fail again.
const FAILED_LATELY: Duration = Duration::from_secs(10);

/// Changes nothing: it is only answered.
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

/// A handle; clones share the queue, the writers and the readers. Its queries are those of
/// [`Queries`], to which it dereferences.
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

/// Handles that are dropped without a close still end the writers, once the queue is drained.
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

    /// Only the queries, for one who looks at whole tables. A SQLite file may meanwhile be written by the process that has it open.
    pub async fn open_read_only(location: &Location) -> Result<Queries, Error> {
        let queries = match location {
            Location::Sqlite { path } => Queries::sqlite_for_checks(path, crate::READERS)?,
            Location::Postgres { url } => Queries::postgres_for_checks(url.expose(), crate::READERS)?,
        };
        migrate::check(queries.read_version().await?)?;
        Ok(queries)
    }

    /// Brings the schema to this program's version. Forward only, and safe from many at once.
    pub async fn migrate(location: &Location) -> Result<Migrated, Error> {
        migrate::run(location).await
    }

    /// Copies a SQLite database to a file that must not exist, whole and checked, also while a server writes it.
    pub async fn back_up(path: &Path, to: &Path) -> Result<Backup, Error> {
        let (path, to) = (path.to_owned(), to.to_owned());
        let copied = tokio::task::spawn_blocking(move || backup::run(&path, &to));
        copied.await.unwrap_or(Err(Error::Closed))
    }

    /// Carries out a command, in whatever batch comes next, and answers once that is committed.
    pub async fn submit(&self, command: Box<dyn Command>) -> Result<CommandResult, Unavailable> {
        let (asker, answer) = oneshot::channel();
        self.inner.queue.push(Pending { command, asker })?;
        // A writer that dropped the question has died with it.
        answer.await.unwrap_or(Err(Unavailable::Closed))
    }

    /// Carries out a command about many rows, as one. If one of them cannot be read, in halves: that row is left
    /// out, and keeps none of the others back.
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
                // It was told where it was met.
                Err(Unavailable::Unreadable(_)) => {}
                Err(unavailable) => return Err(unavailable),
            }
        }
        Ok(answers)
    }

    /// Whether a write would be taken now: a writer answers, and the database has not failed one a moment ago.
    pub async fn ask_writer(&self) -> Result<(), Unavailable> {
        let asked = tokio::time::timeout(WRITER_ANSWERS_WITHIN, self.submit(Box::new(EmptyCommand))).await;
        asked.map_err(|_| Unavailable::Database("the writer does not answer".to_owned()))??;
        match self.inner.counters.failure(FAILED_LATELY) {
            Some(why) => Err(Unavailable::Database(why)),
            None => Ok(()),
        }
    }

    /// Takes nothing more in, carries out what waits, and ends the writers.
    pub async fn close(self) {
        self.inner.queue.close();
        let running = std::mem::take(&mut *self.inner.running.lock().unwrap_or_else(PoisonError::into_inner));
        for writer in running {
            writer.ended().await;
        }
    }

    pub fn queries(&self) -> &Queries {
        &self.inner.queries
    }

    /// Made at the first migration: names this database, so that a cache is never asked about another.
    pub fn database_id(&self) -> Uuid {
        self.inner.database_id
    }

    pub fn stats(&self) -> Stats {
        self.inner.counters.read(self.inner.queue.len())
    }
}
