//! Rows of one table: as they were loaded, and as the batch has changed them.

use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;
use uuid::Uuid;

use super::column::{ColumnMismatch, Kind, Value};
use super::unknown::{self, Unknown};
use crate::side_effects::SideEffects;

/// The description of a table. The store makes its statements from it.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub role: Role,
    pub columns: &'static [ColumnDescription],
}

impl Table {
    /// The column that rows are loaded by: the owner's id in a table of owned rows, else the key.
    pub fn loaded_by(&self) -> Option<usize> {
        let wanted = if self.role == Role::Owned { ColumnUpdate::Owner } else { ColumnUpdate::Key };
        self.columns.iter().position(|column| column.part == wanted)
    }
}

#[derive(Debug)]
pub struct ColumnDescription {
    pub name: &'static str,
    pub kind: Kind,
    pub nullable: bool,
    pub json: bool,
    pub part: ColumnUpdate,
}

/// How a table takes part in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Rows are locked when they are loaded. The guards are a second protection.
    Lock,
    /// Rows are read without a lock (catalogue, tenants). Only the guards protect a change.
    Read,
    /// Rows are only ever inserted.
    Append,
    /// Rows are found by the row that owns them, and read right after it. The owner's lock protects
    /// them, and the guards are a second protection.
    Owned,
}

/// What an update does with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnUpdate {
    Key,
    /// Set by the insert, never again.
    Fixed,
    /// The id of the row that owns this one: set by the insert, and a part of the key by which the row is updated.
    Owner,
    /// Changes, and the update takes effect only if the stored value is still the loaded one.
    Guard,
    /// Changes freely, under the lock.
    Moves,
}

impl ColumnUpdate {
    /// Whether an update or a removal names the column's value as it was loaded.
    pub fn is_guard(self) -> bool {
        matches!(self, ColumnUpdate::Owner | ColumnUpdate::Guard)
    }

    /// Whether an update sets the column.
    pub fn changes(self) -> bool {
        matches!(self, ColumnUpdate::Guard | ColumnUpdate::Moves)
    }
}

/// A row of a described table.
pub trait Row: Clone + PartialEq {
    type Id: Copy + Into<Uuid>;
    const TABLE: &'static Table;
    fn id(&self) -> Self::Id;
    /// The id of the row that owns this one, in a table of owned rows.
    fn owner(&self) -> Option<Uuid>;
    /// In the order of the table's columns.
    fn values(&self) -> Vec<Value<'_>>;
    fn read(values: Vec<Value<'static>>) -> Result<Self, ColumnMismatch>;
    /// Collects the side effects of a new row, or of a changed one.
    fn side_effects(_before: Option<&Self>, _after: &Self, _effects: &mut SideEffects) {}
}

/// The writes of a batch to one table.
#[derive(Debug)]
pub struct TableWrite<'rows> {
    pub table: &'static Table,
    /// Whole rows, in id order, values in the order of the columns.
    pub inserts: Vec<Vec<Value<'rows>>>,
    /// In id order.
    pub updates: Vec<Update<'rows>>,
    /// In id order.
    pub removals: Vec<Removal<'rows>>,
}

impl TableWrite<'_> {
    /// How many rows the write must touch. Fewer mean that another transaction was faster.
    pub fn len(&self) -> usize {
        self.inserts.len() + self.updates.len() + self.removals.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One guarded removal.
#[derive(Debug)]
pub struct Removal<'rows> {
    pub id: Uuid,
    /// The guard columns as they were loaded.
    pub guards: Vec<Value<'rows>>,
}

/// One guarded update. `guards` and `values` follow the order of the table's columns.
#[derive(Debug)]
pub struct Update<'rows> {
    pub id: Uuid,
    /// The guard columns as they were LOADED, because a row may move several times in one batch.
    pub guards: Vec<Value<'rows>>,
    /// The new values of the guard and moving columns.
    pub values: Vec<Value<'rows>>,
}

/// A row that this version cannot read: another version wrote it, or a person by hand. `id` is the
/// id that it was requested by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub id: Uuid,
    pub why: ColumnMismatch,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (row {})", self.why, self.id)
    }
}

struct Entry<R> {
    loaded: Option<R>,
    current: Option<R>,
    unknown: Vec<Unknown>,
}

impl<R> Entry<R> {
    fn new(loaded: Option<R>, current: Option<R>) -> Entry<R> {
        Entry { loaded, current, unknown: Vec::new() }
    }
}

/// The loaded rows of one table, sorted by id, the order in which rows are locked and written.
pub struct Rows<R> {
    entries: BTreeMap<Uuid, Entry<R>>,
    /// In a table of owned rows: the rows of each owner.
    owners: BTreeMap<Uuid, BTreeSet<Uuid>>,
}

impl<R> Default for Rows<R> {
    fn default() -> Self {
        Rows { entries: BTreeMap::new(), owners: BTreeMap::new() }
    }
}

