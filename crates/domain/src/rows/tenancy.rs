//! Who asks: tenants, their clients and keys, and the idempotency keys that those used.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::idempotency::{Fingerprint, KeyProgress};
use crate::ids::{AccountId, ApiKeyId, ClientId, KeyId, TenantId};
use crate::time::Timestamp;
use crate::working_set::Json;

/// Test and live never mix: a key, an account and a payment are of one mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Test,
    Live,
}

impl Mode {
    pub fn name(&self) -> &'static str {
        match self {
            Mode::Test => "test",
            Mode::Live => "live",
        }
    }
    pub fn from_name(name: &str) -> Option<Mode> {
        [Mode::Test, Mode::Live].into_iter().find(|mode| mode.name() == name)
    }
}
crate::named_column!(Mode);

/// What happens to money that arrives after the hold was given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateMoney {
    /// Take the seats again if they are free, else refund.
    #[default]
    Reseat,
    /// Always refund.
    Refund,
}

/// A tenant's choices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub late_money: LateMoney,
    /// Seats that one customer may hold unpaid at once; `None` switches the limit off.
    pub seats_held_per_customer_max: Option<i64>,
    pub hold_seconds: i64,
    pub hold_seconds_max: i64,
}

impl Settings {
    /// How long a hold lasts if nobody says so. A version that did not compare the two may have
    /// stored a default above the longest.
    pub fn default_hold_seconds(&self) -> i64 {
        self.hold_seconds.min(self.hold_seconds_max)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            late_money: LateMoney::Reseat,
            seats_held_per_customer_max: Some(crate::limits::SEATS_HELD_PER_CUSTOMER_MAX),
            hold_seconds: crate::limits::HOLD_SECONDS,
            hold_seconds_max: crate::limits::HOLD_SECONDS_MAX,
        }
    }
}

crate::row! {
    /// Somebody who sells seats. Nothing of one tenant is ever visible to another.
    Tenant in "tenants" as read {
        key id: TenantId,
        moves name: String,
        moves settings: Json<Settings>,
        /// Counts changes of the tenant, its settings and its API keys, so that of two at once the second
        /// decides over what the first left.
        guard version: i64,
        fixed created_at: Timestamp,
        /// What configurations and scripts call it. No two tenants have the same.
        fixed slug: String,
        /// It has no API keys since, and gets none.
        moves archived_at: Option<Timestamp>,
    }
}

crate::row! {
    /// A tenant's account at a payment provider. Its secrets are configuration, never rows.
    Account in "accounts" as read {
        key id: AccountId,
        fixed tenant: TenantId,
        fixed provider: String,
        /// The provider's own name of the account, as it stands in the webhook's path.
        fixed name: String,
        fixed mode: Mode,
        fixed created_at: Timestamp,
    }
}

crate::row! {
    /// A program that calls the API for a tenant. It may have several API keys in turn, and its
    /// idempotency keys survive their rotation.
    Client in "clients" as lock {
        key id: ClientId,
        fixed tenant: TenantId,
        fixed name: String,
        /// Seats held through this client, kept only while it has a limit.
        guard held_seats: i64,
        moves held_seats_max: Option<i64>,
        fixed created_at: Timestamp,
    }
}

crate::row! {
    /// An API key, known by its hash alone: the id is made of the first bytes of `hash`.
    ApiKey in "api_keys" as read {
        key id: ApiKeyId,
        fixed tenant: TenantId,
        fixed client: ClientId,
        /// SHA-256 of the whole secret. The secret has 32 random bytes, so no salt is needed.
        fixed hash: Vec<u8>,
        fixed scopes: Json<Vec<String>>,
        fixed mode: Mode,
        fixed created_at: Timestamp,
        moves revoked_at: Option<Timestamp>,
    }
}

crate::row! {
    /// An idempotency key and what it answered. The key stays forever; the reply may be pruned.
    Key in "keys" as lock {
        key id: KeyId,
        fixed tenant: TenantId,
        fixed client: ClientId,
        fixed text: String,
        fixed fingerprint: Fingerprint,
        guard progress: KeyProgress,
        moves status: Option<i64>,
        moves body: Option<String>,
        /// What the operation made.
        moves resource: Option<uuid::Uuid>,
        /// The path of what it made, for the `Location` header.
        moves location: Option<String>,
        fixed request_id: String,
        fixed created_at: Timestamp,
        moves finished_at: Option<Timestamp>,
    }
}
