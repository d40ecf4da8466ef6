//! The writers: they take batches, run them, and send the results.
//!
//! | fault | what happens |
//! |---|---|
//! | a conflict, or a deadlock | run again at once; after several times in halves; a single command is `Contended` |
//! | a row is locked for long | run again without the commands that need the row; those wait apart |
//! | the connection broke before COMMIT | run again on a new one |
//! | the connection broke during COMMIT | `CommitUnknown` for each command of the batch |
//! | the database refuses the rows | halved, until only the faulty command fails |
//! | the database fails | each command of the batch fails; nothing was written |
//!
//! Contention is retried here and nowhere else.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::working_set::Command;
use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::engine::{Engine, Fault, LockedRows};
use crate::executor::{self, CommandOutcome, CommittedBatch, DecisionTools};
use crate::key_resolution::panicked;
use crate::postgres::notify::Notifier;
use crate::postgres::{LOCK_WAIT_MAX, Lanes, Postgres};
use crate::queue::{Pending, Queue};
use crate::stats::{Counters, add};
use crate::{Error, Listener, Options, Unavailable, sqlite};

/// How often a batch is run again before it is halved.
const TRIES_MAX: usize = 3;
/// The pause between a result and its commit in a program with an injected fault.
const EARLY_ANSWER_PAUSE: Duration = Duration::from_millis(100);
/// How often a single command is run again before it fails.
const TRIES_ALONE_MAX: usize = 10;
/// For this time after a locked row was found, writers do not wait for rows.
const SKIP_LOCKED_FOR: Duration = Duration::from_secs(1);

pub(crate) struct Shared {
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    tools: DecisionTools,
    listener: Arc<dyn Listener>,
    /// Notifies other processes.
    notifier: Option<Arc<Notifier>>,
    batch_max: usize,
    queue_max: usize,
}

impl Shared {
    pub fn new(
        options: &Options,
        queue: Arc<Queue>,
        counters: Arc<Counters>,
        notifier: Option<Arc<Notifier>>,
    ) -> Shared {
        Shared {
            queue,
            counters,
            tools: DecisionTools { ids: options.ids.clone(), render: options.render.clone() },
            listener: options.listener.clone(),
            notifier,
            batch_max: options.batch_max.max(1),
            queue_max: options.queue_max.max(1),
        }
    }
}

/// A writer that runs until the queue is closed and empty.
pub(crate) struct Running(oneshot::Receiver<()>);

impl Running {
    pub async fn ended(self) {
        // Any end of the writer drops the sender.
        let _dropped = self.0.await;
    }
}

/// A command that waits apart for a row that another transaction holds. `None` if the row is not known.
struct SetAside {
    pending: Pending,
    row: Option<Uuid>,
    since: Instant,
}

/// Where commands with a locked row go.
enum LockedRowRoute {
    /// SQLite has one writer, so there are no other locks.
    Nowhere,
    ToTheLaneApart(mpsc::Sender<SetAside>),
    /// This is the lane apart, and the commands have waited.
    Out,
}

/// The only writer of SQLite. The executor is asynchronous, but nothing in it waits here, so one
/// poll runs a whole batch.
pub(crate) fn thread(shared: Arc<Shared>, mut writer: sqlite::Writer) -> Result<Running, Error> {
    let (end, ended) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let path = writer.path.clone();
    let run = move || {
        let mut lane = Lane { shared, way: LockedRowRoute::Nowhere, skip_locked_until: None };
        while let Some(batch) = runtime.block_on(lane.shared.queue.take(lane.shared.batch_max)) {
            lane.carry_out(&mut writer.engine, batch).now_or_never().expect("nothing waits on SQLite");
        }
        // Another process may open the file once close has returned.
        drop(writer);
        drop(end);
    };
    let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(run);
    thread.map(|_| Running(ended)).map_err(|source| Error::File { path, source })
}

