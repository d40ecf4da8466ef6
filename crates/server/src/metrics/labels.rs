//! Labels, each with the closed set of its values: what is not in the set cannot be recorded, so no
//! metric has more series than its row in the catalogue says.

mod sets;

use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, OnceLock};

use axum::extract::MatchedPath;
use domain::lifecycle::{State, booking};
use domain::rows::{AttemptKind, Lane};
use http::StatusCode;

use sets::set;
pub use sets::{Label, LabelSet, Labels};

/// An enum whose variants are the values.
macro_rules! labels {
    ($( $(#[$doc:meta])* $label:ident in $name:literal { $( $(#[$vdoc:meta])* $variant:ident = $value:literal ),+ $(,)? } )+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $label { $( $(#[$vdoc])* $variant ),+ }

        impl Label for $label {
            const NAME: &'static str = $name;
            fn values() -> &'static [&'static str] {
                &[ $( $value ),+ ]
            }
            fn index(self) -> usize {
                self as usize
            }
        }
    )+ };
}

labels! {
    /// What a request's idempotency key came to.
    Verdict in "verdict" {
        New = "new",
        Replay = "replay",
        InFlight = "in_flight",
        Mismatch = "mismatch",
        Expired = "expired",
        Missing = "missing",
    }

    /// What became of a delivery by a provider.
    Delivery in "outcome" {
        Stored = "stored",
        Repeated = "repeated",
        SignatureMissing = "signature_missing",
        SignatureMalformed = "signature_malformed",
        SignatureDoesNotMatch = "signature_does_not_match",
        SignatureIsTooOld = "signature_is_too_old",
        SignatureIsFromTheFuture = "signature_is_from_the_future",
        ModeDoesNotMatch = "mode_does_not_match",
        BodyIsNotAnEvent = "body_is_not_an_event",
    }

    /// Why something that was tried did not come to its end.
    Reason in "reason" {
        /// The provider was out of reach, or said to come back: nothing moved.
        NotSent = "not_sent",
        /// An answer was lost, and money may have moved: it is looked up.
        OutcomeUnknown = "outcome_unknown",
        /// Turned away as it stands.
        Refused = "refused",
        NotConfigured = "not_configured",
        /// Another worker has it now.
        LeaseLost = "lease_lost",
        /// The database was out of reach, or too much waited for it.
        StoreUnavailable = "store_unavailable",
        /// It cannot be read, or the database refuses what would come of it.
        Poisonous = "poisonous",
    }

    /// Why an account at a provider was not called.
    Denied in "why" {
        /// It has its share of the workers already.
        Crowded = "crowded",
        /// Its circuit is open, or its probes are out.
        Open = "open",
        /// Its retry budget is spent.
        Spent = "spent",
    }

    /// What is asked of a provider.
    Call in "call" {
        Create = "create",
        Confirm = "confirm",
        Fetch = "fetch",
        Capture = "capture",
        Cancel = "cancel",
        Refund = "refund",
        RefundsOf = "refunds_of",
        FetchRefund = "fetch_refund",
        Events = "events",
    }

    /// What was heard of a provider.
    Answer in "answer" {
        Object = "object",
        Refused = "refused",
        /// Refused because our own request was faulty.
        Rejected = "rejected",
        NotSent = "not_sent",
        Unknown = "unknown",
    }

    /// Providers that there is a teller for.
    Provider in "provider" {
        Stripe = "stripe",
    }

    /// What an attempt is while its outcome is not definite.
    Open in "state" {
        Created = "created",
        Sent = "sent",
        Unknown = "unknown",
        Review = "review",
    }

    /// A job that is not done.
    Pending in "state" {
        Ready = "ready",
        Running = "running",
    }

    /// What gave up, and waits for a person.
    Letter in "kind" {
        Job = "job",
        Event = "event",
        Message = "message",
    }

    /// How long a review case has been open.
    Age in "age" {
        WithinAnHour = "within_an_hour",
        WithinADay = "within_a_day",
        Older = "older",
    }

    /// What a booking or a payment counts as for whoever asks whether money moved.
    Charged in "operation" {
        Charge = "charge",
        Refund = "refund",
    }

    /// Where an operation stands that is not under way.
    Outcome in "outcome" {
        Authorized = "authorized",
        Succeeded = "succeeded",
        Failed = "failed",
        Cancelled = "cancelled",
        Lapsed = "lapsed",
        WrittenOff = "written_off",
    }

    /// What became of money that came when its booking could no longer take it.
    Late in "outcome" {
        Seated = "seated",
        Refunded = "refunded",
        Voided = "voided",
    }

    /// What became of a span.
    SpanFate in "fate" {
        Exported = "exported",
        /// Too many waited for the collector.
        Dropped = "dropped",
        /// The collector did not take it.
        Lost = "lost",
    }

    /// What Redis had to say of a key.
    Lookup in "outcome" {
        /// The finished reply.
        Hit = "hit",
        /// In flight, so PostgreSQL was not asked.
        Shielded = "shielded",
        Miss = "miss",
        Unavailable = "unavailable",
    }

    /// What a process does.
    Role in "role" {
        Api = "api",
        Worker = "worker",
        Relay = "relay",
    }
}

