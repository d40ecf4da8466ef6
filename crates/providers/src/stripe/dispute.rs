//! Disputes, <https://docs.stripe.com/disputes/how-disputes-work>, and the evidence for them,
//! <https://docs.stripe.com/api/disputes/update>.
//!
//! | status | ours |
//! |---|---|
//! | `warning_needs_response`, `warning_under_review` | inquiry |
//! | `warning_closed`, `prevented` | closed |
//! | `won` | won |
//! | `lost` | lost |
//! | `needs_response`, `under_review`, and any that is not listed here | opened |
//!
//! Money was withdrawn or reinstated if an event says so, or if the dispute shows such a balance transaction:
//! an event may never come.
//!
//! Evidence is submitted by one call with `submit=true`. `evidence_details.submission_count` says whether the
//! bank has any: `has_evidence` also counts what is only stored.

use domain::{
    DisputeEvidenceId,
    provider::{CallOutcome, DisputeDetails, DisputeObservation, DisputeStatus},
    rows::EvidenceTexts,
};
use serde::Deserialize;

use super::{
    client::StripeClient,
    currency::{from_stripe, parse_currency},
    form::Form,
    objects::{checked_id, clipped, instant},
    outcome,
};
use crate::{EvidenceOrder, exchange::segment};

/// Characters that Stripe takes in one text of evidence.
const TEXT_CHARACTERS_MAX: usize = 20_000;
/// Characters of a reason or a code that is kept.
const WORD_CHARACTERS_MAX: usize = 100;

#[derive(Debug, Deserialize)]
pub struct Dispute {
    id: String,
    object: String,
    status: String,
    amount: i64,
    currency: String,
    payment_intent: Option<String>,
    reason: Option<String>,
    network_reason_code: Option<String>,
    evidence_details: Option<EvidenceDetails>,
    balance_transactions: Option<Vec<BalanceTransaction>>,
}

#[derive(Debug, Deserialize)]
struct EvidenceDetails {
    /// Unix seconds.
    due_by: Option<i64>,
    submission_count: Option<i64>,
}

/// Negative for withdrawn money.
#[derive(Debug, Deserialize)]
struct BalanceTransaction {
    amount: Option<i64>,
}

/// The event that shows a dispute.
#[derive(Clone, Copy, Debug)]
pub struct DisputeEvent<'a> {
    pub kind: &'a str,
    /// Unix seconds.
    pub created: Option<i64>,
}

impl Dispute {
    pub fn payment_object(&self) -> Option<&str> {
        self.payment_intent.as_deref()
    }

    /// The dispute as an event shows it, or as it was fetched.
    pub fn observe(self, event: Option<DisputeEvent<'_>>) -> Result<DisputeObservation, String> {
        if self.object != "dispute" {
            return Err(format!("expected a dispute and found a `{}`", clipped(&self.object)));
        }
        let object = checked_id(self.id)?;
        let currency = parse_currency(&self.currency).ok_or("its currency is unknown")?;
        let amount_minor = from_stripe(self.amount, currency).filter(|minor| *minor > 0);
        let status = match self.status.as_str() {
            "warning_needs_response" | "warning_under_review" => DisputeStatus::Inquiry,
            "warning_closed" | "prevented" => DisputeStatus::Closed,
            "won" => DisputeStatus::Won,
            "lost" => DisputeStatus::Lost,
            _ => DisputeStatus::Opened,
        };
        let kind = event.map_or("", |event| event.kind);
        let moved = |sign: i64| {
            let mut moved = self.balance_transactions.iter().flatten().filter_map(|moved| moved.amount);
            moved.any(|amount| amount.signum() == sign)
        };
        let evidence = self.evidence_details.as_ref();
        let word = |text: String| text.chars().take(WORD_CHARACTERS_MAX).collect();
        Ok(DisputeObservation {
            object,
            status,
            currency,
            withdrawn: kind == "charge.dispute.funds_withdrawn" || moved(-1),
            reinstated: kind == "charge.dispute.funds_reinstated" || moved(1),
            has_evidence: evidence.and_then(|shown| shown.submission_count).is_some_and(|count| count > 0),
            details: DisputeDetails {
                shown_at: event.and_then(|event| event.created).map(instant),
                evidence_due_at: evidence.and_then(|shown| shown.due_by).map(instant),
                amount_minor: amount_minor.ok_or("its amount is not an amount")?,
                reason: self.reason.map(word),
                network_reason: self.network_reason_code.map(word),
            },
        })
    }
}

/// The same for every worker: a repeated call is the same call.
fn key(evidence: DisputeEvidenceId, number: i64) -> String {
    match number {
        0 => format!("surehold-{evidence}-evidence"),
        number => format!("surehold-{evidence}-evidence-{number}"),
    }
}

