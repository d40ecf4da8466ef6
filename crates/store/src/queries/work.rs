//! Due work: the ids for the commands of timers and workers.
//!
//! Two processes may find the same ids. The commands decide under the lock, so the second one finds
//! nothing to do.

use domain::commands::LapsedHold;
use domain::rows::{InboundEvent, Job};
use domain::working_set::{Column, Kind, Value};
use domain::{AccountId, BookingId, EventId, JobId, KeyId, PaymentId, SlotId, TenantId, Timestamp};

use uuid::Uuid;

use super::Queries;
use super::filter::{limit, owned, placeholders, with};
use crate::Error;

impl Queries {
    pub async fn job(&self, tenant: TenantId, id: JobId) -> Result<Option<Job>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Holds that are due for the sweep: past their expiry, or past the grace of a payment that was
    /// under way then. The longest overdue comes first, each with its open payment.
    pub async fn lapsed_holds(&self, now: Timestamp, max: usize) -> Result<Vec<LapsedHold>, Error> {
        let rest = "where state = 'held' and sweep_at <= $1 order by sweep_at limit $2";
        self.lapsed(rest, with![now, limit(max)]).await
    }

    /// The same for one slot, before a reserve is refused as full.
    pub async fn lapsed_holds_of_slot(
        &self,
        tenant: TenantId,
        slot: SlotId,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<LapsedHold>, Error> {
        // Few holds have lapsed at any time, but a slot may have many holds: so each lapsed hold is
        // found by its id.
        let rest = "where tenant = $1 and state = 'held' and sweep_at <= $3 and (select 1 from booking_items \
             where booking_items.booking = bookings.id and booking_items.slot = $2 limit 1) is not null \
             order by sweep_at limit $4";
        self.lapsed(rest, with![tenant, slot, now, limit(max)]).await
    }

    /// Only the ids, because one unreadable row must not stop the expiry of all tenants' holds.
    async fn lapsed(&self, rest: &str, parameters: Vec<Value<'static>>) -> Result<Vec<LapsedHold>, Error> {
        let sql = format!("select id, open_payment from bookings {rest}");
        let rows = self.values(&sql, parameters, &[Kind::Id, Kind::Id]).await?;
        let hold = |row: Vec<Value<'static>>| {
            let [booking, payment] = <[_; 2]>::try_from(row).ok()?;
            Some(LapsedHold { booking: BookingId(booking.id()?), open_payment: payment.id().map(PaymentId) })
        };
        Ok(rows.into_iter().filter_map(hold).collect())
    }

    /// Authorisations that are due for a check, most overdue first.
    pub async fn due_authorizations(&self, now: Timestamp, max: usize) -> Result<Vec<PaymentId>, Error> {
        let sql = "select id from payments where state = 'authorized' and authorization_due_at <= $1 \
             order by authorization_due_at limit $2";
        Ok(self.ids(sql, with![now, limit(max)]).await?.into_iter().map(PaymentId).collect())
    }

    /// Events of these accounts that were received before this instant and not processed, oldest first.
    pub async fn received_events(
        &self,
        before: Timestamp,
        of: &[AccountId],
        max: usize,
    ) -> Result<Vec<InboundEvent>, Error> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let mut parameters = with![before, limit(max)];
        parameters.extend(of.iter().map(owned));
        let accounts = placeholders(3, of.len());
        let rest = format!(
            "where state = 'received' and received_at < $1 and account in ({accounts}) \
             order by received_at limit $2"
        );
        self.rows(&rest, parameters).await
    }

    /// The ids among these that are stored.
    pub async fn known_events(&self, events: &[EventId]) -> Result<Vec<EventId>, Error> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let marks: Vec<String> = (1..=events.len()).map(|number| format!("${number}")).collect();
        let sql = format!("select id from inbound_events where id in ({})", marks.join(", "));
        let ids = self.ids(&sql, events.iter().map(owned).collect()).await?;
        Ok(ids.into_iter().map(EventId).collect())
    }

    /// Reads the next `max` keys, and returns those whose stored replies may be pruned.
    pub async fn old_replies(
        &self,
        finished_before: Timestamp,
        after: KeyId,
        max: usize,
    ) -> Result<OldRows<KeyId>, Error> {
        self.old("keys", "body is not null and finished_at < $1", finished_before, after, max).await
    }

    /// Reads the next `max` events, and returns those that ended before this instant.
    pub async fn old_events(
        &self,
        ended_before: Timestamp,
        after: EventId,
        max: usize,
    ) -> Result<OldRows<EventId>, Error> {
        let old = "state in ('processed', 'ignored') and processed_at < $1";
        self.old("inbound_events", old, ended_before, after, max).await
    }

    /// Reads the next `max` jobs, and returns those that were done before this instant.
    pub async fn old_jobs(
        &self,
        done_before: Timestamp,
        after: JobId,
        max: usize,
    ) -> Result<OldRows<JobId>, Error> {
        self.old("jobs", "state = 'done' and updated_at < $1", done_before, after, max).await
    }

    /// A scan of the whole table by its primary key, page by page. An index would cost each request
    /// time, and save only one scan a day.
    async fn old<Id: Column + From<Uuid> + Copy>(
        &self,
        table: &str,
        condition: &str,
        before: Timestamp,
        after: Id,
        max: usize,
    ) -> Result<OldRows<Id>, Error> {
        let sql = format!(
            "select id, cast(case when {condition} then 1 else 0 end as bigint) \
             from {table} where id > $2 order by id limit $3"
        );
        Ok(OldRows::of(
            self.values(&sql, with![before, after, limit(max)], &[Kind::Id, Kind::Int]).await?,
            max,
        ))
    }
}

/// A part of a table that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldRows<Id> {
    pub ids: Vec<Id>,
    /// The last id of the part, if there may be more rows behind it.
    pub next: Option<Id>,
}

impl<Id: From<Uuid> + Copy> OldRows<Id> {
    /// From at most `max` rows of an id and of a number, which is 1 for an old row.
    pub(super) fn of(rows: Vec<Vec<Value<'static>>>, max: usize) -> OldRows<Id> {
        let read = |row: &Vec<Value<'static>>| match row[..] {
            [Value::Id(id), Value::Int(old)] => Some((Id::from(id), old == 1)),
            _ => None,
        };
        let seen: Vec<(Id, bool)> = rows.iter().filter_map(read).collect();
        let next = seen.last().filter(|_| seen.len() == max).map(|(id, _)| *id);
        OldRows { ids: seen.into_iter().filter(|(_, old)| *old).map(|(id, _)| id).collect(), next }
    }
}
