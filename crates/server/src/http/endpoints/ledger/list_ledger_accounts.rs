use api::views::LedgerAccount;
use axum::extract::State;
use domain::LedgerAccountId;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Ledger;
use crate::http::read_request::{ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ledger/accounts", "list_ledger_accounts", handle)
        .about("List accounts", "By their names, with their balances.")
        .answers_page::<LedgerAccount>(200, "A page of accounts.")
}

async fn handle(State(app): State<App>, look: ReadRequest<Ledger>, page: PageRequest) -> Handled {
    let after = page.after.map(|cursor| LedgerAccountId(cursor.id));
    let rows = app.store().ledger_accounts(look.caller.tenant, after, page.rows_max()).await?;
    Ok(found(&page.of(rows, |row| (row.created_at, row.id.0), |row| LedgerAccount::of(&row))))
}
