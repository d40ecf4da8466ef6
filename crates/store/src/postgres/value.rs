//! Conversion of values to and from PostgreSQL's binary format.

use std::borrow::Cow;
use std::error::Error;

use bytes::BytesMut;
use domain::working_set::Value;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

type Failure = Box<dyn Error + Sync + Send>;

/// Borrows a value; a column of a set is a `Vec` of these.
#[derive(Debug)]
pub(crate) struct Bound<'a>(pub &'a Value<'a>);

fn known(ty: &Type) -> bool {
    matches!(*ty, Type::INT8 | Type::TEXT | Type::VARCHAR | Type::BYTEA | Type::UUID)
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match (self.0, ty) {
            (Value::Null, _) => return Ok(IsNull::Yes),
            (Value::Int(int), &Type::INT8) => out.extend_from_slice(&int.to_be_bytes()),
            (Value::Text(text), &(Type::TEXT | Type::VARCHAR)) => out.extend_from_slice(text.as_bytes()),
            (Value::Bytes(bytes), &Type::BYTEA) => out.extend_from_slice(bytes),
            (Value::Id(id), &Type::UUID) => out.extend_from_slice(id.as_bytes()),
            // The value may be a customer's data.
            (_, ty) => return Err(format!("a value is not of type {ty}").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        known(ty)
    }

    to_sql_checked!();
}

/// A value that was read.
pub(crate) struct Read(pub Value<'static>);

impl<'a> FromSql<'a> for Read {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Read, Failure> {
        Ok(Read(match *ty {
            Type::INT8 => Value::Int(i64::from_be_bytes(raw.try_into()?)),
            Type::TEXT | Type::VARCHAR => Value::Text(Cow::Owned(str::from_utf8(raw)?.to_owned())),
            Type::BYTEA => Value::Bytes(Cow::Owned(raw.to_vec())),
            Type::UUID => Value::Id(Uuid::from_slice(raw)?),
            _ => return Err(format!("columns of type {ty} are not used here").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Read, Failure> {
        Ok(Read(Value::Null))
    }

    fn accepts(ty: &Type) -> bool {
        known(ty)
    }
}

pub(crate) fn decode(row: &tokio_postgres::Row) -> Result<Vec<Value<'static>>, tokio_postgres::Error> {
    (0..row.len()).map(|at| row.try_get::<_, Read>(at).map(|read| read.0)).collect()
}
