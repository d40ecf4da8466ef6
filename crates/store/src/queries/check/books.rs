//! The ledger, and references between tenants.

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    Check {
        invariant: "books_balance",
        promise: "every transfer sums to zero in each currency",
        counted: "select count(*) from transfers",
        broken: "select transfer as id, '{' || sum(amount_minor) || ' ' || currency || '}' as description from postings \
            group by transfer, currency having sum(amount_minor) <> 0",
    },
    Check {
        invariant: "books_balance",
        promise: "every transfer has postings",
        counted: "select count(*) from transfers",
        broken: "select id, kind || ' without postings' as description from transfers \
            where not exists (select 1 from postings where postings.transfer = transfers.id)",
    },
    Check {
        invariant: "books_balance",
        promise: "an account's balance is the sum of its postings",
        counted: "select count(*) from ledger_accounts",
        broken: "select id, name || ' has {' || balance_minor || ' ' || currency || '}, its postings {' || posted \
                || ' ' || currency || '}' as description \
            from (select ledger_accounts.id, name, balance_minor, ledger_accounts.currency, \
                    coalesce(sum(amount_minor), 0) as posted \
                from ledger_accounts left join postings on postings.account = ledger_accounts.id \
                group by ledger_accounts.id, name, balance_minor, ledger_accounts.currency) as counted \
            where balance_minor <> posted",
    },
    Check {
        invariant: "books_balance",
        promise: "the balance at the end of a day is the sum of the postings until then",
        counted: "select count(*) from day_balances",
        broken: "select id, name || ' had {' || balance_minor || ' ' || currency || '} at the end of a day, its \
                postings {' || posted || ' ' || currency || '}' as description \
            from (select day_balances.id, name, day_balances.balance_minor, ledger_accounts.currency, \
                    coalesce(sum(amount_minor), 0) as posted \
                from day_balances join ledger_accounts on ledger_accounts.id = day_balances.account \
                left join postings on postings.account = day_balances.account \
                    and postings.posted_at < day_balances.ends_at \
                group by day_balances.id, name, day_balances.balance_minor, ledger_accounts.currency) as counted \
            where balance_minor <> posted",
    },
    Check {
        invariant: "books_balance",
        promise: "a posting has the time of its transfer, and an account the time of its latest posting",
        counted: "select count(*) from postings",
        broken: "select postings.id, 'a posting at another time than its transfer' as description \
            from postings join transfers on transfers.id = postings.transfer \
            where postings.posted_at <> transfers.posted_at \
            union all select id, name || ' moved at another time than its latest posting' \
            from ledger_accounts where moved_at <> (select max(posted_at) from postings \
                where postings.account = ledger_accounts.id)",
    },
    Check {
        invariant: "books_balance",
        promise: "what a payment captured is in the ledger, once every message about it was posted",
        counted: "select count(*) from payments where captured_minor > 0",
        broken: "select id, 'captured {' || captured_minor || ' ' || currency || '}, the ledger has {' || posted \
                || ' ' || currency || '}' as description \
            from (select payments.id, payments.captured_minor, payments.currency, coalesce((select sum(postings.amount_minor) \
                    from transfers join postings on postings.transfer = transfers.id \
                        and postings.amount_minor > 0 \
                    where transfers.subject = payments.id and transfers.kind = 'payment.captured'), 0) as posted \
                from payments where captured_minor > 0 and not exists (select 1 from outbox \
                    where outbox.subject = payments.id and outbox.kind = 'payment.captured' \
                    and not exists (select 1 from inbox where inbox.message = outbox.id \
                        and inbox.state = 'received'))) as counted \
            where captured_minor <> posted",
    },
    Check {
        invariant: "books_balance",
        promise: "what was refunded is in the ledger, once every message about it was posted",
        counted: "select count(*) from refunds where state = 'succeeded'",
        broken: "select id, 'refunded {' || amount_minor || ' ' || currency || '}, the ledger has {' || posted \
                || ' ' || currency || '}' as description \
            from (select refunds.id, refunds.amount_minor, refunds.currency, coalesce((select sum(postings.amount_minor) \
                    from transfers join postings on postings.transfer = transfers.id \
                        and postings.amount_minor > 0 \
                    where transfers.subject = refunds.id and transfers.kind = 'refund.succeeded'), 0) as posted \
                from refunds where refunds.state = 'succeeded' and not exists (select 1 from outbox \
                    where outbox.subject = refunds.id and outbox.kind = 'refund.succeeded' \
                    and not exists (select 1 from inbox where inbox.message = outbox.id \
                        and inbox.state = 'received'))) as counted \
            where amount_minor <> posted",
    },
    Check {
        invariant: "books_balance",
        promise: "the tax of recognized money follows its rule: its part of what the booking costs, rounded half up",
        counted: "select count(*) from bookings where recognized_minor <> 0",
        // No division, which engines round in different ways.
        broken: "select id, 'recognized {' || recognized_minor || ' ' || currency || '} with a tax of {' \
                || recognized_tax_minor || ' ' || currency || '}, it costs {' || total_minor || ' ' || currency \
                || '} with a tax of {' || tax_minor || ' ' || currency || '}' as description \
            from (select id, currency, recognized_minor, recognized_tax_minor, total_minor, tax_minor, \
                    cast(total_minor as numeric) as cost, cast(tax_minor as numeric) as tax, \
                    cast(recognized_tax_minor as numeric) as posted, \
                    cast(case when recognized_minor < 0 then 0 when recognized_minor > total_minor then total_minor \
                        else recognized_minor end as numeric) as kept \
                from bookings where recognized_minor <> 0) as counted \
            where case when cost = 0 then posted <> 0 else 2 * posted * cost > 2 * kept * tax + cost \
                or 2 * posted * cost + cost <= 2 * kept * tax end",
    },
    Check {
        invariant: "books_balance",
        promise: "the taxes of recognized money are owed in the ledger, once every message about it was posted",
        counted: "select count(*) from bookings where recognized_tax_minor <> 0",
        broken: "select id, 'recognized a tax of {' || recognized_tax_minor || ' ' || currency || '}, the ledger owes {' \
                || posted || ' ' || currency || '}' as description \
            from (select bookings.id, bookings.currency, recognized_tax_minor, coalesce(-sum(amount_minor), 0) as posted \
                from bookings left join (select coalesce(refunds.booking, transfers.subject) as booking, postings.amount_minor \
                    from ledger_accounts join postings on postings.account = ledger_accounts.id \
                    join transfers on transfers.id = postings.transfer \
                    left join refunds on refunds.id = transfers.subject \
                    where ledger_accounts.name = 'taxes_payable') as taxes on taxes.booking = bookings.id \
                where recognized_minor <> 0 and bookings.id not in (select coalesce(refunds.booking, outbox.subject) \
                    from outbox left join refunds on refunds.id = outbox.subject \
                    where outbox.kind in ('booking.recognized', 'refund.succeeded', 'refund.reversed') \
                    and not exists (select 1 from inbox where inbox.message = outbox.id \
                        and inbox.state = 'received')) \
                group by bookings.id, bookings.currency, recognized_tax_minor) as counted \
            where recognized_tax_minor <> posted",
    },
    Check {
        invariant: "books_balance",
        promise: "what was disputed is in the ledger, once every message about it was posted",
        counted: "select count(*) from movements where kind in ('dispute', 'dispute_reversal')",
        broken: "select id, 'disputed {' || disputed_minor || ' ' || currency || '}, the ledger has {' || posted \
                || ' ' || currency || '}' as description \
            from (select payments.id, payments.disputed_minor, payments.currency, coalesce((select sum(case \
                        when transfers.kind = 'payment.disputed' then postings.amount_minor \
                        else -postings.amount_minor end) \
                    from transfers join postings on postings.transfer = transfers.id \
                        and postings.amount_minor > 0 \
                    where transfers.subject = payments.id \
                    and transfers.kind in ('payment.disputed', 'payment.dispute_reversed')), 0) as posted \
                from payments where exists (select 1 from movements where movements.payment = payments.id \
                    and movements.kind = 'dispute') \
                and not exists (select 1 from outbox where outbox.subject = payments.id \
                    and outbox.kind in ('payment.disputed', 'payment.dispute_reversed') \
                    and not exists (select 1 from inbox where inbox.message = outbox.id \
                        and inbox.state = 'received'))) as counted \
            where disputed_minor <> posted",
    },
    Check {
        invariant: "books_balance",
        promise: "each fee is in the ledger, once every message about its payment was posted",
        counted: "select count(*) from movements where kind in ('provider_fee', 'provider_fee_reversal')",
        broken: "select id, kind || ' of {' || amount_minor || ' ' || currency || '} is not posted' as description \
            from movements where kind in ('provider_fee', 'provider_fee_reversal') \
                and not exists (select 1 from outbox where outbox.subject = movements.payment \
                    and outbox.kind in ('payment.fee_charged', 'payment.fee_returned') \
                    and not exists (select 1 from inbox where inbox.message = outbox.id \
                        and inbox.state = 'received')) \
                and not exists (select 1 from transfers join postings on postings.transfer = transfers.id \
                        and postings.amount_minor = movements.amount_minor \
                        and postings.currency = movements.currency \
                    where transfers.subject = movements.payment \
                    and transfers.kind = case when movements.kind = 'provider_fee' then 'payment.fee_charged' \
                        else 'payment.fee_returned' end)",
    },
    Check {
        invariant: "tenant_walls",
        promise: "nothing of one tenant names a row of another",
        counted: "select (select count(*) from booking_items) + (select count(*) from payments) \
            + (select count(*) from attempts) + (select count(*) from refunds) \
            + (select count(*) from movements) + (select count(*) from payouts) \
            + (select count(*) from postings)",
        broken: "select booking_items.id, 'an item for another tenant''s slot' as description from booking_items \
                join slots on slots.id = booking_items.slot where slots.tenant <> booking_items.tenant \
            union all select booking_items.id, 'an item of another tenant''s booking' from booking_items \
                join bookings on bookings.id = booking_items.booking \
                where bookings.tenant <> booking_items.tenant \
            union all select payments.id, 'a payment for another tenant''s booking' from payments \
                join bookings on bookings.id = payments.booking where bookings.tenant <> payments.tenant \
            union all select attempts.id, 'an attempt of another tenant''s payment' from attempts \
                join payments on payments.id = attempts.payment where payments.tenant <> attempts.tenant \
            union all select refunds.id, 'a refund of another tenant''s payment' from refunds \
                join payments on payments.id = refunds.payment where payments.tenant <> refunds.tenant \
            union all select movements.id, 'a movement of another tenant''s payment' from movements \
                join payments on payments.id = movements.payment where payments.tenant <> movements.tenant \
            union all select payouts.id, 'a payout of another tenant''s booking' from payouts \
                join bookings on bookings.id = payouts.booking where bookings.tenant <> payouts.tenant \
            union all select payouts.id, 'a payout to another tenant''s beneficiary' from payouts \
                join beneficiaries on beneficiaries.id = payouts.beneficiary \
                where beneficiaries.tenant <> payouts.tenant \
            union all select postings.id, 'a posting of another tenant''s transfer' from postings \
                join transfers on transfers.id = postings.transfer where transfers.tenant <> postings.tenant \
            union all select postings.id, 'a posting to another tenant''s account' from postings \
                join ledger_accounts on ledger_accounts.id = postings.account \
                where ledger_accounts.tenant <> postings.tenant",
    },
];
