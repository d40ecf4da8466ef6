//! The release of a booking's funds, and the payouts.

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    Check {
        invariant: "released_once",
        promise: "a beneficiary has at most one payout of a booking",
        counted: "select count(*) from payouts",
        broken: "select booking as id, count(*) || ' payouts of one booking to one beneficiary' as description \
            from payouts group by tenant, booking, beneficiary having count(*) > 1",
    },
    Check {
        invariant: "released_once",
        promise: "the payouts of a booking and the platform's part are what was released",
        counted: "select count(*) from releases where state = 'released'",
        broken: "select releases.id, 'released {' || released_minor || ' ' || releases.currency \
                || '}, the platform has {' || platform_minor || ' ' || releases.currency || '}, the payouts {' \
                || paid_out || ' ' || releases.currency || '}' as description \
            from (select id, currency, released_minor, platform_minor, \
                    (select coalesce(sum(amount_minor), 0) from payouts \
                        where payouts.tenant = releases.tenant and payouts.booking = releases.booking) as paid_out \
                from releases where state = 'released') as releases \
            where released_minor <> platform_minor + paid_out",
    },
    Check {
        invariant: "released_once",
        promise: "payouts are of bookings whose funds were released after their completion",
        counted: "select count(*) from payouts",
        broken: "select payouts.id, 'a payout of a booking that is ' || bookings.state as description \
            from payouts join bookings on bookings.id = payouts.booking \
            left join releases on releases.id = payouts.booking and releases.state = 'released' \
            where releases.id is null or bookings.state not in ('completed', 'no_show')",
    },
    Check {
        invariant: "released_once",
        promise: "what is released of a booking was captured",
        counted: "select count(*) from releases where state = 'released'",
        broken: "select id, 'released {' || released_minor || ' ' || currency || '}, captured {' || captured || ' ' \
                || currency || '}' as description \
            from (select id, currency, released_minor, \
                    (select coalesce(sum(captured_minor), 0) from payments \
                        where payments.tenant = releases.tenant and payments.booking = releases.booking) as captured \
                from releases where state = 'released') as released \
            where released_minor > captured",
    },
    Check {
        invariant: "nothing_lost",
        promise: "a transfer to a beneficiary without an outcome has a live job, or an open review case",
        counted: "select count(*) from payouts where state in ('scheduled', 'sent', 'unknown', 'review') \
            and method = 'transfer'",
        broken: "select id, 'a payout is ' || state || ' and nobody works on it' as description from payouts \
            where state in ('scheduled', 'sent', 'unknown', 'review') and method = 'transfer' \
            and not exists (select 1 from jobs where jobs.id = payouts.id \
                and jobs.state in ('ready', 'running')) \
            and not exists (select 1 from reviews where reviews.state = 'open' and reviews.subject = payouts.id)",
    },
    Check {
        invariant: "books_balance",
        promise: "what was paid out is in the ledger, once every message about it was posted",
        counted: "select count(*) from payouts where state in ('paid', 'returned')",
        broken: "select id, 'paid out {' || net || ' ' || currency || '}, the ledger has {' || posted || ' ' \
                || currency || '}' as description \
            from (select payouts.id, payouts.currency, payouts.amount_minor - payouts.returned_minor as net, \
                    coalesce((select sum(case when transfers.kind = 'payout.paid' then postings.amount_minor \
                            else -postings.amount_minor end) \
                        from transfers join postings on postings.transfer = transfers.id \
                            and postings.amount_minor > 0 \
                        where transfers.subject = payouts.id \
                        and transfers.kind in ('payout.paid', 'payout.returned')), 0) as posted \
                from payouts where payouts.state in ('paid', 'returned') \
                and not exists (select 1 from outbox where outbox.subject = payouts.id \
                    and outbox.kind in ('payout.paid', 'payout.returned') \
                    and not exists (select 1 from inbox where inbox.message = outbox.id \
                        and inbox.state = 'received'))) as counted \
            where net <> posted",
    },
];
