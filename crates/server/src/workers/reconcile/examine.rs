//! Compares objects of the provider with our rows.

use std::collections::BTreeMap;

use domain::provider::{FeeAtProvider, PaymentAtProvider, RefundAtProvider};
use domain::reconciliation::{
    FeeComparison, FoundDifference, compare_fee, compare_ledger, compare_payment, compare_refund,
    without_payment, without_refund,
};
use domain::rows::{Difference, DifferenceKind, Refund};
use domain::{DifferenceId, PaymentId, RefundId};
use store::queries::PaymentRows;
use uuid::Uuid;

use super::{Halt, RunAtWork};

/// What the comparison of a page found.
#[derive(Default)]
pub(super) struct Examined {
    pub found: Vec<FoundDifference>,
    /// Settled at once by the provider's own object.
    pub repaired: Vec<FoundDifference>,
    pub vanished: Vec<DifferenceId>,
    /// Our payments, refunds and payouts that were met.
    pub marks: Vec<Uuid>,
}

impl Examined {
    pub fn add(&mut self, other: Examined) {
        self.found.extend(other.found);
        self.repaired.extend(other.repaired);
        self.vanished.extend(other.vanished);
        self.marks.extend(other.marks);
    }
}

/// The payments of a page, by their ids.
type Payments = BTreeMap<PaymentId, PaymentRows>;

/// First by the provider's id, whatever the reference is.
fn own_payment<'p>(payments: &'p Payments, seen: &PaymentAtProvider) -> Option<&'p PaymentRows> {
    let by_reference = seen.reference.and_then(|reference| payments.get(&reference));
    with_object(payments, &seen.observation.object).or(by_reference)
}

fn with_object<'p>(payments: &'p Payments, object: &str) -> Option<&'p PaymentRows> {
    payments.values().find(|rows| rows.payment.provider_ref.as_deref() == Some(object))
}

