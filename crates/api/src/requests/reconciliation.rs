//! Requests about the comparison of the provider's books with ours.

use domain::limits::PERSON_CHARACTERS_MAX;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Request;
use crate::limits::PAGE_ROWS_MAX;
use crate::validation_errors::ValidationErrors;

/// Starts a comparison of the account's books at a provider with ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReconciliation {
    /// The provider; its account of the key's mode is compared, the first one if `account` is absent.
    #[schema(example = "stripe", pattern = "^[a-z0-9_]{1,40}$")]
    pub provider: String,
    /// The account's configured name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9_-]{1,100}$")]
    pub account: Option<String>,
    /// Objects that were made at this time or later; by default a day before `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<jiff::Timestamp>,
    /// Objects that were made before this time; by default now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<jiff::Timestamp>,
    /// Who starts it, in free text.
    pub who: String,
}

impl Request for NewReconciliation {
    fn check(&self, findings: &mut ValidationErrors) {
        findings.provider("/provider", &self.provider);
        if let Some(account) = &self.account {
            findings.account("/account", account);
        }
        findings.line("/who", &self.who, PERSON_CHARACTERS_MAX);
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && to <= from
        {
            findings.add("/to", "must be later than from");
        }
    }
}

/// A search for differences, latest first. All filters must match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DifferencesQuery {
    pub state: Option<String>,
    pub kind: Option<String>,
    pub payment_id: Option<Uuid>,
    /// Rows of one page.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl Request for DifferencesQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(limit) = self.limit {
            findings.between("/limit", limit, 1, PAGE_ROWS_MAX);
        }
        if let Some(cursor) = &self.cursor {
            findings.cursor("/cursor", cursor);
        }
    }
}
