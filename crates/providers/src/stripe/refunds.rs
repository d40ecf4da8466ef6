//! Refunds, <https://docs.stripe.com/api/refunds>. One step only: a lost reply is resolved by the
//! same bytes under the same key, and after the key's retention by the list of the payment's
//! refunds.

use domain::provider::{CallOutcome, RefundObservation};
use serde::Deserialize;

use super::{client::StripeClient, currency, form::Form, key, never_sent, objects::Refund, order, outcome};
use crate::{ListedRefund, RefundOrder, exchange::segment};

/// What Stripe accepts as `reason`; any other reason is sent as metadata.
const REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];
const PAGE: usize = 100;
const PAGES_MAX: usize = 10;

fn create_form(refund: &RefundOrder) -> Option<Form> {
    let ours = [
        ("refund", Some(refund.refund.to_string())),
        ("operation", Some(refund.payment.to_string())),
        ("attempt", Some(refund.attempt.to_string())),
        ("reason", refund.reason.clone()),
    ];
    let reason = refund.reason.as_deref().filter(|reason| REASONS.contains(reason));
    let form = Form::new()
        .with("payment_intent", &refund.object)
        .with("amount", &currency::to_stripe(refund.amount)?.to_string())
        .with_some("reason", reason)
        .with_metadata(&ours, &std::collections::BTreeMap::new());
    Some(form)
}

pub async fn create(client: &StripeClient, refund: &RefundOrder) -> CallOutcome<RefundObservation> {
    let Some(form) = create_form(refund) else { return never_sent(order::NOT_REPRESENTABLE) };
    let key = key(refund.attempt, "refund", refund.key_number);
    outcome::refund(client.post("/v1/refunds", form, &key, &refund.object).await, None)
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Refund>,
    has_more: bool,
}

/// The list of one payment's refunds, which is up to date; never Stripe's search, which lags
/// behind.
pub async fn list(client: &StripeClient, object: &str) -> CallOutcome<Vec<ListedRefund>> {
    let mut after = String::new();
    let mut listed = Vec::new();
    for _ in 0..PAGES_MAX {
        let path = format!("/v1/refunds?payment_intent={}&limit={PAGE}{after}", segment(object));
        let page: Page = match outcome::list(client.get(&path, object).await) {
            Ok(page) => page,
            Err(CallOutcome::NotSent { error, retry_after_seconds, reached_provider }) => {
                // The pages before this one were fetched, so Stripe was called.
                let reached_provider = reached_provider || !after.is_empty();
                return CallOutcome::NotSent { error, retry_after_seconds, reached_provider };
            }
            Err(outcome) => return outcome,
        };
        let last = page.data.last().map(|last| format!("&starting_after={}", segment(last.id())));
        for shown in page.data {
            let refund = shown.refund();
            match shown.observe() {
                Ok(observation) => listed.push(ListedRefund { refund, observation }),
                Err(error) => return CallOutcome::Unknown { error, key_spent: false },
            }
        }
        match last {
            Some(last) if page.has_more => after = last,
            _ => return CallOutcome::Object(listed),
        }
    }
    let error = format!("the payment has more than {} refunds", PAGE * PAGES_MAX);
    CallOutcome::Unknown { error, key_spent: false }
}
