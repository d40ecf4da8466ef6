//! One call of the provider's API, from its arrival to its reply.
//!
//! | phase      | under the lock | what can happen                                                    |
//! |------------|----------------|--------------------------------------------------------------------|
//! | arrival    | yes            | faults are drawn; dropped; 503; 401; unknown version; a stored reply is repeated; 409 |
//! | delay      | no             | the key stays in flight; a client that disconnects changes nothing  |
//! | check      | yes            | unknown or invalid parameters are refused; the refusal is not stored |
//! | execution  | yes            | decided, written as one line, applied; the key is no longer in flight |
//! | delay      | no             |                                                                    |
//! | reply      | no             | sent, lost with its connection, or replaced by a 500                |

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, header};
use http_body_util::Full;

use crate::{
    call_draft::CallDraft,
    event::JournaledEvent,
    faults::{CallEnding, CallFaults, TurnedAway},
    ids::IdGenerator,
    line::{JournalRecord, ReceivedCall, StoredReply},
    mercado_pago, pix,
    record::{call, describe, record, record_with, refuse, should_retry, unwritten},
    refusal::StripeRefusal,
    reply::{CallReply, ConnectionResult, Dropped},
    snapshot::Snapshot,
    state::{SandboxState, SharedState},
    stripe::{
        self,
        version::{self, Version},
    },
    wire::{CallInput, CallRefusal, CheckedWireCall, ProviderWire, WireAnswer},
};

/// Stripe's limit.
pub const KEY_BYTES_MAX: usize = 255;

/// A call as it arrived.
pub struct ArrivedCall {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    pub wire: ProviderWire,
    pub method: &'static str,
    pub path: String,
    pub query: String,
    pub key: Option<String>,
    pub secret_key: Option<String>,
    /// `Stripe-Account`: the account on whose behalf the call is made.
    pub connected: Option<String>,
    /// `Stripe-Version`, as it was sent.
    pub version: Option<String>,
    /// The address at which this sandbox was reached.
    pub base: String,
    pub body: Bytes,
}

impl ArrivedCall {
    /// The version of the reply, whatever the call asked for.
    pub fn version(&self) -> Version {
        Version::read(self.version.as_deref()).unwrap_or(version::DEFAULT)
    }

    pub fn is_keyed(&self) -> bool {
        // Mercado Pago documents no key for preferences.
        let has_none = self.path.starts_with(mercado_pago::PREFERENCES);
        self.key.is_some() && self.wire.is_keyed(self.method) && !has_none
    }
}

/// A call that will be executed.
struct Pending {
    arrival: ArrivedCall,
    account: Arc<str>,
    input: CallInput,
    fingerprint: String,
    plan: CallFaults,
    /// The key is marked as in flight until the decision.
    claimed: bool,
}

enum Begun {
    Over(ConnectionResult),
    Pending(Box<Pending>),
}

pub async fn answer(shared: &Arc<SharedState>, arrival: ArrivedCall) -> ConnectionResult {
    let begun = begin(&mut shared.state(), arrival);
    let pending = match begun {
        Begun::Over(outcome) => return outcome,
        Begun::Pending(pending) => pending,
    };
    let (before, after) = (pending.plan.delay_before_ms, pending.plan.delay_after_ms);
    if before + after == 0 {
        return execute(shared, *pending);
    }
    // A task of its own: the provider continues when its client disconnects.
    let shared = shared.clone();
    let delayed = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(before)).await;
        let outcome = execute(&shared, *pending);
        tokio::time::sleep(Duration::from_millis(after)).await;
        outcome
    });
    delayed.await.unwrap_or(Err(Dropped))
}

