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
    answer::StripeAnswer,
    call_draft::CallDraft,
    event::JournaledEvent,
    faults::{CallEnding, CallFaults, TurnedAway},
    form::{self, FormPairs},
    ids::IdGenerator,
    line::{JournalRecord, ReceivedCall, StoredReply},
    record::{call, describe, record, record_with, refuse, should_retry, unwritten},
    refusal::StripeRefusal,
    reply::{CallReply, ConnectionResult, Dropped},
    snapshot::Snapshot,
    state::{SandboxState, SharedState},
    stripe::{
        self,
        version::{self, Version},
    },
};

/// Stripe's limit.
const KEY_BYTES_MAX: usize = 255;

/// A call as it arrived.
pub struct ArrivedCall {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
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
}

/// A call that will be executed.
struct Pending {
    arrival: ArrivedCall,
    account: Arc<str>,
    pairs: FormPairs,
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
    let plan = state.faults.plan(&mut state.random);
    let account = account(state, &arrival);
    let known = account.as_ref().ok().cloned();
    if plan.drop_before {
        // A call that gets no reply needs none when its record fails.
        let _ = record(state, &arrival, known, "dropped_before".into());
        return Begun::Over(Err(Dropped));
    }
    if let Some(why) = plan.turned_away {
        return Begun::Over(Ok(reject(state, &arrival, known, why)));
    }
    let account = match account {
        Ok(account) => account,
        Err(refusal) => return Begun::Over(Ok(refuse(state, &arrival, None, refusal, None))),
    };
    let version = Version::read(arrival.version.as_deref());
    let pairs = version.and_then(|_| pairs(&arrival).map_err(StripeRefusal::invalid));
    let pairs = match pairs {
        Ok(pairs) => pairs,
        Err(refusal) => return Begun::Over(Ok(refuse(state, &arrival, known, refusal, None))),
    };
    let keyed = arrival.method == "POST" && arrival.key.is_some() && !state.faults.forget_keys;
    let fingerprint =
        if keyed { form::fingerprint(arrival.method, &arrival.path, &pairs) } else { String::new() };
    if keyed && let Some(outcome) = stored_reply(state, &arrival, &account, &fingerprint) {
        return Begun::Over(outcome);
    }
    let claim = arrival.key.clone().filter(|_| keyed).map(|key| (account.clone(), key));
    let claimed = claim.is_some_and(|claim| state.in_flight.insert(claim));
    Begun::Pending(Box::new(Pending { arrival, account, pairs, fingerprint, plan, claimed }))
}

/// The parameters of the query and of the body together, as Stripe accepts them.
fn pairs(arrival: &ArrivedCall) -> Result<FormPairs, &'static str> {
    let mut pairs = form::decode(arrival.query.as_bytes())?;
    pairs.extend(form::decode(&arrival.body)?);
    Ok(pairs)
}

/// Rejects the call before it has an effect, whoever makes it.
fn reject(
    state: &mut SandboxState,
    arrival: &ArrivedCall,
    account: Option<Arc<str>>,
    why: TurnedAway,
) -> Response<Full<Bytes>> {
    let (refusal, outcome) = match why {
        TurnedAway::Unavailable => {
            (StripeRefusal::api("Stripe is temporarily unavailable.").with_status(503), "503 unavailable")
        }
        TurnedAway::RateLimited => {
            let message = "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.";
            (StripeRefusal::invalid(message).with_status(429).with_code("rate_limit"), "429 rate_limit")
        }
    };
    let after_s = state.faults.retry_after_s;
    let mut response = refuse(state, arrival, account, refusal, Some(outcome));
    if after_s > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, after_s.into());
    }
    response
}

