//! Tallies: how many rows stand where, kept in the transaction that moves them.
//!
//! A figure that is counted from committed rows must not read them all: with ten million payments that
//! is seconds of the database's time, every time. So whoever moves a row to where it may stay adds one to
//! a counter in the same transaction. What is under way is not kept here, there is never much of it and a
//! partial index finds it; so a command that only moves work along writes no tally.
//!
//! | subject | words | not counted here |
//! |---|---|---|
//! | `bookings` | states | `held` |
//! | `payments` | states | `created`, `pending` |
//! | `refunds` | states | `created`, `pending`, `unknown`, `review` |
//! | `transfers` | kinds | |
//! | `late_payments` | `seated`, `refunded`, `voided` | |
//!
//! One counter for all would be the hottest row of the database. Each writer's connection has a shard of
//! its own, so that no writer waits for another; a reader adds the shards up.
//!
//! What must never be here: anything that decides by a tally.

use std::collections::BTreeMap;

use domain::working_set::{ColumnUpdate, TableWrite, Value};

/// By subject and word, in one order, so that two who share a shard never wait crosswise.
pub(crate) type Tallies<'w> = BTreeMap<(&'static str, &'w str), i64>;

pub(crate) const SQLITE_ADD: &str = "insert into tallies (shard, subject, word, count) values (0, ?1, ?2, ?3) \
     on conflict (shard, subject, word) do update set count = tallies.count + excluded.count";

/// Differs by necessity, as every write of a set does.
pub(crate) const POSTGRES_ADD: &str = "insert into tallies (shard, subject, word, count) \
     select shard, subject, word, count \
     from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[]) as sent(shard, subject, word, count) \
     on conflict (shard, subject, word) do update set count = tallies.count + excluded.count";

/// A table whose rows are counted by one column.
struct CountedColumn {
    table: &'static str,
    column: &'static str,
    /// Where rows are only under way.
    passing: &'static [&'static str],
}

const COUNTED: [CountedColumn; 4] = [
    CountedColumn { table: "bookings", column: "state", passing: &["held"] },
    CountedColumn { table: "payments", column: "state", passing: &["created", "pending"] },
    CountedColumn {
        table: "refunds",
        column: "state",
        passing: &["created", "pending", "unknown", "review"],
    },
    CountedColumn { table: "transfers", column: "kind", passing: &[] },
];

const LATE: &str = "late_payments";

/// What a batch's writes add and take away.
pub(crate) fn of<'w>(writes: &'w [TableWrite<'_>]) -> Tallies<'w> {
    let mut tallies = Tallies::new();
    for write in writes {
        if let Some(counted) = COUNTED.iter().find(|counted| counted.table == write.table.name) {
            counted.add(write, &mut tallies);
        }
        late_payments(write, &mut tallies);
    }
    tallies.retain(|_, count| *count != 0);
    tallies
}

impl CountedColumn {
    fn add<'w>(&self, write: &'w TableWrite<'_>, tallies: &mut Tallies<'w>) {
        let mut count = |word: Option<&'w str>, by: i64| {
            if let Some(word) = word.filter(|word| !self.passing.contains(word)) {
                *tallies.entry((self.table, word)).or_default() += by;
            }
        };
        for row in &write.inserts {
            count(inserted(write, row, self.column), 1);
        }
        for (was, is) in moves(write, self.column) {
            count(Some(was), -1);
            count(Some(is), 1);
        }
    }
}

/// Money that came when its booking could no longer take it: it was seated all the same, or it goes back
/// by itself, under no key. A refund that somebody made at the provider has no key either, and is none.
fn late_payments<'w>(write: &'w TableWrite<'_>, tallies: &mut Tallies<'w>) {
    let mut count =
        |word: &'static str, count: usize| *tallies.entry((LATE, word)).or_default() += count as i64;
    let by_itself = |row: &&Vec<Value<'_>>| matches!(value(write, row, "key"), Some(Value::Null));
    match write.table.name {
        "bookings" => {
            count("seated", moves(write, "state").filter(|moved| *moved == ("expired", "confirmed")).count());
        }
        "refunds" => {
            let ours = |row: &&Vec<Value<'_>>| matches!(value(write, row, "external"), Some(Value::Int(0)));
            count("refunded", write.inserts.iter().filter(by_itself).filter(ours).count());
        }
        "attempts" => {
            let voids = |row: &&Vec<Value<'_>>| inserted(write, row, "kind") == Some("void");
            count("voided", write.inserts.iter().filter(by_itself).filter(voids).count());
        }
        _ => {}
    }
}

fn value<'r, 'v>(write: &TableWrite<'_>, row: &'r [Value<'v>], column: &str) -> Option<&'r Value<'v>> {
    row.get(write.table.columns.iter().position(|described| described.name == column)?)
}

fn inserted<'r>(write: &TableWrite<'_>, row: &'r [Value<'_>], column: &str) -> Option<&'r str> {
    value(write, row, column).and_then(text)
}

fn text<'r>(value: &'r Value<'_>) -> Option<&'r str> {
    if let Value::Text(text) = value { Some(text) } else { None }
}

/// Where the updates lead from and to, by a column that guards them.
fn moves<'w>(write: &'w TableWrite<'_>, column: &str) -> impl Iterator<Item = (&'w str, &'w str)> + use<'w> {
    let place = |parts: &[ColumnUpdate]| {
        let mut of_parts = write.table.columns.iter().filter(|described| parts.contains(&described.part));
        of_parts.position(|described| described.name == column)
    };
    let places = place(&[ColumnUpdate::Guard]).zip(place(&[ColumnUpdate::Guard, ColumnUpdate::Moves]));
    write.updates.iter().filter_map(move |update| {
        let (was, is) = places?;
        let moved = (text(update.guards.get(was)?)?, text(update.values.get(is)?)?);
        (moved.0 != moved.1).then_some(moved)
    })
}
