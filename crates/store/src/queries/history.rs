//! What happened: audit, the event log, the ledger, and what a person must look at.

use domain::rows::{Audit, LedgerAccount, Message, Posting, Review, Transfer};
use domain::{ReviewId, TenantId, Timestamp, TransferId};
use uuid::Uuid;

use super::filter::{Filter, limit, with};
use super::{Cursor, Queries};
use crate::Error;

impl Queries {
    /// In the order of what happened.
    pub async fn audit_of(&self, tenant: TenantId, subject: Uuid, max: usize) -> Result<Vec<Audit>, Error> {
        let rest = "where tenant = $1 and subject = $2 order by at, id limit $3";
        self.rows(rest, with![tenant, subject, limit(max)]).await
    }

    /// The tenant's events behind a position of the log. A position is given after the commit of
    /// what it tells, so nothing ever appears behind a reader.
    pub async fn events_after(
        &self,
        tenant: TenantId,
        position: i64,
        max: usize,
    ) -> Result<Vec<Message>, Error> {
        let rest = "where tenant = $1 and position is not null and position > $2 order by position limit $3";
        self.rows(rest, with![tenant, position, limit(max)]).await
    }

    pub async fn ledger_accounts(&self, tenant: TenantId) -> Result<Vec<LedgerAccount>, Error> {
        self.rows("where tenant = $1 order by name, currency", with![tenant]).await
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
        let parameters = with![tenant, created_at, id, limit(max)];
        let transfers: Vec<Transfer> = self.rows(page, parameters.clone()).await?;
        let rest = format!(
            "where tenant = $1 and transfer in (select id from transfers {page}) order by transfer, amount_minor desc, id"
        );
        // A transfer that is posted in between pushes another off the second page, never splits one.
        let mut postings: Vec<Posting> = self.rows(&rest, parameters).await?;
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
    pub async fn open_reviews(
        &self,
        tenant: TenantId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Review>, Error> {
        let start = Cursor { created_at: Timestamp(i64::MIN), id: Uuid::nil() };
        let Cursor { created_at, id } = after.unwrap_or(start);
        let rest = "where tenant = $1 and state = 'open' and (opened_at, id) > ($2, $3) \
             order by opened_at, id limit $4";
        self.rows(rest, with![tenant, created_at, id, limit(max)]).await
    }

    /// What the outbox holds about one subject, in order.
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
