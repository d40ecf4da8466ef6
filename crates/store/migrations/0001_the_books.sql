-- One table for each row description of the domain. Written once, in the words of PostgreSQL; for
-- SQLite the types are translated (bigint: integer, bytea and uuid: blob) and the tables are strict.
-- What stands between "only postgres" and "end" is left out there.
--
-- Every table has one key, an id. Where rows of other tables name it, the key carries the tenant as
-- well, and so do the foreign keys: that nothing of one tenant names a row of another is a constraint.
-- Ids of those tables are made here or hashed with the tenant, so two tenants never share one.
-- Foreign keys stand only where a wrong reference would be wrong money or a wrong seat.
--
-- Where a table also has an index over (tenant, an instant, id), its key is a unique index and is made
-- last. To PostgreSQL, which checks a foreign key by a query over id and tenant, both indexes cost the
-- same as long as the table has no statistics. It takes the one that was made last; the other one is
-- read for all rows of the tenant.

create table tenants (
    id uuid not null primary key,
    name text not null,
    settings text not null,
    version bigint not null,
    created_at bigint not null,
    slug text not null,
    archived_at bigint
);
create unique index tenants_by_slug on tenants (slug);

create table accounts (
    id uuid not null primary key,
    tenant uuid not null,
    provider text not null,
    name text not null,
    mode text not null check (mode in ('test', 'live')),
    has_payment_unknown_here bigint not null check (has_payment_unknown_here in (0, 1)),
    created_at bigint not null
);
create index accounts_of_tenant on accounts (tenant, provider, name);

create table subscriptions (
    id uuid not null primary key,
    kind text not null,
    version bigint not null check (version >= 0),
    consumers text not null
);

create table clients (
    id uuid not null primary key,
    tenant uuid not null,
    name text not null,
    held_seats bigint not null check (held_seats >= 0),
    held_seats_max bigint,
    created_at bigint not null
);

create table api_keys (
    id uuid not null primary key,
    tenant uuid not null,
    client uuid not null,
    hash bytea not null,
    scopes text not null,
    mode text not null check (mode in ('test', 'live')),
    created_at bigint not null,
    revoked_at bigint
);
create index api_keys_of_tenant on api_keys (tenant, created_at, id);

create table products (
    id uuid not null,
    tenant uuid not null,
    name text not null,
    description text not null,
    time_zone text not null,
    currency text not null,
    active bigint not null check (active in (0, 1)),
    split text,
    metadata text not null,
    version bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    cancellation_policy text,
    duration_minutes bigint check (duration_minutes > 0),
    resources text,
    taxes text not null,
    primary key (id, tenant)
);
create index products_of_tenant on products (tenant, created_at, id);

create table cancellation_policies (
    id uuid not null primary key,
    tenant uuid not null,
    rules text not null,
    created_at bigint not null
);

create table units (
    id uuid not null primary key,
    tenant uuid not null,
    product uuid not null,
    name text not null,
    price_minor bigint not null check (price_minor >= 0),
    seats bigint not null check (seats >= 0),
    active bigint not null check (active in (0, 1)),
    version bigint not null,
    foreign key (product, tenant) references products (id, tenant)
);
create index units_of_product on units (tenant, product);

create table blackouts (
    id uuid not null primary key,
    tenant uuid not null,
    product uuid not null,
    first_date text not null,
    last_date text not null check (last_date >= first_date),
    reason text not null,
    created_at bigint not null,
    ended_at bigint,
    foreign key (product, tenant) references products (id, tenant)
);
create index blackouts_of_product on blackouts (tenant, product, created_at, id);

create table beneficiaries (
    id uuid not null,
    tenant uuid not null,
    mode text not null check (mode in ('test', 'live')),
    name text not null,
    method text not null check (method in ('transfer', 'manual')),
    account uuid,
    provider text,
    destination text,
    metadata text not null,
    created_at bigint not null,
    version bigint not null check (version >= 1),
    deactivated_at bigint,
    updated_at bigint not null,
    primary key (id, tenant),
    check ((method = 'transfer') = (account is not null and provider is not null and destination is not null))
);
create index beneficiaries_of_tenant on beneficiaries (tenant, created_at, id);

