//! A client's request, its expected effect, and the kinds of replies.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::methods::PaymentMethod;
use check::Charge;
use outbound::HttpReply;
use testkit::program::Catalogue;

/// The price of everything that the attack sells.
pub const PRICE_MINOR: i64 = 2_500;
/// The tax in the price.
pub const TAX_MINOR: i64 = 500;
/// The metadata of a payment that has the name of its operation.
pub const MARK: &str = "attack";

/// The operation that a charge belongs to, by its metadata.
pub fn mark(charge: &Charge) -> Option<&str> {
    charge.metadata.get(MARK).map(String::as_str)
}

/// The effect of an operation in the provider's books if it is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum ExpectedEffect {
    /// The amount is captured. The money may go back if the seats are gone when it comes.
    Charge { minor: i64, may_return: bool },
    /// The amount is reserved, for captures.
    Authorize { minor: i64 },
    /// The amount is captured from the authorisation of the operation `of`.
    Capture { of: String, minor: i64 },
    /// The amount of the operation `of` goes back.
    Refund { of: String, minor: i64 },
    /// The amount of the operation `of` goes back, in as many refunds as it needs, because tickets are cancelled.
    Cancellation { of: String, minor: i64 },
    /// The authorisation of the operation `of` is voided.
    Void { of: String },
    /// Seats, and no money.
    Seats,
    /// No effect: the operation is refused, or moves neither money nor seats.
    Nothing,
}

#[derive(Clone, Debug)]
pub struct OperationRequest {
    /// The name of one thing that a customer wants. Its retries share the name.
    pub operation: String,
    pub key: String,
    /// The key in the header, if it is written in another form.
    pub header_key: Option<String>,
    pub path: String,
    pub body: String,
    pub wants: ExpectedEffect,
    /// It may be refused, by the bank or because somebody else was faster. Any other operation is
    /// done in the end.
    pub may_be_refused: bool,
}

/// The meaning of a reply for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyKind {
    /// Done, or declined: the work was done for this request.
    New,
    /// The stored reply.
    Replay,
    /// 409 `request_in_progress`.
    InFlight,
    /// 422 `idempotency_key_reused`.
    Mismatch,
    /// 202: the outcome is not known yet.
    Accepted,
    /// Refused; a retry will not help.
    Refused,
    /// Refused for now.
    Unavailable,
    /// No complete reply came.
    Lost,
}

impl ReplyKind {
    pub const ALL: [ReplyKind; 8] = [
        ReplyKind::New,
        ReplyKind::Replay,
        ReplyKind::InFlight,
        ReplyKind::Mismatch,
        ReplyKind::Accepted,
        ReplyKind::Refused,
        ReplyKind::Unavailable,
        ReplyKind::Lost,
    ];

    pub fn name(self) -> &'static str {
        match self {
            ReplyKind::New => "new",
            ReplyKind::Replay => "replay",
            ReplyKind::InFlight => "in_flight",
            ReplyKind::Mismatch => "mismatch",
            ReplyKind::Accepted => "accepted",
            ReplyKind::Refused => "refused",
            ReplyKind::Unavailable => "unavailable",
            ReplyKind::Lost => "lost",
        }
    }

    pub fn of(status: u16, replayed: bool, code: Option<&str>, retryable: bool) -> ReplyKind {
        match (status, code) {
            (409, Some("request_in_progress")) => ReplyKind::InFlight,
            (422, Some("idempotency_key_reused")) => ReplyKind::Mismatch,
            (429 | 500.., _) => ReplyKind::Unavailable,
            (409, _) if retryable => ReplyKind::Unavailable,
            // A stored 202 will not change. A first 202 only means "not yet".
            _ if replayed => ReplyKind::Replay,
            (202, _) => ReplyKind::Accepted,
            (200..300 | 402, _) => ReplyKind::New,
            _ => ReplyKind::Refused,
        }
    }

    /// The same request will get no other reply.
    pub fn is_definite(self) -> bool {
        matches!(self, ReplyKind::New | ReplyKind::Replay | ReplyKind::Mismatch | ReplyKind::Refused)
    }
}

/// A complete reply.
#[derive(Clone, Debug)]
pub struct OperationAnswer {
    pub status: u16,
    pub replayed: bool,
    pub retry_after: Option<Duration>,
    /// The body as it came; `None` if the SDK has read it.
    pub text: Option<String>,
    /// Null if the body is not JSON.
    pub body: Value,
}

