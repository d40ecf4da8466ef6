//! Schedules, their slots, and blackouts.

use std::ops::Range;

use domain::rows::{Blackout, Schedule, Slot};
use domain::working_set::{Kind, Value};
use domain::{BlackoutId, ProductId, ScheduleId, TenantId, Timestamp};

use super::filter::{Filter, limit, with};
use super::{Cursor, Queries};
use crate::Error;

/// A schedule that has slots to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueSchedule {
    pub tenant: TenantId,
    pub id: ScheduleId,
}

impl Queries {
    pub async fn schedule(&self, tenant: TenantId, id: ScheduleId) -> Result<Option<Schedule>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Newest first.
    pub async fn schedules(
        &self,
        tenant: TenantId,
        product: ProductId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Schedule>, Error> {
        let (rest, parameters) = Filter::of(tenant).and("product =", Some(product)).after(after).newest(max);
        self.rows(&rest, parameters).await
    }

    /// Schedules that have slots to make now, the longest due first.
    pub async fn due_schedules(&self, now: Timestamp, max: usize) -> Result<Vec<DueSchedule>, Error> {
        let sql = "select tenant, id from schedules where due_at <= $1 order by due_at limit $2";
        let rows = self.values(sql, with![now, limit(max)], &[Kind::Id, Kind::Id]).await?;
        let due = |row: Vec<Value<'_>>| match row[..] {
            [Value::Id(tenant), Value::Id(id)] => {
                Some(DueSchedule { tenant: TenantId(tenant), id: ScheduleId(id) })
            }
            _ => None,
        };
        Ok(rows.into_iter().filter_map(due).collect())
    }

    /// The slots that a schedule has made within the span, earliest first.
    pub async fn slots_of_schedule(
        &self,
        tenant: TenantId,
        schedule: ScheduleId,
        span: Range<Timestamp>,
        max: usize,
    ) -> Result<Vec<Slot>, Error> {
        let rest = "where tenant = $1 and schedule = $2 and starts_at >= $3 and starts_at < $4 \
                    order by starts_at limit $5";
        self.rows(rest, with![tenant, schedule, span.start, span.end, limit(max)]).await
    }

    /// The slots of a schedule from an instant on that have seats taken, earliest first.
    pub async fn booked_slots_of_schedule(
        &self,
        tenant: TenantId,
        schedule: ScheduleId,
        from: Timestamp,
        max: usize,
    ) -> Result<Vec<Slot>, Error> {
        let rest = "where tenant = $1 and schedule = $2 and starts_at >= $3 and held + sold > 0 \
                    order by starts_at limit $4";
        self.rows(rest, with![tenant, schedule, from, limit(max)]).await
    }

    pub async fn blackout(&self, tenant: TenantId, id: BlackoutId) -> Result<Option<Blackout>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Newest first, with those that have ended.
    pub async fn blackouts(
        &self,
        tenant: TenantId,
        product: ProductId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Blackout>, Error> {
        let (rest, parameters) = Filter::of(tenant).and("product =", Some(product)).after(after).newest(max);
        self.rows(&rest, parameters).await
    }

    /// Those of a product that are in force.
    pub async fn blackouts_in_force(
        &self,
        tenant: TenantId,
        product: ProductId,
    ) -> Result<Vec<Blackout>, Error> {
        let rest = "where tenant = $1 and product = $2 and ended_at is null order by created_at, id";
        self.rows(rest, with![tenant, product]).await
    }
}
