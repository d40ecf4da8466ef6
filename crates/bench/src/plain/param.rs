//! A parameter of a statement, for both engines.

use std::error::Error;

use axum::body::Bytes;
use bytes::BytesMut;
use domain::working_set::{Row, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// Owned, because it is bound on another thread or after an await.
#[derive(Clone, Debug)]
pub(super) enum Param {
    Null,
    Int(i64),
    Text(String),
    Bytes(Bytes),
    Id(uuid::Uuid),
}

/// The columns of a row, in the order of [`insert`].
pub(super) fn values<R: Row>(row: &R) -> Vec<Param> {
    let owned = |value| match value {
        Value::Null => Param::Null,
        Value::Int(int) => Param::Int(int),
        Value::Text(text) => Param::Text(text.into_owned()),
        Value::Bytes(bytes) => Param::Bytes(bytes.into_owned().into()),
        Value::Id(id) => Param::Id(id),
    };
    row.values().into_iter().map(owned).collect()
}

/// `insert into ... values ($1, ...)`; `mark` is `$` or `?`.
pub(super) fn insert<R: Row>(mark: char) -> String {
    let columns: Vec<String> = R::TABLE.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let marks: Vec<String> = (1..=columns.len()).map(|at| format!("{mark}{at}")).collect();
    format!("insert into {} ({}) values ({})", R::TABLE.name, columns.join(", "), marks.join(", "))
}

impl ToSql for Param {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Param::Null => return Ok(IsNull::Yes),
            Param::Int(int) => out.extend_from_slice(&int.to_be_bytes()),
            Param::Text(text) => out.extend_from_slice(text.as_bytes()),
            Param::Bytes(bytes) => out.extend_from_slice(bytes),
            Param::Id(id) => out.extend_from_slice(id.as_bytes()),
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::BYTEA | Type::UUID)
    }

    to_sql_checked!();
}

impl rusqlite::ToSql for Param {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Param::Null => ValueRef::Null,
            Param::Int(int) => ValueRef::Integer(*int),
            Param::Text(text) => ValueRef::Text(text.as_bytes()),
            Param::Bytes(bytes) => ValueRef::Blob(bytes),
            Param::Id(id) => ValueRef::Blob(id.as_bytes()),
        }))
    }
}
