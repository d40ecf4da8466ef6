//! The body of a call that creates a payment. Its members have a fixed order and its metadata are
//! sorted, so the same order is always the same bytes.

use std::collections::BTreeMap;

use domain::{
    Currency, Timestamp,
    rows::{Capture, Payer, PaymentMethod, TaxId, TaxIdKind},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::decimal::{amounts, to_number};
use crate::PaymentOrder;

/// The names of the metadata that we write, and of those that a later version may write. Mercado Pago
/// changes the case of names, so names are compared without case and separators.
const RESERVED: [&str; 6] = ["amountminor", "attempt", "booking", "operation", "refund", "tenant"];

/// No limit is documented. An entry of a client only serves a person who looks there.
const METADATA_ENTRIES_MAX: usize = 50;

#[derive(Serialize)]
pub struct PaymentBody<'a> {
    transaction_amount: Box<RawValue>,
    payment_method_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    installments: Option<i64>,
    /// `false` reserves the money.
    #[serde(skip_serializing_if = "Option::is_none")]
    capture: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_expiration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    external_reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_url: Option<&'a str>,
    metadata: BTreeMap<&'a str, String>,
    payer: PayerBody<'a>,
}

#[derive(Serialize)]
pub struct PayerBody<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identification: Option<PayerIdentification<'a>>,
}

#[derive(Serialize)]
pub struct PayerIdentification<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    number: &'a str,
}

/// The error is the code of the refusal: such a payment is never sent. `currency` is the account's.
pub fn payment_body<'a>(
    order: &'a PaymentOrder,
    currency: Currency,
    notification_url: Option<&'a str>,
) -> Result<PaymentBody<'a>, &'static str> {
    check_amount(order.amount, currency)?;
    let payer = order.payer.as_ref().ok_or("payer_is_missing")?;
    let (payment_method_id, token, installments, capture, date_of_expiration) = match &order.method {
        PaymentMethod::Card { token, brand, instalments } => {
            let brand = brand.as_deref().ok_or("card_brand_is_missing")?;
            let capture = order.capture == Capture::Automatic;
            (brand, Some(token.as_str()), Some(*instalments), Some(capture), None)
        }
        PaymentMethod::Form { .. } => return Err("payment_form_is_not_offered"),
        PaymentMethod::Page { .. } => return Err("a_page_is_made_by_a_preference"),
        PaymentMethod::Pix { .. } if order.capture == Capture::Manual => {
            return Err("pix_cannot_be_authorized");
        }
        PaymentMethod::Pix { pay_until, .. } => {
            let until = to_time(*pay_until).ok_or("time_is_not_representable")?;
            ("pix", None, None, None, Some(until))
        }
    };
    Ok(PaymentBody {
        transaction_amount: to_number(order.amount),
        payment_method_id,
        token,
        installments,
        capture,
        date_of_expiration,
        description: order.reference.as_deref(),
        external_reference: order.operation.0.hyphenated().to_string(),
        notification_url,
        metadata: metadata(order),
        payer: payer_body(payer),
    })
}

/// The wire has no currency: another currency's amount would be charged as the same number of the
/// account's.
pub fn check_amount(amount: domain::Money, currency: Currency) -> Result<(), &'static str> {
    if amount.currency != currency {
        return Err("currency_is_not_of_account");
    }
    let is_payable = amounts(currency).is_some_and(|rule| rule.allows_part(amount.minor));
    if is_payable { Ok(()) } else { Err("amount_not_representable") }
}

/// RFC 3339 with milliseconds and an offset.
pub fn to_time(at: Timestamp) -> Option<String> {
    let at = jiff::Timestamp::from_microsecond(at.0).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string())
}

/// A client's entry never overwrites ours, even if ours is absent.
fn metadata(order: &PaymentOrder) -> BTreeMap<&str, String> {
    let is_free = |name: &str| {
        let letters = name.chars().filter(|letter| letter.is_alphanumeric());
        let compared: String = letters.flat_map(char::to_lowercase).collect();
        !RESERVED.contains(&compared.as_str())
    };
    let theirs = order.metadata.iter().filter(|(name, _)| is_free(name)).take(METADATA_ENTRIES_MAX);
    let mut entries: BTreeMap<&str, String> =
        theirs.map(|(name, value)| (name.as_str(), value.clone())).collect();
    entries.insert("operation", order.operation.0.hyphenated().to_string());
    entries.insert("attempt", order.attempt.0.hyphenated().to_string());
    entries.insert("tenant", order.tenant.0.hyphenated().to_string());
    entries.insert("amount_minor", order.amount.minor.to_string());
    if let Some(booking) = order.booking {
        entries.insert("booking", booking.0.hyphenated().to_string());
    }
    entries
}

/// The first name, and the rest.
pub fn names(payer: &Payer) -> (Option<&str>, Option<&str>) {
    let name = payer.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    match name.and_then(|name| name.split_once(char::is_whitespace)) {
        Some((first, last)) => (Some(first), Some(last.trim_start())),
        None => (name, None),
    }
}