/// An account at a provider, by its configured name. They are known once, before anything is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLabel(usize);

static ACCOUNTS: OnceLock<Vec<&'static str>> = OnceLock::new();
/// The label of an account that is not configured: there is none in a process that serves.
const UNCONFIGURED: &str = "unconfigured";

impl AccountLabel {
    /// Names the accounts of this process. The first call counts.
    pub fn know<'n>(names: impl Iterator<Item = &'n str>) {
        ACCOUNTS.get_or_init(|| {
            let leaked = names.map(|name| &*Box::leak(name.to_owned().into_boxed_str()));
            std::iter::once(UNCONFIGURED).chain(leaked).collect()
        });
    }

    pub fn of(name: &str) -> AccountLabel {
        AccountLabel(AccountLabel::values().iter().position(|known| *known == name).unwrap_or(0))
    }
}

impl Label for AccountLabel {
    const NAME: &'static str = "account";
    fn values() -> &'static [&'static str] {
        ACCOUNTS.get_or_init(|| vec![UNCONFIGURED])
    }
    fn index(self) -> usize {
        self.0
    }
}

/// What the ledger posts.
#[derive(Clone, Copy, Debug)]
pub struct Posted(usize);

impl Label for Posted {
    const NAME: &'static str = "kind";
    fn values() -> &'static [&'static str] {
        &domain::ledger::POSTED
    }
    fn index(self) -> usize {
        self.0
    }
}

/// What is worked on: a kind of job, a consumer's message, or the program's own work. A kind of work has one
/// lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkLabel(usize);

/// A provider's event, once it is stored.
const EVENT: &str = "event";
/// Holds that lapsed.
const EXPIRY: &str = "expiry";
/// A batch of messages.
const RELAY: &str = "relay";
/// Old replies.
const PRUNING: &str = "pruning";
/// A kind of job, or a consumer, that only a test registers.
const OTHER: &str = "other";

/// Critical work first: what somebody waits for with their money.
static WORK: LazyLock<Vec<(Lane, &'static str)>> = LazyLock::new(|| {
    let jobs = |lane| domain::jobs::ALL.into_iter().filter(move |kind| kind.lane == lane);
    let jobs = |lane| jobs(lane).map(move |kind| (lane, kind.name));
    let consumers = domain::consumers::ALL.into_iter().map(|(consumer, _)| (Lane::Ordinary, consumer));
    let critical = jobs(Lane::Critical).chain([EVENT, EXPIRY].map(|name| (Lane::Critical, name)));
    let ordinary = jobs(Lane::Ordinary).chain(consumers);
    let rest = [RELAY, PRUNING, OTHER].map(|name| (Lane::Ordinary, name));
    critical.chain(ordinary).chain(rest).collect()
});
static WORK_NAMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| WORK.iter().map(|(_, name)| *name).collect());

impl WorkLabel {
    /// The label of a kind of job, or of a consumer.
    pub fn of(name: &str) -> WorkLabel {
        WorkLabel(WORK_NAMES.iter().position(|known| *known == name).unwrap_or(WORK_NAMES.len() - 1))
    }
    pub fn event() -> WorkLabel {
        WorkLabel::of(EVENT)
    }
    pub fn relay() -> WorkLabel {
        WorkLabel::of(RELAY)
    }
}

const LANE: LabelSet = LabelSet { name: "lane", values: || &["critical", "ordinary"] };
const KIND: LabelSet = LabelSet { name: "kind", values: || &WORK_NAMES };

impl Labels for WorkLabel {
    const SETS: &'static [LabelSet] = &[LANE, KIND];
    fn series() -> usize {
        WORK.len()
    }
    fn values_of(place: usize) -> Vec<&'static str> {
        let (lane, name) = &WORK[place];
        vec![lane.name(), *name]
    }
    fn place(self) -> usize {
        self.0
    }
}

