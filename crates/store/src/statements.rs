//! The SQL of the working set, made once per table from its description.
//!
//! | | SQLite | PostgreSQL |
//! |---|---|---|
//! | load | one row by id | many by id, in id order, `FOR NO KEY UPDATE` if the role is `Lock` |
//! | load, owned rows | those of one owner | those of many owners |
//! | insert | one row | a set, one array per column, in id order |
//! | update | one row | a set, one array per column |
//! | remove | one row | a set, one array per column |
//!
//! Both inserts skip a row that exists, and updates and removals take effect only while the guards
//! are as they were loaded. The caller compares the number of rows.

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::rows::TableName;
use domain::working_set::{ColumnDescription, ColumnUpdate, Kind, Role, Table};

pub(crate) struct Statements {
    pub load: String,
    /// PostgreSQL: as `load`, without the rows that another transaction has locked.
    pub load_free: String,
    /// PostgreSQL: the ids that exist, locked or not.
    pub exist: String,
    pub insert: String,
    pub update: String,
    pub remove: String,
}

pub(crate) type Catalogue = HashMap<&'static str, Statements>;

pub(crate) static SQLITE: LazyLock<Catalogue> = LazyLock::new(|| catalogue(sqlite));
pub(crate) static POSTGRES: LazyLock<Catalogue> = LazyLock::new(|| catalogue(postgres));

fn catalogue(of: fn(&Table) -> Statements) -> Catalogue {
    let describe = |name: &TableName| name.description();
    TableName::WRITE_ORDER.iter().map(describe).map(|table| (table.name, of(table))).collect()
}

/// Differs by necessity: SQLite has no arrays. A loop over a prepared statement costs no round trip.
/// It needs no lock of a row either, because it has only one writer.
fn sqlite(table: &Table) -> Statements {
    let (name, columns) = (table.name, list(table, |_| true, quoted));
    let values: Vec<String> = (1..=table.columns.len()).map(|at| format!("?{at}")).collect();
    // The id is the first parameter, then the loaded guards, then the new values.
    let mut numbered = (2..).map(|at| format!("?{at}"));
    let mut next = move || numbered.next().expect("there is always another number");
    let held: Vec<String> =
        guards(table).map(|column| format!(" and {} is {}", quoted(column), next())).collect();
    let sets: Vec<String> =
        changing(table).map(|column| format!("{} = {}", quoted(column), next())).collect();
    Statements {
        load: format!("select {columns} from {name} where {} = ?1 order by id", loaded_by(table)),
        load_free: String::new(),
        exist: String::new(),
        insert: format!(
            "insert into {name} ({columns}) values ({}) on conflict do nothing",
            values.join(", ")
        ),
        update: format!("update {name} set {} where id = ?1{}", sets.join(", "), held.concat()),
        remove: format!("delete from {name} where id = ?1{}", held.concat()),
    }
}

/// Differs by necessity: a set is one statement, so that a batch costs one round trip.
fn postgres(table: &Table) -> Statements {
    let (name, columns) = (table.name, list(table, |_| true, quoted));
    let load =
        format!("select {columns} from {name} where {} = any($1::uuid[]) order by id", loaded_by(table));
    let unguarded = match table.name {
        "slots" => fault_injection::is(fault_injection::InjectedFault::CapacityReadWithoutLock),
        "resources" | "resource_days" => {
            fault_injection::is(fault_injection::InjectedFault::ResourceNotLocked)
        }
        _ => false,
    };
    let lock = if table.role == Role::Lock && !unguarded { " for no key update" } else { "" };
    let skip = if table.role == Role::Lock { " for no key update skip locked" } else { "" };
    let arrays = |columns: &mut dyn Iterator<Item = &ColumnDescription>| -> Vec<String> {
        columns.zip(1..).map(|(column, at)| format!("${at}::{}[]", type_of(column.kind))).collect()
    };
    let inserted = arrays(&mut table.columns.iter());
    let key = table.columns.iter().filter(|column| column.part == ColumnUpdate::Key);
    let removed = arrays(&mut key.clone().chain(guards(table)));
    let updated = arrays(&mut key.chain(guards(table)).chain(changing(table)));
    let guarded: Vec<String> = std::iter::once("id".to_owned())
        .chain(guards(table).map(|column| format!("was_{}", column.name)))
        .collect();
    let names: Vec<String> =
        guarded.iter().cloned().chain(changing(table).map(|column| format!("now_{}", column.name))).collect();
    let sets: Vec<String> =
        changing(table).map(|column| format!("{} = sent.now_{}", quoted(column), column.name)).collect();
    let holds = if unguarded { "true or " } else { "" };
    let held: Vec<String> = guards(table)
        .map(|column| {
            let (name_of, was) = (quoted(column), column.name);
            // The owner is a part of the key, and only an equality is looked up in an index.
            let same = if column.part == ColumnUpdate::Owner { "=" } else { "is not distinct from" };
            format!(" and ({holds}{name}.{name_of} {same} sent.was_{was})")
        })
        .collect();
    Statements {
        load: format!("{load}{lock}"),
        load_free: format!("{load}{skip}"),
        exist: format!("select id from {name} where id = any($1::uuid[])"),
        insert: format!(
            "insert into {name} ({columns}) select {columns} from unnest({}) as sent({columns}) \
             order by id on conflict do nothing",
            inserted.join(", ")
        ),
        update: format!(
            "update {name} set {} from unnest({}) as sent({}) where {name}.id = sent.id{}",
            sets.join(", "),
            updated.join(", "),
            names.join(", "),
            held.concat()
        ),
        remove: format!(
            "delete from {name} using unnest({}) as sent({}) where {name}.id = sent.id{}",
            removed.join(", "),
            guarded.join(", "),
            held.concat()
        ),
    }
}

/// The column that rows are loaded by.
fn loaded_by(table: &Table) -> String {
    quoted(&table.columns[table.loaded_by().expect("every table has a key")])
}

fn guards(table: &Table) -> impl Iterator<Item = &ColumnDescription> {
    table.columns.iter().filter(|column| column.part.is_guard())
}

fn changing(table: &Table) -> impl Iterator<Item = &ColumnDescription> {
    table.columns.iter().filter(|column| column.part.changes())
}

/// Some columns have the names of SQL keywords.
pub(crate) fn quoted(column: &ColumnDescription) -> String {
    format!("\"{}\"", column.name)
}

pub(crate) fn list(
    table: &Table,
    wanted: impl Fn(&ColumnDescription) -> bool,
    write: impl Fn(&ColumnDescription) -> String,
) -> String {
    table.columns.iter().filter(|column| wanted(column)).map(write).collect::<Vec<_>>().join(", ")
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "bigint",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
        Kind::Id => "uuid",
    }
}
