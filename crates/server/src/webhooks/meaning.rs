//! The command of a stored event, and the payment, refund or dispute that it is about.
//!
//! | the event names | the payment is | a refund is |
//! |---|---|---|
//! | an object that we know | the object's payment, whatever the metadata contain | |
//! | our own ids in its metadata | the one with that id | ours, if there is such a row |
//! | neither | none of ours | of a payment of ours: somebody made it at the provider |

use domain::commands::{CloseEvent, ObservedBy, RefundOutcome, Settle, SettleDispute, SettleRefund};
use domain::provider::{RefundObservation, Source};
use domain::rows::InboundEvent;
use domain::working_set::Command;
use domain::{AttemptId, PaymentId, RefundId, Refusal};
use providers::{EventContent, Provider};
use store::{CommandResult, Store, Unavailable};

use super::Waits;
use crate::work_context;

pub enum ProcessingFailed {
    Store(Unavailable),
    Query(store::Error),
}

impl From<Unavailable> for ProcessingFailed {
    fn from(unavailable: Unavailable) -> ProcessingFailed {
        ProcessingFailed::Store(unavailable)
    }
}

impl From<store::Error> for ProcessingFailed {
    fn from(error: store::Error) -> ProcessingFailed {
        ProcessingFailed::Query(error)
    }
}

pub async fn carry_out(
    store: &Store,
    provider: &dyn Provider,
    event: &InboundEvent,
    waits: Waits,
) -> Result<CommandResult, ProcessingFailed> {
    let about = match provider.interpret(&event.body) {
        Ok(about) => about,
        Err(malformed) => return closed(store, event, malformed.to_string(), true).await,
    };
    match about {
        EventContent::Payment { payment, observation } => {
            let Some(payment) = known(store, event, Some(&observation.object), payment).await? else {
                return nothing_of_ours(store, event).await;
            };
            submit(
                store,
                payment,
                Settle {
                    by: ObservedBy::Event(event.id),
                    payment,
                    attempt: AttemptId::from(payment),
                    observation,
                    source: Source::Webhook,
                    refused: None,
                    recheck: waits.recheck_delays,
                    deadline: waits.operation_deadline,
                },
            )
            .await
        }
        EventContent::Refund { refund, payment, payment_object, observation } => {
            match known(store, event, payment_object.as_deref(), payment).await? {
                Some(payment) => self::refund(store, event, refund, payment, observation, waits).await,
                None => nothing_of_ours(store, event).await,
            }
        }
        EventContent::Dispute { payment_object, observation } => {
            let Some(payment) = known(store, event, Some(&payment_object), None).await? else {
                return nothing_of_ours(store, event).await;
            };
            let (event, account) = (event.id, event.account);
            submit(store, payment, SettleDispute { event, account, payment, observation }).await
        }
        EventContent::Nothing { why } => closed(store, event, why, false).await,
    }
}

/// The payment by the provider's id of its object, or by the id in the object's metadata. The
/// account is checked under the lock.
async fn known(
    store: &Store,
    event: &InboundEvent,
    object: Option<&str>,
    carried: Option<PaymentId>,
) -> Result<Option<PaymentId>, ProcessingFailed> {
    if let Some(object) = object
        && let Some(payment) = store.payment_at_provider(event.account, object).await?
    {
        return Ok(Some(payment.id));
    }
    Ok(carried)
}

/// Our refund, if there is such a row and it is for that object; otherwise a refund that somebody
/// made at the provider, who may have copied our metadata.
async fn refund(
    store: &Store,
    event: &InboundEvent,
    carried: Option<RefundId>,
    payment: PaymentId,
    observation: RefundObservation,
    waits: Waits,
) -> Result<CommandResult, ProcessingFailed> {
    let outside = RefundId::at_provider(event.account, &observation.object);
    let settle = |refund, mark| SettleRefund {
        by: ObservedBy::Event(event.id),
        refund,
        payment,
        outcome: RefundOutcome::Seen(observation.clone()),
        mark,
        recheck: waits.recheck_delays,
    };
    if fault_injection::is(fault_injection::InjectedFault::UninvitedRefundIgnored) && carried.is_none() {
        return nothing_of_ours(store, event).await;
    }
    if let Some(refund) = carried {
        let answer = submit(store, payment, settle(refund, None)).await?;
        if !matches!(answer, CommandResult::Refused { refusal: Refusal::RefundNotFound, .. }) {
            return Ok(answer);
        }
    }
    submit(store, payment, settle(outside, carried)).await
}

async fn submit(
    store: &Store,
    payment: PaymentId,
    command: impl Command + 'static,
) -> Result<CommandResult, ProcessingFailed> {
    work_context::about(payment);
    Ok(store.submit(Box::new(command)).await?)
}

async fn nothing_of_ours(store: &Store, event: &InboundEvent) -> Result<CommandResult, ProcessingFailed> {
    closed(store, event, "about nothing of ours".to_owned(), false).await
}

async fn closed(
    store: &Store,
    event: &InboundEvent,
    why: String,
    dead: bool,
) -> Result<CommandResult, ProcessingFailed> {
    Ok(store.submit(Box::new(CloseEvent { event: event.id, why, dead })).await?)
}
