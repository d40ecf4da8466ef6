//! How an attempt ends, and the reply that its idempotency key gets.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use uuid::Uuid;

use super::book::book;
use super::continue_payment::continue_payment;
use super::give_up::as_it_stands;
use super::return_money::AskedBy;
use super::{about, about_refund, append_message, append_refund_message};
use crate::commands::draft::Draft;
use crate::lifecycle::payment::State;
use crate::lifecycle::{State as _, Step, attempt, payment, refund};
use crate::money::Money;
use crate::provider::Source;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Attempt, AttemptKind, Facts, Failure, FailureCause, Payment, Refund};
use crate::working_set::Json;

/// The two steps that end an open attempt.
pub(super) struct Ends {
    pub succeed: Step<attempt::State>,
    pub decline: Step<attempt::State>,
}

impl Ends {
    /// `None` for an attempt that has ended.
    pub fn of(attempt: &Attempt) -> Option<Ends> {
        use attempt::State;
        match *attempt.state {
            State::Created => Some(const { Ends::from(State::Created) }),
            State::Sent => Some(const { Ends::from(State::Sent) }),
            State::Unknown => Some(const { Ends::from(State::Unknown) }),
            State::Review => Some(const { Ends::from(State::Review) }),
            State::Succeeded | State::Declined | State::WrittenOff => None,
        }
    }

    const fn from(state: attempt::State) -> Ends {
        Ends {
            succeed: attempt::step(state, attempt::Event::Succeed),
            decline: attempt::step(state, attempt::Event::Decline),
        }
    }
}

/// Settles an open attempt by the state of its payment, and answers its key. `refused` is the reason if the
/// provider refused this call, or if it was not sent.
pub(super) fn settle_attempt(
    draft: &mut Draft<'_>,
    attempt: &mut Attempt,
    payment: &mut Payment,
    refused: Option<&Failure>,
) {
    let Some(ends) = Ends::of(attempt) else { return };
    let succeeded = match (attempt.kind, *payment.state) {
        (AttemptKind::Charge, State::Authorized | State::Captured) => true,
        (AttemptKind::Capture, State::Captured) => true,
        (AttemptKind::Void, State::Cancelled | State::Failed | State::Lapsed | State::WrittenOff) => true,
        (
            AttemptKind::Charge | AttemptKind::Capture,
            State::Failed | State::Cancelled | State::Lapsed | State::WrittenOff,
        ) => false,
        (AttemptKind::Void, State::Captured) => false,
        (AttemptKind::Capture | AttemptKind::Void, _) if refused.is_some() => false,
        (kind, state) => {
            // The attempt is still under way, but the client gets a reply if the customer must act, or if the
            // provider itself does not know the outcome at the deadline.
            let waits =
                kind == AttemptKind::Charge && state == State::Pending && payment.next_action.is_some();
            if waits || draft.context.now >= attempt.overdue_at(payment) {
                draft.answer(attempt.key, Ok(as_it_stands(attempt, None, payment)));
            }
            return;
        }
    };
    attempt.state = if succeeded { ends.succeed } else { ends.decline }.to();
    attempt.updated_at = draft.context.now;
    attempt.failure = match (succeeded, refused) {
        (true, _) => None,
        (false, Some(failure)) => Some(Json(failure.clone())),
        (false, None) => payment.failure.clone(),
    };
    payment.end_attempt(attempt.id);
    if attempt.kind == AttemptKind::Void && payment.state.is(State::Authorized) {
        // The money stays reserved, and can be captured or voided again.
        payment.void_requested = false;
    }
    let call = match attempt.kind {
        AttemptKind::Void if payment.state.is(State::Authorized) => "its void was turned down",
        AttemptKind::Capture if !succeeded => "its capture was turned down",
        _ => "",
    };
    let unseen = AskedBy::of(attempt.id.0, attempt.key, payment.id).unseen_failure();
    if let Some(reason) = unseen.filter(|_| !call.is_empty()) {
        draft.review(about(payment), reason, call.to_owned());
    }
    if attempt.kind == AttemptKind::Charge && payment.continued_by.is_some() {
        // The key is answered by the payment at the next account.
        return;
    }
    draft.answer(attempt.key, answer(attempt, payment, succeeded, refused));
}

fn answer(
    attempt: &Attempt,
    payment: &Payment,
    succeeded: bool,
    refused: Option<&Failure>,
) -> Result<Reply, Refusal> {
    let id = payment.id.0;
    if succeeded {
        return Ok(as_it_stands(attempt, None, payment));
    }
    if attempt.kind == AttemptKind::Charge {
        return Err(match &payment.failure {
            None => Refusal::PaymentWasCancelled { payment: id },
            Some(Json(failure)) => failed(id, failure, |code| {
                let retryable = failure.retryable;
                Refusal::PaymentDeclined { payment: id, code, retryable }
            }),
        });
    }
    let Some(failure) =
        refused.filter(|failure| failure.cause != FailureCause::NotSent || !payment.state.is_final())
    else {
        // The payment ended by itself, before the capture or void.
        return Err(Refusal::PaymentIsFinal { state: payment.state.name() });
    };
    Err(failed(id, failure, |code| match attempt.kind {
        AttemptKind::Void => Refusal::CancelFailed { payment: id, code },
        _ => Refusal::CaptureFailed { payment: id, code },
    }))
}

