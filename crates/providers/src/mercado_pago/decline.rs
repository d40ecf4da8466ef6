//! Why Mercado Pago moved no money, in our terms.
//!
//! Codes: `status_detail` of a rejected payment, and the numbers in the `cause` of an error
//! (<https://www.mercadopago.com.br/developers/en/reference/payments/_payments/post>).

use domain::rows::{Failure, FailureCause};
use serde::Deserialize;

use super::objects::{NumberOrText, lenient};

/// A payer or card that is suspected of fraud, or a payment that was made a moment ago already. For
/// any other detail, including future ones, a new payment may succeed.
const FINAL_DECLINES: [&str; 6] = [
    "cc_rejected_blacklist",
    "cc_rejected_duplicated_payment",
    "cc_rejected_high_risk",
    "high_risk",
    "rejected_by_regulations",
    "rejected_high_risk",
];

/// The card's token, its brand or its instalments.
const ABOUT_THE_METHOD: [u64; 26] = [
    109, 129, 151, 204, 2006, 2009, 2010, 3000, 3001, 3003, 3006, 3008, 3010, 3011, 3012, 3013, 3014, 3015,
    3016, 3020, 3026, 3027, 3028, 3029, 3030, 4033,
];
/// The payment's state, its amount, or the balance of the account.
const ABOUT_THE_STATE: [u64; 15] =
    [126, 2016, 2017, 2018, 2022, 2024, 2025, 2027, 2029, 2030, 2031, 2063, 2072, 3024, 4037];
/// The same call was made a moment ago, or a service behind did not answer: a call may have been
/// carried out.
const UNSETTLED: [u64; 4] = [801, 2001, 2004, 2007];

/// The order's status does not allow the call, with 409
/// (`MPOrderErrors` of the Python SDK, and the reference of the orders).
const ABOUT_THE_ORDER: [&str; 5] = [
    "cannot_cancel_order",
    "cannot_capture_order",
    "cannot_refund_order",
    "order_already_canceled",
    "order_already_refunded",
];
/// The refund of an order is larger than what is left, with 400.
const TOO_MUCH: &str = "refund_amount_exceeds";

const WORD_BYTES_MAX: usize = 60;

/// The reply to a call that was not carried out.
#[derive(Deserialize)]
pub struct ErrorReply {
    #[serde(default, deserialize_with = "lenient")]
    error: Option<String>,
    /// In place of `error`, where the gateway refuses a call.
    #[serde(default, deserialize_with = "lenient")]
    code: Option<String>,
    /// Read only to recognise the form: it may repeat what was sent.
    #[serde(default, deserialize_with = "lenient")]
    message: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    cause: Option<Causes>,
    /// In place of all these, where an order is concerned.
    #[serde(default, deserialize_with = "lenient")]
    errors: Option<Vec<OrderError>>,
}

#[derive(Deserialize)]
struct OrderError {
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Causes {
    Several(Vec<Cause>),
    One(Cause),
}

#[derive(Deserialize)]
struct Cause {
    code: Option<NumberOrText>,
}

/// What the causes of an error prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallRejection {
    /// The call did nothing.
    Refused(FailureCause),
    Unsettled,
}

impl ErrorReply {
    /// Whether the reply comes from Mercado Pago. An intermediary's proves nothing.
    pub fn is_in_form(&self) -> bool {
        let is_of_order = self.order_code().is_some();
        self.error.is_some() || self.code.is_some() || self.message.is_some() || is_of_order
    }

    fn order_code(&self) -> Option<&String> {
        self.errors.as_ref()?.first()?.code.as_ref()
    }

    pub fn is_about_state_of_order(&self) -> bool {
        let codes = [self.order_code(), self.error.as_ref(), self.code.as_ref()];
        codes.into_iter().flatten().any(|code| ABOUT_THE_ORDER.contains(&code.as_str()))
    }

    /// The kind of error with the number of its cause, such as `bad_request_2063`.
    pub fn code(&self) -> String {
        let named = [self.error.as_ref(), self.code.as_ref(), self.order_code()];
        let named = named.into_iter().flatten().find_map(|text| word(text));
        let kind = named.unwrap_or_else(|| "unexplained".to_owned());
        match self.cause_number() {
            Some(number) => format!("{kind}_{number}"),
            None => kind,
        }
    }

