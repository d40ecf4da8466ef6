//! The currencies that Stripe accepts, and the amounts that it allows in each:
//! <https://docs.stripe.com/currencies>.
//!
//! | currencies                                     | the amount                                            |
//! |------------------------------------------------|-------------------------------------------------------|
//! | `bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf` | is whole: 500 is ¥500                   |
//! | `bhd jod kwd omr tnd`                          | has three decimals, the last of which is 0            |
//! | `isk ugx`                                      | is whole, and written with two decimals that are 00   |
//! | all others                                     | has two decimals                                      |
//!
//! Minimums are those of the settlement currency. An account here settles in the charge's currency
//! if Stripe has a minimum for it; in other currencies the minimum is 1.
//!
//! The page gives the maximum as a number of digits, with examples. For `cop`, `huf`, `jpy` and
//! `lbp` the two contradict each other; the digits are used here.

use crate::refusal::StripeRefusal;

/// In the order in which Stripe lists them when it refuses another.
const CODES: &str = "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd \
     cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf \
     idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr \
     mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp \
     sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw";

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Currency(&'static str);

impl Currency {
    /// In lower case, as Stripe documents it.
    pub fn read(code: &str) -> Result<Self, StripeRefusal> {
        CODES.split(' ').find(|known| *known == code).map(Self).ok_or_else(|| {
            let supported = CODES.replace(' ', ", ");
            let message =
                format!("Invalid currency: {code}. Stripe currently supports these currencies: {supported}");
            StripeRefusal::invalid(message).with_param("currency")
        })
    }

    pub fn code(self) -> &'static str {
        self.0
    }

    /// Every amount must be a multiple of this.
    fn step(self) -> i64 {
        match self.0 {
            "bhd" | "jod" | "kwd" | "omr" | "tnd" => 10,
            "isk" | "ugx" => 100,
            _ => 1,
        }
    }

    fn decimals(self) -> usize {
        match self.0 {
            "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "vnd" | "vuv"
            | "xaf" | "xof" | "xpf" => 0,
            "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
            _ => 2,
        }
    }

    fn least(self) -> i64 {
        match self.0 {
            "gbp" => 30,
            "usd" | "aud" | "brl" | "cad" | "chf" | "eur" | "inr" | "jpy" | "nzd" | "sgd" => 50,
            "bgn" => 100,
            "aed" | "myr" | "pln" | "ron" => 200,
            "dkk" => 250,
            "nok" | "sek" => 300,
            "hkd" => 400,
            "mxn" | "thb" => 1_000,
            "czk" => 1_500,
            "huf" => 17_500,
            _ => 1,
        }
    }

    fn most(self) -> i64 {
        let digits = match self.0 {
            "idr" => 12,
            "lbp" => 11,
            "cop" | "huf" | "jpy" => 10,
            "inr" => 9,
            _ => 8,
        };
        10_i64.pow(digits) - 1
    }

    /// `€1,234.50`, or `HUF 175.00` for a currency without a symbol of its own.
    pub fn written(self, amount: i64) -> String {
        let scale = 10_i64.pow(self.decimals() as u32);
        let whole = (amount / scale).to_string();
        let mut text = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        let fraction = amount % scale;
        match self.decimals() {
            0 => {}
            decimals => text = format!("{text}.{fraction:0decimals$}"),
        }
        match self.0 {
            "usd" | "aud" | "cad" | "hkd" | "mxn" | "nzd" | "sgd" => format!("${text}"),
            "brl" => format!("R${text}"),
            "eur" => format!("€{text}"),
            "gbp" => format!("£{text}"),
            "inr" => format!("₹{text}"),
            "jpy" => format!("¥{text}"),
            code => format!("{} {text}", code.to_uppercase()),
        }
    }

    /// Refuses amounts that Stripe does not charge.
    pub fn check_charge(self, amount: i64) -> Result<(), StripeRefusal> {
        let refused = |code: &'static str, message: String| {
            Err(StripeRefusal::invalid(message).with_code(code).with_param("amount"))
        };
        if amount < 1 {
            let message = "The amount must be greater than or equal to the minimum charge amount allowed for your account and the currency set (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).  If you want to save a Payment Method for future use without an immediate payment, use a Setup Intent instead: https://docs.stripe.com/payments/setup-intents";
            return refused("parameter_invalid_integer", message.to_owned());
        }
        self.check_step(amount, "amount")?;
        if amount < self.least() {
            let least = self.written(self.least());
            return refused("amount_too_small", format!("Amount must be at least {least} {}", self.0));
        }
        if amount > self.most() {
            let message = format!("Amount must be no more than {}", self.written(self.most()));
            return refused("amount_too_large", message);
        }
        Ok(())
    }

    /// Refuses decimals that the currency does not have.
    pub fn check_step(self, amount: i64, parameter: &str) -> Result<(), StripeRefusal> {
        let step = self.step();
        if amount % step == 0 {
            return Ok(());
        }
        let message = format!("Invalid amount: amounts in {} must be divisible by {step}.", self.0);
        Err(StripeRefusal::invalid(message).with_code("parameter_invalid_integer").with_param(parameter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page formats amounts by lists of its own.
    #[test]
    fn the_page_knows_the_decimals_of_each_currency() {
        let page = include_str!("page.html");
        let listed = |name: &str| {
            let (_, after) = page.split_once(&format!("const {name} = \"")).unwrap();
            after.split_once('"').unwrap().0.split(' ').collect::<Vec<_>>()
        };
        let (whole, three) = (listed("WHOLE"), listed("THREE"));
        for code in CODES.split(' ').filter(|code| !code.is_empty()) {
            let digits = if whole.contains(&code) { 0 } else { 2 + usize::from(three.contains(&code)) };
            assert_eq!(digits, Currency::read(code).unwrap().decimals(), "{code}");
        }
    }

    #[test]
    fn amounts_are_bounded_by_currency() {
        let check = |code: &str, amount: i64, expected: &str| {
            let refusal = Currency::read(code).and_then(|currency| currency.check_charge(amount)).err();
            let found =
                refusal.map(|refusal| format!("{} {}", refusal.code.as_deref().unwrap(), refusal.message));
            assert_eq!(found.as_deref().unwrap_or("-"), expected, "{amount} {code}");
        };
        let divisible = "parameter_invalid_integer Invalid amount: amounts in";
        check("usd", 50, "-");
        check("usd", 49, "amount_too_small Amount must be at least $0.50 usd");
        check("eur", 49, "amount_too_small Amount must be at least €0.50 eur");
        check("gbp", 30, "-");
        check("gbp", 29, "amount_too_small Amount must be at least £0.30 gbp");
        check("brl", 49, "amount_too_small Amount must be at least R$0.50 brl");
        check("jpy", 49, "amount_too_small Amount must be at least ¥50 jpy");
        check("huf", 17_499, "amount_too_small Amount must be at least HUF 175.00 huf");
        check("mzn", 1, "-");
        check("usd", 99_999_999, "-");
        check("usd", 100_000_000, "amount_too_large Amount must be no more than $999,999.99");
        check("inr", 999_999_999, "-");
        check("inr", 1_000_000_000, "amount_too_large Amount must be no more than ₹9,999,999.99");
        check("jpy", 9_999_999_999, "-");
        check("idr", 999_999_999_999, "-");
        check("lbp", 99_999_999_999, "-");
        check("cop", 10_000_000_000, "amount_too_large Amount must be no more than COP 99,999,999.99");
        check("kwd", 5_120, "-");
        check("kwd", 5_124, &format!("{divisible} kwd must be divisible by 10."));
        check("isk", 500, "-");
        check("isk", 550, &format!("{divisible} isk must be divisible by 100."));
        check("ugx", 101, &format!("{divisible} ugx must be divisible by 100."));
        check("vnd", 1, "-");
    }

    #[test]
    fn unsupported_currencies_are_refused() {
        for code in ["xxx", "xts", "xau", "xag", "xdr", "abc", "EUR", "euro", ""] {
            let refusal = Currency::read(code).unwrap_err();
            let start = format!(
                "Invalid currency: {code}. Stripe currently supports these currencies: usd, aed, afn,"
            );
            assert!(refusal.message.starts_with(&start), "{}", refusal.message);
            assert_eq!((refusal.code.as_deref(), refusal.param.as_deref()), (None, Some("currency")));
        }
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert!(codes[1..].is_sorted() && codes.len() == 140, "{}", codes.len());
    }
}
