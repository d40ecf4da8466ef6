//! An outcome in the making: rows, and with each move its audit row and its message.

use alloc::borrow::ToOwned;
use alloc::string::String;
use serde_json::Value as JsonValue;
use uuid::Uuid;

use crate::ids::{AttemptId, AuditId, KeyId, MessageId, ReviewId, TenantId};
use crate::lifecycle::{CurrentState, State, Step};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Audit, Changes, Message, Put, Removable, Review, Subject};
use crate::working_set::{Claim, Context, Decision, LateReply};

/// Who moves something, in which request, and why.
#[derive(Clone, Debug)]
pub struct Origin {
    pub actor: Actor,
    pub request_id: Option<String>,
    /// A person who acts through a client, in their own words.
    pub person: Option<String>,
    pub why: Option<String>,
}

impl Origin {
    pub fn of(actor: Actor) -> Origin {
        Origin { actor, request_id: None, person: None, why: None }
    }

    /// Whoever asks, in the request of the key if there is one.
    pub fn of_request(by: Actor, claim: Option<&Claim>) -> Origin {
        Origin { request_id: claim.map(|claim| claim.request_id.clone()), ..Origin::of(by) }
    }

    /// The client that came with an idempotency key.
    pub fn claimed(claim: &Claim) -> Origin {
        Origin { request_id: Some(claim.request_id.clone()), ..Origin::of(Actor::Client(claim.client)) }
    }
}

/// What something is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub tenant: TenantId,
    pub kind: Subject,
    pub id: Uuid,
}

pub(super) struct Draft<'a> {
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

    pub fn put<R>(&mut self, row: R)
    where
        Changes: Put<R>,
    {
        self.outcome.put(row);
    }

    pub fn remove<R: Removable>(&mut self, id: R::Id) {
        self.outcome.changes.remove::<R>(id);
    }

    /// Records a move of a lifecycle, or, without states, that something was done.
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

    /// Takes the step, with its audit row; returns where it leads.
    pub fn step<S: State>(&mut self, about: About, step: Step<S>) -> CurrentState<S> {
        let (from, to) = (step.from(), step.to());
        self.audit(about, S::event_name(step.on()), Some(from.name()), Some(to.name()));
        to
    }

    /// Appends a message to the outbox. `seq` is the subject's counter, which the caller raises.
    pub fn tell(&mut self, about: About, seq: &mut i64, kind: &str, payload: &JsonValue) {
        *seq += 1;
        let message = Message {
            id: MessageId(self.context.ids.next()),
            tenant: about.tenant,
            subject_kind: about.kind,
            subject: about.id,
            seq: *seq,
            kind: kind.to_owned(),
            payload: serde_json::to_string(payload).expect("a message holds only what JSON can say"),
            created_at: self.context.now,
            partition: Message::partition_of(about.id),
            position: None,
            published: 0,
            published_at: None,
            received_at: None,
        };
        self.put(message);
    }

    /// Opens a review case: something that only a person can settle.
    pub fn review(&mut self, about: About, reason: &str, detail: String) {
        let case = self.case(self.id(), about, reason, detail);
        self.open_review(case);
    }

    /// Hands an attempt over to a person. There is one such case for an attempt, and what is found of the
    /// attempt later closes it.
    pub fn review_attempt(&mut self, attempt: AttemptId, about: About, reason: &str, detail: String) {
        let case = self.case(ReviewId::of_attempt(attempt), about, reason, detail);
        self.open_review(Review { attempt: Some(attempt), ..case });
    }

    /// A case that is still to be opened.
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
        }
    }

    pub fn open_review(&mut self, case: Review) {
        let about = About { tenant: case.tenant, kind: case.subject_kind, id: case.subject };
        self.audit(about, "review_opened", None, Some("open"));
        self.put(case);
    }

    /// Closes a case. One that is closed stays as it is.
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