create table keys (
    id uuid not null primary key,
    tenant uuid not null,
    client uuid not null,
    text text not null,
    fingerprint bytea not null,
    progress text not null check (progress in ('in_flight', 'finished')),
    status bigint,
    body text,
    resource uuid,
    location text,
    request_id text not null,
    created_at bigint not null,
    finished_at bigint
);
create index keys_in_flight on keys (created_at) where progress = 'in_flight';

create table customers (
    id uuid not null primary key,
    tenant uuid not null,
    email text not null,
    name text not null,
    held_seats bigint not null check (held_seats >= 0),
    created_at bigint not null
);

create table provider_customers (
    id uuid not null primary key,
    tenant uuid not null,
    account uuid not null,
    customer uuid not null,
    object text,
    version bigint not null check (version >= 1),
    created_at bigint not null,
    updated_at bigint not null
);

create table schedules (
    id uuid not null primary key,
    tenant uuid not null,
    product uuid not null,
    rule text not null,
    capacity bigint not null check (capacity >= 1),
    horizon_days bigint not null check (horizon_days >= 1),
    active bigint not null check (active in (0, 1)),
    version bigint not null check (version >= 1),
    revision bigint not null check (revision >= version),
    made_until bigint not null,
    reached bigint not null,
    due_at bigint,
    created_at bigint not null,
    updated_at bigint not null,
    foreign key (product, tenant) references products (id, tenant)
);
create index schedules_of_product on schedules (tenant, product, created_at, id);
create index schedules_due on schedules (due_at) where due_at is not null;

create table resources (
    id uuid not null,
    tenant uuid not null,
    name text not null,
    capacity bigint not null check (capacity >= 0),
    closures text not null,
    active bigint not null check (active in (0, 1)),
    metadata text not null,
    version bigint not null check (version >= 1),
    days bigint not null check (days >= 0),
    created_at bigint not null,
    updated_at bigint not null,
    primary key (id, tenant)
);
create index resources_of_tenant on resources (tenant, created_at, id);

-- The uses of a resource on one day in UTC.
create table resource_days (
    id uuid not null primary key,
    tenant uuid not null,
    resource uuid not null,
    day bigint not null,
    uses text not null,
    changes bigint not null check (changes >= 1),
    foreign key (resource, tenant) references resources (id, tenant)
);
-- One row a day. The id is hashed from the same; this is the wall behind it.
create unique index resource_days_of_resource on resource_days (tenant, resource, day);

create table slots (
    id uuid not null,
    tenant uuid not null,
    product uuid not null,
    starts_at bigint not null,
    capacity bigint not null check (capacity >= 0),
    held bigint not null check (held >= 0),
    sold bigint not null check (sold >= 0),
    closed bigint not null check (closed in (0, 1)),
    created_at bigint not null,
    schedule uuid,
    withdrawn bigint not null check (withdrawn in (0, 1)),
    allocations text,
    primary key (id, tenant),
    foreign key (product, tenant) references products (id, tenant),
    -- What a schedule has withdrawn is closed.
    check (withdrawn <= closed),
    -- The last wall of never_oversold.
    check (held + sold <= capacity)
);
-- One departure a moment. The id is hashed from the same; this is the wall behind it.
create unique index slots_of_product on slots (tenant, product, starts_at);
create index slots_of_schedule on slots (tenant, schedule, starts_at) where schedule is not null;

create table bookings (
    id uuid not null,
    tenant uuid not null,
    client uuid not null,
    customer uuid not null,
    customer_name text not null,
    customer_email text not null,
    customer_phone text,
    state text not null
        check (state in ('held', 'expired', 'confirmed', 'completed', 'no_show', 'cancelled')),
    seq bigint not null check (seq >= 0),
    counts_for_client bigint not null check (counts_for_client in (0, 1)),
    total_minor bigint not null check (total_minor >= 0),
    currency text not null,
    open_payment uuid,
    payments bigint not null check (payments >= 0),
    authorized_minor bigint not null check (authorized_minor >= 0),
    paid_minor bigint not null check (paid_minor >= 0),
    refunded_minor bigint not null check (refunded_minor >= 0),
    settled_minor bigint not null check (settled_minor >= 0),
    hold_expires_at bigint not null,
    hold_expires_max bigint not null,
    sweep_at bigint not null,
    confirmed_at bigint,
    ended_at bigint,
    metadata text not null,
    created_at bigint not null,
    updated_at bigint not null,
    tax_minor bigint not null check (tax_minor between 0 and total_minor),
    recognized_minor bigint not null,
    recognized_tax_minor bigint not null check (recognized_tax_minor between 0 and tax_minor)
);
create index bookings_of_customer on bookings (tenant, customer, created_at, id);
create index bookings_of_state on bookings (tenant, state, created_at, id);
create index bookings_of_tenant on bookings (tenant, created_at, id);
create index bookings_held on bookings (sweep_at) where state = 'held';
create unique index bookings_by_id on bookings (id, tenant);

