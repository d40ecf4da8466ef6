//! Card tokens whose name decides what the card does. Real tokens are used once and come from the
//! payer's browser; these can be used again.
//!
//! The details of a rejected payment:
//! <https://www.mercadopago.com.br/developers/en/docs/checkout-api/response-handling/collection-results>.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Approved,
    /// With this `status_detail`.
    Rejected(&'static str),
    /// Until a person decides.
    InReview,
}

/// What a refund does a little after its creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaterRefund {
    Approved,
    Rejected,
}

pub struct CardToken {
    name: &'static str,
    pub outcome: Outcome,
    /// `None` if refunds are approved at once.
    pub refund: Option<LaterRefund>,
}

const fn token(name: &'static str, outcome: Outcome) -> CardToken {
    CardToken { name, outcome, refund: None }
}

const TOKENS: [CardToken; 13] = [
    token("approved", Outcome::Approved),
    token("in_process", Outcome::InReview),
    CardToken { name: "refund_in_process", outcome: Outcome::Approved, refund: Some(LaterRefund::Approved) },
    CardToken { name: "refund_rejected", outcome: Outcome::Approved, refund: Some(LaterRefund::Rejected) },
    token("rejected_other", Outcome::Rejected(REJECTED)),
    token("rejected_insufficient_funds", Outcome::Rejected("cc_rejected_insufficient_amount")),
    token("rejected_call_for_authorize", Outcome::Rejected("cc_rejected_call_for_authorize")),
    token("rejected_security_code", Outcome::Rejected("cc_rejected_bad_filled_security_code")),
    token("rejected_expired", Outcome::Rejected("cc_rejected_bad_filled_date")),
    token("rejected_high_risk", Outcome::Rejected("cc_rejected_high_risk")),
    token("rejected_duplicated_payment", Outcome::Rejected("cc_rejected_duplicated_payment")),
    token("rejected_card_disabled", Outcome::Rejected("cc_rejected_card_disabled")),
    token("rejected_card_error", Outcome::Rejected("cc_rejected_card_error")),
];

/// The detail of a rejection without a known reason.
pub const REJECTED: &str = "cc_rejected_other_reason";

/// `None` for any other text, such as `token_unknown`.
pub fn find(name: &str) -> Option<&'static CardToken> {
    TOKENS.iter().find(|token| token.name == name)
}
