use api::requests::AccountStatementQuery;
use api::time::{instant, timestamp};
use api::views::{AccountStatement, StatementPosting};
use api::{Code, Money};
use axum::extract::State;
use domain::{Currency, LedgerAccountId, Refusal};
use store::queries::{Cursor, StatementLine, StatementSearch};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Ledger;
use crate::http::read_request::{QueryParameters, ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ledger/accounts/{id}/statement", "get_account_statement", handle)
        .about(
            "Get an account's statement",
            "What an account had at the beginning and at the end of a period, and a page of the postings in \
             between, oldest first.",
        )
        .answers::<AccountStatement>(200, "A page of the statement.")
        .refuses(&[Code::LedgerAccountNotFound])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Ledger>,
    Id(id): Id,
    QueryParameters(query): QueryParameters<AccountStatementQuery>,
) -> Handled {
    let (tenant, limit) = (look.caller.tenant, limit(query.limit)?);
    let accounts = [LedgerAccountId(id)];
    let account = app.store().ledger_account(tenant, accounts[0]).await?;
    let account = account.ok_or(Refusal::LedgerAccountNotFound)?;
    let (from, before) = (timestamp(query.from), timestamp(query.to));
    let balance = async |before| {
        let balances = app.store().ledger_balances(tenant, &accounts, before).await?;
        let minor = balances.get(&account.id).copied().unwrap_or_default();
        Ok::<_, store::Error>(Money::new(minor, account.currency))
    };
    let after = cursor(query.cursor.as_deref())?;
    let search = StatementSearch { accounts: &accounts, from, before, after, limit: limit + 1 };
    let lines = app.store().statement_lines(tenant, &search).await?;
    let at = |line: &StatementLine| Cursor { created_at: line.posted_at, id: line.posting.0 };
    let page = page(lines, limit, at, |line| posting(line, account.currency));
    Ok(found(&AccountStatement {
        account_id: id,
        name: account.name.clone(),
        from: query.from,
        to: query.to,
        opening: balance(from).await?,
        closing: balance(before).await?,
        data: page.data,
        next_cursor: page.next_cursor,
    }))
}

/// All postings of an account are in its currency.
fn posting(line: StatementLine, currency: Currency) -> StatementPosting {
    StatementPosting {
        id: line.posting.0,
        posted_at: instant(line.posted_at),
        kind: line.kind,
        subject_id: line.subject,
        transfer_id: line.transfer.0,
        amount: Money::new(line.amount_minor, currency),
    }
}
