//! The ledger's rules: which messages move money, and between which accounts.
//!
//! | message | debit | credit |
//! |---|---|---|
//! | `payment.captured` | `provider/...` | `deferred_revenue`, or `sales` without a booking |
//! | `refund.succeeded` | `deferred_revenue`, or `sales`; `refunds` once the revenue is recognized, and `taxes_payable` for the tax in it | `provider/...` |
//! | `refund.reversed` | `provider/...` | the same |
//! | `payment.disputed` | `disputes` | `provider/...` |
//! | `payment.dispute_reversed` | `provider/...` | `disputes` |
//! | `payment.contradicted` | `provider/...` | `suspense` |
//! | `refund.contradicted` | `suspense` | `provider/...` |
//! | `payment.fee_charged` | `provider_fees` | `provider/...` |
//! | `payment.fee_returned` | `provider/...` | `provider_fees` |
//! | `booking.recognized` | `deferred_revenue` | `revenue`, and `taxes_payable` for its tax |
//! | `booking.released` | `revenue` | `platform_fees`, and `payable/...` for each share |
//! | `payout.paid` | `payable/...` | `provider/...`, or `bank` if a person paid it |
//! | `payout.returned` | `provider/...`, or `bank` | `payable/...` |
//!
//! The money of a booking is `deferred_revenue` until its service was delivered, and `revenue` then, except the
//! taxes in it, which are owed to the state (`taxes_payable`; [`crate::tax`] says how much). A
//! beneficiary's share is owed to it (`payable/<beneficiary>`) from the release until the payout.
//! Debits are positive. `provider/<name>/<account>` is what the provider holds for the tenant. Every
//! entry sums to zero, and its id is hashed from the movement, so a movement is posted once.
//! `docs/operations.md` lists the accounts.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use serde::Deserialize;
use uuid::Uuid;

use crate::ids::{TenantId, TransferId};
use crate::money::{Currency, Money};
use crate::rows::Message;

/// One side of an entry; debits are positive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLeg {
    pub account: String,
    pub amount_minor: i64,
}

/// A balanced transfer that is not written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    pub movement: String,
    pub currency: Currency,
    pub legs: Vec<LedgerLeg>,
}

impl LedgerEntry {
    pub fn id(&self, tenant: TenantId) -> TransferId {
        TransferId::of(tenant, &self.movement)
    }
}

/// The kinds of messages that are posted.
pub const POSTED: [&str; 13] = [
    "payment.captured",
    "payment.disputed",
    "payment.dispute_reversed",
    "payment.fee_charged",
    "payment.fee_returned",
    "refund.succeeded",
    "refund.reversed",
    "payment.contradicted",
    "refund.contradicted",
    "booking.recognized",
    "booking.released",
    "payout.paid",
    "payout.returned",
];

/// What a movement has in the payload of its message.
#[derive(Deserialize)]
struct Moved {
    movement: String,
    moved: Money,
}

/// A movement at a provider.
#[derive(Deserialize)]
struct MovedAtProvider {
    provider: String,
    account_id: Uuid,
    booking_id: Option<Uuid>,
    /// The revenue of the booking was recognized before.
    #[serde(default)]
    recognized: bool,
    /// The part that was recognized as tax.
    #[serde(default)]
    tax_minor: i64,
}

#[derive(Deserialize)]
struct Recognized {
    /// The part that is owed to the state.
    #[serde(default)]
    tax_minor: i64,
}

/// The division of a booking's funds.
#[derive(Deserialize)]
struct Divided {
    platform_minor: i64,
    shares: Vec<SharePart>,
}

#[derive(Deserialize)]
struct SharePart {
    beneficiary_id: Uuid,
    minor: i64,
}

#[derive(Deserialize)]
struct PaidOut {
    beneficiary_id: Uuid,
    method: String,
    account_id: Option<Uuid>,
    provider: Option<String>,
}

/// A message that moves money and has no readable amount. It must become visible, never be skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the payload cannot be read: {}", self.why)
    }
}

impl core::error::Error for Unreadable {}

