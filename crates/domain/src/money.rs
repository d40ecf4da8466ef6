//! Amounts in the minor unit of their currency, always whole numbers.

use alloc::borrow::Cow;
use core::fmt;
use serde::{Deserialize, Serialize};

use crate::working_set::{Column, Kind, Value};

/// An ISO 4217 alphabetic code, upper case. Whether the code is assigned is checked at the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    pub const EUR: Currency = Currency(*b"EUR");
    pub const USD: Currency = Currency(*b"USD");
    pub const BRL: Currency = Currency(*b"BRL");

    /// `None` unless the code is three letters `A` to `Z`.
    pub fn new(code: &str) -> Option<Currency> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_uppercase).then_some(Currency(bytes))
    }

    pub fn code(&self) -> &str {
        core::str::from_utf8(&self.0).expect("a currency is made of ASCII letters only")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = Cow::<'de, str>::deserialize(deserializer)?;
        Currency::new(&code).ok_or_else(|| serde::de::Error::custom("not an ISO 4217 code"))
    }
}

impl Column for Currency {
    const KIND: Kind = Kind::Text;
    fn write(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self.code()))
    }
    fn read(value: Value<'static>) -> Option<Self> {
        Currency::new(value.text()?.as_ref())
    }
}

/// An amount of one currency: `{"minor": 12500, "currency": "EUR"}` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

impl Money {
    pub const fn new(minor: i64, currency: Currency) -> Money {
        Money { minor, currency }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.minor, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_three_upper_case_letters() {
        assert_eq!(Currency::new("EUR"), Some(Currency::EUR));
        for refused in ["eur", "EU", "EURO", "E1R", "", "É1"] {
            assert_eq!(Currency::new(refused), None, "{refused}");
        }
    }
}
