//! Seats, and what a booking may cost.

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    Check {
        invariant: "never_oversold",
        promise: "held and sold are the seats of the slot's items in these states, and fit its capacity",
        counted: "select count(*) from slots",
        broken: "select id, 'held ' || held || ', sold ' || sold || ' of ' || capacity \
                || ', and its items have ' || booked_held || ' held and ' || booked_sold || ' sold' as description \
            from (select slots.id, slots.held, slots.sold, slots.capacity, \
                    coalesce(sum(case when booking_items.state = 'held' then seats end), 0) as booked_held, \
                    coalesce(sum(case when booking_items.state = 'sold' then seats end), 0) as booked_sold \
                from slots left join booking_items on booking_items.slot = slots.id \
                group by slots.id, slots.held, slots.sold, slots.capacity) as counted \
            where held <> booked_held or sold <> booked_sold or held + sold > capacity",
    },
    Check {
        invariant: "never_oversold",
        promise: "a customer's held seats are the seats of their holds",
        counted: "select count(*) from customers",
        broken: "select id, 'counts ' || held_seats || ' held seats, its holds have ' || holds as description \
            from (select customers.id, customers.held_seats, coalesce(sum(seats), 0) as holds \
                from customers left join (select bookings.customer, booking_items.seats \
                        from bookings join booking_items on booking_items.booking = bookings.id \
                        where bookings.state = 'held' and booking_items.state = 'held') as held \
                    on held.customer = customers.id \
                group by customers.id, customers.held_seats) as counted \
            where held_seats <> holds",
    },
    Check {
        invariant: "never_oversold",
        promise: "an item is where its booking is, and each booking has one",
        counted: "select count(*) from booking_items",
        broken: "select booking_items.id, 'is ' || booking_items.state || ' in a booking that is ' || bookings.state \
                as description from booking_items join bookings on bookings.id = booking_items.booking \
            where booking_items.state <> case when credited_minor is not null then 'returned' \
                when bookings.state = 'held' then 'held' \
                when bookings.state = 'expired' then 'released' \
                when bookings.state = 'cancelled' then case when confirmed_at is null then 'released' \
                    else 'returned' end \
                else 'sold' end \
            union all select bookings.id, 'a booking without an item' from bookings \
                left join booking_items on booking_items.booking = bookings.id where booking_items.id is null",
    },
    Check {
        invariant: "never_oversold",
        promise: "an item counts its tickets that are checked in, each once",
        counted: "select count(*) from booking_items",
        broken: "select id, 'counts ' || checked_in || ' tickets as checked in, and ' || used || ' are' as description \
            from (select booking_items.id, booking_items.checked_in, count(check_ins.id) as used \
                from booking_items left join check_ins on check_ins.tenant = booking_items.tenant \
                    and check_ins.booking = booking_items.booking and check_ins.item = booking_items.id \
                    and check_ins.undone_at is null \
                group by booking_items.id, booking_items.checked_in) as counted \
            where checked_in <> used",
    },
    Check {
        invariant: "never_overpaid",
        promise: "a booking costs what its items cost, less what cancellations credited",
        counted: "select count(*) from bookings",
        broken: "select id, 'costs {' || total_minor || ' ' || currency || '}, its items {' || cost || ' ' \
                || currency || '}' as description \
            from (select bookings.id, total_minor, currency, coalesce(sum(price_minor * quantity - coalesce(credited_minor, 0)), 0) as cost \
                from bookings left join booking_items on booking_items.booking = bookings.id \
                group by bookings.id, total_minor, currency) as counted \
            where total_minor <> cost",
    },
    Check {
        invariant: "never_overpaid",
        promise: "a booking has at most one payment under way",
        counted: "select count(*) from bookings",
        broken: "select booking as id, count(*) || ' payments under way' as description from payments \
            where booking is not null and state in ('created', 'pending') \
            group by booking having count(*) > 1",
    },
    Check {
        invariant: "never_overpaid",
        promise: "what is captured net of refunds, also of those under way, with what is open, never exceeds the total",
        counted: "select count(*) from bookings",
        broken: "select bookings.id, 'costs {' || total_minor || ' ' || bookings.currency \
                || '}, captured net of refunds {' || sum(kept) \
                || ' ' || bookings.currency || '}, open {' || sum(open) || ' ' || bookings.currency || '}' \
                as description \
            from bookings join (select booking, captured_minor - payments.refunded_minor - refunding_minor as kept, \
                    case when payments.state in ('created', 'pending') then amount_minor \
                        when payments.state <> 'authorized' or void_requested = 1 then 0 \
                        when capturing_minor is not null then capturing_minor \
                        when amount_minor <= total_minor - settled_minor then amount_minor \
                        when total_minor >= settled_minor then total_minor - settled_minor else 0 end as open \
                    from payments join bookings on bookings.id = payments.booking \
                    where not exists (select 1 from refunds where refunds.payment = payments.id \
                        and refunds.state in ('failed', 'written_off')) \
                    and not exists (select 1 from reviews where reviews.subject = payments.id \
                        and reason = 'cancellation_not_settled')) as counted \
                on counted.booking = bookings.id \
            group by bookings.id, total_minor, bookings.currency \
            having sum(kept) + sum(open) > total_minor",
    },
    Check {
        invariant: "refund_matches_quote",
        promise: "a cancelled booking keeps its penalty, once its refunds are made, and no more",
        counted: "select count(*) from bookings where state = 'cancelled'",
        broken: "select bookings.id, 'keeps {' || kept || ' ' || currency || '}, its penalty is {' || penalty || ' ' \
                || currency || '}' as description from bookings \
            join (select booking, sum(price_minor * quantity - credited_minor) as penalty from booking_items \
                where credited_minor is not null group by booking) as lines on lines.booking = bookings.id \
            join (select booking, sum(captured_minor - refunded_minor - refunding_minor - disputed_minor) as kept \
                from payments where not exists (select 1 from refunds where refunds.payment = payments.id \
                    and refunds.state in ('failed', 'written_off')) \
                and not exists (select 1 from disputes where disputes.payment = payments.id) \
                and not exists (select 1 from reviews where reviews.subject = payments.id) group by booking) as money \
                on money.booking = bookings.id \
            where bookings.state = 'cancelled' and kept > penalty",
    },
    Check {
        invariant: "paid_by_evidence",
        promise: "a confirmed booking costs nothing, or its payment was seen at the provider",
        counted: "select count(*) from bookings where state in ('confirmed', 'completed', 'no_show')",
        broken: "select id, state || ' without a payment that was seen at the provider' as description \
            from bookings where state in ('confirmed', 'completed', 'no_show') and total_minor > 0 \
            and not exists (select 1 from payments where payments.booking = bookings.id and evidenced = 1 \
                and (payments.state in ('authorized', 'captured') or exists \
                    (select 1 from reviews where reviews.subject = payments.id)))",
    },
    Check {
        invariant: "paid_by_evidence",
        promise: "a booking is confirmed by a webhook, by what a worker fetched, or by money that a person \
            recorded, or is free",
        counted: "select count(*) from audit where subject_kind = 'booking' and to_state = 'confirmed'",
        broken: "select audit.subject as id, 'confirmed by ' || actor || ': ' || action as description from audit \
            join bookings on bookings.id = audit.subject \
            where subject_kind = 'booking' and to_state = 'confirmed' \
            and actor not in ('webhook', 'worker') and total_minor > 0 \
            and not exists (select 1 from payments where payments.booking = bookings.id \
                and payments.provider = 'manual' and payments.created_at = audit.at)",
    },
];
