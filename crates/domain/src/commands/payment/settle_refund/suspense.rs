//! Money in suspense that goes back to the customer, and may come back.
//!
//! | the return | recorded so far | what happens |
//! |---|---|---|
//! | has succeeded | nothing | it goes out of suspense |
//! | has failed | its success | it goes into suspense again, with a review case |
//! | has failed | nothing, and the payment is captured | a refund that has failed, so that a success that is shown later contradicts |
//! | anything else | | nothing |

use alloc::borrow::ToOwned;
use alloc::format;

use super::{RefundOutcome, SettleRefund};
use crate::commands::draft::Draft;
use crate::commands::events::Closing;
use crate::commands::payment::movements::record_out_of_suspense;
use crate::commands::payment::observe::CONTRADICTS;
use crate::commands::payment::{about, append_message};
use crate::ids::ReviewId;
use crate::lifecycle::State as _;
use crate::lifecycle::payment::State;
use crate::money::Money;
use crate::provider::{RefundObservation, RefundStatus};
use crate::rows::MovementKind::{SuspenseReturn, SuspenseReturnReversal};
use crate::rows::{Facts, Payment, Refund};

impl SettleRefund {
    /// Whether the money that goes back is in suspense.
    pub(super) fn is_out_of_suspense(&self, facts: &Facts, payment: &Payment) -> bool {
        let RefundOutcome::Seen(seen) = &self.outcome else { return false };
        let never_moved =
            matches!(seen.status, RefundStatus::Failed(_)) && !self.is_recorded(facts, SuspenseReturn);
        // Our books never had the payment's money as captured.
        let none_counts = payment.state.is_final() && !payment.state.is(State::Captured);
        none_counts || (of_another_incoming(payment, seen) && !never_moved)
    }

    pub(super) fn settle_out_of_suspense(
        &self,
        draft: &mut Draft<'_>,
        facts: &Facts,
        payment: &mut Payment,
    ) -> Closing {
        let RefundOutcome::Seen(seen) = &self.outcome else { return Closing::stale() };
        let went = self.is_recorded(facts, SuspenseReturn);
        let came_back = self.is_recorded(facts, SuspenseReturnReversal);
        match seen.status {
            RefundStatus::Succeeded if !went => {
                record_out_of_suspense(draft, payment, SuspenseReturn, seen);
                append_return(draft, payment, seen);
            }
            RefundStatus::Failed(_) if went && !came_back => {
                record_out_of_suspense(draft, payment, SuspenseReturnReversal, seen);
                append_to_suspense(draft, payment, seen, "sent_back");
                let why = "the provider sent money back that had gone out of suspense".to_owned();
                draft.review(about(payment), "refund_failed_after_it_succeeded", why);
            }
            RefundStatus::Pending if !went => {}
            _ => return Closing::stale(),
        }
        Closing::processed(None)
    }

    /// A person returned more than our books have. There is one case for it, however often it is shown.
    pub(super) fn return_too_much(
        &self,
        draft: &mut Draft<'_>,
        facts: &Facts,
        payment: &mut Payment,
        why: &str,
    ) {
        payment.contradicted_at = Some(draft.context.now);
        let case = ReviewId::of_refund(self.refund);
        if facts.reviews.get(case).is_none() {
            draft.open_review(draft.case(case, about(payment), CONTRADICTS, why.to_owned()));
        }
        if let RefundOutcome::Seen(seen) = &self.outcome
            && seen.status == RefundStatus::Succeeded
        {
            append_return(draft, payment, seen);
        }
    }

    /// What was too much counts now, because another refund was sent back.
    pub(super) fn release_suspense(
        &self,
        draft: &mut Draft<'_>,
        facts: &Facts,
        payment: &mut Payment,
        refund: &Refund,
    ) {
        if facts.reviews.get(ReviewId::of_refund(self.refund)).is_some()
            && let RefundOutcome::Seen(seen) = &self.outcome
        {
            let seen = RefundObservation { amount_minor: refund.amount_minor, ..seen.clone() };
            append_to_suspense(draft, payment, &seen, "released");
        }
    }
}

/// Whether the money that our books have of the payment came by other incoming payments of its object.
fn of_another_incoming(payment: &Payment, seen: &RefundObservation) -> bool {
    match (&payment.counted_incoming, &seen.incoming) {
        (Some(counted), Some(incoming)) => !counted.0.contains(incoming),
        _ => false,
    }
}

fn append_return(draft: &mut Draft<'_>, payment: &mut Payment, seen: &RefundObservation) {
    let movement = format!("refund.contradicted/{}/{}", payment.id, seen.object);
    let moved = Money::new(seen.amount_minor, seen.currency);
    append_message(draft, payment, "refund.contradicted", &movement, moved);
}

fn append_to_suspense(draft: &mut Draft<'_>, payment: &mut Payment, seen: &RefundObservation, how: &str) {
    let movement = format!("refund.contradicted/{}/{}/{how}", payment.id, seen.object);
    let moved = Money::new(-seen.amount_minor, seen.currency);
    append_message(draft, payment, "refund.contradicted", &movement, moved);
}
