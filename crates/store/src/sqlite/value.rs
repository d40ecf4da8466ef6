//! Conversion of values to and from SQLite. An id is a blob of 16 bytes.

use std::borrow::Cow;

use domain::working_set::{Kind, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use uuid::Uuid;

pub(crate) struct Bound<'a>(pub &'a Value<'a>);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(int) => ValueRef::Integer(*int),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
            Value::Id(id) => ValueRef::Blob(id.as_bytes()),
        }))
    }
}

pub(crate) fn bind<'a>(values: &'a [Value<'a>]) -> impl rusqlite::Params + 'a {
    rusqlite::params_from_iter(values.iter().map(Bound))
}

/// SQLite cannot distinguish an id from other bytes, so the caller gives the kind of each column.
pub(crate) fn decode(row: &rusqlite::Row<'_>, kinds: &[Kind]) -> rusqlite::Result<Vec<Value<'static>>> {
    let column = |(at, kind): (usize, &Kind)| {
        let wrong = |found: ValueRef<'_>| {
            rusqlite::Error::InvalidColumnType(at, format!("{kind:?}"), found.data_type())
        };
        let value = row.get_ref(at)?;
        Ok(match (kind, value) {
            (_, ValueRef::Null) => Value::Null,
            (Kind::Int, ValueRef::Integer(int)) => Value::Int(int),
            (Kind::Text, ValueRef::Text(text)) => {
                let text = str::from_utf8(text).map_err(|_| wrong(value))?;
                Value::Text(Cow::Owned(text.to_owned()))
            }
            (Kind::Bytes, ValueRef::Blob(bytes)) => Value::Bytes(Cow::Owned(bytes.to_vec())),
            (Kind::Id, ValueRef::Blob(bytes)) => {
                Value::Id(Uuid::from_slice(bytes).map_err(|_| wrong(value))?)
            }
            _ => return Err(wrong(value)),
        })
    };
    kinds.iter().enumerate().map(column).collect()
}