impl OperationAnswer {
    pub fn of(response: &HttpReply) -> OperationAnswer {
        let text = response.text();
        OperationAnswer {
            status: response.status.as_u16(),
            replayed: response.is_replayed(),
            retry_after: response
                .header("retry-after")
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text: Some(text),
        }
    }

    /// A reply that the SDK has read.
    pub fn read(status: u16, replayed: bool, retry_after: Option<Duration>, body: Value) -> OperationAnswer {
        OperationAnswer { status, replayed, retry_after, text: None, body }
    }

    pub fn reply_kind(&self) -> ReplyKind {
        ReplyKind::of(self.status, self.replayed, self.code().as_deref(), self.is_retryable())
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn code(&self) -> Option<String> {
        self.body["code"].as_str().map(str::to_owned)
    }

    /// The id of the resource; of a problem, the id of the resource that it concerns.
    pub fn id(&self) -> Option<String> {
        let names = ["id", "payment_id", "resource"];
        // Some providers' ids are numbers.
        let text = |id: &Value| id.as_str().map(str::to_owned).or_else(|| Some(id.as_u64()?.to_string()));
        names.iter().find_map(|name| text(&self.body[*name]))
    }

    pub fn is_retryable(&self) -> bool {
        self.body["retryable"] == true
    }

    /// The status and the code, for a message.
    pub fn summary(&self) -> String {
        self.code().map_or_else(|| self.status.to_string(), |code| format!("{} {code}", self.status))
    }
}

impl OperationRequest {
    /// A charge without a booking.
    pub fn charge(operation: &str, minor: i64, method: &PaymentMethod) -> OperationRequest {
        let body = method.order(json!({ "amount": method.money(minor), "metadata": { MARK: operation } }));
        OperationRequest::new(
            operation,
            "/v1/charges",
            &body,
            ExpectedEffect::Charge { minor, may_return: false },
        )
    }

    /// A payment that is only authorised.
    pub fn authorize(operation: &str, minor: i64, method: &PaymentMethod) -> OperationRequest {
        let body = method.order(json!({
            "amount": method.money(minor), "capture": "manual", "metadata": { MARK: operation },
        }));
        OperationRequest::new(operation, "/v1/payments", &body, ExpectedEffect::Authorize { minor })
    }

    /// A payment of what a booking owes.
    pub fn pay(operation: &str, booking: &str, minor: i64, method: &PaymentMethod) -> OperationRequest {
        let body = method.order(json!({ "booking_id": booking, "metadata": { MARK: operation } }));
        OperationRequest::new(
            operation,
            "/v1/payments",
            &body,
            ExpectedEffect::Charge { minor, may_return: false },
        )
    }

    /// An authorisation of what a booking owes.
    pub fn reserve_money(
        operation: &str,
        booking: &str,
        minor: i64,
        method: &PaymentMethod,
    ) -> OperationRequest {
        let body = method.order(json!({
            "booking_id": booking, "capture": "manual", "metadata": { MARK: operation },
        }));
        OperationRequest::new(operation, "/v1/payments", &body, ExpectedEffect::Authorize { minor })
    }

    /// A hold of one seat, for a customer of its own.
    pub fn hold(operation: &str, catalogue: &Catalogue, slot: usize, seconds: u32) -> OperationRequest {
        let body = json!({
            "slot_id": catalogue.slots[slot],
            "units": [{ "unit_id": catalogue.unit, "quantity": 1 }],
            "customer": { "name": "Ana Lima", "email": format!("{operation}@example.com") },
            "hold_seconds": seconds,
        });
        OperationRequest::new(operation, "/v1/bookings", &body, ExpectedEffect::Seats)
    }

    /// A hold of one seat of each of the first slots, or of none of them. About every other operation names
    /// the slots in the opposite order.
    pub fn hold_basket(
        operation: &str,
        catalogue: &Catalogue,
        slots: usize,
        seconds: u32,
    ) -> OperationRequest {
        let units = json!([{ "unit_id": catalogue.unit, "quantity": 1 }]);
        let item = |slot: &String| json!({ "slot_id": slot, "units": units });
        let mut items: Vec<Value> = catalogue.slots[..slots].iter().map(item).collect();
        if operation.bytes().map(usize::from).sum::<usize>().is_multiple_of(2) {
            items.reverse();
        }
        let body = json!({
            "items": items,
            "customer": { "name": "Ana Lima", "email": format!("{operation}@example.com") },
            "hold_seconds": seconds,
        });
        OperationRequest::new(operation, "/v1/bookings", &body, ExpectedEffect::Seats)
    }

