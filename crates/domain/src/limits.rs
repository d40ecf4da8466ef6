//! Limits. Each has its unit in its name or its type.

use crate::time::Span;

/// Units of one kind in one booking.
pub const QUANTITY_MAX: i64 = 1_000;
/// Units in one booking, over all of its slots. Each becomes an item.
pub const ITEMS_PER_BOOKING_MAX: usize = 20;
/// Slots in one booking. Each is locked while it is reserved.
pub const SLOTS_PER_BOOKING_MAX: usize = 10;
pub const SEATS_HELD_PER_CUSTOMER_MAX: i64 = 20;
pub const HOLD_SECONDS: i64 = 15 * 60;
pub const HOLD_SECONDS_MAX: i64 = 24 * 60 * 60;
pub const HOLD_SECONDS_MIN: i64 = 1;
pub const PAYMENTS_PER_BOOKING_MAX: i64 = 20;
pub const REFUNDS_PER_PAYMENT_MAX: i64 = 50;
/// The largest amount in minor units that an integer in JSON has exactly in every language.
pub const AMOUNT_MINOR_MAX: i64 = 9_007_199_254_740_991;
/// A hold whose payment is under way keeps its seats this much longer.
pub const HOLD_GRACE_SECONDS: i64 = 10 * 60;
/// Ids in one command of a timer or a worker.
pub const IDS_PER_COMMAND_MAX: usize = 64;
/// Messages that the relay marks in one command.
pub const RELAYED_PER_COMMAND_MAX: usize = 512;
/// Partitions of the outbox. Every process and every version must use the same number.
pub const PARTITIONS: i64 = 16;
/// The factor of the wait for receipts, by how often a message was published. Without it an outage of the
/// consumers would fill the broker with repetitions.
pub const WAITS_FOR_RECEIPTS: [i64; 6] = [1, 1, 2, 4, 8, 16];
/// How long a partition is kept for the relay that waits for it.
pub const PARTITION_KEPT_FOR_SECONDS: i64 = 10;
/// The longest name of a person who decides on a dead letter.
pub const PERSON_CHARACTERS_MAX: usize = 100;
/// The longest reason for a decision on a dead letter.
pub const WHY_CHARACTERS_MAX: usize = 1_000;
/// The part of an error that is stored with a row.
pub const ERROR_CHARACTERS_MAX: usize = 500;
pub const SEATS_PER_UNIT_MAX: i64 = 100;
pub const CAPACITY_MAX: i64 = 1_000_000;
/// In one request.
pub const UNITS_PER_REQUEST_MAX: usize = 50;
/// Units of one product, including those that are off sale, because no unit is ever removed and a product is
/// shown with all its units.
pub const UNITS_PER_PRODUCT_MAX: usize = 200;
/// API keys of one tenant that are not revoked.
pub const API_KEYS_MAX: usize = 100;
pub const SLOTS_PER_REQUEST_MAX: usize = 100;

/// Tiers of one cancellation policy.
pub const TIERS_MAX: usize = 10;
/// Taxes of one product.
pub const TAXES_MAX: usize = 5;
/// A tax is at most as high as the net price.
pub const TAX_BASIS_POINTS_MAX: i64 = 10_000;
/// The longest time of a tier.
pub const TIER_HOURS_MAX: i64 = 366 * 24;
pub const GRACE_MINUTES_MAX: i64 = 7 * 24 * 60;
/// Schedules of one product. None is ever removed.
pub const SCHEDULES_PER_PRODUCT_MAX: usize = 50;
/// Blackouts of one product that are in force.
pub const BLACKOUTS_PER_PRODUCT_MAX: usize = 200;
/// Starts of one schedule on one date.
pub const STARTS_PER_DAY_MAX: usize = 100;
/// Extra dates of one schedule, and as many excepted ones.
pub const SCHEDULE_DATES_MAX: usize = 366;
pub const HORIZON_DAYS: i64 = 90;
pub const HORIZON_DAYS_MAX: i64 = 730;
/// Slots of a schedule that one command makes or revises.
pub const SLOTS_PER_STEP_MAX: usize = 100;
/// Slots with bookings that the reply to a change lists.
pub const SLOTS_WITH_BOOKINGS_MAX: usize = 100;
/// A schedule that has made its slots makes more after this time.
pub const SCHEDULE_RECHECK: Span = Span::seconds(12 * 60 * 60);
/// Slots are made this much beyond the horizon, so that none is missing in it before the next time.
pub const BEYOND_HORIZON: Span = Span::seconds(24 * 60 * 60);

pub const DURATION_MINUTES_MAX: i64 = 7 * 24 * 60;
/// Resources that one product needs.
pub const RESOURCES_PER_PRODUCT_MAX: usize = 5;
/// How long before the start, and after the end, a slot may need a resource.
pub const PREPARATION_MINUTES_MAX: i64 = 24 * 60;
pub const RESOURCE_CLOSURES_MAX: usize = 100;
/// Slots that use one resource on one day. The next one finds it taken.
pub const USES_PER_RESOURCE_DAY_MAX: usize = 500;
/// Days with uses that a change of a resource looks at. One that has more ahead is not made smaller.
pub const RESOURCE_DAYS_MAX: usize = 2_000;

/// Beneficiaries of one split rule.
pub const SHARES_MAX: usize = 10;
/// The longest time from the completion of a booking to the release of its funds.
pub const RELEASE_DAYS_MAX: i64 = 90;
/// How long a release that something stands against waits for the next check.
pub const RELEASE_RECHECK: Span = Span::seconds(5 * 60);

/// How long a release may wait, without an open dispute, before a person has a case of it.
pub const RELEASE_WAITS_MAX: Span = Span::seconds(7 * 24 * 60 * 60);

/// How long an operation at a provider may stay without a definite outcome before it becomes a
/// review case. Well inside every provider's key retention.
pub const OPERATION_DEADLINE_SECONDS: i64 = 60 * 60;
/// The least time before a call that got an error of the provider's own is sent again under another key.
pub const ANOTHER_KEY_AFTER: Span = Span::seconds(30);
/// The time without a webhook after which the provider's object is fetched.
pub const EVIDENCE_AFTER_SECONDS: i64 = 30;
/// The longest pause between two fetches of an object that waits for the customer or the provider.
pub const POLL_SECONDS_MAX: i64 = 60 * 60;
/// The time after which the provider's object is fetched, if no reply has shown how long an authorisation
/// lasts.
pub const CAPTURE_BEFORE_AWAITED: Span = Span::seconds(30);
/// How long before its end the tenant is warned of an authorisation.
pub const AUTHORIZATION_WARNING: Span = Span::seconds(24 * 60 * 60);
/// An authorisation that should have ended is looked up after this time, for which its webhook is awaited.
pub const LAPSE_AWAITED: Span = Span::seconds(5 * 60);
/// The time between two look-ups of an authorisation that has no known end, or is past it.
pub const AUTHORIZATION_LOOKED_UP_EVERY: Span = Span::seconds(6 * 60 * 60);
/// Claims of one job that end without a report before it is given up, unless its kind has another limit.
pub const JOB_ATTEMPTS_MAX: i64 = 12;
/// Attempts to process an event from a provider.
pub const EVENT_ATTEMPTS_MAX: i64 = 12;
