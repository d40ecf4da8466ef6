//! Tenants, their clients and API keys, and the idempotency keys of the clients.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::idempotency::{Fingerprint, KeyProgress};
use crate::ids::{AccountId, ApiKeyId, ClientId, KeyId, TenantId};
use crate::time::Timestamp;
use crate::working_set::Json;

/// A key, an account and a payment have one mode. Test and live never mix.
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

/// What happens to money that arrives after its hold has ended.
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
    /// Seats that one customer may hold at once. `None`: no limit.
    pub seats_held_per_customer_max: Option<i64>,
    pub hold_seconds: i64,
    pub hold_seconds_max: i64,
}

impl Settings {
    /// How long a hold lasts if the request has no time. A version that did not compare the two
    /// settings may have stored a default above the maximum.
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
    /// A company that sells seats. No row of one tenant is ever visible to another.
    Tenant in "tenants" as read {
        key id: TenantId,
        moves name: String,
        moves settings: Json<Settings>,
        /// Counts changes of the tenant, its settings and its API keys, so that of two concurrent
        /// changes the second decides over the result of the first.
        guard version: i64,
        fixed created_at: Timestamp,
        /// The tenant's name in configurations and scripts. It is unique.
        fixed slug: String,
        /// Since then the tenant has no API keys, and gets none.
        moves archived_at: Option<Timestamp>,
    }
}

crate::row! {
    /// A tenant's account at a payment provider. Its secrets are configuration, never rows.
    Account in "accounts" as read {
        key id: AccountId,
        fixed tenant: TenantId,
        fixed provider: String,
        /// The name of the account in the webhook's path.
        fixed name: String,
        fixed mode: Mode,
        /// A reconciliation has found money of payments that we do not have, so a charge looks among them
        /// before its first call. Once true it stays so: a charge that does not look may charge twice.
        guard has_payment_unknown_here: bool,
        fixed created_at: Timestamp,
    }
}

crate::row! {
    /// A program that calls the API for a tenant. Its idempotency keys stay valid when its API keys are
    /// replaced.
    Client in "clients" as lock {
        key id: ClientId,
        fixed tenant: TenantId,
        fixed name: String,
        /// Seats held through this client, counted only while it has a limit.
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
    /// An idempotency key and its reply. The key stays forever, and the reply may be pruned.
    Key in "keys" as lock {
        key id: KeyId,
        fixed tenant: TenantId,
        fixed client: ClientId,
        fixed text: String,
        fixed fingerprint: Fingerprint,
        guard progress: KeyProgress,
        moves status: Option<i64>,
        moves body: Option<String>,
        /// The resource that the operation made.
        moves resource: Option<uuid::Uuid>,
        /// The path of that resource, for the `Location` header.
        moves location: Option<String>,
        fixed request_id: String,
        fixed created_at: Timestamp,
        moves finished_at: Option<Timestamp>,
    }
}
