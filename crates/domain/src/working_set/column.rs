//! The values of columns on either engine: an integer, a text, bytes, an id, or null.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// How a column is stored. Instants, amounts and flags are `Int`. States and JSON are `Text`,
/// because text keeps the bytes of JSON, as a stored reply must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
    Bytes,
    Id,
}

/// One value on its way to or from the store, borrowed where it can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Id(Uuid),
}

impl<'a> Value<'a> {
    pub fn int(self) -> Option<i64> {
        if let Value::Int(int) = self { Some(int) } else { None }
    }
    pub fn text(self) -> Option<Cow<'a, str>> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }
    pub fn bytes(self) -> Option<Cow<'a, [u8]>> {
        if let Value::Bytes(bytes) = self { Some(bytes) } else { None }
    }
    pub fn id(self) -> Option<Uuid> {
        if let Value::Id(id) = self { Some(id) } else { None }
    }
}

/// A Rust type that is a column.
pub trait Column: Sized {
    const KIND: Kind;
    const NULLABLE: bool = false;
    /// Stored as JSON text. Members that this version does not know are kept.
    const JSON: bool = false;
    fn write(&self) -> Value<'_>;
    /// `None` if the value is not of this type.
    fn read(value: Value<'static>) -> Option<Self>;
}

/// A stored value that does not fit its column: the schema and the program disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnMismatch {
    pub table: &'static str,
    pub column: &'static str,
}

impl ColumnMismatch {
    #[doc(hidden)]
    pub fn column<C: Column>(
        table: &'static str,
        column: &'static str,
        value: Option<Value<'static>>,
    ) -> Result<C, ColumnMismatch> {
        value.and_then(C::read).ok_or(ColumnMismatch { table, column })
    }
}

impl fmt::Display for ColumnMismatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the stored value of {}.{} is not what this version expects", self.table, self.column)
    }
}

impl core::error::Error for ColumnMismatch {}

impl Column for i64 {
    const KIND: Kind = Kind::Int;
    fn write(&self) -> Value<'_> {
        Value::Int(*self)
    }
    fn read(value: Value<'static>) -> Option<Self> {
        value.int()
    }
}

impl Column for bool {
    const KIND: Kind = Kind::Int;
    fn write(&self) -> Value<'_> {
        Value::Int(i64::from(*self))
    }
    fn read(value: Value<'static>) -> Option<Self> {
        match value.int()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Column for Vec<u8> {
    const KIND: Kind = Kind::Bytes;
    fn write(&self) -> Value<'_> {
        Value::Bytes(Cow::Borrowed(self))
    }
    fn read(value: Value<'static>) -> Option<Self> {
        value.bytes().map(Cow::into_owned)
    }
}

impl<C: Column> Column for Option<C> {
    const KIND: Kind = C::KIND;
    const NULLABLE: bool = true;
    const JSON: bool = C::JSON;
    fn write(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, C::write)
    }
    fn read(value: Value<'static>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => C::read(value).map(Some),
        }
    }
}

/// A value kept as JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: Serialize + DeserializeOwned> Column for Json<T> {
    const KIND: Kind = Kind::Text;
    const JSON: bool = true;
    fn write(&self) -> Value<'_> {
        let text: String = serde_json::to_string(&self.0).expect("a row's types have a form in JSON");
        Value::Text(Cow::Owned(text))
    }
    fn read(value: Value<'static>) -> Option<Self> {
        serde_json::from_str(value.text()?.as_ref()).ok().map(Json)
    }
}

/// Gives an enum with `name` and `from_name` a text column.
#[macro_export]
macro_rules! named_column {
    ($name:ty) => {
        impl $crate::working_set::Column for $name {
            const KIND: $crate::working_set::Kind = $crate::working_set::Kind::Text;
            fn write(&self) -> $crate::working_set::Value<'_> {
                $crate::working_set::Value::Text(alloc::borrow::Cow::Borrowed(self.name()))
            }
            fn read(value: $crate::working_set::Value<'static>) -> Option<Self> {
                <$name>::from_name(value.text()?.as_ref())
            }
        }
    };
}
