//! The provider's books: the money that moved, as the provider saw it. A sandbox writes them in
//! this form. The books of a real provider are an export in the same form.

use std::collections::BTreeMap;

use domain::{Currency, Money};
use serde::Deserialize;

use super::Error;
use outbound::HttpConnection;

/// The path of a sandbox's books.
const PATH: &str = "/sandbox/books";
/// The prefix of our idempotency keys.
const OUR_KEYS: &str = "surehold-";

/// Every book has charges and refunds. A document without them is no book, and must not count as an
/// empty one.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Books {
    pub charges: Vec<Charge>,
    pub refunds: Vec<Refund>,
    #[serde(default)]
    pub disputes: Vec<BookedDispute>,
    /// Money that was paid to beneficiaries.
    #[serde(default)]
    pub transfers: Vec<BookedTransfer>,
    /// Every call, replays included.
    #[serde(default)]
    pub calls: Vec<RecordedCall>,
}

/// The object of one payment. Amounts are in the minor unit of ISO 4217.
#[derive(Clone, Debug, Deserialize)]
pub struct Charge {
    pub provider: String,
    pub account: String,
    pub id: String,
    pub amount_minor: i64,
    pub currency: String,
    /// The amount that was ever authorised.
    pub authorized_minor: i64,
    pub captured_minor: i64,
    pub refunded_minor: i64,
    /// Withdrawn by the customer's bank, less what the bank returned.
    #[serde(default)]
    pub disputed_minor: i64,
    /// What the provider kept of it.
    #[serde(default)]
    pub fee_minor: i64,
    pub status: String,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Refund {
    pub provider: String,
    pub account: String,
    pub id: String,
    pub payment_intent: String,
    #[serde(default)]
    pub idempotency_key: Option<String>,
    pub amount_minor: i64,
    pub currency: String,
    pub status: String,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct BookedDispute {
    pub payment_intent: String,
}

/// A transfer to a beneficiary's account.
#[derive(Clone, Debug, Deserialize)]
pub struct BookedTransfer {
    pub provider: String,
    pub account: String,
    pub id: String,
    pub amount_minor: i64,
    #[serde(default)]
    pub reversed_minor: i64,
    pub currency: String,
    pub destination: String,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct RecordedCall {
    /// In Unix milliseconds.
    #[serde(default)]
    pub at: i64,
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub idempotency_key: Option<String>,
    #[serde(default)]
    pub object: Option<String>,
    pub outcome: String,
}

impl Books {
    /// Reads the books from a sandbox's address, with or without the path of its books, or from a
    /// file.
    pub async fn read(location: &str) -> Result<Books, Error> {
        let failed = |cause: String| Error::Books { location: location.to_owned(), cause };
        if location.starts_with("http://") || location.starts_with("https://") {
            let (base_url, query) = location.split_once('?').unwrap_or((location, "calls=false"));
            let base_url = base_url.trim_end_matches('/').trim_end_matches(PATH);
            let answer = HttpConnection::new(base_url).get(&format!("{PATH}?{query}"), &[]).await;
            let answer = answer.map_err(|error| failed(error.to_string()))?;
            if !answer.status.is_success() {
                return Err(failed(format!("{}: {}", answer.status, answer.text())));
            }
            return Books::parse(&answer.body).map_err(failed);
        }
        let bytes = std::fs::read(location).map_err(|error| failed(error.to_string()))?;
        Books::parse(&bytes).map_err(failed)
    }

    pub fn parse(bytes: &[u8]) -> Result<Books, String> {
        let not_books = |why: String| format!("these are not books as `GET {PATH}` shows them: {why}");
        // Serde would read an array as the members in their order.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(not_books("it is no JSON object".to_owned()));
        }
        let mut books: Books = serde_json::from_slice(bytes).map_err(|error| not_books(error.to_string()))?;
        for charge in books.charges.iter_mut().filter(|charge| charge.provider == "stripe") {
            for sum in [
                &mut charge.amount_minor,
                &mut charge.authorized_minor,
                &mut charge.captured_minor,
                &mut charge.refunded_minor,
                &mut charge.disputed_minor,
                &mut charge.fee_minor,
            ] {
                *sum = from_stripe(*sum, &charge.currency);
            }
        }
        for refund in books.refunds.iter_mut().filter(|refund| refund.provider == "stripe") {
            refund.amount_minor = from_stripe(refund.amount_minor, &refund.currency);
        }
        for transfer in books.transfers.iter_mut().filter(|transfer| transfer.provider == "stripe") {
            transfer.amount_minor = from_stripe(transfer.amount_minor, &transfer.currency);
            transfer.reversed_minor = from_stripe(transfer.reversed_minor, &transfer.currency);
        }
        Ok(books)
    }
}

/// An amount for people, by the currency's code in either case.
pub fn money(minor: i64, currency: &str) -> String {
    let code = currency.to_ascii_uppercase();
    Currency::new(&code)
        .map_or_else(|| format!("{minor} {code}"), |currency| Money::new(minor, currency).to_string())
}

/// The currencies for which Stripe's minor unit is not that of ISO 4217,
/// <https://docs.stripe.com/currencies>.
fn from_stripe(sum: i64, currency: &str) -> i64 {
    match currency {
        "isk" | "ugx" => sum / 100,
        "mga" => sum * 100,
        _ => sum,
    }
}

impl Charge {
    /// Our payment, by the metadata that we sent.
    pub fn operation(&self) -> Option<&str> {
        self.metadata.get("operation").map(String::as_str)
    }

    /// The captured amount, less refunds and disputes.
    pub fn net(&self) -> i64 {
        self.captured_minor - self.refunded_minor - self.disputed_minor
    }

    /// Money was authorised or captured.
    pub fn moved(&self) -> bool {
        self.authorized_minor > 0 || self.captured_minor > 0
    }
}

impl BookedTransfer {
    /// Our payout, by the metadata that we sent.
    pub fn payout(&self) -> Option<&str> {
        self.metadata.get("surehold_payout").map(String::as_str)
    }

    /// What the beneficiary keeps.
    pub fn net(&self) -> i64 {
        self.amount_minor - self.reversed_minor
    }
}

impl Refund {
    /// Our refund, by the metadata that we sent.
    pub fn refund(&self) -> Option<&str> {
        self.metadata.get("refund").map(String::as_str)
    }

    /// Whether the refund was made under one of our keys.
    pub fn is_keyed_by_us(&self) -> bool {
        self.idempotency_key.as_deref().is_some_and(|key| key.starts_with(OUR_KEYS))
    }

    pub fn moved(&self) -> bool {
        !matches!(self.status.as_str(), "failed" | "canceled")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_books_is_refused() {
        let charge = r#"{"provider":"stripe","account":"a","id":"pi_1","amount_minor":1,"currency":"eur",
            "authorized_minor":1,"captured_minor":1,"refunded_minor":0,"status":"succeeded"}"#;
        let check = |text: &str, expected: Result<usize, &str>| {
            let books = Books::parse(text.as_bytes()).map(|books| books.charges.len());
            match expected {
                Ok(charges) => assert_eq!(books, Ok(charges), "{text}"),
                Err(why) => assert!(books.clone().unwrap_err().contains(why), "{text}: {books:?}"),
            }
        };
        check(r#"{"charges":[],"refunds":[]}"#, Ok(0));
        check(&format!(r#" {{"charges":[{charge}],"refunds":[],"transfers":[],"more":1}}"#), Ok(1));
        check("", Err("no JSON object"));
        check("[]", Err("no JSON object"));
        check("[[],[],[],[]]", Err("no JSON object"));
        check("null", Err("no JSON object"));
        check("<html>", Err("no JSON object"));
        check("{}", Err("missing field `charges`"));
        check(r#"{"charges":[]}"#, Err("missing field `refunds`"));
        check(r#"{"charges":{},"refunds":[]}"#, Err("expected a sequence"));
        check(r#"{"charges":null,"refunds":[]}"#, Err("expected a sequence"));
        check(r#"{"charges":[{"id":"pi_1"}],"refunds":[]}"#, Err("missing field `provider`"));
        let text = charge.replace("\"captured_minor\":1", "\"captured_minor\":\"1\"");
        check(&format!(r#"{{"charges":[{text}],"refunds":[]}}"#), Err("expected i64"));
    }
}
