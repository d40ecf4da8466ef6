//! What a type cannot express: limits, patterns and enumerations of its members, each from the
//! constant or the list that checks it. So the document cannot promise a value that is refused.

use domain::availability::Availability;
use domain::lifecycle::{
    State, booking, booking_item, difference, dispute, dispute_evidence, inbound_event, job, payment, payout,
    reconciliation, refund, release, review,
};
use domain::limits::{
    AMOUNT_MINOR_MAX, CAPACITY_MAX, DURATION_MINUTES_MAX, GRACE_MINUTES_MAX, HOLD_SECONDS_MAX,
    HOLD_SECONDS_MIN, HORIZON_DAYS_MAX, ITEMS_PER_BOOKING_MAX, PERSON_CHARACTERS_MAX,
    PREPARATION_MINUTES_MAX, QUANTITY_MAX, RELEASE_DAYS_MAX, RESOURCE_CLOSURES_MAX,
    RESOURCES_PER_PRODUCT_MAX, SCHEDULE_DATES_MAX, SEATS_PER_UNIT_MAX, SHARES_MAX, SLOTS_PER_BOOKING_MAX,
    SLOTS_PER_REQUEST_MAX, STARTS_PER_DAY_MAX, TAX_BASIS_POINTS_MAX, TAXES_MAX, TIER_HOURS_MAX, TIERS_MAX,
    UNITS_PER_REQUEST_MAX, WHY_CHARACTERS_MAX,
};
use domain::rows::{Actor, DifferenceKind, Mode, MovementKind, PayBy, PayoutMethod, ReconciliationStage};
use domain::split::BASIS_POINTS;
use serde_json::{Map, Value, json};

use super::patterns::{
    CLOSING_TIME_PATTERN, CURSOR_PATTERN, DATE_PATTERN, INSTANT_PATTERN, LINE_PATTERN, SCHEDULE_DATE_PATTERN,
    TEXT_PATTERN, TIME_PATTERN, URL_PATTERN, VISIBLE_PATTERN, ZONE_PATTERN,
};
use super::schemas::CURRENCY_REFERENCE;
use super::together;
use crate::limits::{
    ALTERNATIVES_MAX, CALENDAR_DAYS_MAX, CHECK_IN_CHARS_MAX, CLIENTS_MAX, CORRESPONDENCE_CHARS_MAX,
    DESCRIPTION_CHARS_MAX, EMAIL_BYTES_MAX, EVERY_MINUTES_MAX, EVERY_MINUTES_MIN, IDEMPOTENCY_KEY_CHARS_MAX,
    INSTALMENTS_MAX, METADATA_BYTES_MAX, METADATA_KEY_CHARS_MAX, METADATA_KEYS_MAX, METADATA_VALUE_CHARS_MAX,
    NAME_CHARS_MAX, PAGE_ROWS, PAGE_ROWS_MAX, PAYABLE_SECONDS_MAX, PAYABLE_SECONDS_MIN, PHONE_CHARS_MAX,
    REASON_CHARS_MAX, REFERENCE_CHARS_MAX, REFUND_REFUSAL_CHARS_MAX, RRULE_CHARS_MAX, SEATS_MAX,
    STATEMENT_CHARS_MAX, TERMS_CHARS_MAX, TOKEN_CHARS_MAX, URL_CHARS_MAX,
};
use crate::requests::{REVIEW_ACTIONS, Scope};
use crate::ticket::TICKET_CHARS;
use crate::views;

/// The limits of an idempotency key in a query. In a header it may be quoted:
/// [`super::patterns::key_in_header`].
fn idempotency_key() -> Value {
    json!({ "minLength": 1, "maxLength": IDEMPOTENCY_KEY_CHARS_MAX, "pattern": VISIBLE_PATTERN })
}

