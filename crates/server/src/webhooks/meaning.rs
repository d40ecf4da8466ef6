//! The command of a stored event, and the payment, refund or dispute that it is about.
//!
//! | the event names | the payment is | a refund is |
//! |---|---|---|
//! | an object that we know | the object's payment, whatever the metadata contain | |
//! | our own ids in its metadata | the one with that id | ours, if there is such a row |
//! | neither | none of ours | of a payment of ours: somebody made it at the provider |

use domain::commands::{
    CloseEvent, ObservedBy, PayoutOutcome, RefundOutcome, Settle, SettleDispute, SettlePayout, SettleRefund,
};
use domain::provider::{RefundObservation, Source, TransferObservation};
use domain::rows::InboundEvent;
use domain::working_set::Command;
use domain::{AttemptId, PaymentId, PayoutId, RefundId, Refusal};
use providers::{EventContent, Provider};
use store::{CommandResult, Store, Unavailable};

use super::{Waits, received, record};
use crate::work_context;

pub enum ProcessingFailed {
    Store(Unavailable),
    Query(store::Error),
    /// The provider did not show the object. This says why.
    Provider(String),
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
                Some(payment) => {
                    self::refund(store, provider, event, refund, payment, observation, waits).await
                }
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
        EventContent::Transfer { payout, observation } => transfer(store, event, payout, observation).await,
        EventContent::Fetch { object } => fetch(store, provider, event, &object, waits).await,
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
    provider: &dyn Provider,
    event: &InboundEvent,
    carried: Option<RefundId>,
    payment: PaymentId,
    observation: RefundObservation,
    waits: Waits,
) -> Result<CommandResult, ProcessingFailed> {
    let outside = RefundId::at_provider(event.account, &observation.object);
    let may_be_ours = !provider.capabilities().refunds_carry_reference;
    let settle = |refund, mark| SettleRefund {
        by: ObservedBy::Event(event.id),
        refund,
        payment,
        outcome: RefundOutcome::Seen(observation.clone()),
        mark,
        may_be_ours,
        recheck: waits.recheck_delays,
    };
    if fault_injection::is(fault_injection::InjectedFault::UninvitedRefundIgnored) && carried.is_none() {
        return nothing_of_ours(store, event).await;
    }
    let known = if may_be_ours {
        store.refund_at_provider(event.account, &observation.object).await?.map(|known| known.id)
    } else {
        None
    };
    if let Some(refund) = carried.or(known) {
        let answer = submit(store, payment, settle(refund, None)).await?;
        if !matches!(answer, CommandResult::Refused { refusal: Refusal::RefundNotFound, .. }) {
            return Ok(answer);
        }
    }
    submit(store, payment, settle(outside, carried)).await
}

/// A transfer that carries the id of a payout of ours, which the row's account confirms.
async fn transfer(
    store: &Store,
    event: &InboundEvent,
    payout: PayoutId,
    observation: TransferObservation,
) -> Result<CommandResult, ProcessingFailed> {
    work_context::about(payout);
    let by = ObservedBy::Event(event.id);
    let settle = SettlePayout { by, payout, outcome: PayoutOutcome::Seen(observation) };
    match store.submit(Box::new(settle)).await? {
        CommandResult::Refused { refusal: Refusal::PayoutNotFound, .. } => {
            nothing_of_ours(store, event).await
        }
        answer => Ok(answer),
    }
}

/// The event only names its object. What the object shows becomes events of their own, each processed
/// like any other; then this one is done. Repeated, it stores the same events once.
async fn fetch(
    store: &Store,
    provider: &dyn Provider,
    event: &InboundEvent,
    object: &str,
    waits: Waits,
) -> Result<CommandResult, ProcessingFailed> {
    let shown = provider.fetch_events(object).await.shown().map_err(ProcessingFailed::Provider)?;
    for shown in shown {
        let record = record(event.tenant, event.account, shown);
        let shown = received(record.id(), record.clone(), event.received_at);
        if let CommandResult::Fresh { .. } = store.submit(Box::new(record)).await? {
            // What fails now is left behind, and found by the sweep.
            let _processed = Box::pin(carry_out(store, provider, &shown, waits)).await?;
        }
    }
    closed(store, event, "fetched".to_owned(), false).await
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
