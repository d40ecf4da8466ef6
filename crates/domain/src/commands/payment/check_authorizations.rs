//! Check authorisations: submitted by a timer for those that are due.
//!
//! | the authorisation ends | now | next check |
//! |---|---|---|
//! | at a known time | nothing, or within the time of the warning the message `payment.authorization_expiring`, once | at the warning; at the end |
//! | at a time that has passed, without news | a job fetches the object | after a while |
//! | at an unknown time | the same | the same, unless the object shows the end |

use alloc::format;
use alloc::vec::Vec;

use super::append_message;
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::NewJob;
use crate::ids::{JobId, PaymentId, TenantId};
use crate::jobs::CHECK_AUTHORIZATION;
use crate::lifecycle::payment;
use crate::limits::{AUTHORIZATION_LOOKED_UP_EVERY, CAPTURE_BEFORE_AWAITED, LAPSE_AWAITED};
use crate::money::Money;
use crate::provider::{Observation, ProviderStatus};
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Needs, Payment};
use crate::time::{Span, Timestamp};
use crate::working_set::{Command, Context, DecisionResult};

/// At most [`crate::limits::IDS_PER_COMMAND_MAX`] payments, each once.
#[derive(Clone, Debug)]
pub struct CheckAuthorizations {
    pub payments: Vec<PaymentId>,
    /// How long before its end the tenant is warned.
    pub warned_before: Span,
}

/// What is to be done for an authorisation now.
#[derive(Debug, PartialEq, Eq)]
enum Check {
    Wait,
    Warn,
    LookUp,
}

impl CheckAuthorizations {
    /// What to do now, and when to check again.
    fn check(&self, payment: &Payment, now: Timestamp) -> (Check, Timestamp) {
        let look_up = (Check::LookUp, now.plus(AUTHORIZATION_LOOKED_UP_EVERY));
        let Some(ends_at) = payment.capture_before else { return look_up };
        let warn_at = ends_at.minus(self.warned_before);
        let lapsed_at = ends_at.plus(LAPSE_AWAITED);
        if now < warn_at {
            (Check::Wait, warn_at)
        } else if now >= lapsed_at {
            look_up
        } else if payment.expiry_warned {
            (Check::Wait, lapsed_at)
        } else {
            (Check::Warn, lapsed_at)
        }
    }
}

impl Command for CheckAuthorizations {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for payment in &self.payments {
            rows.payment(*payment);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let mut checked = 0;
        for id in &self.payments {
            let due = |payment: &&Payment| {
                let is_due = payment.authorization_due_at.is_some_and(|at| at <= context.now);
                is_due && payment.state.is(payment::State::Authorized)
            };
            let Some(payment) = facts.payments.get(*id).filter(due) else { continue };
            let mut payment = payment.clone();
            let (check, again_at) = self.check(&payment, context.now);
            payment.authorization_due_at = Some(again_at);
            match check {
                Check::Wait => {}
                Check::Warn => warn(&mut draft, &mut payment),
                Check::LookUp => look_up(&mut draft, &payment),
            }
            draft.put(payment);
            checked += 1;
        }
        Ok(draft.reply(Reply::Swept(checked)))
    }
}

fn warn(draft: &mut Draft<'_>, payment: &mut Payment) {
    payment.expiry_warned = true;
    let movement = format!("payment.authorization_expiring/{}", payment.id);
    let nothing = Money::new(0, payment.currency);
    append_message(draft, payment, "payment.authorization_expiring", &movement, nothing);
}

fn look_up(draft: &mut Draft<'_>, payment: &Payment) {
    let job = NewJob {
        id: draft.id::<JobId>(),
        tenant: payment.tenant,
        kind: &CHECK_AUTHORIZATION,
        subject_kind: "payment",
        subject: payment.id.0,
        concurrency_key: Some(payment.account.0),
        payload: "{}".into(),
        due_at: draft.context.now,
        deadline_at: None,
    };
    draft.put(job.row(draft.context.now));
}

/// The payment as it is after an observation: an authorisation is checked later, and any other payment is
/// not.
pub(super) fn plan_check(payment: &mut Payment, seen: &Observation, now: Timestamp) {
    if !payment.state.is(payment::State::Authorized) {
        payment.authorization_due_at = None;
        return;
    }
    let shows_end = matches!(seen.status, ProviderStatus::Authorized { .. }) && seen.capture_before.is_some();
    if shows_end && payment.capture_before != seen.capture_before {
        payment.capture_before = seen.capture_before;
        payment.authorization_due_at = Some(now);
    } else if payment.authorization_due_at.is_none() {
        payment.authorization_due_at = Some(now.plus(CAPTURE_BEFORE_AWAITED));
    }
}
