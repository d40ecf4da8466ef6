//! Counters: how many rows stand where, kept in the transaction that moves them. What is counted is the
//! domain's (`domain::side_effects`); how it is kept is said here.
//!
//! A figure that is counted from committed rows must not read them all: with ten million payments that
//! is seconds of the database's time, every time. So whoever moves a row to where it may stay adds one to
//! a counter in the same transaction.
//!
//! One row for all would be the hottest row of the database. Each writer's connection has a shard of
//! its own, so that no writer waits for another; a reader adds the shards up.

pub(crate) const SQLITE_ADD: &str = "insert into counters (shard, subject, word, count) values (0, ?1, ?2, ?3) \
     on conflict (shard, subject, word) do update set count = counters.count + excluded.count";

/// Differs by necessity, as every write of a set does.
pub(crate) const POSTGRES_ADD: &str = "insert into counters (shard, subject, word, count) \
     select shard, subject, word, count \
     from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[]) as sent(shard, subject, word, count) \
     on conflict (shard, subject, word) do update set count = counters.count + excluded.count";
