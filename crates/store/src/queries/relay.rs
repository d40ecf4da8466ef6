//! Messages of the outbox to publish, to publish again, or to delete.
//!
//! Rows are found by their state, never by an offset over a sequence: commits become visible out of
//! order, and an offset would skip the late ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use domain::consumers::Consumers;
use domain::ids::first_of;
use domain::limits::{PARTITIONS, WAITS_FOR_RECEIPTS};
use domain::rows::Message;
use domain::time::Span;
use domain::working_set::{Kind, Row as _, Value};
use domain::{InboxId, MessageId, Timestamp};

use super::Queries;
use super::filter::{limit, placeholders, with};
use crate::Error;

/// A partition with messages to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionBacklog {
    pub number: i64,
    /// Whether no relay holds it, or its lease has lapsed.
    pub free: bool,
}

impl Queries {
    pub async fn partitions_with_work(&self, now: Timestamp) -> Result<Vec<PartitionBacklog>, Error> {
        let mut numbers = "select cast(0 as bigint) as number".to_owned();
        for number in 1..PARTITIONS {
            write!(numbers, " union all select {number}").expect("a String takes it");
        }
        let sql = format!(
            "select number, cast(case when exists (select 1 from partitions \
                where partitions.number = known.number and lease_until > $1) then 0 else 1 end as bigint) \
             from ({numbers}) as known where exists (select 1 from outbox \
                where outbox.partition = known.number and position is null) order by number"
        );
        let rows = self.values(&sql, with![now], &[Kind::Int, Kind::Int]).await?;
        let int = |value: Option<Value<'static>>| value.and_then(Value::int).unwrap_or(0);
        let work = |row: Vec<Value<'static>>| {
            let mut row = row.into_iter();
            PartitionBacklog { number: int(row.next()), free: int(row.next()) == 1 }
        };
        Ok(rows.into_iter().map(work).collect())
    }

    /// Partitions of these that have unpublished messages from before this instant.
    pub async fn partitions_with_backlog(
        &self,
        partitions: &[i64],
        before: Timestamp,
    ) -> Result<Vec<i64>, Error> {
        let probe = |number: &i64| {
            format!(
                "select cast({number} as bigint) where exists (select 1 from outbox \
                 where partition = {number} and position is null and created_at < $1)"
            )
        };
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let sql = partitions.iter().map(probe).collect::<Vec<_>>().join(" union all ");
        let rows = self.values(&sql, with![before], &[Kind::Int]).await?;
        Ok(rows.into_iter().flatten().filter_map(Value::int).collect())
    }

    /// Recent messages that were not published, those of a subject from the lowest on without gaps.
    /// A subject with an older message waits for that, and takes no part of the limit.
    pub async fn live_messages(
        &self,
        partitions: &[i64],
        since: Timestamp,
        max: usize,
    ) -> Result<Vec<Message>, Error> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let partitions = partitions.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        // A scalar is found once per row in the index of its subject. PostgreSQL turns `not exists`
        // into a join of the whole backlog with itself while the table has no statistics.
        let rest = format!(
            "where position is null and received_at is null and subject in \
             (select subject from outbox as young \
                where partition in ({partitions}) and position is null and created_at >= $1 \
                and (select older.id from outbox as older where older.subject = young.subject \
                   and older.received_at is null and older.position is null and older.created_at < $1 \
                   limit 1) is null \
                order by created_at, id limit $2) \
             order by subject, seq limit $2"
        );
        self.readable_messages(&rest, with![since, limit(max)]).await
    }

    /// Old unpublished messages of one partition, in the same order.
    pub async fn backlog_messages(
        &self,
        partition: i64,
        before: Timestamp,
        max: usize,
    ) -> Result<Vec<Message>, Error> {
        let rest = "where position is null and received_at is null and subject in \
             (select subject from outbox where partition = $1 and position is null and created_at < $2 \
                order by created_at, id limit $3) \
             order by subject, seq limit $3";
        self.readable_messages(rest, with![partition, before, limit(max)]).await
    }

    /// Messages whose delivery is due again and that were not published since, and messages that
    /// were published before this instant and not received. Dead deliveries wait for a person, and
    /// are left out. After each publication without a receipt the wait is longer
    /// ([`WAITS_FOR_RECEIPTS`]). Each of the two groups has half of the limit, and the part of the
    /// other half that is free. A message that waits at one consumer is left out only if each of
    /// the other consumers has its row.
    pub async fn unsettled_messages(
        &self,
        consumers: Consumers,
        published_before: Timestamp,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<MessageId>, Error> {
        let due = "select message from inbox join outbox on outbox.id = inbox.message \
             where state = 'waiting' and due_at <= $1 and position is not null and outbox.received_at is null \
             and (published <= 1 or published_at <= due_at) \
             order by due_at limit $2";
        let unreceived = format!(
            "select id from outbox \
             where position is not null and received_at is null and published_at < $1 \
             and (published_at < $1 - $4 * cast({} as bigint) \
                or exists (select 1 from inbox where inbox.message = outbox.id and state = 'received')) \
             and not ({} exists (select 1 from inbox where inbox.message = outbox.id \
                and (state = 'dead' or (state = 'waiting' and due_at > $2)))) \
             order by published_at limit $3",
            further_waits(),
            all_have_rows(consumers)
        );
        let due = self.ids(due, with![now, limit(max)]).await?;
        let wait = Span(now.since(published_before).0.max(0));
        let unreceived = self.ids(&unreceived, with![published_before, now, limit(max), wait.0]).await?;
        let turns = 0..due.len().max(unreceived.len());
        let in_turns = turns.flat_map(|at| [due.get(at), unreceived.get(at)]).flatten();
        // A due delivery counts as missing a receipt as well.
        let mut known = BTreeSet::new();
        let ids = in_turns.copied().filter(|id| known.insert(*id)).take(max);
        Ok(ids.map(MessageId).collect())
    }

    /// Messages of every tenant.
    pub async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Message>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rest = format!("where id in ({}) order by subject, seq", placeholders(1, ids.len()));
        self.readable_messages(&rest, ids.iter().map(|id| Value::Id(id.0)).collect()).await
    }

    /// A message that only a newer version can read waits for a relay of that version. The later
    /// messages of its subject wait as well, because a subject's messages are published in order.
    /// `rest` orders by subject.
    async fn readable_messages(
        &self,
        rest: &str,
        parameters: Vec<Value<'static>>,
    ) -> Result<Vec<Message>, Error> {
        let columns = Message::TABLE.columns;
        let subject_at = columns.iter().position(|column| column.name == "subject").expect("it is a column");
        let mut waiting = BTreeSet::new();
        let mut messages = Vec::new();
        for row in self.unread_rows::<Message>(rest, parameters).await? {
            let Value::Id(subject) = row[subject_at] else { continue };
            if waiting.contains(&subject) {
                continue;
            }
            match Message::read(row) {
                Ok(message) => messages.push(message),
                Err(why) => {
                    tracing::warn!(%subject, %why, "a message cannot be read by this version, and waits for another");
                    waiting.insert(subject);
                }
            }
        }
        Ok(messages)
    }

    /// Messages that were received before this instant, oldest first. While a message waits for a
    /// receipt, the others of its subject stay, so that the remaining messages of a subject have no
    /// gaps.
    pub async fn prunable_messages(
        &self,
        received_before: Timestamp,
        max: usize,
    ) -> Result<Vec<MessageId>, Error> {
        let sql = "select id from outbox where id < $1 and received_at < $2 \
             and not exists (select 1 from outbox as open where open.subject = outbox.subject \
                and open.received_at is null) \
             order by id limit $3";
        let parameters = with![first_of(received_before), received_before, limit(max)];
        Ok(self.ids(sql, parameters).await?.into_iter().map(MessageId).collect())
    }

    /// Receipts from before this instant whose messages were deleted.
    pub async fn prunable_deliveries(
        &self,
        received_before: Timestamp,
        max: usize,
    ) -> Result<Vec<InboxId>, Error> {
        let pruned = if fault_injection::is(fault_injection::InjectedFault::ReceiptsPrunedEarly) {
            ""
        } else {
            "and not exists (select 1 from outbox where outbox.id = inbox.message)"
        };
        let sql = format!(
            "select id from inbox where message < $1 and updated_at < $2 \
             and state in ('received', 'discarded') {pruned} order by message limit $3"
        );
        let parameters = with![first_of(received_before), received_before, limit(max)];
        Ok(self.ids(&sql, parameters).await?.into_iter().map(InboxId).collect())
    }
}

/// For a kind of message with several consumers: whether each of them has a row.
fn all_have_rows(consumers: Consumers) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for kind in consumers.0.iter().flat_map(|(_, kinds)| *kinds) {
        *counts.entry(kind).or_default() += 1;
    }
    counts.retain(|_, count| *count > 1);
    if counts.is_empty() {
        return String::new();
    }
    let mut sql = "(select count(*) from inbox where inbox.message = outbox.id) >= case".to_owned();
    for (kind, count) in counts {
        // A kind is a constant of the program, so it needs no parameter.
        write!(sql, " when kind = '{kind}' then {count}").expect("a String takes it");
    }
    sql + " else 1 end and"
}

/// The factor of the wait for a message that was `published` this many times.
fn further_waits() -> String {
    let mut sql = "case".to_owned();
    for (published, waits) in WAITS_FOR_RECEIPTS.iter().enumerate() {
        write!(sql, " when published <= {published} then {}", waits - 1).expect("a String takes it");
    }
    let most = WAITS_FOR_RECEIPTS.iter().max().expect("there are some") - 1;
    sql + &format!(" else {most} end")
}
