//! The mistakes of a request, each with its pointer.

mod card_numbers;
mod controls;
mod return_url;

use domain::limits::AMOUNT_MINOR_MAX;

use controls::CONTROL;

use crate::card_number;
use crate::code::Code;
use crate::email;
use crate::json::escape;
use crate::limits::{
    ACCOUNT_NAME_CHARS_MAX, CURSOR_CHARS, ERRORS_MAX, METADATA_BYTES_MAX, METADATA_KEY_CHARS_MAX,
    METADATA_KEYS_MAX, METADATA_VALUE_CHARS_MAX, TOKEN_CHARS_MAX,
};
use crate::money::{Money, is_assigned};
use crate::problem::{FieldError, Problem};
use crate::requests::Alternative;
use crate::text;
use crate::views::Metadata;

/// The mistakes found so far. At most [`ERRORS_MAX`] are reported, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidationErrors {
    errors: Vec<FieldError>,
    card_number: bool,
}

impl ValidationErrors {
    /// A pointer or a sentence that contains a card number is not reported as it is.
    pub fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        let (pointer, detail) = self.conceal(pointer.into(), detail.into());
        self.push(pointer, detail);
    }

    fn push(&mut self, pointer: String, detail: String) {
        let error = FieldError { pointer, detail };
        if self.errors.len() < ERRORS_MAX && !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// Takes the mistakes that were found elsewhere, at the chosen pointers.
    pub fn take_from(&mut self, others: ValidationErrors, is_chosen: impl Fn(&str) -> bool) {
        self.card_number |= others.card_number;
        for error in others.errors.into_iter().filter(|error| is_chosen(&error.pointer)) {
            self.push(error.pointer, error.detail);
        }
    }

    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The request, if it has no mistakes.
    pub fn none_or<T>(self, request: T) -> Result<T, ValidationErrors> {
        if self.errors.is_empty() { Ok(request) } else { Err(self) }
    }

    pub fn problem(self, request_id: &str) -> Problem {
        self.problem_of(Code::ValidationFailed, request_id)
    }

    /// `code` is the problem's code, unless a card number was found.
    pub fn problem_of(self, code: Code, request_id: &str) -> Problem {
        let code = if self.card_number { Code::CardNumberRefused } else { code };
        let detail = self.errors.first().map_or_else(String::new, |error| {
            let place = if error.pointer.is_empty() { "the request" } else { &error.pointer };
            format!("{place}: {}", error.detail)
        });
        Problem::new(code, request_id).detail(detail).errors(self.errors)
    }

    /// One line: not empty, of limited length, without characters that affect a terminal or a log
    /// or that make it look like another line.
    pub fn line(&mut self, pointer: &str, text: &str, chars_max: usize) {
        if text.trim().is_empty() {
            self.add(pointer, "must not be empty");
        } else if text.contains(char::is_control) {
            self.add(pointer, CONTROL);
        } else if let Some(letter) = text::misplaced_invisible(text) {
            self.invisible(pointer, letter);
        } else {
            self.length(pointer, text, chars_max);
        }
    }

    /// May be empty and may have several lines.
    pub fn paragraph(&mut self, pointer: &str, text: &str, chars_max: usize) {
        if text.contains(text::is_control) {
            self.add(pointer, CONTROL);
        } else {
            self.length(pointer, text, chars_max);
        }
    }

    fn length(&mut self, pointer: &str, text: &str, chars_max: usize) {
        if text.chars().count() > chars_max {
            self.add(pointer, format!("must not have more than {chars_max} characters"));
        }
    }

    /// The character is named by its number, because it cannot be shown.
    fn invisible(&mut self, pointer: &str, letter: char) {
        let number = u32::from(letter);
        self.add(pointer, format!("must not have U+{number:04X}, which is invisible or turns the line"));
    }

    pub fn between(&mut self, pointer: &str, number: i64, min: i64, max: i64) {
        if !(min..=max).contains(&number) {
            self.add(pointer, format!("must be between {min} and {max}"));
        }
    }

    /// `one` names the counted item.
    pub fn count(&mut self, pointer: &str, count: usize, max: usize, one: &str) {
        if !(1..=max).contains(&count) {
            self.add(pointer, format!("must have between 1 and {max} {one}s"));
        }
    }

    /// An amount that moves: at least one minor unit.
    pub fn amount(&mut self, pointer: &str, money: Money) {
        self.money(pointer, money, 1);
    }

    /// A price, which may be zero.
    pub fn price(&mut self, pointer: &str, money: Money) {
        self.money(pointer, money, 0);
    }

    fn money(&mut self, pointer: &str, money: Money, min: i64) {
        self.between(&format!("{pointer}/minor"), money.minor, min, AMOUNT_MINOR_MAX);
        self.currency(&format!("{pointer}/currency"), money.currency);
    }

    pub fn currency(&mut self, pointer: &str, currency: domain::Currency) {
        if !is_assigned(currency) {
            self.add(pointer, "is not a currency of ISO 4217");
        }
    }

    pub fn metadata(&mut self, metadata: &Metadata) {
        if metadata.len() > METADATA_KEYS_MAX {
            self.add("/metadata", format!("must not have more than {METADATA_KEYS_MAX} members"));
        }
        let bytes: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > METADATA_BYTES_MAX {
            self.add(
                "/metadata",
                format!("must not have more than {METADATA_BYTES_MAX} bytes of UTF-8 in all"),
            );
        }
        for (key, value) in metadata {
            let pointer = format!("/metadata/{}", escape(key));
            self.line(&pointer, key, METADATA_KEY_CHARS_MAX);
            self.paragraph(&pointer, value, METADATA_VALUE_CHARS_MAX);
        }
    }

    /// Refuses only what cannot be an address; only a message shows whether it exists.
    pub fn email(&mut self, pointer: &str, email: &str) {
        if let Some(letter) = text::first_invisible(email) {
            self.invisible(pointer, letter);
        } else if email::canonical(email).is_none() {
            self.add(pointer, "is not an e-mail address");
        }
    }

    /// A provider's name as it is written in paths and settings.
    pub fn provider(&mut self, pointer: &str, provider: &str) {
        let letters =
            provider.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !letters || provider.is_empty() || provider.len() > 40 {
            self.add(pointer, "is not the name of a provider");
        }
    }

    /// An account at which a payment is tried, and what is paid with there.
    pub fn route(&mut self, pointer: &str, route: &Alternative) {
        if let Some(provider) = &route.provider {
            self.provider(&format!("{pointer}/provider"), provider);
        }
        if let Some(account) = &route.account {
            self.account(&format!("{pointer}/account"), account);
        }
        self.payment_method(&format!("{pointer}/payment_method"), &route.payment_method);
        if let Some(brand) = &route.brand {
            self.provider(&format!("{pointer}/brand"), brand);
        }
    }

    /// The configured name of an account.
    pub fn account(&mut self, pointer: &str, account: &str) {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !(1..=ACCOUNT_NAME_CHARS_MAX).contains(&account.len()) || !account.bytes().all(is_name) {
            let most = ACCOUNT_NAME_CHARS_MAX;
            self.add(pointer, format!("must have 1 to {most} letters, digits, underscores and hyphens"));
        }
    }

    /// A provider's token. Digits alone are refused, so that a card number of an unlisted scheme is
    /// refused as well.
    pub fn payment_method(&mut self, pointer: &str, token: &str) {
        if card_number::is_in(token) || card_number::is_all_of(token) {
            self.add_card_number(pointer);
        } else {
            self.visible(pointer, token, TOKEN_CHARS_MAX);
        }
    }

    pub fn visible(&mut self, pointer: &str, text: &str, chars_max: usize) {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || text.is_empty() || text.len() > chars_max {
            self.add(pointer, format!("must be 1 to {chars_max} visible ASCII characters"));
        }
    }

    /// The form of `next_cursor`.
    pub fn cursor(&mut self, pointer: &str, cursor: &str) {
        if cursor.len() != CURSOR_CHARS || !cursor.bytes().all(|letter| (b'a'..=b'p').contains(&letter)) {
            self.add(pointer, "is none of ours");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mistakes that `find` finds in each text, in order.
    fn check(find: impl Fn(&mut ValidationErrors, &str), fine: &[&str], refused: &[&str]) {
        for (texts, expected) in [(fine, 0), (refused, 1)] {
            for text in texts {
                let mut findings = ValidationErrors::default();
                find(&mut findings, text);
                assert_eq!(findings.errors.len(), expected, "{text:?}: {findings:?}");
            }
        }
    }

    #[test]
    fn email() {
        check(
            |findings, text| findings.email("/email", text),
            &["ana@example.com", "a.b+c@x.co", "josé@exämple.de"],
            &["", "ana@host", "a\n@b.de", "a\u{200B}@b.de", "a@b\u{AD}.de"],
        );
        check(|findings, text| findings.email("", text), &[], &[&format!("{}@x.de", "a".repeat(250))]);
    }

    #[test]
    fn lines_and_paragraphs() {
        check(
            |findings, text| findings.line("/name", text, 5),
            &["a", "ééééé", "日本語"],
            &[
                "",
                "   ",
                "123456",
                "a\0b",
                "a\nb",
                "\u{1b}[2J",
                "\u{85}",
                "a\u{200B}b",
                "\u{202E}a",
                "\u{3164}",
            ],
        );
        check(|findings, text| findings.paragraph("/d", text, 5), &["", "a\nb"], &["123456", "a\0"]);
    }

    #[test]
    fn card_numbers_are_refused_and_tokens_are_not() {
        check(
            |findings, text| findings.payment_method("/payment_method", text),
            &["pm_card_visa", "tok_1", "4242424242424241", "12345678901", "424242424242424242424242"],
            &[
                "4242424242424242",
                "4242 4242 4242 4242",
                "4242-4242-4242-4242",
                "378282246310005",
                "1234567812345670",
                "tok_4242424242424242",
                "",
                "a b",
                "é",
            ],
        );
        let mut findings = ValidationErrors::default();
        findings.payment_method("/payment_method", "4242 4242 4242 4242");
        let problem = findings.problem("r");
        assert_eq!(problem.code, "card_number_refused");
        assert!(!serde_json::to_string(&problem).unwrap().contains("4242"));
    }

    #[test]
    fn money_is_bounded_and_of_a_currency() {
        let amount = |minor, code| {
            let mut findings = ValidationErrors::default();
            findings.amount("/amount", Money::new(minor, domain::Currency::new(code).unwrap()));
            findings.errors.into_iter().map(|error| error.pointer).collect::<Vec<_>>()
        };
        assert!(amount(1, "EUR").is_empty());
        assert!(amount(AMOUNT_MINOR_MAX, "JPY").is_empty());
        assert_eq!(amount(0, "EUR"), ["/amount/minor"]);
        assert_eq!(amount(-5, "ZZZ"), ["/amount/minor", "/amount/currency"]);
        assert_eq!(amount(AMOUNT_MINOR_MAX + 1, "EUR"), ["/amount/minor"]);
    }

    #[test]
    fn metadata_is_bounded() {
        let found = |metadata: Metadata| {
            let mut findings = ValidationErrors::default();
            findings.metadata(&metadata);
            findings.errors.into_iter().map(|error| error.pointer).collect::<Vec<_>>()
        };
        let of = |key: &str, value: &str| Metadata::from([(key.to_owned(), value.to_owned())]);
        assert!(found(of("k", "v")).is_empty());
        assert!(found(of(&"k".repeat(40), &"v".repeat(500))).is_empty());
        assert_eq!(found(of("a/b", &"v".repeat(501))), ["/metadata/a~1b"]);
        assert_eq!(found(of("", "v")), ["/metadata/"]);
        assert_eq!(found(of("k", "\0")), ["/metadata/k"]);
        let cjk = |keys: usize| (0..keys).map(|n| (n.to_string(), "\u{6f22}".repeat(500))).collect();
        assert!(found(cjk(21)).is_empty());
        assert_eq!(found(cjk(22)), ["/metadata"]);
        assert_eq!(found((0..51).map(|n| (n.to_string(), String::new())).collect()), ["/metadata"]);
    }
}
