//! A worker with a bad network: it works as the server's workers do, while calls are lost, and it
//! dies, repeats commands, or comes back late as a zombie.

use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use super::jobs::put_off;
use super::provider_model::{Call, News, ProviderModel, return_object};
use super::test_store::CommandResult;
use super::test_world::{DEADLINE, RECHECK, TestWorld, account, object};
use crate::commands::{
    Abandon, FinishAttempt, MarkSent, ObservedBy, Postpone, RecordDecline, RefundOutcome, Settle,
    SettleRefund,
};
use crate::lifecycle::{State as _, attempt};
use crate::limits::ANOTHER_KEY_AFTER;
use crate::provider::{CallOutcome, Observation, ProviderStatus, RefundObservation, RefundStatus, Source};
use crate::reply::{AttemptJob, Reply};
use crate::rows::{AttemptKind, Capture, Failure, Payment};
use crate::time::Span;
use crate::working_set::Command;
use crate::{PaymentId, RefundId, Refusal};

/// Decides what fails. Without bytes nothing fails.
#[derive(Default)]
pub struct Chaos(pub Vec<u8>);

impl Chaos {
    pub fn next(&mut self) -> u8 {
        self.0.pop().unwrap_or(u8::MAX)
    }
}

pub struct Game {
    pub world: TestWorld,
    pub provider: ProviderModel,
    pub chaos: Chaos,
    /// Commands that dead workers may still submit.
    pub zombies: Vec<Box<dyn Command>>,
}

/// The worker died, or the job is no longer its own.
struct Gone;

type Drive = Result<(), Gone>;

fn lost<T>(key_spent: bool) -> CallOutcome<T> {
    CallOutcome::Unknown { error: "lost".into(), key_spent }
}

impl Game {
    fn fetch<T>(&mut self, call: impl FnOnce(&mut ProviderModel) -> CallOutcome<T>) -> CallOutcome<T> {
        if self.chaos.next().is_multiple_of(16) { lost(false) } else { call(&mut self.provider) }
    }

    fn call<T>(
        &mut self,
        key: Call,
        call: impl FnOnce(&mut ProviderModel) -> CallOutcome<T>,
    ) -> CallOutcome<T> {
        if self.provider.kept.contains(&key) {
            return lost(true);
        }
        let fate = self.chaos.next() % 16;
        match fate {
            0 => CallOutcome::NotSent {
                error: "refused".into(),
                retry_after_seconds: None,
                reached_provider: true,
            },
            1 => lost(false),
            2 => {
                call(&mut self.provider);
                lost(false)
            }
            // The provider failed before or after the call's effect, and keeps that error under the key.
            3 | 4 => {
                if fate == 4 {
                    call(&mut self.provider);
                }
                self.provider.kept.insert(key);
                lost(true)
            }
            _ => call(&mut self.provider),
        }
    }

    pub fn run_system(&mut self, command: &dyn Command) -> Option<Reply> {
        match self.world.run(command) {
            CommandResult::Fresh(reply) => Some(*reply),
            CommandResult::Refused(Refusal::LeaseLost | Refusal::NothingToDo) => None,
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
            // The reply to the commit was lost, so the command is repeated.
            return self.run_system(&command).ok_or(Gone);
        }
        Ok(reply)
    }

    pub fn drive(&mut self, claimed: &AttemptJob) {
        let suspended = claimed.payment.suspended_minor > 0;
        let _gone = match claimed.attempt.kind {
            _ if claimed.attempt.state.is_final() && claimed.payment.evidenced && !suspended => {
                self.submit(FinishAttempt { attempt: claimed.attempt.id, token: claimed.job.token }).map(drop)
            }
            AttemptKind::Charge => self.charge(claimed),
            AttemptKind::Capture | AttemptKind::Void => self.release(claimed),
            AttemptKind::Refund => self.refund(claimed),
        };
    }

    fn charge(&mut self, claimed: &AttemptJob) -> Drive {
        let payment = claimed.payment.id;
        if claimed.attempt.state.is(attempt::State::Created) {
            if claimed.payment.provider_ref.is_none() {
                let manual = claimed.payment.capture == Capture::Manual;
                let (amount, key) = (claimed.payment.amount_minor, claimed.attempt.key_number);
                let made = self
                    .call((payment.0, "create", key), |provider| provider.create(payment, amount, manual));
                if let CallOutcome::Unknown { key_spent, .. } = made {
                    return self.postpone(claimed, false, key_spent);
                }
                if !matches!(made, CallOutcome::Object(_)) {
                    return self.postpone(claimed, false, false);
                }
            }
            return match self.mark_sent(claimed, Some(object(payment)))? {
                Some(key) => self.confirm(claimed, key),
                None => self.cancel_object(claimed, Source::Answer),
            };
        }
        match self.fetch(|provider| provider.fetch(payment)) {
            CallOutcome::Object(ProviderStatus::Unconfirmed) if !self.must_end(claimed) => {
                match self.mark_sent(claimed, None)? {
                    Some(key) => self.confirm(claimed, key),
                    None => self.settle(claimed, ProviderStatus::Unconfirmed, Source::Fetched, None),
                }
            }
            CallOutcome::Object(seen) => self.conclude(claimed, seen, Source::Fetched),
            _ => self.postpone(claimed, true, false),
        }
    }

