//! The result of one command: the verdict of its key, or its decision with the stored reply.
//!
//! | the key | the decision | the key's row | the answer |
//! |---|---|---|---|
//! | known | is not made | stays | replay, in flight, expired, mismatch |
//! | new | done now | finished, with the reply | fresh |
//! | new | to be settled by a worker | in flight, with the resource | fresh, nothing rendered |
//! | new | refused for good | finished, with the problem | refused |
//! | new | refused for the moment | none | refused, nothing rendered |
//!
//! Pure: it reads facts and returns changes, so a panic in it changes nothing.

use std::any::Any;

use domain::idempotency::{KeyProgress, KnownKey, known_key};
use domain::rows::{Changes, Facts, Key};
use domain::working_set::{Claim, Command, Context, LateReply, ReplyTiming};
use domain::{KeyId, Reply, Timestamp};
use uuid::Uuid;

use crate::{CommandResult, Render, Rendered};

pub(crate) struct KeyResolution {
    pub answer: CommandResult,
    pub changes: Changes,
    /// Keys that were in flight, with their replies.
    pub answered: Vec<(KeyId, Rendered)>,
}

impl KeyResolution {
    fn without_changes(answer: CommandResult) -> KeyResolution {
        KeyResolution { answer, changes: Changes::default(), answered: Vec::new() }
    }
}

/// An error describes a bug of the command.
pub(crate) fn resolve_key(
    command: &dyn Command,
    facts: &Facts,
    context: &Context<'_>,
    render: &dyn Render,
) -> Result<KeyResolution, String> {
    let claim = command.claim();
    if let Some(claim) = claim
        && let Some(key) = facts.keys.get(claim.key)
    {
        return known(key, claim).map(KeyResolution::without_changes);
    }
    let outcome = match command.decide(facts, context) {
        Ok(outcome) => outcome,
        Err(refusal) => {
            let stored = claim.filter(|_| refusal.is_stored());
            let rendered = stored.map(|claim| render.refusal(&refusal, &claim.request_id));
            let mut changes = Changes::default();
            if let (Some(claim), Some(rendered)) = (stored, &rendered) {
                changes.keys.push(finished(claim, rendered, None, context.now));
            }
            return Ok(KeyResolution {
                changes,
                ..KeyResolution::without_changes(CommandResult::Refused { refusal, rendered })
            });
        }
    };
    let mut changes = outcome.changes;
    let mut answered = Vec::new();
    for (id, answer) in &outcome.answers {
        let key = facts.keys.get(*id).ok_or_else(|| format!("it answers key {id} and did not need it"))?;
        // The first reply stays.
        if key.progress == KeyProgress::InFlight {
            let rendered = match answer {
                LateReply::With(reply) => render.reply(reply),
                LateReply::Refused(refusal) => render.refusal(refusal, &key.request_id),
            };
            changes.keys.push(settled(key.clone(), &rendered, context.now));
            answered.push((*id, rendered));
        }
    }
    let rendered = claim.and_then(|claim| match outcome.settles {
        ReplyTiming::Now => {
            let rendered = render.reply(&outcome.reply);
            changes.keys.push(finished(claim, &rendered, resource(&outcome.reply), context.now));
            Some(rendered)
        }
        ReplyTiming::Later(resource) => {
            changes.keys.push(in_flight(claim, Some(resource), context.now));
            None
        }
    });
    Ok(KeyResolution { answer: CommandResult::Fresh { reply: outcome.reply, rendered }, changes, answered })
}

fn known(key: &Key, claim: &Claim) -> Result<CommandResult, String> {
    let same = fault_injection::is(fault_injection::InjectedFault::FingerprintNotCompared);
    let fingerprint = if same { &key.fingerprint } else { &claim.fingerprint };
    Ok(match known_key(key, fingerprint) {
        KnownKey::InFlight { resource } => CommandResult::InFlight { resource },
        KnownKey::Replay { status, body } => CommandResult::Replay {
            status: u16::try_from(status).map_err(|_| format!("key {} has status {status}", key.id))?,
            body,
            location: key.location.clone(),
        },
        KnownKey::Expired { resource } => CommandResult::Expired { resource },
        KnownKey::Mismatch => CommandResult::Mismatch,
    })
}

fn in_flight(claim: &Claim, resource: Option<Uuid>, now: Timestamp) -> Key {
    Key {
        id: claim.key,
        tenant: claim.tenant,
        client: claim.client,
        text: claim.text.clone(),
        fingerprint: claim.fingerprint,
        progress: KeyProgress::InFlight,
        status: None,
        body: None,
        resource,
        location: None,
        request_id: claim.request_id.clone(),
        created_at: now,
        finished_at: None,
    }
}

fn finished(claim: &Claim, rendered: &Rendered, resource: Option<Uuid>, now: Timestamp) -> Key {
    settled(in_flight(claim, resource, now), rendered, now)
}

fn settled(key: Key, rendered: &Rendered, now: Timestamp) -> Key {
    Key {
        progress: KeyProgress::Finished,
        status: Some(i64::from(rendered.status)),
        body: Some(rendered.body.clone()),
        location: rendered.location.clone(),
        finished_at: Some(now),
        ..key
    }
}

/// The resource that the operation made, for a key whose reply is pruned later.
fn resource(reply: &Reply) -> Option<Uuid> {
    match reply {
        Reply::Product(product) => Some(product.0.id.0),
        Reply::Booking(booking) | Reply::BookingChanged(booking) => Some(booking.booking.id.0),
        Reply::Payment(payment) => Some(payment.id.0),
        Reply::Refund(refund) => Some(refund.id.0),
        _ => None,
    }
}

pub(crate) fn panicked(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", message.unwrap_or("without a message"))
}
