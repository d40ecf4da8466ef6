//! Applies what a provider shows of a dispute to its rows.

use alloc::borrow::ToOwned;
use alloc::format;

use super::{DisputeKey, about_dispute, append_dispute_message};
use crate::commands::draft::Draft;
use crate::commands::payment::movements::{MoneyMoved, record};
use crate::commands::payment::observe::CONTRADICTS;
use crate::commands::payment::{about, append_message};
use crate::lifecycle::dispute::{Event, State, step};
use crate::lifecycle::{CurrentState, State as _, Step};
use crate::money::Money;
use crate::provider::{DisputeObservation, DisputeStatus};
use crate::rows::{Dispute, Facts, MovementKind, Payment, Review};

/// The moves from a state to what the provider shows.
enum Moves {
    /// It is there already, or further.
    None,
    To(&'static [Step<State>]),
    /// The bank has decided otherwise before.
    Contradiction,
}

fn moves(state: State, status: DisputeStatus) -> Moves {
    use DisputeStatus as Status;
    const OPEN: Step<State> = step(State::Inquiry, Event::Open);
    const WIN: Step<State> = step(State::Opened, Event::Win);
    const LOSE: Step<State> = step(State::Opened, Event::Lose);
    match (state, status) {
        (_, Status::Inquiry)
        | (State::Opened | State::Closed | State::Won | State::Lost, Status::Opened)
        | (State::Closed, Status::Closed)
        | (State::Won, Status::Won)
        | (State::Lost, Status::Lost) => Moves::None,
        (State::Inquiry, Status::Opened) => Moves::To(&[OPEN]),
        (State::Inquiry, Status::Closed) => Moves::To(const { &[step(State::Inquiry, Event::Close)] }),
        (State::Inquiry, Status::Won) => Moves::To(&[OPEN, WIN]),
        (State::Inquiry, Status::Lost) => Moves::To(&[OPEN, LOSE]),
        (State::Opened, Status::Closed) => Moves::To(const { &[step(State::Opened, Event::Close)] }),
        (State::Opened, Status::Won) => Moves::To(&[WIN]),
        (State::Opened, Status::Lost) => Moves::To(&[LOSE]),
        (State::Closed, Status::Won | Status::Lost)
        | (State::Won, Status::Closed | Status::Lost)
        | (State::Lost, Status::Closed | Status::Won) => Moves::Contradiction,
    }
}

/// Moves the dispute, the sums of its payment and its case. The caller puts the payment and the dispute.
/// `None`: the dispute is in another currency, so it cannot be one of this payment, and a person has the case.
pub(super) fn observe(
    draft: &mut Draft<'_>,
    facts: &Facts,
    payment: &mut Payment,
    key: &DisputeKey,
    seen: &DisputeObservation,
) -> Option<Dispute> {
    if seen.currency != payment.currency {
        let why = format!("a dispute in {}", seen.currency);
        draft.review(about(payment), CONTRADICTS, why);
        return None;
    }
    let before = facts.disputes.get(key.id());
    let mut dispute = before.cloned().unwrap_or_else(|| first_seen(draft, payment, key, seen));
    let steps = match moves(*dispute.state, seen.status) {
        Moves::None => &[][..],
        Moves::To(steps) => steps,
        Moves::Contradiction => {
            let why = format!("a dispute that was {}: {:?}", dispute.state.name(), seen.status);
            draft.review(about(payment), CONTRADICTS, why);
            &[]
        }
    };
    let details = dispute.details().max(seen.details.clone());
    dispute.set_details(details);
    if seen.has_evidence {
        let shown = seen.details.shown_at.unwrap_or(draft.context.now);
        let first = dispute.evidence_submitted_at.map_or(shown, |known| known.min(shown));
        dispute.evidence_submitted_at = Some(first);
    }
    take_steps(draft, &mut dispute, before, payment, steps);
    if dispute.state.is_final() {
        dispute.evidence_due_at = None;
    }
    payment.open_disputes += i64::from(dispute.is_open()) - i64::from(before.is_some_and(Dispute::is_open));
    let was_withdrawn = facts.movements.get(key.movement(MovementKind::Dispute)).is_some();
    let was_reinstated = facts.movements.get(key.movement(MovementKind::DisputeReversal)).is_some();
    let was_unsettled = before.is_some_and(|before| !before.is_settled(was_withdrawn, was_reinstated));
    let withdrawn = was_withdrawn || seen.withdrawn || seen.reinstated;
    let is_unsettled = !dispute.is_settled(withdrawn, was_reinstated || seen.reinstated);
    payment.unsettled_disputes += i64::from(is_unsettled) - i64::from(was_unsettled);
    if seen.withdrawn || seen.reinstated {
        // Money that was reinstated was withdrawn before, even if that event arrives later.
        move_once(draft, facts, payment, key, seen, MovementKind::Dispute);
    }
    if seen.reinstated {
        move_once(draft, facts, payment, key, seen, MovementKind::DisputeReversal);
    }
    case_of(draft, facts, payment, key, &dispute);
    if before != Some(&dispute) {
        dispute.updated_at = draft.context.now;
    }
    Some(dispute)
}

fn first_seen(
    draft: &mut Draft<'_>,
    payment: &Payment,
    key: &DisputeKey,
    seen: &DisputeObservation,
) -> Dispute {
    let now = draft.context.now;
    let mut dispute = Dispute {
        id: key.id(),
        tenant: payment.tenant,
        payment: payment.id,
        booking: payment.booking,
        account: key.account,
        object: key.object.clone(),
        currency: seen.currency,
        state: CurrentState::start(),
        seq: 0,
        amount_minor: 0,
        reason: None,
        network_reason: None,
        evidence_due_at: None,
        shown_at: None,
        evidence_submitted_at: None,
        submission: None,
        submission_failure: None,
        created_at: now,
        closed_at: None,
        updated_at: now,
    };
    dispute.set_details(seen.details.clone());
    draft.audit(about_dispute(&dispute), "dispute_seen", None, Some(dispute.state.name()));
    dispute
}

/// Takes the steps, and reports each; what changed without a step is reported as an update.
fn take_steps(
    draft: &mut Draft<'_>,
    dispute: &mut Dispute,
    before: Option<&Dispute>,
    payment: &Payment,
    steps: &[Step<State>],
) {
    for step in steps {
        dispute.state = draft.step(about_dispute(dispute), *step);
        if dispute.state.is_final() {
            dispute.closed_at = Some(draft.context.now);
        }
        let kind = if dispute.state.is_final() { "dispute.closed" } else { "dispute.opened" };
        append_dispute_message(draft, dispute, payment, kind);
    }
    if steps.is_empty() {
        match before {
            None => append_dispute_message(draft, dispute, payment, "dispute.inquiry_opened"),
            Some(before) if before != dispute => {
                append_dispute_message(draft, dispute, payment, "dispute.updated");
            }
            Some(_) => {}
        }
    }
}

/// Records the movement, unless it is recorded already.
fn move_once(
    draft: &mut Draft<'_>,
    facts: &Facts,
    payment: &mut Payment,
    key: &DisputeKey,
    seen: &DisputeObservation,
    kind: MovementKind,
) {
    if facts.movements.get(key.movement(kind)).is_some() {
        return;
    }
    let (object, amount_minor) = (key.object.as_str(), seen.details.amount_minor);
    record(draft, payment, &MoneyMoved { kind, object, refund: None, amount_minor });
    let message = if kind == MovementKind::Dispute { "payment.disputed" } else { "payment.dispute_reversed" };
    let movement = format!("{message}/{}/{object}", payment.id);
    let moved = Money::new(amount_minor, payment.currency);
    append_message(draft, payment, message, &movement, moved);
}

/// Opens the case of the inquiry once, and that of the dispute once: a closed case stays closed, but an inquiry
/// that was answered may become a dispute, which has a deadline of its own. The end in our favour closes the
/// case, also if it was never opened: an older event that arrives later must not open it.
fn case_of(draft: &mut Draft<'_>, facts: &Facts, payment: &Payment, key: &DisputeKey, dispute: &Dispute) {
    let known = facts.reviews.get(key.case());
    let of_inquiry = facts.reviews.get(key.case_of_inquiry());
    match *dispute.state {
        State::Inquiry => {
            if of_inquiry.is_none() {
                let case = new_case(draft, payment, key, dispute);
                draft.open_review(Review { id: key.case_of_inquiry(), ..case });
            }
        }
        State::Opened | State::Lost => {
            if known.is_none() {
                let assignee = of_inquiry.and_then(|review| review.assignee.clone());
                let case = new_case(draft, payment, key, dispute);
                draft.open_review(Review { assignee, ..case });
                if let Some(review) = of_inquiry {
                    draft.resolve_review(review, "the inquiry has become a dispute".to_owned());
                }
            }
        }
        State::Won | State::Closed => {
            let case = known.cloned().unwrap_or_else(|| new_case(draft, payment, key, dispute));
            let end =
                if dispute.state.is(State::Won) { "the dispute was won" } else { "the dispute was closed" };
            draft.resolve_review(&case, end.to_owned());
            if let Some(review) = of_inquiry {
                draft.resolve_review(review, end.to_owned());
            }
        }
    }
}

/// The case of the dispute, not opened yet.
fn new_case(draft: &Draft<'_>, payment: &Payment, key: &DisputeKey, dispute: &Dispute) -> Review {
    let amount = Money::new(dispute.amount_minor, dispute.currency);
    let detail = format!("the customer's bank disputes {amount}: {}", key.object);
    draft.case(key.case(), about(payment), "payment_disputed", detail)
}
