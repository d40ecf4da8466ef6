//! One timeline of everything that is known of a case: the case, its payment, the attempts, refunds and
//! movements of the payment, the messages about them, the booking, and what people wrote.

use api::limits::PAGE_ROWS_MAX;
use api::views::TimelineEntry;
use domain::TenantId;
use domain::lifecycle::State as _;
use domain::rows::{Audit, Payment, Review};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{App, RefusedRequest};

/// Rows of each source.
const ROWS_MAX: usize = PAGE_ROWS_MAX as usize;

fn entry(at: domain::Timestamp, source: &str, summary: String, data: Value) -> TimelineEntry {
    TimelineEntry { at: api::time::instant(at), source: source.to_owned(), summary, data }
}

fn moved(audit: &Audit) -> TimelineEntry {
    let (from, to) = (audit.from_state.as_deref(), audit.to_state.as_deref());
    let states = match (from, to) {
        (None, None) => String::new(),
        (from, to) => format!(": {} -> {}", from.unwrap_or("-"), to.unwrap_or("-")),
    };
    let summary = format!("{} {}{states}", audit.subject_kind.name(), audit.action);
    let by = audit.person.as_deref().unwrap_or(&audit.actor);
    let data = json!({ "subject_id": audit.subject, "by": by, "why": audit.why });
    entry(audit.at, "audit", summary, data)
}

async fn audits(app: &App, tenant: TenantId, subject: Uuid) -> Result<Vec<TimelineEntry>, RefusedRequest> {
    let rows = app.store().audit_of(tenant, subject, None, ROWS_MAX).await?;
    Ok(rows.iter().map(moved).collect())
}

/// Oldest first.
pub async fn timeline(
    app: &App,
    case: &Review,
    payment: Option<&Payment>,
) -> Result<Vec<TimelineEntry>, RefusedRequest> {
    let tenant = case.tenant;
    let mut entries = audits(app, tenant, case.subject).await?;
    if let Some(payment) = payment {
        of_payment(app, case, payment, &mut entries).await?;
    }
    entries.sort_by_key(|entry| entry.at);
    Ok(entries)
}

async fn of_payment(
    app: &App,
    case: &Review,
    payment: &Payment,
    entries: &mut Vec<TimelineEntry>,
) -> Result<(), RefusedRequest> {
    let (tenant, store) = (case.tenant, app.store());
    if payment.id.0 != case.subject {
        entries.extend(audits(app, tenant, payment.id.0).await?);
    }
    if let Some(booking) = payment.booking {
        entries.extend(audits(app, tenant, booking.0).await?);
    }
    for attempt in store.attempts_of_payment(tenant, payment.id).await? {
        let summary = format!("attempt {} is {}", attempt.kind.name(), attempt.state.name());
        let data = json!({
            "attempt_id": attempt.id.0, "created_at": api::time::instant(attempt.created_at),
            "sent_at": attempt.sent_at.map(api::time::instant), "amount_minor": attempt.amount_minor,
            "failure": attempt.failure.map(|failure| failure.0),
        });
        entries.push(entry(attempt.updated_at, "attempt", summary, data));
    }
    for movement in store.movements_of_payment(tenant, payment.id, None, ROWS_MAX).await? {
        let summary = format!("{} of {}", movement.kind.name(), movement.amount_minor);
        let data = json!({ "object": movement.object, "amount_minor": movement.amount_minor });
        entries.push(entry(movement.recorded_at, "movement", summary, data));
    }
    for refund in store.refunds_of_payment(tenant, payment.id, None, ROWS_MAX).await? {
        let summary = format!("refund is {}", refund.state.name());
        let data = json!({ "refund_id": refund.id.0, "amount_minor": refund.amount_minor });
        entries.push(entry(refund.updated_at, "refund", summary, data));
        if refund.id.0 != case.subject {
            entries.extend(audits(app, tenant, refund.id.0).await?);
        }
    }
    for message in store.messages_of(tenant, payment.id.0, ROWS_MAX).await? {
        let data = serde_json::from_str(&message.payload).unwrap_or(Value::Null);
        entries.push(entry(message.created_at, "message", message.kind, data));
    }
    for difference in store.differences_of_payments(tenant, &[payment.id]).await? {
        let summary = format!("difference {} is {}", difference.kind.name(), difference.state.name());
        let data = json!({ "difference_id": difference.id.0, "detail": difference.detail });
        entries.push(entry(difference.seen_at, "difference", summary, data));
    }
    Ok(())
}
