//! Why Stripe moved no money, in our words.
//!
//! Codes: <https://docs.stripe.com/declines/codes> for `decline_code`, <https://docs.stripe.com/error-codes>
//! for `code`, and `failure_reason` of <https://docs.stripe.com/api/refunds/object>.

use domain::rows::Failure;
use serde::Deserialize;

/// A card that nobody should try again with, and a payer who took the right back. Anything else, codes
/// that are yet to be invented included, a new payment may do better: with more money on the account, the
/// right digits, or another card.
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

/// There is no way back to that card: the money has to go another way.
const FINAL_REFUND_FAILURES: [&str; 3] =
    ["charge_for_pending_refund_disputed", "expired_or_canceled_card", "lost_or_stolen_card"];

/// Longer ones do not exist; our rows have a bound.
const CODE_CHARACTERS_MAX: usize = 100;

/// `error` of a refusal, and `last_payment_error` of a PaymentIntent: Stripe gives both one shape.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub code: Option<String>,
    pub decline_code: Option<String>,
}

impl Problem {
    /// The most exact word there is: the bank's reason, else Stripe's code, else the kind of error.
    pub fn word(&self) -> &str {
        let words = [&self.decline_code, &self.code, &self.kind];
        words.into_iter().flatten().map(String::as_str).find(|word| !word.is_empty()).unwrap_or("unexplained")
    }

    pub fn failure(&self) -> Failure {
        let retryable = ![&self.decline_code, &self.code]
            .into_iter()
            .flatten()
            .any(|code| FINAL_DECLINES.contains(&code.as_str()));
        Failure { code: bounded(self.word()), retryable }
    }
}

pub fn refund_failure(reason: &str) -> Failure {
    Failure { code: bounded(reason), retryable: !FINAL_REFUND_FAILURES.contains(&reason) }
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
            let problem = Problem {
                kind: Some("card_error".to_owned()),
                code: code.map(str::to_owned),
                decline_code: decline_code.map(str::to_owned),
            };
            assert_eq!(problem.failure(), Failure { code: expected.to_owned(), retryable });
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
        assert_eq!(Problem::default().failure().code, "unexplained");
    }

    #[test]
    fn refunds_too() {
        let check = |reason: &str, retryable: bool| {
            assert_eq!(refund_failure(reason), Failure { code: reason.to_owned(), retryable });
        };
        check("lost_or_stolen_card", false);
        check("expired_or_canceled_card", false);
        check("charge_for_pending_refund_disputed", false);
        check("insufficient_funds", true);
        check("unknown", true);
    }
}