    pub fn capture(operation: &str, payment: &str, of: &str, amount: &Value) -> OperationRequest {
        let path = format!("/v1/payments/{payment}/capture");
        let wants = ExpectedEffect::Capture { of: of.to_owned(), minor: minor(amount) };
        OperationRequest::new(operation, &path, &json!({ "amount": amount }), wants)
    }

    pub fn refund(operation: &str, payment: &str, of: &str, amount: &Value) -> OperationRequest {
        let path = format!("/v1/payments/{payment}/refunds");
        let wants = ExpectedEffect::Refund { of: of.to_owned(), minor: minor(amount) };
        OperationRequest::new(operation, &path, &json!({ "amount": amount }), wants)
    }

    /// A refund of the rest, which is `minor`.
    pub fn refund_rest(operation: &str, payment: &str, of: &str, minor: i64) -> OperationRequest {
        let path = format!("/v1/payments/{payment}/refunds");
        let wants = ExpectedEffect::Refund { of: of.to_owned(), minor };
        OperationRequest::new(operation, &path, &json!({}), wants)
    }

    /// By a method that is declined, if there is one.
    pub fn that_is_declined(self, method: &PaymentMethod) -> OperationRequest {
        let body = serde_json::from_str(&self.body).unwrap_or_default();
        OperationRequest { body: method.declined(body).to_string(), ..self }.that_may_be_refused()
    }

    pub fn void(operation: &str, payment: &str, of: &str) -> OperationRequest {
        let path = format!("/v1/payments/{payment}/cancel");
        OperationRequest::new(operation, &path, &json!({}), ExpectedEffect::Void { of: of.to_owned() })
    }

    /// The operation's name is also its key.
    pub fn new(operation: &str, path: &str, body: &Value, wants: ExpectedEffect) -> OperationRequest {
        OperationRequest {
            operation: operation.to_owned(),
            key: operation.to_owned(),
            header_key: None,
            path: path.to_owned(),
            body: body.to_string(),
            wants,
            may_be_refused: false,
        }
    }

    /// The seats may be gone when the money comes. The payment is then refused, or its money goes
    /// back.
    pub fn that_may_return(mut self) -> OperationRequest {
        if let ExpectedEffect::Charge { may_return, .. } = &mut self.wants {
            *may_return = true;
        }
        self.that_may_be_refused()
    }

    pub fn that_may_be_refused(self) -> OperationRequest {
        OperationRequest { may_be_refused: true, ..self }
    }

    /// The same key with another body, which has another effect.
    pub fn with_body(&self, body: String, wants: ExpectedEffect) -> OperationRequest {
        OperationRequest { body, wants, ..self.clone() }
    }
}

/// The amount of a sum of money as the API writes it.
fn minor(amount: &Value) -> i64 {
    amount["minor"].as_i64().unwrap_or_default()
}

/// The number of replies by kind.
pub type ReplyCounts = BTreeMap<&'static str, u64>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reply_has_one_kind() {
        let check = |status, replayed, code: Option<&str>, retryable, expected: ReplyKind| {
            assert_eq!(ReplyKind::of(status, replayed, code, retryable), expected, "{status} {code:?}");
        };
        check(201, false, None, false, ReplyKind::New);
        check(201, true, None, false, ReplyKind::Replay);
        check(402, false, Some("payment_declined"), false, ReplyKind::New);
        check(402, true, Some("payment_declined"), false, ReplyKind::Replay);
        check(409, false, Some("request_in_progress"), true, ReplyKind::InFlight);
        check(409, false, Some("payment_already_open"), true, ReplyKind::Unavailable);
        check(409, false, Some("hold_has_expired"), false, ReplyKind::Refused);
        check(422, false, Some("idempotency_key_reused"), false, ReplyKind::Mismatch);
        check(422, false, Some("refund_exceeds_capture"), false, ReplyKind::Refused);
        check(202, false, None, false, ReplyKind::Accepted);
        check(202, true, None, false, ReplyKind::Replay);
        check(503, false, Some("overloaded"), true, ReplyKind::Unavailable);
        check(429, false, None, false, ReplyKind::Unavailable);
        for kind in [ReplyKind::InFlight, ReplyKind::Accepted, ReplyKind::Unavailable, ReplyKind::Lost] {
            assert!(!kind.is_definite(), "{kind:?}");
        }
    }
}
