//! Amounts, which the API writes as texts with two decimals, always in reais. They are converted digit
//! by digit and never become a floating-point number.

use domain::{Currency, Money, provider::AmountRule};

const WHOLE_DIGITS_MAX: usize = 10;
const AMOUNT_MINOR_MAX: i64 = 999_999_999_999;

/// Which amounts Pix moves; `None` for another currency than the real.
pub fn amounts(currency: Currency) -> Option<AmountRule> {
    let rule = AmountRule { min_minor: 1, max_minor: AMOUNT_MINOR_MAX, step_minor: 1 };
    (currency == Currency::BRL).then_some(rule)
}

/// The error is the code of the refusal: such an amount is never sent.
pub fn write(amount: Money) -> Result<String, &'static str> {
    let rule = amounts(amount.currency).ok_or("currency_is_not_brl")?;
    if !rule.allows(amount.minor) {
        return Err("amount_not_representable");
    }
    Ok(format!("{}.{:02}", amount.minor / 100, amount.minor % 100))
}

/// `None` if it is not an amount in the API's form: one to ten digits, a point, two digits.
pub fn read(text: &str) -> Option<i64> {
    let (whole, cents) = text.split_once('.')?;
    let are_digits = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if !(1..=WHOLE_DIGITS_MAX).contains(&whole.len()) || cents.len() != 2 {
        return None;
    }
    if !are_digits(whole) || !are_digits(cents) {
        return None;
    }
    format!("{whole}{cents}").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_form_of_the_api_is_read() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(read(text), expected, "{text}");
        check("37.00", Some(3_700));
        check("0.01", Some(1));
        check("0.00", Some(0));
        check("0000000037.00", Some(3_700));
        check("9999999999.99", Some(AMOUNT_MINOR_MAX));
        for other in
            ["", "37", "37.", ".00", "37.0", "37.000", "37,00", "-1.00", "+1.00", "1e2.00", "10000000000.00"]
        {
            check(other, None);
        }
    }

    #[test]
    fn only_reais_are_written() {
        let check = |minor: i64, currency: &str, expected: Result<&str, &str>| {
            let money = Money::new(minor, Currency::new(currency).unwrap());
            assert_eq!(write(money).as_deref().map_err(|code| *code), expected, "{money}");
        };
        check(1, "BRL", Ok("0.01"));
        check(3_700, "BRL", Ok("37.00"));
        check(AMOUNT_MINOR_MAX, "BRL", Ok("9999999999.99"));
        check(AMOUNT_MINOR_MAX + 1, "BRL", Err("amount_not_representable"));
        check(0, "BRL", Err("amount_not_representable"));
        check(-1, "BRL", Err("amount_not_representable"));
        check(3_700, "EUR", Err("currency_is_not_brl"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(minor in 1..=AMOUNT_MINOR_MAX) {
            prop_assert_eq!(read(&write(Money::new(minor, Currency::BRL)).unwrap()), Some(minor));
        }
    }
}
