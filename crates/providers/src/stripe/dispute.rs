//! Disputes, <https://docs.stripe.com/disputes/how-disputes-work>.
//!
//! | event | status | ours |
//! |---|---|---|
//! | `charge.dispute.funds_withdrawn` | any | funds withdrawn |
//! | `charge.dispute.funds_reinstated` | any | funds reinstated |
//! | any other | `warning_needs_response`, `warning_under_review` | inquiry |
//! | | `won`, `warning_closed`, `prevented` | won |
//! | | `lost` | lost |
//! | | `needs_response`, `under_review`, and any that is not listed here | opened |

use domain::provider::{DisputeObservation, DisputeStatus};
use serde::Deserialize;

use super::{
    currency::{from_stripe, parse_currency},
    objects::{checked_id, clipped},
};

#[derive(Debug, Deserialize)]
pub struct Dispute {
    id: String,
    object: String,
    status: String,
    amount: i64,
    currency: String,
    payment_intent: Option<String>,
}

impl Dispute {
    pub fn payment_object(&self) -> Option<&str> {
        self.payment_intent.as_deref()
    }

    /// The dispute as an event of this kind shows it.
    pub fn observe(self, kind: &str) -> Result<DisputeObservation, String> {
        if self.object != "dispute" {
            return Err(format!("expected a dispute and found a `{}`", clipped(&self.object)));
        }
        let object = checked_id(self.id)?;
        let currency = parse_currency(&self.currency).ok_or("its currency is unknown")?;
        let amount_minor = from_stripe(self.amount, currency).filter(|minor| *minor > 0);
        let status = match (kind, self.status.as_str()) {
            ("charge.dispute.funds_withdrawn", _) => DisputeStatus::FundsWithdrawn,
            ("charge.dispute.funds_reinstated", _) => DisputeStatus::FundsReinstated,
            (_, "warning_needs_response" | "warning_under_review") => DisputeStatus::Inquiry,
            (_, "won" | "warning_closed" | "prevented") => DisputeStatus::Won,
            (_, "lost") => DisputeStatus::Lost,
            _ => DisputeStatus::Opened,
        };
        let amount_minor = amount_minor.ok_or("its amount is not an amount")?;
        Ok(DisputeObservation { object, status, amount_minor, currency })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_event_and_status_has_a_meaning() {
        let check = |kind: &str, status: &str, expected: DisputeStatus| {
            let dispute = json!({
                "id": "du_1", "object": "dispute", "status": status, "amount": 500, "currency": "eur",
                "payment_intent": "pi_1", "charge": "ch_1", "reason": "fraudulent",
            });
            let dispute: Dispute = serde_json::from_value(dispute).unwrap();
            let seen = dispute.observe(&format!("charge.dispute.{kind}")).unwrap();
            assert_eq!((seen.status, seen.amount_minor), (expected, 500), "{kind} {status}");
        };
        check("created", "needs_response", DisputeStatus::Opened);
        check("updated", "under_review", DisputeStatus::Opened);
        check("updated", "appeal_needs_response", DisputeStatus::Opened);
        check("created", "warning_needs_response", DisputeStatus::Inquiry);
        check("updated", "warning_under_review", DisputeStatus::Inquiry);
        check("closed", "warning_closed", DisputeStatus::Won);
        check("closed", "prevented", DisputeStatus::Won);
        check("closed", "won", DisputeStatus::Won);
        check("closed", "lost", DisputeStatus::Lost);
        check("funds_withdrawn", "needs_response", DisputeStatus::FundsWithdrawn);
        check("funds_reinstated", "won", DisputeStatus::FundsReinstated);
    }
}
