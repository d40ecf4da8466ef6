//! A worker with a bad network: it drives as the server's workers do, while calls are lost, and it
//! dies, says things twice, or comes back late as a zombie.

use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use super::shop::{LOOK_AGAIN, Shop, object};
use super::teller::{News, Teller};
use super::world::Answer;
use crate::commands::{By, FinishJob, MarkSent, Postpone, RefundOutcome, Settle, SettleRefund};
use crate::lifecycle::{State as _, attempt};
use crate::provider::{Heard, Observation, RefundObservation, RefundStatus, Source, Status};
use crate::reply::{Claimed, Reply};
use crate::rows::{AttemptKind, Capture, Failure, JobKind, Payment, Refund};
use crate::time::Span;
use crate::working_set::Command;
use crate::{PaymentId, RefundId, Refusal};

/// Decides what goes wrong; without bytes nothing does.
#[derive(Default)]
pub struct Chaos(pub Vec<u8>);

impl Chaos {
    pub fn next(&mut self) -> u8 {
        self.0.pop().unwrap_or(u8::MAX)
    }
}

pub struct Game {
    pub shop: Shop,
    pub teller: Teller,
    pub chaos: Chaos,
    /// What dead workers may still say one day.
    pub zombies: Vec<Box<dyn Command>>,
}

/// The worker died, or the job is no longer its own.
struct Gone;

impl Game {
    fn call<T>(&mut self, call: impl FnOnce(&mut Teller) -> Heard<T>) -> Heard<T> {
        let lost = || Heard::Unknown { error: "lost".into() };
        match self.chaos.next() % 16 {
            0 => Heard::NotSent { error: "refused".into(), retry_after_seconds: None, asked: true },
            1 => lost(),
            2 => {
                call(&mut self.teller);
                lost()
            }
            _ => call(&mut self.teller),
        }
    }

    pub fn run_system(&mut self, command: &dyn Command) -> Option<Reply> {
        match self.shop.run(command) {
            Answer::Fresh(reply) => Some(*reply),
            Answer::Refused(Refusal::LeaseLost | Refusal::NothingToDo) => None,
            answer => panic!("{answer:?} to {command:?}"),
        }
    }

    fn submit(&mut self, command: impl Command + 'static) -> Result<Reply, Gone> {
        let fate = self.chaos.next() % 12;
        if fate == 0 {
            return Err(Gone);
        }
        if fate == 1 {
            self.zombies.push(Box::new(command));
            return Err(Gone);
        }
        let reply = self.run_system(&command).ok_or(Gone)?;
        if fate == 2 {
            // The answer to the commit was lost, so it is said again.
            return self.run_system(&command).ok_or(Gone);
        }
        Ok(reply)
    }

    pub fn drive(&mut self, claimed: &Claimed) {
        let _gone = match claimed.attempt.kind {
            AttemptKind::Charge => self.charge(claimed),
            AttemptKind::Capture | AttemptKind::Void => self.release(claimed),
            AttemptKind::Refund => self.refund(claimed),
        };
    }

    fn charge(&mut self, claimed: &Claimed) -> Result<(), Gone> {
        let payment = claimed.payment.id;
        if claimed.attempt.state.is_final() && claimed.payment.evidenced {
            return self.submit(FinishJob { job: claimed.job.id, token: claimed.job.token }).map(drop);
        }
        if claimed.attempt.state.is(attempt::State::Created) {
            if claimed.payment.provider_ref.is_none() {
                let (amount, manual) =
                    (claimed.payment.amount_minor, claimed.payment.capture == Capture::Manual);
                let made = self.call(|teller| teller.create(payment, amount, manual));
                if !matches!(made, Heard::Object(_)) {
                    return self.postpone(claimed, false);
                }
            }
            return if self.mark_sent(claimed, Some(object(payment)))? {
                self.confirm(claimed)
            } else {
                self.cancel_object(claimed, Source::Answer, None)
            };
        }
        match self.call(|teller| teller.fetch(payment)) {
            Heard::Object(Status::Unconfirmed) if looks_only(claimed) && !self.must_end(claimed) => {
                self.postpone(claimed, true)
            }
            Heard::Object(Status::Unconfirmed) if !self.must_end(claimed) => self.confirm(claimed),
            Heard::Object(seen) => self.conclude(claimed, seen, Source::Fetched),
            _ => self.postpone(claimed, true),
        }
    }

