//! Work after the transaction: jobs, messages, events, deliveries; and the audit.

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
    Dispute,
    Payout,
    /// The release of a booking's funds.
    Release,
    Beneficiary,
    Product,
    Slot,
    Resource,
    Schedule,
    Event,
    Tenant,
    ApiKey,
    Job,
    /// One message at one consumer.
    Delivery,
    Reconciliation,
    Difference,
    /// A customer of the tenant, by the hash of the reference.
    Customer,
}

impl Subject {
    pub const ALL: [Subject; 19] = [
        Subject::Booking,
        Subject::Payment,
        Subject::Refund,
        Subject::Dispute,
        Subject::Payout,
        Subject::Release,
        Subject::Beneficiary,
        Subject::Product,
        Subject::Slot,
        Subject::Resource,
        Subject::Schedule,
        Subject::Event,
        Subject::Tenant,
        Subject::ApiKey,
        Subject::Job,
        Subject::Delivery,
        Subject::Reconciliation,
        Subject::Difference,
        Subject::Customer,
    ];

    pub fn name(&self) -> &'static str {
        match self {
            Subject::Booking => "booking",
            Subject::Payment => "payment",
            Subject::Refund => "refund",
            Subject::Dispute => "dispute",
            Subject::Payout => "payout",
            Subject::Release => "release",
            Subject::Beneficiary => "beneficiary",
            Subject::Product => "product",
            Subject::Slot => "slot",
            Subject::Resource => "resource",
            Subject::Schedule => "schedule",
            Subject::Event => "event",
            Subject::Tenant => "tenant",
            Subject::ApiKey => "api_key",
            Subject::Job => "job",
            Subject::Delivery => "delivery",
            Subject::Reconciliation => "reconciliation",
            Subject::Difference => "difference",
            Subject::Customer => "customer",
        }
    }
    pub fn from_name(name: &str) -> Option<Subject> {
        Subject::ALL.into_iter().find(|subject| subject.name() == name)
    }
}
crate::named_column!(Subject);

/// The workers that take a job. Each lane has workers of its own, so that neither waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// A customer waits for it with their money.
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
    /// Work that continues after a transaction. Until the end of its lease the worker counts as
    /// alive. The token rises with each claim, and a result under an older token is refused.
    ///
    /// Kind and subject are text, because a newer version has some that this one does not know.
    Job in "jobs" as lock, side_effects crate::side_effects::of_job {
        key id: JobId,
        fixed tenant: TenantId,
        /// A name in the table [`crate::jobs`].
        fixed kind: String,
        fixed lane: Lane,
        /// The row that the job is about has this kind, and the id below.
        fixed subject_kind: String,
        fixed subject: uuid::Uuid,
        /// Jobs with one key share a limit of how many run at once, such as that of an account at a provider.
        fixed concurrency_key: Option<uuid::Uuid>,
        /// JSON that the kind defines.
        fixed payload: String,
        fixed payload_version: i64,
        /// When it must have ended.
        fixed deadline_at: Option<Timestamp>,
        guard state: CurrentState<job::State>,
        guard token: i64,
        moves worker: Option<WorkerId>,
        moves lease_until: Option<Timestamp>,
        /// When the job is due. While it runs, when its lease lapses.
        moves due_at: Timestamp,
        /// Claims since the last report of a worker. They are counted at the claim, so that a job
        /// that kills its workers runs out of them.
        moves attempts: i64,
        /// Runs in a row without a reply. The pause before the next run grows with them.
        moves failures: i64,
        /// Rechecks in a row that got a reply and settled nothing. The pause before the next one
        /// grows with them.
        moves looks: i64,
        moves last_error: Option<String>,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
    }
}

crate::row! {
    /// A message in the outbox, written in the transaction that it reports.
    Message in "outbox" as lock, side_effects crate::side_effects::of_message {
        key id: MessageId,
        fixed tenant: TenantId,
        fixed subject_kind: Subject,
        fixed subject: uuid::Uuid,
        /// Counts from 1 for each subject, without gaps.
        fixed seq: i64,
        /// The kind of message, such as `booking.confirmed`.
        fixed kind: String,
        /// JSON.
        fixed payload: String,
        fixed created_at: Timestamp,
        /// The partition of the subject. One relay at a time publishes a subject's messages, in order.
        fixed partition: i64,
        /// The position in the tenant's event log. It is null until the message was published. It is assigned
        /// after the commit, under the log's lock, so that a reader never misses or reorders messages.
        guard position: Option<i64>,
        /// How often it was published.
        moves published: i64,
        /// When it was last published. The first time is that of the mark. A later time is when the
        /// sweep found the message, so that the consumer's reaction to it is later.
        moves published_at: Option<Timestamp>,
        /// When every consumer's receipt was committed. After that the message may be pruned.
        guard received_at: Option<Timestamp>,
    }
}

