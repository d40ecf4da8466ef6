//! An amount, as the wire shows it.

use domain::Currency;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount in the minor unit of its currency: `{"minor": 12500, "currency": "EUR"}` is 125 euros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Whole minor units.
    #[schema(example = 12500)]
    pub minor: i64,
    /// ISO 4217, upper case.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
}

impl Money {
    pub const fn new(minor: i64, currency: Currency) -> Money {
        Money { minor, currency }
    }
}

impl From<domain::Money> for Money {
    fn from(money: domain::Money) -> Money {
        Money { minor: money.minor, currency: money.currency }
    }
}

impl From<Money> for domain::Money {
    fn from(money: Money) -> domain::Money {
        domain::Money { minor: money.minor, currency: money.currency }
    }
}

/// The codes that ISO 4217 has assigned, in alphabetical order.
pub fn assigned() -> impl Iterator<Item = String> {
    let letters = || 'A'..='Z';
    let codes = letters().flat_map(move |a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])));
    let codes = codes.map(|code| code.iter().collect::<String>());
    codes.filter(|code| Currency::new(code).is_some_and(is_assigned))
}

/// Whether ISO 4217 has assigned the code.
pub fn is_assigned(currency: Currency) -> bool {
    iso_currency::Currency::from_code(currency.code()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The domain has its own list, because it has no dependencies.
    #[test]
    fn each_currency_has_the_decimals_of_iso_4217() {
        let letters = || b'A'..=b'Z';
        let codes = letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])));
        let mut assigned = 0;
        for code in codes {
            let code = str::from_utf8(&code).unwrap();
            let Some(known) = iso_currency::Currency::from_code(code) else { continue };
            assigned += 1;
            let digits = known.exponent().map_or(2, usize::from);
            assert_eq!(Currency::new(code).unwrap().digits(), digits, "{code}");
        }
        assert!(assigned > 150, "{assigned}");
    }

    #[test]
    fn only_assigned_codes_are_accepted() {
        for (code, assigned) in [("EUR", true), ("JPY", true), ("BRL", true), ("ZZZ", false), ("EUX", false)]
        {
            assert_eq!(is_assigned(Currency::new(code).unwrap()), assigned, "{code}");
            assert_eq!(super::assigned().any(|one| one == code), assigned, "{code}");
        }
        assert!(super::assigned().count() > 150);
    }
}