fn form(order: &EvidenceOrder) -> Form {
    let EvidenceTexts {
        customer_name,
        customer_email,
        product,
        service_date,
        timeline,
        terms,
        refund_refusal,
        statement,
    } = &order.texts;
    let texts = [
        ("customer_name", customer_name),
        ("customer_email_address", customer_email),
        ("product_description", product),
        ("service_date", service_date),
        ("access_activity_log", timeline),
        ("refund_policy_disclosure", terms),
        ("refund_refusal_explanation", refund_refusal),
        ("uncategorized_text", statement),
    ];
    let mut form = Form::new();
    for (name, text) in texts {
        let text = text.as_deref().map(|text| match text.char_indices().nth(TEXT_CHARACTERS_MAX) {
            Some((end, _)) => &text[..end],
            None => text,
        });
        form = form.with_some(&format!("evidence[{name}]"), text);
    }
    form.with("metadata[evidence]", &order.evidence.to_string()).with("submit", "true")
}

pub async fn submit(client: &StripeClient, order: &EvidenceOrder) -> CallOutcome<DisputeObservation> {
    let key = key(order.evidence, order.key_number);
    let result = client.post(&path(&order.object), form(order), &key, &order.object).await;
    outcome::dispute(result, &order.object)
}

pub async fn fetch(client: &StripeClient, object: &str) -> CallOutcome<DisputeObservation> {
    outcome::dispute(client.get(&path(object), object).await, object)
}

fn path(object: &str) -> String {
    format!("/v1/disputes/{}", segment(object))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn dispute(changes: &Value) -> Dispute {
        let mut dispute = json!({
            "id": "du_1", "object": "dispute", "status": "needs_response", "amount": 500, "currency": "eur",
            "payment_intent": "pi_1", "charge": "ch_1", "reason": "fraudulent", "network_reason_code": "10.4",
            "evidence_details": {"due_by": 1_700_000_000, "has_evidence": true, "submission_count": 0},
            "balance_transactions": [],
        });
        dispute.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(dispute).unwrap()
    }

    #[test]
    fn every_status_has_a_meaning() {
        let check = |status: &str, expected: DisputeStatus| {
            let seen = dispute(&json!({ "status": status })).observe(None).unwrap();
            assert_eq!((seen.status, seen.details.amount_minor), (expected, 500), "{status}");
            assert!(!seen.withdrawn && !seen.reinstated, "{status}");
        };
        check("warning_needs_response", DisputeStatus::Inquiry);
        check("warning_under_review", DisputeStatus::Inquiry);
        check("warning_closed", DisputeStatus::Closed);
        check("needs_response", DisputeStatus::Opened);
        check("under_review", DisputeStatus::Opened);
        check("won", DisputeStatus::Won);
        check("lost", DisputeStatus::Lost);
        check("prevented", DisputeStatus::Closed);
        check("appeal_needs_response", DisputeStatus::Opened);
    }

    #[test]
    fn money_moved_by_an_event_or_by_what_the_dispute_shows() {
        let check = |kind: &str, transactions: Value, expected: (bool, bool)| {
            let event = DisputeEvent { kind, created: Some(1) };
            let shown = dispute(&json!({ "balance_transactions": transactions }));
            let seen = shown.observe(Some(event)).unwrap();
            assert_eq!((seen.withdrawn, seen.reinstated), expected, "{kind}");
        };
        check("charge.dispute.created", json!([]), (false, false));
        check("charge.dispute.created", json!(null), (false, false));
        check("charge.dispute.created", json!([{"amount": -500}]), (true, false));
        check("charge.dispute.closed", json!([{"amount": -500}, {"amount": 500}]), (true, true));
        check("charge.dispute.funds_withdrawn", json!([]), (true, false));
        check("charge.dispute.funds_reinstated", json!([]), (false, true));
    }

    #[test]
    fn evidence_has_a_time_and_a_count() {
        let check = |changes: Value, due: Option<i64>, submitted: bool| {
            let seen = dispute(&changes).observe(None).unwrap();
            let due = due.map(|seconds| Timestamp(seconds * 1_000_000));
            assert_eq!((seen.details.evidence_due_at, seen.has_evidence), (due, submitted), "{changes}");
        };
        check(json!({}), Some(1_700_000_000), false);
        let submitted = json!({"due_by": null, "submission_count": 1});
        check(json!({ "evidence_details": submitted }), None, true);
        check(json!({ "evidence_details": null }), None, false);
    }

    #[test]
    fn evidence_is_one_form_that_submits() {
        let order = EvidenceOrder {
            evidence: DisputeEvidenceId(Uuid::from_u128(7)),
            key_number: 0,
            object: "du_1".to_owned(),
            texts: EvidenceTexts {
                customer_name: Some("Ana & Rui".to_owned()),
                statement: Some("x".repeat(TEXT_CHARACTERS_MAX + 1)),
                ..EvidenceTexts::default()
            },
        };
        let body = form(&order).into_body();
        assert!(body.starts_with("evidence[customer_name]=Ana%20%26%20Rui&"), "{}", &body[..100]);
        assert!(body.contains(&format!("={}&", "x".repeat(TEXT_CHARACTERS_MAX))));
        assert!(body.ends_with("submit=true") && !body.contains("product_description"));
        let id = order.evidence;
        assert_eq!(key(id, 0), format!("surehold-{id}-evidence"));
        assert_eq!(key(id, 2), format!("surehold-{id}-evidence-2"));
    }
}