create table booking_items (
    id uuid not null,
    tenant uuid not null,
    booking uuid not null,
    slot uuid not null,
    product uuid not null,
    unit uuid not null,
    name text not null,
    quantity bigint not null check (quantity > 0),
    seats bigint not null check (seats > 0),
    price_minor bigint not null check (price_minor >= 0),
    state text not null check (state in ('held', 'released', 'sold', 'returned')),
    booked_at bigint not null,
    policy uuid,
    checked_in bigint not null check (checked_in between 0 and quantity),
    credited_minor bigint check (
        credited_minor is null or state = 'returned' and credited_minor between 0 and price_minor * quantity),
    taxes text not null,
    primary key (booking, id),
    foreign key (booking, tenant) references bookings (id, tenant),
    foreign key (slot, tenant) references slots (id, tenant)
);
create index booking_items_of_slot on booking_items (tenant, slot, booked_at, booking);

create table check_ins (
    -- Hashed from the item and the number: a ticket is used once.
    id uuid not null primary key,
    tenant uuid not null,
    booking uuid not null,
    item uuid not null,
    slot uuid not null,
    number bigint not null check (number >= 1),
    scanned_at bigint not null,
    recorded_at bigint not null,
    client uuid not null,
    who text,
    undone_at bigint,
    undone_by text,
    undone_why text,
    foreign key (booking, tenant) references bookings (id, tenant),
    check ((undone_at is null) = (undone_by is null) and (undone_at is null) = (undone_why is null))
);
create unique index check_ins_of_item on check_ins (tenant, booking, item, number);

create table releases (
    id uuid not null primary key,
    tenant uuid not null,
    booking uuid not null,
    split text not null,
    state text not null check (state in ('pending', 'due', 'review', 'released', 'void')),
    due_at bigint,
    sweep_at bigint,
    released_minor bigint not null check (released_minor >= 0),
    platform_minor bigint not null check (platform_minor between 0 and released_minor),
    currency text not null,
    released_at bigint,
    created_at bigint not null,
    foreign key (booking, tenant) references bookings (id, tenant)
);
create index releases_due on releases (sweep_at) where state = 'due';
create index releases_oldest_due on releases (due_at) where state = 'due';

