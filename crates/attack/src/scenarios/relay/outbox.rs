//! The state of messages: with or without a receipt, with or without a mark.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use domain::ledger::POSTED;
use store::Location;
use uuid::Uuid;

use crate::database_rows::{DatabaseRows, quoted};
use crate::{Error, ScenarioContext};

/// The most messages of one read.
const MESSAGES_MAX: usize = 200;
/// The time for the last receipts to be recorded.
const RECEIVED_WITHIN: Duration = Duration::from_mins(1);
const WAIT_EVERY: Duration = Duration::from_millis(100);

pub struct Outbox {
    rows: DatabaseRows,
    /// The kinds of messages that have a consumer.
    kinds: String,
    /// The broker is an external one.
    apart: bool,
}

impl Outbox {
    pub async fn of(location: &Location, apart: bool) -> Result<Outbox, Error> {
        let kinds: Vec<String> = POSTED.iter().map(|kind| quoted(kind)).collect();
        Ok(Outbox { rows: DatabaseRows::of(location).await?, kinds: kinds.join(", "), apart })
    }

    /// With an external broker a relay marks right after publishing, and the state between the two
    /// is hardly ever seen. So from here on until [`Outbox::let_marks_go`] every mark waits for a
    /// lock on its tenant's event log. Returns whether the lock is held: there may be no log yet.
    pub async fn hold_marks(&self) -> Result<bool, Error> {
        if !self.apart {
            return Ok(false);
        }
        self.rows.execute("begin").await?;
        let held = !self.rows.select("select tenant from logs for update").await?.is_empty();
        if !held {
            self.let_marks_go().await?;
        }
        Ok(held)
    }

    pub async fn let_marks_go(&self) -> Result<(), Error> {
        self.rows.execute("rollback").await
    }

    /// Messages that have reached their consumer without a mark: a relay has published them and not
    /// recorded it yet. Either the effect or the receipt counts; other checks compare the two.
    pub async fn unmarked(&self) -> Result<Vec<Uuid>, Error> {
        let sql = format!(
            "select m.id from outbox m where m.position is null and ( \
                exists (select 1 from inbox i where i.message = m.id and i.state = 'received') \
                or exists (select 1 from transfers t where t.message = m.id)) limit {MESSAGES_MAX}"
        );
        self.rows.select_ids(&sql).await
    }

    /// Those of these messages that have no mark.
    pub async fn without_mark(&self, messages: &[Uuid]) -> Result<BTreeSet<Uuid>, Error> {
        let among = self.rows.ids(messages.iter().copied());
        let sql = format!("select id from outbox where position is null and id in {among}");
        Ok(self.rows.select_ids(&sql).await?.into_iter().collect())
    }

    /// No message may be recorded as received before it was.
    pub async fn judge_marks(&self, context: &ScenarioContext) -> Result<(), Error> {
        let Outbox { rows, kinds, apart } = self;
        let mark = if *apart { "received_at" } else { "position" };
        let sql = format!(
            "select m.id from outbox m where m.{mark} is not null and m.kind in ({kinds}) \
             and not exists (select 1 from inbox i where i.message = m.id) \
             and not exists (select 1 from transfers t where t.message = m.id) limit {MESSAGES_MAX}"
        );
        let early = rows.select_ids(&sql).await?;
        context.findings.always("marked_only_after_its_receipt", early.is_empty(), || {
            format!(
                "{} messages are marked and have not come to their consumer, such as {}",
                early.len(),
                early[0]
            )
        });
        Ok(())
    }

    /// Each movement must be posted once.
    pub async fn judge_postings(&self, context: &ScenarioContext) -> Result<(), Error> {
        let twice = "select movement, count(*) from transfers group by movement having count(*) > 1 limit 20";
        let twice = self.rows.select(twice).await?;
        context
            .findings
            .always("one_posting_a_movement", twice.is_empty(), || format!("posted twice: {twice:?}"));
        Ok(())
    }

    /// Must be called when no work is under way.
    pub async fn judge_the_end(&self, context: &ScenarioContext) -> Result<(), Error> {
        let Outbox { rows, kinds, .. } = self;
        let never = format!(
            "select m.id from outbox m where m.kind in ({kinds}) \
             and not exists (select 1 from transfers t where t.message = m.id) limit {MESSAGES_MAX}"
        );
        let never = rows.select_ids(&never).await?;
        context
            .findings
            .always("one_posting_a_movement", never.is_empty(), || format!("never posted: {never:?}"));
        self.judge_received(context).await
    }

    /// A message in the outbox may come again. Without a receipt as old as its effect it would
    /// count as new.
    pub async fn judge_receipts(&self, context: &ScenarioContext) -> Result<(), Error> {
        let gone = format!(
            "select m.id from outbox m join transfers t on t.message = m.id \
             where not exists (select 1 from inbox i where i.message = m.id) limit {MESSAGES_MAX}"
        );
        let gone = self.rows.select_ids(&gone).await?;
        let younger = format!(
            "select t.message from transfers t join inbox i on i.message = t.message \
             where i.created_at > t.posted_at limit {MESSAGES_MAX}"
        );
        let younger = self.rows.select_ids(&younger).await?;
        let right = gone.is_empty() && younger.is_empty();
        context.findings.always("receipts_outlive_their_messages", right, || {
            let first = |ids: &[Uuid]| ids.first().map(Uuid::to_string).unwrap_or_default();
            format!(
                "{} messages had their effect and have no receipt any more, such as {}; {} were taken for new \
                 ones after they had had their effect, such as {}",
                gone.len(),
                first(&gone),
                younger.len(),
                first(&younger)
            )
        });
        Ok(())
    }

    /// Every receipt is recorded in the end, whatever the broker does.
    async fn judge_received(&self, context: &ScenarioContext) -> Result<(), Error> {
        let sql = format!("select id from outbox where received_at is null limit {MESSAGES_MAX}");
        let begun = Instant::now();
        loop {
            let waiting = self.rows.select_ids(&sql).await?;
            let late = begun.elapsed() > RECEIVED_WITHIN || context.findings.any_broken();
            if waiting.is_empty() || late {
                context.findings.always("every_message_is_received", waiting.is_empty(), || {
                    format!("{} messages are not recorded as received, such as {}", waiting.len(), waiting[0])
                });
                return Ok(());
            }
            tokio::time::sleep(WAIT_EVERY).await;
        }
    }
}