    fn confirm(&mut self, claimed: &AttemptJob, key: i64) -> Drive {
        let (payment, card) = (claimed.payment.id, self.chaos.next());
        match self.call((payment.0, "confirm", key), |provider| provider.confirm(payment, card)) {
            CallOutcome::Object(seen) | CallOutcome::Refused { object: Some(seen), .. } => {
                self.conclude(claimed, seen, Source::Answer)
            }
            CallOutcome::NotSent { .. } => self.postpone(claimed, false, false),
            CallOutcome::Unknown { key_spent, .. } => self.postpone(claimed, true, key_spent),
            CallOutcome::Refused { object: None, .. } => unreachable!("it shows the object"),
        }
    }

    fn conclude(&mut self, claimed: &AttemptJob, seen: ProviderStatus, source: Source) -> Drive {
        match seen {
            ProviderStatus::Declined(failure) => {
                let (job, token) = (claimed.job.id, claimed.job.token);
                self.submit(RecordDecline { job, token, payment: claimed.payment.id, failure })?;
                self.cancel_object(claimed, source)
            }
            ProviderStatus::NeedsAction(_) | ProviderStatus::Unconfirmed if self.must_end(claimed) => {
                self.cancel_object(claimed, source)
            }
            seen => self.settle(claimed, seen, source, None),
        }
    }

    fn cancel_object(&mut self, claimed: &AttemptJob, source: Source) -> Drive {
        let (payment, key) = (claimed.payment.id, claimed.job.token);
        match self.call((claimed.attempt.id.0, "cancel", key), |provider| provider.cancel(payment)) {
            CallOutcome::Object(seen) | CallOutcome::Refused { object: Some(seen), .. } => {
                self.settle(claimed, seen, source, None)
            }
            _ => self.postpone(claimed, true, false),
        }
    }

    /// A capture or a void.
    fn release(&mut self, claimed: &AttemptJob) -> Drive {
        let payment = claimed.payment.id;
        let capture = claimed.attempt.kind == AttemptKind::Capture;
        if claimed.payment.provider_ref.is_none() {
            return self.postpone(claimed, false, false);
        }
        let key = if claimed.attempt.state.is(attempt::State::Created) {
            match self.mark_sent(claimed, None)? {
                Some(key) => key,
                None => return self.abandon(claimed),
            }
        } else {
            let CallOutcome::Object(seen) = self.fetch(|provider| provider.fetch(payment)) else {
                return self.postpone(claimed, true, false);
            };
            let ended = matches!(seen, ProviderStatus::Cancelled | ProviderStatus::Captured { .. });
            let stands = matches!(seen, ProviderStatus::Authorized { .. }) || (!capture && !ended);
            if !stands || claimed.attempt.state.is_final() {
                return self.settle(claimed, seen, Source::Fetched, None);
            }
            match self.mark_sent(claimed, None)? {
                Some(key) => key,
                None => return self.settle(claimed, seen, Source::Fetched, None),
            }
        };
        let (id, amount_minor) = (claimed.attempt.id.0, claimed.attempt.amount_minor);
        let outcome = if capture {
            self.call((id, "capture", key), |provider| provider.capture(payment, amount_minor))
        } else {
            self.call((id, "cancel", claimed.job.token), |provider| provider.cancel(payment))
        };
        match outcome {
            CallOutcome::Object(seen) => self.settle(claimed, seen, Source::Answer, None),
            CallOutcome::Refused { code, cause, object } => {
                let refused = Failure { code, retryable: false, cause };
                self.settle(claimed, object.unwrap(), Source::Answer, Some(refused))
            }
            CallOutcome::NotSent { .. } => self.postpone(claimed, false, false),
            CallOutcome::Unknown { key_spent, .. } => self.postpone(claimed, true, key_spent && capture),
        }
    }

    fn refund(&mut self, claimed: &AttemptJob) -> Drive {
        let refund = claimed.refund.as_ref().unwrap();
        let (id, payment, amount_minor) = (refund.id, refund.payment, refund.amount_minor);
        let created = claimed.attempt.state.is(attempt::State::Created);
        if !created {
            match self.fetch(|provider| provider.find(id)) {
                CallOutcome::Object(Some((index, status))) => {
                    let outcome = self.refund_seen(index, status);
                    return self.settle_refund(claimed, outcome);
                }
                CallOutcome::Object(None) => {}
                _ => return self.postpone(claimed, true, false),
            }
        }
        let Some(key) = self.mark_sent(claimed, None)? else {
            return if created { self.abandon(claimed) } else { self.postpone(claimed, true, false) };
        };
        let slow = self.chaos.next().is_multiple_of(4);
        let outcome = self.call((id.0, "refund", key), |provider| {
            provider.refund((Some(id), key), payment, amount_minor, slow)
        });
        let outcome = match outcome {
            CallOutcome::Object((index, status)) => self.refund_seen(index, status),
            CallOutcome::Refused { code, cause, .. } => {
                RefundOutcome::Refused(Failure { code, retryable: false, cause })
            }
            CallOutcome::NotSent { .. } => return self.postpone(claimed, false, false),
            CallOutcome::Unknown { key_spent, .. } => return self.postpone(claimed, true, key_spent),
        };
        self.settle_refund(claimed, outcome)
    }