impl Labels for (WorkLabel, Reason) {
    const SETS: &'static [LabelSet] = &[LANE, KIND, set::<Reason>()];
    fn series() -> usize {
        WorkLabel::series() * Reason::series()
    }
    fn values_of(place: usize) -> Vec<&'static str> {
        let mut values = WorkLabel::values_of(place / Reason::series());
        values.push(Reason::values()[place % Reason::series()]);
        values
    }
    fn place(self) -> usize {
        self.0.place() * Reason::series() + self.1.index()
    }
}

impl Label for AttemptKind {
    const NAME: &'static str = "operation";
    fn values() -> &'static [&'static str] {
        &["charge", "capture", "void", "refund"]
    }
    fn index(self) -> usize {
        self as usize
    }
}

/// By which claim of its job a call is made; the last stands for all that come after.
#[derive(Clone, Copy, Debug)]
pub struct AttemptLabel(pub i64);

impl Label for AttemptLabel {
    const NAME: &'static str = "attempt";
    fn values() -> &'static [&'static str] {
        &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]
    }
    fn index(self) -> usize {
        (self.0.clamp(1, 10) - 1) as usize
    }
}

/// Where a booking stands.
#[derive(Clone, Copy, Debug)]
pub struct BookingState(pub booking::State);

impl Label for BookingState {
    const NAME: &'static str = "state";
    fn values() -> &'static [&'static str] {
        static VALUES: LazyLock<Vec<&'static str>> =
            LazyLock::new(|| booking::State::ALL.iter().map(State::name).collect());
        &VALUES
    }
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// Which address was matched, never what was sent: a label that a client chooses would fill the memory.
#[derive(Clone, Copy, Debug)]
pub struct Route(usize);

static ROUTES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let pages = ["/", "/docs", "/docs/errors", "/docs/reference.js", "/docs/start.js", "/openapi.json"];
    let besides = pages.into_iter().chain([crate::webhooks::PATH, UNMATCHED]);
    // A path with several methods is one address.
    let paths: BTreeSet<&'static str> = crate::http::paths().chain(besides).collect();
    paths.into_iter().collect()
});
static ROUTE_INDEXES: LazyLock<HashMap<&'static str, usize>> =
    LazyLock::new(|| ROUTES.iter().enumerate().map(|(index, path)| (*path, index)).collect());

const UNMATCHED: &str = "unmatched";

impl Route {
    pub fn of(matched: Option<&MatchedPath>) -> Route {
        let known = matched.and_then(|path| ROUTE_INDEXES.get(path.as_str()));
        Route(known.copied().unwrap_or_else(|| ROUTE_INDEXES[UNMATCHED]))
    }
}

impl Label for Route {
    const NAME: &'static str = "route";
    fn values() -> &'static [&'static str] {
        &ROUTES
    }
    fn index(self) -> usize {
        self.0
    }
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug)]
pub struct RefusalCode(usize);

impl RefusalCode {
    pub fn of(code: &str) -> RefusalCode {
        let index = |code: &str| RefusalCode::values().iter().position(|value| *value == code);
        RefusalCode(index(code).or_else(|| index(api::Code::InternalError.name())).unwrap_or(0))
    }
}

impl Label for RefusalCode {
    const NAME: &'static str = "code";
    fn values() -> &'static [&'static str] {
        static VALUES: LazyLock<Vec<&'static str>> =
            LazyLock::new(|| api::Code::documented().map(api::Code::name).collect());
        &VALUES
    }
    fn index(self) -> usize {
        self.0
    }
}

/// The status of an answer.
#[derive(Clone, Copy, Debug)]
pub struct StatusLabel(pub StatusCode);

const STATUSES: [&str; 21] = [
    "200", "201", "202", "204", "400", "401", "402", "403", "404", "405", "408", "409", "413", "414", "415",
    "422", "424", "429", "431", "500", "503",
];
/// With what no code of ours has.
const STATUSES_AND_OTHER: [&str; STATUSES.len() + 1] = {
    let mut all = ["other"; STATUSES.len() + 1];
    let mut at = 0;
    while at < STATUSES.len() {
        all[at] = STATUSES[at];
        at += 1;
    }
    all
};

impl Label for StatusLabel {
    const NAME: &'static str = "status";
    fn values() -> &'static [&'static str] {
        &STATUSES_AND_OTHER
    }
    fn index(self) -> usize {
        STATUSES.iter().position(|status| *status == self.0.as_str()).unwrap_or(STATUSES.len())
    }
}
