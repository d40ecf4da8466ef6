//! One line of the journal: everything that one call changed, so that it is stored completely or
//! not at all.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{account::Account, event::JournaledEvent, snapshot::Snapshot, wire::WireAnswer};

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// The first unused id number after this line.
    pub next: u64,
    /// Only in the first line of a journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// An account that was created or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configured: Option<Account>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<ReceivedCall>,
    /// Objects in the order of their changes; the last version of each is current.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<Snapshot>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<JournaledEvent>,
    /// Only if the reply is stored under the idempotency key: a repetition is answered from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<StoredReply>,
    /// Deliveries that were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<Settled>,
    /// Deliveries that are never made: dropped on purpose, or given up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undelivered: Vec<Settled>,
}

/// An arrival, with or without a reply.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceivedCall {
    pub at: i64,
    /// The `Request-Id` of its reply.
    pub request: String,
    pub method: Cow<'static, str>,
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The object that it created or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    pub outcome: Cow<'static, str>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct StoredReply {
    pub fingerprint: String,
    pub answer: WireAnswer,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Settled {
    pub account: String,
    pub endpoint: String,
    pub event: u64,
}
