//! Chargebacks, <https://www.mercadopago.com.br/developers/en/reference/chargebacks/_chargebacks_id/get>.
//!
//! A chargeback names its payment, and is found by it: `GET /v1/chargebacks/search?payment_id=`. The payment
//! says besides, in `status_detail`, what became of the money.
//!
//! | the chargeback shows | or its payment | the dispute | the money |
//! |---|---|---|---|
//! | `coverage_applied: true` | `reimbursed` | won | withdrawn, and reinstated |
//! | `coverage_applied: false`, and its documentation is decided | `settled` | lost | withdrawn |
//! | anything else | `in_process` | opened | withdrawn |
//!
//! Mercado Pago withholds the money from the beginning, and has no inquiries. `coverage_applied` may be `false`
//! while documentation is awaited or reviewed, so it alone decides nothing then.
//!
//! Documentation consists of pictures and PDF files, so no evidence is submitted from here. That somebody
//! submitted some is shown.

use domain::{
    Currency,
    provider::{CallOutcome, DisputeDetails, DisputeObservation, DisputeStatus},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    decimal::from_number,
    objects::{ProviderObjectId, lenient, parse_time},
    outcome,
    payments::Payments,
};
use crate::{VerifiedEvent, exchange::segment};

const WORD_CHARACTERS_MAX: usize = 100;

/// Written by us into an event's body as it was read here.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProviderChargeback {
    pub id: ProviderObjectId,
    #[serde(default, deserialize_with = "lenient")]
    pub payments: Option<Vec<ProviderObjectId>>,
    #[serde(default, deserialize_with = "lenient")]
    currency: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    amount: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "lenient")]
    reason: Option<String>,
    /// Null until it is decided.
    #[serde(default, deserialize_with = "lenient")]
    coverage_applied: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    documentation_status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    date_documentation_deadline: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    date_last_updated: Option<String>,
}

/// A chargeback with what its payment says of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChargebackOfPayment {
    pub chargeback: ProviderChargeback,
    pub payment: ProviderObjectId,
    /// The payment's.
    pub status_detail: Option<String>,
}

impl ChargebackOfPayment {
    /// The error says which part is invalid.
    pub fn observe(&self) -> Result<DisputeObservation, String> {
        let shown = &self.chargeback;
        if shown.payments.as_ref().is_some_and(|payments| payments.len() > 1) {
            return Err("the chargeback covers several payments, and shows one amount for all".to_owned());
        }
        let currency = shown.currency.as_deref().and_then(Currency::new).ok_or("its currency is unknown")?;
        let amount = shown.amount.as_ref().and_then(|amount| from_number(amount, currency));
        let amount_minor = amount.filter(|minor| *minor > 0).ok_or("its amount is not an amount")?;
        let status = self.status();
        let open = status == DisputeStatus::Opened;
        let time = |text: &Option<String>| text.as_deref().and_then(parse_time);
        let word = |text: &String| text.chars().take(WORD_CHARACTERS_MAX).collect();
        let documentation = shown.documentation_status.as_deref();
        Ok(DisputeObservation {
            object: shown.id.as_str().to_owned(),
            status,
            currency,
            withdrawn: true,
            reinstated: status == DisputeStatus::Won,
            has_evidence: matches!(documentation, Some("review_pending" | "valid" | "invalid")),
            details: DisputeDetails {
                shown_at: time(&shown.date_last_updated),
                evidence_due_at: time(&shown.date_documentation_deadline).filter(|_| open),
                amount_minor,
                reason: shown.reason.as_ref().map(word),
                network_reason: None,
            },
        })
    }

    fn status(&self) -> DisputeStatus {
        let undecided =
            matches!(self.chargeback.documentation_status.as_deref(), Some("pending" | "review_pending"));
        match (self.status_detail.as_deref(), self.chargeback.coverage_applied) {
            (Some("reimbursed"), _) | (_, Some(true)) => DisputeStatus::Won,
            (Some("settled"), _) => DisputeStatus::Lost,
            (_, Some(false)) if !undecided => DisputeStatus::Lost,
            _ => DisputeStatus::Opened,
        }
    }
}

#[derive(Deserialize)]
struct FoundChargebacks {
    results: Vec<ProviderChargeback>,
}

impl Payments {
    /// What a chargeback and its payments are now.
    pub async fn events_of_chargeback(&self, object: &str) -> CallOutcome<Vec<VerifiedEvent>> {
        let path = format!("/v1/chargebacks/{}", segment(object));
        let shown = match outcome::shown_chargeback(self.client.get(&path, object).await, object) {
            Ok(shown) => shown,
            Err(outcome) => return outcome,
        };
        let mut events = Vec::new();
        for payment in shown.payments.iter().flatten() {
            match self.events_of(payment.as_str()).await {
                CallOutcome::Object(more) => events.extend(more),
                other => return other,
            }
        }
        CallOutcome::Object(events)
    }

