//! A small payment provider with books of its own, which moves only as a lawful one does.

use std::collections::BTreeMap;
use std::vec::Vec;

use crate::provider::{Heard, RefundStatus, Status};
use crate::rows::{Failure, NextAction};
use crate::{PaymentId, RefundId};

pub struct Object {
    pub amount_minor: i64,
    pub manual: bool,
    pub status: Status,
    /// How often money was taken.
    pub captures: u32,
    pub taken_minor: i64,
    pub returned_minor: i64,
}

pub struct Return {
    pub payment: PaymentId,
    pub amount_minor: i64,
    pub status: RefundStatus,
}

/// What a webhook will tell, as it was when it happened.
#[derive(Clone)]
pub enum News {
    Payment(PaymentId, Status),
    Refund(RefundId, RefundStatus),
}

#[derive(Default)]
pub struct Teller {
    pub objects: BTreeMap<PaymentId, Object>,
    pub returns: BTreeMap<RefundId, Return>,
    pub news: Vec<News>,
}

fn declined() -> Status {
    Status::Declined(Failure { code: "card_declined".into(), retryable: true })
}

impl Teller {
    /// The same bytes under the same key make the same object.
    pub fn create(&mut self, payment: PaymentId, amount_minor: i64, manual: bool) -> Heard<Status> {
        self.objects.entry(payment).or_insert(Object {
            amount_minor,
            manual,
            status: Status::Unconfirmed,
            captures: 0,
            taken_minor: 0,
            returned_minor: 0,
        });
        self.fetch(payment)
    }

    pub fn fetch(&mut self, payment: PaymentId) -> Heard<Status> {
        Heard::Object(self.objects[&payment].status.clone())
    }

    pub fn confirm(&mut self, payment: PaymentId, card: u8) -> Heard<Status> {
        if !matches!(self.objects[&payment].status, Status::Unconfirmed | Status::Declined(_)) {
            return self.refuse(payment);
        }
        match card % 4 {
            0 => self.move_to(payment, declined()),
            1 => {
                self.move_to(
                    payment,
                    Status::NeedsAction(NextAction::UseProviderSdk { client_secret: None }),
                );
            }
            2 => self.move_to(payment, Status::Processing),
            _ => self.secure(payment),
        }
        self.fetch(payment)
    }

    /// The customer, or the bank, comes to an end with it.
    pub fn conclude(&mut self, payment: PaymentId, well: bool) {
        if matches!(self.objects[&payment].status, Status::NeedsAction(_) | Status::Processing) {
            if well { self.secure(payment) } else { self.move_to(payment, declined()) }
        }
    }

    pub fn capture(&mut self, payment: PaymentId, amount_minor: i64) -> Heard<Status> {
        if !matches!(self.objects[&payment].status, Status::Authorized { .. }) {
            return self.refuse(payment);
        }
        self.take(payment, amount_minor);
        self.fetch(payment)
    }

    pub fn cancel(&mut self, payment: PaymentId) -> Heard<Status> {
        let ends = matches!(
            self.objects[&payment].status,
            Status::Unconfirmed | Status::Declined(_) | Status::NeedsAction(_) | Status::Authorized { .. }
        );
        if !ends {
            return self.refuse(payment);
        }
        self.move_to(payment, Status::Cancelled);
        self.fetch(payment)
    }

    /// Idempotent by its key, and findable by its reference.
    pub fn refund(
        &mut self,
        refund: RefundId,
        payment: PaymentId,
        amount_minor: i64,
        slow: bool,
    ) -> Heard<RefundStatus> {
        if !self.returns.contains_key(&refund) {
            let object = &self.objects[&payment];
            let going: i64 = self
                .returns
                .values()
                .filter(|other| other.payment == payment)
                .map(|other| other.amount_minor)
                .sum();
            if going + amount_minor > object.taken_minor {
                return Heard::Refused { code: "amount_too_large".into(), object: None };
            }
            self.returns.insert(refund, Return { payment, amount_minor, status: RefundStatus::Pending });
            self.news.push(News::Refund(refund, RefundStatus::Pending));
            if !slow {
                self.pay_back(refund);
            }
        }
        Heard::Object(self.returns[&refund].status.clone())
    }

    pub fn pay_back(&mut self, refund: RefundId) {
        let back = self.returns.get_mut(&refund).unwrap();
        if back.status == RefundStatus::Pending {
            back.status = RefundStatus::Succeeded;
            self.objects.get_mut(&back.payment).unwrap().returned_minor += back.amount_minor;
            self.news.push(News::Refund(refund, RefundStatus::Succeeded));
        }
    }

    fn refuse(&self, payment: PaymentId) -> Heard<Status> {
        let object = Some(self.objects[&payment].status.clone());
        Heard::Refused { code: "unexpected_state".into(), object }
    }

    fn secure(&mut self, payment: PaymentId) {
        let Object { amount_minor, manual, .. } = self.objects[&payment];
        if manual {
            self.move_to(payment, Status::Authorized { amount_minor });
        } else {
            self.take(payment, amount_minor);
        }
    }

    fn take(&mut self, payment: PaymentId, amount_minor: i64) {
        let object = self.objects.get_mut(&payment).unwrap();
        object.captures += 1;
        object.taken_minor += amount_minor;
        self.move_to(payment, Status::Captured { amount_minor });
    }

    fn move_to(&mut self, payment: PaymentId, status: Status) {
        self.objects.get_mut(&payment).unwrap().status = status.clone();
        // One move is often told by several events.
        self.news.push(News::Payment(payment, status.clone()));
        self.news.push(News::Payment(payment, status));
    }
}
