//! Transfers to connected accounts, <https://docs.stripe.com/api/transfers>. One step only: a lost
//! reply is resolved by the list of the booking's transfers, which carry our payout's id, or by the
//! same bytes under the same key.
//!
//! The money comes from the account's balance, and not from one charge (`source_transaction`),
//! because a booking may be paid by several charges. `transfer_group` is the booking's.

use domain::provider::{CallOutcome, TransferAnswer, TransferObservation};
use domain::rows::FailureCause;
use domain::{BookingId, PayoutId};
use serde::Deserialize;

use super::{
    client::StripeClient,
    currency::{self, from_stripe, parse_currency},
    form::Form,
    objects::{checked_id, clipped},
    outcome,
};
use crate::{ListedTransfer, TransferOrder, TransferReversalOrder, exchange::segment};

const PAGE: usize = 100;
const PAGES_MAX: usize = 10;
/// The metadata that carries our payout's id, and for a reversal its number.
const MARK: &str = "surehold_payout";
const REVERSAL_MARK: &str = "surehold_reversal";

fn group(booking: BookingId) -> String {
    format!("surehold_booking_{booking}")
}

fn key(payout: PayoutId, number: i64) -> String {
    match number {
        0 => format!("surehold-{payout}-transfer"),
        number => format!("surehold-{payout}-transfer-{number}"),
    }
}

fn create_form(order: &TransferOrder) -> Option<Form> {
    let ours = [
        (MARK, Some(order.payout.to_string())),
        ("booking", Some(order.booking.to_string())),
        ("beneficiary", Some(order.beneficiary.to_string())),
        ("tenant", Some(order.tenant.to_string())),
    ];
    let form = Form::new()
        .with("amount", &currency::to_stripe(order.amount)?.to_string())
        .with("currency", &order.amount.currency.code().to_ascii_lowercase())
        .with("destination", &order.destination)
        .with("transfer_group", &group(order.booking))
        .with_metadata(&ours, &std::collections::BTreeMap::new());
    Some(form)
}

pub async fn create(client: &StripeClient, order: &TransferOrder) -> CallOutcome<TransferAnswer> {
    let Some(form) = create_form(order) else {
        let code = super::order::NOT_REPRESENTABLE.to_owned();
        return CallOutcome::Refused { code, cause: FailureCause::NotSent, object: None };
    };
    let (key, subject) = (key(order.payout, order.key_number), order.payout.to_string());
    outcome::transfer(client.post("/v1/transfers", form, &key, &subject).await)
}

fn reversal_key(payout: PayoutId, reversal: i64, number: i64) -> String {
    match number {
        0 => format!("surehold-{payout}-reversal-{reversal}"),
        number => format!("surehold-{payout}-reversal-{reversal}-{number}"),
    }
}

/// <https://docs.stripe.com/api/transfer_reversals/create>
pub async fn reverse(client: &StripeClient, order: &TransferReversalOrder) -> CallOutcome<String> {
    let Some(amount) = currency::to_stripe(order.amount) else {
        let code = super::order::NOT_REPRESENTABLE.to_owned();
        return CallOutcome::Refused { code, cause: FailureCause::NotSent, object: None };
    };
    let form = Form::new()
        .with("amount", &amount.to_string())
        .with(&format!("metadata[{MARK}]"), &order.payout.to_string())
        .with(&format!("metadata[{REVERSAL_MARK}]"), &order.number.to_string());
    let path = format!("/v1/transfers/{}/reversals", segment(&order.object));
    let key = reversal_key(order.payout, order.number, order.key_number);
    let result = client.post(&path, form, &key, &order.object).await;
    outcome::object(result, |shown: StripeReversal| shown.checked(&order.object, amount))
}

#[derive(Deserialize)]
struct StripeReversal {
    id: String,
    object: String,
    transfer: String,
    amount: i64,
}

impl StripeReversal {
    fn checked(self, transfer: &str, amount: i64) -> Result<String, String> {
        if self.object != "transfer_reversal" || self.transfer != transfer {
            return Err(outcome::ANOTHER_OBJECT.to_owned());
        }
        if self.amount != amount {
            return Err("another amount was taken back".to_owned());
        }
        checked_id(self.id)
    }
}