    fn confirm(&mut self, claimed: &Claimed) -> Result<(), Gone> {
        let (payment, card) = (claimed.payment.id, self.chaos.next());
        match self.call(|teller| teller.confirm(payment, card)) {
            Heard::Object(seen) | Heard::Refused { object: Some(seen), .. } => {
                self.conclude(claimed, seen, Source::Answer)
            }
            Heard::NotSent { .. } => self.postpone(claimed, false),
            _ => self.postpone(claimed, true),
        }
    }

    fn conclude(&mut self, claimed: &Claimed, seen: Status, source: Source) -> Result<(), Gone> {
        match seen {
            Status::Declined(failure) => self.cancel_object(claimed, source, Some(failure)),
            Status::NeedsAction(_) | Status::Unconfirmed if self.must_end(claimed) => {
                self.cancel_object(claimed, source, None)
            }
            seen => self.settle(claimed, seen, source, None, None),
        }
    }

    fn cancel_object(
        &mut self,
        claimed: &Claimed,
        source: Source,
        failure: Option<Failure>,
    ) -> Result<(), Gone> {
        let payment = claimed.payment.id;
        match self.call(|teller| teller.cancel(payment)) {
            Heard::Object(seen) | Heard::Refused { object: Some(seen), .. } => {
                self.settle(claimed, seen, source, failure, None)
            }
            _ => self.postpone(claimed, true),
        }
    }

    /// A capture or a void.
    fn release(&mut self, claimed: &Claimed) -> Result<(), Gone> {
        let payment = claimed.payment.id;
        let amount_minor = claimed.attempt.amount_minor;
        if claimed.attempt.state.is_final() && claimed.payment.evidenced {
            return self.submit(FinishJob { job: claimed.job.id, token: claimed.job.token }).map(drop);
        }
        if claimed.payment.provider_ref.is_none() {
            return self.postpone(claimed, false);
        }
        if claimed.attempt.state.is(attempt::State::Created) {
            self.mark_sent(claimed, None)?;
        } else {
            match self.call(|teller| teller.fetch(payment)) {
                Heard::Object(Status::Authorized { .. }) => {}
                Heard::Object(seen) if matches!(seen, Status::Cancelled | Status::Captured { .. }) => {
                    return self.settle(claimed, seen, Source::Fetched, None, None);
                }
                Heard::Object(_) if claimed.attempt.kind == AttemptKind::Void => {}
                Heard::Object(seen) => return self.settle(claimed, seen, Source::Fetched, None, None),
                _ => return self.postpone(claimed, true),
            }
        }
        let capture = claimed.attempt.kind == AttemptKind::Capture;
        if capture && looks_only(claimed) {
            return self.postpone(claimed, true);
        }
        let heard =
            self.call(
                |teller| {
                    if capture { teller.capture(payment, amount_minor) } else { teller.cancel(payment) }
                },
            );
        match heard {
            Heard::Object(seen) => self.settle(claimed, seen, Source::Answer, None, None),
            Heard::Refused { code, object } => {
                self.settle(claimed, object.unwrap(), Source::Answer, None, Some(code))
            }
            Heard::NotSent { .. } => self.postpone(claimed, false),
            Heard::Unknown { .. } => self.postpone(claimed, true),
        }
    }

