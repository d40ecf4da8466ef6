//! The table of metrics. A row's doc comment is its help, and is what Prometheus shows.
//!
//! Names begin with `surehold_`, end with their unit if they have one, and with `_total` if and
//! only if they are counters. A row from `Rows` is set by [`figures`](crate::figures); all others
//! are recorded where the event happens.

use domain::rows::AttemptKind;

use super::instrument::MetricSource::{Process, Rows};
use super::instrument::MetricUnit::{Bytes, Count, Seconds};
use super::instrument::{Counter, Gauge, Histogram, Instrument};
use super::labels::{
    AccountLabel, Age, Answer, AttemptLabel, BookingState, Call, Charged, Delivery, Denied, DifferenceLabel,
    Late, Letter, Lookup, Open, Outcome, Pending, Posted, ProviderLabel, Reason, RefusalCode, ResolvedWithin,
    Role, Route, SpanFate, StatusLabel, Verdict, WorkLabel,
};

macro_rules! catalogue {
    ($( $(#[doc = $help:literal])+ $row:ident: $kind:ident<$labels:ty> = $name:literal, $unit:ident, $source:ident; )+) => {
        $(
            $(#[doc = $help])+
            pub static $row: $kind<$labels> = $kind::new($name, $unit, $source, &[$($help),+]);
        )+

        /// All rows, in the order of the table.
        pub static CATALOGUE: &[&dyn Instrument] = &[ $( &$row ),+ ];
    };
}

catalogue! {
    // The four metrics to look at first.

    /// The verdicts on idempotency keys. Many replays and keys in flight come from clients that
    /// retry; a mismatch is a client that used one key for two requests.
    IDEMPOTENCY: Counter<Verdict> = "surehold_idempotency_total", Count, Process;
    /// Drives of an operation at its provider, by the number of the claim of its job. Above 1 it
    /// had to be continued, or its evidence was late; 10 stands for 10 and more.
    ATTEMPTS: Counter<(AttemptKind, AttemptLabel)> = "surehold_attempts_total", Count, Process;
    /// How long the oldest message has waited that the relay has not published.
    OUTBOX_LAG_SECONDS: Gauge<()> = "surehold_outbox_lag_seconds", Seconds, Rows;
    /// Messages that the relay has not published. At most 100000 are counted.
    OUTBOX_PENDING: Gauge<()> = "surehold_outbox_pending", Count, Rows;
    /// Messages that were published and that a consumer has not received. With the embedded broker
    /// these have failed; with an external broker some may be on their way.
    OUTBOX_UNRECEIVED: Gauge<()> = "surehold_outbox_unreceived", Count, Rows;
    /// Payments and refunds by their result; a charge has succeeded when its money is captured.
    /// Each success must have one effect in the ledger.
    OPERATIONS: Gauge<(Charged, Outcome)> = "surehold_operations", Count, Rows;
    /// Transfers in the ledger, by what they post. Compare them with the operations that succeeded:
    /// a difference means that something was lost or done twice.
    EFFECTS_APPLIED: Gauge<Posted> = "surehold_effects_applied", Count, Rows;

    // Requests.

    /// What Redis knew of idempotency keys, if Redis is used. Unavailable costs only time.
    IDEMPOTENCY_CACHE: Counter<Lookup> = "surehold_hot_path_total", Count, Process;
    /// Answers by address and status. What matches no address is `unmatched`.
    HTTP_REQUESTS: Counter<(Route, StatusLabel)> = "surehold_http_requests_total", Count, Process;
    /// Refusals by their code. A refusal that is stored under a key is counted when it was made.
    /// docs/errors.md describes each code.
    REFUSALS: Counter<RefusalCode> = "surehold_refusals_total", Count, Process;
    /// How long requests took, including the wait for a provider's outcome.
    HTTP_REQUEST_SECONDS: Histogram<Route> = "surehold_http_request_seconds", Seconds, Process;
    /// Panics, in requests and elsewhere. Each is a bug, and its source location is in the log.
    PANICS: Counter<()> = "surehold_panics_total", Count, Process;

    // Work.

    /// How long a piece of work took from its claim to its end, by lane and kind.
    PROCESSING_SECONDS: Histogram<WorkLabel> = "surehold_processing_seconds", Seconds, Process;
    /// Pieces of work that did not come to their end, by lane, kind and reason. They are tried
    /// again, unless they were refused or are poisonous.
    FAILURES: Counter<(WorkLabel, Reason)> = "surehold_failures_total", Count, Process;
    /// Drives of an attempt that were postponed, to be tried again.
    RETRIES: Counter<AttemptKind> = "surehold_retries_total", Count, Process;
    /// Jobs that are ready or run. At most 100000 are counted.
    JOBS: Gauge<Pending> = "surehold_jobs", Count, Rows;
    /// Jobs that are due and wait for a worker. At most 100000 are counted.
    JOBS_DUE: Gauge<()> = "surehold_jobs_due", Count, Rows;
    /// How long the job that has been due longest has waited for a worker.
    JOBS_DUE_SECONDS: Gauge<()> = "surehold_jobs_due_seconds", Seconds, Rows;
    /// Attempts whose outcome is not definite. An unknown outcome blocks its payment until it is
    /// known.
    ATTEMPTS_OPEN: Gauge<(AttemptKind, Open)> = "surehold_attempts_open", Count, Rows;
    /// Attempts whose outcome was unknown and is known now, by how long it was unknown.
    ATTEMPTS_RESOLVED: Gauge<ResolvedWithin> = "surehold_attempts_resolved", Count, Rows;
    /// Work that was given up and waits for a person.
    DEAD_LETTERS: Gauge<Letter> = "surehold_dead_letters", Count, Rows;
    /// Cases that only a person can settle, by how long they have been open.
    REVIEW_CASES_OPEN: Gauge<Age> = "surehold_review_cases_open", Count, Rows;
    /// Open differences between the provider's books and ours, by kind.
    DIFFERENCES_OPEN: Gauge<DifferenceLabel> = "surehold_differences_open", Count, Rows;
    /// How long ago the books of the account that waits longest were last compared with the provider's, from
    /// the first start on.
    RECONCILIATION_AGE_SECONDS: Gauge<()> = "surehold_reconciliation_age_seconds", Seconds, Rows;
    /// How long the oldest open review case has been open.
    REVIEW_CASE_AGE_SECONDS: Gauge<()> = "surehold_review_case_age_seconds", Seconds, Rows;

    // Providers.

    /// Calls to providers, by outcome. Unknown means that money may have moved, and is looked up;
    /// rejected means that our own request was faulty.
    PROVIDER_CALLS: Counter<(ProviderLabel, Call, Answer)> = "surehold_provider_calls_total", Count, Process;
    /// How long calls to providers took.
    PROVIDER_CALL_SECONDS: Histogram<(ProviderLabel, Call)> = "surehold_provider_call_seconds", Seconds, Process;
    /// Second tries of calls to providers: reads, and calls that provably were never sent.
    PROVIDER_SECOND_TRIES: Counter<ProviderLabel> = "surehold_provider_second_tries_total", Count, Process;
    /// Drives of an attempt that were postponed before its provider was called, and so did not
    /// count as tries.
    TURNED_AWAY: Counter<(AttemptKind, Denied)> = "surehold_turned_away_total", Count, Process;
    /// The circuit of each account at a provider: 0 closed, 1 half-open, 2 open. Each process has its own.
    BREAKER_STATE: Gauge<(ProviderLabel, AccountLabel)> = "surehold_breaker_state", Count, Process;
    /// Circuits that opened.
    BREAKER_OPENINGS: Counter<(ProviderLabel, AccountLabel)> = "surehold_breaker_openings_total", Count, Process;
    /// Retries that each account at a provider could get now. Each process has its own; the floor
    /// that several processes share through Redis is not included.
    RETRY_BUDGET_LEFT: Gauge<(ProviderLabel, AccountLabel)> = "surehold_retry_budget_left", Count, Process;
    /// Webhooks of providers: stored, repeated, or why they were refused.
    WEBHOOKS: Counter<Delivery> = "surehold_webhooks_total", Count, Process;
    /// Events of providers that no webhook had delivered, and that were found by reading them back.
    EVENTS_READ_BACK: Counter<()> = "surehold_events_read_back_total", Count, Process;
    /// Events of providers that are stored and not yet processed. At most 100000 are counted.
    INBOUND_EVENTS_WAITING: Gauge<()> = "surehold_inbound_events_waiting", Count, Rows;

    // Bookings.

    /// Bookings by state. Of holds at most 100000 are counted.
    BOOKINGS: Gauge<BookingState> = "surehold_bookings", Count, Rows;
    /// Holds past their expiry that still have their seats. Some wait for their payment to end.
    HOLDS_OVERDUE: Gauge<()> = "surehold_holds_overdue", Count, Rows;
    /// How long ago the hold that has been overdue longest expired.
    HOLDS_OVERDUE_SECONDS: Gauge<()> = "surehold_holds_overdue_seconds", Seconds, Rows;
    /// Money that came when its booking could no longer take it: seated anyway, or sent back.
    LATE_PAYMENTS: Gauge<Late> = "surehold_late_payments", Count, Rows;

    // The store.

    /// Commands that were answered.
    STORE_COMMANDS: Counter<()> = "surehold_store_commands_total", Count, Process;
    /// Batches that were taken from the queue. Commands by batches is how large they are.
    STORE_BATCHES: Counter<()> = "surehold_store_batches_total", Count, Process;
    /// Transactions that wrote something.
    STORE_COMMITS: Counter<()> = "surehold_store_commits_total", Count, Process;
    /// Transactions that ran again, because of rivals, lost connections or poisonous commands.
    STORE_RETRIES: Counter<()> = "surehold_store_retries_total", Count, Process;
    /// Whether the external broker carries nothing until somebody changes its settings, as with a
    /// stream of another database: 1 if so.
    BROKER_UNFIT: Gauge<()> = "surehold_broker_unfit", Count, Process;
    /// Commands that waited apart for a row that somebody else had locked.
    STORE_SET_ASIDE: Counter<()> = "surehold_store_set_aside_total", Count, Process;
    /// Waits for PostgreSQL's answer. SQLite has none.
    STORE_ROUND_TRIPS: Counter<()> = "surehold_store_round_trips_total", Count, Process;
    /// Bytes appended to SQLite's log. On PostgreSQL the database server counts them.
    STORE_WAL_BYTES: Counter<()> = "surehold_store_wal_bytes_total", Bytes, Process;
    /// Commands that wait for a writer.
    QUEUE_DEPTH: Gauge<()> = "surehold_queue_depth", Count, Process;
    /// Commands that may wait for a writer: above this limit requests are answered 503.
    QUEUE_LIMIT: Gauge<()> = "surehold_queue_limit", Count, Process;

    // The process.

    /// What the process does: 1 for each of its roles.
    ROLE: Gauge<Role> = "surehold_role", Count, Process;
    /// How far the machine's clock is behind the time that the process uses, which never goes back.
    /// More than a few seconds mean that the machine's clock was set back.
    CLOCK_BEHIND_SECONDS: Gauge<()> = "surehold_clock_behind_seconds", Seconds, Process;
    /// Spans of traces, if they are collected: exported, dropped because too many waited for the
    /// collector, or lost because it did not accept them.
    TRACE_SPANS: Counter<SpanFate> = "surehold_trace_spans_total", Count, Process;
    /// When the process started, in seconds since 1970.
    STARTED: Gauge<()> = "surehold_started_timestamp_seconds", Seconds, Process;
    /// When the figures of committed rows were last counted, in seconds since 1970. If this is more
    /// than a minute ago, do not trust them.
    FIGURES_COUNTED: Gauge<()> = "surehold_figures_timestamp_seconds", Seconds, Process;
}
