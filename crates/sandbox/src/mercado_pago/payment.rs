//! A payment of Mercado Pago as the books store it, with its refunds, and how it changes.
//!
//! | status                        | `status_detail`              | the money                         |
//! |-------------------------------|------------------------------|-----------------------------------|
//! | `pending`                     | `pending_waiting_transfer`   | a Pix waits for its payer         |
//! | `in_process`                  | `pending_contingency`        | undecided                         |
//! | `authorized`                  | `pending_capture`            | reserved                          |
//! | `approved`                    | `accredited`                 | captured                          |
//! | `approved`                    | `partially_refunded`         | captured, a part is returned      |
//! | `refunded`                    | `refunded`                   | all of it is returned             |
//! | `rejected`                    | `cc_rejected_…`              | nothing moved                     |
//! | `cancelled`                   | `by_collector`, `expired`    | nothing moved, or it was released |
//! | `charged_back`                | `in_process`                 | withdrawn by the payer's bank     |
//! | `charged_back`                | `reimbursed`                 | withdrawn, and reinstated         |
//! | `charged_back`                | `settled`                    | withdrawn permanently             |

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{
    chargeback::{ChargeBack, ChargeBackDecision},
    order::{self, OrderIds},
    payment_request::PayerDetails,
    refusal::MercadoPagoRefusal,
    token::{self, LaterRefund, Outcome},
};
use crate::balance::Fees;

/// How long an authorisation can be captured in Brazil.
const CAPTURE_WINDOW_MS: i64 = 5 * 24 * 60 * 60 * 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MercadoPagoStatus {
    Pending,
    InProcess,
    Authorized,
    Approved,
    Refunded,
    Rejected,
    Cancelled,
    ChargedBack,
}

impl MercadoPagoStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProcess => "in_process",
            Self::Authorized => "authorized",
            Self::Approved => "approved",
            Self::Refunded => "refunded",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::ChargedBack => "charged_back",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MercadoPagoRefundStatus {
    Approved,
    InProcess,
    Rejected,
}

impl MercadoPagoRefundStatus {
    /// In the words of the books, which are the same for every provider.
    pub fn name_in_books(self) -> &'static str {
        match self {
            Self::Approved => "succeeded",
            Self::InProcess => "pending",
            Self::Rejected => "failed",
        }
    }
}

