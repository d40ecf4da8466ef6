use std::collections::BTreeMap;

use api::requests::StatementQuery;
use api::time::{instant, timestamp};
use api::views::{Statement, StatementBalance, StatementMovement};
use api::{Code, Money};
use axum::extract::State;
use domain::{BeneficiaryId, Currency, LedgerAccountId, Refusal, ledger};
use store::queries::{StatementLine, StatementSearch};

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payouts;
use crate::http::read_request::{QueryParameters, ReadRequest, found};
use crate::http::write_request::Id;
use crate::http::{App, RefusedRequest};

/// Movements of one statement. A longer period is refused, because a part of it would show a wrong
/// closing balance.
const MOVEMENTS_MAX: usize = 1_000;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/beneficiaries/{id}/statement", "get_statement", handle)
        .about(
            "Get a statement",
            "What was owed to a beneficiary at the beginning and at the end of a period, and every \
             movement in between: at most 1000. It shows what the ledger has posted.",
        )
        .answers::<Statement>(200, "The statement.")
        .refuses(&[Code::BeneficiaryNotFound])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Payouts>,
    Id(id): Id,
    QueryParameters(query): QueryParameters<StatementQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    let row = app.store().beneficiary(tenant, BeneficiaryId(id)).await?;
    row.ok_or(Refusal::BeneficiaryNotFound { beneficiary: id })?;
    let (from, to) = (timestamp(query.from), timestamp(query.to));
    let accounts = app.store().ledger_accounts_named(tenant, &ledger::payable(id)).await?;
    let currencies: BTreeMap<LedgerAccountId, Currency> =
        accounts.iter().map(|account| (account.id, account.currency)).collect();
    let accounts: Vec<LedgerAccountId> = currencies.keys().copied().collect();
    let search =
        StatementSearch { accounts: &accounts, from, before: to, after: None, limit: MOVEMENTS_MAX + 1 };
    let lines = app.store().statement_lines(tenant, &search).await?;
    if lines.len() > MOVEMENTS_MAX {
        return Err(RefusedRequest::parameter("to", "the period has more than 1000 movements"));
    }
    let opening = app.store().ledger_balances(tenant, &accounts, from).await?;
    let opening = opening.iter().map(|(account, minor)| (currencies[account].to_string(), *minor)).collect();
    Ok(found(&Statement {
        beneficiary_id: id,
        from: query.from,
        to: query.to,
        balances: balances(&opening, &lines),
        movements: lines.iter().filter_map(movement).collect(),
    }))
}

/// What is owed is a credit, and credits are negative in the ledger.
fn balances(opening: &BTreeMap<String, i64>, lines: &[StatementLine]) -> Vec<StatementBalance> {
    let mut closing = opening.clone();
    for line in lines {
        *closing.entry(line.currency.clone()).or_default() += line.amount_minor;
    }
    let of = |(currency, closing): (&String, &i64)| {
        let opening = opening.get(currency).copied().unwrap_or_default();
        let currency = Currency::new(currency)?;
        let owed = |balance: i64| Money::new(-balance, currency);
        Some(StatementBalance { opening: owed(opening), closing: owed(*closing) })
    };
    closing.iter().filter_map(of).collect()
}

fn movement(line: &StatementLine) -> Option<StatementMovement> {
    Some(StatementMovement {
        at: instant(line.posted_at),
        kind: line.kind.clone(),
        subject_id: line.subject,
        transfer_id: line.transfer.0,
        amount: Money::new(-line.amount_minor, Currency::new(&line.currency)?),
    })
}
