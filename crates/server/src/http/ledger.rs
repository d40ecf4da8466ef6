//! `GET /v1/ledger/accounts` and `GET /v1/ledger/transfers`: balances and postings.

use api::requests::ListQuery;
use api::views::{LedgerAccount, Transfer};
use axum::extract::State;
use domain::{LedgerAccountId, rows};
use store::queries::Cursor;

use super::App;
use super::answer::Handled;
use super::listing::{cursor, limit, page};
use super::permission::Ledger;
use super::read_request::{QueryParameters, ReadRequest, found};

/// By their names.
pub async fn accounts(
    State(app): State<App>,
    look: ReadRequest<Ledger>,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?.map(|cursor| LedgerAccountId(cursor.id));
    let rows = app.store().ledger_accounts(look.caller.tenant, after, limit + 1).await?;
    let at = |row: &rows::LedgerAccount| Cursor { created_at: row.created_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |row| LedgerAccount::of(&row))))
}

/// Newest first.
pub async fn transfers(
    State(app): State<App>,
    look: ReadRequest<Ledger>,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let rows = app.store().transfers(look.caller.tenant, after, limit + 1).await?;
    let at = |(row, _): &(rows::Transfer, _)| Cursor { created_at: row.posted_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |(transfer, postings)| Transfer::of(&transfer, &postings))))
}
