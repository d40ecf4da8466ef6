//! The order of moves in the audit, and of messages in the outbox.
//!
//! The audit has a review case under its subject, which the case does not move.

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    Check {
        invariant: "only_forward",
        promise: "each move of a booking or payment begins where the one before ended",
        counted: "select count(*) from audit where to_state is not null \
            and subject_kind in ('booking', 'payment') and action not in ('review_opened', 'review_resolved')",
        broken: "select subject as id, subject_kind || ' was ' || before || ' and then moved from ' \
                || from_state || ' to ' || to_state as description \
            from (select subject, subject_kind, from_state, to_state, \
                    lag(to_state) over (partition by subject order by at, id) as before \
                from audit where to_state is not null and subject_kind in ('booking', 'payment') \
                and action not in ('review_opened', 'review_resolved')) as moves \
            where before is not null and (from_state is null or before <> from_state)",
    },
    Check {
        invariant: "only_forward",
        promise: "a booking is in the state that its last move led to",
        counted: "select count(*) from bookings",
        broken: "select bookings.id, 'is ' || state || ' and was last moved to ' || to_state as description \
            from bookings join (select subject, to_state, \
                    row_number() over (partition by subject order by at desc, id desc) as back \
                from audit where subject_kind = 'booking' and to_state is not null \
                and action not in ('review_opened', 'review_resolved')) as moves on moves.subject = bookings.id and back = 1 \
            where state <> to_state",
    },
    Check {
        invariant: "only_forward",
        promise: "a payment is in the state that its last move led to",
        counted: "select count(*) from payments",
        broken: "select payments.id, 'is ' || state || ' and was last moved to ' || to_state as description \
            from payments join (select subject, to_state, \
                    row_number() over (partition by subject order by at desc, id desc) as back \
                from audit where subject_kind = 'payment' and to_state is not null \
                and action not in ('review_opened', 'review_resolved')) as moves on moves.subject = payments.id and back = 1 \
            where state <> to_state",
    },
    Check {
        invariant: "only_forward",
        promise: "a dispute is in the state that its last move led to",
        counted: "select count(*) from disputes",
        broken: "select disputes.id, 'is ' || state || ' and was last moved to ' || to_state as description \
            from disputes join (select subject, to_state, \
                    row_number() over (partition by subject order by at desc, id desc) as back \
                from audit where subject_kind = 'dispute' and to_state is not null) as moves \
                on moves.subject = disputes.id and back = 1 \
            where state <> to_state",
    },
    Check {
        invariant: "event_applied_once",
        promise: "the messages about one subject are numbered without gaps or repetitions",
        counted: "select count(*) from outbox",
        broken: "select subject as id, 'from ' || min(seq) || ' to ' || max(seq) || ' in ' || count(*) \
                || ' messages' as description from outbox group by subject \
            having count(*) <> max(seq) - min(seq) + 1 or count(distinct seq) <> count(*)",
    },
    Check {
        invariant: "event_applied_once",
        promise: "a position of a tenant's log is given once",
        counted: "select count(*) from outbox where position is not null",
        broken: "select tenant as id, 'position ' || position || ' given ' || count(*) || ' times' as description \
            from outbox where position is not null group by tenant, position having count(*) > 1",
    },
    Check {
        invariant: "event_applied_once",
        promise: "a message is received at most once by each consumer",
        counted: "select count(*) from inbox",
        broken: "select message as id, consumer || ' received it ' || count(*) || ' times' as description \
            from inbox group by consumer, message having count(*) > 1",
    },
    Check {
        invariant: "event_applied_once",
        promise: "a message made at most one transfer, and was received by its consumer",
        counted: "select count(*) from transfers",
        broken: "select message as id, count(*) || ' transfers' as description from transfers \
                group by message having count(*) > 1 \
            union all select transfers.id, 'made of a message that nobody received' as description from transfers \
                where not exists (select 1 from inbox where inbox.message = transfers.message \
                    and inbox.state = 'received') \
                and exists (select 1 from outbox where outbox.id = transfers.message)",
    },
    Check {
        invariant: "event_applied_once",
        promise: "a tenant's log has the messages about one subject in their order",
        counted: "select count(*) from outbox where position is not null",
        broken: "select id, 'is message ' || seq || ' of its subject and has position ' || position \
                || ', the one before it has ' || coalesce('' || before, 'none') as description \
            from (select id, seq, position, lag(seq) over (partition by subject order by seq) as seq_before, \
                    lag(position) over (partition by subject order by seq) as before from outbox) as messages \
            where position is not null and seq_before is not null and (before is null or before > position)",
    },
    Check {
        invariant: "nothing_lost",
        promise: "a message counts as received only where its receipt is kept",
        counted: "select count(*) from outbox where received_at is not null",
        broken: "select id, kind || ' counts as received' as description from outbox where received_at is not null \
            and kind in ('booking.recognized', 'booking.released', 'payout.paid', 'payout.returned', \
                'payment.captured', 'payment.contradicted', 'payment.disputed', \
                'payment.dispute_reversed', 'payment.fee_charged', 'payment.fee_returned', \
                'refund.succeeded', 'refund.reversed', 'refund.contradicted') \
            and not exists (select 1 from inbox where inbox.message = outbox.id \
                and inbox.state in ('received', 'discarded'))",
    },
    Check {
        invariant: "nothing_lost",
        promise: "what waits for its consumer, or for a person, has its message",
        counted: "select count(*) from inbox where state in ('waiting', 'dead')",
        broken: "select id, state || ' at ' || consumer as description from inbox where state in ('waiting', 'dead') \
            and not exists (select 1 from outbox where outbox.id = inbox.message)",
    },
];

#[cfg(test)]
mod tests {
    use domain::ledger::POSTED;

    use super::*;

    #[test]
    fn every_kind_with_a_consumer_is_checked() {
        let check = CHECKS.iter().find(|check| check.promise.contains("receipt is kept")).unwrap();
        let checked = check.broken.split("kind in (").nth(1).unwrap().split(')').next().unwrap();
        let mut kinds: Vec<&str> = checked.split(',').map(|kind| kind.trim().trim_matches('\'')).collect();
        let mut posted = POSTED.to_vec();
        kinds.sort_unstable();
        posted.sort_unstable();
        assert_eq!(kinds, posted);
    }
}
