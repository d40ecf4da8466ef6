//! A model of a payment provider with books of its own, which moves only as a correct provider
//! does. It keeps its first reply under a key, also an error of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::String;
use std::vec::Vec;
use uuid::Uuid;

use crate::provider::{CallOutcome, ProviderStatus, RefundStatus};
use crate::rows::{Failure, FailureCause, NextAction};
use crate::{PaymentId, RefundId};

pub struct Object {
    pub amount_minor: i64,
    pub manual: bool,
    pub status: ProviderStatus,
    /// How often money was captured.
    pub captures: u32,
    pub taken_minor: i64,
    pub returned_minor: i64,
}

pub struct Return {
    /// `None`: made at the provider.
    pub refund: Option<RefundId>,
    pub key_number: i64,
    pub payment: PaymentId,
    pub amount_minor: i64,
    pub status: RefundStatus,
}

/// The event of a later webhook, with the state of the object at its time.
#[derive(Clone)]
pub enum News {
    Payment(PaymentId, ProviderStatus),
    /// Its index in the list of returns.
    Refund(usize, RefundStatus),
}

/// A call under its key.
pub type Call = (Uuid, &'static str, i64);

#[derive(Default)]
pub struct ProviderModel {
    pub objects: BTreeMap<PaymentId, Object>,
    pub returns: Vec<Return>,
    pub news: Vec<News>,
    /// Keys with an error of the provider's own.
    pub kept: BTreeSet<Call>,
}

pub fn failure(code: &str, retryable: bool) -> Failure {
    Failure { code: code.into(), retryable, cause: FailureCause::Declined }
}

fn declined() -> ProviderStatus {
    ProviderStatus::Declined(failure("card_declined", true))
}

/// The provider's id of a refund.
pub fn return_object(index: usize) -> String {
    format!("re_{index}")
}

impl ProviderModel {
    /// The same bytes under the same key make the same object.
    pub fn create(
        &mut self,
        payment: PaymentId,
        amount_minor: i64,
        manual: bool,
    ) -> CallOutcome<ProviderStatus> {
        self.objects.entry(payment).or_insert(Object {
            amount_minor,
            manual,
            status: ProviderStatus::Unconfirmed,
            captures: 0,
            taken_minor: 0,
            returned_minor: 0,
        });
        self.fetch(payment)
    }

    pub fn fetch(&mut self, payment: PaymentId) -> CallOutcome<ProviderStatus> {
        CallOutcome::Object(self.objects[&payment].status.clone())
    }

    pub fn confirm(&mut self, payment: PaymentId, card: u8) -> CallOutcome<ProviderStatus> {
        if !matches!(self.objects[&payment].status, ProviderStatus::Unconfirmed | ProviderStatus::Declined(_))
        {
            return self.refuse(payment);
        }
        match card % 4 {
            0 => self.move_to(payment, declined()),
            1 => {
                self.move_to(
                    payment,
                    ProviderStatus::NeedsAction(NextAction::UseProviderSdk { client_secret: None }),
                );
            }
            2 => self.move_to(payment, ProviderStatus::Processing),
            _ => self.secure(payment),
        }
        self.fetch(payment)
    }

    /// The customer, or the bank, finishes the payment.
    pub fn conclude(&mut self, payment: PaymentId, well: bool) {
        if matches!(
            self.objects[&payment].status,
            ProviderStatus::NeedsAction(_) | ProviderStatus::Processing
        ) {
            if well { self.secure(payment) } else { self.move_to(payment, declined()) }
        }
    }

    pub fn capture(&mut self, payment: PaymentId, amount_minor: i64) -> CallOutcome<ProviderStatus> {
        if !matches!(self.objects[&payment].status, ProviderStatus::Authorized { .. }) {
            return self.refuse(payment);
        }
        self.take(payment, amount_minor);
        self.fetch(payment)
    }

    pub fn cancel(&mut self, payment: PaymentId) -> CallOutcome<ProviderStatus> {
        let ends = matches!(
            self.objects[&payment].status,
            ProviderStatus::Unconfirmed
                | ProviderStatus::Declined(_)
                | ProviderStatus::NeedsAction(_)
                | ProviderStatus::Authorized { .. }
        );
        if !ends {
            return self.refuse(payment);
        }
        self.move_to(payment, ProviderStatus::Cancelled);
        self.fetch(payment)
    }

    /// Idempotent by its key only: under another key it is made again.
    pub fn refund(
        &mut self,
        (refund, key_number): (Option<RefundId>, i64),
        payment: PaymentId,
        amount_minor: i64,
        slow: bool,
    ) -> CallOutcome<(usize, RefundStatus)> {
        let known =
            |made: &Return| refund.is_some() && (made.refund, made.key_number) == (refund, key_number);
        let index = self.returns.iter().position(known).unwrap_or(self.returns.len());
        if index == self.returns.len() {
            let of_payment = self.returns.iter().filter(|other| other.payment == payment);
            let going: i64 = of_payment.map(|other| other.amount_minor).sum();
            if going + amount_minor > self.objects[&payment].taken_minor {
                return CallOutcome::Refused {
                    code: "amount_too_large".into(),
                    cause: FailureCause::Declined,
                    object: None,
                };
            }
            let status = RefundStatus::Pending;
            self.returns.push(Return { refund, key_number, payment, amount_minor, status });
            self.news.push(News::Refund(index, RefundStatus::Pending));
            if !slow {
                self.pay_back(index);
            }
        }
        CallOutcome::Object((index, self.returns[index].status.clone()))
    }

    /// Finds a refund by our own reference.
    pub fn find(&self, refund: RefundId) -> CallOutcome<Option<(usize, RefundStatus)>> {
        let index = self.returns.iter().position(|made| made.refund == Some(refund));
        CallOutcome::Object(index.map(|index| (index, self.returns[index].status.clone())))
    }

    pub fn pay_back(&mut self, index: usize) {
        let back = &mut self.returns[index];
        if back.status == RefundStatus::Pending {
            back.status = RefundStatus::Succeeded;
            self.objects.get_mut(&back.payment).unwrap().returned_minor += back.amount_minor;
            self.news.push(News::Refund(index, RefundStatus::Succeeded));
        }
    }

    /// A person captures, cancels or refunds in the provider's dashboard.
    pub fn act_at_provider(&mut self, payment: PaymentId, what: u8) {
        let Some(object) = self.objects.get(&payment) else { return };
        let left = object.taken_minor - object.returned_minor;
        match (&object.status, what % 3) {
            (ProviderStatus::Authorized { amount_minor }, 0) => self.take(payment, *amount_minor),
            (ProviderStatus::Authorized { .. }, 1) => _ = self.cancel(payment),
            (ProviderStatus::Captured { .. }, _) if left > 1 => {
                _ = self.refund((None, 0), payment, left / 2, false);
            }
            _ => {}
        }
    }

    fn refuse(&self, payment: PaymentId) -> CallOutcome<ProviderStatus> {
        let object = Some(self.objects[&payment].status.clone());
        CallOutcome::Refused { code: "unexpected_state".into(), cause: FailureCause::Declined, object }
    }

    fn secure(&mut self, payment: PaymentId) {
        let Object { amount_minor, manual, .. } = self.objects[&payment];
        if manual {
            self.move_to(payment, ProviderStatus::Authorized { amount_minor });
        } else {
            self.take(payment, amount_minor);
        }
    }

    fn take(&mut self, payment: PaymentId, amount_minor: i64) {
        let object = self.objects.get_mut(&payment).unwrap();
        object.captures += 1;
        object.taken_minor += amount_minor;
        self.move_to(payment, ProviderStatus::Captured { amount_minor });
    }

    fn move_to(&mut self, payment: PaymentId, status: ProviderStatus) {
        self.objects.get_mut(&payment).unwrap().status = status.clone();
        // One move often has several events.
        self.news.push(News::Payment(payment, status.clone()));
        self.news.push(News::Payment(payment, status));
    }
}
