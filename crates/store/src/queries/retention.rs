//! Rows of the audit that may be deleted, if a setting limits their age.
//!
//! `domain::commands::PruneAudit` decides which rows. This query finds them, and also leaves out
//! subjects with an open review case, and bookings with a payment that has one or has a refund
//! under way.

use domain::ids::first_of;
use domain::working_set::Kind;
use domain::{AuditId, Timestamp};

use super::Queries;
use super::filter::{limit, with};
use super::work::OldRows;
use crate::Error;

impl Queries {
    /// The rows about ended subjects, among the next rows that are older than this instant. Ids
    /// ascend with time, so the scan ends at the first newer row.
    pub async fn old_audit(
        &self,
        before: Timestamp,
        after: AuditId,
        max: usize,
    ) -> Result<OldRows<AuditId>, Error> {
        let sql = format!(
            "select id, cast(case when at < $1 and {} and {} then 1 else 0 end as bigint) \
             from audit where id > $2 and id < $4 order by id limit $3",
            subject_is_over(),
            IS_FIRST,
        );
        let parameters = with![before, after, limit(max), AuditId(first_of(before))];
        Ok(OldRows::of(self.values(&sql, parameters, &[Kind::Id, Kind::Int]).await?, max))
    }
}

/// The rows of a subject are deleted from the oldest on, so that the remaining ones are complete
/// from some moment on. Ids of two servers may be in another order than their rows: then the later
/// row waits for the next scan.
const IS_FIRST: &str = "(select 1 from audit as earlier where earlier.tenant = audit.tenant \
    and earlier.subject = audit.subject and earlier.at < audit.at and earlier.id > audit.id limit 1) is null";

fn payment_is_open(payment: &str) -> String {
    format!(
        "({payment}.state in ('created', 'pending', 'authorized') \
         or {payment}.active is not null or {payment}.refunding_minor > 0 or {payment}.open_disputes > 0 \
         or (select 1 from reviews where reviews.tenant = {payment}.tenant and reviews.subject = {payment}.id \
            and reviews.state = 'open' limit 1) is not null \
         or (select 1 from refunds join reviews on reviews.tenant = refunds.tenant \
            and reviews.subject = refunds.id where refunds.tenant = {payment}.tenant \
            and refunds.payment = {payment}.id and reviews.state = 'open' limit 1) is not null)"
    )
}

/// Each is a scalar that an index finds once per row, because a planner may turn `exists` into a
/// scan of the table.
fn subject_is_over() -> String {
    let gone_or = |table: &str, states: &str| {
        format!(
            "(select 1 from {table} as subject where subject.id = audit.subject \
             and subject.tenant = audit.tenant and subject.state not in ({states}) limit 1) is null"
        )
    };
    let payment = |found: &str| {
        format!(
            "({found} and not {} and (payment.booking is null or {}) limit 1) is not null",
            payment_is_open("payment"),
            booking_is_over("payment.booking")
        )
    };
    format!(
        "(select 1 from reviews where reviews.tenant = audit.tenant and reviews.subject = audit.subject \
            and reviews.state = 'open' limit 1) is null \
         and case subject_kind when 'booking' then {} when 'payment' then {} when 'refund' then {} \
            when 'dispute' then {} \
            when 'event' then {} when 'job' then {} when 'delivery' then {} \
            when 'reconciliation' then {} when 'difference' then {} \
            when 'api_key' then (select 1 from api_keys where api_keys.id = audit.subject \
                and api_keys.tenant = audit.tenant and revoked_at < $1 limit 1) is not null \
            else false end",
        booking_is_over("audit.subject"),
        payment(
            "select 1 from payments as payment where payment.id = audit.subject \
             and payment.tenant = audit.tenant"
        ),
        payment(
            "select 1 from refunds as refund join payments as payment on payment.id = refund.payment \
             and payment.tenant = refund.tenant where refund.id = audit.subject \
             and refund.tenant = audit.tenant and refund.state in ('succeeded', 'written_off', 'failed')"
        ),
        payment(
            "select 1 from disputes as dispute join payments as payment on payment.id = dispute.payment \
             and payment.tenant = dispute.tenant where dispute.id = audit.subject \
             and dispute.tenant = audit.tenant and dispute.state in ('closed', 'won', 'lost')"
        ),
        gone_or("inbound_events", "'processed', 'ignored'"),
        gone_or("jobs", "'done'"),
        gone_or("inbox", "'received', 'discarded'"),
        gone_or("reconciliations", "'finished', 'failed'"),
        gone_or("differences", "'settled', 'accepted'"),
    )
}

fn booking_is_over(id: &str) -> String {
    format!(
        "((select 1 from bookings where bookings.id = {id} and bookings.tenant = audit.tenant \
            and open_payment is null and (bookings.state in ('completed', 'no_show', 'cancelled') \
                or bookings.state in ('expired', 'confirmed') and (select 1 from booking_items as item \
                    join slots on slots.id = item.slot and slots.tenant = item.tenant \
                    where item.booking = bookings.id and starts_at >= $1 limit 1) is null) limit 1) is not null \
         and (select 1 from reviews where reviews.tenant = audit.tenant and reviews.subject = {id} \
            and reviews.state = 'open' limit 1) is null \
         and (select 1 from payments as other where other.tenant = audit.tenant and other.booking = {id} \
            and {} limit 1) is null)",
        payment_is_open("other")
    )
}