impl<R: Row> Rows<R> {
    /// The row as the batch has it now. `None` if it does not exist or was not needed.
    pub fn get(&self, id: R::Id) -> Option<&R> {
        self.entries.get(&id.into()).and_then(|entry| entry.current.as_ref())
    }

    /// The rows that this one owns as the batch has them now, in the order of their ids.
    pub fn owned_by(&self, owner: impl Into<Uuid>) -> impl Iterator<Item = &R> + Clone {
        let ids = self.owners.get(&owner.into()).into_iter().flatten();
        ids.filter_map(|id| self.entries.get(id)?.current.as_ref())
    }

    /// Whether the id was requested: the owner's in a table of owned rows, else the row's own.
    pub(crate) fn knows(&self, id: Uuid) -> bool {
        match R::TABLE.role {
            Role::Owned => self.owners.contains_key(&id),
            Role::Lock | Role::Read | Role::Append => self.entries.contains_key(&id),
        }
    }

    /// Returns the rows that could not be read. They do not count as requested, because a row that
    /// exists must not look like a missing one.
    pub(crate) fn loaded(&mut self, ids: &[Uuid], rows: Vec<Vec<Value<'static>>>) -> Vec<Unreadable> {
        for id in ids {
            self.request(*id);
        }
        let mut unreadable = Vec::new();
        for values in rows {
            let id = R::TABLE.loaded_by().and_then(|at| values.get(at).cloned()).and_then(Value::id);
            let stored = unknown::stored(R::TABLE, &values);
            match R::read(values) {
                Ok(row) => {
                    let unknown = unknown::of(&row, stored);
                    let entry = Entry { unknown, ..Entry::new(Some(row.clone()), Some(row.clone())) };
                    self.own(&row);
                    self.entries.insert(row.id().into(), entry);
                }
                Err(why) => {
                    let id = id.unwrap_or_default();
                    self.forget(id);
                    unreadable.push(Unreadable { id, why });
                }
            }
        }
        unreadable
    }

    fn request(&mut self, id: Uuid) {
        match R::TABLE.role {
            Role::Owned => {
                self.owners.entry(id).or_default();
            }
            Role::Lock | Role::Read | Role::Append => {
                self.entries.insert(id, Entry::new(None, None));
            }
        }
    }

    fn own(&mut self, row: &R) {
        if let Some(owner) = row.owner() {
            self.owners.entry(owner).or_default().insert(row.id().into());
        }
    }

    fn forget(&mut self, id: Uuid) {
        self.owners.remove(&id);
        self.entries.remove(&id);
    }

    /// A decision may put a row once: a second put of the same row would lose the first.
    pub(crate) fn check(rows: &[R]) -> Result<(), &'static str> {
        if rows.len() < 2 {
            return Ok(());
        }
        let mut seen = BTreeSet::new();
        if rows.iter().all(|row| seen.insert(row.id().into())) { Ok(()) } else { Err(R::TABLE.name) }
    }

    pub(crate) fn apply(&mut self, rows: Vec<R>, effects: &mut SideEffects) {
        for row in rows {
            self.own(&row);
            let entry = self.entries.entry(row.id().into()).or_insert_with(|| Entry::new(None, None));
            if entry.current.as_ref() != Some(&row) {
                R::side_effects(entry.current.as_ref(), &row, effects);
                entry.current = Some(row);
            }
        }
    }

    /// Whether there is such a row to remove.
    pub(crate) fn remove(&mut self, id: Uuid) -> bool {
        self.entries.get_mut(&id).is_some_and(|entry| entry.current.take().is_some())
    }

    pub(crate) fn write(&self) -> Option<TableWrite<'_>> {
        let mut write =
            TableWrite { table: R::TABLE, inserts: Vec::new(), updates: Vec::new(), removals: Vec::new() };
        for (id, entry) in &self.entries {
            match (&entry.loaded, &entry.current) {
                (None, Some(row)) => write.inserts.push(row.values()),
                (Some(was), Some(is)) if was != is => write.updates.push(Update {
                    id: *id,
                    guards: of_part(was.values(), R::TABLE, ColumnUpdate::is_guard),
                    values: of_part(
                        unknown::kept(is.values(), &entry.unknown),
                        R::TABLE,
                        ColumnUpdate::changes,
                    ),
                }),
                (Some(was), None) => {
                    let guards = of_part(was.values(), R::TABLE, ColumnUpdate::is_guard);
                    write.removals.push(Removal { id: *id, guards });
                }
                _ => {}
            }
        }
        (!write.is_empty()).then_some(write)
    }
}

fn of_part<'row>(
    values: Vec<Value<'row>>,
    table: &Table,
    wanted: impl Fn(ColumnUpdate) -> bool,
) -> Vec<Value<'row>> {
    let parts = values.into_iter().zip(table.columns).filter(|(_, column)| wanted(column.part));
    parts.map(|(value, _)| value).collect()
}
