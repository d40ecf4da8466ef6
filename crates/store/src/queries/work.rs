//! What is due: the ids for the commands of timers and workers.
//!
//! Two processes may find the same ids; the commands decide under the lock, so the second finds
//! nothing to do.

use domain::commands::LapsedHold;
use domain::rows::{InboundEvent, Job};
use domain::working_set::{Column, Kind, Value};
use domain::{AccountId, BookingId, EventId, JobId, KeyId, PaymentId, SlotId, TenantId, Timestamp};

use uuid::Uuid;

use super::Queries;
use super::filter::{limit, owned, places, with};
use crate::Error;

impl Queries {
    pub async fn job(&self, tenant: TenantId, id: JobId) -> Result<Option<Job>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Holds to be looked at: past their expiry, and past the grace of a payment that was under way then;
    /// longest first, with the payment that each has open.
    pub async fn lapsed_holds(&self, now: Timestamp, max: usize) -> Result<Vec<LapsedHold>, Error> {
        let rest = "where state = 'held' and sweep_at <= $1 order by sweep_at limit $2";
        self.lapsed(rest, with![now, limit(max)]).await
    }

    /// The same for one slot, before it refuses somebody.
    pub async fn lapsed_holds_of_slot(
        &self,
        tenant: TenantId,
        slot: SlotId,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<LapsedHold>, Error> {
        // Few have lapsed at any time, and a slot may hold many: of those that have, each is looked up.
        let rest = "where tenant = $1 and state = 'held' and sweep_at <= $3 and (select 1 from booking_items \
             where booking_items.booking = bookings.id and booking_items.slot = $2 limit 1) is not null \
             order by sweep_at limit $4";
        self.lapsed(rest, with![tenant, slot, now, limit(max)]).await
    }

    /// Not the whole rows: one that cannot be read must not keep the holds of all tenants.
    async fn lapsed(&self, rest: &str, parameters: Vec<Value<'static>>) -> Result<Vec<LapsedHold>, Error> {
        let sql = format!("select id, open_payment from bookings {rest}");
        let rows = self.values(&sql, parameters, &[Kind::Id, Kind::Id]).await?;
        let hold = |row: Vec<Value<'static>>| {
            let [booking, payment] = <[_; 2]>::try_from(row).ok()?;
            Some(LapsedHold { booking: BookingId(booking.id()?), open_payment: payment.id().map(PaymentId) })
        };
        Ok(rows.into_iter().filter_map(hold).collect())
    }

    /// Events of these accounts that were taken in before this instant and not looked at, oldest first.
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
        let accounts = places(3, of.len());
        let rest = format!(
            "where state = 'received' and received_at < $1 and account in ({accounts}) \
             order by received_at limit $2"
        );
        self.rows(&rest, parameters).await
    }

    /// Which of these are stored.
    pub async fn known_events(&self, events: &[EventId]) -> Result<Vec<EventId>, Error> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let marks: Vec<String> = (1..=events.len()).map(|number| format!("${number}")).collect();
        let sql = format!("select id from inbound_events where id in ({})", marks.join(", "));
        let ids = self.ids(&sql, events.iter().map(owned).collect()).await?;
        Ok(ids.into_iter().map(EventId).collect())
    }

    /// Looks at the next `max` keys: those whose stored replies need not be kept any longer.
    pub async fn old_replies(
        &self,
        finished_before: Timestamp,
        after: KeyId,
        max: usize,
    ) -> Result<OldRows<KeyId>, Error> {
        self.old("keys", "body is not null and finished_at < $1", finished_before, after, max).await
    }

    /// Looks at the next `max` events: those that ended before this instant.
    pub async fn old_events(
        &self,
        ended_before: Timestamp,
        after: EventId,
        max: usize,
    ) -> Result<OldRows<EventId>, Error> {
        let old = "state in ('processed', 'ignored') and processed_at < $1";
        self.old("inbound_events", old, ended_before, after, max).await
    }

    /// Looks at the next `max` jobs: those that were done before this instant.
    pub async fn old_jobs(
        &self,
        done_before: Timestamp,
        after: JobId,
        max: usize,
    ) -> Result<OldRows<JobId>, Error> {
        self.old("jobs", "state = 'done' and updated_at < $1", done_before, after, max).await
    }

    /// A walk over the whole table by its primary key, page by page. An index would cost each request something to
    /// save one reading a day.
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

/// A part of a table that was looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldRows<Id> {
    pub ids: Vec<Id>,
    /// Behind which there may be more.
    pub next: Option<Id>,
}

impl<Id: From<Uuid> + Copy> OldRows<Id> {
    /// From at most `max` rows of an id and of 1 where it is old.
    pub(super) fn of(rows: Vec<Vec<Value<'static>>>, max: usize) -> OldRows<Id> {
        let looked_at = |row: &Vec<Value<'static>>| match row[..] {
            [Value::Id(id), Value::Int(old)] => Some((Id::from(id), old == 1)),
            _ => None,
        };
        let seen: Vec<(Id, bool)> = rows.iter().filter_map(looked_at).collect();
        let next = seen.last().filter(|_| seen.len() == max).map(|(id, _)| *id);
        OldRows { ids: seen.into_iter().filter(|(_, old)| *old).map(|(id, _)| id).collect(), next }
    }
}