impl RunAtWork<'_> {
    /// Our refund: by our reference, by the provider's id, or one that was found at the provider before.
    fn own_refund<'r>(&self, rows: &'r PaymentRows, seen: &RefundAtProvider) -> Option<&'r Refund> {
        let object = &seen.observation.object;
        let outside = RefundId::at_provider(self.run.account, object);
        let by = |refund: &&Refund| refund.provider_ref.as_ref() == Some(object) || refund.id == outside;
        let by_reference =
            |refund: &&Refund| Some(refund.id) == seen.reference && refund.provider_ref.is_none();
        rows.refunds.iter().find(by).or_else(|| rows.refunds.iter().find(by_reference))
    }

    pub(super) async fn examine(
        &self,
        payments: Vec<PaymentAtProvider>,
        refunds: Vec<RefundAtProvider>,
    ) -> Result<Examined, Halt> {
        let mut examined = Examined::default();
        let mut own = self.own_payments(&payments, &refunds).await?;
        for seen in &payments {
            self.examine_payment(&mut own, seen, &mut examined).await?;
        }
        for seen in &refunds {
            self.examine_refund(&mut own, seen, &mut examined).await?;
        }
        let own: Vec<PaymentRows> = own.into_values().collect();
        examined.add(Self::examine_ledgers(&own));
        let seen_payments = payments.iter().map(|seen| seen.observation.object.clone());
        let seen_refunds = refunds.iter().map(|seen| seen.observation.object.clone());
        let objects: Vec<String> = seen_payments.chain(seen_refunds).collect();
        let gone = self.vanished(&objects, &own, &examined).await?;
        examined.vanished.extend(gone);
        Ok(examined)
    }

    /// The payments that the objects are of, with their rows.
    async fn own_payments(
        &self,
        payments: &[PaymentAtProvider],
        refunds: &[RefundAtProvider],
    ) -> Result<Payments, Halt> {
        let of_payments = payments.iter().map(|seen| seen.observation.object.clone());
        let of_refunds = refunds.iter().map(|seen| seen.payment_object.clone());
        let objects: Vec<String> = of_payments.chain(of_refunds).collect();
        let references: Vec<PaymentId> = payments.iter().filter_map(|seen| seen.reference).collect();
        self.payments_with_rows(&objects, &references).await
    }

    /// The account's payments by the provider's ids, or by their own.
    async fn payments_with_rows(&self, objects: &[String], ids: &[PaymentId]) -> Result<Payments, Halt> {
        let store = &self.driver.store;
        let (tenant, account) = (self.run.tenant, self.run.account);
        let rows = store.payments_to_compare(tenant, account, objects, ids).await?;
        let rows = store.with_rows(tenant, rows).await?;
        Ok(rows.into_iter().map(|rows| (rows.payment.id, rows)).collect())
    }

    async fn reload(&self, own: &mut Payments, id: PaymentId) -> Result<(), Halt> {
        own.extend(self.payments_with_rows(&[], &[id]).await?);
        Ok(())
    }

    async fn examine_payment(
        &self,
        own: &mut Payments,
        seen: &PaymentAtProvider,
        examined: &mut Examined,
    ) -> Result<(), Halt> {
        let Some(rows) = own_payment(own, seen) else {
            examined.found.extend(without_payment(seen));
            return Ok(());
        };
        let id = rows.payment.id;
        if rows.payment.provider_ref.as_deref() == Some(seen.observation.object.as_str()) {
            examined.marks.push(id.0);
        }
        let Some(difference) = compare_payment(seen, &rows.payment) else { return Ok(()) };
        let Some(fresh) = self.apply_payment(rows, seen).await? else {
            examined.found.push(difference);
            return Ok(());
        };
        self.reload(own, id).await?;
        let seen = PaymentAtProvider { observation: fresh, ..seen.clone() };
        match own.get(&id).and_then(|rows| compare_payment(&seen, &rows.payment)) {
            Some(difference) => examined.found.push(difference),
            None => examined.repaired.push(difference),
        }
        Ok(())
    }

    async fn examine_refund(
        &self,
        own: &mut Payments,
        seen: &RefundAtProvider,
        examined: &mut Examined,
    ) -> Result<(), Halt> {
        // The object of a payment that is not ours is a difference of its own.
        let Some(rows) = with_object(own, &seen.payment_object) else { return Ok(()) };
        let id = rows.payment.id;
        let refund = self.own_refund(rows, seen);
        examined.marks.extend(refund.map(|refund| refund.id.0));
        let difference = match refund {
            Some(refund) => compare_refund(seen, refund),
            None => without_refund(seen, id),
        };
        let Some(difference) = difference else { return Ok(()) };
        let Some(fresh) = self.apply_refund(rows, refund, seen).await? else {
            examined.found.push(difference);
            return Ok(());
        };
        self.reload(own, id).await?;
        let seen = RefundAtProvider { observation: fresh, ..seen.clone() };
        let still = own.get(&id).and_then(|rows| match self.own_refund(rows, &seen) {
            Some(refund) => {
                examined.marks.push(refund.id.0);
                compare_refund(&seen, refund)
            }
            None => without_refund(&seen, id),
        });
        match still {
            Some(difference) => examined.found.push(difference),
            None => examined.repaired.push(difference),
        }
        Ok(())
    }

    /// Fees of payments that are not ours, or that are no payment's, are nobody's difference.
    pub(super) async fn examine_fees(&self, fees: Vec<FeeAtProvider>) -> Result<Examined, Halt> {
        let mut examined = Examined::default();
        if fees.is_empty() {
            return Ok(examined);
        }
        let objects: Vec<String> = fees.iter().map(|seen| seen.payment_object.clone()).collect();
        let own = self.payments_with_rows(&objects, &[]).await?;
        let mut shown = Vec::new();
        for seen in fees {
            let Some(rows) = with_object(&own, &seen.payment_object) else { continue };
            shown.push(seen.object.clone());
            match compare_fee(&seen, &rows.payment, &rows.movements) {
                FeeComparison::Agrees => {}
                FeeComparison::IsNew => self.record_fee(rows.payment.id, seen).await?,
                FeeComparison::Differs(difference) => examined.found.push(difference),
            }
        }
        examined.vanished = self.vanished(&shown, &[], &examined).await?;
        Ok(examined)
    }

    /// The movements of payments, against the ledger. What is not posted yet is no difference.
    pub(super) fn examine_ledgers(own: &[PaymentRows]) -> Examined {
        let mut examined = Examined::default();
        for rows in own.iter().filter(|rows| !rows.is_posting) {
            examined.found.extend(compare_ledger(&rows.payment, &rows.movements, &rows.transfers));
        }
        examined
    }

    /// Earlier differences of what was compared that are not there any more.
    pub(super) async fn vanished(
        &self,
        objects: &[String],
        own: &[PaymentRows],
        examined: &Examined,
    ) -> Result<Vec<DifferenceId>, Halt> {
        let store = &self.driver.store;
        let account = self.run.account;
        let payments: Vec<PaymentId> =
            own.iter().filter(|rows| !rows.is_posting).map(|rows| rows.payment.id).collect();
        let mut earlier = store.differences_of_objects(account, objects).await?;
        let of_ledger = store.differences_of_payments(self.run.tenant, &payments).await?;
        earlier.extend(of_ledger.into_iter().filter(|difference| is_of_ledger(difference.kind)));
        let is_there =
            |difference: &Difference| examined.found.iter().any(|found| found.id(account) == difference.id);
        Ok(earlier
            .iter()
            .filter(|difference| !is_there(difference))
            .map(|difference| difference.id)
            .collect())
    }
}

pub(super) fn is_of_ledger(kind: DifferenceKind) -> bool {
    matches!(
        kind,
        DifferenceKind::LedgerLacksTransfer
            | DifferenceKind::LedgerExtraTransfer
            | DifferenceKind::LedgerOtherAmount
    )
}
