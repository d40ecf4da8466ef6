use api::requests::ListQuery;
use api::views::LedgerAccount;
use axum::extract::State;
use domain::{LedgerAccountId, rows};
use store::queries::Cursor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Ledger;
use crate::http::read_request::{QueryParameters, ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ledger/accounts", "list_ledger_accounts", handle)
        .about("List accounts", "By their names, with their balances.")
        .answers_page::<LedgerAccount>(200, "A page of accounts.")
}

async fn handle(
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