/// Adds the members' limits to the schema of this name.
pub fn refine(name: &str, schema: &mut Value) {
    let rules =
        texts().into_iter().chain(times()).chain(numbers()).chain(lists()).chain(words()).chain(check_ins());
    for (_, member, more) in rules.filter(|(schemas, _, _)| schemas.contains(&name)) {
        let property =
            schema["properties"].get_mut(member).unwrap_or_else(|| panic!("{name} has no {member}"));
        let of_items = property["type"] == "array" && more.get("enum").is_some();
        let target = if of_items { &mut property["items"] } else { property };
        target.as_object_mut().expect("a schema is an object").extend(more);
    }
    if name == "Metadata" {
        *schema = metadata();
    }
    if let Some(members) = together::rule(name) {
        schema.as_object_mut().expect("a schema is an object").extend(members);
    }
}

type Rule = (&'static [&'static str], &'static str, Map<String, Value>);

fn rule(schemas: &'static [&'static str], member: &'static str, more: Value) -> Rule {
    let Value::Object(more) = more else { unreachable!("a rule adds members") };
    (schemas, member, more)
}

fn line(chars_max: usize) -> Value {
    json!({ "minLength": 1, "maxLength": chars_max, "pattern": *LINE_PATTERN })
}

fn paragraph(chars_max: usize) -> Value {
    json!({ "maxLength": chars_max, "pattern": TEXT_PATTERN })
}

/// Queries of lists that are read page by page.
const CURSORS: &[&str] = &[
    "ListQuery",
    "AvailabilityQuery",
    "BookingsQuery",
    "PaymentsQuery",
    "CalendarQuery",
    "DisputesQuery",
    "PayoutsQuery",
    "DifferencesQuery",
    "ReviewCasesQuery",
    "LedgerAccountsQuery",
    "AccountStatementQuery",
];

/// Requests with a name.
const NAMED: &[&str] = &[
    "NewCustomer",
    "NewProduct",
    "NewUnit",
    "NewTax",
    "ChangedProduct",
    "ChangedUnit",
    "NewBeneficiary",
    "ChangedBeneficiary",
    "NewResource",
    "ChangedResource",
];

