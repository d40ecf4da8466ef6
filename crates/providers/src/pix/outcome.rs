//! Turns each reply of the bank, and each missing one, into a [`CallOutcome`]. The parent module has the
//! table.

use domain::{provider::CallOutcome, rows::FailureCause};
use http::{StatusCode, header};
use outbound::HttpReply;
use serde::{Deserialize, de::DeserializeOwned};

use crate::exchange::{NoReply, retry_after_seconds};

const CODE_CHARACTERS_MAX: usize = 60;
/// The code of a refusal because there is no such object.
pub const MISSING: &str = "resource_missing";

/// RFC 7807. Titles and details are for people, and may quote what was sent.
#[derive(Deserialize)]
struct Problem {
    r#type: String,
}

impl Problem {
    /// The last part of `https://pix.bcb.gov.br/api/v2/error/CobOperacaoInvalida`.
    fn code(&self) -> Option<String> {
        let name = self.r#type.rsplit('/').next().unwrap_or_default();
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_name && name.len() <= CODE_CHARACTERS_MAX).then(|| name.to_owned())
    }
}

/// What a successful reply shows; otherwise the outcome that the reply proves.
pub fn read<W: DeserializeOwned, O>(result: Result<HttpReply, NoReply>) -> Result<W, CallOutcome<O>> {
    let reply = result.map_err(NoReply::outcome)?;
    if !matches!(reply.status, StatusCode::OK | StatusCode::CREATED) {
        return Err(rejected(&reply));
    }
    serde_json::from_slice(&reply.body)
        .map_err(|_| unknown(&format!("{}, the body cannot be read", status(&reply))))
}

/// The outcome of a look-up. A refusal says nothing about the objects that are searched for.
pub fn looked_up<O>(outcome: CallOutcome<O>) -> CallOutcome<O> {
    match outcome {
        CallOutcome::Refused { code, .. } => unknown(&code),
        outcome => outcome,
    }
}

fn rejected<O>(reply: &HttpReply) -> CallOutcome<O> {
    let code = serde_json::from_slice::<Problem>(&reply.body).ok().and_then(|problem| problem.code());
    let named = code.as_deref().unwrap_or("unexplained");
    let not_sent = || CallOutcome::NotSent {
        error: format!("rejected: {}, {named}", status(reply)),
        retry_after_seconds: retry_after_seconds(reply),
        reached_provider: true,
    };
    match reply.status.as_u16() {
        // A wrong credential, a missing permission or a rate that is too high do nothing. A page of an
        // intermediary says nothing about the call.
        401 if code.is_some() || reply.headers.contains_key(header::WWW_AUTHENTICATE) => not_sent(),
        403 if code.is_some() => not_sent(),
        429 => not_sent(),
        404 if code.is_some() => refused(MISSING),
        400 | 422 => match code {
            Some(code) => refused(&code),
            None => unknown(&format!("{}, the reply is not in the API's form", status(reply))),
        },
        _ => unknown(&format!("{}, {named}", status(reply))),
    }
}

/// Never includes the body.
fn status(reply: &HttpReply) -> String {
    format!("HTTP {}", reply.status.as_u16())
}

pub fn refused<O>(code: &str) -> CallOutcome<O> {
    CallOutcome::Refused { code: code.to_owned(), cause: FailureCause::OurRequest, object: None }
}

/// Refused here.
pub fn never_sent<O>(code: &str) -> CallOutcome<O> {
    CallOutcome::Refused { code: code.to_owned(), cause: FailureCause::NotSent, object: None }
}

/// The API has no idempotency keys beside its ids, so no key counts as spent.
pub fn unknown<O>(error: &str) -> CallOutcome<O> {
    CallOutcome::Unknown { error: error.to_owned(), key_spent: false }
}

/// The outcome of a look-up that another call needs. That call was not made.
pub fn without_object<A, B>(outcome: CallOutcome<A>) -> CallOutcome<B> {
    match outcome {
        CallOutcome::Object(_) => unknown("the reply is not about what was asked for"),
        CallOutcome::Refused { code, cause, .. } => CallOutcome::Refused { code, cause, object: None },
        CallOutcome::NotSent { error, retry_after_seconds, reached_provider } => {
            CallOutcome::NotSent { error, retry_after_seconds, reached_provider }
        }
        CallOutcome::Unknown { error, key_spent } => CallOutcome::Unknown { error, key_spent },
    }
}
