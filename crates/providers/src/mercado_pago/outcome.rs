//! Turns each reply of Mercado Pago, and each missing one, into a [`CallOutcome`]. The parent module
//! has the table.

use domain::{
    Currency, PaymentId, Timestamp,
    provider::{CallOutcome, Observation, RefundObservation},
    rows::FailureCause,
};
use http::StatusCode;
use outbound::HttpReply;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    chargebacks::ProviderChargeback,
    decline::{CallRejection, ErrorReply},
    objects::{ProviderPayment, ProviderRefund},
    order_objects::ProviderOrder,
};
use crate::exchange::{NoReply, retry_after_seconds};

const REQUEST_ID_CHARACTERS_MAX: usize = 100;

/// What a call was about: a reply about anything else proves nothing.
#[derive(Clone, Copy, Debug)]
pub enum RequestedPayment<'a> {
    /// A new payment that carries our id.
    Ours(PaymentId),
    /// The provider's id of the payment.
    Object(&'a str),
}

pub fn payment(
    result: Result<HttpReply, NoReply>,
    requested: RequestedPayment<'_>,
) -> CallOutcome<Observation> {
    match shown_payment(result, requested) {
        Ok((reply, payment)) => match payment.observe() {
            Ok(observation) => CallOutcome::Object(observation),
            Err(reason) => unknown(&reply, &reason),
        },
        Err(outcome) => outcome,
    }
}

/// The payment of a reply, with the reply.
pub fn shown_payment<O>(
    result: Result<HttpReply, NoReply>,
    requested: RequestedPayment<'_>,
) -> Result<(HttpReply, ProviderPayment), CallOutcome<O>> {
    let (reply, payment) = read::<ProviderPayment, O>(result, b'{')?;
    let is_requested = match requested {
        RequestedPayment::Ours(ours) => payment.payment() == Some(ours),
        RequestedPayment::Object(object) => payment.id.as_str() == object,
    };
    if is_requested {
        Ok((reply, payment))
    } else {
        Err(unknown(&reply, "the reply is about another payment"))
    }
}

/// The order of a reply, with the reply. A declined card is an order that failed, beside the list of errors.
pub fn shown_order<O>(
    result: Result<HttpReply, NoReply>,
    requested: RequestedPayment<'_>,
) -> Result<(HttpReply, ProviderOrder), CallOutcome<O>> {
    #[derive(Deserialize)]
    struct FailedOrder {
        data: ProviderOrder,
    }
    let failed = |reply: &HttpReply| {
        let is_declined = reply.status == StatusCode::PAYMENT_REQUIRED;
        is_declined.then(|| serde_json::from_slice::<FailedOrder>(&reply.body).ok()).flatten()
    };
    let (reply, order) = match result {
        Ok(reply) => match failed(&reply) {
            Some(failed) => (reply, failed.data),
            None => read::<ProviderOrder, O>(Ok(reply), b'{')?,
        },
        Err(missing) => return Err(missing.outcome()),
    };
    let is_requested = match requested {
        RequestedPayment::Ours(ours) => order.payment() == Some(ours),
        RequestedPayment::Object(object) => order.id.as_str() == object,
    };
    if is_requested { Ok((reply, order)) } else { Err(unknown(&reply, "the reply is about another order")) }
}

/// The chargeback of a reply. One that Mercado Pago does not show yet is looked for again.
pub fn shown_chargeback<O>(
    result: Result<HttpReply, NoReply>,
    requested: &str,
) -> Result<ProviderChargeback, CallOutcome<O>> {
    let (reply, shown) = match read::<ProviderChargeback, O>(result, b'{') {
        Err(CallOutcome::Refused { code, .. }) => {
            return Err(CallOutcome::Unknown { error: code, key_spent: false });
        }
        read => read?,
    };
    if shown.id.as_str() == requested {
        Ok(shown)
    } else {
        Err(unknown(&reply, "the reply is about another chargeback"))
    }
}

/// `requested` is the refund that the call was about, unless the call makes it.
pub fn refund(
    result: Result<HttpReply, NoReply>,
    payment_object: &str,
    requested: Option<&str>,
    currency: Currency,
) -> CallOutcome<RefundObservation> {
    let (reply, refund) = match read::<ProviderRefund, _>(result, b'{') {
        Ok(read) => read,
        Err(outcome) => return outcome,
    };
    let is_of_payment = refund.payment_id.as_ref().is_none_or(|payment| payment.as_str() == payment_object);
    let is_requested = requested.is_none_or(|requested| requested == refund.id.as_str());
    if !is_of_payment || !is_requested {
        return unknown(&reply, "the reply is about another refund");
    }
    match refund.observe(currency) {
        Ok(observation) => CallOutcome::Object(observation),
        Err(reason) => unknown(&reply, &reason),
    }
}

