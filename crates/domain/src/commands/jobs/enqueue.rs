//! A new job: written in the transaction that wants its work.

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::JobLease;
use crate::ids::{JobId, TenantId};
use crate::jobs::JobKind;
use crate::lifecycle::{CurrentState, job};
use crate::rows::Job;
use crate::time::Timestamp;

#[derive(Clone, Debug)]
pub struct NewJob {
    pub id: JobId,
    pub tenant: TenantId,
    pub kind: &'static JobKind,
    pub subject_kind: &'static str,
    pub subject: uuid::Uuid,
    pub concurrency_key: Option<uuid::Uuid>,
    /// JSON, of the version that the kind reads.
    pub payload: String,
    pub due_at: Timestamp,
    pub deadline_at: Option<Timestamp>,
}

impl NewJob {
    pub fn row(self, now: Timestamp) -> Job {
        Job {
            id: self.id,
            tenant: self.tenant,
            kind: self.kind.name.to_owned(),
            lane: self.kind.lane,
            subject_kind: self.subject_kind.to_owned(),
            subject: self.subject,
            concurrency_key: self.concurrency_key,
            payload: self.payload,
            payload_version: self.kind.payload_version,
            deadline_at: self.deadline_at,
            state: CurrentState::start(),
            token: 0,
            worker: None,
            lease_until: None,
            due_at: self.due_at,
            attempts: 0,
            failures: 0,
            looks: 0,
            last_error: None,
            created_at: now,
            updated_at: now,
        }
    }
}

impl Job {
    /// Inserted as claimed: the server that got the request begins at once, and if that server
    /// dies, the lease lapses.
    pub(in crate::commands) fn born_claimed(mut self, lease: JobLease) -> Job {
        let until = self.created_at.plus(lease.span);
        self.state = const { job::step(job::State::Ready, job::Event::Claim) }.to();
        self.token = 1;
        self.attempts = 1;
        self.worker = Some(lease.worker);
        self.lease_until = Some(until);
        self.due_at = until;
        self
    }
}
