//! The pages of each stage.

use domain::commands::RunProgress;
use domain::lifecycle::refund::State as RefundState;
use domain::provider::{CallOutcome, FeeAtProvider, PaymentAtProvider, RefundAtProvider};
use domain::reconciliation::{FeeComparison, compare_fee, missing_payment, missing_refund};
use domain::rows::{Difference, DifferenceKind, Payment, ReconciliationStage, Refund};
use domain::{DifferenceId, Money, PaymentId, Timestamp};
use providers::{ListedObjects, ListedPage};
use store::queries::{Cursor, PaymentRows};
use uuid::Uuid;

use super::examine::{Examined, is_of_ledger};
use super::transfers::is_of_transfer;
use super::{Halt, RunAtWork, RunPage};

/// Rows of ours per page.
pub(super) const ROWS: usize = 50;

/// What a fetch by id shows.
pub(super) enum FetchedObject<O> {
    Shown(O),
    /// The provider has no such object. That disproves no call in flight.
    Missing,
}

pub(super) fn fetched<O>(outcome: CallOutcome<O>) -> Result<FetchedObject<O>, Halt> {
    match outcome {
        CallOutcome::Object(object) => Ok(FetchedObject::Shown(object)),
        CallOutcome::Refused { code, .. } if code == "resource_missing" => Ok(FetchedObject::Missing),
        other => other.shown().map(FetchedObject::Shown).map_err(Halt::Failed),
    }
}

fn write(cursor: Cursor) -> String {
    format!("{}/{}", cursor.created_at.0, cursor.id)
}

pub(super) fn read(text: Option<&str>) -> Result<Option<Cursor>, Halt> {
    let Some(text) = text else { return Ok(None) };
    let cursor = text.split_once('/').and_then(|(at, id)| {
        Some(Cursor { created_at: Timestamp(at.parse().ok()?), id: id.parse::<Uuid>().ok()? })
    });
    cursor.map(Some).ok_or_else(|| Halt::Failed("the run's cursor cannot be read".to_owned()))
}

