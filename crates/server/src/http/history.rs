//! The history of a booking, a payment, a refund or a dead letter: each move, with its author, its
//! time, and its states before and after.

use api::limits::PAGE_ROWS_MAX;
use api::requests::ListQuery;
use api::views::{HistoryEntry, Page};
use axum::extract::State;
use domain::TenantId;
use uuid::Uuid;

use super::endpoint::Endpoint;
use super::listing::PageRequest;
use super::permission::Permission;
use super::read_request::{QueryParameters, ReadRequest, found};
use super::write_request::Id;
use super::{App, RefusedRequest};

/// `find` refuses a subject that is not the tenant's.
pub fn endpoint<P, F>(
    path: &'static str,
    id: &'static str,
    find: impl Fn(App, TenantId, Uuid) -> F + Clone + Send + Sync + 'static,
) -> Endpoint
where
    P: Permission + Send + 'static,
    F: Future<Output = Result<(), RefusedRequest>> + Send,
{
    let handle = async move |State(app): State<App>,
                             request: ReadRequest<P>,
                             Id(id): Id,
                             QueryParameters(query): QueryParameters<ListQuery>| {
        let tenant = request.caller.tenant;
        find(app.clone(), tenant, id).await?;
        let page = PageRequest::read(&query)?;
        Ok::<_, RefusedRequest>(found(&entries(&app, tenant, id, &page).await?))
    };
    Endpoint::get(path, id, handle).answers_page::<HistoryEntry>(200, "A page of the history.")
}

/// For an endpoint that shows the history beside its subject.
pub async fn first_page(
    app: &App,
    tenant: TenantId,
    subject: Uuid,
) -> Result<Page<HistoryEntry>, RefusedRequest> {
    entries(app, tenant, subject, &PageRequest::first(PAGE_ROWS_MAX as usize)).await
}

async fn entries(
    app: &App,
    tenant: TenantId,
    subject: Uuid,
    page: &PageRequest,
) -> Result<Page<HistoryEntry>, RefusedRequest> {
    let rows = app.store().audit_of(tenant, subject, page.after, page.rows_max()).await?;
    Ok(page.of(rows, |row| (row.at, row.id.0), |row| HistoryEntry::of(&row)))
}
