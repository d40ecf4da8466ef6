use api::requests::LedgerAccountsQuery;
use api::time::timestamp;
use api::views::LedgerAccount;
use axum::extract::State;
use domain::LedgerAccountId;
use store::queries::Cursor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Ledger;
use crate::http::read_request::{QueryParameters, ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ledger/accounts", "list_ledger_accounts", handle)
        .about(
            "List accounts",
            "By their names, with their balances: those of now, or with `as_of` those of a past time, which \
             do not change any more. The end of a day is the midnight after it.",
        )
        .answers_page::<LedgerAccount>(200, "A page of accounts.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Ledger>,
    QueryParameters(query): QueryParameters<LedgerAccountsQuery>,
) -> Handled {
    let (tenant, limit) = (look.caller.tenant, limit(query.limit)?);
    let after = cursor(query.cursor.as_deref())?.map(|cursor| LedgerAccountId(cursor.id));
    let as_of = query.as_of.map(timestamp);
    let mut rows = app.store().ledger_accounts(tenant, as_of, after, limit + 1).await?;
    if let Some(as_of) = as_of {
        let ids: Vec<LedgerAccountId> = rows.iter().map(|row| row.id).collect();
        let balances = app.store().ledger_balances(tenant, &ids, as_of).await?;
        for row in &mut rows {
            row.balance_minor = balances.get(&row.id).copied().unwrap_or_default();
        }
    }
    let at = |row: &domain::rows::LedgerAccount| Cursor { created_at: row.created_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |row| LedgerAccount::of(&row))))
}