    /// The chargebacks of a payment that was charged back. At least one exists: without it the search lags
    /// behind, and must be repeated.
    pub async fn chargebacks_of<O>(
        &self,
        payment: &ProviderObjectId,
        status_detail: Option<&str>,
    ) -> Result<Vec<ChargebackOfPayment>, CallOutcome<O>> {
        let path = format!("/v1/chargebacks/search?payment_id={}", segment(payment.as_str()));
        let found: FoundChargebacks = outcome::search(self.client.get(&path, payment.as_str()).await)?;
        // A search whose parameter was ignored shows everybody's chargebacks.
        let is_of_payment = |found: &ProviderChargeback| {
            found.payments.as_ref().is_some_and(|payments| payments.contains(payment))
        };
        let own = found.results.into_iter().filter(is_of_payment);
        let own: Vec<ChargebackOfPayment> = own
            .map(|chargeback| ChargebackOfPayment {
                chargeback,
                payment: payment.clone(),
                status_detail: status_detail.map(str::to_owned),
            })
            .collect();
        if own.is_empty() {
            let error = "the chargeback of the payment is not shown yet".to_owned();
            return Err(CallOutcome::Unknown { error, key_spent: false });
        }
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    fn shown(changes: &Value, detail: Option<&str>) -> ChargebackOfPayment {
        let mut chargeback = json!({
            "id": "217000061680860000", "payments": [123], "currency": "BRL", "amount": 100.50,
            "reason": "general", "coverage_applied": null, "coverage_elegible": true,
            "documentation_required": true, "documentation_status": "pending", "documentation": [],
            "date_documentation_deadline": "2026-11-08T09:50:37.000-04:00", "date_created": null,
            "date_last_updated": "2026-10-17T12:48:24.000-04:00", "live_mode": true,
        });
        chargeback.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        ChargebackOfPayment {
            chargeback: serde_json::from_str(&chargeback.to_string()).unwrap(),
            payment: ProviderObjectId::parse("123").unwrap(),
            status_detail: detail.map(str::to_owned),
        }
    }

    #[test]
    fn the_decision_and_the_money_are_read_from_both_objects() {
        let check = |changes: Value, detail: Option<&str>, status: DisputeStatus| {
            let seen = shown(&changes, detail).observe().unwrap();
            assert_eq!(seen.status, status, "{changes} {detail:?}");
            assert!(seen.withdrawn && seen.reinstated == (status == DisputeStatus::Won), "{changes}");
            assert_eq!(seen.details.amount_minor, 10_050);
            assert_eq!(seen.details.evidence_due_at.is_some(), status == DisputeStatus::Opened);
        };
        use DisputeStatus::{Lost, Opened, Won};
        check(json!({}), Some("in_process"), Opened);
        check(json!({}), None, Opened);
        check(json!({}), Some("settled"), Lost);
        check(json!({}), Some("reimbursed"), Won);
        check(json!({"coverage_applied": true, "documentation_status": "valid"}), Some("in_process"), Won);
        check(
            json!({"coverage_applied": false, "documentation_status": "invalid"}),
            Some("in_process"),
            Lost,
        );
        check(json!({"coverage_applied": false, "documentation_status": "not_supplied"}), None, Lost);
        check(json!({"coverage_applied": false}), Some("in_process"), Opened);
        let reviewed = json!({"coverage_applied": false, "documentation_status": "review_pending"});
        check(reviewed, Some("in_process"), Opened);
        check(json!({"coverage_applied": false}), Some("reimbursed"), Won);
    }

    #[test]
    fn the_details_are_read() {
        let seen = shown(&json!({}), None).observe().unwrap();
        let details = seen.details;
        assert_eq!(details.shown_at, Some(Timestamp(1_792_255_704_000_000)));
        assert_eq!(details.evidence_due_at, Some(Timestamp(1_794_145_837_000_000)));
        assert_eq!(details.reason.as_deref(), Some("general"));
        assert!(!seen.has_evidence);
        let sent = shown(&json!({"documentation_status": "review_pending"}), None).observe().unwrap();
        assert!(sent.has_evidence);
        assert_eq!(seen.object, "217000061680860000");
    }

    #[test]
    fn what_has_no_one_amount_is_refused() {
        for changes in [
            json!({"payments": [123, 124]}),
            json!({"currency": null}),
            json!({"currency": "XXXX"}),
            json!({"amount": null}),
            json!({"amount": 0}),
            json!({"amount": -1}),
            json!({"amount": 0.001}),
        ] {
            assert!(shown(&changes, None).observe().is_err(), "{changes}");
        }
    }
}
