//! One line of the journal: everything one call changed, so that it is there whole or not at all.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{account::Account, answer::StripeAnswer, event::JournaledEvent, snapshot::Snapshot};

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// The first number not given away after this line.
    pub next: u64,
    /// Only in the first line of a journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// An account set up, or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configured: Option<Account>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<ReceivedCall>,
    /// Objects in the order they came about; the last version of each is the one that holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<Snapshot>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<JournaledEvent>,
    /// Only where the idempotency key keeps it: a repetition is answered out of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<KeptLine>,
    /// Deliveries that were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<Settled>,
    /// Deliveries that are never made: lost on purpose, or given up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undelivered: Vec<Settled>,
}

/// A raw arrival, answered or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceivedCall {
    pub at: i64,
    /// The `Request-Id` of its answer.
    pub request: String,
    pub method: Cow<'static, str>,
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The object it made or moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    pub outcome: Cow<'static, str>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct KeptLine {
    pub fingerprint: String,
    pub answer: StripeAnswer,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Settled {
    pub account: String,
    pub endpoint: String,
    pub event: u64,
}