fn account(state: &SandboxState, arrival: &ArrivedCall) -> Result<Arc<str>, StripeRefusal> {
    let Some(secret_key) = &arrival.secret_key else {
        return Err(StripeRefusal::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details.",
        ));
    };
    let Some(own) = state.books.account_of(secret_key) else {
        let shown: String = secret_key.chars().take(8).collect();
        return Err(StripeRefusal::unauthorized(format!("Invalid API Key provided: {shown}***")));
    };
    let Some(connected) = &arrival.connected else { return Ok(own.clone()) };
    state.books.accounts.get_key_value(&**connected).map(|(id, _)| id.clone()).ok_or_else(|| {
        let message = format!(
            "The provided key does not have access to account '{connected}' (or that account does not exist)."
        );
        StripeRefusal::invalid(message).with_code("account_invalid").with_status(403)
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
        let refusal = StripeRefusal::idempotency(
            400,
            None,
            format!("Idempotency keys can be at most {KEY_BYTES_MAX} characters long."),
        );
        return Some(Ok(refuse(state, arrival, owner, refusal, None)));
    }
    if state.in_flight.contains(&(account.clone(), key.clone())) {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): {key}. Please try again later."
        );
        let refusal = StripeRefusal::idempotency(409, Some("idempotency_key_in_use"), message);
        return Some(Ok(refuse(state, arrival, owner, refusal, Some("409 in flight"))));
    }
    let kept = state.books.accounts.get(account)?.keys.get(key)?;
    if !state.faults.key_is_remembered(kept.at, arrival.at) {
        return None;
    }
    if kept.fingerprint != fingerprint {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
        );
        let refusal = StripeRefusal::idempotency(400, None, message);
        return Some(Ok(refuse(state, arrival, owner, refusal, Some("400 other parameters"))));
    }
    let read = state.journal.reader().line(kept.place);
    let first = read.ok().and_then(|line| Some((line.kept?.answer, line.snapshots, line.call?.request)));
    let Some((answer, snapshots, original)) = first else {
        return Some(Ok(refuse(
            state,
            arrival,
            owner,
            StripeRefusal::api("The journal cannot be read."),
            None,
        )));
    };
    let status = answer.status();
    let object = answer.object(&snapshots).map(str::to_owned);
    let outcome = format!("{status} replayed").into();
    Some(match record_with(state, arrival, owner, object, outcome) {
        Err(error) => Ok(unwritten(&error, arrival)),
        Ok(request) => Ok(CallReply {
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
    let Pending { arrival, account, pairs, .. } = pending;
    let reader = state.journal.reader();
    let held = state.books.accounts.get(&account).expect("accounts are never removed");
    let library = stripe::ReadContext { held, salt: &state.books.mint.salt, reader: &reader };
    let checked = stripe::check(arrival.method, &arrival.path, arrival.version(), pairs);
    match checked.and_then(|checked| stripe::read(&library, checked)) {
        Err(refusal) => refuse(state, &arrival, Some(account), refusal, None),
        Ok(body) => match record(state, &arrival, Some(account), "200".into()) {
            Err(error) => unwritten(&error, &arrival),
            Ok(request) => {
                let version = arrival.version();
                let reply = CallReply {
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

/// The outcome of a call.
struct Executed {
    mint: IdGenerator,
    request: String,
    answer: StripeAnswer,
    snapshots: Vec<Snapshot>,
    events: Vec<JournaledEvent>,
}

fn write(state: &mut SandboxState, pending: Pending) -> ConnectionResult {
    let Pending { arrival, account, pairs, fingerprint, plan, claimed } = pending;
    let (path, version) = (arrival.path.clone(), arrival.version());
    let checked = match stripe::check(arrival.method, &path, version, pairs) {
        Ok(checked) => checked,
        Err(refusal) => return Ok(refuse(state, &arrival, Some(account), refusal, None)),
    };
    let executed = execution(state, &arrival, &account, plan, checked);
    let Executed { mint, request, answer, snapshots, events } = executed;
    let status = answer.status();
    let effect = status == 200 || !events.is_empty();
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
    let answer = if ending == CallEnding::FailedForGood { failure() } else { answer };
    let line = JournalRecord {
        at: arrival.at,
        next: mint.next,
        account: Some(account.to_string()),
        call: Some(call),
        snapshots,
        events,
        kept: claimed.then_some(StoredReply { fingerprint, answer }),
        ..JournalRecord::default()
    };
    if let Err(error) = state.commit(line) {
        return Ok(unwritten(&error, &arrival));
    }
    let should_retry = should_retry(status);
    let reply = CallReply { status, body, request, version, key: arrival.key, original: None, should_retry };
    match ending {
        CallEnding::Answered => Ok(reply.response()),
        CallEnding::Dropped => Err(Dropped),
        CallEnding::Failed | CallEnding::FailedForGood => {
            let body = failure().render(&[], &reply.request);
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
    checked: stripe::CheckedCall,
) -> Executed {
    let mut mint = state.books.mint.clone();
    let request = mint.id("req");
    let held = state.books.accounts.get(account).expect("accounts are never removed");
    let mut draft = CallDraft::new(held, mint, arrival.at, &arrival.base);
    draft.key = arrival.key.as_deref();
    draft.version = arrival.version();
    draft.confirmation = plan.confirmation;
    let answer = if plan.kept_500 {
        failure()
    } else {
        stripe::write(&mut draft, arrival.method, checked).unwrap_or_else(StripeAnswer::Refused)
    };
    let CallDraft { mint, snapshots, events, .. } = draft;
    Executed { mint, request, answer, snapshots, events }
}

fn failure() -> StripeAnswer {
    StripeAnswer::Refused(StripeRefusal::api("An unexpected error occurred."))
}