fn texts() -> Vec<Rule> {
    const PAID: &[&str] = &["NewPayment", "NewCharge", "Alternative", "SavedMethodRemoval"];
    let email = json!({ "minLength": 5, "maxLength": EMAIL_BYTES_MAX, "format": "idn-email" });
    vec![
        rule(NAMED, "name", line(NAME_CHARS_MAX)),
        rule(&["NewApiKey"], "client_name", line(NAME_CHARS_MAX)),
        rule(&["NewCustomer"], "phone", line(PHONE_CHARS_MAX)),
        rule(&["NewCustomer", "Payer"], "email", email.clone()),
        rule(&["Payer"], "name", line(NAME_CHARS_MAX)),
        rule(&["BookingsQuery", "PaymentsQuery"], "customer_email", email),
        rule(
            &["NewPayment", "NewCharge", "NewRecordedPayment", "PaymentsQuery", "PayoutRecord"],
            "reference",
            line(REFERENCE_CHARS_MAX),
        ),
        rule(
            &["NewPayment", "NewCharge", "SavedMethodsQuery", "SavedMethodRemoval"],
            "customer",
            line(REFERENCE_CHARS_MAX),
        ),
        rule(&["PaymentsQuery"], "idempotency_key", idempotency_key()),
        rule(&["NewProduct", "ChangedProduct"], "description", paragraph(DESCRIPTION_CHARS_MAX)),
        rule(&["NewRefund"], "reason", paragraph(REASON_CHARS_MAX)),
        rule(&["NewDisputeEvidence"], "terms", paragraph(TERMS_CHARS_MAX)),
        rule(&["NewDisputeEvidence"], "check_in", paragraph(CHECK_IN_CHARS_MAX)),
        rule(&["NewDisputeEvidence"], "correspondence", paragraph(CORRESPONDENCE_CHARS_MAX)),
        rule(&["NewDisputeEvidence"], "refund_refusal", paragraph(REFUND_REFUSAL_CHARS_MAX)),
        rule(&["NewDisputeEvidence"], "statement", paragraph(STATEMENT_CHARS_MAX)),
        rule(&["NewProduct"], "currency", json!({ "$ref": CURRENCY_REFERENCE })),
        rule(&["NewProduct"], "time_zone", json!({ "pattern": ZONE_PATTERN })),
        rule(
            PAID,
            "payment_method",
            json!({ "minLength": 1, "maxLength": TOKEN_CHARS_MAX, "pattern": VISIBLE_PATTERN }),
        ),
        rule(
            &["NewPayment", "NewCharge"],
            "return_url",
            json!({ "maxLength": URL_CHARS_MAX, "format": "uri", "pattern": URL_PATTERN }),
        ),
        rule(
            &["NewBeneficiary", "ChangedBeneficiary"],
            "destination",
            json!({ "minLength": 1, "maxLength": TOKEN_CHARS_MAX, "pattern": VISIBLE_PATTERN }),
        ),
        rule(&["PayoutRecord", "NewPayoutReversal"], "who", line(PERSON_CHARACTERS_MAX)),
        rule(&["PayoutRecord", "NewPayoutReversal"], "why", line(WHY_CHARACTERS_MAX)),
        rule(
            &["LetterDecision", "NewRecordedPayment", "NewRecordedRefund"],
            "who",
            line(PERSON_CHARACTERS_MAX),
        ),
        rule(&["ReviewAssignment", "ReviewCasesQuery"], "assignee", line(PERSON_CHARACTERS_MAX)),
        rule(&["ReviewAssignment", "ReviewAction"], "why", line(WHY_CHARACTERS_MAX)),
        rule(&["ReviewCasesQuery"], "reason", line(REASON_CHARS_MAX)),
        rule(&["LetterDecision", "NewRecordedPayment", "NewRecordedRefund"], "why", line(WHY_CHARACTERS_MAX)),
        rule(&["Resolution"], "resolution", line(DESCRIPTION_CHARS_MAX)),
        rule(
            &["NewReconciliation", "ReviewAssignment", "ReviewAction", "Resolution", "NewLedgerClosing"],
            "who",
            line(PERSON_CHARACTERS_MAX),
        ),
        rule(
            &["NewScheduleRule"],
            "rrule",
            json!({ "minLength": 1, "maxLength": RRULE_CHARS_MAX, "pattern": VISIBLE_PATTERN }),
        ),
        rule(&["NewOpeningHours"], "opens", json!({ "pattern": TIME_PATTERN })),
        rule(&["NewOpeningHours"], "closes", json!({ "pattern": CLOSING_TIME_PATTERN })),
        rule(&["NewBlackout", "NewClosure"], "reason", line(REASON_CHARS_MAX)),
        rule(CURSORS, "cursor", json!({ "pattern": CURSOR_PATTERN })),
    ]
}

/// Instants and days.
fn times() -> Vec<Rule> {
    const BETWEEN: &[&str] =
        &["AvailabilityQuery", "StatementQuery", "AccountStatementQuery", "NewReconciliation", "NewClosure"];
    const CREATED: &[&str] = &["BookingsQuery", "PaymentsQuery"];
    vec![
        rule(&["DisputesQuery"], "evidence_due_before", json!({ "pattern": INSTANT_PATTERN })),
        rule(&["NewSlot"], "starts_at", json!({ "pattern": INSTANT_PATTERN })),
        rule(CREATED, "created_from", json!({ "pattern": INSTANT_PATTERN })),
        rule(CREATED, "created_before", json!({ "pattern": INSTANT_PATTERN })),
        rule(BETWEEN, "from", json!({ "pattern": INSTANT_PATTERN })),
        rule(BETWEEN, "to", json!({ "pattern": INSTANT_PATTERN })),
        rule(&["CalendarQuery"], "from", json!({ "pattern": INSTANT_PATTERN })),
        rule(&["LedgerAccountsQuery"], "as_of", json!({ "pattern": INSTANT_PATTERN })),
        rule(&["NewLedgerClosing"], "through", json!({ "pattern": DATE_PATTERN })),
        rule(&["NewScheduleRule", "NewBlackout"], "first_date", json!({ "pattern": SCHEDULE_DATE_PATTERN })),
        rule(&["NewScheduleRule", "NewBlackout"], "last_date", json!({ "pattern": SCHEDULE_DATE_PATTERN })),
        rule(&["ReviewCasesQuery"], "opened_before", json!({ "pattern": INSTANT_PATTERN })),
    ]
}

