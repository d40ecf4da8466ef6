//! Members of a JSON column that another version wrote and this one does not know: they are written back.
//!
//! While a new version is rolled out, the old one still changes rows that the new one wrote. It must neither
//! refuse them nor lose the members that it does not know.

use alloc::borrow::Cow;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use serde_json::{Map, Value as Json};

use super::column::Value;
use super::rows::{ColumnUpdate, Row, Table};

/// Members of one column.
pub(super) struct Unknown {
    /// The column's position in the row.
    at: usize,
    members: Map<String, Json>,
}

/// The texts of the JSON columns that an update writes, with their positions.
pub(super) fn stored(table: &Table, values: &[Value<'static>]) -> Vec<(usize, String)> {
    let columns = table.columns.iter().zip(values).enumerate();
    let moving = columns.filter(|(_, (column, _))| column.json && column.part == ColumnUpdate::Moves);
    moving.filter_map(|(at, (_, value))| Some((at, value.clone().text()?.into_owned()))).collect()
}

/// The members in these texts that the row's types do not have. Nearly always there are none,
/// because the texts are the same.
pub(super) fn of<R: Row>(row: &R, stored: Vec<(usize, String)>) -> Vec<Unknown> {
    if stored.is_empty() || fault_injection::is(fault_injection::InjectedFault::UnknownMembersDropped) {
        return Vec::new();
    }
    let values = row.values();
    let different = stored.into_iter().filter_map(|(at, stored)| match &values[at] {
        Value::Text(known) if *known == stored => None,
        Value::Text(known) => Some((at, members(&stored)?, members(known)?)),
        _ => None,
    });
    let unknown = different.map(|(at, mut stored, known)| {
        stored.retain(|name, _| !known.contains_key(name));
        Unknown { at, members: stored }
    });
    unknown.filter(|unknown| !unknown.members.is_empty()).collect()
}

/// The values of a row to write, including the unknown members.
pub(super) fn kept<'row>(mut values: Vec<Value<'row>>, unknown: &[Unknown]) -> Vec<Value<'row>> {
    for Unknown { at, members: more } in unknown {
        if let Value::Text(text) = &values[*at]
            && let Some(mut members) = members(text)
        {
            for (name, value) in more {
                members.entry(name.clone()).or_insert_with(|| value.clone());
            }
            values[*at] = Value::Text(Cow::Owned(Json::Object(members).to_string()));
        }
    }
    values
}

fn members(text: &str) -> Option<Map<String, Json>> {
    serde_json::from_str(text).ok()
}
