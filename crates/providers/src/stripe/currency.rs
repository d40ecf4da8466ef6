//! Converts between our minor units and Stripe's, and knows which amounts Stripe accepts:
//! <https://docs.stripe.com/currencies>, "Zero-decimal", "Three-decimal", "Special cases" and
//! "Minimum and maximum charge amounts".
//!
//! Ours follow ISO 4217. Stripe's mostly do: yen have no decimals in both, dinars have three
//! decimals in both (and Stripe refuses those that do not end in 0). In the currencies below, an
//! amount that is not converted would be wrong by a factor of 100:
//!
//! | currency | ISO 4217 | Stripe |
//! |---|---|---|
//! | `ISK`, `UGX` | no decimals | "to charge 5 ISK, provide an amount value of 500" |
//! | `MGA` | two decimals | none |

use domain::{Currency, Money, provider::AmountRule};

/// The currencies that Stripe accepts. The account's country decides which of them it may use.
const SUPPORTED: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN \
     BZD CAD CDF CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD \
     HNL HTG HUF IDR ILS INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD \
     MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB \
     RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD STD SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV \
     WST XAF XCD XCG XOF XPF YER ZAR ZMW";
/// The least that can be charged in a currency that accounts settle in, in Stripe's unit. An
/// account that settles in another currency has a minimum by the day's rate, which is not known
/// here.
const MINIMUMS: [(i64, &str); 10] = [
    (30, "GBP"),
    (50, "AUD BRL CAD CHF EUR INR JPY NZD SGD USD"),
    (100, "BGN"),
    (200, "AED MYR PLN RON"),
    (250, "DKK"),
    (300, "NOK SEK"),
    (400, "HKD"),
    (1_000, "MXN THB"),
    (1_500, "CZK"),
    (17_500, "HUF"),
];
/// The most digits of an amount; eight for a currency that is not listed. Some of the page's
/// examples contradict its numbers of digits; these follow the numbers.
const DIGITS: [(u32, &str); 4] = [(9, "INR"), (10, "COP HUF JPY"), (11, "LBP"), (12, "IDR")];
const THREE_DECIMALS: &str = "BHD JOD KWD OMR TND";

/// The value that the lists have for this currency.
fn listed<N: Copy>(lists: &[(N, &str)], code: &str) -> Option<N> {
    lists.iter().find(|(_, codes)| codes.split(' ').any(|known| known == code)).map(|(number, _)| *number)
}

/// Which amounts Stripe accepts in a currency, in our minor units; `None` for an unsupported
/// currency.
pub fn amounts(currency: Currency) -> Option<AmountRule> {
    let code = currency.code();
    if !SUPPORTED.split(' ').any(|supported| supported == code) {
        return None;
    }
    // The last of three decimals must be 0.
    let step = if listed(&[((), THREE_DECIMALS)], code).is_some() { 10 } else { 1 };
    let least = listed(&MINIMUMS, code).unwrap_or(step);
    let most = 10_i64.pow(listed(&DIGITS, code).unwrap_or(8)) - 1;
    let (min_minor, max_minor, step_minor) = if HUNDREDFOLD.contains(&code) {
        ((least + 99) / 100, most / 100, step)
    } else if HUNDREDTH.contains(&code) {
        (least * 100, most * 100, step * 100)
    } else {
        (least, most - most % step, step)
    };
    Some(AmountRule { min_minor, max_minor, step_minor })
}

const HUNDREDFOLD: [&str; 2] = ["ISK", "UGX"];
const HUNDREDTH: [&str; 1] = ["MGA"];

/// `None` if Stripe has no such amount: none or less, a fraction of an ariary, or more than an `i64` holds.
pub fn to_stripe(money: Money) -> Option<i64> {
    if money.minor < 1 {
        return None;
    }
    match money.currency.code() {
        code if HUNDREDFOLD.contains(&code) => money.minor.checked_mul(100),
        code if HUNDREDTH.contains(&code) => (money.minor % 100 == 0).then_some(money.minor / 100),
        _ => Some(money.minor),
    }
}

/// `None` if the amount is not one of ours: negative, a fraction of a króna, or more than an `i64`
/// holds.
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
pub fn parse_currency(code: &str) -> Option<Currency> {
    Currency::new(&code.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_converted_in_both_directions() {
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
    fn each_currency_has_its_limits() {
        let check = |code: &str, minor: i64, supported: bool| {
            let rule = amounts(Currency::new(code).unwrap()).unwrap();
            assert_eq!(rule.allows(minor), supported, "{minor} {code}: {rule:?}");
            if supported {
                assert!(to_stripe(Money::new(minor, Currency::new(code).unwrap())).is_some());
            }
        };
        for (code, least) in [("EUR", 50), ("GBP", 30), ("HUF", 17_500), ("JPY", 50), ("MZN", 1), ("ISK", 1)]
        {
            check(code, least, true);
            check(code, least - 1, false);
        }
        for (code, most) in [
            ("EUR", 99_999_999),
            ("JPY", 9_999_999_999),
            ("IDR", 999_999_999_999),
            ("ISK", 999_999),
            ("UGX", 999_999),
        ] {
            check(code, most, true);
            check(code, most + 1, false);
        }
        for (code, minor, supported) in [
            ("MGA", 500, true),
            ("MGA", 501, false),
            ("KWD", 5_120, true),
            ("KWD", 5_125, false),
            ("KWD", 99_999_990, true),
            ("KWD", 100_000_000, false),
            ("EUR", 0, false),
            ("EUR", -50, false),
        ] {
            check(code, minor, supported);
        }
        let part = amounts(Currency::new("EUR").unwrap()).unwrap();
        assert!(part.allows_part(1) && !part.allows_part(0), "a refund may be less than a charge");
    }

    #[test]
    fn gold_and_test_currencies_are_not_supported() {
        for code in ["XXX", "XTS", "XAU", "XAG", "XDR", "ABC"] {
            assert_eq!(amounts(Currency::new(code).unwrap()), None, "{code}");
        }
        let codes: Vec<&str> = SUPPORTED.split_whitespace().collect();
        assert!(codes.is_sorted() && codes.len() == 140, "{}", codes.len());
    }

    #[test]
    fn amounts_without_a_counterpart_are_none() {
        let currency = |code: &str| Currency::new(code).unwrap();
        assert_eq!(to_stripe(Money::new(501, currency("MGA"))), None);
        assert_eq!(to_stripe(Money::new(0, currency("EUR"))), None);
        assert_eq!(to_stripe(Money::new(-1, currency("EUR"))), None);
        assert_eq!(to_stripe(Money::new(i64::MAX, currency("ISK"))), None);
        assert_eq!(from_stripe(501, currency("ISK")), None);
        assert_eq!(from_stripe(i64::MAX, currency("MGA")), None);
        assert_eq!(from_stripe(-1, currency("EUR")), None);
        assert_eq!(parse_currency("eur"), Some(Currency::EUR));
        assert_eq!(parse_currency("eu"), None);
    }
}
