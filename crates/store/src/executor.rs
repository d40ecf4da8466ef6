//! One batch, one transaction.
//!
//! | phase | what |
//! |---|---|
//! | load | call `needs` of every command, load the next tables, call it again; children first |
//! | decide | one command after another; the second sees the changes of the first |
//! | write | sets, parents first, counted; a batch without changes writes nothing |
//! | commit | once |
//!
//! The results go back to the [`writer`](crate::writer), which sends them once the commit has returned.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use domain::rows::{Facts, Needs, TableName};
use domain::side_effects::SideEffects;
use domain::working_set::{Command, Context, Role, Unreadable};
use domain::{Ids, Timestamp};
use uuid::Uuid;

use crate::engine::{Engine, Fault, LockedRows, WantedRows};
use crate::key_resolution::{self, panicked};
use crate::{CommandResult, Committed, Render, Unavailable};

/// The results and side effects of a committed batch.
pub(crate) struct CommittedBatch {
    /// One for each command, in order.
    pub settled: Vec<CommandOutcome>,
    pub committed: Committed,
    /// Whether there was anything to commit.
    pub wrote: bool,
}

/// The outcome of one command.
pub(crate) enum CommandOutcome {
    Answered(CommandResult),
    /// Only this command failed. The others of its batch continued.
    Failed(Unavailable),
    /// Another transaction holds this row, which the command needs.
    SetAside(Uuid),
}

/// What a decision gets besides its rows.
pub(crate) struct DecisionTools {
    pub ids: Arc<dyn Ids + Send + Sync>,
    pub render: Arc<dyn Render>,
}

/// After an error the caller rolls back.
pub(crate) async fn run<E: Engine>(
    engine: &mut E,
    tools: &DecisionTools,
    commands: &[&dyn Command],
    busy: LockedRows,
) -> Result<CommittedBatch, Fault> {
    let mut batch =
        Batch { commands, settled: commands.iter().map(|_| None).collect(), unreadable: Vec::new() };
    let (mut facts, now) = batch.load(engine, busy).await?;
    let mut committed = Committed::default();
    let settled = batch.decide(&mut facts, tools, now, &mut committed);
    let writes = facts.writes();
    let wrote = !writes.is_empty();
    if wrote {
        let SideEffects { wake_ups, counters } = facts.side_effects();
        committed.wake_ups.clone_from(wake_ups);
        engine.write(&writes, counters).await?;
        if !fault_injection::is(fault_injection::InjectedFault::AnsweredBeforeCommit) {
            engine.commit().await?;
        }
    } else {
        // The rollback only releases the locks.
        engine.rollback().await;
    }
    Ok(CommittedBatch { settled, committed, wrote })
}

struct Batch<'a> {
    commands: &'a [&'a dyn Command],
    /// `None` while the command is under way.
    settled: Vec<Option<CommandOutcome>>,
    /// Rows that this version cannot read, and why.
    unreadable: Vec<(TableName, Uuid, String)>,
}

/// The rows that the commands still need, in lock order.
struct WantedTables {
    wanted: Vec<WantedRows>,
    /// No command waits for one of these rows in order to name others.
    all: bool,
    /// From this table on, a command waits for one of the rows before.
    later: Option<TableName>,
}

