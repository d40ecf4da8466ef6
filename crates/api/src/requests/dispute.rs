//! Evidence for a dispute.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Request;
use crate::limits::{
    CHECK_IN_CHARS_MAX, CORRESPONDENCE_CHARS_MAX, REFUND_REFUSAL_CHARS_MAX, STATEMENT_CHARS_MAX,
    TERMS_CHARS_MAX,
};
use crate::validation_errors::ValidationErrors;

/// Evidence that the customer's bank gets beside what is stored of the booking: who booked what for when, and
/// what happened to the booking and its payment. A bank reads evidence once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewDisputeEvidence {
    /// The terms that the customer accepted, and when and how they were shown.
    pub terms: Option<String>,
    /// How and when the service was delivered: the check-in, who came, who guided.
    pub check_in: Option<String>,
    /// The correspondence with the customer.
    pub correspondence: Option<String>,
    /// Why no refund was due.
    pub refund_refusal: Option<String>,
    /// Anything else that the bank must know.
    pub statement: Option<String>,
}

impl NewDisputeEvidence {
    fn texts(&self) -> [(&'static str, Option<&str>, usize); 5] {
        [
            ("/terms", self.terms.as_deref(), TERMS_CHARS_MAX),
            ("/check_in", self.check_in.as_deref(), CHECK_IN_CHARS_MAX),
            ("/correspondence", self.correspondence.as_deref(), CORRESPONDENCE_CHARS_MAX),
            ("/refund_refusal", self.refund_refusal.as_deref(), REFUND_REFUSAL_CHARS_MAX),
            ("/statement", self.statement.as_deref(), STATEMENT_CHARS_MAX),
        ]
    }
}

impl Request for NewDisputeEvidence {
    fn check(&self, findings: &mut ValidationErrors) {
        for (pointer, text, chars_max) in self.texts() {
            if let Some(text) = text {
                findings.paragraph(pointer, text, chars_max);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json::{decode, parse};
    use crate::limits::BODY_BYTES_MAX;

    #[test]
    fn evidence_within_its_limits_fits_into_a_body() {
        let text = |chars: usize| "\u{20000}".repeat(chars);
        let all = json!({
            "terms": text(TERMS_CHARS_MAX), "check_in": text(CHECK_IN_CHARS_MAX),
            "correspondence": text(CORRESPONDENCE_CHARS_MAX),
            "refund_refusal": text(REFUND_REFUSAL_CHARS_MAX), "statement": text(STATEMENT_CHARS_MAX),
        });
        let body = all.to_string();
        assert!(body.len() <= BODY_BYTES_MAX, "{} bytes", body.len());
        let parsed = parse::<NewDisputeEvidence>(body.as_bytes()).unwrap();
        assert!(decode::<NewDisputeEvidence>(parsed).is_ok());
    }

    #[test]
    fn each_text_has_its_limit() {
        for (pointer, _, chars_max) in NewDisputeEvidence::default().texts() {
            let mut body = json!({});
            body[&pointer[1..]] = json!("x".repeat(chars_max + 1));
            let found = decode::<NewDisputeEvidence>(body).unwrap_err();
            assert_eq!(found.errors()[0].pointer, pointer);
        }
        assert!(decode::<NewDisputeEvidence>(json!({ "customer_name": "x" })).is_err());
        assert!(decode::<NewDisputeEvidence>(json!({})).is_ok());
    }
}
