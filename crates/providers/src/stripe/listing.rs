//! The objects of an account by the time of their creation, list after list, each newest first:
//!
//! | list | shows |
//! |---|---|
//! | <https://docs.stripe.com/api/payment_intents/list> | payments |
//! | <https://docs.stripe.com/api/refunds/list> | refunds |
//! | <https://docs.stripe.com/api/transfers/list> | transfers |
//! | <https://docs.stripe.com/api/balance_transactions/list> | fees, of charges, refunds and disputes |
//!
//! Never Stripe's search, which lags behind. The cursor is the list and the last object of the page:
//! `payments/pi_1`, `transfers/tr_1`, or only the list. The fee of a capture may come some time after it: its
//! balance transaction is listed by its own time.

use domain::provider::{CallOutcome, FeeAtProvider, PaymentAtProvider, RefundAtProvider, TransferAtProvider};
use domain::{Money, Timestamp};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{
    client::StripeClient,
    currency::{from_stripe, parse_currency},
    objects::{PaymentIntent, Refund, checked_id, instant},
    outcome,
    transfers::StripeTransfer,
};
use crate::{ListedPage, exchange::segment};

/// Stripe allows 100. So many PaymentIntents with long metadata fit into the longest reply that is read.
const PAGE: usize = 50;
const PAYMENTS: &str = "payments";
const REFUNDS: &str = "refunds";
const TRANSFERS: &str = "transfers";
const FEES: &str = "fees";

#[derive(Deserialize)]
struct Page<O> {
    data: Vec<O>,
    has_more: bool,
}

/// The objects from the second of `from` up to, but without, that of `before`.
pub async fn page(
    client: &StripeClient,
    from: Timestamp,
    before: Timestamp,
    page: Option<&str>,
) -> CallOutcome<ListedPage> {
    let page = page.unwrap_or(PAYMENTS);
    let (list, after) = page.split_once('/').unwrap_or((page, ""));
    let place = Place { client, time: (from, before), list, after };
    let listed = match list {
        PAYMENTS => {
            place.read("/v1/payment_intents", "", Some(REFUNDS), PaymentIntent::id, add_payment).await
        }
        REFUNDS => place.read("/v1/refunds", "", Some(TRANSFERS), Refund::id, add_refund).await,
        TRANSFERS => place.read("/v1/transfers", "", Some(FEES), StripeTransfer::id, add_transfer).await,
        FEES => {
            let whole = "&expand[]=data.source";
            place.read("/v1/balance_transactions", whole, None, BalanceTransaction::id, add_fee).await
        }
        _ => return unknown("the page is of no list"),
    };
    listed.map_or_else(|outcome| outcome, CallOutcome::Object)
}

/// Where a page begins.
struct Place<'a> {
    client: &'a StripeClient,
    /// The end is not included.
    time: (Timestamp, Timestamp),
    list: &'a str,
    /// The last object of the page before; empty for the first page.
    after: &'a str,
}

/// Adds an object to a page. The time is that of an object without one. The error says why it cannot be read.
type AddObject<O> = fn(&mut ListedPage, O, Timestamp) -> Result<(), String>;

impl Place<'_> {
    /// The page, with the cursor of the next page of its list, or else of the list `then`.
    async fn read<O: DeserializeOwned>(
        &self,
        path: &str,
        more: &str,
        then: Option<&str>,
        id: fn(&O) -> &str,
        add: AddObject<O>,
    ) -> Result<ListedPage, CallOutcome<ListedPage>> {
        let Place { client, time: (from, before), list, after } = self;
        let (begin, end) = (from.unix_seconds(), before.unix_seconds());
        let mut address = format!("{path}?created[gte]={begin}&created[lt]={end}&limit={PAGE}{more}");
        if !after.is_empty() {
            address.push_str("&starting_after=");
            address.push_str(&segment(after));
        }
        // The circuit's subject is the list.
        let Page { data, has_more }: Page<O> = outcome::list(client.get(&address, path).await)?;
        let more = data.last().filter(|_| has_more).map(|last| format!("{list}/{}", id(last)));
        let next = more.or_else(|| then.map(str::to_owned));
        let mut listed = ListedPage { next, ..ListedPage::default() };
        for object in data {
            add(&mut listed, object, *from).map_err(|reason| unknown(&reason))?;
        }
        Ok(listed)
    }
}

fn add_payment(listed: &mut ListedPage, intent: PaymentIntent, otherwise: Timestamp) -> Result<(), String> {
    let (reference, created_at) = (intent.payment(), made_at(intent.created(), otherwise));
    let observation = intent.observe()?;
    listed.payments.push(PaymentAtProvider { reference, observation, refunded_minor: None, created_at });
    Ok(())
}

