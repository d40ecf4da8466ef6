//! Amounts of the wire: decimal numbers of JSON, exact in both directions.
//!
//! The text of the number is read digit by digit, and a number is written as its text, so no amount
//! is ever a float.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::refusal::MercadoPagoRefusal;

/// The digits before the point. Mercado Pago's own limits are lower and depend on the account.
const WHOLE_DIGITS_MAX: usize = 10;
const DECIMALS: usize = 2;

/// An amount in minor units, written as a decimal without trailing zeros: 10050 is `100.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonAmount(pub i64);

/// An integer that is stored as its digits.
pub struct Digits<'a>(pub &'a str);

impl JsonAmount {
    /// A positive amount; `name` is the member that has it.
    pub fn read(name: &str, number: &RawValue) -> Result<Self, MercadoPagoRefusal> {
        let text = number.get().trim();
        let numeric = |()| MercadoPagoRefusal::caused(4041, format!("{name} attribute must be numeric"));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        let is_plain = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
        if digits.is_empty() || !is_plain(digits) || !is_plain(fraction) {
            return Err(numeric(()));
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > DECIMALS || digits.len() > WHOLE_DIGITS_MAX {
            return Err(MercadoPagoRefusal::bad_request(format!("Invalid value for {name}")));
        }
        let minor: i64 = format!("{digits}{fraction:0<DECIMALS$}").parse().map_err(|_| numeric(()))?;
        if minor == 0 || whole.starts_with('-') {
            return Err(MercadoPagoRefusal::caused(4040, format!("{name} attribute must be positive")));
        }
        Ok(Self(minor))
    }

    fn text(self) -> String {
        let (whole, fraction) = (self.0 / 100, self.0 % 100);
        match fraction {
            0 => whole.to_string(),
            tenths if tenths % 10 == 0 => format!("{whole}.{}", tenths / 10),
            hundredths => format!("{whole}.{hundredths:02}"),
        }
    }
}

impl Serialize for JsonAmount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(self.text()).serialize(serializer)
    }
}

impl Serialize for Digits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(self.0.to_owned()).serialize(serializer)
    }
}

fn number(text: String) -> Box<RawValue> {
    RawValue::from_string(text).expect("digits with at most one point are a JSON number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_in_both_directions() {
        let check = |text: &str, expected: Result<(i64, &str), u16>| {
            let raw = RawValue::from_string(text.to_owned()).unwrap();
            let found = JsonAmount::read("amount", &raw);
            let found = found.map(|amount| (amount.0, serde_json::to_string(&amount).unwrap()));
            let expected = expected.map(|(minor, text)| (minor, text.to_owned()));
            assert_eq!(found.map_err(|refusal| refusal.cause_code()), expected, "{text}");
        };
        check("100.5", Ok((10_050, "100.5")));
        check("100.50", Ok((10_050, "100.5")));
        check("100.500", Ok((10_050, "100.5")));
        check("100", Ok((10_000, "100")));
        check("0.01", Ok((1, "0.01")));
        check("0.1", Ok((10, "0.1")));
        check("1.005", Err(1));
        check("9007199254740.93", Err(1));
        check("9999999999.99", Ok((999_999_999_999, "9999999999.99")));
        check("0", Err(4040));
        check("0.00", Err(4040));
        check("-1", Err(4040));
        check("1e2", Err(4041));
        check("\"100.5\"", Err(4041));
        check("null", Err(4041));
        check("true", Err(4041));
    }
}
