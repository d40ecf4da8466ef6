//! The wire's own limits, each with its unit in its name.

/// A request's body: a request within the limits on its texts fits, in any script. Webhooks have
/// their own, larger limit.
pub const BODY_BYTES_MAX: usize = 128 * 1024;
/// The depth of nested objects and arrays.
pub const DEPTH_MAX: usize = 32;
/// The largest integer that JSON carries exactly in every language, and its negative the smallest.
pub const INTEGER_MAX: u64 = 9_007_199_254_740_991;
pub const METADATA_KEYS_MAX: usize = 50;
pub const METADATA_KEY_CHARS_MAX: usize = 40;
pub const METADATA_VALUE_CHARS_MAX: usize = 500;
/// Keys and values of one resource together, in UTF-8.
pub const METADATA_BYTES_MAX: usize = 32 * 1024;
pub const NAME_CHARS_MAX: usize = 200;
pub const DESCRIPTION_CHARS_MAX: usize = 5_000;
/// RFC 5321 section 4.5.3.1 as corrected: 254 octets in all.
pub const EMAIL_BYTES_MAX: usize = 254;
pub const PHONE_CHARS_MAX: usize = 40;
pub const REFERENCE_CHARS_MAX: usize = 200;
/// Days of one request for the calendar of a resource.
pub const CALENDAR_DAYS_MAX: i64 = 92;
pub const REASON_CHARS_MAX: usize = 500;
/// Texts of the evidence for a dispute. With what the service adds they stay below the 150,000 characters that
/// Stripe takes, <https://docs.stripe.com/api/disputes/update>.
pub const TERMS_CHARS_MAX: usize = 5_000;
pub const CHECK_IN_CHARS_MAX: usize = 2_000;
pub const CORRESPONDENCE_CHARS_MAX: usize = 10_000;
pub const REFUND_REFUSAL_CHARS_MAX: usize = 5_000;
pub const STATEMENT_CHARS_MAX: usize = 8_000;
/// Instalments of one charge: no provider offers more.
pub const INSTALMENTS_MAX: u32 = 24;
/// Seconds that a customer has to complete a payment, if the request does not say.
pub const PAYABLE_SECONDS: u32 = 1_800;
/// Each provider has limits of its own within these.
pub const PAYABLE_SECONDS_MIN: u32 = 60;
pub const PAYABLE_SECONDS_MAX: u32 = 30 * 86_400;
pub const TOKEN_CHARS_MAX: usize = 255;
pub const URL_CHARS_MAX: usize = 2_000;
/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// Mistakes in one reply.
pub const ERRORS_MAX: usize = 50;
/// Characters of a cursor: two per byte of a time and an id.
pub const CURSOR_CHARS: usize = 48;
/// Rows of one page of a list.
pub const PAGE_ROWS_MAX: i64 = 200;
pub const PAGE_ROWS: i64 = 50;
/// Seconds that `Prefer: wait=` may request.
pub const WAIT_SECONDS_MAX: u64 = 30;
/// Seats in a limit: more than any slot has.
pub const SEATS_MAX: i64 = 1_000_000;
/// Clients in one change of the settings.
pub const CLIENTS_MAX: usize = 100;

/// The configured name of an account at a provider.
pub const ACCOUNT_NAME_CHARS_MAX: usize = 100;
/// Other accounts at which a declined payment is tried.
pub const ALTERNATIVES_MAX: usize = 3;
/// Characters of a recurrence rule.
pub const RRULE_CHARS_MAX: usize = 200;
/// Days, weeks, months or years from one period of a rule to the next.
pub const RRULE_INTERVAL_MAX: u32 = 100;
/// Dates of a rule that counts them.
pub const RRULE_COUNT_MAX: u32 = 3_660;
/// Years in which a schedule may begin and end.
pub const SCHEDULE_YEARS: std::ops::RangeInclusive<i16> = 2000..=2199;
/// Minutes between two starts within opening hours.
pub const EVERY_MINUTES_MIN: i64 = 5;
pub const EVERY_MINUTES_MAX: i64 = 24 * 60;

#[cfg(test)]
mod tests {
    use domain::limits::UNITS_PER_REQUEST_MAX;
    use serde_json::json;

    use super::*;
    use crate::json::{decode, parse};
    use crate::requests::NewProduct;

    /// The request with the longest texts, in characters of four bytes.
    #[test]
    fn a_request_within_its_limits_fits_into_a_body() {
        let text = |chars: usize| "\u{20000}".repeat(chars);
        let price = json!({ "minor": domain::limits::AMOUNT_MINOR_MAX, "currency": "EUR" });
        let unit = json!({ "name": text(NAME_CHARS_MAX), "price": price, "seats": 100 });
        let value = text(METADATA_VALUE_CHARS_MAX);
        let entries = METADATA_BYTES_MAX / (value.len() + 2);
        let metadata: serde_json::Map<_, _> =
            (10..10 + entries).map(|number| (number.to_string(), json!(value))).collect();
        let product = json!({
            "name": text(NAME_CHARS_MAX), "description": text(DESCRIPTION_CHARS_MAX), "currency": "EUR",
            "time_zone": "America/Argentina/ComodRivadavia", "metadata": metadata,
            "units": vec![unit; UNITS_PER_REQUEST_MAX],
        });
        let body = product.to_string();
        assert!(body.len() <= BODY_BYTES_MAX, "{} bytes", body.len());
        assert!(decode::<NewProduct>(parse::<NewProduct>(body.as_bytes()).unwrap()).is_ok());
    }
}
