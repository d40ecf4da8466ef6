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
use domain::time::Span;
use domain::{Money, Timestamp};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{
    client::StripeClient,
    currency::{from_stripe, parse_currency},
    objects::{PaymentIntent, Refund, checked_id},
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
    let (list, after) = page.unwrap_or(PAYMENTS).split_once('/').unwrap_or((page.unwrap_or(PAYMENTS), ""));
    match list {
        PAYMENTS => payments(client, from, before, after).await,
        REFUNDS => refunds(client, from, before, after).await,
        TRANSFERS => transfers(client, from, before, after).await,
        FEES => fees(client, from, before, after).await,
        _ => unknown("the page is of no list"),
    }
}

async fn payments(
    client: &StripeClient,
    from: Timestamp,
    before: Timestamp,
    after: &str,
) -> CallOutcome<ListedPage> {
    let Page { data, has_more }: Page<PaymentIntent> =
        match read(client, "/v1/payment_intents", "", (from, before), after).await {
            Ok(page) => page,
            Err(outcome) => return outcome,
        };
    let last = data.last().map(|intent| intent.id().to_owned());
    let mut payments = Vec::with_capacity(data.len());
    for intent in data {
        let (reference, created) = (intent.payment(), intent.created());
        match intent.observe() {
            Ok(observation) => payments.push(PaymentAtProvider {
                reference,
                observation,
                refunded_minor: None,
                created_at: instant(created, from),
            }),
            Err(reason) => return unknown(&reason),
        }
    }
    // After the last payment come the refunds.
    let next =
        last.filter(|_| has_more).map_or_else(|| REFUNDS.to_owned(), |last| format!("{PAYMENTS}/{last}"));
    CallOutcome::Object(ListedPage { payments, next: Some(next), ..ListedPage::default() })
}

async fn refunds(
    client: &StripeClient,
    from: Timestamp,
    before: Timestamp,
    after: &str,
) -> CallOutcome<ListedPage> {
    let Page { data, has_more }: Page<Refund> =
        match read(client, "/v1/refunds", "", (from, before), after).await {
            Ok(page) => page,
            Err(outcome) => return outcome,
        };
    let last = data.last().map(|refund| refund.id().to_owned());
    let mut refunds = Vec::with_capacity(data.len());
    for refund in data {
        let (reference, created) = (refund.refund(), refund.created());
        // A refund of a charge without a PaymentIntent is of no payment of ours.
        let Some(payment_object) = refund.payment_object().map(str::to_owned) else { continue };
        match refund.observe() {
            Ok(observation) => refunds.push(RefundAtProvider {
                reference,
                payment_object,
                observation,
                created_at: instant(created, from),
            }),
            Err(reason) => return unknown(&reason),
        }
    }
    let next =
        last.filter(|_| has_more).map_or_else(|| TRANSFERS.to_owned(), |last| format!("{REFUNDS}/{last}"));
    CallOutcome::Object(ListedPage { refunds, next: Some(next), ..ListedPage::default() })
}

async fn transfers(
    client: &StripeClient,
    from: Timestamp,
    before: Timestamp,
    after: &str,
) -> CallOutcome<ListedPage> {
    let Page { data, has_more }: Page<StripeTransfer> =
        match read(client, "/v1/transfers", "", (from, before), after).await {
            Ok(page) => page,
            Err(outcome) => return outcome,
        };
    let last = data.last().map(|transfer| transfer.id().to_owned());
    let mut transfers = Vec::with_capacity(data.len());
    for transfer in data {
        let (reference, created) = (transfer.payout(), transfer.created());
        match transfer.observe() {
            Ok(observation) => {
                let created_at = instant(created, from);
                transfers.push(TransferAtProvider { reference, observation, created_at });
            }
            Err(reason) => return unknown(&reason),
        }
    }
    let next =
        last.filter(|_| has_more).map_or_else(|| FEES.to_owned(), |last| format!("{TRANSFERS}/{last}"));
    CallOutcome::Object(ListedPage { transfers, next: Some(next), ..ListedPage::default() })
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

async fn fees(
    client: &StripeClient,
    from: Timestamp,
    before: Timestamp,
    after: &str,
) -> CallOutcome<ListedPage> {
    let page = read(client, "/v1/balance_transactions", "&expand[]=data.source", (from, before), after).await;
    let Page { data, has_more }: Page<BalanceTransaction> = match page {
        Ok(page) => page,
        Err(outcome) => return outcome,
    };
    let last = data.last().map(|transaction| transaction.id.clone());
    let mut fees = Vec::new();
    for transaction in data {
        match transaction.fee(from) {
            Ok(fee) => fees.extend(fee),
            Err(reason) => return unknown(&reason),
        }
    }
    let next = last.filter(|_| has_more).map(|last| format!("{FEES}/{last}"));
    CallOutcome::Object(ListedPage { fees, next, ..ListedPage::default() })
}

impl BalanceTransaction {
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
            created_at: instant(self.created, otherwise),
        }))
    }
}

async fn read<O: DeserializeOwned>(
    client: &StripeClient,
    list: &str,
    more: &str,
    (from, before): (Timestamp, Timestamp),
    after: &str,
) -> Result<Page<O>, CallOutcome<ListedPage>> {
    let (from, before) = (from.unix_seconds(), before.unix_seconds());
    let mut path = format!("{list}?created[gte]={from}&created[lt]={before}&limit={PAGE}{more}");
    if !after.is_empty() {
        path.push_str("&starting_after=");
        path.push_str(&segment(after));
    }
    // The circuit's subject is the list.
    outcome::list(client.get(&path, list).await)
}

/// Stripe shows the time of every object that it lists.
fn instant(created: Option<i64>, otherwise: Timestamp) -> Timestamp {
    created.map_or(otherwise, |seconds| Timestamp(0).plus(Span::seconds(seconds)))
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
