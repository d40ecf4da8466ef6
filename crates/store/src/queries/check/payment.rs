//! Attempts, keys, jobs and refunds.

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    Check {
        invariant: "charged_once",
        promise: "a payment has at most one attempt to charge",
        counted: "select count(*) from attempts where kind = 'charge'",
        broken: "select payment as id, count(*) || ' attempts to charge' as description from attempts \
            where kind = 'charge' group by payment having count(*) > 1",
    },
    Check {
        invariant: "charged_once",
        promise: "an idempotency key has at most one attempt to charge that was not declined",
        counted: "select count(*) from attempts where kind = 'charge' and key is not null",
        broken: "select key as id, count(*) || ' attempts to charge' as description from attempts \
            where kind = 'charge' and key is not null and state <> 'declined' \
            group by key having count(*) > 1",
    },
    Check {
        invariant: "charged_once",
        promise: "an idempotency key made at most one payment that continues no other",
        counted: "select count(*) from payments where key is not null",
        broken: "select key as id, count(*) || ' payments' as description from payments \
            where key is not null and continues is null group by key having count(*) > 1",
    },
    Check {
        invariant: "charged_once",
        promise: "an account with a payment that is unknown here makes its charges look for it",
        counted: "select count(*) from differences where kind = 'payment_unknown_here'",
        broken: "select differences.id, 'is open or accepted, and charges do not look for it' as description \
            from differences join accounts on accounts.id = differences.account \
            where kind = 'payment_unknown_here' and state <> 'settled' and has_payment_unknown_here = 0",
    },
    Check {
        invariant: "nothing_lost",
        promise: "an attempt without an outcome has a live job, or an open review case",
        counted: "select count(*) from attempts where state in ('created', 'sent', 'unknown', 'review')",
        broken: "select id, kind || ' is ' || state || ' and nobody works on it' as description from attempts \
            where state in ('created', 'sent', 'unknown', 'review') \
            and not exists (select 1 from jobs where jobs.id = attempts.id \
                and jobs.state in ('ready', 'running')) \
            and not exists (select 1 from reviews where reviews.state = 'open' \
                and (reviews.subject = attempts.payment or reviews.subject = attempts.refund \
                    or reviews.subject = attempts.id))",
    },
    Check {
        invariant: "nothing_lost",
        promise: "an operation without a reply has an attempt that will give it one",
        counted: "select count(*) from keys where progress = 'in_flight'",
        broken: "select id, 'in flight forever: ' || text as description from keys where progress = 'in_flight' \
            and not exists (select 1 from attempts left join jobs on jobs.id = attempts.id \
                where attempts.key = keys.id and (jobs.state in ('ready', 'running') \
                    or attempts.state in ('created', 'sent', 'unknown', 'review')))",
    },
    Check {
        invariant: "nothing_lost",
        promise: "a dead job of an attempt has an open review case",
        counted: "select count(*) from jobs where state = 'dead' and subject_kind = 'attempt'",
        broken: "select jobs.id, 'dead, without a review case: ' || coalesce(last_error, '') as description from jobs \
            left join attempts on attempts.id = jobs.id \
            where jobs.state = 'dead' and subject_kind = 'attempt' \
            and not exists (select 1 from reviews where reviews.state = 'open' \
                and (reviews.subject = attempts.payment or reviews.subject = attempts.refund \
                    or reviews.subject = jobs.id))",
    },
    Check {
        invariant: "refund_matches_quote",
        promise: "the refunds of a payment never exceed its capture, and neither do the requested ones, open \
            ones included",
        counted: "select count(*) from refunds",
        broken: "select payments.id, 'captured {' || captured_minor || ' ' || currency || '}, refunds ' || description \
                || ': {' || amount || ' ' || currency || '}' as description \
            from payments join (select payment, sum(amount_minor) as amount, 'made' as description \
                    from refunds where state = 'succeeded' group by payment \
                union all select payment, sum(amount_minor), 'requested' from refunds \
                    where state not in ('failed', 'written_off') and external = 0 group by payment) as refunded \
                on refunded.payment = payments.id \
            where amount > captured_minor",
    },
    Check {
        invariant: "refund_matches_quote",
        promise: "a payment counts its disputes that the bank has not decided, which block its refunds",
        counted: "select count(*) from disputes",
        broken: "select payments.id, 'counts ' || open_disputes || ' open disputes and has ' || found as description \
            from payments join (select payments.id, count(disputes.id) as found from payments \
                left join disputes on disputes.payment = payments.id and disputes.state = 'opened' \
                where open_disputes > 0 or disputes.id is not null group by payments.id) as disputed \
                on disputed.id = payments.id \
            where open_disputes <> found",
    },
    Check {
        invariant: "released_once",
        promise: "a payment counts its disputes whose money is not where the decision puts it, which block the release",
        counted: "select count(*) from disputes",
        broken: "select payments.id, 'counts ' || unsettled_disputes || ' unsettled disputes and has ' || found \
                as description \
            from payments join (select payments.id, coalesce(sum(case \
                    when disputes.state = 'opened' then 1 \
                    when disputes.state = 'lost' then case when taken.id is null then 1 else 0 end \
                    when taken.id is not null and given.id is null then 1 else 0 end), 0) as found from payments \
                left join disputes on disputes.payment = payments.id \
                left join movements as taken on taken.payment = payments.id \
                    and taken.object = disputes.object and taken.kind = 'dispute' \
                left join movements as given on given.payment = payments.id \
                    and given.object = disputes.object and given.kind = 'dispute_reversal' \
                where unsettled_disputes > 0 or disputes.id is not null group by payments.id) as disputed \
                on disputed.id = payments.id \
            where unsettled_disputes <> found",
    },
    Check {
        invariant: "refund_matches_quote",
        promise: "no refund of ours was started while the bank was deciding about the same payment",
        counted: "select count(*) from audit where subject_kind = 'refund' and action = 'refund_started'",
        broken: "select refunds.id, 'was started while ' || disputes.object || ' was open' as description \
            from audit as started join refunds on refunds.id = started.subject \
            join disputes on disputes.payment = refunds.payment \
            join audit as opened on opened.subject = disputes.id and opened.to_state = 'opened' \
            where started.subject_kind = 'refund' and started.action = 'refund_started' \
                and refunds.external = 0 and opened.subject_kind = 'dispute' \
                and (opened.at, opened.id) < (started.at, started.id) \
                and not exists (select 1 from audit as ended where ended.subject = disputes.id \
                    and ended.subject_kind = 'dispute' and ended.from_state = 'opened' \
                    and (ended.at, ended.id) < (started.at, started.id))",
    },
    Check {
        invariant: "nothing_lost",
        promise: "evidence for a dispute without an outcome has a job, or a dead letter that a person can see",
        counted: "select count(*) from dispute_evidence where state in ('created', 'sent', 'unknown')",
        broken: "select id, state || ' and nobody works on it' as description from dispute_evidence \
            where state in ('created', 'sent', 'unknown') \
            and not exists (select 1 from jobs where jobs.id = dispute_evidence.id \
                and jobs.state in ('ready', 'running', 'dead'))",
    },
    Check {
        invariant: "refund_matches_quote",
        promise: "what a payment has captured, refunded and disputed are the sums of its movements",
        counted: "select count(*) from movements",
        broken: "select id, 'captured {' || captured_minor || ' ' || currency || '}, refunded {' || refunded_minor \
                || ' ' || currency || '}, disputed {' || disputed_minor || ' ' || currency || '}; moved {' \
                || captured || ' ' || currency || '}, {' || refunded || ' ' || currency || '}, {' || disputed \
                || ' ' || currency || '}' as description \
            from (select payments.id, payments.currency, captured_minor, refunded_minor, disputed_minor, \
                    coalesce(sum(case when kind = 'capture' then movements.amount_minor end), 0) as captured, \
                    coalesce(sum(case when kind = 'refund' then movements.amount_minor \
                        when kind = 'refund_reversal' then -movements.amount_minor end), 0) as refunded, \
                    coalesce(sum(case when kind = 'dispute' then movements.amount_minor \
                        when kind = 'dispute_reversal' then -movements.amount_minor end), 0) as disputed \
                from payments left join movements on movements.payment = payments.id \
                group by payments.id, payments.currency, captured_minor, refunded_minor, disputed_minor) as summed \
            where captured_minor <> captured or refunded_minor <> refunded or disputed_minor <> disputed",
    },
    Check {
        invariant: "books_balance",
        promise: "the fees of a payment are the sum of their movements in its fees' currency",
        counted: "select count(*) from movements where kind in ('provider_fee', 'provider_fee_reversal')",
        broken: "select id, 'fees {' || provider_fee_minor || ' ' || provider_fee_currency || '}, moved {' || moved \
                || ' ' || provider_fee_currency || '}' as description \
            from (select payments.id, provider_fee_minor, provider_fee_currency, \
                    coalesce(sum(case when kind = 'provider_fee' then movements.amount_minor \
                        when kind = 'provider_fee_reversal' then -movements.amount_minor end), 0) as moved \
                from payments left join movements on movements.payment = payments.id \
                    and movements.currency = payments.provider_fee_currency \
                where provider_fee_currency is not null \
                group by payments.id, provider_fee_minor, provider_fee_currency) as summed \
            where provider_fee_minor <> moved",
    },
];
