//! A set: all rows that a batch inserts into, or updates in, one table, as one statement with one
//! array per column.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::side_effects::Counter;
use domain::working_set::{TableWrite, Value};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::value::Bound;

pub(super) struct Set<'a> {
    pub table: &'static str,
    /// How many rows it must write.
    pub sent: u64,
    statement: Statement,
    columns: Vec<Vec<Bound<'a>>>,
}

impl<'a> Set<'a> {
    pub fn of_inserts(write: &'a TableWrite<'_>, statement: Statement) -> Set<'a> {
        let mut columns = columns(write.table.columns.len(), write.inserts.len());
        for row in &write.inserts {
            fill(&mut columns, row.iter());
        }
        Set { table: write.table.name, sent: write.inserts.len() as u64, statement, columns }
    }

    pub fn of_updates(write: &'a TableWrite<'_>, ids: &'a [Value<'static>], statement: Statement) -> Set<'a> {
        let width = write.updates.first().map_or(0, |update| 1 + update.guards.len() + update.values.len());
        let mut columns = columns(width, write.updates.len());
        for (id, update) in ids.iter().zip(&write.updates) {
            fill(&mut columns, std::iter::once(id).chain(&update.guards).chain(&update.values));
        }
        Set { table: write.table.name, sent: write.updates.len() as u64, statement, columns }
    }

    /// `rows` as [`rows_of_counters`] made them.
    pub fn of_counters(rows: &'a [[Value<'a>; 4]], statement: Statement) -> Set<'a> {
        let mut columns = columns(4, rows.len());
        for row in rows {
            fill(&mut columns, row.iter());
        }
        Set { table: "counters", sent: rows.len() as u64, statement, columns }
    }

    pub fn of_removals(
        write: &'a TableWrite<'_>,
        ids: &'a [Value<'static>],
        statement: Statement,
    ) -> Set<'a> {
        let width = write.removals.first().map_or(0, |removal| 1 + removal.guards.len());
        let mut columns = columns(width, write.removals.len());
        for (id, removal) in ids.iter().zip(&write.removals) {
            fill(&mut columns, std::iter::once(id).chain(&removal.guards));
        }
        Set { table: write.table.name, sent: write.removals.len() as u64, statement, columns }
    }

    /// Returns how many rows were written.
    pub async fn execute(&self, client: &Client) -> Result<u64, Error> {
        let parameters: Vec<&(dyn ToSql + Sync)> =
            self.columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
        client.execute(&self.statement, &parameters).await
    }
}

fn columns<'a>(width: usize, height: usize) -> Vec<Vec<Bound<'a>>> {
    (0..width).map(|_| Vec::with_capacity(height)).collect()
}

fn fill<'a>(columns: &mut [Vec<Bound<'a>>], row: impl Iterator<Item = &'a Value<'a>>) {
    for (column, value) in columns.iter_mut().zip(row) {
        column.push(Bound(value));
    }
}

/// The ids of the updated and of the removed rows, for the sets to borrow.
pub(super) struct Ids {
    pub updated: Vec<Value<'static>>,
    pub removed: Vec<Value<'static>>,
}

impl Ids {
    pub fn of(write: &TableWrite<'_>) -> Ids {
        Ids {
            updated: write.updates.iter().map(|update| Value::Id(update.id)).collect(),
            removed: write.removals.iter().map(|removal| Value::Id(removal.id)).collect(),
        }
    }
}

/// Shard, subject, word, count.
pub(super) fn rows_of_counters(counters: &BTreeMap<Counter, i64>, shard: i64) -> Vec<[Value<'_>; 4]> {
    let mut rows = Vec::with_capacity(counters.len());
    for (Counter { subject, word }, count) in counters {
        let text = |text| Value::Text(Cow::Borrowed(text));
        rows.push([Value::Int(shard), text(*subject), text(&**word), Value::Int(*count)]);
    }
    rows
}
