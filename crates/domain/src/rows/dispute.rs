//! Disputes of payments, and the evidence that is submitted for them.

use alloc::string::String;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, BookingId, DisputeEvidenceId, DisputeId, PaymentId, TenantId};
use crate::lifecycle::{CurrentState, dispute, dispute_evidence};
use crate::money::Currency;
use crate::provider::DisputeDetails;
use crate::rows::Failure;
use crate::time::Timestamp;
use crate::working_set::Json;

crate::row! {
    /// A dispute. Its id is hashed from the account and the provider's id of it, so it exists once.
    Dispute in "disputes" as lock {
        key id: DisputeId,
        fixed tenant: TenantId,
        fixed payment: PaymentId,
        fixed booking: Option<BookingId>,
        fixed account: AccountId,
        /// The provider's id of it.
        fixed object: String,
        fixed currency: Currency,
        guard state: CurrentState<dispute::State>,
        guard seq: i64,
        moves amount_minor: i64,
        /// The provider's word for the customer's reason.
        moves reason: Option<String>,
        /// The card network's code of the reason.
        moves network_reason: Option<String>,
        moves evidence_due_at: Option<Timestamp>,
        /// When the provider showed the details above.
        moves shown_at: Option<Timestamp>,
        /// When the provider first showed the dispute with evidence.
        moves evidence_submitted_at: Option<Timestamp>,
        /// The submission of evidence under way. There is only one at a time.
        moves submission: Option<DisputeEvidenceId>,
        /// Why the last submission was refused.
        moves submission_failure: Option<Json<Failure>>,
        fixed created_at: Timestamp,
        moves closed_at: Option<Timestamp>,
        moves updated_at: Timestamp,
    }
}

impl Dispute {
    pub fn details(&self) -> DisputeDetails {
        DisputeDetails {
            shown_at: self.shown_at,
            evidence_due_at: self.evidence_due_at,
            amount_minor: self.amount_minor,
            reason: self.reason.clone(),
            network_reason: self.network_reason.clone(),
        }
    }

    pub fn set_details(&mut self, details: DisputeDetails) {
        let DisputeDetails { shown_at, evidence_due_at, amount_minor, reason, network_reason } = details;
        self.shown_at = shown_at;
        self.evidence_due_at = evidence_due_at;
        self.amount_minor = amount_minor;
        self.reason = reason;
        self.network_reason = network_reason;
    }

    /// Whether it counts in the payment's open disputes.
    pub fn is_open(&self) -> bool {
        self.state.is(dispute::State::Opened)
    }

    /// Whether the bank has decided, and the money is where the decision puts it: withdrawn if it was lost, not
    /// withdrawn or back if not. An inquiry has moved no money.
    pub fn is_settled(&self, withdrawn: bool, reinstated: bool) -> bool {
        match *self.state {
            dispute::State::Opened => false,
            dispute::State::Lost => withdrawn,
            dispute::State::Inquiry | dispute::State::Closed | dispute::State::Won => {
                !withdrawn || reinstated
            }
        }
    }

    /// Whether the bank still takes evidence, as far as the time is concerned.
    pub fn is_past_due(&self, now: Timestamp) -> bool {
        self.evidence_due_at.is_some_and(|due| due <= now)
    }
}

/// What is submitted to the bank, as text. Missing parts are not submitted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceTexts {
    pub customer_name: Option<String>,
    pub customer_email: Option<String>,
    /// What was sold.
    pub product: Option<String>,
    /// The day of the service, at its place.
    pub service_date: Option<String>,
    /// What happened to the booking and its payment, line by line.
    pub timeline: Option<String>,
    /// The terms that the customer accepted, and how they were shown.
    pub terms: Option<String>,
    /// Why no refund was due.
    pub refund_refusal: Option<String>,
    /// Anything else: how the customer can be reached, the correspondence, the client's own statement.
    pub statement: Option<String>,
}

crate::row! {
    /// One submission of evidence for a dispute. The provider's idempotency keys are made from the id.
    DisputeEvidence in "dispute_evidence" as lock {
        key id: DisputeEvidenceId,
        fixed tenant: TenantId,
        fixed dispute: DisputeId,
        fixed texts: Json<EvidenceTexts>,
        guard state: CurrentState<dispute_evidence::State>,
        /// The number of the provider's idempotency key, from 0. A provider that keeps an error of its own
        /// under a key gets the next call under another one.
        moves key_number: i64,
        /// When it was first sent under its present key.
        moves sent_at: Option<Timestamp>,
        moves failure: Option<Json<Failure>>,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
    }
}