pub async fn fetch(client: &StripeClient, object: &str) -> CallOutcome<TransferObservation> {
    let path = format!("/v1/transfers/{}", segment(object));
    outcome::fetched_transfer(client.get(&path, object).await, object)
}

#[derive(Deserialize)]
struct Page {
    data: Vec<StripeTransfer>,
    has_more: bool,
}

/// The list of one booking's transfers, which is up to date.
pub async fn list(client: &StripeClient, booking: BookingId) -> CallOutcome<Vec<ListedTransfer>> {
    let (group, subject) = (group(booking), booking.to_string());
    let mut after = String::new();
    let mut listed = Vec::new();
    for _ in 0..PAGES_MAX {
        let path = format!("/v1/transfers?transfer_group={}&limit={PAGE}{after}", segment(&group));
        let page: Page = match outcome::list(client.get(&path, &subject).await) {
            Ok(page) => page,
            Err(CallOutcome::NotSent { error, retry_after_seconds, reached_provider }) => {
                // The pages before this one were fetched, so Stripe was called.
                let reached_provider = reached_provider || !after.is_empty();
                return CallOutcome::NotSent { error, retry_after_seconds, reached_provider };
            }
            Err(outcome) => return outcome,
        };
        let last = page.data.last().map(|last| format!("&starting_after={}", segment(&last.id)));
        for shown in page.data {
            let payout = shown.payout();
            match shown.observe() {
                Ok(observation) => listed.push(ListedTransfer { payout, observation }),
                Err(error) => return CallOutcome::Unknown { error, key_spent: false },
            }
        }
        match last {
            Some(last) if page.has_more => after = last,
            _ => return CallOutcome::Object(listed),
        }
    }
    let error = format!("the booking has more than {} transfers", PAGE * PAGES_MAX);
    CallOutcome::Unknown { error, key_spent: false }
}

#[derive(Debug, Deserialize)]
pub struct StripeTransfer {
    id: String,
    object: String,
    amount: i64,
    amount_reversed: i64,
    currency: String,
    /// Unix seconds.
    created: Option<i64>,
    destination: Option<String>,
    metadata: Option<Metadata>,
    /// The newest ten.
    reversals: Option<Reversals>,
}

#[derive(Debug, Deserialize)]
struct Reversals {
    data: Vec<ListedReversal>,
}

#[derive(Debug, Deserialize)]
struct ListedReversal {
    metadata: Option<Metadata>,
}

impl ListedReversal {
    /// Its number, if we made it for this payout.
    fn number_of(&self, payout: PayoutId) -> Option<i64> {
        let ours = self.metadata.as_ref()?;
        let is_own = ours.surehold_payout.as_deref()?.parse().ok().map(PayoutId) == Some(payout);
        ours.surehold_reversal.as_deref()?.parse().ok().filter(|_| is_own)
    }
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    surehold_payout: Option<String>,
    surehold_reversal: Option<String>,
}

impl StripeTransfer {
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn created(&self) -> Option<i64> {
        self.created
    }

    pub fn payout(&self) -> Option<PayoutId> {
        self.metadata.as_ref()?.surehold_payout.as_deref()?.parse().ok().map(PayoutId)
    }

