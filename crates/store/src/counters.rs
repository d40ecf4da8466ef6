//! Counters: how many rows are in each state, written in the transaction that moves the rows. The
//! domain decides what is counted (`domain::side_effects`), this module how it is stored.
//!
//! A metric must not read all committed rows: with ten million payments that takes seconds of the
//! database's time, every time. So a transaction that moves a row to a state in which it may stay
//! adds one to a counter.
//!
//! A single row would have the most contention of the database. Each writer's connection has a
//! shard of its own, so that no writer waits for another, and a reader adds the shards up.

pub(crate) const SQLITE_ADD: &str = "insert into counters (shard, subject, word, count) values (0, ?1, ?2, ?3) \
     on conflict (shard, subject, word) do update set count = counters.count + excluded.count";

/// Differs by necessity, as every write of a set does.
pub(crate) const POSTGRES_ADD: &str = "insert into counters (shard, subject, word, count) \
     select shard, subject, word, count \
     from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[]) as sent(shard, subject, word, count) \
     on conflict (shard, subject, word) do update set count = counters.count + excluded.count";
