//! Products, units and slots.

use domain::rows::{Product, Slot, Unit};
use domain::{ProductId, SlotId, TenantId, Timestamp};

use super::filter::{Filter, limit, with};
use super::{Cursor, Queries};
use crate::Error;

impl Queries {
    pub async fn product(&self, tenant: TenantId, id: ProductId) -> Result<Option<Product>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
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

    pub async fn slot(&self, tenant: TenantId, id: SlotId) -> Result<Option<Slot>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Slots that start from `from` on and before `to`, earliest first.
    pub async fn slots(
        &self,
        tenant: TenantId,
        product: ProductId,
        from: Timestamp,
        to: Timestamp,
        max: usize,
    ) -> Result<Vec<Slot>, Error> {
        let rest = "where tenant = $1 and product = $2 and starts_at >= $3 and starts_at < $4 \
             order by starts_at, id limit $5";
        self.rows(rest, with![tenant, product, from, to, limit(max)]).await
    }
}