/// The later result of a refund, and its time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct RefundSettlement {
    pub at_ms: i64,
    pub result: LaterRefund,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredRefund {
    /// Digits.
    pub id: String,
    pub created_ms: i64,
    pub amount_minor: i64,
    pub status: MercadoPagoRefundStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement: Option<RefundSettlement>,
    /// The idempotency key of the call that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What a payment does by itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaterChange {
    Expires,
    /// The card decides.
    IsDecided {
        declined: bool,
    },
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct PaymentSettlement {
    pub at_ms: i64,
    pub change: LaterChange,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pix {
    pub qr_code: String,
    pub ticket_url: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredPayment {
    /// Digits.
    pub id: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub approved_ms: Option<i64>,
    pub expires_ms: Option<i64>,
    pub collector_id: u64,
    pub status: MercadoPagoStatus,
    pub detail: Cow<'static, str>,
    /// What the call asked for.
    pub requested_minor: i64,
    /// What was ever authorised.
    pub authorized_minor: i64,
    pub captured_minor: i64,
    /// Those of the account when the payment was made.
    #[serde(default)]
    pub fees: Fees,
    /// The call did not ask to authorise only.
    pub captures: bool,
    pub binary_mode: bool,
    /// The order that it was made by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderIds>,
    /// Made by its payer on a page.
    #[serde(default)]
    pub on_page: bool,
    pub method: String,
    pub installments: u32,
    pub payer: PayerDetails,
    /// Oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<StoredRefund>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_back: Option<ChargeBack>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement: Option<PaymentSettlement>,
    /// The name of the card token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pix: Option<Pix>,
    /// The idempotency key of the call that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// As it arrived: it may have amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_info: Option<Box<RawValue>>,
}

impl StoredPayment {
    /// The id that its caller knows.
    pub fn object(&self) -> &str {
        self.order.as_ref().map_or(&self.id, |order| &order.id)
    }

    /// The id of one of its refunds that its caller knows.
    pub fn refund_object<'a>(&self, id: &'a str) -> Cow<'a, str> {
        if self.order.is_some() { order::refund_id(id).into() } else { id.into() }
    }

    /// When it changes by itself, in Unix milliseconds.
    pub fn settles_at_ms(&self) -> Option<i64> {
        let refunds = self.refunds.iter().filter_map(|refund| refund.settlement);
        let own = self.settlement.iter().map(|settlement| settlement.at_ms);
        own.chain(refunds.map(|settlement| settlement.at_ms)).min()
    }

    /// Returned to the payer, or promised.
    pub fn refunded_minor(&self) -> i64 {
        self.sum_refunds(|refund| refund.status != MercadoPagoRefundStatus::Rejected)
    }

    /// Returned to the payer.
    pub fn returned_minor(&self) -> i64 {
        self.sum_refunds(|refund| refund.status == MercadoPagoRefundStatus::Approved)
    }

    fn sum_refunds(&self, counts: impl Fn(&StoredRefund) -> bool) -> i64 {
        self.refunds.iter().filter(|refund| counts(refund)).map(|refund| refund.amount_minor).sum()
    }

    /// Withdrawn by the payer's bank and not reinstated.
    pub fn disputed_minor(&self) -> i64 {
        self.charge_back.as_ref().filter(|found| !found.is_reimbursed()).map_or(0, |found| found.amount_minor)
    }

    pub fn refundable_minor(&self) -> i64 {
        self.captured_minor - self.refunded_minor() - self.disputed_minor()
    }

    /// It is not given back with a refund.
    pub fn fee_minor(&self) -> i64 {
        if self.captured_minor > 0 { self.fees.of_capture(self.captured_minor) } else { 0 }
    }

    /// The amount that the payment shows: after a capture of a part, that part.
    pub fn shown_minor(&self) -> i64 {
        if self.captured_minor > 0 { self.captured_minor } else { self.requested_minor }
    }

    /// Moves to a status in which nothing is left to happen by itself.
    fn enter(&mut self, status: MercadoPagoStatus, detail: impl Into<Cow<'static, str>>) {
        (self.status, self.detail, self.settlement) = (status, detail.into(), None);
    }

    /// The card decides, or a person does.
    pub fn decide(&mut self, outcome: Outcome, at_ms: i64) {
        match outcome {
            Outcome::Approved if self.captures => self.take(self.requested_minor, at_ms),
            Outcome::Approved => {
                self.authorized_minor = self.requested_minor;
                self.enter(MercadoPagoStatus::Authorized, "pending_capture");
                let expires_ms = at_ms + CAPTURE_WINDOW_MS;
                self.settlement = Some(PaymentSettlement { at_ms: expires_ms, change: LaterChange::Expires });
            }
            Outcome::Rejected(detail) => self.enter(MercadoPagoStatus::Rejected, detail),
            Outcome::InReview if self.binary_mode => self.enter(MercadoPagoStatus::Rejected, token::REJECTED),
            Outcome::InReview => self.enter(MercadoPagoStatus::InProcess, "pending_contingency"),
        }
    }

    fn take(&mut self, amount_minor: i64, at_ms: i64) {
        self.authorized_minor = self.requested_minor;
        self.captured_minor = amount_minor;
        self.approved_ms = Some(at_ms);
        self.enter(MercadoPagoStatus::Approved, "accredited");
    }

    /// Captures all of an authorisation, or a part, which releases the rest.
    pub fn capture(&mut self, amount_minor: Option<i64>, at_ms: i64) -> Result<(), MercadoPagoRefusal> {
        if self.status != MercadoPagoStatus::Authorized {
            return Err(MercadoPagoRefusal::wrong_state());
        }
        let amount_minor = amount_minor.unwrap_or(self.authorized_minor);
        if amount_minor > self.authorized_minor {
            return Err(MercadoPagoRefusal::bad_request("Invalid value for transaction_amount"));
        }
        self.take(amount_minor, at_ms);
        Ok(())
    }

    pub fn cancel(&mut self) -> Result<(), MercadoPagoRefusal> {
        if !matches!(
            self.status,
            MercadoPagoStatus::Pending | MercadoPagoStatus::InProcess | MercadoPagoStatus::Authorized
        ) {
            return Err(MercadoPagoRefusal::wrong_state());
        }
        self.enter(MercadoPagoStatus::Cancelled, "by_collector");
        Ok(())
    }

    pub fn expire(&mut self) -> Result<(), MercadoPagoRefusal> {
        if !matches!(self.status, MercadoPagoStatus::Pending | MercadoPagoStatus::Authorized) {
            return Err(MercadoPagoRefusal::wrong_state());
        }
        self.enter(MercadoPagoStatus::Cancelled, "expired");
        Ok(())
    }

    /// The payer pays a Pix.
    pub fn pay(&mut self, at_ms: i64) -> Result<(), MercadoPagoRefusal> {
        if self.status != MercadoPagoStatus::Pending {
            return Err(MercadoPagoRefusal::wrong_state());
        }
        self.take(self.requested_minor, at_ms);
        Ok(())
    }

    /// Checks a refund of an amount, or of all that is left, and returns its amount.
    pub fn check_refund(&self, amount_minor: Option<i64>) -> Result<i64, MercadoPagoRefusal> {
        let left = self.refundable_minor();
        if self.status != MercadoPagoStatus::Approved || left == 0 {
            return Err(MercadoPagoRefusal::wrong_state());
        }
        let amount_minor = amount_minor.unwrap_or(left);
        if amount_minor > left {
            return Err(MercadoPagoRefusal::bad_request("Invalid value for amount"));
        }
        Ok(amount_minor)
    }

    /// Shows what was returned, unless a bank has withdrawn the money since.
    pub fn show_returned(&mut self) {
        if self.status == MercadoPagoStatus::ChargedBack {
            return;
        }
        let returned = self.returned_minor();
        (self.status, self.detail) = match returned {
            0 => (MercadoPagoStatus::Approved, "accredited".into()),
            all if all == self.captured_minor => (MercadoPagoStatus::Refunded, "refunded".into()),
            _ => (MercadoPagoStatus::Approved, "partially_refunded".into()),
        };
    }

    /// The payer's bank withdraws all that is left. `id` is that of the chargeback.
    pub fn charge_back(&mut self, id: String, at_ms: i64) -> Result<(), MercadoPagoRefusal> {
        let left = self.refundable_minor();
        if self.status != MercadoPagoStatus::Approved || left == 0 {
            return Err(MercadoPagoRefusal::wrong_state());
        }
        self.charge_back =
            Some(ChargeBack { id, created_ms: at_ms, updated_ms: at_ms, amount_minor: left, decision: None });
        self.enter(MercadoPagoStatus::ChargedBack, "in_process");
        Ok(())
    }

    /// The bank decides on the chargeback: the account wins, and the money comes back, or it loses.
    pub fn decide_charge_back(
        &mut self,
        decision: ChargeBackDecision,
        at_ms: i64,
    ) -> Result<(), MercadoPagoRefusal> {
        let open = self.charge_back.as_mut().filter(|found| found.decision.is_none());
        let open = open.ok_or_else(MercadoPagoRefusal::wrong_state)?;
        (open.decision, open.updated_ms) = (Some(decision), at_ms);
        self.detail = match decision {
            ChargeBackDecision::Reimbursed => "reimbursed".into(),
            ChargeBackDecision::Settled => "settled".into(),
        };
        Ok(())
    }

    /// Applies what is due.
    pub fn settle(&mut self, now_ms: i64) {
        if let Some(PaymentSettlement { change, .. }) = self.settlement.filter(|due| due.at_ms <= now_ms) {
            self.settlement = None;
            match change {
                LaterChange::Expires => self.enter(MercadoPagoStatus::Cancelled, "expired"),
                LaterChange::IsDecided { declined: true } => {
                    self.decide(Outcome::Rejected(token::REJECTED), now_ms);
                }
                LaterChange::IsDecided { declined: false } => {
                    let token = self.token.as_deref().and_then(token::find);
                    let outcome = token.map_or(Outcome::Rejected(token::REJECTED), |token| token.outcome);
                    self.decide(outcome, now_ms);
                }
            }
        }
        let mut changed = false;
        for refund in &mut self.refunds {
            if let Some(due) = refund.settlement.filter(|due| due.at_ms <= now_ms) {
                refund.settlement = None;
                refund.status = match due.result {
                    LaterRefund::Approved => MercadoPagoRefundStatus::Approved,
                    LaterRefund::Rejected => MercadoPagoRefundStatus::Rejected,
                };
                changed = true;
            }
        }
        if changed {
            self.show_returned();
        }
    }
}
