//! The executor's interface to a database: one open transaction. Only this interface, and the making of a
//! connection, is written for each engine.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::rows::TableName;
use domain::side_effects::Counter;
use domain::working_set::{TableWrite, Value};
use uuid::Uuid;

/// The rows of one table that a batch wants, in id order.
#[derive(Debug)]
pub(crate) struct WantedRows {
    pub table: TableName,
    pub ids: Vec<Uuid>,
}

/// What to do about a row that another transaction has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockedRows {
    /// Wait, at most for the time of the lane.
    Wait,
    /// Skip the row, and report it.
    Skip,
}

#[derive(Debug)]
pub(crate) struct LoadedRows {
    /// A list of rows for each [`WantedRows`], values in the order of the columns.
    pub rows: Vec<Vec<Vec<Value<'static>>>>,
    /// Rows that exist and were skipped, with the index of their [`WantedRows`].
    pub busy: Vec<(usize, Uuid)>,
    /// Read AFTER the locks were granted, so that the moves of one row are in the order of time, whichever
    /// process makes them.
    pub now: Timestamp,
}

/// How a transaction failed. Except for `CommitUnknown`, the rollback leaves none of its changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Another transaction was faster, or a deadlock was broken: run the batch again.
    Again(String),
    /// Another transaction held the lock of a row for longer than the lane waits.
    Locked,
    /// The connection broke before COMMIT was sent.
    Lost(String),
    /// The connection broke during COMMIT.
    CommitUnknown(String),
    /// The database refuses the rows of one of the commands.
    Poison(String),
    /// The database fails for every command: its storage is full, or it is unavailable.
    Failed(String),
}

pub(crate) trait Engine: Send {
    /// Begins a transaction if none is open, and loads and locks the rows in the order of the list.
    fn load(
        &mut self,
        wanted: &[WantedRows],
        busy: LockedRows,
    ) -> impl Future<Output = Result<LoadedRows, Fault>> + Send;

    /// Writes the sets in the order of the list and counts the written rows. Fewer rows than sent are
    /// [`Fault::Again`]. The counters are raised last.
    fn write(
        &mut self,
        writes: &[TableWrite<'_>],
        counters: &BTreeMap<Counter, i64>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    fn commit(&mut self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Drops the connection, if there is one, so that the next batch makes another.
    fn disconnect(&mut self) {}

    /// Rolls an open transaction back. It never fails: a connection that cannot roll back is
    /// dropped, which has the same effect.
    fn rollback(&mut self) -> impl Future<Output = ()> + Send;
}
