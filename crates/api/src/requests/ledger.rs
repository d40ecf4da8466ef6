//! Requests about the ledger.

use domain::limits::PERSON_CHARACTERS_MAX;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Request;
use super::queries::page;
use crate::validation_errors::ValidationErrors;

/// The accounts of the ledger, with their balances.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerAccountsQuery {
    /// Balances of what was posted before this time, and only the accounts that existed then.
    pub as_of: Option<jiff::Timestamp>,
    /// Rows of one page.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// The period of a statement of a ledger account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountStatementQuery {
    /// Postings at this time or later.
    pub from: jiff::Timestamp,
    /// Postings before this time.
    pub to: jiff::Timestamp,
    /// Rows of one page.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Closes the ledger up to the end of a day in UTC. It cannot be opened again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLedgerClosing {
    /// The last day to close; every earlier day is closed as well.
    #[schema(example = "2026-01-31")]
    pub through: jiff::civil::Date,
    /// Who closes it, in free text.
    pub who: String,
}

impl Request for LedgerAccountsQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        page(findings, self.limit, self.cursor.as_deref());
    }
}

impl Request for AccountStatementQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        page(findings, self.limit, self.cursor.as_deref());
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        if self.to <= self.from {
            findings.add("/to", "must be later than from");
        }
    }
}

impl Request for NewLedgerClosing {
    fn check(&self, findings: &mut ValidationErrors) {
        findings.line("/who", &self.who, PERSON_CHARACTERS_MAX);
    }
}
