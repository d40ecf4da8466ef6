//! What goes on after the transaction: jobs, messages, events, deliveries; and the audit of it all.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{
    AccountId, AttemptId, AuditId, EventId, InboxId, JobId, LogId, MessageId, PartitionId, ReviewId,
    SubscriptionId, TenantId, WorkerId,
};
use crate::lifecycle::{CurrentState, delivery, inbound_event, job, review};
use crate::limits::PARTITIONS;
use crate::rows::Removable;
use crate::time::Timestamp;
use crate::working_set::Json;

/// What a message, an audit row or a review case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Booking,
    Payment,
    Refund,
    Product,
    Slot,
    Event,
    Tenant,
    ApiKey,
    Job,
    /// One message at one consumer.
    Delivery,
}

impl Subject {
    pub const ALL: [Subject; 10] = [
        Subject::Booking,
        Subject::Payment,
        Subject::Refund,
        Subject::Product,
        Subject::Slot,
        Subject::Event,
        Subject::Tenant,
        Subject::ApiKey,
        Subject::Job,
        Subject::Delivery,
    ];

    pub fn name(&self) -> &'static str {
        match self {
            Subject::Booking => "booking",
            Subject::Payment => "payment",
            Subject::Refund => "refund",
            Subject::Product => "product",
            Subject::Slot => "slot",
            Subject::Event => "event",
            Subject::Tenant => "tenant",
            Subject::ApiKey => "api_key",
            Subject::Job => "job",
            Subject::Delivery => "delivery",
        }
    }
    pub fn from_name(name: &str) -> Option<Subject> {
        Subject::ALL.into_iter().find(|subject| subject.name() == name)
    }
}
crate::named_column!(Subject);

/// Which workers take a job. Each lane has workers of its own, so that neither waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Somebody waits for it with their money.
    Critical,
    Ordinary,
}

impl Lane {
    pub const ALL: [Lane; 2] = [Lane::Critical, Lane::Ordinary];

    pub fn name(&self) -> &'static str {
        match self {
            Lane::Critical => "critical",
            Lane::Ordinary => "ordinary",
        }
    }
    pub fn from_name(name: &str) -> Option<Lane> {
        Lane::ALL.into_iter().find(|lane| lane.name() == name)
    }
}
crate::named_column!(Lane);

crate::row! {
    /// Work that continues after a transaction. A lease says until when the worker may be trusted to
    /// be alive; the token rises with each claim, and a result under an older token is refused.
    ///
    /// Kind and subject are text: a newer version has some that this one does not know.
    Job in "jobs" as lock, side_effects crate::side_effects::of_job {
        key id: JobId,
        fixed tenant: TenantId,
        /// A name in the table [`crate::jobs`].
        fixed kind: String,
        fixed lane: Lane,
        /// What the job is about: a row of this kind, with this id.
        fixed subject_kind: String,
        fixed subject: uuid::Uuid,
        /// Jobs under one key share what bounds how many of them run at once, such as an account at a provider.
        fixed concurrency_key: Option<uuid::Uuid>,
        /// JSON, in the words of the kind.
        fixed payload: String,
        fixed payload_version: i64,
        /// By when it must have ended.
        fixed deadline_at: Option<Timestamp>,
        guard state: CurrentState<job::State>,
        guard token: i64,
        moves worker: Option<WorkerId>,
        moves lease_until: Option<Timestamp>,
        /// When it is due; while it runs, when its lease lapses.
        moves due_at: Timestamp,
        /// Claims since a worker last reported. Counted as the job is claimed, so that a job which kills its
        /// workers is counted.
        moves attempts: i64,
        /// Tries in a row that brought no answer: the pause before the next one grows with them.
        moves failures: i64,
        /// Looks in a row that were answered and settled nothing: a clock of its own.
        moves looks: i64,
        moves last_error: Option<String>,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
    }
}

crate::row! {
    /// A message in the outbox: written in the transaction that it tells of.
    Message in "outbox" as lock, side_effects crate::side_effects::of_message {
        key id: MessageId,
        fixed tenant: TenantId,
        fixed subject_kind: Subject,
        fixed subject: uuid::Uuid,
        /// Per subject, from 1, without gaps.
        fixed seq: i64,
        /// Such as `booking.confirmed`.
        fixed kind: String,
        /// JSON.
        fixed payload: String,
        fixed created_at: Timestamp,
        /// The partition of its subject, so that one relay at a time brings a subject's messages, in order.
        fixed partition: i64,
        /// Its place in the tenant's event log; null until it was published. Given after the commit
        /// of what it tells, under the log's lock, so that a reader never misses or reorders.
        guard position: Option<i64>,
        /// How often it was published.
        moves published: i64,
        /// When it was published last. Of the first time, when that was marked; of the later ones, when the sweep
        /// looked that asked for it, so that whatever a consumer does with it comes later.
        moves published_at: Option<Timestamp>,
        /// Every consumer's receipt is committed. Only then may it be pruned.
        guard received_at: Option<Timestamp>,
    }
}

impl Message {
    /// The top bits of a multiplicative hash: ids that ascend are spread as well as random ones.
    pub fn partition_of(subject: uuid::Uuid) -> i64 {
        const FIBONACCI: u64 = 0x9E37_79B9_7F4A_7C15;
        let (high, low) = subject.as_u64_pair();
        let hash = (high ^ low).wrapping_mul(FIBONACCI);
        (hash >> 32).cast_signed() % PARTITIONS
    }
}