fn begin(state: &mut SandboxState, arrival: ArrivedCall) -> Begun {
    let mut plan = state.faults.plan(&mut state.random);
    if state.faults.kept_by_stripe_only && arrival.wire != ProviderWire::Stripe {
        plan = plan.that_keep_nothing();
    }
    let account = account(state, &arrival);
    let known = account.as_ref().ok().cloned();
    if plan.drop_before {
        // A call that gets no reply needs none when its record fails.
        let _ = record(state, &arrival, known, "dropped_before".into());
        return Begun::Over(Err(Dropped));
    }
    let held_key = plan.key_fault.filter(|_| arrival.wire == ProviderWire::MercadoPago && arrival.is_keyed());
    if let Some(why) = plan.turned_away.or(held_key) {
        return Begun::Over(Ok(reject(state, &arrival, known, why)));
    }
    let account = match account {
        Ok(account) => account,
        Err(refusal) => {
            // A bank's token has ended: its caller is not at fault.
            let ended = (arrival.wire == ProviderWire::Pix).then(|| "token ended".into());
            return Begun::Over(Ok(refuse(state, &arrival, None, refusal, ended)));
        }
    };
    let input = match arrival.wire.read_input(&arrival) {
        Ok(input) => input,
        Err(refusal) => return Begun::Over(Ok(refuse(state, &arrival, known, refusal, None))),
    };
    let keyed = arrival.is_keyed() && !state.faults.forget_keys;
    let fingerprint = if keyed { input.fingerprint(&arrival) } else { String::new() };
    if keyed && let Some(outcome) = stored_reply(state, &arrival, &account, &fingerprint) {
        return Begun::Over(outcome);
    }
    let claim = arrival.key.clone().filter(|_| keyed).map(|key| (account.clone(), key));
    let claimed = claim.is_some_and(|claim| state.in_flight.insert(claim));
    Begun::Pending(Box::new(Pending { arrival, account, input, fingerprint, plan, claimed }))
}

/// Rejects the call before it has an effect, whoever makes it.
fn reject(
    state: &mut SandboxState,
    arrival: &ArrivedCall,
    account: Option<Arc<str>>,
    why: TurnedAway,
) -> Response<Full<Bytes>> {
    let (refusal, outcome) = match why {
        TurnedAway::Unavailable => (CallRefusal::Unavailable, "503 unavailable"),
        TurnedAway::RateLimited => (CallRefusal::RateLimited, "429 rate_limit"),
        TurnedAway::KeyLocked => (CallRefusal::KeyLocked, "423 locked"),
        TurnedAway::FailedDependency => (CallRefusal::FailedDependency, "424 failed_dependency"),
    };
    let after_s = state.faults.retry_after_s;
    let mut response = refuse(state, arrival, account, arrival.wire.refusal(&refusal), Some(outcome.into()));
    if after_s > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, after_s.into());
    }
    response
}

fn account(state: &SandboxState, arrival: &ArrivedCall) -> Result<Arc<str>, WireAnswer> {
    let refused = |why: CallRefusal| arrival.wire.refusal(&why);
    let secret_key = arrival.secret_key.as_ref().ok_or_else(|| refused(CallRefusal::NoCredential))?;
    if arrival.wire == ProviderWire::Pix {
        let account = pix::token::account(&state.books, secret_key, &state.faults, arrival.at);
        return account.cloned().ok_or_else(|| refused(CallRefusal::UnknownCredential(secret_key)));
    }
    let is_here = |id: &&Arc<str>| state.books.accounts[*id].account.wire == arrival.wire;
    let own = state.books.account_of(secret_key).filter(is_here);
    let own = own.ok_or_else(|| refused(CallRefusal::UnknownCredential(secret_key)))?;
    let Some(connected) = &arrival.connected else { return Ok(own.clone()) };
    let found = state.books.accounts.get_key_value(&**connected).map(|(id, _)| id).filter(is_here);
    found.cloned().ok_or_else(|| {
        let message = format!(
            "The provided key does not have access to account '{connected}' (or that account does not exist)."
        );
        StripeRefusal::invalid(message).with_code("account_invalid").with_status(403).into()
    })
}

