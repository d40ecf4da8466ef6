//! The payments, refunds and transfers of an account by the time of their creation,
//! <https://docs.stripe.com/api/payment_intents/list>, <https://docs.stripe.com/api/refunds/list> and
//! <https://docs.stripe.com/api/transfers/list>: in this order, each newest first. Never Stripe's search, which
//! lags behind.
//!
//! The cursor is the list and the last object of the page: `payments/pi_1`, `transfers/tr_1`, or only the list.

use domain::Timestamp;
use domain::provider::{CallOutcome, PaymentAtProvider, RefundAtProvider, TransferAtProvider};
use domain::time::Span;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{
    client::StripeClient,
    objects::{PaymentIntent, Refund},
    outcome,
    transfers::StripeTransfer,
};
use crate::{ListedPage, exchange::segment};

/// Stripe allows 100. So many PaymentIntents with long metadata fit into the longest reply that is read.
const PAGE: usize = 50;
const PAYMENTS: &str = "payments";
const REFUNDS: &str = "refunds";
const TRANSFERS: &str = "transfers";

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
        match read(client, "/v1/payment_intents", from, before, after).await {
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
    let Page { data, has_more }: Page<Refund> = match read(client, "/v1/refunds", from, before, after).await {
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
        match read(client, "/v1/transfers", from, before, after).await {
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
    let next = last.filter(|_| has_more).map(|last| format!("{TRANSFERS}/{last}"));
    CallOutcome::Object(ListedPage { transfers, next, ..ListedPage::default() })
}

async fn read<O: DeserializeOwned>(
    client: &StripeClient,
    list: &str,
    from: Timestamp,
    before: Timestamp,
    after: &str,
) -> Result<Page<O>, CallOutcome<ListedPage>> {
    let (from, before) = (from.unix_seconds(), before.unix_seconds());
    let mut path = format!("{list}?created[gte]={from}&created[lt]={before}&limit={PAGE}");
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
