//! `GET /v1/ledger/accounts` and `GET /v1/ledger/transfers`: balances and postings.

use api::requests::ListQuery;
use api::views::{LedgerAccount, Page, Transfer};
use axum::extract::State;
use domain::rows;
use store::queries::Cursor;

use super::App;
use super::answer::Handled;
use super::listing::{cursor, limit, page};
use super::look::{Look, Parameters, found};
use super::permission::Ledger;

/// All of them: a tenant has a few in each currency.
pub async fn accounts(State(app): State<App>, look: Look<Ledger>) -> Handled {
    let accounts = app.store().ledger_accounts(look.caller.tenant).await?;
    Ok(found(&Page::whole(accounts.iter().map(LedgerAccount::of).collect())))
}

/// Newest first.
pub async fn transfers(
    State(app): State<App>,
    look: Look<Ledger>,
    Parameters(query): Parameters<ListQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let rows = app.store().transfers(look.caller.tenant, after, limit + 1).await?;
    let at = |(row, _): &(rows::Transfer, _)| Cursor { created_at: row.posted_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |(transfer, postings)| Transfer::of(&transfer, &postings))))
}