/// The account of what is owed to a beneficiary.
pub fn payable(beneficiary: Uuid) -> String {
    format!("payable/{beneficiary}")
}

/// The transfer of a message. `None` if it moves no money.
pub fn entry(message: &Message) -> Result<Option<LedgerEntry>, Unreadable> {
    if !POSTED.contains(&message.kind.as_str()) {
        return Ok(None);
    }
    let Moved { movement, moved } = read(message)?;
    let minor = moved.minor;
    let legs = match message.kind.as_str() {
        "booking.recognized" => {
            let Recognized { tax_minor } = read(message)?;
            let income = income("revenue", minor, tax_minor)?;
            transfer(alloc::vec![("deferred_revenue".to_owned(), minor)], income)
        }
        "booking.released" => divided(&read(message)?, minor)?,
        "payout.paid" => {
            let (payable, paid_from) = paid_out(read(message)?)?;
            between(payable, paid_from, minor)
        }
        "payout.returned" => {
            let (payable, paid_from) = paid_out(read(message)?)?;
            between(paid_from, payable, minor)
        }
        kind => at_provider(kind, read(message)?, minor)?,
    };
    Ok(Some(LedgerEntry { movement, currency: moved.currency, legs }))
}

fn read<'m, P: Deserialize<'m>>(message: &'m Message) -> Result<P, Unreadable> {
    serde_json::from_str(&message.payload).map_err(|why| Unreadable { why: why.to_string() })
}

fn between(debit: String, credit: String, minor: i64) -> Vec<LedgerLeg> {
    transfer(alloc::vec![(debit, minor)], alloc::vec![(credit, minor)])
}

fn transfer(debits: Vec<(String, i64)>, credits: Vec<(String, i64)>) -> Vec<LedgerLeg> {
    let debits = debits.into_iter();
    let credits = credits.into_iter().map(|(account, minor)| (account, -minor));
    debits.chain(credits).map(|(account, amount_minor)| LedgerLeg { account, amount_minor }).collect()
}

/// An amount of an account of income, without the tax in it, and the tax.
fn income(account: &str, minor: i64, tax_minor: i64) -> Result<Vec<(String, i64)>, Unreadable> {
    if !(0..=minor).contains(&tax_minor) {
        return Err(Unreadable { why: format!("a tax of {tax_minor} in {minor}") });
    }
    let is_revenue = fault_injection::is(fault_injection::InjectedFault::TaxKeptAsRevenue);
    let tax_minor = if is_revenue { 0 } else { tax_minor };
    let parts = [(account.to_owned(), minor - tax_minor), ("taxes_payable".to_owned(), tax_minor)];
    // An account that nothing goes to is not posted to.
    Ok(parts.into_iter().filter(|(_, part)| *part != 0).collect())
}

fn at_provider(kind: &str, moved: MovedAtProvider, minor: i64) -> Result<Vec<LedgerLeg>, Unreadable> {
    let provider = format!("provider/{}/{}", moved.provider, moved.account_id);
    let of_income = || match (moved.booking_id, moved.recognized) {
        (None, _) => income("sales", minor, 0),
        (Some(_), false) => income("deferred_revenue", minor, 0),
        (Some(_), true) => income("refunds", minor, moved.tax_minor),
    };
    let provider = alloc::vec![(provider, minor)];
    let other = |account: &str| alloc::vec![(account.to_owned(), minor)];
    let (debits, credits) = match kind {
        "refund.succeeded" => (of_income()?, provider),
        "payment.disputed" => (other("disputes"), provider),
        "payment.dispute_reversed" => (provider, other("disputes")),
        "payment.fee_charged" => (other("provider_fees"), provider),
        "payment.fee_returned" => (provider, other("provider_fees")),
        "payment.contradicted" => (provider, other("suspense")),
        "refund.contradicted" => (other("suspense"), provider),
        _ => (provider, of_income()?),
    };
    Ok(transfer(debits, credits))
}