impl Message {
    /// The top bits of a multiplicative hash, so that ascending ids are spread as well as random ones.
    pub fn partition_of(subject: uuid::Uuid) -> i64 {
        const FIBONACCI: u64 = 0x9E37_79B9_7F4A_7C15;
        let (high, low) = subject.as_u64_pair();
        let hash = (high ^ low).wrapping_mul(FIBONACCI);
        (hash >> 32).cast_signed() % PARTITIONS
    }
}

crate::row! {
    /// A partition of the outbox. A relay leases it, publishes without a lock, and marks under the
    /// token. If two relays believe that they hold it, only the marks of the later one count.
    Partition in "partitions" as lock, side_effects crate::side_effects::of_partition {
        key id: PartitionId,
        fixed number: i64,
        guard token: i64,
        /// The relay that holds it, or held it last.
        moves worker: Option<WorkerId>,
        /// Null after the release.
        moves lease_until: Option<Timestamp>,
        /// A relay with fewer partitions than its share. It gets this one after the release.
        moves next: Option<WorkerId>,
        moves next_until: Option<Timestamp>,
    }
}

crate::row! {
    /// The consumers of a kind of message. Each version stores its own consumers when it starts, so
    /// that a version that does not know a consumer of the next one does not mark a message as
    /// received too early. A version that removes a consumer deletes it in a migration.
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
    /// One message at one consumer. In the state `received` it is the receipt, which is written
    /// with the effect, so that the effect happens once. Before that it exists only after a
    /// failure.
    Delivery in "inbox" as lock, side_effects crate::side_effects::of_delivery {
        key id: InboxId,
        fixed tenant: TenantId,
        fixed consumer: String,
        fixed message: MessageId,
        guard state: CurrentState<delivery::State>,
        /// Counted before the handler starts if an earlier handler may not have ended.
        moves attempts: i64,
        moves last_error: Option<String>,
        /// When the next attempt is due.
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
        /// The provider's id of the event.
        fixed name: String,
        fixed kind: String,
        fixed body: Vec<u8>,
        guard state: CurrentState<inbound_event::State>,
        moves attempts: i64,
        /// Why the event was ignored, or what it contradicted.
        moves outcome: Option<String>,
        fixed received_at: Timestamp,
        moves processed_at: Option<Timestamp>,
    }
}

crate::row! {
    /// The mark up to which the events of an account were read at its provider.
    EventFeed in "event_feeds" as lock {
        key id: AccountId,
        fixed tenant: TenantId,
        /// Rises with each claim. A mark under an older token is refused.
        guard token: i64,
        /// Every earlier event is stored.
        moves read_until: Timestamp,
        moves due_at: Timestamp,
    }
}

crate::row! {
    /// A case that only a person can decide.
    Review in "reviews" as lock {
        key id: ReviewId,
        fixed tenant: TenantId,
        fixed subject_kind: Subject,
        fixed subject: uuid::Uuid,
        /// The attempt of the case, if it is about one.
        fixed attempt: Option<AttemptId>,
        fixed reason: String,
        fixed detail: String,
        guard state: CurrentState<review::State>,
        fixed opened_at: Timestamp,
        moves resolved_at: Option<Timestamp>,
        moves resolution: Option<String>,
        /// Who takes care of it.
        moves assignee: Option<String>,
    }
}

/// Who moved a row.
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
    /// Who moved which row, when, and between which states. It is written in the transaction of the
    /// move and never changed. A command reads it only to delete it.
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
        /// The name that a person who acts through a client gave.
        fixed person: Option<String>,
        /// The reason that the person gave, or the error.
        fixed why: Option<String>,
    }
}

impl Review {
    /// The case after it is closed. `None` if it is closed already.
    pub fn resolved(&self, resolution: String, at: Timestamp) -> Option<Review> {
        let step = match *self.state {
            review::State::Open => const { review::step(review::State::Open, review::Event::Resolve) },
            review::State::Resolved => return None,
        };
        Some(Review { state: step.to(), resolved_at: Some(at), resolution: Some(resolution), ..self.clone() })
    }
}
