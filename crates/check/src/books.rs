//! The provider's books: what moved, as the provider saw it. The sandbox writes them so; of a real
//! provider they are an export in the same form.

use std::collections::BTreeMap;

use domain::{Currency, Money};
use serde::Deserialize;

use super::Error;
use outbound::HttpConnection;

/// Where a sandbox keeps its books.
const PATH: &str = "/sandbox/books";
/// How each idempotency key begins that we send.
const OUR_KEYS: &str = "surehold-";

/// Charges and refunds are in all books: what has neither is something else, and no charge in it is no news.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Books {
    pub charges: Vec<Charge>,
    pub refunds: Vec<Refund>,
    /// Money that the provider paid out.
    #[serde(default, rename = "transfers")]
    pub releases: Vec<Release>,
    /// Every raw arrival, replays included.
    #[serde(default)]
    pub calls: Vec<RecordedCall>,
}

/// The object of one payment. Sums are in the minor unit of ISO 4217.
#[derive(Clone, Debug, Deserialize)]
pub struct Charge {
    pub provider: String,
    pub account: String,
    pub id: String,
    pub amount_minor: i64,
    pub currency: String,
    /// What was ever held.
    pub authorized_minor: i64,
    pub captured_minor: i64,
    pub refunded_minor: i64,
    /// Taken back by the customer's bank, less what it gave back.
    #[serde(default)]
    pub disputed_minor: i64,
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

/// Funds of a booking that were released.
#[derive(Clone, Debug, Deserialize)]
pub struct Release {
    pub id: String,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct RecordedCall {
    /// Unix milliseconds.
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
    /// From a sandbox's address, with or without the path of its books, or from a file.
    pub async fn read(place: &str) -> Result<Books, Error> {
        let failed = |cause: String| Error::Books { place: place.to_owned(), cause };
        if place.starts_with("http://") || place.starts_with("https://") {
            let (base_url, query) = place.split_once('?').unwrap_or((place, "calls=false"));
            let base_url = base_url.trim_end_matches('/').trim_end_matches(PATH);
            let answer = HttpConnection::new(base_url).get(&format!("{PATH}?{query}"), &[]).await;
            let answer = answer.map_err(|error| failed(error.to_string()))?;
            if !answer.status.is_success() {
                return Err(failed(format!("{}: {}", answer.status, answer.text())));
            }
            return Books::parse(&answer.body).map_err(failed);
        }
        let bytes = std::fs::read(place).map_err(|error| failed(error.to_string()))?;
        Books::parse(&bytes).map_err(failed)
    }

    pub fn parse(bytes: &[u8]) -> Result<Books, String> {
        let not_books = |why: String| format!("these are not books as `GET {PATH}` shows them: {why}");
        // An array would be taken for the members in their order.
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
            ] {
                *sum = from_stripe(*sum, &charge.currency);
            }
        }
        for refund in books.refunds.iter_mut().filter(|refund| refund.provider == "stripe") {
            refund.amount_minor = from_stripe(refund.amount_minor, &refund.currency);
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

/// Where Stripe's minor unit is not that of ISO 4217, <https://docs.stripe.com/currencies>.
fn from_stripe(sum: i64, currency: &str) -> i64 {
    match currency {
        "isk" | "ugx" => sum / 100,
        "mga" => sum * 100,
        _ => sum,
    }
}

impl Charge {
    /// The payment that it was made for, as we told the provider.
    pub fn operation(&self) -> Option<&str> {
        self.metadata.get("operation").map(String::as_str)
    }

    /// What of it is still there.
    pub fn net(&self) -> i64 {
        self.captured_minor - self.refunded_minor - self.disputed_minor
    }

    /// Money was reserved or taken.
    pub fn moved(&self) -> bool {
        self.authorized_minor > 0 || self.captured_minor > 0
    }
}

impl Refund {
    /// The refund that it was made for, as we told the provider.
    pub fn refund(&self) -> Option<&str> {
        self.metadata.get("refund").map(String::as_str)
    }

    /// Whether it was us who made it.
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