create table payments (
    id uuid not null,
    tenant uuid not null,
    client uuid not null,
    booking uuid,
    account uuid not null,
    provider text not null,
    amount_minor bigint not null check (amount_minor > 0),
    currency text not null,
    capture text not null check (capture in ('automatic', 'manual')),
    payment_method text not null,
    brand text,
    instalments bigint not null check (instalments >= 1),
    payer text,
    pay_until bigint,
    alternatives text,
    continues uuid,
    continued_by uuid,
    reference text,
    return_url text,
    metadata text not null,
    key uuid,
    state text not null check (state in ('created', 'pending', 'authorized', 'captured', 'failed', 'cancelled', 'lapsed', 'written_off')),
    seq bigint not null check (seq >= 0),
    provider_ref text,
    authorized_minor bigint not null check (authorized_minor between 0 and amount_minor),
    captured_minor bigint not null check (captured_minor between 0 and amount_minor),
    refunding_minor bigint not null check (refunding_minor >= 0),
    refunded_minor bigint not null check (refunded_minor >= 0),
    suspended_minor bigint not null,
    disputed_minor bigint not null check (disputed_minor >= 0),
    open_disputes bigint not null check (open_disputes >= 0),
    unsettled_disputes bigint not null check (unsettled_disputes >= open_disputes),
    -- Negative as long as what was given back is known, and the fee is not.
    provider_fee_minor bigint not null,
    provider_fee_currency text,
    refunds bigint not null check (refunds >= 0),
    next_action text,
    failure text,
    active uuid,
    capturing_minor bigint check (capturing_minor > 0),
    void_requested bigint not null check (void_requested in (0, 1)),
    evidenced bigint not null check (evidenced in (0, 1)),
    contradicted_at bigint,
    booked_authorized_minor bigint not null check (booked_authorized_minor >= 0),
    booked_paid_minor bigint not null check (booked_paid_minor >= 0),
    booked_refunded_minor bigint not null check (booked_refunded_minor >= 0),
    created_at bigint not null,
    updated_at bigint not null,
    capture_before bigint,
    authorization_due_at bigint,
    expiry_warned bigint not null check (expiry_warned in (0, 1)),
    customer uuid,
    saves_method bigint not null check (saves_method in (0, 1)),
    off_session bigint not null check (off_session in (0, 1)),
    saved_method text,
    counted_incoming text,
    foreign key (booking, tenant) references bookings (id, tenant),
    -- Refunds under way do not count here: somebody may make another at the provider meanwhile.
    check (refunded_minor <= captured_minor)
);
create index payments_of_booking on payments (tenant, booking, created_at, id) where booking is not null;
create index payments_of_reference on payments (tenant, reference, created_at, id) where reference is not null;
create index payments_of_key on payments (tenant, key) where key is not null;
create index payments_of_tenant on payments (tenant, created_at, id);
create index payments_of_state on payments (tenant, state, created_at, id);
create index payments_of_account on payments (tenant, account, created_at, id);
create index payments_of_account_and_state on payments (tenant, account, state, created_at, id);
create index payments_of_amount on payments (tenant, amount_minor, created_at, id);
create index payments_at_provider on payments (provider_ref) where provider_ref is not null;
create index payments_authorized on payments (authorization_due_at) where state = 'authorized';
create unique index payments_by_id on payments (id, tenant);

create table refunds (
    id uuid not null primary key,
    tenant uuid not null,
    payment uuid not null,
    booking uuid,
    amount_minor bigint not null check (amount_minor > 0),
    currency text not null,
    external bigint not null check (external in (0, 1)),
    reason text,
    metadata text not null,
    key uuid,
    state text not null check (
        state in ('created', 'pending', 'unknown', 'review', 'succeeded', 'written_off', 'failed')),
    seq bigint not null check (seq >= 0),
    provider_ref text,
    failure text,
    created_at bigint not null,
    updated_at bigint not null,
    foreign key (payment, tenant) references payments (id, tenant)
);
create index refunds_of_payment on refunds (tenant, payment);
create index refunds_of_tenant on refunds (tenant, created_at, id);
create index refunds_at_provider on refunds (provider_ref) where provider_ref is not null;

create table disputes (
    id uuid not null,
    tenant uuid not null,
    payment uuid not null,
    booking uuid,
    account uuid not null,
    object text not null,
    currency text not null,
    state text not null check (state in ('inquiry', 'opened', 'closed', 'won', 'lost')),
    seq bigint not null check (seq >= 0),
    amount_minor bigint not null check (amount_minor > 0),
    reason text,
    network_reason text,
    evidence_due_at bigint,
    shown_at bigint,
    evidence_submitted_at bigint,
    submission uuid,
    submission_failure text,
    created_at bigint not null,
    closed_at bigint,
    updated_at bigint not null,
    foreign key (payment, tenant) references payments (id, tenant)
);
create index disputes_of_payment on disputes (tenant, payment, created_at, id);
create index disputes_of_state on disputes (tenant, state, created_at, id);
create index disputes_of_tenant on disputes (tenant, created_at, id);
create index disputes_open on disputes (evidence_due_at) where state in ('inquiry', 'opened');
create unique index disputes_by_id on disputes (id, tenant);

create table dispute_evidence (
    id uuid not null primary key,
    tenant uuid not null,
    dispute uuid not null,
    texts text not null,
    state text not null check (
        state in ('created', 'sent', 'unknown', 'submitted', 'refused', 'written_off')),
    key_number bigint not null check (key_number >= 0),
    sent_at bigint,
    failure text,
    created_at bigint not null,
    updated_at bigint not null,
    foreign key (dispute, tenant) references disputes (id, tenant)
);
create index dispute_evidence_of_dispute on dispute_evidence (tenant, dispute, created_at, id);

