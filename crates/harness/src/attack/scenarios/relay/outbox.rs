//! Where messages stand: with or without a receipt, with or without a mark.

use std::collections::BTreeSet;

use domain::ledger::POSTED;
use store::Location;
use uuid::Uuid;

use crate::attack::rows::{Rows, quoted};
use crate::attack::{Arena, Error};

/// Looked at once.
const MESSAGES_MAX: usize = 200;

pub struct Outbox {
    rows: Rows,
    /// The kinds that somebody receives.
    kinds: String,
}

impl Outbox {
    pub async fn of(location: &Location) -> Result<Outbox, Error> {
        let kinds: Vec<String> = POSTED.iter().map(|kind| quoted(kind)).collect();
        Ok(Outbox { rows: Rows::of(location).await?, kinds: kinds.join(", ") })
    }

    /// Received, and not marked: published by a relay that has not said so yet.
    pub async fn unmarked(&self) -> Result<Vec<Uuid>, Error> {
        let sql = format!(
            "select m.id from outbox m join inbox i on i.message = m.id \
             where m.position is null limit {MESSAGES_MAX}"
        );
        self.rows.select_ids(&sql).await
    }

    /// Of these, those without a mark.
    pub async fn without_mark(&self, messages: &[Uuid]) -> Result<BTreeSet<Uuid>, Error> {
        let among = self.rows.ids(messages.iter().copied());
        let sql = format!("select id from outbox where position is null and id in {among}");
        Ok(self.rows.select_ids(&sql).await?.into_iter().collect())
    }

    /// With the broker that is built in a mark says that it was received.
    pub async fn judge_marks(&self, arena: &Arena) -> Result<(), Error> {
        let sql = format!(
            "select m.id from outbox m where m.position is not null and m.kind in ({}) \
             and not exists (select 1 from inbox i where i.message = m.id) limit {MESSAGES_MAX}",
            self.kinds
        );
        let early = self.rows.select_ids(&sql).await?;
        arena.findings.always("marked_only_after_its_receipt", early.is_empty(), || {
            format!("{} messages are marked and have no receipt, such as {}", early.len(), early[0])
        });
        Ok(())
    }

    /// What moved is posted once, and every message that moves something is.
    pub async fn judge_postings(&self, arena: &Arena) -> Result<(), Error> {
        let twice = "select movement, count(*) from transfers group by movement having count(*) > 1 limit 20";
        let twice = self.rows.select(twice).await?;
        arena
            .findings
            .always("one_posting_a_movement", twice.is_empty(), || format!("posted twice: {twice:?}"));
        let sql = format!(
            "select m.id from outbox m where m.kind in ({}) \
             and not exists (select 1 from transfers t where t.message = m.id) limit {MESSAGES_MAX}",
            self.kinds
        );
        let never = self.rows.select_ids(&sql).await?;
        arena
            .findings
            .always("one_posting_a_movement", never.is_empty(), || format!("never posted: {never:?}"));
        Ok(())
    }
}