impl Batch<'_> {
    async fn load<E: Engine>(
        &mut self,
        engine: &mut E,
        busy: LockedRows,
    ) -> Result<(Facts, Timestamp), Fault> {
        let mut facts = Facts::default();
        let mut now = None;
        // Only the tables from this one on, in lock order, may still be loaded.
        let mut open = 0;
        loop {
            let WantedTables { mut wanted, all, later } = self.wanted_tables(&facts, open);
            if let (true, Some(now)) = (wanted.is_empty(), now) {
                return Ok((facts, now));
            }
            if !all {
                // Owned rows take no lock, and mostly name the rows that are needed next.
                let owned = |wanted: &&WantedRows| wanted.table.description().role == Role::Owned;
                wanted.truncate(1 + wanted.iter().skip(1).take_while(owned).count());
            } else if let Some(later) = later.map(position) {
                // Never none of them: a row that does not exist is waited for in vain.
                let before = wanted.iter().take_while(|wanted| position(wanted.table) < later).count();
                wanted.truncate(if before > 0 { before } else { wanted.len() });
            }
            let loaded = engine.load(&wanted, busy).await?;
            now = Some(loaded.now);
            for (at, id) in loaded.busy {
                self.set_aside(&facts, wanted[at].table, id);
                wanted[at].ids.retain(|wanted| *wanted != id);
            }
            for (WantedRows { table, ids }, rows) in wanted.iter().zip(loaded.rows) {
                let unreadable = facts.loaded(*table, ids, rows);
                self.fail(&facts, *table, unreadable);
                open = position(*table) + 1;
            }
        }
    }

    fn wanted_tables(&mut self, facts: &Facts, open: usize) -> WantedTables {
        loop {
            let mut needs = Needs::new(facts);
            let (mut all, mut later) = (true, None);
            for (command, settled) in self.commands.iter().zip(&mut self.settled) {
                if settled.is_none() {
                    let before = needs.requested();
                    match call_needs(*command, &mut needs) {
                        // The awaited row does not exist, so the command will name no more rows.
                        Ok(complete) => {
                            let waits = needs.requested() > before;
                            all &= complete || !waits;
                            later = later.max(needs.take_later().filter(|_| waits));
                        }
                        Err(panic) => *settled = Some(CommandOutcome::Failed(Unavailable::Poisoned(panic))),
                    }
                }
            }
            let mut wanted = Vec::new();
            let mut passed = None;
            for (at, table) in TableName::lock_order().enumerate() {
                let ids = needs.wanted(table);
                if ids.is_empty() {
                    continue;
                }
                if at < open || table.description().role == Role::Append {
                    passed.get_or_insert(table);
                } else {
                    wanted.push(WantedRows { table, ids });
                }
            }
            match passed {
                None => return WantedTables { wanted, all, later },
                Some(table) => self.refuse(facts, table),
            }
        }
    }

    /// A load from an earlier table would lock out of order, and deadlock sooner or later. It is a bug of the
    /// command, which alone fails, with its name.
    fn refuse(&mut self, facts: &Facts, table: TableName) {
        self.fail_who_wants_unreadable(facts, table);
        self.settle_who_wants(
            facts,
            table,
            |_| true,
            |command| {
                let name = command.name();
                let table = table.description().name;
                let message = format!("{name} requested a row of {table} out of the order of locks");
                CommandOutcome::Failed(Unavailable::Poisoned(message))
            },
        );
    }

    /// An unreadable row fails only the commands that need it, now or later.
    fn fail(&mut self, facts: &Facts, table: TableName, rows: Vec<Unreadable>) {
        for row in rows {
            let why = row.to_string();
            tracing::error!(why, "a row cannot be read: was it written by a newer version?");
            self.unreadable.push((table, row.id, why));
        }
        self.fail_who_wants_unreadable(facts, table);
    }

    fn fail_who_wants_unreadable(&mut self, facts: &Facts, table: TableName) {
        let rows = std::mem::take(&mut self.unreadable);
        for (_, id, why) in rows.iter().filter(|(of, ..)| *of == table) {
            let failed = |_: &dyn Command| CommandOutcome::Failed(Unavailable::Unreadable(why.clone()));
            self.settle_who_wants(facts, table, |wanted| wanted == *id, failed);
            if fault_injection::is(fault_injection::InjectedFault::UnreadableStopsBatch) {
                for settled in self.settled.iter_mut().filter(|settled| settled.is_none()) {
                    *settled = Some(CommandOutcome::Failed(Unavailable::Unreadable(why.clone())));
                }
            }
        }
        self.unreadable = rows;
    }

    fn set_aside(&mut self, facts: &Facts, table: TableName, id: Uuid) {
        self.settle_who_wants(facts, table, |wanted| wanted == id, |_| CommandOutcome::SetAside(id));
    }

    fn settle_who_wants(
        &mut self,
        facts: &Facts,
        table: TableName,
        which: impl Fn(Uuid) -> bool,
        become_of: impl Fn(&dyn Command) -> CommandOutcome,
    ) {
        for (command, settled) in self.commands.iter().zip(&mut self.settled) {
            if settled.is_none() {
                let mut needs = Needs::new(facts);
                // A panic of `needs` has been handled by an earlier call.
                let _met_before = call_needs(*command, &mut needs);
                if needs.wanted(table).into_iter().any(&which) {
                    *settled = Some(become_of(*command));
                }
            }
        }
    }

    fn decide(
        &mut self,
        facts: &mut Facts,
        tools: &DecisionTools,
        now: Timestamp,
        committed: &mut Committed,
    ) -> Vec<CommandOutcome> {
        let context = Context { now, ids: &*tools.ids };
        let settled = std::mem::take(&mut self.settled);
        let decide = |(command, settled): (&&dyn Command, Option<CommandOutcome>)| {
            settled.unwrap_or_else(|| decide_one(*command, facts, tools, &context, committed))
        };
        self.commands.iter().zip(settled).map(decide).collect()
    }
}

fn decide_one(
    command: &dyn Command,
    facts: &mut Facts,
    tools: &DecisionTools,
    context: &Context<'_>,
    committed: &mut Committed,
) -> CommandOutcome {
    // The closure only reads the facts, so a panic leaves them consistent.
    let ruled = catch_unwind(AssertUnwindSafe(|| {
        key_resolution::resolve_key(command, facts, context, &*tools.render)
    }));
    let poisoned =
        |what: String| CommandOutcome::Failed(Unavailable::Poisoned(format!("{}: {what}", command.name())));
    let ruling = match ruled {
        Err(panic) => return poisoned(panicked(&*panic)),
        Ok(Err(bug)) => return poisoned(bug),
        Ok(Ok(ruling)) => ruling,
    };
    if let Err(table) = facts.apply(ruling.changes) {
        return poisoned(format!("it puts one row of {table} twice"));
    }
    committed.answered.extend(ruling.answered);
    CommandOutcome::Answered(ruling.answer)
}

/// Whether the command has requested all its rows. An error is its panic.
fn call_needs(command: &dyn Command, needs: &mut Needs<'_>) -> Result<bool, String> {
    let call = || {
        if let Some(claim) = command.claim() {
            needs.key(claim.key);
        }
        command.needs(needs).is_some()
    };
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| panicked(&*panic))
}

fn position(table: TableName) -> usize {
    TableName::lock_order().position(|other| other == table).expect("every table is in the order")
}