create table movements (
    id uuid not null primary key,
    tenant uuid not null,
    payment uuid not null,
    refund uuid,
    kind text not null check (
        kind in ('capture', 'refund', 'refund_reversal', 'dispute', 'dispute_reversal', 'provider_fee',
            'provider_fee_reversal', 'suspense_return', 'suspense_return_reversal')),
    object text not null,
    amount_minor bigint not null check (amount_minor > 0),
    currency text not null,
    recorded_at bigint not null,
    foreign key (payment, tenant) references payments (id, tenant)
);
create index movements_of_payment on movements (tenant, payment, recorded_at, id);

create table account_reconciliations (
    id uuid not null primary key,
    tenant uuid not null,
    version bigint not null check (version >= 0),
    current uuid,
    compared_until bigint,
    succeeded_at bigint,
    due_at bigint not null,
    created_at bigint not null
);

create table reconciliations (
    id uuid not null primary key,
    tenant uuid not null,
    account uuid not null,
    begins_at bigint not null,
    ends_at bigint not null,
    requested_by text,
    state text not null check (state in ('running', 'finished', 'failed')),
    pages bigint not null check (pages >= 0),
    stage text not null check (stage in ('provider', 'payments', 'refunds', 'payouts', 'recheck', 'clear')),
    cursor text,
    provider_objects bigint not null check (provider_objects >= 0),
    own_objects bigint not null check (own_objects >= 0),
    repaired bigint not null check (repaired >= 0),
    found bigint not null check (found >= 0),
    settled bigint not null check (settled >= 0),
    error text,
    created_at bigint not null,
    updated_at bigint not null,
    finished_at bigint,
    check (begins_at < ends_at)
);
create index reconciliations_of_tenant on reconciliations (tenant, created_at, id);
-- The last wall of one run an account at a time.
create unique index reconciliations_running on reconciliations (account) where state = 'running';

create table reconciliation_marks (
    id uuid not null primary key,
    tenant uuid not null,
    run uuid not null,
    subject uuid not null
);
create index reconciliation_marks_of_run on reconciliation_marks (run, id);

create table differences (
    id uuid not null primary key,
    tenant uuid not null,
    account uuid not null,
    kind text not null check (kind in ('captured_not_here', 'captured_not_there', 'missing_there',
        'other_amount', 'other_currency', 'other_object', 'payment_unknown_here', 'foreign_object',
        'refund_unknown_here', 'refund_unknown_there', 'payout_unknown_here', 'payout_unknown_there',
        'foreign_transfer', 'other_destination', 'state_behind', 'ledger_lacks_transfer',
        'ledger_extra_transfer', 'ledger_other_amount')),
    object text not null,
    payment uuid,
    payout uuid,
    provider_minor bigint,
    provider_currency text,
    own_minor bigint,
    own_currency text,
    ledger_minor bigint,
    detail text not null,
    state text not null check (state in ('open', 'settled', 'accepted')),
    assignee text,
    first_run uuid not null,
    last_run uuid not null,
    object_at bigint not null,
    found_at bigint not null,
    seen_at bigint not null,
    closed_at bigint,
    closed_by text,
    closed_because text
);
create index differences_of_tenant on differences (tenant, found_at, id);
create index differences_of_state on differences (tenant, state, found_at, id);
create index differences_open on differences (account, id) where state = 'open';
create index differences_of_object on differences (account, object);
create index differences_of_payment on differences (tenant, payment) where payment is not null;

