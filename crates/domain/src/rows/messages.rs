//! What goes on after the transaction: jobs, messages, events, receipts; and the audit of it all.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{
    AccountId, AuditId, EventId, InboxId, JobId, LogId, MessageId, ReviewId, TenantId, WorkerId,
};
use crate::lifecycle::{Stage, inbound_event, job, review};
use crate::time::Timestamp;

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
}

impl Subject {
    pub const ALL: [Subject; 8] = [
        Subject::Booking,
        Subject::Payment,
        Subject::Refund,
        Subject::Product,
        Subject::Slot,
        Subject::Event,
        Subject::Tenant,
        Subject::ApiKey,
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
        }
    }
    pub fn from_name(name: &str) -> Option<Subject> {
        Subject::ALL.into_iter().find(|subject| subject.name() == name)
    }
}
crate::named_column!(Subject);

/// What a job does. Every job today drives one attempt at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    Drive,
}

impl JobKind {
    pub fn name(&self) -> &'static str {
        match self {
            JobKind::Drive => "drive",
        }
    }
    pub fn from_name(name: &str) -> Option<JobKind> {
        (name == "drive").then_some(JobKind::Drive)
    }
}
crate::named_column!(JobKind);

crate::row! {
    /// Work under way. A lease says until when the worker may be trusted to be alive; the token
    /// rises with each claim, and a result that comes under an older token is refused.
    Job in "jobs" as lock {
        key id: JobId,
        fixed tenant: TenantId,
        fixed kind: JobKind,
        guard state: Stage<job::State>,
        guard token: i64,
        moves worker: Option<WorkerId>,
        moves lease_until: Option<Timestamp>,
        /// When it is due; while it runs, when its lease lapses.
        moves due_at: Timestamp,
        /// Counted as the job is claimed, so that a job which kills its worker is counted.
        moves attempts: i64,
        moves last_error: Option<String>,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
    }
}

crate::row! {
    /// A message in the outbox: written in the transaction that it tells of.
    Message in "outbox" as lock {
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
        /// Its place in the tenant's event log; null until it was relayed. Given after the commit
        /// of what it tells, under the log's lock, so that a reader never misses or reorders.
        guard position: Option<i64>,
        moves relayed_at: Option<Timestamp>,
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
    /// A message's receipt at one consumer: written with the effect, so the effect happens once.
    Receipt in "inbox" as lock {
        key id: InboxId,
        fixed tenant: TenantId,
        fixed consumer: String,
        fixed message: MessageId,
        fixed received_at: Timestamp,
    }
}

crate::row! {
    /// An event that a provider sent, verified, with its raw bytes.
    InboundEvent in "inbound_events" as lock {
        key id: EventId,
        fixed tenant: TenantId,
        fixed account: AccountId,
        /// The provider's id of it.
        fixed name: String,
        fixed kind: String,
        fixed body: Vec<u8>,
        guard state: Stage<inbound_event::State>,
        moves attempts: i64,
        /// Why it was ignored, or what it met.
        moves outcome: Option<String>,
        fixed received_at: Timestamp,
        moves processed_at: Option<Timestamp>,
    }
}

crate::row! {
    /// Something that only a person can settle.
    Review in "reviews" as lock {
        key id: ReviewId,
        fixed tenant: TenantId,
        fixed subject_kind: Subject,
        fixed subject: uuid::Uuid,
        fixed reason: String,
        fixed detail: String,
        guard state: Stage<review::State>,
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
    /// Who moved what, when, and from where to where; in the transaction of the move.
    Audit in "audit" as append {
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
    }
}
