//! The transfers of an account, against our payouts.
//!
//! A transfer that is ahead of our payout is a lost webhook: it is fetched, and submitted as any fetched
//! transfer is. What contradicts the payout (another amount, another destination, a second transfer) is a
//! difference and is not submitted: each submission could open another review case.

use std::collections::BTreeMap;

use domain::PayoutId;
use domain::commands::{ObservedBy, PayoutOutcome, SettlePayout};
use domain::provider::{TransferAtProvider, TransferObservation};
use domain::reconciliation::{compare_payout, missing_payout, without_payout};
use domain::rows::{Difference, DifferenceKind, Payout, ReconciliationStage};
use providers::Payouts;
use store::queries::Cursor;
use uuid::Uuid;

use super::examine::Examined;
use super::pages::{FetchedObject, ROWS, fetched, read};
use super::{Halt, RunAtWork, RunPage};

/// The payouts of a page, by their ids.
type OwnPayouts = BTreeMap<PayoutId, Payout>;

/// First by the provider's id, whatever the reference is.
fn own_payout<'p>(payouts: &'p OwnPayouts, seen: &TransferAtProvider) -> Option<&'p Payout> {
    let object = &seen.observation.object;
    let by_object = payouts.values().find(|payout| payout.provider_ref.as_ref() == Some(object));
    by_object.or_else(|| seen.reference.and_then(|reference| payouts.get(&reference)))
}

/// Whether the difference is about a transfer.
pub(super) fn is_of_transfer(difference: &Difference) -> bool {
    difference.payout.is_some() || difference.kind == DifferenceKind::ForeignTransfer
}

impl RunAtWork<'_> {
    pub(super) async fn examine_transfers(
        &self,
        transfers: Vec<TransferAtProvider>,
    ) -> Result<Examined, Halt> {
        let mut examined = Examined::default();
        if transfers.is_empty() {
            return Ok(examined);
        }
        let objects: Vec<String> = transfers.iter().map(|seen| seen.observation.object.clone()).collect();
        let references: Vec<PayoutId> = transfers.iter().filter_map(|seen| seen.reference).collect();
        let mut own = self.own_payouts(&objects, &references).await?;
        for seen in &transfers {
            self.examine_transfer(&mut own, seen, &mut examined).await?;
        }
        let gone = self.vanished(&objects, &[], &examined).await?;
        examined.vanished.extend(gone);
        Ok(examined)
    }

    async fn own_payouts(&self, objects: &[String], ids: &[PayoutId]) -> Result<OwnPayouts, Halt> {
        let (tenant, account) = (self.run.tenant, self.run.account);
        let rows = self.driver.store.payouts_to_compare(tenant, account, objects, ids).await?;
        Ok(rows.into_iter().map(|payout| (payout.id, payout)).collect())
    }

    async fn examine_transfer(
        &self,
        own: &mut OwnPayouts,
        seen: &TransferAtProvider,
        examined: &mut Examined,
    ) -> Result<(), Halt> {
        let Some(payout) = own_payout(own, seen) else {
            examined.found.extend(without_payout(seen));
            return Ok(());
        };
        let id = payout.id;
        if payout.provider_ref.as_ref() == Some(&seen.observation.object) {
            examined.marks.push(id.0);
        }
        let Some(difference) = compare_payout(seen, payout) else { return Ok(()) };
        if difference.kind != DifferenceKind::StateBehind {
            examined.found.push(difference);
            return Ok(());
        }
        let Some(fresh) = self.apply_transfer(id, &seen.observation.object).await? else {
            examined.found.push(difference);
            return Ok(());
        };
        own.extend(self.own_payouts(&[], &[id]).await?);
        let seen = TransferAtProvider { observation: fresh, ..seen.clone() };
        if let Some(difference) = own.get(&id).and_then(|payout| compare_payout(&seen, payout)) {
            examined.found.push(difference);
        } else {
            examined.marks.push(id.0);
            examined.repaired.push(difference);
        }
        Ok(())
    }

    /// Returns the fetched transfer if it was submitted.
    async fn apply_transfer(
        &self,
        payout: PayoutId,
        object: &str,
    ) -> Result<Option<TransferObservation>, Halt> {
        let FetchedObject::Shown(observation) = fetched(self.provider.fetch_transfer(object).await)? else {
            return Ok(None);
        };
        let by = ObservedBy::LookUp { job: self.job.id, token: self.job.token };
        let settle = SettlePayout { by, payout, outcome: PayoutOutcome::Seen(observation.clone()) };
        Ok(self.submitted(settle).await?.then_some(observation))
    }

    pub(super) async fn payouts_page(&self) -> Result<RunPage, Halt> {
        if self.provider.capabilities().payouts == Payouts::None {
            let progress = Self::after_rows(ReconciliationStage::Payouts, 0, None);
            return Ok(RunPage { examined: Examined::default(), progress });
        }
        let store = &self.driver.store;
        let after = read(self.run.cursor.as_deref())?;
        let (tenant, account) = (self.run.tenant, self.run.account);
        let rows = store.payouts_of_account(tenant, account, self.window(), after, ROWS).await?;
        let last = rows.last().map(|row| Cursor { created_at: row.created_at, id: row.id.0 });
        let progress = Self::after_rows(ReconciliationStage::Payouts, rows.len(), last);
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
        let marked = store.marked(self.run.id, &ids).await?;
        let mut examined = Examined::default();
        let mut shown = Vec::new();
        for payout in rows.iter().filter(|row| !marked.contains(&row.id.0)) {
            let Some(object) = &payout.provider_ref else { continue };
            match fetched(self.provider.fetch_transfer(object).await)? {
                FetchedObject::Shown(observation) => shown.push(TransferAtProvider {
                    reference: Some(payout.id),
                    observation,
                    created_at: payout.created_at,
                }),
                FetchedObject::Missing => examined.found.extend(missing_payout(payout)),
            }
        }
        examined.add(self.examine_transfers(shown).await?);
        Ok(RunPage { examined, progress })
    }

    /// A difference of an earlier run, by its transfer.
    pub(super) async fn recheck_transfer(&self, difference: &Difference) -> Result<Examined, Halt> {
        match fetched(self.provider.fetch_transfer(&difference.object).await)? {
            FetchedObject::Shown(observation) => {
                let seen = TransferAtProvider {
                    // A fetched transfer shows no reference: which payout it named is known from before.
                    reference: difference.payout,
                    observation,
                    created_at: difference.object_at,
                };
                self.examine_transfers(vec![seen]).await
            }
            FetchedObject::Missing => {
                let own = self.own_payouts(std::slice::from_ref(&difference.object), &[]).await?;
                let mut examined = Examined::default();
                examined.found.extend(own.values().filter_map(missing_payout));
                Ok(examined)
            }
        }
    }
}
