//! The history of a booking, a payment, a refund or a dead letter: each move, with its author, its
//! time, and its states before and after.

use api::limits::PAGE_ROWS_MAX;
use api::requests::ListQuery;
use api::views::{HistoryEntry, Page};
use domain::{TenantId, rows};
use store::queries::Cursor;
use uuid::Uuid;

use super::answer::Handled;
use super::listing::{cursor, limit, page};
use super::read_request::found;
use super::{App, RefusedRequest};

/// One page of the history. The caller has checked that the subject belongs to the tenant.
pub async fn history(app: &App, tenant: TenantId, subject: Uuid, query: &ListQuery) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    Ok(found(&entries(app, tenant, subject, after, limit).await?))
}

/// For a response that shows the history beside its subject.
pub async fn first_page(
    app: &App,
    tenant: TenantId,
    subject: Uuid,
) -> Result<Page<HistoryEntry>, RefusedRequest> {
    entries(app, tenant, subject, None, PAGE_ROWS_MAX as usize).await
}

async fn entries(
    app: &App,
    tenant: TenantId,
    subject: Uuid,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Page<HistoryEntry>, RefusedRequest> {
    let rows = app.store().audit_of(tenant, subject, after, limit + 1).await?;
    let at = |row: &rows::Audit| Cursor { created_at: row.at, id: row.id.0 };
    Ok(page(rows, limit, at, |row| HistoryEntry::of(&row)))
}