/// The reply to a call whose key was seen before.
fn stored_reply(
    state: &mut SandboxState,
    arrival: &ArrivedCall,
    account: &Arc<str>,
    fingerprint: &str,
) -> Option<ConnectionResult> {
    let key = arrival.key.as_ref()?;
    let owner = Some(account.clone());
    if key.len() > KEY_BYTES_MAX {
        let refusal = arrival.wire.refusal(&CallRefusal::KeyTooLong);
        return Some(Ok(refuse(state, arrival, owner, refusal, None)));
    }
    if state.in_flight.contains(&(account.clone(), key.clone())) {
        let refusal = arrival.wire.refusal(&CallRefusal::KeyInUse(key));
        let outcome = format!("{} in flight", refusal.status()).into();
        return Some(Ok(refuse(state, arrival, owner, refusal, Some(outcome))));
    }
    let kept = state.books.accounts.get(account)?.keys.get(key)?;
    if !state.faults.key_is_remembered(kept.at, arrival.at) {
        return None;
    }
    if kept.fingerprint != fingerprint {
        let refusal = arrival.wire.refusal(&CallRefusal::KeyReused(key));
        let outcome = format!("{} other parameters", refusal.status()).into();
        return Some(Ok(refuse(state, arrival, owner, refusal, Some(outcome))));
    }
    let read = state.journal.reader().line(kept.place);
    let first = read.ok().and_then(|line| Some((line.kept?.answer, line.snapshots, line.call?.request)));
    let Some((answer, snapshots, original)) = first else {
        let refusal = arrival.wire.refusal(&CallRefusal::Failure("The journal cannot be read."));
        return Some(Ok(refuse(state, arrival, owner, refusal, None)));
    };
    let status = answer.repeated_status();
    let object = answer.object(&snapshots).map(str::to_owned);
    let outcome = format!("{status} replayed").into();
    Some(match record_with(state, arrival, owner, object, outcome) {
        Err(error) => Ok(unwritten(&error, arrival)),
        Ok(request) => Ok(CallReply {
            wire: arrival.wire,
            status,
            body: answer.render(&snapshots, &original),
            request,
            version: arrival.version(),
            key: Some(key.clone()),
            original: Some(original),
            should_retry: should_retry(status),
        }
        .response()),
    })
}

fn execute(shared: &SharedState, pending: Pending) -> ConnectionResult {
    let mut guard = shared.state();
    let state = &mut *guard;
    if pending.claimed
        && let Some(key) = &pending.arrival.key
    {
        // The key is no longer in flight, whatever the outcome: a stored reply is in the books
        // before the lock is released.
        state.in_flight.remove(&(pending.account.clone(), key.clone()));
    }
    let outcome =
        if pending.arrival.method == "GET" { Ok(read(state, pending)) } else { write(state, pending) };
    let owed = !state.outgoing.is_empty();
    let settling = !state.books.settlements.is_empty();
    drop(guard);
    if owed {
        shared.stirred.notify_one();
    }
    if settling {
        shared.settling.notify_one();
    }
    outcome
}

fn read(state: &mut SandboxState, pending: Pending) -> Response<Full<Bytes>> {
    let Pending { arrival, account, input, .. } = pending;
    match read_body(state, &arrival, &account, input) {
        Err(refusal) => refuse(state, &arrival, Some(account), refusal, None),
        Ok(body) => match record(state, &arrival, Some(account), "200".into()) {
            Err(error) => unwritten(&error, &arrival),
            Ok(request) => {
                let (wire, version) = (arrival.wire, arrival.version());
                let reply = CallReply {
                    wire,
                    status: 200,
                    body,
                    request,
                    version,
                    key: None,
                    original: None,
                    should_retry: None,
                };
                reply.response()
            }
        },
    }
}

