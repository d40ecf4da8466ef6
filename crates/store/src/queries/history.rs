//! History: the audit, the event log, the ledger, and review cases.

use domain::lifecycle::{State as _, review};
use domain::rows::{Audit, LedgerAccount, Message, Posting, Review, Subject, Transfer};
use domain::working_set::{Kind, Value};
use domain::{LedgerAccountId, ReviewId, TenantId, Timestamp, TransferId};
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

    /// In the order of their names, from the one behind `after` on.
    pub async fn ledger_accounts(
        &self,
        tenant: TenantId,
        after: Option<LedgerAccountId>,
        max: usize,
    ) -> Result<Vec<LedgerAccount>, Error> {
        // An account is never renamed or removed, so its id is a sufficient cursor.
        let behind = after.map(|_| {
            " and (name, currency) > (select name, currency from ledger_accounts where tenant = $1 and id = $3)"
        });
        let behind = behind.unwrap_or_default();
        let mut parameters = with![tenant, limit(max)];
        parameters.extend(after.map(|after| owned(&after)));
        self.rows(&format!("where tenant = $1{behind} order by name, currency limit $2"), parameters).await
    }

    /// Newest first, each with its postings; the cursor's instant is `posted_at`.
    pub async fn transfers(
        &self,
        tenant: TenantId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<(Transfer, Vec<Posting>)>, Error> {
        let end = Cursor { created_at: Timestamp(i64::MAX), id: Uuid::max() };
        let Cursor { created_at, id } = after.unwrap_or(end);
        let page =
            "where tenant = $1 and (posted_at, id) < ($2, $3) order by posted_at desc, id desc limit $4";
        let transfers: Vec<Transfer> = self.rows(page, with![tenant, created_at, id, limit(max)]).await?;
        // By their ids, because a transfer that is posted in between changes the page.
        let ids: Vec<TransferId> = transfers.iter().map(|transfer| transfer.id).collect();
        let mut postings: Vec<Posting> =
            self.rows_in(tenant, "transfer", &ids, "transfer, amount_minor desc, id").await?;
        let mut of =
            |transfer: TransferId| postings.extract_if(.., |posting| posting.transfer == transfer).collect();
        Ok(transfers
            .into_iter()
            .map(|transfer| {
                let legs = of(transfer.id);
                (transfer, legs)
            })
            .collect())
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
