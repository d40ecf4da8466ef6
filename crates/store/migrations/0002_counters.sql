-- How many rows stand where, kept in the transaction that moves them, so that a figure costs a few rows
-- to read however many there are. A shard belongs to one writer's connection at a time: nobody waits for
-- another's. The sum over the shards is the figure; one of them alone may be below zero.
create table counters (
    shard bigint not null,
    subject text not null,
    word text not null,
    count bigint not null,
    primary key (shard, subject, word)
);

-- What was moved before there were counters.
insert into counters (shard, subject, word, count)
    select 0, 'bookings', state, count(*) from bookings where state <> 'held' group by state;
insert into counters (shard, subject, word, count)
    select 0, 'payments', state, count(*) from payments
    where state not in ('created', 'pending') group by state;
insert into counters (shard, subject, word, count)
    select 0, 'refunds', state, count(*) from refunds
    where state in ('succeeded', 'written_off', 'failed') group by state;
insert into counters (shard, subject, word, count)
    select 0, 'payouts', state, count(*) from payouts
    where state in ('failed', 'paid', 'returned') group by state;
insert into counters (shard, subject, word, count)
    select 0, 'transfers', kind, count(*) from transfers group by kind;
insert into counters (shard, subject, word, count)
    select 0, 'late_payments', 'refunded', count(*) from refunds where key is null and external = 0
    having count(*) > 0;
insert into counters (shard, subject, word, count)
    select 0, 'late_payments', 'voided', count(*) from attempts where kind = 'void' and key is null
    having count(*) > 0;
insert into counters (shard, subject, word, count)
    select 0, 'late_payments', 'seated', count(*) from audit
    where subject_kind = 'booking' and from_state = 'expired' and to_state = 'confirmed'
    having count(*) > 0;

-- only postgres
alter table counters set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 1000);
-- end