/// The writers of PostgreSQL, and the lane apart.
pub(crate) fn tasks(shared: &Arc<Shared>, lanes: &Lanes) -> Vec<Running> {
    let (set_aside, apart) = mpsc::channel(shared.queue_max);
    let mut running = Vec::new();
    for mut engine in lanes.writers() {
        let (end, ended) = oneshot::channel::<()>();
        running.push(Running(ended));
        let way = LockedRowRoute::ToTheLaneApart(set_aside.clone());
        let mut lane = Lane { shared: shared.clone(), way, skip_locked_until: None };
        tokio::spawn(async move {
            while let Some(batch) = lane.shared.queue.take(lane.shared.batch_max).await {
                lane.carry_out(&mut engine, batch).await;
            }
            drop(end);
        });
    }
    let (end, ended) = oneshot::channel::<()>();
    running.push(Running(ended));
    let lane = Lane { shared: shared.clone(), way: LockedRowRoute::Out, skip_locked_until: None };
    let engine = lanes.apart();
    tokio::spawn(async move {
        wait_apart(lane, engine, apart).await;
        drop(end);
    });
    running
}

/// Commands that need the same locked row wait for it together, and hold only their own rows in the
/// meantime. Ends when the last writer has ended.
async fn wait_apart(mut lane: Lane, mut engine: Postgres, mut apart: mpsc::Receiver<SetAside>) {
    let mut waiting: Vec<SetAside> = Vec::new();
    loop {
        if waiting.is_empty() {
            let Some(first) = apart.recv().await else { return };
            waiting.push(first);
        }
        while let Ok(more) = apart.try_recv() {
            waiting.push(more);
        }
        let (row, since) = (waiting[0].row, waiting[0].since);
        let (mut group, rest): (Vec<SetAside>, _) = waiting.into_iter().partition(|apart| apart.row == row);
        waiting = rest;
        let later = group.split_off(group.len().min(lane.shared.batch_max));
        waiting.extend(later);
        engine.patience = Some(LOCK_WAIT_MAX.saturating_sub(since.elapsed()));
        let group = group.into_iter().map(|apart| apart.pending).collect();
        lane.carry_out(&mut engine, group).await;
    }
}

/// A part of a batch: the whole batch at first, halves after a failure.
struct Part {
    commands: Vec<Pending>,
    tries: usize,
    busy: LockedRows,
}

struct Lane {
    shared: Arc<Shared>,
    way: LockedRowRoute,
    skip_locked_until: Option<Instant>,
}

impl Lane {
    async fn carry_out<E: Engine>(&mut self, engine: &mut E, commands: Vec<Pending>) {
        add(&self.shared.counters.batches, 1);
        let wary = self.skip_locked_until.is_some_and(|until| Instant::now() < until);
        let busy = if wary { LockedRows::Skip } else { LockedRows::Wait };
        let mut parts = vec![Part { commands, tries: 0, busy }];
        while let Some(part) = parts.pop() {
            let commands: Vec<&dyn Command> = part.commands.iter().map(|pending| &*pending.command).collect();
            let run = executor::run(engine, &self.shared.tools, &commands, part.busy);
            let ran = AssertUnwindSafe(run).catch_unwind().await;
            // A bug of the executor's own must not end the writer.
            let ran = ran.unwrap_or_else(|panic| Err(Fault::Poison(panicked(&*panic))));
            match ran {
                Ok(done) => {
                    self.answer(part.commands, done);
                    if fault_injection::is(fault_injection::InjectedFault::AnsweredBeforeCommit) {
                        std::thread::sleep(EARLY_ANSWER_PAUSE);
                        let _too_late_to_matter = engine.commit().await;
                    }
                }
                Err(fault) => {
                    engine.rollback().await;
                    if matches!(fault, Fault::Lost(_) | Fault::CommitUnknown(_)) {
                        engine.disconnect();
                    }
                    add(&self.shared.counters.retries, 1);
                    self.recover(part, fault, &mut parts);
                }
            }
        }
    }

