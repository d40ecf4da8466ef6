//! A decision under construction: its rows, and for each move the audit row and the message.

use alloc::borrow::ToOwned;
use alloc::string::String;
use serde_json::Value as JsonValue;
use uuid::Uuid;

use crate::ids::{AttemptId, AuditId, KeyId, MessageId, ReviewId, TenantId};
use crate::lifecycle::{CurrentState, State, Step};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::resources::{ResourceCalendar, ResourceRows};
use crate::rows::{Actor, Audit, Changes, Message, Put, Removable, Review, Subject};
use crate::working_set::{Claim, Context, Decision, LateReply};

/// Who moves something, in which request, and why.
#[derive(Clone, Debug)]
pub struct Origin {
    pub actor: Actor,
    pub request_id: Option<String>,
    /// The name of a person who acts through a client, as the request has it.
    pub person: Option<String>,
    pub why: Option<String>,
}

impl Origin {
    pub fn of(actor: Actor) -> Origin {
        Origin { actor, request_id: None, person: None, why: None }
    }

    /// The actor, and the request of the claim if there is one.
    pub fn of_request(by: Actor, claim: Option<&Claim>) -> Origin {
        Origin { request_id: claim.map(|claim| claim.request_id.clone()), ..Origin::of(by) }
    }

    /// The client that came with an idempotency key.
    pub fn claimed(claim: &Claim) -> Origin {
        Origin { request_id: Some(claim.request_id.clone()), ..Origin::of(Actor::Client(claim.client)) }
    }
}

/// The subject of a message, an audit row or a review case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub tenant: TenantId,
    pub kind: Subject,
    pub id: Uuid,
}

pub(crate) struct Draft<'a> {
    pub context: &'a Context<'a>,
    origin: &'a Origin,
    outcome: Decision,
}

impl<'a> Draft<'a> {
    pub fn new(context: &'a Context<'a>, origin: &'a Origin) -> Draft<'a> {
        Draft { context, origin, outcome: Decision::default() }
    }

    pub fn id<T: From<Uuid>>(&self) -> T {
        T::from(self.context.ids.next())
    }

    /// The id of what the operation under this key makes. A request that is repeated after the database has
    /// lost it makes the same row, and the provider knows its call.
    pub fn id_under<T: From<Uuid>>(&self, key: KeyId) -> T {
        use fault_injection::InjectedFault;
        // Without keys that are unique, ids that come from keys would still meet.
        let faults = [InjectedFault::IdsForgetKeys, InjectedFault::UniqueIndexDropped];
        if faults.into_iter().any(fault_injection::is) {
            return self.id();
        }
        T::from(key.operation())
    }

    pub fn put<R>(&mut self, row: R)
    where
        Changes: Put<R>,
    {
        self.outcome.put(row);
    }

    /// Puts what a change of seats has changed of resources.
    pub fn allocate<R: ResourceRows>(&mut self, calendar: ResourceCalendar<'_, R>) {
        let (days, resources) = calendar.changes();
        for day in days {
            self.put(day);
        }
        for resource in resources {
            self.put(resource);
        }
    }

    pub fn remove<R: Removable>(&mut self, id: R::Id) {
        self.outcome.changes.remove::<R>(id);
    }

    /// Records a move of a lifecycle, or, without states, another action.
    pub fn audit(&mut self, about: About, action: &str, from: Option<&str>, to: Option<&str>) {
        self.audit_because(about, action, from, to, self.origin.why.clone());
    }

    pub fn audit_because(
        &mut self,
        about: About,
        action: &str,
        from: Option<&str>,
        to: Option<&str>,
        why: Option<String>,
    ) {
        let row = Audit {
            id: AuditId(self.context.ids.next()),
            tenant: about.tenant,
            at: self.context.now,
            actor: self.origin.actor.name().to_owned(),
            client: self.origin.actor.client(),
            subject_kind: about.kind,
            subject: about.id,
            action: action.to_owned(),
            from_state: from.map(ToOwned::to_owned),
            to_state: to.map(ToOwned::to_owned),
            request_id: self.origin.request_id.clone(),
            person: self.origin.person.clone(),
            why,
        };
        self.put(row);
    }

    /// Writes the audit row of the step, and returns the new state.
    pub fn step<S: State>(&mut self, about: About, step: Step<S>) -> CurrentState<S> {
        let (from, to) = (step.from(), step.to());
        self.audit(about, S::event_name(step.on()), Some(from.name()), Some(to.name()));
        to
    }

    /// Appends a message to the outbox. `seq` is the subject's counter, which the caller raises.
    pub fn append_message(&mut self, about: About, seq: &mut i64, kind: &str, payload: &JsonValue) {
        *seq += 1;
        let message = Message {
            id: MessageId(self.context.ids.next()),
            tenant: about.tenant,
            subject_kind: about.kind,
            subject: about.id,
            seq: *seq,
            kind: kind.to_owned(),
            payload: serde_json::to_string(payload).expect("the payload is a JSON value already"),
            created_at: self.context.now,
            partition: Message::partition_of(about.id),
            position: None,
            published: 0,
            published_at: None,
            received_at: None,
        };
        self.put(message);
    }

    /// Opens a review case.
    pub fn review(&mut self, about: About, reason: &str, detail: String) {
        let case = self.case(self.id(), about, reason, detail);
        self.open_review(case);
    }

    /// Opens the review case of an attempt. An attempt has one such case, and an outcome that is found later
    /// closes it.
    pub fn review_attempt(&mut self, attempt: AttemptId, about: About, reason: &str, detail: String) {
        let case = self.case(ReviewId::of_attempt(attempt), about, reason, detail);
        self.open_review(Review { attempt: Some(attempt), ..case });
    }

    /// A case that is not opened yet.
    pub fn case(&self, id: ReviewId, about: About, reason: &str, detail: String) -> Review {
        Review {
            id,
            tenant: about.tenant,
            subject_kind: about.kind,
            subject: about.id,
            attempt: None,
            reason: reason.to_owned(),
            detail,
            state: CurrentState::start(),
            opened_at: self.context.now,
            resolved_at: None,
            resolution: None,
            assignee: None,
        }
    }

    pub fn open_review(&mut self, case: Review) {
        let about = About { tenant: case.tenant, kind: case.subject_kind, id: case.subject };
        self.audit(about, "review_opened", None, Some("open"));
        self.put(case);
    }

    /// Closes a case. A closed case stays as it is.
    pub fn resolve_review(&mut self, review: &Review, resolution: String) {
        if let Some(resolved) = review.resolved(resolution, self.context.now) {
            let about = About { tenant: review.tenant, kind: review.subject_kind, id: review.subject };
            self.audit(about, "review_resolved", Some("open"), Some("resolved"));
            self.put(resolved);
        }
    }

    pub fn answer(&mut self, key: Option<KeyId>, answer: Result<Reply, Refusal>) {
        let answer = match answer {
            Ok(reply) => LateReply::With(reply),
            Err(refusal) => LateReply::Refused(refusal),
        };
        self.outcome.answer(key, answer);
    }

    pub fn done(self) -> Decision {
        self.outcome
    }

    pub fn reply(self, reply: Reply) -> Decision {
        self.outcome.reply(reply)
    }
}
