//! Amounts in the minor unit of their currency, always whole numbers.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
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

    /// Digits after the decimal point in ISO 4217. An unknown currency has two, as nearly all have.
    pub fn digits(&self) -> usize {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF"
            | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
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

/// An amount in one currency: `{"minor": 12500, "currency": "EUR"}` on the wire.
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

impl Money {
    /// For people: `45.00 EUR`.
    pub fn decimal(&self) -> String {
        let digits = self.currency.digits();
        let minor = format!("{:0>width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (whole, part) = minor.split_at(minor.len() - digits);
        let sign = if self.minor < 0 { "-" } else { "" };
        let point = if digits > 0 { "." } else { "" };
        format!("{sign}{whole}{point}{part} {}", self.currency)
    }
}

/// For people who compare with requests in minor units: `45.00 EUR (4500 in minor units)`.
impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({} in minor units)", self.decimal(), self.minor)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn a_currency_is_three_upper_case_letters() {
        assert_eq!(Currency::new("EUR"), Some(Currency::EUR));
        for refused in ["eur", "EU", "EURO", "E1R", "", "É1"] {
            assert_eq!(Currency::new(refused), None, "{refused}");
        }
    }

    #[test]
    fn an_amount_is_written_with_the_digits_of_its_currency() {
        for (minor, currency, expected) in [
            (4_500, "EUR", "45.00 EUR (4500 in minor units)"),
            (5, "EUR", "0.05 EUR (5 in minor units)"),
            (0, "EUR", "0.00 EUR (0 in minor units)"),
            (-101, "BRL", "-1.01 BRL (-101 in minor units)"),
            (4_500, "JPY", "4500 JPY (4500 in minor units)"),
            (0, "JPY", "0 JPY (0 in minor units)"),
            (4_500, "KWD", "4.500 KWD (4500 in minor units)"),
            (12, "KWD", "0.012 KWD (12 in minor units)"),
            (1, "CLF", "0.0001 CLF (1 in minor units)"),
            (i64::MIN, "EUR", "-92233720368547758.08 EUR (-9223372036854775808 in minor units)"),
        ] {
            let money = Money::new(minor, Currency::new(currency).unwrap());
            assert_eq!(money.to_string(), expected);
        }
    }
}
