//! The conditions of a query, which depend on the request.

use std::fmt::Write;

use domain::Timestamp;
use domain::working_set::{Column, Value};
use uuid::Uuid;

/// The end of the last page. A list is ordered by an instant and then by id, so a page begins
/// behind one row, also if rows are inserted in the meantime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub created_at: Timestamp,
    pub id: Uuid,
}

impl Cursor {
    /// The later of two starts of a list, newest first: behind the page before, and before an instant. As two
    /// conditions they would be one that an index finds, and one that each row is held against.
    pub(super) fn behind(after: Option<Cursor>, before: Option<Timestamp>) -> Option<Cursor> {
        let before = before.map(|created_at| Cursor { created_at, id: Uuid::nil() });
        after.into_iter().chain(before).min_by_key(|cursor| (cursor.created_at, cursor.id))
    }
}

/// `where` with its parameters, numbered in order.
pub(super) struct Filter {
    sql: String,
    /// The order of a list: an instant and an id.
    order: [&'static str; 2],
    parameters: Vec<Value<'static>>,
}

impl Filter {
    /// Every search has a tenant.
    pub fn of(tenant: domain::TenantId) -> Filter {
        Filter::over("tenant", ["created_at", "id"], tenant)
    }

    /// For a list whose order is in another table.
    pub fn over(column: &str, order: [&'static str; 2], tenant: domain::TenantId) -> Filter {
        Filter { sql: format!("where {column} = $1"), order, parameters: vec![Value::Id(tenant.0)] }
    }

    /// A condition without a parameter.
    pub fn holds(mut self, condition: &str) -> Filter {
        write!(self.sql, " and {condition}").expect("a String takes it");
        self
    }

    /// `comparison` such as `state =`. Without a value there is no condition.
    pub fn and<C: Column>(mut self, comparison: &str, value: Option<C>) -> Filter {
        if let Some(value) = value {
            self.parameters.push(owned(&value));
            write!(self.sql, " and {comparison} ${}", self.parameters.len()).expect("a String takes it");
        }
        self
    }

    /// The condition encloses a `select` whose last comparison is with the value. Without a value there is no
    /// condition.
    pub fn within<C: Column>(mut self, [open, close]: [&str; 2], select: &str, value: Option<C>) -> Filter {
        if let Some(value) = value {
            self.parameters.push(owned(&value));
            let place = self.parameters.len();
            write!(self.sql, " and {open}{select} ${place}{close}").expect("a String takes it");
        }
        self
    }

    /// `column` has one of these values. Without values nothing is found.
    pub fn one_of<C: Column>(mut self, column: &str, values: &[C]) -> Filter {
        if values.is_empty() {
            return self.holds("1 = 0");
        }
        let places = placeholders(self.parameters.len() + 1, values.len());
        self.parameters.extend(values.iter().map(owned));
        write!(self.sql, " and {column} in ({places})").expect("a String takes it");
        self
    }

    pub fn after(mut self, cursor: Option<Cursor>) -> Filter {
        if let Some(Cursor { created_at, id }) = cursor {
            let at = self.parameters.len();
            self.parameters.extend([owned(&created_at), Value::Id(id)]);
            let ([instant, id], first, second) = (self.order, at + 1, at + 2);
            write!(self.sql, " and ({instant}, {id}) < (${first}, ${second})").expect("a String takes it");
        }
        self
    }

    /// In the order of `at`, from the row behind the cursor on. The cursor's instant is that of `at`.
    pub fn oldest(mut self, at: &str, after: Option<Cursor>, max: usize) -> (String, Vec<Value<'static>>) {
        if let Some(Cursor { created_at, id }) = after {
            let count = self.parameters.len();
            self.parameters.extend([owned(&created_at), Value::Id(id)]);
            let (first, second) = (count + 1, count + 2);
            write!(self.sql, " and ({at}, id) > (${first}, ${second})").expect("a String takes it");
        }
        self.parameters.push(Value::Int(limit(max)));
        (format!("{} order by {at}, id limit ${}", self.sql, self.parameters.len()), self.parameters)
    }

    pub fn newest(mut self, max: usize) -> (String, Vec<Value<'static>>) {
        self.parameters.push(Value::Int(limit(max)));
        let ([instant, id], max) = (self.order, self.parameters.len());
        (format!("{} order by {instant} desc, {id} desc limit ${max}", self.sql), self.parameters)
    }
}

pub(super) fn owned<C: Column>(value: &C) -> Value<'static> {
    match value.write() {
        Value::Null => Value::Null,
        Value::Int(int) => Value::Int(int),
        Value::Id(id) => Value::Id(id),
        Value::Text(text) => Value::Text(text.into_owned().into()),
        Value::Bytes(bytes) => Value::Bytes(bytes.into_owned().into()),
    }
}

/// The parameters of a query, each of a column's type.
macro_rules! with {
    ($($value:expr),* $(,)?) => { vec![$( $crate::queries::filter::owned(&$value) ),*] };
}
pub(super) use with;

/// The parameters of a list, from number `first` on: `$3, $4, ...`.
pub(super) fn placeholders(first: usize, count: usize) -> String {
    let placeholders: Vec<String> = (first..first + count).map(|at| format!("${at}")).collect();
    placeholders.join(", ")
}

pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
