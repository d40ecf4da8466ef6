//! Records every arrival, including those that changed nothing.

use std::{borrow::Cow, io, sync::Arc};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use crate::{
    answer::StripeAnswer,
    call::ArrivedCall,
    line::{JournalRecord, ReceivedCall},
    refusal::StripeRefusal,
    reply::CallReply,
    state::SandboxState,
};

pub fn describe(status: u16, answer: &StripeAnswer) -> Cow<'static, str> {
    match answer {
        StripeAnswer::Shown { .. } => "200".into(),
        StripeAnswer::Refused(refusal) => {
            let name = refusal.noted.as_ref().or(refusal.code.as_ref()).unwrap_or(&refusal.kind);
            format!("{status} {name}").into()
        }
    }
}

/// Replies without executing anything.
pub fn refuse(
    state: &mut SandboxState,
    arrival: &ArrivedCall,
    account: Option<Arc<str>>,
    refusal: StripeRefusal,
    outcome: Option<&'static str>,
) -> Response<Full<Bytes>> {
    let status = refusal.status;
    let answer = StripeAnswer::Refused(refusal);
    let outcome = outcome.map_or_else(|| describe(status, &answer), Cow::Borrowed);
    let request = match record(state, arrival, account, outcome) {
        Ok(request) => request,
        Err(error) => return unwritten(&error, arrival),
    };
    let body = answer.render(&[], &request);
    let (version, key) = (arrival.version(), arrival.key.clone());
    CallReply { status, body, request, version, key, original: None, should_retry: should_retry(status) }
        .response()
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
    let refusal = StripeAnswer::Refused(StripeRefusal::api("The journal of this sandbox cannot be written."));
    let request = String::new();
    let body = refusal.render(&[], &request);
    let (version, key) = (arrival.version(), arrival.key.clone());
    CallReply { status: 500, body, request, version, key, original: None, should_retry: None }.response()
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