/// A refund of a charge without a PaymentIntent is of no payment of ours.
fn add_refund(listed: &mut ListedPage, refund: Refund, otherwise: Timestamp) -> Result<(), String> {
    let (reference, created_at) = (refund.refund(), made_at(refund.created(), otherwise));
    let Some(payment_object) = refund.payment_object().map(str::to_owned) else { return Ok(()) };
    let observation = refund.observe()?;
    listed.refunds.push(RefundAtProvider { reference, payment_object, observation, created_at });
    Ok(())
}

fn add_transfer(listed: &mut ListedPage, made: StripeTransfer, otherwise: Timestamp) -> Result<(), String> {
    let (reference, created_at) = (made.payout(), made_at(made.created(), otherwise));
    let observation = made.observe()?;
    listed.transfers.push(TransferAtProvider { reference, observation, created_at });
    Ok(())
}

fn add_fee(listed: &mut ListedPage, made: BalanceTransaction, otherwise: Timestamp) -> Result<(), String> {
    listed.fees.extend(made.fee(otherwise)?);
    Ok(())
}

/// What changed the account's balance. Its amount never changes.
#[derive(Deserialize)]
struct BalanceTransaction {
    id: String,
    fee: i64,
    currency: String,
    created: Option<i64>,
    source: Option<BalanceSource>,
}

/// The charge, refund or dispute. A payout has no PaymentIntent, and an id alone is of nothing that was expanded.
#[derive(Deserialize)]
#[serde(untagged)]
enum BalanceSource {
    Whole { payment_intent: Option<String> },
    Other(IgnoredAny),
}

impl BalanceTransaction {
    fn id(&self) -> &str {
        &self.id
    }

    /// The fee, if it is of a payment.
    fn fee(self, otherwise: Timestamp) -> Result<Option<FeeAtProvider>, String> {
        let Some(BalanceSource::Whole { payment_intent: Some(payment_object) }) = self.source else {
            return Ok(None);
        };
        if self.fee == 0 {
            return Ok(None);
        }
        let currency = parse_currency(&self.currency).ok_or("the currency of a fee is unknown")?;
        let minor = self.fee.checked_abs().and_then(|fee| from_stripe(fee, currency));
        let minor = minor.ok_or("a fee is not an amount")?;
        Ok(Some(FeeAtProvider {
            object: checked_id(self.id)?,
            payment_object,
            amount: Money::new(minor * self.fee.signum(), currency),
            created_at: made_at(self.created, otherwise),
        }))
    }
}

/// Stripe shows the time of every object that it lists.
fn made_at(created: Option<i64>, otherwise: Timestamp) -> Timestamp {
    created.map_or(otherwise, instant)
}

fn unknown(reason: &str) -> CallOutcome<ListedPage> {
    CallOutcome::Unknown { error: format!("a list cannot be read: {reason}"), key_spent: false }
}

#[cfg(test)]
mod tests {
    use domain::Currency;
    use serde_json::{Value, json};

    use super::*;

    fn fee(changes: &Value) -> Result<Option<FeeAtProvider>, String> {
        let mut shown = json!({
            "id": "txn_1", "object": "balance_transaction", "amount": 10_000, "fee": 320, "currency": "eur",
            "created": 1_700_000_000, "type": "charge",
            "source": {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"},
        });
        for (name, value) in changes.as_object().unwrap() {
            shown[name] = value.clone();
        }
        serde_json::from_value::<BalanceTransaction>(shown)
            .map_err(|error| error.to_string())?
            .fee(Timestamp(0))
    }

    #[test]
    fn a_fee_is_of_the_payment_whose_charge_refund_or_dispute_it_names() {
        let check = |changes: Value, expected: Option<(i64, Currency)>| {
            let found = fee(&changes).unwrap();
            let expected = expected.map(|(minor, currency)| FeeAtProvider {
                object: "txn_1".to_owned(),
                payment_object: "pi_1".to_owned(),
                amount: Money::new(minor, currency),
                created_at: Timestamp(1_700_000_000_000_000),
            });
            assert_eq!(found, expected, "{changes}");
        };
        check(json!({}), Some((320, Currency::EUR)));
        check(json!({"fee": -1_500, "type": "adjustment"}), Some((-1_500, Currency::EUR)));
        // The currency in which the account is paid out.
        check(json!({"currency": "usd"}), Some((320, Currency::USD)));
        check(json!({"currency": "jpy"}), Some((320, Currency::new("JPY").unwrap())));
        check(json!({"fee": 0}), None);
        // What is of no PaymentIntent, what was not expanded, and a fee of the account itself.
        check(json!({"source": {"id": "po_1", "object": "payout"}}), None);
        check(json!({"source": {"id": "ch_1", "object": "charge", "payment_intent": null}}), None);
        check(json!({"source": "ch_1"}), None);
        check(json!({"source": null, "type": "stripe_fee"}), None);
        for malformed in [
            json!({"fee": "3"}),
            json!({"fee": 1.5}),
            json!({"fee": i64::MIN}),
            json!({"currency": "e1"}),
            json!({"id": ""}),
        ] {
            assert!(fee(&malformed).is_err(), "{malformed}");
        }
    }
}