create table payouts (
    id uuid not null primary key,
    tenant uuid not null,
    booking uuid not null,
    beneficiary uuid not null,
    mode text not null check (mode in ('test', 'live')),
    amount_minor bigint not null check (amount_minor > 0),
    currency text not null,
    method text not null check (method in ('transfer', 'manual')),
    account uuid,
    provider text,
    destination text,
    state text not null check (
        state in ('scheduled', 'sent', 'unknown', 'review', 'failed', 'paid', 'returned')),
    seq bigint not null check (seq >= 0),
    key_number bigint not null check (key_number >= 0),
    key_spent_at bigint,
    sent_at bigint,
    unknown_since bigint,
    provider_ref text,
    reference text,
    returned_minor bigint not null check (returned_minor between 0 and amount_minor),
    failure text,
    created_at bigint not null,
    updated_at bigint not null,
    reversal bigint not null default 0 check (reversal >= 0),
    reversing_minor bigint not null default 0 check (reversing_minor between 0 and amount_minor),
    foreign key (booking, tenant) references bookings (id, tenant),
    foreign key (beneficiary, tenant) references beneficiaries (id, tenant)
);
-- There is one for each booking and beneficiary, because the id is hashed from both.
create index payouts_of_booking on payouts (tenant, booking, beneficiary);
create index payouts_of_beneficiary on payouts (tenant, beneficiary, created_at, id);
create index payouts_of_state on payouts (tenant, state, created_at, id);
create index payouts_of_tenant on payouts (tenant, created_at, id);
create index payouts_of_account on payouts (tenant, account, created_at, id) where account is not null;
create index payouts_at_provider on payouts (provider_ref) where provider_ref is not null;
create index payouts_open on payouts (state) where state in ('scheduled', 'sent', 'unknown', 'review');

create table reviews (
    id uuid not null primary key,
    tenant uuid not null,
    subject_kind text not null,
    subject uuid not null,
    attempt uuid,
    reason text not null,
    detail text not null,
    state text not null check (state in ('open', 'resolved')),
    opened_at bigint not null,
    resolved_at bigint,
    resolution text,
    assignee text
);
create index reviews_open on reviews (tenant, opened_at, id) where state = 'open';
create index reviews_of_state on reviews (tenant, state, opened_at, id);
create index reviews_of_subject on reviews (tenant, subject);

create table attempts (
    id uuid not null primary key,
    tenant uuid not null,
    payment uuid not null,
    refund uuid,
    kind text not null check (kind in ('charge', 'capture', 'void', 'refund')),
    amount_minor bigint not null check (amount_minor >= 0),
    key uuid,
    state text not null check (
        state in ('created', 'sent', 'unknown', 'review', 'succeeded', 'declined', 'written_off')),
    key_number bigint not null check (key_number >= 0),
    key_spent_at bigint,
    sent_at bigint,
    provider_api text,
    deadline_at bigint not null,
    failure text,
    created_at bigint not null,
    updated_at bigint not null,
    unknown_since bigint,
    foreign key (payment, tenant) references payments (id, tenant)
);
create index attempts_of_payment on attempts (tenant, payment);
create index attempts_open on attempts (deadline_at)
    where state in ('created', 'sent', 'unknown', 'review');

create table jobs (
    id uuid not null primary key,
    tenant uuid not null,
    kind text not null,
    lane text not null check (lane in ('critical', 'ordinary')),
    subject_kind text not null,
    subject uuid not null,
    concurrency_key uuid,
    payload text not null,
    payload_version bigint not null check (payload_version >= 1),
    deadline_at bigint,
    state text not null check (state in ('ready', 'running', 'done', 'dead')),
    token bigint not null check (token >= 0),
    worker uuid,
    lease_until bigint,
    due_at bigint not null,
    attempts bigint not null check (attempts >= 0),
    failures bigint not null check (failures >= 0),
    looks bigint not null check (looks >= 0),
    last_error text,
    created_at bigint not null,
    updated_at bigint not null
);
create index jobs_due on jobs (lane, due_at) where state in ('ready', 'running');
create index jobs_dead on jobs (tenant, updated_at, id) where state = 'dead';

create table inbound_events (
    id uuid not null primary key,
    tenant uuid not null,
    account uuid not null,
    name text not null,
    kind text not null,
    body bytea not null,
    state text not null check (state in ('received', 'dead', 'processed', 'ignored')),
    attempts bigint not null check (attempts >= 0),
    outcome text,
    received_at bigint not null,
    processed_at bigint
);
create index inbound_events_received on inbound_events (received_at) where state = 'received';
create index inbound_events_dead on inbound_events (tenant, processed_at, id) where state = 'dead';

create table event_feeds (
    id uuid not null primary key,
    tenant uuid not null,
    token bigint not null check (token >= 0),
    read_until bigint not null,
    due_at bigint not null
);