    pub fn observe(self) -> Result<TransferObservation, String> {
        if self.object != "transfer" {
            return Err(format!("expected a transfer and found a `{}`", clipped(&self.object)));
        }
        let reversals = self.reversals.iter().flat_map(|reversals| &reversals.data);
        let payout = self.payout();
        let own_reversals = reversals.filter_map(|one| one.number_of(payout?)).collect();
        let object = checked_id(self.id)?;
        let currency = parse_currency(&self.currency).ok_or("its currency is unknown")?;
        let amount = |minor| from_stripe(minor, currency).ok_or("its amount is not an amount");
        Ok(TransferObservation {
            object,
            amount_minor: amount(self.amount)?,
            currency,
            destination: self.destination.ok_or("it has no destination")?,
            reversed_minor: amount(self.amount_reversed)?,
            own_reversals,
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::{BeneficiaryId, Currency, Money, TenantId};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn order(minor: i64, currency: &str) -> TransferOrder {
        TransferOrder {
            payout: PayoutId(Uuid::from_u128(1)),
            key_number: 0,
            booking: BookingId(Uuid::from_u128(2)),
            beneficiary: BeneficiaryId(Uuid::from_u128(3)),
            tenant: TenantId(Uuid::from_u128(4)),
            amount: Money::new(minor, Currency::new(currency).unwrap()),
            destination: "acct_guide".to_owned(),
        }
    }

    #[test]
    fn the_same_order_is_the_same_bytes_under_the_same_key() {
        let form = create_form(&order(500, "EUR")).unwrap().into_body();
        assert_eq!(
            form,
            "amount=500&currency=eur&destination=acct_guide\
             &transfer_group=surehold_booking_00000000-0000-0000-0000-000000000002\
             &metadata[surehold_payout]=00000000-0000-0000-0000-000000000001\
             &metadata[booking]=00000000-0000-0000-0000-000000000002\
             &metadata[beneficiary]=00000000-0000-0000-0000-000000000003\
             &metadata[tenant]=00000000-0000-0000-0000-000000000004"
        );
        let payout = PayoutId(Uuid::from_u128(1));
        assert_eq!(key(payout, 0), "surehold-00000000-0000-0000-0000-000000000001-transfer");
        assert_eq!(key(payout, 2), "surehold-00000000-0000-0000-0000-000000000001-transfer-2");
    }

    #[test]
    fn a_reversal_is_about_its_transfer_and_its_amount() {
        let check = |name: &str, value: serde_json::Value, fine: bool| {
            let mut shown = json!({
                "id": "trr_1", "object": "transfer_reversal", "transfer": "tr_1", "amount": 500,
            });
            shown[name] = value;
            let read: StripeReversal = serde_json::from_value(shown).unwrap();
            assert_eq!(read.checked("tr_1", 500).is_ok(), fine, "{name}");
        };
        check("livemode", json!(false), true);
        check("object", json!("transfer"), false);
        check("transfer", json!("tr_2"), false);
        check("amount", json!(499), false);
        check("id", json!(""), false);
        let payout = PayoutId(Uuid::from_u128(1));
        assert_eq!(reversal_key(payout, 1, 0), "surehold-00000000-0000-0000-0000-000000000001-reversal-1");
        assert_eq!(reversal_key(payout, 1, 2), "surehold-00000000-0000-0000-0000-000000000001-reversal-1-2");
    }

    #[test]
    fn an_object_that_is_no_transfer_is_not_read_as_one() {
        let transfer = |name: &str, value: serde_json::Value| {
            let mut shown = json!({
                "id": "tr_1", "object": "transfer", "amount": 500, "amount_reversed": 100,
                "currency": "eur", "destination": "acct_guide",
                "metadata": { "surehold_payout": "00000000-0000-0000-0000-000000000001" },
            });
            shown[name] = value;
            serde_json::from_value::<StripeTransfer>(shown).map_err(|error| error.to_string())
        };
        let read = transfer("livemode", json!(false)).unwrap();
        assert_eq!(read.payout(), Some(PayoutId(Uuid::from_u128(1))));
        let seen = read.observe().unwrap();
        assert_eq!((seen.amount_minor, seen.reversed_minor), (500, 100));
        let marked = |payout: u128, reversal: &str| json!({ "metadata": { MARK: Uuid::from_u128(payout), REVERSAL_MARK: reversal } });
        let reversals = json!([marked(1, "2"), marked(7, "3"), marked(1, "x"), { "metadata": {} }, {}]);
        let seen = transfer("reversals", json!({ "data": reversals })).unwrap().observe().unwrap();
        assert_eq!(seen.own_reversals, [2], "of this payout, and with a number");
        for (name, value) in [
            ("object", json!("refund")),
            ("id", json!("")),
            ("currency", json!("x")),
            ("amount", json!(-1)),
            ("destination", json!(null)),
        ] {
            assert!(transfer(name, value).unwrap().observe().is_err(), "{name}");
        }
        assert_eq!(transfer("metadata", json!({ "surehold_payout": "x" })).unwrap().payout(), None);
    }
}