fn divided(parts: &Divided, minor: i64) -> Result<Vec<LedgerLeg>, Unreadable> {
    let shares = parts.shares.iter().map(|share| (payable(share.beneficiary_id), share.minor));
    let platform = ("platform_fees".to_owned(), parts.platform_minor);
    let credits = core::iter::once(platform).chain(shares).filter(|(_, part)| *part != 0);
    let mut legs = alloc::vec![LedgerLeg { account: "revenue".to_owned(), amount_minor: minor }];
    legs.extend(credits.map(|(account, part)| LedgerLeg { account, amount_minor: -part }));
    match legs.iter().map(|leg| leg.amount_minor).sum::<i64>() {
        0 => Ok(legs),
        rest => Err(Unreadable { why: format!("its parts leave {rest}") }),
    }
}

/// What is owed to the beneficiary, and the account that it is paid from.
fn paid_out(paid: PaidOut) -> Result<(String, String), Unreadable> {
    let paid_from = match (paid.method.as_str(), paid.provider, paid.account_id) {
        ("manual", _, _) => "bank".to_owned(),
        (_, Some(provider), Some(account)) => format!("provider/{provider}/{account}"),
        _ => return Err(Unreadable { why: "a transfer without an account".to_owned() }),
    };
    Ok((payable(paid.beneficiary_id), paid_from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;
    use crate::rows::Subject;
    use crate::time::Timestamp;
    use alloc::vec;

    fn message(kind: &str, booking: Option<Uuid>) -> Message {
        let payload = serde_json::json!({
            "movement": format!("{kind}/1"),
            "moved": Money::new(500, Currency::EUR),
            "provider": "stripe",
            "account_id": Uuid::nil(),
            "booking_id": booking,
            "state": "captured",
        });
        Message {
            id: MessageId(Uuid::nil()),
            tenant: TenantId(Uuid::nil()),
            subject_kind: Subject::Payment,
            subject: Uuid::nil(),
            seq: 1,
            kind: kind.to_owned(),
            payload: payload.to_string(),
            created_at: Timestamp(0),
            partition: 0,
            position: None,
            published: 0,
            published_at: None,
            received_at: None,
        }
    }

    #[test]
    fn each_movement_debits_one_account_and_credits_another() {
        let provider = format!("provider/stripe/{}", Uuid::nil());
        let check = |kind: &str, booking: Option<Uuid>, debit: &str, credit: &str| {
            let entry = entry(&message(kind, booking)).unwrap().unwrap();
            let leg = |account: &str, amount_minor| LedgerLeg { account: account.to_owned(), amount_minor };
            assert_eq!(entry.legs, vec![leg(debit, 500), leg(credit, -500)], "{kind}");
            assert_eq!((entry.movement, entry.currency), (format!("{kind}/1"), Currency::EUR));
        };
        let booking = Some(Uuid::max());
        check("payment.captured", booking, &provider, "deferred_revenue");
        check("payment.captured", None, &provider, "sales");
        check("refund.succeeded", booking, "deferred_revenue", &provider);
        check("refund.succeeded", None, "sales", &provider);
        check("refund.reversed", booking, &provider, "deferred_revenue");
        check("payment.disputed", booking, "disputes", &provider);
        check("payment.dispute_reversed", booking, &provider, "disputes");
        check("payment.fee_charged", booking, "provider_fees", &provider);
        check("payment.fee_returned", None, &provider, "provider_fees");
        check("payment.contradicted", booking, &provider, "suspense");
        check("refund.contradicted", booking, "suspense", &provider);
        check("booking.recognized", booking, "deferred_revenue", "revenue");
    }

    fn with(kind: &str, members: serde_json::Value) -> Message {
        let message = message(kind, Some(Uuid::max()));
        let mut payload: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&message.payload).unwrap();
        payload.extend(members.as_object().unwrap().clone());
        Message { payload: serde_json::Value::from(payload).to_string(), ..message }
    }

    fn legs(message: &Message) -> Vec<(String, i64)> {
        let legs = entry(message).unwrap().unwrap().legs;
        legs.into_iter().map(|leg| (leg.account, leg.amount_minor)).collect()
    }

    #[test]
    fn a_release_credits_each_party_and_a_payout_pays_what_is_owed() {
        let guide = Uuid::from_u128(7);
        let parts = |platform: i64, minor: i64| {
            let shares = serde_json::json!([{ "beneficiary_id": guide, "minor": minor }]);
            with("booking.released", serde_json::json!({ "platform_minor": platform, "shares": shares }))
        };
        let owed = payable(guide);
        assert_eq!(
            legs(&parts(100, 400)),
            [("revenue".to_owned(), 500), ("platform_fees".to_owned(), -100), (owed.clone(), -400)]
        );
        assert_eq!(legs(&parts(0, 500)), [("revenue".to_owned(), 500), (owed.clone(), -500)]);
        assert!(entry(&parts(100, 401)).is_err(), "the parts exceed the whole");
        let paid = |kind: &str, method: &str| {
            with(kind, serde_json::json!({ "beneficiary_id": guide, "method": method }))
        };
        let provider = format!("provider/stripe/{}", Uuid::nil());
        assert_eq!(legs(&paid("payout.paid", "transfer")), [(owed.clone(), 500), (provider.clone(), -500)]);
        assert_eq!(legs(&paid("payout.paid", "manual")), [(owed.clone(), 500), ("bank".to_owned(), -500)]);
        assert_eq!(legs(&paid("payout.returned", "transfer")), [(provider, 500), (owed, -500)]);
    }

    #[test]
    fn a_refund_after_the_recognition_reduces_the_revenue() {
        let refund = |kind: &str| with(kind, serde_json::json!({ "recognized": true }));
        let provider = format!("provider/stripe/{}", Uuid::nil());
        assert_eq!(
            legs(&refund("refund.succeeded")),
            [("refunds".to_owned(), 500), (provider.clone(), -500)]
        );
        assert_eq!(legs(&refund("refund.reversed")), [(provider, 500), ("refunds".to_owned(), -500)]);
    }

    #[test]
    fn the_tax_of_recognized_money_is_owed_and_leaves_with_a_refund() {
        let taxed =
            |kind: &str, tax: i64| with(kind, serde_json::json!({ "recognized": true, "tax_minor": tax }));
        let leg = |account: &str, minor: i64| (account.to_owned(), minor);
        let provider = format!("provider/stripe/{}", Uuid::nil());
        assert_eq!(
            legs(&taxed("booking.recognized", 83)),
            [leg("deferred_revenue", 500), leg("revenue", -417), leg("taxes_payable", -83)]
        );
        assert_eq!(
            legs(&taxed("refund.succeeded", 83)),
            [leg("refunds", 417), leg("taxes_payable", 83), leg(&provider, -500)]
        );
        assert_eq!(
            legs(&taxed("refund.reversed", 500)),
            [leg(&provider, 500), leg("taxes_payable", -500)],
            "all of it is tax"
        );
        for more in [-1, 501] {
            assert!(entry(&taxed("booking.recognized", more)).is_err(), "a tax of {more} in 500");
        }
    }

    #[test]
    fn what_moves_no_money_is_not_posted() {
        for kind in
            ["payment.authorized", "payment.failed", "refund.pending", "refund.failed", "booking.held"]
        {
            assert_eq!(entry(&message(kind, None)), Ok(None), "{kind}");
        }
    }

    #[test]
    fn what_moves_money_and_cannot_be_read_is_an_error() {
        for payload in ["", "{}", "null", r#"{"movement": "m", "moved": {"minor": 1.5, "currency": "EUR"}}"#]
        {
            for kind in POSTED {
                let poison = Message { payload: payload.to_owned(), ..message(kind, None) };
                assert!(entry(&poison).is_err(), "{kind}: {payload}");
            }
            let harmless = Message { payload: payload.to_owned(), ..message("booking.held", None) };
            assert_eq!(entry(&harmless), Ok(None));
        }
    }

    #[test]
    fn a_movement_has_one_transfer_a_tenant() {
        let entry = entry(&message("payment.captured", None)).unwrap().unwrap();
        let [one, other] = [TenantId(Uuid::nil()), TenantId(Uuid::max())];
        assert_eq!(entry.id(one), entry.id(one));
        assert_ne!(entry.id(one), entry.id(other));
    }
}