/// The refusal that a client gets for a failure. Only a decline of the provider is reported as a decline.
pub(super) fn failed(resource: Uuid, failure: &Failure, declined: impl FnOnce(String) -> Refusal) -> Refusal {
    let code = failure.code.clone();
    match failure.cause {
        FailureCause::Declined => declined(code),
        FailureCause::PaymentMethod => Refusal::PaymentMethodNotAccepted { payment: resource, code },
        FailureCause::OurRequest => Refusal::ProviderRejectedRequest { resource, code },
        FailureCause::NotSent => Refusal::NotSentToProvider { resource, code, retryable: failure.retryable },
    }
}

/// Opens a case for a failed refund whose failure no client sees.
pub(super) fn review_if_unasked(draft: &mut Draft<'_>, payment: &Payment, refund: &Refund) {
    let Some(reason) = AskedBy::of(refund.id.0, refund.key, payment.id).unseen_failure() else { return };
    let code = refund.failure.as_ref().map_or("failed", |failure| failure.0.code.as_str());
    draft.review(about(payment), reason, format!("its refund failed: {code}"));
}

/// An attempt that was provably never sent, with the step that its payment or refund takes with it.
pub(in crate::commands) struct Unsent {
    attempt: Attempt,
    payment: Payment,
    wanted: Wanted,
}

enum Wanted {
    Charge(Step<payment::State>),
    /// A capture or a void: the payment stays as it is.
    Change,
    Refund(Box<Refund>),
}

impl Unsent {
    /// `None` if the attempt was sent. Refused if its payment or refund is in a state that no
    /// attempt which was never sent leaves it in.
    pub fn of(
        attempt: &Attempt,
        payment: &Payment,
        refund: Option<&Refund>,
    ) -> Result<Option<Unsent>, Refusal> {
        if !attempt.state.is(attempt::State::Created) {
            return Ok(None);
        }
        let wanted = match (attempt.kind, refund) {
            (AttemptKind::Charge, _) => Wanted::Charge(payment.state.require(payment::Event::Declined)?),
            (AttemptKind::Capture | AttemptKind::Void, _) => Wanted::Change,
            (AttemptKind::Refund, Some(refund)) if refund.state.is(refund::State::Created) => {
                Wanted::Refund(Box::new(refund.clone()))
            }
            (AttemptKind::Refund, Some(refund)) => {
                return Err(Refusal::of_state(refund.state, refund::Event::Failed));
            }
            (AttemptKind::Refund, None) => return Err(Refusal::RefundNotFound),
        };
        Ok(Some(Unsent { attempt: attempt.clone(), payment: payment.clone(), wanted }))
    }

    /// A charge whose only call the provider refused, so that nothing moved. `None` if the payment has
    /// an object.
    pub fn of_refused(attempt: &Attempt, payment: &Payment) -> Result<Option<Unsent>, Refusal> {
        let is_sent = attempt.state.is(attempt::State::Sent) && attempt.kind == AttemptKind::Charge;
        if !is_sent || payment.provider_ref.is_some() {
            return Ok(None);
        }
        let wanted = Wanted::Charge(payment.state.require(payment::Event::Declined)?);
        Ok(Some(Unsent { attempt: attempt.clone(), payment: payment.clone(), wanted }))
    }
}

/// Whether a charge that was not sent goes on at the payment's next account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Afterwards {
    TryNextAccount,
    Stop,
}

/// No money moved, so it is declined for good. Returns the attempt as it ends.
pub(in crate::commands) fn settle_unsent(
    draft: &mut Draft<'_>,
    facts: &Facts,
    unsent: Unsent,
    failure: Failure,
    afterwards: Afterwards,
) -> Attempt {
    let Unsent { mut attempt, mut payment, wanted } = unsent;
    match wanted {
        Wanted::Refund(mut refund) => {
            attempt.state = const { attempt::step(attempt::State::Created, attempt::Event::Decline) }.to();
            let step = const { refund::step(refund::State::Created, refund::Event::Failed) };
            refund.state = draft.step(about_refund(&refund), step);
            refund.failure = Some(Json(failure.clone()));
            refund.updated_at = draft.context.now;
            attempt.failure.clone_from(&refund.failure);
            payment.release_refund(refund.amount_minor);
            append_refund_message(draft, &mut refund, &payment, "refund.failed");
            review_if_unasked(draft, &payment, &refund);
            let (id, key) = (refund.id.0, attempt.key);
            draft.answer(key, Err(failed(id, &failure, |code| Refusal::RefundFailed { refund: id, code })));
            draft.put(*refund);
        }
        Wanted::Charge(step) => {
            payment.failure.get_or_insert_with(|| Json(failure.clone()));
            payment.state = draft.step(about(&payment), step);
            let movement = format!("payment.failed/{}", payment.id);
            let nothing = Money::new(0, payment.currency);
            append_message(draft, &mut payment, "payment.failed", &movement, nothing);
            if afterwards == Afterwards::TryNextAccount {
                continue_payment(draft, facts, Some(&attempt), &mut payment);
            }
            // The payment ended without money, so no money is returned.
            let deadline = attempt.deadline_at.since(attempt.created_at);
            book(draft, facts, &mut payment, Source::Answer, deadline);
            settle_attempt(draft, &mut attempt, &mut payment, Some(&failure));
        }
        Wanted::Change => settle_attempt(draft, &mut attempt, &mut payment, Some(&failure)),
    }
    payment.updated_at = draft.context.now;
    attempt.updated_at = draft.context.now;
    draft.put(payment);
    draft.put(attempt.clone());
    attempt
}