    fn refund(&mut self, claimed: &Claimed) -> Result<(), Gone> {
        let refund = claimed.refund.as_ref().unwrap();
        let (id, payment, amount_minor) = (refund.id, refund.payment, refund.amount_minor);
        if claimed.attempt.state.is(attempt::State::Created) {
            self.mark_sent(claimed, None)?;
        }
        if looks_only(claimed) && !self.teller.returns.contains_key(&id) {
            return self.postpone(claimed, true);
        }
        let slow = self.chaos.next().is_multiple_of(4);
        let outcome = match self.call(|teller| teller.refund(id, payment, amount_minor, slow)) {
            Heard::Object(status) => refund_seen(&self.shop, id, status),
            Heard::Refused { code, .. } => RefundOutcome::Refused { code },
            Heard::NotSent { .. } => return self.postpone(claimed, false),
            Heard::Unknown { .. } => return self.postpone(claimed, true),
        };
        let by = By::Job { job: claimed.job.id, token: claimed.job.token };
        self.submit(SettleRefund { by, refund: id, payment, outcome, look_again: LOOK_AGAIN }).map(drop)
    }

    fn must_end(&self, claimed: &Claimed) -> bool {
        let late = self.shop.now >= claimed.attempt.deadline_at;
        claimed.payment.void_requested || (!claimed.attempt.state.is_final() && late)
    }

    fn mark_sent(&mut self, claimed: &Claimed, object: Option<String>) -> Result<bool, Gone> {
        let (job, token) = (claimed.job.id, claimed.job.token);
        let reply = self.submit(MarkSent { job, token, payment: claimed.payment.id, object })?;
        Ok(matches!(reply, Reply::Proceed(true)))
    }

    fn settle(
        &mut self,
        claimed: &Claimed,
        seen: Status,
        source: Source,
        failure: Option<Failure>,
        refused: Option<String>,
    ) -> Result<(), Gone> {
        let by = By::Job { job: claimed.job.id, token: claimed.job.token };
        let settle = Settle {
            by,
            payment: claimed.payment.id,
            attempt: claimed.attempt.id,
            observation: seen_of(&self.shop, claimed.payment.id, seen),
            source,
            failure,
            refused,
            look_again: LOOK_AGAIN,
        };
        self.submit(settle).map(drop)
    }

    fn postpone(&mut self, claimed: &Claimed, lost_sight: bool) -> Result<(), Gone> {
        let postpone = Postpone {
            job: claimed.job.id,
            token: claimed.job.token,
            payment: claimed.payment.id,
            refund: claimed.attempt.refund,
            pause: Span::seconds(1),
            lost_sight,
            asked: true,
            error: None,
        };
        self.submit(postpone).map(drop)
    }

    /// A webhook arrives, as an event of its own.
    pub fn deliver(&mut self, news: &News) {
        let by = By::Event(self.shop.record());
        let look_again = Span::default();
        match news.clone() {
            News::Payment(payment, status) => {
                let observation = seen_of(&self.shop, payment, status);
                let attempt = payment.into();
                let (source, failure, refused) = (Source::Webhook, None, None);
                self.run_system(&Settle {
                    by,
                    payment,
                    attempt,
                    observation,
                    source,
                    failure,
                    refused,
                    look_again,
                });
            }
            News::Refund(refund, status) => {
                let outcome = refund_seen(&self.shop, refund, status);
                let payment = self.shop.get::<Refund>(refund).payment;
                self.run_system(&SettleRefund { by, refund, payment, outcome, look_again });
            }
        }
    }
}

/// A person sent it round again after money may have moved.
fn looks_only(claimed: &Claimed) -> bool {
    claimed.job.kind == JobKind::Look
}

fn seen_of(shop: &Shop, payment: PaymentId, status: Status) -> Observation {
    let row: Payment = shop.get(payment);
    Observation { object: object(payment), status, amount_minor: row.amount_minor, currency: row.currency }
}

fn refund_seen(shop: &Shop, refund: RefundId, status: RefundStatus) -> RefundOutcome {
    let row: Refund = shop.get(refund);
    let object = std::format!("re_{}", refund.0.as_u128());
    let (amount_minor, currency) = (row.amount_minor, row.currency);
    RefundOutcome::Seen(RefundObservation { object, status, amount_minor, currency })
}