pub fn payer_body(payer: &Payer) -> PayerBody<'_> {
    let (first_name, last_name) = names(payer);
    PayerBody {
        email: &payer.email,
        first_name,
        last_name,
        identification: payer.tax_id.as_ref().map(identification),
    }
}

pub fn identification(tax_id: &TaxId) -> PayerIdentification<'_> {
    let kind = match tax_id.kind {
        TaxIdKind::Cpf => "CPF",
        TaxIdKind::Cnpj => "CNPJ",
    };
    PayerIdentification { kind, number: &tax_id.number }
}

#[cfg(test)]
mod tests {
    use domain::{AttemptId, BookingId, Money, PaymentId, TenantId};
    use uuid::Uuid;

    use super::*;

    fn order() -> PaymentOrder {
        PaymentOrder {
            attempt: AttemptId(Uuid::from_u128(1)),
            key_number: 0,
            operation: PaymentId(Uuid::from_u128(1)),
            booking: Some(BookingId(Uuid::from_u128(2))),
            tenant: TenantId(Uuid::from_u128(3)),
            amount: Money::new(10_050, Currency::BRL),
            capture: Capture::Automatic,
            method: PaymentMethod::Card {
                token: "token_1".to_owned(),
                brand: Some("visa".to_owned()),
                instalments: 3,
            },
            payer: Some(Payer { email: "maria@a.example".to_owned(), name: None, tax_id: None }),
            return_url: None,
            metadata: BTreeMap::new(),
            reference: None,
            customer: None,
            saves_method: false,
            off_session: false,
            api: None,
            made_at: domain::Timestamp(1_767_225_600_000_000),
        }
    }

    fn refusal(order: &PaymentOrder) -> Option<&'static str> {
        payment_body(order, Currency::BRL, None).err()
    }

    #[test]
    fn a_payment_that_cannot_be_made_is_not_written() {
        let check = |expected: Option<&str>, change: fn(&mut PaymentOrder)| {
            let mut order = order();
            change(&mut order);
            assert_eq!(refusal(&order), expected);
        };
        let pix = |seconds: i64| PaymentMethod::Pix {
            pay_until: Timestamp(seconds.saturating_mul(1_000_000)),
            pay_within: domain::time::Span::seconds(1_800),
        };
        check(None, |_| ());
        check(None, |order| order.capture = Capture::Manual);
        check(Some("payer_is_missing"), |order| order.payer = None);
        check(Some("card_brand_is_missing"), |order| {
            let token = "token_1".to_owned();
            order.method = PaymentMethod::Card { token, brand: None, instalments: 1 };
        });
        check(Some("currency_is_not_of_account"), |order| order.amount.currency = Currency::EUR);
        check(Some("amount_not_representable"), |order| order.amount.minor = 0);
        for (seconds, capture, expected) in [
            (1_700_000_000, Capture::Automatic, None),
            (1_700_000_000, Capture::Manual, Some("pix_cannot_be_authorized")),
            (i64::MAX, Capture::Automatic, Some("time_is_not_representable")),
        ] {
            let order = PaymentOrder { method: pix(seconds), capture, ..order() };
            assert_eq!(refusal(&order), expected, "{seconds} {capture:?}");
        }
    }

    #[test]
    fn a_clients_metadata_never_overwrites_ours() {
        let names = ["a", "operation", "Operation", "amountMinor", "Amount-Minor", "booking", "refund", "é"];
        let theirs = names.map(|name| (name.to_owned(), "theirs".to_owned()));
        let order = PaymentOrder { metadata: BTreeMap::from(theirs), booking: None, ..order() };
        let sent = metadata(&order);
        let names: Vec<&str> = sent.keys().copied().collect();
        assert_eq!(names, ["a", "amount_minor", "attempt", "operation", "tenant", "é"]);
        assert_eq!(sent["amount_minor"], "10050");
        assert_eq!(sent["operation"], "00000000-0000-0000-0000-000000000001");
    }

    #[test]
    fn a_name_is_divided_into_first_and_last() {
        let check = |name: Option<&str>, first: Option<&str>, last: Option<&str>| {
            let name = name.map(str::to_owned);
            let payer = Payer { email: String::new(), name, tax_id: None };
            let sent = payer_body(&payer);
            assert_eq!((sent.first_name, sent.last_name), (first, last));
        };
        check(None, None, None);
        check(Some(" "), None, None);
        check(Some("Maria"), Some("Maria"), None);
        check(Some(" Maria  da Silva "), Some("Maria"), Some("da Silva"));
    }

    #[test]
    fn a_time_has_milliseconds_and_an_offset() {
        let check = |micros: i64, expected: Option<&str>| {
            assert_eq!(to_time(Timestamp(micros)).as_deref(), expected);
        };
        check(1_700_000_000_123_456, Some("2023-11-14T22:13:20.123+00:00"));
        check(0, Some("1970-01-01T00:00:00.000+00:00"));
        check(i64::MAX, None);
    }
}