fn numbers() -> Vec<Rule> {
    const MOVING: &[&str] = &[
        "NewPayment",
        "NewCharge",
        "NewCapture",
        "NewRefund",
        "NewRecordedPayment",
        "NewRecordedRefund",
        "ReviewAction",
        "NewPayoutReversal",
    ];
    let rows = json!({ "minimum": 1, "maximum": PAGE_ROWS_MAX, "default": PAGE_ROWS });
    let range = |min: i64, max: i64| json!({ "minimum": min, "maximum": max });
    // A reply may contain a currency that is no longer assigned, a request may not.
    let at_least = |minor: i64| {
        let currency = json!({ "$ref": CURRENCY_REFERENCE });
        json!({ "properties": { "minor": { "minimum": minor }, "currency": currency } })
    };
    vec![
        rule(CURSORS, "limit", rows.clone()),
        rule(&["EventsQuery"], "limit", rows),
        rule(&["PaymentsQuery"], "amount_minor", range(1, AMOUNT_MINOR_MAX)),
        rule(&["Money"], "minor", range(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)),
        rule(MOVING, "amount", at_least(1)),
        rule(&["NewUnit", "ChangedUnit"], "price", at_least(0)),
        rule(&["NewBooking"], "expected_total", at_least(0)),
        rule(&["NewPayment", "NewCharge"], "instalments", range(1, INSTALMENTS_MAX.into())),
        rule(
            &["NewPayment"],
            "expires_in_seconds",
            range(PAYABLE_SECONDS_MIN.into(), PAYABLE_SECONDS_MAX.into()),
        ),
        rule(&["NewBooking", "NewExtension"], "hold_seconds", range(HOLD_SECONDS_MIN, HOLD_SECONDS_MAX)),
        rule(&["ChangedSettings"], "hold_seconds", range(HOLD_SECONDS_MIN, HOLD_SECONDS_MAX)),
        rule(&["ChangedSettings"], "hold_seconds_max", range(HOLD_SECONDS_MIN, HOLD_SECONDS_MAX)),
        rule(&["ChangedSettings"], "seats_held_per_customer_max", range(1, SEATS_MAX)),
        rule(&["ClientLimit"], "held_seats_max", range(1, SEATS_MAX)),
        rule(&["BookedUnit"], "quantity", range(1, QUANTITY_MAX)),
        rule(&["NewUnit", "ChangedUnit"], "seats", range(1, SEATS_PER_UNIT_MAX)),
        rule(&["NewPortion", "NewShare"], "basis_points", range(0, BASIS_POINTS)),
        rule(&["NewPortion", "NewShare"], "fixed", at_least(0)),
        rule(&["NewSplit"], "release_after_days", range(0, RELEASE_DAYS_MAX)),
        rule(&["NewTax"], "rate_basis_points", range(1, TAX_BASIS_POINTS_MAX)),
        rule(&["NewTier"], "hours", range(0, TIER_HOURS_MAX)),
        rule(&["NewTier"], "days", range(0, TIER_HOURS_MAX / 24)),
        rule(&["NewTier"], "refund_basis_points", range(0, BASIS_POINTS)),
        rule(&["NewTier"], "fee", at_least(0)),
        rule(&["NewCancellationPolicy"], "grace_minutes", range(0, GRACE_MINUTES_MAX)),
        rule(&["NewCancellationPolicy"], "weather_basis_points", range(0, BASIS_POINTS)),
        rule(&["NewCancellationPolicy"], "too_few_participants_basis_points", range(0, BASIS_POINTS)),
        rule(&["NewCancellation"], "expected_refund", at_least(0)),
        rule(&["CancelledTickets", "CancellationQuoteQuery"], "quantity", range(1, QUANTITY_MAX)),
        rule(&["NewSlot", "NewSchedule", "ChangedSchedule"], "capacity", range(1, CAPACITY_MAX)),
        rule(&["NewSchedule", "ChangedSchedule"], "horizon_days", range(1, HORIZON_DAYS_MAX)),
        rule(&["NewResource", "ChangedResource"], "capacity", range(1, CAPACITY_MAX)),
        rule(&["NewClosure"], "capacity", range(0, CAPACITY_MAX)),
        rule(&["NewProductResources"], "duration_minutes", range(1, DURATION_MINUTES_MAX)),
        rule(&["NewRequirement"], "quantity", range(1, CAPACITY_MAX)),
        rule(&["NewRequirement"], "before_minutes", range(0, PREPARATION_MINUTES_MAX)),
        rule(&["NewRequirement"], "after_minutes", range(0, PREPARATION_MINUTES_MAX)),
        rule(&["CalendarQuery"], "days", range(1, CALENDAR_DAYS_MAX)),
        rule(&["ChangedSchedule", "ChangedResource"], "version", range(1, AMOUNT_MINOR_MAX)),
        rule(&["NewOpeningHours"], "every_minutes", range(EVERY_MINUTES_MIN, EVERY_MINUTES_MAX)),
    ]
}