    fn settle_refund(&mut self, claimed: &AttemptJob, outcome: RefundOutcome) -> Drive {
        let by = ObservedBy::Job { job: claimed.job.id, token: claimed.job.token };
        let (refund, payment) = (claimed.attempt.refund.unwrap(), claimed.payment.id);
        self.submit(SettleRefund {
            by,
            refund,
            payment,
            outcome,
            mark: None,
            may_be_ours: false,
            recheck: RECHECK,
        })
        .map(drop)
    }

    fn must_end(&self, claimed: &AttemptJob) -> bool {
        let late = self.world.now >= claimed.attempt.deadline_at;
        claimed.payment.void_requested || (!claimed.attempt.state.is_final() && late)
    }

    fn mark_sent(&mut self, claimed: &AttemptJob, object: Option<String>) -> Result<Option<i64>, Gone> {
        let (attempt, token) = (claimed.attempt.id, claimed.job.token);
        let reply = self.submit(MarkSent {
            attempt,
            token,
            payment: claimed.payment.id,
            object,
            api: None,
            another_key_after: ANOTHER_KEY_AFTER,
        })?;
        let Reply::Send(key) = reply else { panic!("not a leave to send: {reply:?}") };
        Ok(key)
    }

    fn abandon(&mut self, claimed: &AttemptJob) -> Drive {
        let (attempt, token, payment) = (claimed.attempt.id, claimed.job.token, claimed.payment.id);
        let (refund, failure) = (claimed.attempt.refund, Failure::not_sent("provider_contradicts", false));
        self.submit(Abandon { attempt, token, payment, refund, failure, refused_at_first: false }).map(drop)
    }

    fn settle(
        &mut self,
        claimed: &AttemptJob,
        seen: ProviderStatus,
        source: Source,
        refused: Option<Failure>,
    ) -> Drive {
        let settle = Settle {
            by: ObservedBy::Job { job: claimed.job.id, token: claimed.job.token },
            payment: claimed.payment.id,
            attempt: claimed.attempt.id,
            observation: seen_of(&self.world, claimed.payment.id, seen),
            source,
            refused,
            recheck: RECHECK,
            deadline: DEADLINE,
        };
        self.submit(settle).map(drop)
    }

    fn postpone(&mut self, claimed: &AttemptJob, lost_sight: bool, key_spent: bool) -> Drive {
        let refund = claimed.attempt.refund;
        let pause = Span::seconds(1);
        let put_off = put_off(claimed.job.id, claimed.job.token, claimed.payment.id);
        self.submit(Postpone { refund, pause, lost_sight, key_spent, ..put_off }).map(drop)
    }

    /// A webhook arrives as an event of its own. An event that is ahead of its payment is repeated.
    pub fn deliver(&mut self, news: &News) {
        let by = ObservedBy::Event(self.world.record());
        match news.clone() {
            News::Payment(payment, status) => {
                let observation = seen_of(&self.world, payment, status);
                let (attempt, source, refused) = (payment.into(), Source::Webhook, None);
                let (recheck, deadline) = (RECHECK, DEADLINE);
                let settle = Settle { by, payment, attempt, observation, source, refused, recheck, deadline };
                self.run_system(&settle);
            }
            News::Refund(index, status) => {
                let made = &self.provider.returns[index];
                let payment = made.payment;
                let outside = RefundId::at_provider(account(), &return_object(index));
                let (mark, outcome) = (made.refund, self.refund_seen(index, status));
                let refund = mark.unwrap_or(outside);
                let own = SettleRefund {
                    by,
                    refund,
                    payment,
                    outcome,
                    mark: None,
                    may_be_ours: false,
                    recheck: RECHECK,
                };
                let mut answer = self.world.run(&own);
                if let CommandResult::Refused(Refusal::RefundNotFound) = answer {
                    answer = self.world.run(&SettleRefund { refund: outside, mark, ..own });
                }
                if let CommandResult::Refused(Refusal::PaymentIsBehind) = answer {
                    self.provider.news.push(news.clone());
                }
            }
        }
    }

    fn refund_seen(&self, index: usize, status: RefundStatus) -> RefundOutcome {
        let made = &self.provider.returns[index];
        let (object, amount_minor) = (return_object(index), made.amount_minor);
        let currency = self.world.get::<Payment>(made.payment).currency;
        RefundOutcome::Seen(RefundObservation { object, status, amount_minor, currency, incoming: None })
    }
}

fn seen_of(world: &TestWorld, payment: PaymentId, status: ProviderStatus) -> Observation {
    let row: Payment = world.get(payment);
    let (amount_minor, currency) = (row.amount_minor, row.currency);
    let (object, incoming) = (object(payment), Vec::new());
    Observation { object, status, amount_minor, currency, capture_before: None, saved_method: None, incoming }
}
