//! Beneficiaries, completed bookings, and the payouts of their funds.

use super::*;
use crate::commands::{
    CompleteBooking, CreateBeneficiary, DueRelease, MarkPayoutSent, PayoutOutcome, PostponePayout,
    RecordPayout, RecordedOutcome, ReleaseFunds, SetSplit, SettlePayout,
};
use crate::provider::TransferObservation;
use crate::rows::{FundsRelease, Payout, Product};
use crate::split::{Portion, Share, SplitRule};
use crate::{BeneficiaryId, PayoutId, ReleaseId};

pub const DESTINATION: &str = "acct_guide";

impl TestWorld {
    /// One who is paid by a transfer, and one who is paid by hand.
    pub fn beneficiary(&mut self, transfer: bool) -> BeneficiaryId {
        let claim = self.claim();
        let created = self.run(&CreateBeneficiary {
            claim,
            mode: Mode::Test,
            name: "guide".into(),
            transfer: transfer.then(|| (account(), DESTINATION.into())),
            metadata: BTreeMap::new(),
        });
        let Reply::Beneficiary(created) = created.reply() else { panic!("a beneficiary was created") };
        created.id
    }

    pub fn set_split_command(&mut self, split: Option<SplitRule>) -> SetSplit {
        let version = self.get::<Product>(self.product).version;
        let (claim, product, all_units) = (self.claim(), self.product, vec![self.seat, self.child]);
        let (claim, tenant, by) = (Some(claim), TENANT, Actor::Client(CLIENT));
        SetSplit { claim, tenant, by, mode: Mode::Test, product, split, version, all_units }
    }

    /// 10 % and 50 for the platform, the rest for this one.
    pub fn split_with(&mut self, beneficiary: BeneficiaryId) {
        let split = SplitRule {
            platform_fee: Portion { basis_points: 1_000, fixed_minor: 50 },
            shares: vec![Share { beneficiary, portion: Portion::default() }],
            remainder: Some(beneficiary),
            release_after_days: 2,
        };
        let command = self.set_split_command(Some(split));
        self.run(&command).reply();
    }

    pub fn complete_command(&mut self, booking: BookingId, attended: bool) -> CompleteBooking {
        CompleteBooking { claim: self.claim(), booking, attended }
    }

    pub fn complete(&mut self, booking: BookingId) {
        let command = self.complete_command(booking, true);
        self.run(&command).reply();
    }

    /// What the timer's query finds.
    pub fn due(&self) -> Vec<DueRelease> {
        let is_due = |release: &FundsRelease| release.sweep_at.is_some_and(|at| at <= self.now);
        let releases = self.all::<FundsRelease>().into_iter().filter(is_due);
        let payments = |booking| {
            let own = self.all::<Payment>().into_iter().filter(move |one| one.booking == Some(booking));
            own.map(|payment| payment.id).collect()
        };
        releases.map(|one| DueRelease { booking: one.booking, payments: payments(one.booking) }).collect()
    }

    pub fn release_due(&mut self, due: Vec<DueRelease>) -> usize {
        let command = ReleaseFunds { due, amounts: ANY_AMOUNT };
        let Reply::Swept(released) = self.run(&command).reply() else { panic!("a sweep counts") };
        released
    }

    /// What the timer does.
    pub fn release_now(&mut self) -> usize {
        let due = self.due();
        self.release_due(due)
    }

    pub fn release(&self, booking: BookingId) -> FundsRelease {
        self.get(ReleaseId::from(booking))
    }

    pub fn payout(&self, id: PayoutId) -> Payout {
        self.get(id)
    }

    /// The number of the key under which the payout may be sent.
    pub fn send_payout(&mut self, payout: PayoutId) -> Option<i64> {
        let token = self.token(payout);
        let command = MarkPayoutSent { payout, token, another_key_after: ANOTHER_KEY_AFTER };
        let Reply::Send(key) = self.run(&command).reply() else { panic!("a permission to send") };
        key
    }

    pub fn transfer(&self, payout: PayoutId) -> TransferObservation {
        let row = self.payout(payout);
        TransferObservation {
            object: format!("tr_{}", payout.0.as_u128()),
            amount_minor: row.amount_minor,
            currency: row.currency,
            destination: DESTINATION.into(),
            reversed_minor: 0,
            own_reversals: Vec::new(),
        }
    }

    pub fn settle_payout_command(&mut self, payout: PayoutId, outcome: PayoutOutcome) -> SettlePayout {
        let token = self.token(payout);
        let by = ObservedBy::Job { job: JobId::from(payout), token };
        SettlePayout { by, payout, outcome }
    }

    pub fn payout_seen(&mut self, payout: PayoutId, seen: TransferObservation) {
        let command = self.settle_payout_command(payout, PayoutOutcome::Seen(seen));
        self.run(&command).reply();
    }

    pub fn payout_webhook(&mut self, payout: PayoutId, seen: TransferObservation) {
        let by = ObservedBy::Event(self.record());
        self.run(&SettlePayout { by, payout, outcome: PayoutOutcome::Seen(seen) }).reply();
    }

    pub fn postpone_payout(&mut self, payout: PayoutId, change: impl FnOnce(&mut PostponePayout)) {
        let token = self.token(payout);
        let mut command = PostponePayout {
            payout,
            token,
            pause: Span::seconds(1),
            lost_sight: false,
            key_spent: false,
            refused: None,
            reached_provider: true,
            error: None,
        };
        change(&mut command);
        self.run(&command).reply();
    }

    pub fn record_payout_command(&mut self, payout: PayoutId, outcome: RecordedOutcome) -> RecordPayout {
        RecordPayout {
            claim: self.claim(),
            mode: Mode::Test,
            payout,
            reversal: self.payout(payout).reversal,
            outcome,
            reference: "SEPA 7".into(),
            person: "Ana".into(),
            why: "paid on Monday".into(),
        }
    }
}
