//! Between our minor units and Stripe's, <https://docs.stripe.com/currencies>, "Zero-decimal",
//! "Three-decimal" and "Special cases".
//!
//! Ours follow ISO 4217. Stripe's mostly do: yen are whole in both, dinars have three decimals in both
//! (and Stripe itself refuses those that do not end in 0). Where they differ an amount taken over as it is
//! would be wrong a hundredfold:
//!
//! | currency | ISO 4217 | Stripe |
//! |---|---|---|
//! | `ISK`, `UGX` | no decimals | "to charge 5 ISK, provide an amount value of 500" |
//! | `MGA` | two decimals | none |

use domain::{Currency, Money};

const HUNDREDFOLD: [&str; 2] = ["ISK", "UGX"];
const HUNDREDTH: [&str; 1] = ["MGA"];

/// `None` where Stripe has no such amount: broken ariary, or beyond what an `i64` holds.
pub fn to_stripe(money: Money) -> Option<i64> {
    match money.currency.code() {
        code if HUNDREDFOLD.contains(&code) => money.minor.checked_mul(100),
        code if HUNDREDTH.contains(&code) => (money.minor % 100 == 0).then_some(money.minor / 100),
        _ => Some(money.minor),
    }
}

/// `None` for what is not an amount of ours: negative, broken krónur, or beyond what an `i64` holds.
pub fn from_stripe(amount: i64, currency: Currency) -> Option<i64> {
    if amount < 0 {
        return None;
    }
    match currency.code() {
        code if HUNDREDFOLD.contains(&code) => (amount % 100 == 0).then_some(amount / 100),
        code if HUNDREDTH.contains(&code) => amount.checked_mul(100),
        _ => Some(amount),
    }
}

/// Stripe writes codes in lower case.
pub fn named(code: &str) -> Option<Currency> {
    Currency::new(&code.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_worth() {
        let check = |code: &str, ours: i64, stripes: i64| {
            let currency = Currency::new(code).unwrap();
            assert_eq!(to_stripe(Money::new(ours, currency)), Some(stripes), "{ours} {code}");
            assert_eq!(from_stripe(stripes, currency), Some(ours), "{stripes} {code}");
        };
        check("EUR", 12_345, 12_345);
        check("JPY", 500, 500);
        check("KWD", 5_120, 5_120);
        check("ISK", 5, 500);
        check("UGX", 7, 700);
        check("MGA", 500, 5);
        check("EUR", i64::MAX, i64::MAX);
    }

    #[test]
    fn amounts_without_a_counterpart_are_none() {
        let currency = |code: &str| Currency::new(code).unwrap();
        assert_eq!(to_stripe(Money::new(501, currency("MGA"))), None);
        assert_eq!(to_stripe(Money::new(i64::MAX, currency("ISK"))), None);
        assert_eq!(from_stripe(501, currency("ISK")), None);
        assert_eq!(from_stripe(i64::MAX, currency("MGA")), None);
        assert_eq!(from_stripe(-1, currency("EUR")), None);
        assert_eq!(named("eur"), Some(Currency::EUR));
        assert_eq!(named("eu"), None);
    }
}
