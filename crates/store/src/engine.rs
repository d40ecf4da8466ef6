//! What the executor asks of a database: one open transaction, driven step by step. This, and making
//! a connection, is all that is written twice.

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

/// What to do about a row that somebody else has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockedRows {
    /// Wait, for as long as the lane may.
    Wait,
    /// Go on without it, and say so.
    Skip,
}

#[derive(Debug)]
pub(crate) struct LoadedRows {
    /// A list of rows for each [`WantedRows`], values in the order of the columns.
    pub rows: Vec<Vec<Vec<Value<'static>>>>,
    /// Rows that exist and were skipped, with the index of their [`WantedRows`].
    pub busy: Vec<(usize, Uuid)>,
    /// Sampled AFTER the locks were granted: what one row goes through is then in order of time,
    /// whichever program moves it.
    pub now: Timestamp,
}

/// How a transaction failed, and so what may be tried. Except for `CommitUnknown` nothing of it
/// remains once it is rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A rival was quicker, or two met crosswise: run it again.
    Again(String),
    /// A row was locked by somebody else for longer than the lane waits.
    Locked,
    /// The connection broke before COMMIT was sent.
    Lost(String),
    /// The connection broke during COMMIT.
    CommitUnknown(String),
    /// The database refuses what one of the commands wants to write.
    Poison(String),
    /// The database cannot, whoever asks: its storage is full, or it is not there.
    Failed(String),
}

pub(crate) trait Engine: Send {
    /// Begins a transaction if none is open, and loads and locks what is wanted, in the order given.
    fn load(
        &mut self,
        wanted: &[WantedRows],
        busy: LockedRows,
    ) -> impl Future<Output = Result<LoadedRows, Fault>> + Send;

    /// Writes the sets in the order given and counts what was written; fewer rows than sent is
    /// [`Fault::Again`]. The counters are added to last.
    fn write(
        &mut self,
        writes: &[TableWrite<'_>],
        counters: &BTreeMap<Counter, i64>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    fn commit(&mut self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Gives up the connection, if there is one, so that the next batch makes another.
    fn disconnect(&mut self) {}

    /// Ends the transaction, if one is open, without a trace. Never fails: a connection that cannot
    /// roll back is dropped, which does the same.
    fn rollback(&mut self) -> impl Future<Output = ()> + Send;
}