impl RunAtWork<'_> {
    pub(super) fn window(&self) -> (Timestamp, Timestamp) {
        (self.run.begins_at, self.run.ends_at)
    }

    /// The progress after a page of rows: the cursor of the next page, or the next stage.
    pub(super) fn after_rows(stage: ReconciliationStage, rows: usize, last: Option<Cursor>) -> RunProgress {
        let more = last.filter(|_| rows == ROWS);
        let next = stage.next().unwrap_or(ReconciliationStage::Clear);
        RunProgress {
            stage: if more.is_some() { stage } else { next },
            cursor: more.map(write),
            provider_objects: 0,
            own_objects: rows as i64,
        }
    }

    pub(super) async fn provider_page(&self) -> Result<RunPage, Halt> {
        let (from, before) = self.window();
        let done = RunProgress {
            stage: ReconciliationStage::Payments,
            cursor: None,
            provider_objects: 0,
            own_objects: 0,
        };
        if self.provider.capabilities().listing == ListedObjects::Nothing {
            return Ok(RunPage { examined: Examined::default(), progress: done });
        }
        let listed = self.provider.listed(from, before, self.run.cursor.as_deref()).await;
        let mut page = listed.shown().map_err(Halt::Failed)?;
        if fault_injection::is(fault_injection::InjectedFault::ReconciliationSkipsPage) && self.run.pages > 0
        {
            page = ListedPage { next: page.next, ..ListedPage::default() };
        }
        if fault_injection::is(fault_injection::InjectedFault::FeesNotRead) {
            page.fees.clear();
        }
        let ListedPage { payments, refunds, transfers, fees, next } = page;
        let provider_objects = (payments.len() + refunds.len() + transfers.len() + fees.len()) as i64;
        let mut examined = self.examine(payments, refunds).await?;
        examined.add(self.examine_transfers(transfers).await?);
        examined.add(self.examine_fees(fees).await?);
        let progress = match next {
            Some(next) => RunProgress {
                stage: ReconciliationStage::Provider,
                cursor: Some(next),
                provider_objects,
                own_objects: 0,
            },
            None => RunProgress { provider_objects, ..done },
        };
        Ok(RunPage { examined, progress })
    }

    pub(super) async fn payments_page(&self) -> Result<RunPage, Halt> {
        let store = &self.driver.store;
        let after = read(self.run.cursor.as_deref())?;
        let (tenant, account) = (self.run.tenant, self.run.account);
        let rows = store.payments_of_account(tenant, account, self.window(), after, ROWS).await?;
        let last = rows.last().map(|row| Cursor { created_at: row.created_at, id: row.id.0 });
        let progress = Self::after_rows(ReconciliationStage::Payments, rows.len(), last);
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
        let marked = store.marked(self.run.id, &ids).await?;
        let unseen: Vec<Payment> = rows.into_iter().filter(|row| !marked.contains(&row.id.0)).collect();
        let mut examined = Examined::default();
        let mut shown = Vec::new();
        for row in store.with_rows(tenant, unseen).await? {
            if let Some(seen) = self.fetch_own(&row, &mut examined).await? {
                shown.push(seen);
            }
        }
        examined.add(self.examine(shown, Vec::new()).await?);
        Ok(RunPage { examined, progress })
    }

    /// The object of a payment that the list did not show.
    async fn fetch_own(
        &self,
        rows: &PaymentRows,
        examined: &mut Examined,
    ) -> Result<Option<PaymentAtProvider>, Halt> {
        let payment = &rows.payment;
        let Some(object) = &payment.provider_ref else { return Ok(None) };
        match fetched(self.provider.fetch(object).await)? {
            FetchedObject::Shown(observation) => Ok(Some(PaymentAtProvider {
                reference: Some(payment.id),
                observation,
                refunded_minor: None,
                created_at: payment.created_at,
            })),
            FetchedObject::Missing => {
                if !rows.is_under_way {
                    examined.found.extend(missing_payment(payment));
                }
                Ok(None)
            }
        }
    }

    pub(super) async fn refunds_page(&self) -> Result<RunPage, Halt> {
        let store = &self.driver.store;
        let after = read(self.run.cursor.as_deref())?;
        let tenant = self.run.tenant;
        let rows = store.refunds_made(tenant, self.window(), after, ROWS).await?;
        let last = rows.last().map(|row| Cursor { created_at: row.created_at, id: row.id.0 });
        let progress = Self::after_rows(ReconciliationStage::Refunds, rows.len(), last);
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
        let marked = store.marked(self.run.id, &ids).await?;
        let payments: Vec<PaymentId> = rows.iter().map(|row| row.payment).collect();
        let payments = store.payments_to_compare(tenant, self.run.account, &[], &payments).await?;
        let mut examined = Examined::default();
        let mut shown = Vec::new();
        for refund in rows.iter().filter(|row| !marked.contains(&row.id.0)) {
            let payment = payments.iter().find(|payment| payment.id == refund.payment);
            if let Some(seen) = self.fetch_own_refund(payment, refund, &mut examined).await? {
                shown.push(seen);
            }
        }
        examined.add(self.examine(Vec::new(), shown).await?);
        Ok(RunPage { examined, progress })
    }

    /// A refund of ours that the list did not show. One of another account has no payment here.
    async fn fetch_own_refund(
        &self,
        payment: Option<&Payment>,
        refund: &Refund,
        examined: &mut Examined,
    ) -> Result<Option<RefundAtProvider>, Halt> {
        let object = payment.and_then(|payment| payment.provider_ref.as_ref());
        let (Some(payment_object), Some(object)) = (object, &refund.provider_ref) else { return Ok(None) };
        match fetched(self.provider.fetch_refund(payment_object, object).await)? {
            FetchedObject::Shown(observation) => Ok(Some(RefundAtProvider {
                reference: Some(refund.id),
                payment_object: payment_object.clone(),
                observation,
                created_at: refund.created_at,
            })),
            FetchedObject::Missing => {
                let believed = matches!(*refund.state, RefundState::Pending | RefundState::Succeeded);
                examined.found.extend(missing_refund(refund).filter(|_| believed));
                Ok(None)
            }
        }
    }

    pub(super) async fn recheck_page(&self) -> Result<RunPage, Halt> {
        let store = &self.driver.store;
        let after = self.run.cursor.as_deref().and_then(|text| text.parse().ok()).unwrap_or(Uuid::nil());
        let (account, run) = (self.run.account, self.run.id);
        let rows = store.unmet_differences(account, run, DifferenceId(after), ROWS).await?;
        let mut examined = Examined::default();
        for difference in &rows {
            examined.add(self.recheck(difference).await?);
        }
        let last = rows.last().filter(|_| rows.len() == ROWS).map(|row| row.id.to_string());
        let stage = if last.is_some() { ReconciliationStage::Recheck } else { ReconciliationStage::Clear };
        let progress = RunProgress { stage, cursor: last, provider_objects: 0, own_objects: 0 };
        Ok(RunPage { examined, progress })
    }

    /// One difference, by the object that it is about.
    async fn recheck(&self, difference: &Difference) -> Result<Examined, Halt> {
        let store = &self.driver.store;
        let (tenant, account) = (self.run.tenant, self.run.account);
        let own = Vec::from_iter(difference.payment);
        let payment = store.payments_to_compare(tenant, account, &[], &own).await?.pop();
        let mut examined = match (difference.kind, payment) {
            (kind, Some(payment)) if is_of_ledger(kind) => self.recheck_ledger(payment).await?,
            (kind, Some(payment)) if is_of_refund(kind, difference, &payment) => {
                match self.recheck_fee(difference, &payment).await? {
                    Some(examined) => examined,
                    None => self.recheck_refund(difference, &payment).await?,
                }
            }
            _ if is_of_transfer(difference) => self.recheck_transfer(difference).await?,
            (_, payment) => self.recheck_payment(difference, payment).await?,
        };
        if !examined.found.iter().any(|found| found.id(account) == difference.id) {
            let kept = examined.repaired.iter().any(|repaired| repaired.id(account) == difference.id);
            examined
                .vanished
                .extend((!kept && !examined.vanished.contains(&difference.id)).then_some(difference.id));
        }
        Ok(examined)
    }

    async fn recheck_ledger(&self, payment: Payment) -> Result<Examined, Halt> {
        let rows = self.driver.store.with_rows(self.run.tenant, vec![payment]).await?;
        Ok(Self::examine_ledgers(&rows))
    }

    /// `None` if the difference is of no fee. What the provider lists a fee by cannot be fetched, and never
    /// changes: the difference says what it shows.
    async fn recheck_fee(
        &self,
        difference: &Difference,
        payment: &Payment,
    ) -> Result<Option<Examined>, Halt> {
        let shown = difference.provider_minor.zip(difference.provider_currency);
        let rows = self.driver.store.with_rows(self.run.tenant, vec![payment.clone()]).await?.pop();
        let of_fee = |rows: &PaymentRows| {
            rows.movements.iter().any(|moved| moved.kind.is_fee() && moved.object == difference.object)
        };
        let Some((rows, (minor, currency))) = rows.filter(of_fee).zip(shown) else { return Ok(None) };
        let seen = FeeAtProvider {
            object: difference.object.clone(),
            payment_object: payment.provider_ref.clone().unwrap_or_default(),
            amount: Money::new(minor, currency),
            created_at: difference.object_at,
        };
        let mut examined = Examined::default();
        if let FeeComparison::Differs(found) = compare_fee(&seen, payment, &rows.movements) {
            examined.found.push(found);
        }
        Ok(Some(examined))
    }

    async fn recheck_refund(&self, difference: &Difference, payment: &Payment) -> Result<Examined, Halt> {
        let Some(payment_object) = payment.provider_ref.clone() else { return Ok(Examined::default()) };
        let object = &difference.object;
        match fetched(self.provider.fetch_refund(&payment_object, object).await)? {
            FetchedObject::Shown(observation) => {
                let created_at = difference.object_at;
                let seen = RefundAtProvider { reference: None, payment_object, observation, created_at };
                self.examine(Vec::new(), vec![seen]).await
            }
            FetchedObject::Missing => {
                let objects = [object.clone()];
                let own = self.driver.store.refunds_to_compare(self.run.tenant, &objects, &[]).await?;
                let mut examined = Examined::default();
                examined.found.extend(own.iter().filter_map(missing_refund));
                Ok(examined)
            }
        }
    }

    async fn recheck_payment(
        &self,
        difference: &Difference,
        payment: Option<Payment>,
    ) -> Result<Examined, Halt> {
        match fetched(self.provider.fetch(&difference.object).await)? {
            FetchedObject::Shown(observation) => {
                let seen = PaymentAtProvider {
                    // A fetched object shows no reference: which payment it named is known from before.
                    reference: difference.payment,
                    observation,
                    refunded_minor: None,
                    created_at: difference.object_at,
                };
                self.examine(vec![seen], Vec::new()).await
            }
            FetchedObject::Missing => {
                let mut examined = Examined::default();
                // The payment may have got another object since.
                let own = payment.as_ref().and_then(missing_payment);
                examined.found.extend(own.filter(|found| found.object == difference.object));
                Ok(examined)
            }
        }
    }
}

/// Some kinds are of payments and of refunds. The object of a payment is its own.
fn is_of_refund(kind: DifferenceKind, difference: &Difference, payment: &Payment) -> bool {
    match kind {
        DifferenceKind::RefundUnknownHere | DifferenceKind::RefundUnknownThere => true,
        DifferenceKind::OtherAmount | DifferenceKind::OtherCurrency | DifferenceKind::StateBehind => {
            payment.provider_ref.as_ref() != Some(&difference.object)
        }
        _ => false,
    }
}
