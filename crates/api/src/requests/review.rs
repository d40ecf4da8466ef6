//! What a person does with a review case.

use domain::limits::{PERSON_CHARACTERS_MAX, WHY_CHARACTERS_MAX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Request;
use crate::Money;
use crate::limits::{PAGE_ROWS_MAX, REASON_CHARS_MAX};
use crate::validation_errors::ValidationErrors;

/// What can be done about a review case.
pub const REVIEW_ACTIONS: [&str; 4] = ["look_up", "refund", "release", "write_off"];

/// A search for review cases, oldest first. All filters must match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewCasesQuery {
    /// By default `open`.
    pub state: Option<String>,
    pub reason: Option<String>,
    /// Who takes care of it.
    pub assignee: Option<String>,
    /// Cases that were opened before this time.
    pub opened_before: Option<jiff::Timestamp>,
    /// Rows of one page.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Gives a review case to a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewAssignment {
    /// `null`: nobody has it any more.
    pub assignee: Option<String>,
    /// Who decides, in free text.
    pub who: String,
    pub why: String,
}

/// Acts on a review case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewAction {
    /// `look_up`, `refund`, `release` or `write_off`.
    pub action: String,
    /// The amount of a refund; without it all that is left goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Who decides, in free text.
    pub who: String,
    pub why: String,
}

impl Request for ReviewCasesQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(limit) = self.limit {
            findings.between("/limit", limit, 1, PAGE_ROWS_MAX);
        }
        if let Some(cursor) = &self.cursor {
            findings.cursor("/cursor", cursor);
        }
        if let Some(reason) = &self.reason {
            findings.line("/reason", reason, REASON_CHARS_MAX);
        }
        if let Some(assignee) = &self.assignee {
            findings.line("/assignee", assignee, PERSON_CHARACTERS_MAX);
        }
    }
}

impl Request for ReviewAssignment {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(assignee) = &self.assignee {
            findings.line("/assignee", assignee, PERSON_CHARACTERS_MAX);
        }
        findings.line("/who", &self.who, PERSON_CHARACTERS_MAX);
        findings.line("/why", &self.why, WHY_CHARACTERS_MAX);
    }
}

impl Request for ReviewAction {
    fn check(&self, findings: &mut ValidationErrors) {
        if !REVIEW_ACTIONS.contains(&self.action.as_str()) {
            findings.add("/action", format!("must be one of {}", REVIEW_ACTIONS.join(", ")));
        }
        if let Some(amount) = &self.amount {
            findings.amount("/amount", *amount);
        }
        findings.line("/who", &self.who, PERSON_CHARACTERS_MAX);
        findings.line("/why", &self.why, WHY_CHARACTERS_MAX);
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        if self.amount.is_some() && self.action != "refund" {
            findings.add("/amount", "belongs to a refund");
        }
    }
}