fn lists() -> Vec<Rule> {
    let some = |max: usize| json!({ "minItems": 1, "maxItems": max });
    let date = json!({ "type": "string", "format": "date", "pattern": SCHEDULE_DATE_PATTERN });
    let dates = json!({ "maxItems": SCHEDULE_DATES_MAX, "uniqueItems": true, "items": date });
    vec![
        rule(&["NewBooking", "NewQuote", "BookedSlot"], "units", some(ITEMS_PER_BOOKING_MAX)),
        rule(&["NewBooking", "NewQuote"], "items", some(SLOTS_PER_BOOKING_MAX)),
        rule(&["NewPayment"], "alternatives", json!({ "maxItems": ALTERNATIVES_MAX })),
        rule(&["NewProduct"], "units", some(UNITS_PER_REQUEST_MAX)),
        rule(&["ChangedProduct"], "units", json!({ "maxItems": UNITS_PER_REQUEST_MAX })),
        rule(&["NewSlots"], "slots", some(SLOTS_PER_REQUEST_MAX)),
        rule(
            &["NewScheduleRule"],
            "start_times",
            json!({ "maxItems": STARTS_PER_DAY_MAX, "uniqueItems": true, "items": { "type": "string", "pattern": TIME_PATTERN } }),
        ),
        rule(&["NewScheduleRule"], "extra_dates", dates.clone()),
        rule(&["NewScheduleRule"], "excepted_dates", dates),
        rule(&["NewResource", "ChangedResource"], "closures", json!({ "maxItems": RESOURCE_CLOSURES_MAX })),
        rule(&["NewProductResources"], "resources", json!({ "maxItems": RESOURCES_PER_PRODUCT_MAX })),
        rule(&["NewProduct", "ChangedProduct"], "taxes", json!({ "maxItems": TAXES_MAX })),
        rule(&["NewSplit"], "shares", json!({ "maxItems": SHARES_MAX })),
        rule(&["NewCancellationPolicy"], "tiers", json!({ "maxItems": TIERS_MAX })),
        rule(&["NewCancellation"], "items", json!({ "maxItems": 2 * ITEMS_PER_BOOKING_MAX })),
        rule(&["ChangedSettings"], "clients", json!({ "maxItems": CLIENTS_MAX })),
        rule(
            &["NewApiKey"],
            "scopes",
            json!({ "minItems": 1, "maxItems": Scope::ALL.len(), "uniqueItems": true }),
        ),
    ]
}

fn check_ins() -> Vec<Rule> {
    vec![
        rule(&["NewCheckIn"], "ticket", line(TICKET_CHARS)),
        rule(&["NewCheckIn"], "number", json!({ "minimum": 1, "maximum": QUANTITY_MAX })),
        rule(&["NewCheckIn"], "scanned_at", json!({ "pattern": INSTANT_PATTERN })),
        rule(&["NewCheckIn"], "who", line(PERSON_CHARACTERS_MAX)),
    ]
}

