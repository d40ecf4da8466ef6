//! Judges a deployment of somebody else, whose provider's books are unknown, by its payments and
//! its ledger over the API.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::effects::Effects;
use super::operation_history::OperationHistory;
use crate::methods::STRIPE;
use crate::operation_request::ExpectedEffect;
use crate::retrying_client::RetryingClient;
use crate::{Deployment, Error, ScenarioContext};
use check::money;

const PAGE_ROWS: usize = 200;
/// Pages of the ledger, newest first: far more than a run posts.
const PAGES_MAX: usize = 1_000;
/// The time for the relay to bring all commits into the ledger.
const CAUGHT_UP_WITHIN: Duration = Duration::from_mins(1);
const POLL_EVERY: Duration = Duration::from_millis(200);

/// Each accepted charge must be one payment of that amount, and each payment one transfer in the
/// ledger.
pub(super) async fn judge(
    context: &ScenarioContext,
    deployment: &Deployment,
    history: &OperationHistory,
) -> Result<Effects, Error> {
    context.findings.note(
        "the provider's books were not given (--books): judged by the journal, and by the payments and the \
         ledger that the deployment shows of itself",
    );
    let mut caller = context.caller(&deployment.target, 0);
    let mut effects = Effects::default();
    let mut captured: BTreeMap<String, i64> = BTreeMap::new();
    for operation in history.operations.values() {
        let ExpectedEffect::Charge { minor, .. } = operation.wants else { continue };
        let path = format!("/v1/payments?idempotency_key={}&limit=10", operation.key);
        let payments = caller.get(&path, None).await?;
        let payments = payments["data"].as_array().cloned().unwrap_or_default();
        let took = |payment: &&Value| payment["captured"]["minor"].as_i64().unwrap_or(0) > 0;
        let made: Vec<&Value> = payments.iter().filter(took).collect();
        let wanted = usize::from(operation.is_done());
        effects.operations += wanted as u64;
        effects.applied += made.len().min(wanted) as u64;
        effects.duplicates += made.len().saturating_sub(1) as u64;
        let exact = made.iter().all(|payment| payment["captured"]["minor"] == minor);
        context.findings.always("effects_equal_operations", made.len() == wanted && exact, || {
            format!("{}: {} payments took money: {made:?}", operation.summary(), made.len())
        });
        let ids = made.iter().filter_map(|payment| payment["id"].as_str());
        captured.extend(ids.map(|id| (id.to_owned(), minor)));
    }
    ledger(context, &mut caller, &captured).await?;
    Ok(effects)
}

/// Waits until the ledger has caught up, or the time is over, and compares it with the payments.
async fn ledger(
    context: &ScenarioContext,
    caller: &mut RetryingClient,
    captured: &BTreeMap<String, i64>,
) -> Result<(), Error> {
    let begun = Instant::now();
    let mut posted = posted(caller, captured).await?;
    while posted.len() < captured.len() && begun.elapsed() < CAUGHT_UP_WITHIN {
        tokio::time::sleep(POLL_EVERY).await;
        posted = self::posted(caller, captured).await?;
    }
    for (payment, minor) in captured {
        let sums = posted.get(payment).map_or(&[][..], Vec::as_slice);
        context.findings.always("effects_equal_operations", sums == [*minor], || {
            let posted: Vec<String> = sums.iter().map(|sum| money(*sum, STRIPE.currency)).collect();
            let (paid, posted) = (money(*minor, STRIPE.currency), posted.join(", "));
            format!("payment {payment} of {paid} is posted to the ledger as: {posted}")
        });
    }
    Ok(())
}

/// The transfers of these payments, read from the newest page on until each payment is found.
async fn posted(
    caller: &mut RetryingClient,
    captured: &BTreeMap<String, i64>,
) -> Result<BTreeMap<String, Vec<i64>>, Error> {
    let mut posted: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut cursor = String::new();
    for _ in 0..PAGES_MAX {
        let page = caller.get(&format!("/v1/ledger/transfers?limit={PAGE_ROWS}{cursor}"), None).await?;
        for transfer in page["data"].as_array().into_iter().flatten() {
            // `payment.captured/{payment}/{the provider's object}`.
            let movement = transfer["movement"].as_str().unwrap_or_default();
            let payment = movement.strip_prefix("payment.captured/").and_then(|rest| rest.split('/').next());
            if let Some(payment) = payment.filter(|payment| captured.contains_key(*payment)) {
                let postings = transfer["postings"].as_array().cloned().unwrap_or_default();
                let debit = postings.iter().filter_map(|posting| posting["amount"]["minor"].as_i64()).max();
                posted.entry(payment.to_owned()).or_default().extend(debit);
            }
        }
        match page["next_cursor"].as_str() {
            Some(next) if posted.len() < captured.len() => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    Ok(posted)
}
