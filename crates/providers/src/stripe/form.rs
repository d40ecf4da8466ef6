//! A call's parameters, `application/x-www-form-urlencoded` as Stripe's SDKs write them.
//!
//! Parameters keep the order they were added in, and metadata is sorted by name, so the same call
//! is always the same bytes: Stripe refuses a key that comes with other bytes.

use std::{collections::BTreeMap, fmt::Write};

/// <https://docs.stripe.com/metadata>: "up to 50 keys, with key names up to 40 characters long and values
/// up to 500 characters long".
const METADATA_KEYS_MAX: usize = 50;
const METADATA_NAME_CHARACTERS_MAX: usize = 40;
const METADATA_VALUE_CHARACTERS_MAX: usize = 500;

/// The names that we write. A client's entry of such a name is not sent even if ours is absent,
/// because webhooks are assigned by these.
pub const RESERVED: [&str; 8] =
    ["attempt", "booking", "confirmed_by", "operation", "reason", "reference", "refund", "tenant"];

#[derive(Debug, Default)]
pub struct Form(String);

impl Form {
    pub fn new() -> Form {
        Form::default()
    }

    pub fn with(mut self, name: &str, value: &str) -> Form {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        escape(&mut self.0, name);
        self.0.push('=');
        escape(&mut self.0, value);
        self
    }

    pub fn with_some(self, name: &str, value: Option<&str>) -> Form {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Our entries come first. An entry that Stripe would refuse is left out so that the payment is
    /// not refused; we store all entries, and metadata at Stripe only serves a person who looks
    /// there.
    pub fn with_metadata(
        mut self,
        ours: &[(&str, Option<String>)],
        theirs: &BTreeMap<String, String>,
    ) -> Form {
        let ours = ours.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let theirs = theirs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !RESERVED.contains(name));
        let accepted = ours.chain(theirs).filter(|(name, value)| is_accepted(name, value));
        for (name, value) in accepted.take(METADATA_KEYS_MAX) {
            self = self.with(&format!("metadata[{name}]"), value);
        }
        self
    }

    pub fn into_body(self) -> String {
        self.0
    }
}

fn is_accepted(name: &str, value: &str) -> bool {
    let fits = |text: &str, most: usize| !text.is_empty() && text.chars().count() <= most;
    fits(name, METADATA_NAME_CHARACTERS_MAX)
        && !name.contains(['[', ']'])
        && fits(value, METADATA_VALUE_CHARACTERS_MAX)
}

/// Brackets stay as they are, as in Stripe's SDKs; everything except letters, digits, `-`, `_` and
/// `.` is written as `%XX`.
fn escape(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'[' | b']' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("writing into a String cannot fail"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(ours: &[(&str, Option<String>)], theirs: &[(&str, &str)]) -> String {
        let theirs = theirs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Form::new().with_metadata(ours, &theirs).into_body()
    }

    #[test]
    fn the_form_is_written_as_the_sdks_write_it() {
        let form = Form::new()
            .with("amount", "100")
            .with("allowed_payment_method_types[0]", "card")
            .with_some("return_url", Some("https://a.example/?b=c&d e=é+"))
            .with_some("nothing", None);
        assert_eq!(
            form.into_body(),
            "amount=100&allowed_payment_method_types[0]=card&\
             return_url=https%3A%2F%2Fa.example%2F%3Fb%3Dc%26d%20e%3D%C3%A9%2B"
        );
    }

    #[test]
    fn a_clients_metadata_never_overwrites_ours() {
        let ours = [("operation", Some("1".to_owned())), ("booking", None)];
        let theirs = [("a", "x"), ("booking", "theirs"), ("operation", "theirs"), ("refund", "theirs")];
        assert_eq!(metadata(&ours, &theirs), "metadata[operation]=1&metadata[a]=x");
    }

    #[test]
    fn entries_that_stripe_would_refuse_are_left_out() {
        let long = "x".repeat(501);
        let name = "n".repeat(41);
        let theirs = [("", "x"), ("a[b]", "x"), ("b", ""), ("c", &long), (name.as_str(), "x"), ("d", "é")];
        assert_eq!(metadata(&[], &theirs), "metadata[d]=%C3%A9");
        let many: Vec<String> = (0..60).map(|index| format!("k{index}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "x")).collect();
        let ours = [("operation", Some("1".to_owned()))];
        assert_eq!(metadata(&ours, &many).matches('&').count(), 49);
        assert!(metadata(&ours, &many).starts_with("metadata[operation]=1&"));
    }
}