/// A list. A refusal says nothing about the objects that are searched for.
pub fn list<L: DeserializeOwned, O>(result: Result<HttpReply, NoReply>) -> Result<Vec<L>, CallOutcome<O>> {
    listed(read(result, b'['))
}

/// What a search found, as a list within an object.
pub fn search<L: DeserializeOwned, O>(result: Result<HttpReply, NoReply>) -> Result<L, CallOutcome<O>> {
    listed(read(result, b'{'))
}

fn listed<L, O>(read: Result<(HttpReply, L), CallOutcome<O>>) -> Result<L, CallOutcome<O>> {
    looked_up(read.map(|(_, list)| list))
}

/// What a look-up before another call found. Its refusal refuses nothing else.
pub fn looked_up<L, O>(read: Result<L, CallOutcome<O>>) -> Result<L, CallOutcome<O>> {
    read.map_err(|outcome| match outcome {
        CallOutcome::Refused { code, .. } => CallOutcome::Unknown { error: code, key_spent: false },
        other => other,
    })
}

/// The page of a reply, and the provider's time.
pub fn shown_page<W: DeserializeOwned, O>(
    result: Result<HttpReply, NoReply>,
) -> Result<(W, Timestamp), CallOutcome<O>> {
    let (reply, page) = read(result, b'{')?;
    let date = reply.headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    match date {
        Some(date) => Ok((page, Timestamp(date.timestamp().as_microsecond()))),
        None => Err(unknown(&reply, "the reply has no date")),
    }
}

/// What a successful reply shows, with the reply; otherwise the outcome that the reply proves. `opening` is
/// the body's first character: serde would read an array as the members of an object in their order.
fn read<W: DeserializeOwned, O>(
    result: Result<HttpReply, NoReply>,
    opening: u8,
) -> Result<(HttpReply, W), CallOutcome<O>> {
    let reply = result.map_err(NoReply::outcome)?;
    if !matches!(reply.status, StatusCode::OK | StatusCode::CREATED) {
        return Err(rejected(&reply));
    }
    let is_in_form = reply.body.trim_ascii_start().first() == Some(&opening);
    match serde_json::from_slice(&reply.body) {
        Ok(shown) if is_in_form => Ok((reply, shown)),
        _ => Err(unknown(&reply, "the body cannot be read")),
    }
}

fn rejected<O>(reply: &HttpReply) -> CallOutcome<O> {
    let error = serde_json::from_slice::<ErrorReply>(&reply.body).ok().filter(ErrorReply::is_in_form);
    let code = error.as_ref().map_or_else(|| "unexplained".to_owned(), ErrorReply::code);
    let not_sent = || CallOutcome::NotSent {
        error: format!("rejected: {}", describe(reply, &code)),
        retry_after_seconds: retry_after_seconds(reply),
        reached_provider: true,
    };
    if reply.status == StatusCode::TOO_MANY_REQUESTS {
        return not_sent();
    }
    let Some(error) = error else {
        return unknown(reply, "the reply is not in Mercado Pago's form");
    };
    match (reply.status.as_u16(), error.rejection()) {
        (401 | 403, _) => not_sent(),
        (404, CallRejection::Refused(FailureCause::OurRequest)) => {
            refused("resource_missing".to_owned(), FailureCause::OurRequest)
        }
        (400 | 404 | 422, CallRejection::Refused(cause)) => refused(code, cause),
        (409, _) if error.is_about_state_of_order() => refused(code, FailureCause::Declined),
        _ => unknown(reply, &code),
    }
}

fn refused<O>(code: String, cause: FailureCause) -> CallOutcome<O> {
    CallOutcome::Refused { code, cause, object: None }
}

/// Whether an error is stored under the key is not documented, so no key counts as spent.
pub fn unknown<O>(reply: &HttpReply, reason: &str) -> CallOutcome<O> {
    CallOutcome::Unknown { error: describe(reply, reason), key_spent: false }
}

/// Never includes the body: a payment holds the payer's data.
fn describe(reply: &HttpReply, reason: &str) -> String {
    let request = reply.headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or("none");
    let request: String = request.chars().take(REQUEST_ID_CHARACTERS_MAX).collect();
    format!("HTTP {}, {reason}, request id {request}", reply.status.as_u16())
}
