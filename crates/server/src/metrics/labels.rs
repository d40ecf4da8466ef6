//! Labels, each with the closed set of its values: no other value can be recorded, so no metric has
//! more series than its row in the catalogue states.

mod sets;
mod work;

use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, OnceLock};

use axum::extract::MatchedPath;
use domain::lifecycle::{State, booking};
use domain::rows::{AttemptKind, DifferenceKind};
use http::StatusCode;

pub use sets::{Label, LabelSet, Labels};
pub use work::WorkLabel;

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
    Verdict in "verdict" {
        New = "new",
        Replay = "replay",
        InFlight = "in_flight",
        Mismatch = "mismatch",
        Expired = "expired",
        Missing = "missing",
    }

    /// The result of a delivery by a provider.
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

    /// Why a piece of work did not come to its end.
    Reason in "reason" {
        /// The provider was unreachable, or asked to come back later: nothing moved.
        NotSent = "not_sent",
        /// A reply was lost, and money may have moved: it is looked up.
        OutcomeUnknown = "outcome_unknown",
        Refused = "refused",
        NotConfigured = "not_configured",
        LeaseLost = "lease_lost",
        /// The database was unreachable, or too many commands waited for it.
        StoreUnavailable = "store_unavailable",
        /// It cannot be read, or the database refuses its result.
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

    Call in "call" {
        Create = "create",
        Confirm = "confirm",
        Fetch = "fetch",
        Find = "find",
        Capture = "capture",
        Cancel = "cancel",
        Refund = "refund",
        RefundsOf = "refunds_of",
        FetchRefund = "fetch_refund",
        CreateCustomer = "create_customer",
        SavedMethods = "saved_methods",
        SavedMethod = "saved_method",
        DetachMethod = "detach_method",
        SubmitEvidence = "submit_evidence",
        FetchDispute = "fetch_dispute",
        Transfer = "transfer",
        TransfersOf = "transfers_of",
        FetchTransfer = "fetch_transfer",
        ReverseTransfer = "reverse_transfer",
        Events = "events",
        Listed = "listed",
        FetchEvents = "fetch_events",
    }

    Answer in "answer" {
        Object = "object",
        Refused = "refused",
        /// Refused because our own request was faulty.
        Rejected = "rejected",
        NotSent = "not_sent",
        Unknown = "unknown",
    }

    /// What an attempt is while its outcome is not definite.
    Open in "state" {
        Created = "created",
        Sent = "sent",
        Unknown = "unknown",
        Review = "review",
    }

    /// A dispute that the bank has not decided.
    OpenDispute in "state" {
        Inquiry = "inquiry",
        Opened = "opened",
    }
    /// Where a payout stands.
    PayoutState in "state" {
        Scheduled = "scheduled",
        Sent = "sent",
        Unknown = "unknown",
        Review = "review",
        Failed = "failed",
        Paid = "paid",
        Returned = "returned",
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

    /// What Redis knew of a key.
    Lookup in "outcome" {
        /// Redis had the finished reply.
        Hit = "hit",
        /// A request is in progress, so PostgreSQL was not read.
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

/// An account at a provider, by its configured name. The names are set once, before anything is
/// recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLabel(usize);

static ACCOUNTS: OnceLock<Vec<&'static str>> = OnceLock::new();
/// The label of an account that is not configured. A process that serves has none.
const UNCONFIGURED: &str = "unconfigured";

impl AccountLabel {
    /// Sets the names of the accounts of this process. Only the first call has an effect.
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

/// A payment provider, by its adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderLabel(usize);

static PROVIDERS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| providers::adapter::ADAPTERS.iter().map(|adapter| adapter.name).collect());

impl ProviderLabel {
    /// There is an adapter of this name.
    pub fn of(name: &str) -> Option<ProviderLabel> {
        PROVIDERS.iter().position(|known| *known == name).map(ProviderLabel)
    }
}

impl Label for ProviderLabel {
    const NAME: &'static str = "provider";
    fn values() -> &'static [&'static str] {
        &PROVIDERS
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

/// How long an outcome was unknown.
#[derive(Clone, Copy, Debug)]
pub struct ResolvedWithin(usize);

impl Label for ResolvedWithin {
    const NAME: &'static str = "within";
    fn values() -> &'static [&'static str] {
        static VALUES: LazyLock<Vec<&'static str>> =
            LazyLock::new(|| domain::side_effects::RESOLVED_WITHIN.iter().map(|(_, name)| *name).collect());
        &VALUES
    }
    fn index(self) -> usize {
        self.0
    }
}

/// How the provider's books and ours differ.
#[derive(Clone, Copy, Debug)]
pub struct DifferenceLabel(usize);

impl Label for DifferenceLabel {
    const NAME: &'static str = "kind";
    fn values() -> &'static [&'static str] {
        static VALUES: LazyLock<Vec<&'static str>> =
            LazyLock::new(|| DifferenceKind::ALL.iter().map(DifferenceKind::name).collect());
        &VALUES
    }
    fn index(self) -> usize {
        self.0
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

/// The number of the claim under which a call is made; the last value stands for all later claims.
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

/// The route that matched, never the address that was sent: a label that a client chooses would
/// fill the memory.
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
