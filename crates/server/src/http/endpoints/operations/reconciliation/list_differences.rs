use api::requests::DifferencesQuery;
use api::views::Difference;
use axum::extract::State;
use domain::PaymentId;
use domain::lifecycle::{State as _, difference};
use domain::rows::{self, DifferenceKind};
use store::queries::{Cursor, DifferenceSearch};

use super::accounts;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Ops;
use crate::http::read_request::{QueryParameters, ReadRequest, found};
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/differences", "list_differences", handle)
        .about(
            "List differences",
            "Between the provider's books and ours, of the accounts of the key's mode, latest first.",
        )
        .answers_page::<Difference>(200, "A page of differences.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Ops>,
    QueryParameters(query): QueryParameters<DifferencesQuery>,
) -> Handled {
    let (tenant, mode) = (look.caller.tenant, look.caller.mode);
    let limit = limit(query.limit)?;
    let state = query.state.as_deref().map(|name| {
        let state = difference::State::from_name(name);
        state.ok_or_else(|| RefusedRequest::parameter("state", "is no state of a difference"))
    });
    let kind = query.kind.as_deref().map(|name| {
        let kind = DifferenceKind::from_name(name);
        kind.ok_or_else(|| RefusedRequest::parameter("kind", "is no kind of difference"))
    });
    let search = DifferenceSearch {
        accounts: accounts(&app, tenant, mode).await?,
        state: state.transpose()?,
        kind: kind.transpose()?,
        payment: query.payment_id.map(PaymentId),
        after: cursor(query.cursor.as_deref())?,
        limit: limit + 1,
    };
    let rows = app.store().differences(tenant, &search).await?;
    let at = |row: &rows::Difference| Cursor { created_at: row.found_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |row| Difference::of(&row))))
}
