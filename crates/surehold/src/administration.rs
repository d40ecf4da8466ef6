//! How `surehold tenant` and `surehold key` reach the database: directly, or through the running
//! server if it has a SQLite file open.

use serde_json::Value;
use server::admin::{self, AdminRequest, socket};
use store::{Location, Queries, Store};

use crate::{Failed, failed};

/// Carries out the command and returns what may be shown.
pub async fn carry_out(location: &Location, request: AdminRequest) -> Result<Value, Failed> {
    let done = match (crate::serve::open(location.clone()).await, location) {
        (Ok(store), _) => {
            let done = admin::carry_out(&store, request).await;
            store.close().await;
            done
        }
        (Err(store::Error::InUse { .. }), Location::Sqlite { path }) => socket::send(path, &request).await,
        (Err(error), _) => return Err(failed(format!("{location}: {error}"))),
    };
    done.map_err(failed)
}

/// For commands that only read, because a server may have the database open.
pub async fn queries(location: &Location) -> Result<Queries, Failed> {
    Store::open_read_only(location).await.map_err(|error| failed(format!("{location}: {error}")))
}

pub fn show(done: &Value) {
    crate::ops::print(&format!("{done:#}\n"));
}

/// Formats rows as a table or as a JSON array. `columns` are the members and also the headings.
pub fn show_list<const N: usize>(rows: &[Value], columns: [&str; N], json: bool) {
    if json {
        return show(&Value::Array(rows.to_vec()));
    }
    let cell = |row: &Value, column: &str| match &row[column] {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        _ => String::new(),
    };
    let cells: Vec<[String; N]> = rows.iter().map(|row| columns.map(|column| cell(row, column))).collect();
    let headings = columns.map(|column| column.to_uppercase().replace('_', " "));
    crate::ops::print(&crate::ops::table(headings.each_ref().map(String::as_str), &cells));
}
