//! A dead letter: work that was given up and needs a person's decision.

use domain::lifecycle::State as _;
use domain::reply;
use domain::rows;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{HistoryEntry, Page};
use crate::time;

/// Every kind of dead letter.
pub const DEAD_LETTER_KINDS: [&str; 3] = ["job", "event", "message"];

/// Work that was given up: a job, an event from a provider, or a message at a consumer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetter {
    pub id: Uuid,
    /// `job`, `event` or `message`.
    pub kind: String,
    /// `dead`, or its state since a person decided.
    pub state: String,
    /// Why it was given up.
    pub reason: String,
    /// How often it was tried since it was created or retried.
    pub attempts: i64,
    /// What it should do, as its kind describes it.
    #[schema(value_type = Object)]
    pub payload: Value,
    pub created_at: jiff::Timestamp,
    /// When it was given up, or changed since.
    pub moved_at: jiff::Timestamp,
    /// Who did what with it, when and why: the first page. Only if one letter is requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<HistoryEntry>>,
    /// The `cursor` for the rest of the letter's history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_next_cursor: Option<String>,
}

impl DeadLetter {
    pub fn of(letter: &reply::DeadLetter) -> DeadLetter {
        let (kind, payload) = match letter {
            reply::DeadLetter::Job { attempt: Some(attempt), .. } => ("job", of_attempt(attempt)),
            reply::DeadLetter::Job { job, attempt: None } => ("job", of_job(job)),
            reply::DeadLetter::Event(event) => ("event", of_event(event)),
            reply::DeadLetter::Message { delivery, message } => ("message", of_message(delivery, message)),
        };
        DeadLetter {
            id: letter.id(),
            kind: kind.to_owned(),
            state: letter.state().to_owned(),
            reason: letter.reason().to_owned(),
            attempts: letter.attempts(),
            payload,
            created_at: time::instant(letter.created_at()),
            moved_at: time::instant(letter.moved_at()),
            history: None,
            history_next_cursor: None,
        }
    }

    pub fn with_history(mut self, page: Page<HistoryEntry>) -> DeadLetter {
        self.history = Some(page.data);
        self.history_next_cursor = page.next_cursor;
        self
    }
}

fn of_attempt(attempt: &rows::Attempt) -> Value {
    json!({
        "operation": attempt.kind.name(),
        "outcome": attempt.state.name(),
        "payment_id": attempt.payment.0,
        "refund_id": attempt.refund.map(|refund| refund.0),
        "amount_minor": attempt.amount_minor,
    })
}

fn of_job(job: &rows::Job) -> Value {
    json!({
        "operation": job.kind,
        "subject": job.subject_kind,
        "subject_id": job.subject,
        "data": text_or_json(&job.payload),
    })
}

fn of_event(event: &rows::InboundEvent) -> Value {
    json!({
        "account_id": event.account.0,
        "event": event.name,
        "type": event.kind,
        "body": text_or_json(&String::from_utf8_lossy(&event.body)),
    })
}

fn of_message(delivery: &rows::Delivery, message: &rows::Message) -> Value {
    json!({
        "consumer": delivery.consumer,
        "message_id": message.id.0,
        "type": message.kind,
        "subject": message.subject_kind.name(),
        "subject_id": message.subject,
        "seq": message.seq,
        "data": text_or_json(&message.payload),
    })
}

/// An unreadable payload is shown as it is, because it may be the cause.
fn text_or_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
