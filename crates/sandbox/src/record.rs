//! Records every arrival, including those that changed nothing.

use std::{borrow::Cow, io, sync::Arc};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use crate::{
    call::ArrivedCall,
    line::{JournalRecord, ReceivedCall},
    reply::CallReply,
    state::SandboxState,
    wire::{CallRefusal, WireAnswer},
};

pub fn describe(status: u16, answer: &WireAnswer) -> Cow<'static, str> {
    match answer.refusal_name() {
        None if status == 200 => "200".into(),
        None => status.to_string().into(),
        Some(name) => format!("{status} {name}").into(),
    }
}

/// Replies without executing anything.
pub fn refuse(
    state: &mut SandboxState,
    arrival: &ArrivedCall,
    account: Option<Arc<str>>,
    refusal: WireAnswer,
    outcome: Option<Cow<'static, str>>,
) -> Response<Full<Bytes>> {
    let status = refusal.status();
    let outcome = outcome.unwrap_or_else(|| describe(status, &refusal));
    let request = match record(state, arrival, account, outcome) {
        Ok(request) => request,
        Err(error) => return unwritten(&error, arrival),
    };
    let body = refusal.render(&[], &request);
    let (wire, version, key) = (arrival.wire, arrival.version(), arrival.key.clone());
    let should_retry = should_retry(status);
    CallReply { wire, status, body, request, version, key, original: None, should_retry }.response()
}

/// Journals an arrival that changed nothing, and returns its request id.
pub fn record(
    state: &mut SandboxState,
    arrival: &ArrivedCall,
    account: Option<Arc<str>>,
    outcome: Cow<'static, str>,
) -> io::Result<String> {
    record_with(state, arrival, account, None, outcome)
}

pub fn record_with(
    state: &mut SandboxState,
    arrival: &ArrivedCall,
    account: Option<Arc<str>>,
    object: Option<String>,
    outcome: Cow<'static, str>,
) -> io::Result<String> {
    let mut mint = state.books.mint.clone();
    let request = mint.id("req");
    let call = ReceivedCall { object, ..call(arrival, request.clone(), outcome) };
    let account = account.map(|id| id.to_string());
    let line = JournalRecord {
        at: arrival.at,
        next: mint.next,
        account,
        call: Some(call),
        ..JournalRecord::default()
    };
    state.commit(line).map(|()| request)
}

pub fn call(arrival: &ArrivedCall, request: String, outcome: Cow<'static, str>) -> ReceivedCall {
    ReceivedCall {
        at: arrival.at,
        request,
        method: arrival.method.into(),
        path: arrival.path.clone(),
        key: arrival.key.clone(),
        object: None,
        outcome,
    }
}

pub fn unwritten(error: &io::Error, arrival: &ArrivedCall) -> Response<Full<Bytes>> {
    tracing::error!(%error, "the journal could not be written: the call has had no effect");
    let refusal =
        arrival.wire.refusal(&CallRefusal::Failure("The journal of this sandbox cannot be written."));
    let request = String::new();
    let body = refusal.render(&[], &request);
    let (wire, version, key) = (arrival.wire, arrival.version(), arrival.key.clone());
    CallReply { wire, status: 500, body, request, version, key, original: None, should_retry: None }
        .response()
}

/// The hint that Stripe gives its SDKs: retry after a conflict or a rate limit, never after a
/// refusal.
pub fn should_retry(status: u16) -> Option<bool> {
    match status {
        409 | 429 => Some(true),
        400..=499 => Some(false),
        _ => None,
    }
}