crate::row! {
    /// A part of the outbox. A relay leases it, publishes with no lock held, and marks under the
    /// token: of two that believe they have it, the later one's marks count.
    Partition in "partitions" as lock, side_effects crate::side_effects::of_partition {
        key id: PartitionId,
        fixed number: i64,
        guard token: i64,
        /// Whose it is, or was last.
        moves worker: Option<WorkerId>,
        /// Null once it was handed back.
        moves lease_until: Option<Timestamp>,
        /// A relay that has fewer than its share, and gets this one when it is handed back.
        moves next: Option<WorkerId>,
        moves next_until: Option<Timestamp>,
    }
}

crate::row! {
    /// Who receives a kind of message. Each version writes its own consumers down when it starts, so that one
    /// which does not know a consumer of the next does not take a message for received in its place. A version
    /// that gives a consumer up takes it out in a migration.
    Subscription in "subscriptions" as read {
        key id: SubscriptionId,
        fixed kind: String,
        guard version: i64,
        moves consumers: Json<Vec<String>>,
    }
}

crate::row! {
    /// The end of a tenant's event log.
    Log in "logs" as lock {
        key id: LogId,
        fixed tenant: TenantId,
        guard position: i64,
    }
}

crate::row! {
    /// A message at one consumer. Received, it is the receipt: written with the effect, so the effect
    /// happens once. It stands there before only where something went wrong.
    Delivery in "inbox" as lock, side_effects crate::side_effects::of_delivery {
        key id: InboxId,
        fixed tenant: TenantId,
        fixed consumer: String,
        fixed message: MessageId,
        guard state: CurrentState<delivery::State>,
        /// Counted before the handler starts wherever an earlier one may not have come to its end.
        moves attempts: i64,
        moves last_error: Option<String>,
        /// While it waits: when it may be begun again.
        moves due_at: Option<Timestamp>,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
    }
}

impl Removable for Message {}
impl Removable for Delivery {}
impl Removable for InboundEvent {}
impl Removable for Job {}
impl Removable for Audit {}

crate::row! {
    /// An event that a provider sent, verified, with its raw bytes.
    InboundEvent in "inbound_events" as lock, side_effects crate::side_effects::of_inbound_event {
        key id: EventId,
        fixed tenant: TenantId,
        fixed account: AccountId,
        /// The provider's id of it.
        fixed name: String,
        fixed kind: String,
        fixed body: Vec<u8>,
        guard state: CurrentState<inbound_event::State>,
        moves attempts: i64,
        /// Why it was ignored, or what it met.
        moves outcome: Option<String>,
        fixed received_at: Timestamp,
        moves processed_at: Option<Timestamp>,
    }
}

crate::row! {
    /// How far the events of an account were read at its provider.
    EventFeed in "event_feeds" as lock {
        key id: AccountId,
        fixed tenant: TenantId,
        /// Rises with each claim; a mark under an older one is refused.
        guard token: i64,
        /// Every event that came about before is stored.
        moves read_until: Timestamp,
        moves due_at: Timestamp,
    }
}

crate::row! {
    /// Something that only a person can settle.
    Review in "reviews" as lock {
        key id: ReviewId,
        fixed tenant: TenantId,
        fixed subject_kind: Subject,
        fixed subject: uuid::Uuid,
        /// The attempt that was handed over to a person, where the case is about one.
        fixed attempt: Option<AttemptId>,
        fixed reason: String,
        fixed detail: String,
        guard state: CurrentState<review::State>,
        fixed opened_at: Timestamp,
        moves resolved_at: Option<Timestamp>,
        moves resolution: Option<String>,
    }
}

/// Who moved something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    Client(crate::ids::ClientId),
    Worker,
    Webhook,
    Timer,
    Person,
}

impl Actor {
    pub fn name(&self) -> &'static str {
        match self {
            Actor::Client(_) => "client",
            Actor::Worker => "worker",
            Actor::Webhook => "webhook",
            Actor::Timer => "timer",
            Actor::Person => "person",
        }
    }
    pub fn client(&self) -> Option<crate::ids::ClientId> {
        if let Actor::Client(client) = self { Some(*client) } else { None }
    }
}

crate::row! {
    /// Who moved what, when, and from where to where; in the transaction of the move. Never changed; read by a
    /// command only to be let go.
    Audit in "audit" as lock {
        key id: AuditId,
        fixed tenant: TenantId,
        fixed at: Timestamp,
        fixed actor: String,
        fixed client: Option<crate::ids::ClientId>,
        fixed subject_kind: Subject,
        fixed subject: uuid::Uuid,
        fixed action: String,
        fixed from_state: Option<String>,
        fixed to_state: Option<String>,
        fixed request_id: Option<String>,
        /// Who it was, in their own word, where a person acted through a client.
        fixed person: Option<String>,
        /// In the words of whoever did it, or of what went wrong.
        fixed why: Option<String>,
    }
}

impl Review {
    /// As a person, or what was found, closes it; `None` if it is closed already.
    pub fn resolved(&self, resolution: String, at: Timestamp) -> Option<Review> {
        let step = match *self.state {
            review::State::Open => const { review::step(review::State::Open, review::Event::Resolve) },
            review::State::Resolved => return None,
        };
        Some(Review { state: step.to(), resolved_at: Some(at), resolution: Some(resolution), ..self.clone() })
    }
}
