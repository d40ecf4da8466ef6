//! Limits, each with its unit in its name or its type.

use crate::time::Span;

/// Units of one kind in one booking.
pub const QUANTITY_MAX: i64 = 1_000;
/// Units in one request: each becomes an item.
pub const ITEMS_PER_BOOKING_MAX: usize = 20;
pub const SEATS_HELD_PER_CUSTOMER_MAX: i64 = 20;
pub const HOLD_SECONDS: i64 = 15 * 60;
pub const HOLD_SECONDS_MAX: i64 = 24 * 60 * 60;
pub const HOLD_SECONDS_MIN: i64 = 1;
pub const PAYMENTS_PER_BOOKING_MAX: i64 = 20;
pub const REFUNDS_PER_PAYMENT_MAX: i64 = 50;
/// The largest amount, in minor units: what an integer of JSON carries exactly in every language.
pub const AMOUNT_MINOR_MAX: i64 = 9_007_199_254_740_991;
/// A hold whose payment is under way keeps its seats this much longer.
pub const HOLD_GRACE_SECONDS: i64 = 10 * 60;
/// Ids in one command of a timer or a worker.
pub const IDS_PER_COMMAND_MAX: usize = 64;
/// Messages that the relay marks in one command.
pub const RELAYED_PER_COMMAND_MAX: usize = 512;
/// Parts of the outbox. Every process and every version must divide it alike.
pub const PARTITIONS: i64 = 16;
/// So many times the wait for receipts, by how often a message was published: while nobody receives at all,
/// a broker would be filled with repetitions, and whoever receives again would have to go through them.
pub const WAITS_FOR_RECEIPTS: [i64; 6] = [1, 1, 2, 4, 8, 16];
/// A relay that waits for a partition is waited for this long.
pub const PARTITION_KEPT_FOR_SECONDS: i64 = 10;
/// Who retried or discarded a dead letter, and why.
pub const PERSON_CHARACTERS_MAX: usize = 100;
pub const WHY_CHARACTERS_MAX: usize = 1_000;
/// The most that is kept of an error with a row.
pub const ERROR_CHARACTERS_MAX: usize = 500;
pub const SEATS_PER_UNIT_MAX: i64 = 100;
pub const CAPACITY_MAX: i64 = 1_000_000;
/// In one request.
pub const UNITS_PER_REQUEST_MAX: usize = 50;
/// Units of one product, those that are off sale included: nothing removes a unit, and a product is shown
/// with all of them.
pub const UNITS_PER_PRODUCT_MAX: usize = 200;
/// API keys of one tenant, without those that are revoked.
pub const API_KEYS_MAX: usize = 100;
pub const SLOTS_PER_REQUEST_MAX: usize = 100;

/// How long an operation at a provider may stay without a definite outcome before it becomes a
/// review case. Well inside every provider's key retention.
pub const OPERATION_DEADLINE_SECONDS: i64 = 60 * 60;
/// A call that moves money and was answered with an error of the provider's own goes out under another key
/// no sooner than this.
pub const ANOTHER_KEY_AFTER: Span = Span::seconds(30);
/// Without a webhook for this long the provider's object is fetched.
pub const EVIDENCE_AFTER_SECONDS: i64 = 30;
/// The longest pause between two looks at an object that waits for the customer or the provider.
pub const POLL_SECONDS_MAX: i64 = 60 * 60;
/// Claims of one job that end without a report before it is taken for poison, unless its kind says otherwise.
pub const JOB_ATTEMPTS_MAX: i64 = 12;
/// Times that an event from a provider is begun and does not come to its end.
pub const EVENT_ATTEMPTS_MAX: i64 = 12;