    fn recover(&mut self, mut part: Part, fault: Fault, parts: &mut Vec<Part>) {
        let alone = part.commands.len() == 1;
        match fault {
            Fault::Again(_) if part.tries < if alone { TRIES_ALONE_MAX } else { TRIES_MAX } => {
                part.tries += 1;
                parts.push(part);
            }
            Fault::Again(_) | Fault::Poison(_) if !alone => halve(part, parts),
            Fault::Again(why) => {
                tracing::debug!(why, "a command met rivals too often");
                refuse(part, &Unavailable::Contended);
            }
            // It has waited for the whole time.
            Fault::Locked if alone && matches!(self.way, LockedRowRoute::Out) => {
                refuse(part, &Unavailable::Contended);
            }
            Fault::Locked if part.busy == LockedRows::Wait => {
                self.be_wary();
                part.busy = LockedRows::Skip;
                parts.push(part);
            }
            // A locked row that the command loads would have been skipped, so it is a row that the
            // command inserts.
            Fault::Locked if !alone => halve(part, parts),
            Fault::Locked => part.commands.into_iter().for_each(|pending| self.set_aside(pending, None)),
            Fault::Lost(why) if part.tries < TRIES_MAX => {
                tracing::warn!(why, "the connection of a writer was lost; its batch runs again");
                part.tries += 1;
                parts.push(part);
            }
            Fault::Lost(why) | Fault::Failed(why) => {
                self.shared.counters.failed(&why);
                refuse(part, &Unavailable::Database(why));
            }
            Fault::CommitUnknown(why) => {
                refuse(part, &Unavailable::CommitUnknown(why));
            }
            Fault::Poison(why) => {
                let why = format!("{}: {why}", part.commands[0].command.name());
                refuse(part, &Unavailable::Poisoned(why));
            }
        }
    }

    /// Called only after the commit.
    fn answer(&mut self, commands: Vec<Pending>, done: CommittedBatch) {
        let counters = self.shared.counters.clone();
        add(&counters.commits, usize::from(done.wrote));
        if done.wrote {
            counters.wrote();
        }
        add(&counters.commands, commands.len());
        // Before the results, so that the listener has been called once a caller has its result.
        if done.wrote {
            let notify = || self.shared.listener.committed(&done.committed);
            if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(notify)) {
                tracing::error!(panic = panicked(&*panic), "the listener of the store panicked");
            }
            if let Some(notifier) = &self.shared.notifier {
                notifier.collect(&done.committed);
            }
        }
        for (pending, settled) in commands.into_iter().zip(done.settled) {
            match settled {
                CommandOutcome::Answered(answer) => send_result(pending, Ok(answer)),
                CommandOutcome::Failed(why) => send_result(pending, Err(why)),
                CommandOutcome::SetAside(row) => self.set_aside(pending, Some(row)),
            }
        }
    }

    /// The lane apart waits for locked rows.
    fn be_wary(&mut self) {
        if matches!(self.way, LockedRowRoute::ToTheLaneApart(_)) {
            self.skip_locked_until = Some(Instant::now() + SKIP_LOCKED_FOR);
        }
    }

    fn set_aside(&mut self, pending: Pending, row: Option<Uuid>) {
        add(&self.shared.counters.set_aside, 1);
        self.be_wary();
        let refused = match &self.way {
            LockedRowRoute::ToTheLaneApart(lane) => {
                match lane.try_send(SetAside { pending, row, since: Instant::now() }) {
                    Ok(()) => return,
                    Err(
                        mpsc::error::TrySendError::Full(apart) | mpsc::error::TrySendError::Closed(apart),
                    ) => apart.pending,
                }
            }
            LockedRowRoute::Nowhere | LockedRowRoute::Out => pending,
        };
        send_result(refused, Err(Unavailable::Contended));
    }
}

/// The first half runs first.
fn halve(mut part: Part, parts: &mut Vec<Part>) {
    let second = part.commands.split_off(part.commands.len() / 2);
    parts.push(Part { commands: second, tries: 0, busy: part.busy });
    parts.push(Part { tries: 0, ..part });
}

fn refuse(part: Part, why: &Unavailable) {
    for pending in part.commands {
        send_result(pending, Err(why.clone()));
    }
}

/// The caller logs a failure, because it knows what the command was for. If the caller has gone,
/// the failure is logged here. Committed changes stay.
fn send_result(pending: Pending, answer: Result<crate::CommandResult, Unavailable>) {
    let command = pending.command.name();
    if let Err(Err(unavailable)) = pending.asker.send(answer) {
        tracing::warn!(command, %unavailable, "a command failed, and nobody waits for it any more");
    }
}
