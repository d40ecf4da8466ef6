//! What changed an account's balance, with the fees that the provider keeps,
//! <https://docs.stripe.com/api/balance_transactions>.
//!
//! | of | `type` | amount | fee |
//! |---|---|---|---|
//! | a captured charge | `charge`; `payment` if no card paid | what was captured | a part of it, and a fixed sum |
//! | a refund | `refund` | negative | none: the charge's is not given back |
//! | money that a dispute withdrew | `adjustment` | negative | that of a dispute |
//! | money that a dispute reinstated | `adjustment` | what came back | the dispute's again, if the account gets it back |
//! | a transfer | `transfer` | negative | none |
//!
//! The amounts are available at once. Refunds that failed, and transfers that were reversed, are not listed once
//! more.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    books::AccountBooks, charge::Charge, dispute::DisputeMovement, refund::Refund, transfer::StripeTransfer,
};

const BASIS_POINTS: i64 = 10_000;

/// What the provider keeps of an account's payments, in the smallest unit of each currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fees {
    /// The part of the captured amount.
    pub basis_points: i64,
    pub fixed_minor: i64,
    pub dispute_minor: i64,
    /// A dispute that is won costs nothing.
    pub returns_dispute_fee: bool,
}

impl Fees {
    pub fn check(&self) -> Result<(), String> {
        let shares = (0..=BASIS_POINTS).contains(&self.basis_points);
        if shares && self.fixed_minor >= 0 && self.dispute_minor >= 0 {
            return Ok(());
        }
        Err(format!("fees must not be negative, and basis_points be at most {BASIS_POINTS}"))
    }

    /// At most the whole amount; halves are rounded up.
    pub fn of_capture(&self, captured_minor: i64) -> i64 {
        let share = (captured_minor * self.basis_points + BASIS_POINTS / 2) / BASIS_POINTS;
        (share + self.fixed_minor).min(captured_minor)
    }

    pub fn of_dispute(&self, moved_minor: i64) -> i64 {
        match moved_minor {
            ..0 => self.dispute_minor,
            _ if self.returns_dispute_fee => -self.dispute_minor,
            _ => 0,
        }
    }
}

/// The entry that a capture makes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CaptureEntry {
    pub transaction: String,
    /// Unix seconds.
    pub at: i64,
    pub fee: i64,
}

pub struct BalanceTransaction<'a> {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    pub amount: i64,
    pub fee: i64,
    pub currency: &'a str,
    pub source: &'a str,
    pub kind: &'static str,
    pub category: &'static str,
    pub description: Option<String>,
}

impl BalanceTransaction<'_> {
    /// The members and their order follow the SDK's `BalanceTransaction`.
    pub fn view(&self) -> Value {
        let details = match self.fee {
            0 => json!([]),
            fee => json!([{
                "amount": fee, "application": null, "currency": self.currency,
                "description": "Stripe processing fees", "type": "stripe_fee",
            }]),
        };
        json!({
            "id": self.id, "object": "balance_transaction", "amount": self.amount, "available_on": self.created,
            "balance_type": "payments", "created": self.created, "currency": self.currency,
            "description": self.description, "exchange_rate": null, "fee": self.fee, "fee_details": details,
            "net": self.amount - self.fee, "reporting_category": self.category, "source": self.source,
            "status": "available", "type": self.kind,
        })
    }

    fn of_charge(charge: &Charge) -> Option<BalanceTransaction<'_>> {
        let entry = charge.capture.as_ref()?;
        Some(BalanceTransaction {
            id: entry.transaction.clone(),
            created: entry.at,
            amount: charge.captured_minor,
            fee: entry.fee,
            currency: &charge.currency,
            source: &charge.id,
            kind: if charge.card.0.is_pix() || charge.card.0.is_boleto() { "payment" } else { "charge" },
            category: "charge",
            description: charge.description.clone(),
        })
    }

    fn of_refund(refund: &Refund) -> BalanceTransaction<'_> {
        BalanceTransaction {
            id: refund.id.replacen("re_", "txn_", 1),
            created: refund.created,
            amount: -refund.amount,
            fee: 0,
            currency: &refund.currency,
            source: &refund.id,
            kind: "refund",
            category: "refund",
            description: Some("REFUND FOR CHARGE".to_owned()),
        }
    }

    pub fn of_movement<'a>(
        movement: &DisputeMovement,
        dispute: &'a str,
        charge: &str,
        currency: &'a str,
    ) -> BalanceTransaction<'a> {
        let (description, category) = if movement.amount < 0 {
            (format!("Chargeback withdrawal for {charge}"), "dispute")
        } else {
            (format!("Chargeback reversal for {charge}"), "dispute_reversal")
        };
        BalanceTransaction {
            id: movement.id.clone(),
            created: movement.created,
            amount: movement.amount,
            fee: movement.fee,
            currency,
            source: dispute,
            kind: "adjustment",
            category,
            description: Some(description),
        }
    }

    fn of_transfer(transfer: &StripeTransfer) -> BalanceTransaction<'_> {
        BalanceTransaction {
            id: transfer.id.replacen("tr_", "txn_", 1),
            created: transfer.created,
            amount: -transfer.amount,
            fee: 0,
            currency: &transfer.currency,
            source: &transfer.id,
            kind: "transfer",
            category: "transfer",
            description: transfer.description.clone(),
        }
    }
}

/// All of an account, oldest first.
pub fn transactions(held: &AccountBooks) -> Vec<BalanceTransaction<'_>> {
    let charges = held.charges.values().filter_map(BalanceTransaction::of_charge);
    let refunds = held.refunds.values().map(BalanceTransaction::of_refund);
    let transfers = held.transfers.values().map(BalanceTransaction::of_transfer);
    let movements = held.disputes.values().flat_map(|dispute| {
        let of = |movement| {
            BalanceTransaction::of_movement(movement, &dispute.id, &dispute.charge, &dispute.currency)
        };
        dispute.movements.iter().map(of)
    });
    let mut all: Vec<BalanceTransaction<'_>> =
        charges.chain(refunds).chain(transfers).chain(movements).collect();
    // Their numbers grow with their age.
    all.sort_by(|one, other| one.id.cmp(&other.id));
    all
}

/// The fees of one charge, with those of its dispute.
pub fn fees_of(held: &AccountBooks, charge: &Charge) -> i64 {
    let dispute = charge.dispute.as_ref().and_then(|id| held.disputes.get(id));
    let disputed: i64 = dispute.map_or(0, |dispute| dispute.movements.iter().map(|moved| moved.fee).sum());
    charge.capture.as_ref().map_or(0, |entry| entry.fee) + disputed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_a_part_and_a_fixed_sum_of_what_was_captured() {
        let fees =
            Fees { basis_points: 290, fixed_minor: 30, dispute_minor: 1_500, returns_dispute_fee: true };
        assert_eq!(fees.of_capture(10_000), 320);
        assert_eq!(fees.of_capture(50), 31, "1.45 is rounded down");
        assert_eq!(fees.of_capture(52), 32, "1.508 is rounded up");
        assert_eq!(fees.of_capture(10), 10, "no more than the amount");
        assert_eq!((fees.of_dispute(-700), fees.of_dispute(700)), (1_500, -1_500));
        assert_eq!(Fees { returns_dispute_fee: false, ..fees }.of_dispute(700), 0);
        assert!(fees.check().is_ok());
        assert!(Fees { basis_points: 10_001, ..fees }.check().is_err());
        assert!(Fees { fixed_minor: -1, ..fees }.check().is_err());
    }
}
