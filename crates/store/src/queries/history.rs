//! History: the audit, the event log, and review cases.

use domain::lifecycle::{State as _, review};
use domain::rows::{Audit, Message, Review, Subject};
use domain::working_set::{Kind, Value};
use domain::{ReviewId, TenantId, Timestamp};
use uuid::Uuid;

use super::filter::{Filter, limit, owned, placeholders, with};
use super::{Cursor, Queries};
use crate::Error;

/// The conditions of a search for review cases. `None` is no condition.
#[derive(Clone, Debug)]
pub struct ReviewSearch {
    pub state: review::State,
    pub reason: Option<String>,
    pub assignee: Option<String>,
    pub opened_before: Option<Timestamp>,
    pub after: Option<Cursor>,
    pub limit: usize,
}

/// Open cases.
impl Default for ReviewSearch {
    fn default() -> ReviewSearch {
        ReviewSearch {
            state: review::State::Open,
            reason: None,
            assignee: None,
            opened_before: None,
            after: None,
            limit: 0,
        }
    }
}

impl Queries {
    /// Oldest first. The cursor's instant is `at`.
    pub async fn audit_of(
        &self,
        tenant: TenantId,
        subject: Uuid,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Audit>, Error> {
        let (rest, parameters) = Filter::of(tenant).and("subject =", Some(subject)).oldest("at", after, max);
        self.rows(&rest, parameters).await
    }

    /// The time of the latest row, by the clock that stamped it. Ids ascend with time, so this reads one row.
    pub async fn newest_moment(&self) -> Result<Option<Timestamp>, Error> {
        let rows = self.values("select at from audit order by id desc limit 1", vec![], &[Kind::Int]).await?;
        Ok(rows.into_iter().flatten().next().and_then(Value::int).map(Timestamp))
    }

    /// The first time of this action on the subject.
    pub async fn first_audit_of(
        &self,
        tenant: TenantId,
        subject: Uuid,
        action: &str,
    ) -> Result<Option<Audit>, Error> {
        let (rest, parameters) = Filter::of(tenant)
            .and("subject =", Some(subject))
            .and("action =", Some(action.to_owned()))
            .oldest("at", None, 1);
        self.row(&rest, parameters).await
    }

    /// The tenant's events about these kinds of subjects behind a position of the log. A position
    /// is assigned after the commit of its message, so no event ever appears before a reader's
    /// position.
    pub async fn events_after(
        &self,
        tenant: TenantId,
        position: i64,
        subjects: &[Subject],
        max: usize,
    ) -> Result<Vec<Message>, Error> {
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        let mut parameters = with![tenant, position, limit(max)];
        parameters.extend(subjects.iter().map(owned));
        let kinds = placeholders(4, subjects.len());
        let rest = format!(
            "where tenant = $1 and position is not null and position > $2 and subject_kind in ({kinds}) \
             order by position limit $3"
        );
        self.rows(&rest, parameters).await
    }

    pub async fn review(&self, tenant: TenantId, id: ReviewId) -> Result<Option<Review>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Oldest first; the cursor's instant is `opened_at`.
    pub async fn reviews(&self, tenant: TenantId, search: &ReviewSearch) -> Result<Vec<Review>, Error> {
        let (rest, parameters) = Filter::of(tenant)
            .and("state =", Some(search.state.name().to_owned()))
            .and("reason =", search.reason.clone())
            .and("assignee =", search.assignee.clone())
            .and("opened_at <", search.opened_before)
            .oldest("opened_at", search.after, search.limit);
        self.rows(&rest, parameters).await
    }

    pub async fn open_reviews(
        &self,
        tenant: TenantId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Review>, Error> {
        let search = ReviewSearch { after, limit: max, ..ReviewSearch::default() };
        self.reviews(tenant, &search).await
    }

    /// The messages of the outbox about one subject, in order.
    pub async fn messages_of(
        &self,
        tenant: TenantId,
        subject: Uuid,
        max: usize,
    ) -> Result<Vec<Message>, Error> {
        let (rest, parameters) = Filter::of(tenant).and("subject =", Some(subject)).newest(max);
        let mut messages: Vec<Message> = self.rows(&rest, parameters).await?;
        messages.sort_by_key(|message| message.seq);
        Ok(messages)
    }
}
