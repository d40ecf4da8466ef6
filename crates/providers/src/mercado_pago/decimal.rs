//! Amounts, which Mercado Pago writes as JSON numbers with decimals. They are converted digit by
//! digit and never become a floating-point number.

use domain::{Currency, Money, provider::AmountRule};
use serde_json::value::RawValue;

/// The currencies of the countries where Mercado Pago takes payments by this API. In Colombian pesos
/// there are whole units only, although ISO 4217 has two decimals. No maximum is documented: this one
/// is above any payment that a bank permits, and far below what an `i64` holds.
const CURRENCIES: [(&str, i64, i64); 7] = [
    // code, step and maximum in our minor units
    ("ARS", 1, 99_999_999_999),
    ("BRL", 1, 9_999_999_999),
    ("CLP", 1, 99_999_999_999),
    ("COP", 100, 99_999_999_900),
    ("MXN", 1, 9_999_999_999),
    ("PEN", 1, 9_999_999_999),
    ("UYU", 1, 9_999_999_999),
];

/// Which amounts Mercado Pago accepts in a currency, in our minor units; `None` for an unsupported
/// currency. The account's country decides which of them it may use.
pub fn amounts(currency: Currency) -> Option<AmountRule> {
    let (_, step_minor, max_minor) = CURRENCIES.into_iter().find(|(code, _, _)| *code == currency.code())?;
    Some(AmountRule { min_minor: step_minor, max_minor, step_minor })
}

/// As a JSON number.
pub fn to_number(money: Money) -> Box<RawValue> {
    let decimal = money.decimal();
    let number = decimal.split(' ').next().unwrap_or_default();
    RawValue::from_string(number.to_owned()).expect("a decimal is a JSON number")
}

/// `None` if it is not an amount of this currency: negative, with an exponent, with more decimals than
/// the currency has (but for zeros), or larger than any amount.
pub fn from_number(number: &RawValue, currency: Currency) -> Option<i64> {
    let (whole, fraction) = number.get().split_once('.').unwrap_or((number.get(), ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let digits = currency.digits();
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > digits {
        return None;
    }
    format!("{whole}{fraction:0<digits$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn each_spelling_of_an_amount_is_read_exactly() {
        let check = |code: &str, text: &str, expected: Option<i64>| {
            let currency = Currency::new(code).unwrap();
            assert_eq!(from_number(&number(text), currency), expected, "{text} {code}");
        };
        check("BRL", "100", Some(10_000));
        check("BRL", "100.0", Some(10_000));
        check("BRL", "100.5", Some(10_050));
        check("BRL", "0.07", Some(7));
        check("BRL", "58.800", Some(5_880));
        check("BRL", "90071992547409.93", Some(9_007_199_254_740_993));
        check("CLP", "1500", Some(1_500));
        check("CLP", "1500.00", Some(1_500));
        check("BRL", "0.001", None);
        check("CLP", "1500.5", None);
        check("BRL", "-1", None);
        check("BRL", "1e2", None);
        check("BRL", "\"1.00\"", None);
        check("BRL", "null", None);
        check("BRL", "99999999999999999999", None);
    }

    #[test]
    fn only_whole_pesos_are_accepted_where_there_are_no_cents() {
        let allows = |code: &str, minor: i64| {
            amounts(Currency::new(code).unwrap()).is_some_and(|rule| rule.allows(minor))
        };
        assert!(allows("BRL", 1) && allows("COP", 100) && allows("CLP", 1));
        assert!(!allows("COP", 150) && !allows("BRL", 0) && !allows("EUR", 100));
    }

    #[test]
    fn an_amount_is_written_with_the_decimals_of_its_currency() {
        let check = |code: &str, minor: i64, expected: &str| {
            let money = Money::new(minor, Currency::new(code).unwrap());
            assert_eq!(to_number(money).get(), expected);
        };
        check("BRL", 10_050, "100.50");
        check("BRL", 7, "0.07");
        check("CLP", 1_500, "1500");
        check("COP", 150_000, "1500.00");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(minor in 0..i64::MAX) {
            for code in ["BRL", "CLP"] {
                let money = Money::new(minor, Currency::new(code).unwrap());
                prop_assert_eq!(from_number(&to_number(money), money.currency), Some(minor));
            }
        }
    }
}
