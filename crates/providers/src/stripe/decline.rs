//! Why Stripe moved no money, in our terms.
//!
//! Codes: <https://docs.stripe.com/declines/codes> for `decline_code`, <https://docs.stripe.com/error-codes>
//! for `code`, and `failure_reason` of <https://docs.stripe.com/api/refunds/object>.

use domain::rows::{Failure, FailureCause};
use serde::Deserialize;

/// A card that must not be tried again, or a payer who revoked the permission. For any other code,
/// including future ones, a new payment may succeed: with more money on the account, the right
/// digits, or another card.
const FINAL_DECLINES: [&str; 10] = [
    "fraudulent",
    "lost_card",
    "merchant_blacklist",
    "pickup_card",
    "restricted_card",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "security_violation",
    "stolen_card",
    "stop_payment_order",
];

/// The card cannot be refunded: the money needs another route.
const FINAL_REFUND_FAILURES: [&str; 3] =
    ["charge_for_pending_refund_disputed", "expired_or_canceled_card", "lost_or_stolen_card"];

/// Refusals of a call because of the state of its object, or because of the payer. Each prefix
/// stands for its family; the exceptions are below.
const BY_STATE: [&str; 5] =
    ["balance_insufficient", "charge_", "insufficient_funds", "payment_intent_", "refund_"];
const BY_PAYMENT_METHOD: [&str; 7] = [
    "invalid_card_type",
    "payment_intent_incompatible_payment_method",
    "payment_intent_mandate_invalid",
    "payment_method_",
    "setup_attempt_failed",
    "token_",
    "invalid_source_usage",
];
const BY_OUR_REQUEST: [&str; 4] = [
    "charge_invalid_parameter",
    "payment_intent_invalid_parameter",
    "payment_method_invalid_parameter",
    "payment_method_types_",
];

/// Longer codes do not exist; our rows have a limit.
const CODE_CHARACTERS_MAX: usize = 100;

/// `error` of a refusal, and `last_payment_error` of a PaymentIntent: both have one shape.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct StripeError {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    /// The parameter that the error is about.
    pub param: Option<String>,
}

impl StripeError {
    /// The most specific code: the bank's reason, else Stripe's code, else the kind of error.
    pub fn code(&self) -> &str {
        let words = [&self.decline_code, &self.code, &self.kind];
        words.into_iter().flatten().map(String::as_str).find(|word| !word.is_empty()).unwrap_or("unexplained")
    }

    pub fn failure(&self) -> Failure {
        let retryable = ![&self.decline_code, &self.code]
            .into_iter()
            .flatten()
            .any(|code| FINAL_DECLINES.contains(&code.as_str()));
        Failure { code: bounded(self.code()), retryable, cause: FailureCause::Declined }
    }

    /// The cause of a refusal of a call. What is not known to be caused by a state or a payer is
    /// our request's fault.
    pub fn cause(&self) -> FailureCause {
        let code = self.code.as_deref().unwrap_or_default();
        let among = |codes: &[&str]| codes.iter().any(|family| code.starts_with(family));
        let of_payment_method = self.param.as_deref() == Some("payment_method");
        match self.kind.as_deref() {
            Some("card_error") => FailureCause::Declined,
            _ if among(&BY_OUR_REQUEST) => FailureCause::OurRequest,
            _ if of_payment_method || among(&BY_PAYMENT_METHOD) => FailureCause::PaymentMethod,
            _ if among(&BY_STATE) => FailureCause::Declined,
            _ => FailureCause::OurRequest,
        }
    }

    /// Somebody deleted the Customer at Stripe.
    pub fn is_missing_customer(&self) -> bool {
        self.code.as_deref() == Some("resource_missing") && self.param.as_deref() == Some("customer")
    }

    /// Stripe has no code for a refund of more than is left.
    pub fn is_about_the_amount(&self) -> bool {
        self.code.is_none() && self.param.as_deref() == Some("amount")
    }
}

pub fn refund_failure(reason: &str) -> Failure {
    let retryable = !FINAL_REFUND_FAILURES.contains(&reason);
    Failure { code: bounded(reason), retryable, cause: FailureCause::Declined }
}

pub fn bounded(code: &str) -> String {
    code.chars().take(CODE_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declines_say_whether_to_try_again() {
        let check = |code: Option<&str>, decline_code: Option<&str>, expected: &str, retryable: bool| {
            let problem = StripeError {
                kind: Some("card_error".to_owned()),
                code: code.map(str::to_owned),
                decline_code: decline_code.map(str::to_owned),
                param: None,
            };
            let cause = FailureCause::Declined;
            assert_eq!(problem.failure(), Failure { code: expected.to_owned(), retryable, cause });
        };
        for code in FINAL_DECLINES {
            check(Some("card_declined"), Some(code), code, false);
        }
        for code in
            ["generic_decline", "insufficient_funds", "try_again_later", "do_not_honor", "new_in_2030"]
        {
            check(Some("card_declined"), Some(code), code, true);
        }
        for code in
            ["processing_error", "expired_card", "incorrect_cvc", "payment_intent_authentication_failure"]
        {
            check(Some(code), None, code, true);
        }
        check(Some("fraudulent"), None, "fraudulent", false);
        check(None, None, "card_error", true);
        check(Some(""), None, "card_error", true);
        check(Some(&"x".repeat(1_000)), None, &"x".repeat(100), true);
        assert_eq!(StripeError::default().failure().code, "unexplained");
    }

    #[test]
    fn a_refusal_is_caused_by_a_state_a_payer_or_our_request() {
        let check = |kind: &str, code: &str, param: Option<&str>, expected: FailureCause| {
            let problem = StripeError {
                kind: Some(kind.to_owned()),
                code: Some(code.to_owned()).filter(|code| !code.is_empty()),
                decline_code: None,
                param: param.map(str::to_owned),
            };
            assert_eq!(problem.cause(), expected, "{kind} {code} {param:?}");
        };
        let invalid = "invalid_request_error";
        for code in [
            "payment_intent_unexpected_state",
            "charge_already_refunded",
            "charge_expired_for_capture",
            "refund_disputed_payment",
            "balance_insufficient",
        ] {
            check(invalid, code, None, FailureCause::Declined);
        }
        check("card_error", "card_declined", None, FailureCause::Declined);
        check(invalid, "resource_missing", Some("payment_method"), FailureCause::PaymentMethod);
        check(invalid, "payment_method_unexpected_state", None, FailureCause::PaymentMethod);
        check(invalid, "payment_intent_incompatible_payment_method", None, FailureCause::PaymentMethod);
        check(invalid, "resource_missing", Some("intent"), FailureCause::OurRequest);
        check(invalid, "payment_method_types_no_longer_supported", None, FailureCause::OurRequest);
        check(invalid, "payment_intent_invalid_parameter", None, FailureCause::OurRequest);
        check(invalid, "parameter_unknown", Some("colour"), FailureCause::OurRequest);
        check(invalid, "amount_too_small", Some("amount"), FailureCause::OurRequest);
        check(invalid, "", None, FailureCause::OurRequest);
        check(invalid, "invented_in_2030", None, FailureCause::OurRequest);
    }

    #[test]
    fn refund_failures_say_whether_to_try_again() {
        let check = |reason: &str, retryable: bool| {
            let cause = FailureCause::Declined;
            assert_eq!(refund_failure(reason), Failure { code: reason.to_owned(), retryable, cause });
        };
        check("lost_or_stolen_card", false);
        check("expired_or_canceled_card", false);
        check("charge_for_pending_refund_disputed", false);
        check("insufficient_funds", true);
        check("unknown", true);
    }
}
