//! Resources, and what is in use of them.

use std::ops::RangeInclusive;

use domain::rows::{Resource, ResourceDay};
use domain::working_set::{Kind, Value};
use domain::{ResourceDayId, ResourceId, TenantId};

use super::filter::{Filter, limit, with};
use super::{Cursor, Queries};
use crate::Error;

impl Queries {
    pub async fn resource(&self, tenant: TenantId, id: ResourceId) -> Result<Option<Resource>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    pub async fn resources_by_ids(
        &self,
        tenant: TenantId,
        ids: &[ResourceId],
    ) -> Result<Vec<Resource>, Error> {
        self.rows_in(tenant, "id", ids, "id").await
    }

    /// Newest first.
    pub async fn resources(
        &self,
        tenant: TenantId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Resource>, Error> {
        let (rest, parameters) = Filter::of(tenant).after(after).newest(max);
        self.rows(&rest, parameters).await
    }

    pub async fn resource_days_by_ids(
        &self,
        tenant: TenantId,
        ids: &[ResourceDayId],
    ) -> Result<Vec<ResourceDay>, Error> {
        self.rows_in(tenant, "id", ids, "id").await
    }

    /// The days of a resource that ever had a use, in order.
    pub async fn resource_days(
        &self,
        tenant: TenantId,
        resource: ResourceId,
        days: RangeInclusive<i64>,
    ) -> Result<Vec<ResourceDay>, Error> {
        let rest = "where tenant = $1 and resource = $2 and day >= $3 and day <= $4 order by day";
        self.rows(rest, with![tenant, resource, *days.start(), *days.end()]).await
    }

    /// The ids of the days from this one on, in order. Also of those that have no use now: they may have one before
    /// a command locks them.
    pub async fn resource_days_from(
        &self,
        tenant: TenantId,
        resource: ResourceId,
        from_day: i64,
        max: usize,
    ) -> Result<Vec<ResourceDayId>, Error> {
        let sql = "select id from resource_days where tenant = $1 and resource = $2 and day >= $3 \
                   order by day limit $4";
        let rows = self.values(sql, with![tenant, resource, from_day, limit(max)], &[Kind::Id]).await?;
        let id = |row: Vec<Value<'_>>| match row[..] {
            [Value::Id(id)] => Some(ResourceDayId(id)),
            _ => None,
        };
        Ok(rows.into_iter().filter_map(id).collect())
    }
}