/// States and other closed lists of values.
fn words() -> Vec<Rule> {
    let actors = [
        Actor::Client(domain::ClientId(uuid::Uuid::nil())),
        Actor::Worker,
        Actor::Webhook,
        Actor::Timer,
        Actor::Person,
    ];
    let letters = [
        &states::<job::State>()[..],
        &states::<inbound_event::State>(),
        &states::<domain::lifecycle::delivery::State>(),
    ]
    .concat();
    let methods = [PayoutMethod::Transfer.name(), PayoutMethod::Manual.name()];
    let scopes = Scope::ALL.map(Scope::name);
    vec![
        rule(&["ManifestEntry"], "state", one_of(&["confirmed", "completed", "no_show"])),
        rule(&["Booking", "BookingsQuery"], "state", one_of(&states::<booking::State>())),
        rule(&["Payment", "PaymentsQuery"], "state", one_of(&states::<payment::State>())),
        rule(&["Payout", "PayoutsQuery"], "state", one_of(&states::<payout::State>())),
        rule(&["Release"], "state", one_of(&states::<release::State>())),
        rule(&["Payout", "Beneficiary"], "method", one_of(&methods)),
        rule(&["Refund"], "state", one_of(&states::<refund::State>())),
        rule(&["Dispute", "DisputesQuery"], "state", one_of(&states::<dispute::State>())),
        rule(&["DisputeEvidence"], "state", one_of(&states::<dispute_evidence::State>())),
        rule(&["Reconciliation"], "state", one_of(&states::<reconciliation::State>())),
        rule(
            &["Reconciliation"],
            "stage",
            one_of(&ReconciliationStage::ALL.each_ref().map(ReconciliationStage::name)),
        ),
        rule(&["Difference", "DifferencesQuery"], "state", one_of(&states::<difference::State>())),
        rule(&["Difference", "DifferencesQuery"], "kind", one_of(&difference_kinds())),
        rule(&["ReviewCaseDetail"], "actions", one_of(&REVIEW_ACTIONS)),
        rule(&["ReviewAction"], "action", one_of(&REVIEW_ACTIONS)),
        rule(&["ReviewCase", "ReviewCasesQuery"], "state", one_of(&states::<review::State>())),
        rule(&["DeadLetter"], "state", one_of(&letters)),
        rule(&["DeadLetter"], "kind", one_of(&views::DEAD_LETTER_KINDS)),
        rule(&["BookingItem"], "state", one_of(&states::<booking_item::State>())),
        rule(&["Booking"], "payment_status", one_of(&views::PAYMENT_STATUSES)),
        rule(&["Slot"], "status", one_of(&Availability::ALL.map(Availability::name))),
        rule(&["Breaker"], "state", one_of(&views::BREAKER_STATES)),
        rule(&["Movement"], "kind", one_of(&MovementKind::ALL.each_ref().map(MovementKind::name))),
        rule(&["HistoryEntry"], "actor", one_of(&actors.each_ref().map(Actor::name))),
        rule(&["ApiKey"], "scopes", one_of(&scopes)),
        rule(&["ProviderAccount"], "methods", one_of(&PayBy::ALL.map(PayBy::name))),
        rule(&["ProviderAccount"], "mode", one_of(&[Mode::Test.name(), Mode::Live.name()])),
        rule(&["ApiKey"], "mode", one_of(&[Mode::Test.name(), Mode::Live.name()])),
    ]
}

fn one_of(words: &[&str]) -> Value {
    let mut words = words.to_vec();
    words.sort_unstable();
    words.dedup();
    json!({ "enum": words })
}

fn difference_kinds() -> Vec<&'static str> {
    DifferenceKind::ALL.iter().map(DifferenceKind::name).collect()
}

fn states<S: State>() -> Vec<&'static str> {
    S::ALL.iter().map(State::name).collect()
}

fn metadata() -> Value {
    json!({
        "type": "object",
        "description": format!("A client's own notes on a resource: at most {METADATA_BYTES_MAX} bytes of UTF-8 in all."),
        "maxProperties": METADATA_KEYS_MAX,
        "propertyNames": { "type": "string", "minLength": 1, "maxLength": METADATA_KEY_CHARS_MAX, "pattern": *LINE_PATTERN },
        "additionalProperties": { "type": "string", "maxLength": METADATA_VALUE_CHARS_MAX, "pattern": TEXT_PATTERN },
    })
}