fn read_body(
    state: &SandboxState,
    arrival: &ArrivedCall,
    account: &Arc<str>,
    input: CallInput,
) -> Result<Vec<u8>, WireAnswer> {
    let held = state.books.accounts.get(account).expect("accounts are never removed");
    Ok(match input.check(arrival)? {
        CheckedWireCall::Stripe(checked) => {
            let reader = state.journal.reader();
            let library = stripe::ReadContext { held, salt: &state.books.mint.salt, reader: &reader };
            stripe::read(&library, checked)?
        }
        CheckedWireCall::MercadoPago(checked) => {
            let lag_ms = state.faults.search_lag_ms as i64;
            let indexed_until_ms = if lag_ms == 0 { i64::MAX } else { arrival.at - lag_ms };
            checked.read_from(&mercado_pago::ReadContext { held, indexed_until_ms })?
        }
        CheckedWireCall::Pix(checked) => checked.read_from(held, state.faults.returns_hidden)?,
    })
}

/// The outcome of a call.
struct Executed {
    mint: IdGenerator,
    request: String,
    answer: WireAnswer,
    snapshots: Vec<Snapshot>,
    events: Vec<JournaledEvent>,
}

fn write(state: &mut SandboxState, pending: Pending) -> ConnectionResult {
    let Pending { arrival, account, input, fingerprint, plan, claimed } = pending;
    let (wire, version) = (arrival.wire, arrival.version());
    let checked = match input.check(&arrival) {
        Ok(checked) => checked,
        Err(refusal) => return Ok(refuse(state, &arrival, Some(account), refusal, None)),
    };
    let executed = execution(state, &arrival, &account, plan, checked);
    let Executed { mint, request, answer, snapshots, events } = executed;
    let status = answer.status();
    let effect = status < 300 || !events.is_empty();
    let ending = if effect { plan.ending } else { CallEnding::Answered };
    let outcome: Cow<'static, str> = match ending {
        CallEnding::Answered if plan.kept_500 => "kept_500".into(),
        CallEnding::Answered => describe(status, &answer),
        CallEnding::Dropped => "committed_then_dropped".into(),
        CallEnding::Failed => "committed_then_500".into(),
        CallEnding::FailedForGood => "committed_then_kept_500".into(),
    };
    let body = answer.render(&snapshots, &request);
    let object = answer.object(&snapshots).map(str::to_owned);
    let call = ReceivedCall { object, ..call(&arrival, request.clone(), outcome) };
    let answer = if ending == CallEnding::FailedForGood { failure(wire) } else { answer };
    let line = JournalRecord {
        at: arrival.at,
        next: mint.next,
        account: Some(account.to_string()),
        call: Some(call),
        snapshots,
        events,
        kept: (claimed && answer.is_kept()).then_some(StoredReply { fingerprint, answer }),
        ..JournalRecord::default()
    };
    if let Err(error) = state.commit(line) {
        return Ok(unwritten(&error, &arrival));
    }
    let should_retry = should_retry(status);
    let reply =
        CallReply { wire, status, body, request, version, key: arrival.key, original: None, should_retry };
    match ending {
        CallEnding::Answered => Ok(reply.response()),
        CallEnding::Dropped => Err(Dropped),
        CallEnding::Failed | CallEnding::FailedForGood => {
            let body = failure(wire).render(&[], &reply.request);
            Ok(CallReply { status: 500, body, should_retry: None, ..reply }.response())
        }
    }
}

/// From here on a refusal is the result of an execution, and is stored under the key.
fn execution(
    state: &SandboxState,
    arrival: &ArrivedCall,
    account: &Arc<str>,
    plan: CallFaults,
    checked: CheckedWireCall,
) -> Executed {
    let mut mint = state.books.mint.clone();
    let request = mint.id("req");
    let held = state.books.accounts.get(account).expect("accounts are never removed");
    let mut draft = CallDraft::new(held, mint, arrival.at, &arrival.base);
    draft.key = arrival.key.as_deref();
    draft.version = arrival.version();
    draft.confirmation = plan.confirmation;
    let answer =
        if plan.kept_500 { failure(arrival.wire) } else { checked.write(&mut draft, arrival.method) };
    let CallDraft { mint, snapshots, events, .. } = draft;
    Executed { mint, request, answer, snapshots, events }
}

fn failure(wire: ProviderWire) -> WireAnswer {
    wire.refusal(&CallRefusal::Failure("An unexpected error occurred."))
}
