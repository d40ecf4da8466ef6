//! A review case, which only a person can settle.

use domain::lifecycle::State as _;
use domain::rows;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Payment;
use crate::time;

/// A case that only a person can settle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReviewCase {
    pub id: Uuid,
    /// `booking`, `payment`, `refund` or `event`.
    pub subject: String,
    pub subject_id: Uuid,
    pub reason: String,
    pub detail: String,
    /// The operation that was handed to a person. Resolving the case ends it.
    #[serde(default)]
    pub attempt_id: Option<Uuid>,
    /// `open` or `resolved`.
    pub state: String,
    pub opened_at: jiff::Timestamp,
    #[serde(default)]
    pub resolved_at: Option<jiff::Timestamp>,
    #[serde(default)]
    pub resolution: Option<String>,
    /// Who takes care of it.
    #[serde(default)]
    pub assignee: Option<String>,
}

impl ReviewCase {
    pub fn of(review: &rows::Review) -> ReviewCase {
        ReviewCase {
            id: review.id.0,
            subject: review.subject_kind.name().to_owned(),
            subject_id: review.subject,
            reason: review.reason.clone(),
            detail: review.detail.clone(),
            attempt_id: review.attempt.map(|attempt| attempt.0),
            state: review.state.name().to_owned(),
            opened_at: time::instant(review.opened_at),
            resolved_at: review.resolved_at.map(time::instant),
            resolution: review.resolution.clone(),
            assignee: review.assignee.clone(),
        }
    }
}

/// A review case with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReviewCaseDetail {
    pub case: ReviewCase,
    #[serde(default)]
    pub payment: Option<Payment>,
    /// What its state allows: `look_up`, `refund`, `release`, `write_off`.
    pub actions: Vec<String>,
    /// Oldest first. At most 200 rows of each source.
    pub timeline: Vec<TimelineEntry>,
}

/// One thing that is known of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    pub at: jiff::Timestamp,
    /// `audit`, `attempt`, `movement`, `refund`, `message` or `difference`.
    pub source: String,
    pub summary: String,
    #[schema(value_type = Object)]
    pub data: Value,
}
