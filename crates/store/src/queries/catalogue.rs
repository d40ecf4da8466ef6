//! Products, units and slots.

use std::ops::Range;

use domain::rows::{Product, Slot, StoredPolicy, Unit};
use domain::{CancellationPolicyId, ProductId, SlotId, TenantId, Timestamp};

use super::filter::{Filter, with};
use super::{Cursor, Queries};
use crate::Error;

impl Queries {
    pub async fn product(&self, tenant: TenantId, id: ProductId) -> Result<Option<Product>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    pub async fn products_by_ids(&self, tenant: TenantId, ids: &[ProductId]) -> Result<Vec<Product>, Error> {
        self.rows_in(tenant, "id", ids, "id").await
    }

    pub async fn cancellation_policies(
        &self,
        tenant: TenantId,
        ids: &[CancellationPolicyId],
    ) -> Result<Vec<StoredPolicy>, Error> {
        self.rows_in(tenant, "id", ids, "id").await
    }

    /// Newest first.
    pub async fn products(
        &self,
        tenant: TenantId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Product>, Error> {
        let (rest, parameters) = Filter::of(tenant).after(after).newest(max);
        self.rows(&rest, parameters).await
    }

    pub async fn units(&self, tenant: TenantId, product: ProductId) -> Result<Vec<Unit>, Error> {
        self.rows("where tenant = $1 and product = $2 order by id", with![tenant, product]).await
    }

    /// The units of several products, in the order of their ids.
    pub async fn units_of(&self, tenant: TenantId, products: &[ProductId]) -> Result<Vec<Unit>, Error> {
        self.rows_in(tenant, "product", products, "id").await
    }

    pub async fn slot(&self, tenant: TenantId, id: SlotId) -> Result<Option<Slot>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    pub async fn slots_by_ids(&self, tenant: TenantId, ids: &[SlotId]) -> Result<Vec<Slot>, Error> {
        self.rows_in(tenant, "id", ids, "id").await
    }

    /// Slots that start from `from` on and before `to`, earliest first; the cursor's instant is
    /// `starts_at`.
    pub async fn slots(
        &self,
        tenant: TenantId,
        product: ProductId,
        span: Range<Timestamp>,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Slot>, Error> {
        let (rest, parameters) = Filter::of(tenant)
            .and("product =", Some(product))
            .and("starts_at >=", Some(span.start))
            .and("starts_at <", Some(span.end))
            .oldest("starts_at", after, max);
        self.rows(&rest, parameters).await
    }
}