    pub fn rejection(&self) -> CallRejection {
        let number = self.cause_number();
        let is_among = |numbers: &[u64]| number.is_some_and(|number| numbers.contains(&number));
        if is_among(&UNSETTLED) {
            CallRejection::Unsettled
        } else if is_among(&ABOUT_THE_METHOD) {
            CallRejection::Refused(FailureCause::PaymentMethod)
        } else if is_among(&ABOUT_THE_STATE) || self.order_code().is_some_and(|code| code == TOO_MUCH) {
            CallRejection::Refused(FailureCause::Declined)
        } else {
            CallRejection::Refused(FailureCause::OurRequest)
        }
    }

    fn cause_number(&self) -> Option<u64> {
        let cause = match self.cause.as_ref()? {
            Causes::Several(causes) => causes.first()?,
            Causes::One(cause) => cause,
        };
        match cause.code.as_ref()? {
            NumberOrText::Number(number) => Some(*number),
            NumberOrText::Text(text) => text.parse().ok(),
        }
    }
}

/// The failure of a rejected payment.
pub fn decline(status_detail: &str) -> Failure {
    let code = word(status_detail).unwrap_or_else(|| "rejected".to_owned());
    let retryable = !FINAL_DECLINES.contains(&code.as_str());
    Failure { code, retryable, cause: FailureCause::Declined }
}

/// A code as we store it. `None` for free text, which may hold the payer's data.
fn word(text: &str) -> Option<String> {
    let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let fits = (1..=WORD_BYTES_MAX).contains(&text.len());
    (is_word && fits).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn declines_say_whether_to_try_again() {
        let check = |detail: &str, expected: &str, retryable: bool| {
            let code = expected.to_owned();
            assert_eq!(decline(detail), Failure { code, retryable, cause: FailureCause::Declined });
        };
        for detail in FINAL_DECLINES {
            check(detail, detail, false);
        }
        for detail in [
            "cc_rejected_insufficient_amount",
            "cc_rejected_bad_filled_security_code",
            "cc_rejected_call_for_authorize",
            "cc_rejected_max_attempts",
            "new_in_2030",
        ] {
            check(detail, detail, true);
        }
        check("", "rejected", true);
        check("the card of Maria", "rejected", true);
        check(&"x".repeat(61), "rejected", true);
    }

    #[test]
    fn an_error_is_about_the_method_the_state_or_our_request() {
        let check = |error: Value, code: &str, expected: CallRejection| {
            let found: ErrorReply = serde_json::from_str(&error.to_string()).unwrap();
            assert!(found.is_in_form(), "{error}");
            assert_eq!((found.code().as_str(), found.rejection()), (code, expected), "{error}");
        };
        let error =
            |cause: Value| json!({"status": 400, "error": "bad_request", "message": "m", "cause": cause});
        let cause = |code: Value| error(json!([{"code": code, "description": "d", "data": null}]));
        let refused = CallRejection::Refused;
        for number in ABOUT_THE_METHOD {
            check(
                cause(json!(number)),
                &format!("bad_request_{number}"),
                refused(FailureCause::PaymentMethod),
            );
        }
        for number in ABOUT_THE_STATE {
            check(cause(json!(number)), &format!("bad_request_{number}"), refused(FailureCause::Declined));
        }
        for number in UNSETTLED {
            check(cause(json!(number)), &format!("bad_request_{number}"), CallRejection::Unsettled);
        }
        check(cause(json!("2063")), "bad_request_2063", refused(FailureCause::Declined));
        check(error(json!({"code": 2063})), "bad_request_2063", refused(FailureCause::Declined));
        let ours = refused(FailureCause::OurRequest);
        check(cause(json!(4020)), "bad_request_4020", ours);
        check(cause(json!("E301")), "bad_request", ours);
        check(cause(json!(null)), "bad_request", ours);
        check(error(json!([])), "bad_request", ours);
        check(error(json!("x")), "bad_request", ours);
        check(json!({"code": "unauthorized", "message": "m"}), "unauthorized", ours);
        check(json!({"message": "maria@a.example"}), "unexplained", ours);
        check(json!({"error": "maria@a.example", "code": 7}), "unexplained", ours);
    }

    #[test]
    fn an_intermediarys_error_is_not_in_form() {
        let check = |body: &str| {
            let found = serde_json::from_str::<ErrorReply>(body);
            assert!(!found.is_ok_and(|error| error.is_in_form()), "{body}");
        };
        for body in ["", "<html>", "{}", "null", "7", "{\"error\":{\"message\":\"m\"}}", "{\"error\":7}"] {
            check(body);
        }
    }
}
