//! Refunds of the world's payments, and refunds that a person makes at the provider.

use super::*;

impl TestWorld {
    pub fn refund_command(&mut self, payment: PaymentId, amount_minor: Option<i64>) -> StartRefund {
        StartRefund {
            claim: self.claim(),
            payment,
            mode: Mode::Test,
            amount: amount_minor.map(eur),
            reason: None,
            metadata: BTreeMap::new(),
            amounts: ANY_AMOUNT,
            deadline: DEADLINE,
            lease: Some(LEASE),
        }
    }

    pub fn refund(&mut self, payment: PaymentId, amount_minor: Option<i64>) -> RefundId {
        let command = self.refund_command(payment, amount_minor);
        let Reply::Started(started) = self.run(&command).reply() else { panic!("a refund was started") };
        started.refund.unwrap().id
    }

    pub fn refund_seen(&self, refund: RefundId, status: RefundStatus) -> RefundOutcome {
        let row: Refund = self.get(refund);
        RefundOutcome::Seen(RefundObservation {
            object: format!("re_{}", refund.0.as_u128()),
            status,
            amount_minor: row.amount_minor,
            currency: row.currency,
            incoming: None,
        })
    }

    pub fn settle_refund_command(&mut self, refund: RefundId, outcome: RefundOutcome) -> SettleRefund {
        let token = self.token(refund);
        let payment = self.get::<Refund>(refund).payment;
        let by = ObservedBy::Job { job: JobId(refund.0), token };
        SettleRefund { by, refund, payment, outcome, mark: None, may_be_ours: false, recheck: RECHECK }
    }

    pub fn refund_answer(&mut self, refund: RefundId, status: RefundStatus) {
        let outcome = self.refund_seen(refund, status);
        let command = self.settle_refund_command(refund, outcome);
        self.run(&command).reply();
    }

    pub fn refund_webhook(&mut self, refund: RefundId, status: RefundStatus) {
        let outcome = self.refund_seen(refund, status);
        let payment = self.get::<Refund>(refund).payment;
        let by = ObservedBy::Event(self.record());
        self.run(&SettleRefund {
            by,
            refund,
            payment,
            outcome,
            mark: None,
            may_be_ours: false,
            recheck: RECHECK,
        })
        .reply();
    }

    /// An event about a refund that a person made at the provider.
    pub fn refund_at_provider(
        &mut self,
        payment: PaymentId,
        object: &str,
        amount_minor: i64,
        status: RefundStatus,
    ) -> CommandResult {
        let command = self.refund_event(payment, object, amount_minor, status);
        self.run(&command)
    }

    /// An event about a refund without our metadata.
    pub fn refund_event(
        &mut self,
        payment: PaymentId,
        object: &str,
        amount_minor: i64,
        status: RefundStatus,
    ) -> SettleRefund {
        let seen = RefundObservation {
            object: object.into(),
            status,
            amount_minor,
            currency: Currency::EUR,
            incoming: None,
        };
        let refund = RefundId::at_provider(account(), object);
        let (by, outcome) = (ObservedBy::Event(self.record()), RefundOutcome::Seen(seen));
        SettleRefund { by, refund, payment, outcome, mark: None, may_be_ours: false, recheck: RECHECK }
    }
}
