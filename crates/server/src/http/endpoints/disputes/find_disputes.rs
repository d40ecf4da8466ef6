use api::requests::DisputesQuery;
use api::views::Dispute;
use axum::extract::State;
use domain::lifecycle::{State as _, dispute};
use domain::{PaymentId, rows};
use store::queries::{Cursor, DisputeSearch};

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Payments;
use crate::http::read_request::{QueryParameters, ReadRequest, found};
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/disputes", "find_disputes", handle)
        .about("Find disputes", "Newest first. `evidence_due_before` finds those that need an answer soon.")
        .answers_page::<Dispute>(200, "A page of disputes.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Payments>,
    QueryParameters(query): QueryParameters<DisputesQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let state = query.state.as_deref().map(|name| {
        dispute::State::from_name(name)
            .ok_or_else(|| RefusedRequest::parameter("state", "is no state of a dispute"))
    });
    let search = DisputeSearch {
        payment: query.payment_id.map(PaymentId),
        state: state.transpose()?,
        evidence_due_before: query.evidence_due_before.map(api::time::timestamp),
        after: cursor(query.cursor.as_deref())?,
        limit: limit + 1,
    };
    let rows = app.store().disputes(look.caller.tenant, &search).await?;
    let at = |row: &rows::Dispute| Cursor { created_at: row.created_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |row| Dispute::of(&row))))
}
