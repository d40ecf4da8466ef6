//! The movements of a payment, against the ledger's transfers.
//!
//! Money of a contradiction is in suspense: its transfers and movements are not compared.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::FoundDifference;
use crate::money::{Currency, Money};
use crate::rows::{DifferenceKind, Movement, MovementKind, Payment};

/// A transfer of the ledger, with the amount that it moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostedTransfer {
    pub kind: String,
    pub movement: String,
    pub amount_minor: i64,
    pub currency: Currency,
}

/// Transfers of these kinds belong to a movement.
const OF_MOVEMENTS: [&str; 7] = [
    "payment.captured",
    "refund.succeeded",
    "refund.reversed",
    "payment.disputed",
    "payment.dispute_reversed",
    "payment.fee_charged",
    "payment.fee_returned",
];

/// The name that the movement's transfer has, as the message about it gave it. `None` for money in suspense.
fn transfer_name(movement: &Movement) -> Option<String> {
    let of_payment = |kind: &str| format!("{kind}/{}/{}", movement.payment, movement.object);
    let of_refund =
        |kind: &str| movement.refund.map_or_else(|| of_payment(kind), |refund| format!("{kind}/{refund}"));
    Some(match movement.kind {
        MovementKind::Capture => of_payment("payment.captured"),
        MovementKind::Refund => of_refund("refund.succeeded"),
        MovementKind::RefundReversal => of_refund("refund.reversed"),
        MovementKind::Dispute => of_payment("payment.disputed"),
        MovementKind::DisputeReversal => of_payment("payment.dispute_reversed"),
        MovementKind::ProviderFee => of_payment("payment.fee_charged"),
        MovementKind::ProviderFeeReversal => of_payment("payment.fee_returned"),
        MovementKind::SuspenseReturn | MovementKind::SuspenseReturnReversal => return None,
    })
}

/// What the ledger lacks, has too many of, or has with another amount. To be called only once every message
/// about the payment and its refunds was posted.
pub fn compare_ledger(
    payment: &Payment,
    movements: &[Movement],
    transfers: &[PostedTransfer],
) -> Vec<FoundDifference> {
    let belongs = |transfer: &&PostedTransfer| OF_MOVEMENTS.contains(&transfer.kind.as_str());
    let mut posted: BTreeMap<&str, &PostedTransfer> = BTreeMap::new();
    let mut found = Vec::new();
    let difference =
        |kind, object: String, here: Option<Money>, in_ledger: Option<Money>, detail: &str| FoundDifference {
            payment: Some(payment.id),
            here,
            in_ledger,
            ..FoundDifference::of(kind, object, detail.to_owned(), payment.created_at)
        };
    let money = |transfer: &PostedTransfer| Some(Money::new(transfer.amount_minor, transfer.currency));
    for transfer in transfers.iter().filter(belongs) {
        if posted.insert(&transfer.movement, transfer).is_some() {
            let why = "the movement is posted twice";
            let (object, in_ledger) = (transfer.movement.clone(), money(transfer));
            found.push(difference(DifferenceKind::LedgerExtraTransfer, object, None, in_ledger, why));
        }
    }
    for movement in movements {
        let Some(name) = transfer_name(movement) else { continue };
        let here = Money::new(movement.amount_minor, movement.currency);
        match posted.remove(name.as_str()) {
            None => {
                let why = "the movement is not posted";
                found.push(difference(DifferenceKind::LedgerLacksTransfer, name, Some(here), None, why));
            }
            Some(transfer) if money(transfer) != Some(here) => {
                let (why, in_ledger) = ("the movement is posted with another amount", money(transfer));
                found.push(difference(DifferenceKind::LedgerOtherAmount, name, Some(here), in_ledger, why));
            }
            Some(_) => {}
        }
    }
    for (name, transfer) in posted {
        let why = "no movement belongs to it";
        let in_ledger = money(transfer);
        found.push(difference(DifferenceKind::LedgerExtraTransfer, name.to_owned(), None, in_ledger, why));
    }
    found
}
