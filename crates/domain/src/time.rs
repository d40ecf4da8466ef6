//! Instants and spans, in microseconds since the Unix epoch. Local wall time belongs to the wire.

use serde::{Deserialize, Serialize};

use crate::working_set::{Column, Kind, Value};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A span of time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

impl Span {
    /// The longest there is, where it would be longer.
    pub const fn millis(millis: i64) -> Span {
        Span(millis.saturating_mul(1_000))
    }
    /// The longest there is, where it would be longer.
    pub const fn seconds(seconds: i64) -> Span {
        Span(seconds.saturating_mul(1_000_000))
    }
    pub const fn as_millis(self) -> i64 {
        self.0 / 1_000
    }
    pub const fn as_seconds(self) -> i64 {
        self.0 / 1_000_000
    }
}

/// A day in UTC. Neither leap seconds nor a tenant's zone change its length.
pub const DAY: Span = Span::seconds(24 * 60 * 60);

impl Timestamp {
    /// The first instant after the instant's day in UTC.
    pub const fn day_end(self) -> Timestamp {
        Timestamp(self.0.div_euclid(DAY.0).saturating_add(1).saturating_mul(DAY.0))
    }
    pub const fn plus(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
    pub const fn minus(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.0))
    }
    pub const fn since(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

impl Column for Timestamp {
    const KIND: Kind = Kind::Int;
    fn write(&self) -> Value<'_> {
        Value::Int(self.0)
    }
    fn read(value: Value<'static>) -> Option<Self> {
        value.int().map(Timestamp)
    }
}