create table logs (
    id uuid not null primary key,
    tenant uuid not null,
    position bigint not null check (position >= 0)
);

create table ledger_closings (
    id uuid not null primary key,
    tenant uuid not null,
    closed_before bigint,
    closed_at bigint,
    created_at bigint not null
);

create table ledger_accounts (
    id uuid not null primary key,
    tenant uuid not null,
    name text not null,
    currency text not null,
    balance_minor bigint not null,
    created_at bigint not null,
    moved_at bigint not null
);
create index ledger_accounts_of_tenant on ledger_accounts (tenant, name, currency);

-- One for each account and day, because the id is hashed from both.
create table day_balances (
    id uuid not null primary key,
    tenant uuid not null,
    account uuid not null,
    ends_at bigint not null,
    balance_minor bigint not null
);
create index day_balances_of_account on day_balances (account, ends_at);

create table transfers (
    id uuid not null,
    tenant uuid not null,
    kind text not null,
    movement text not null,
    message uuid not null,
    posted_at bigint not null,
    subject uuid not null
);
create index transfers_of_tenant on transfers (tenant, posted_at, id);
create index transfers_of_subject on transfers (tenant, subject);
create unique index transfers_by_id on transfers (id, tenant);

create table postings (
    id uuid not null primary key,
    tenant uuid not null,
    transfer uuid not null,
    account uuid not null,
    amount_minor bigint not null,
    currency text not null,
    posted_at bigint not null,
    foreign key (transfer, tenant) references transfers (id, tenant)
);
create index postings_of_transfer on postings (tenant, transfer);
create index postings_of_account on postings (account, posted_at, id);

create table partitions (
    id uuid not null primary key,
    number bigint not null check (number >= 0),
    token bigint not null check (token >= 0),
    worker uuid,
    lease_until bigint,
    next uuid,
    next_until bigint
);

create table outbox (
    id uuid not null primary key,
    tenant uuid not null,
    subject_kind text not null,
    subject uuid not null,
    seq bigint not null check (seq >= 1),
    kind text not null,
    payload text not null,
    created_at bigint not null,
    partition bigint not null check (partition >= 0),
    position bigint,
    published bigint not null check (published >= 0),
    published_at bigint,
    received_at bigint,
    -- What nobody has published yet nobody has received.
    check (received_at is null or position is not null)
);
create index outbox_unpublished on outbox (partition, created_at, id) where position is null;
create index outbox_unreceived_of_subject on outbox (subject, seq) where received_at is null;
create index outbox_unreceived on outbox (published_at) where position is not null and received_at is null;
create index outbox_log on outbox (tenant, position) where position is not null;

create table inbox (
    id uuid not null primary key,
    tenant uuid not null,
    consumer text not null,
    message uuid not null,
    state text not null check (state in ('waiting', 'received', 'dead', 'discarded')),
    attempts bigint not null check (attempts >= 0),
    last_error text,
    due_at bigint,
    created_at bigint not null,
    updated_at bigint not null
);
-- Ids are hashed; messages ascend with time, so the oldest receipts are found by theirs.
create index inbox_of_message on inbox (message);
create index inbox_waiting on inbox (due_at) where state = 'waiting';
create index inbox_dead on inbox (tenant, updated_at, id) where state = 'dead';

create table audit (
    id uuid not null primary key,
    tenant uuid not null,
    at bigint not null,
    actor text not null,
    client uuid,
    subject_kind text not null,
    subject uuid not null,
    action text not null,
    from_state text,
    to_state text,
    request_id text,
    person text,
    why text
);
create index audit_of_subject on audit (tenant, subject, at, id);

-- only postgres
-- Rows that are updated often get room on their page, so that an update touches no index, and a
-- vacuum that follows the updates and not the size of the table.
alter table slots set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 1);
alter table resource_days set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 1000);
alter table jobs set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 1);
alter table outbox set (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 1);
alter table partitions set (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 500);
alter table bookings set (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
alter table booking_items set (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
alter table payments set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
alter table attempts set (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
alter table refunds set (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
alter table keys set (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
alter table customers set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
alter table clients set (fillfactor = 50);
alter table logs set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 1000);
alter table ledger_accounts set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 1000);
-- end
