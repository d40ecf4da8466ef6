//! Tenants for tests: ids, keys and secrets are derived from the name.

use domain::commands::Provision;
use domain::rows::{Account, ApiKey, Client, Mode, Settings, Tenant};
use domain::working_set::Json;
use domain::{AccountId, ApiKeyId, ClientId, TenantId, Timestamp};
use providers::{Secret, stripe};
use server::service::AccountSettings;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub const ALL_SCOPES: [&str; 6] = ["bookings", "payments", "catalogue", "ops", "ledger", "payouts"];

/// A tenant with one client and one account at Stripe.
#[derive(Clone, Copy, Debug)]
pub struct TestTenant {
    pub name: &'static str,
    number: u128,
}

pub const ONE: TestTenant = TestTenant { name: "one", number: 1 };
pub const TWO: TestTenant = TestTenant { name: "two", number: 2 };

/// An API key: its secret, its scopes, and when it was revoked.
pub type TestApiKey<'a> = (&'a str, &'a [&'a str], Option<Timestamp>);

impl TestTenant {
    pub fn id(self) -> TenantId {
        TenantId(Uuid::from_u128(self.number))
    }

    pub fn client(self) -> ClientId {
        ClientId(Uuid::from_u128(self.number + 1_000))
    }

    /// The API key with all scopes.
    pub fn api_key(self) -> String {
        format!("sk_{}", self.name)
    }

    pub fn account(self) -> AccountId {
        AccountId::of("stripe", &self.account_name())
    }

    pub fn account_name(self) -> String {
        format!("acct_{}", self.name)
    }

    pub fn provider_key(self) -> String {
        format!("sk_test_{}", self.name)
    }

    pub fn webhook_secret(self) -> String {
        format!("whsec_{}", self.name)
    }

    pub fn webhook_path(self) -> String {
        format!("/webhooks/stripe/{}", self.account_name())
    }

    pub fn account_settings(self, provider_url: &str) -> AccountSettings {
        let secrets = vec![Secret::new(self.webhook_secret())];
        let mut settings = stripe::ADAPTER.settings(Secret::new(self.provider_key()), secrets, Mode::Test);
        provider_url.clone_into(&mut settings.wire.base_url);
        AccountSettings::new(self.id(), &stripe::ADAPTER, &self.account_name(), settings)
    }

    /// Creates the tenant with its client, its account and an API key with all scopes.
    pub fn provision(self) -> Provision {
        self.provision_keys(&[(&self.api_key(), &ALL_SCOPES, None)])
    }

    pub fn provision_keys(self, keys: &[TestApiKey<'_>]) -> Provision {
        provision(self.id(), self.client(), &self.account_name(), keys)
    }
}

/// Creates a tenant with one client, one account at Stripe, and these API keys.
pub fn provision(id: TenantId, client: ClientId, account: &str, keys: &[TestApiKey<'_>]) -> Provision {
    let created_at = Timestamp(1);
    let api_key = |(secret, scopes, revoked_at): &TestApiKey<'_>| {
        let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        ApiKey {
            id: ApiKeyId::of_secret_hash(&hash),
            tenant: id,
            client,
            hash: hash.to_vec(),
            scopes: Json(scopes.iter().map(ToString::to_string).collect()),
            mode: Mode::Test,
            created_at,
            revoked_at: *revoked_at,
        }
    };
    Provision {
        tenant: Tenant {
            id,
            name: account.to_owned(),
            settings: Json(Settings::default()),
            version: 1,
            created_at,
            slug: id.to_string(),
            archived_at: None,
        },
        accounts: vec![Account {
            id: AccountId::of("stripe", account),
            tenant: id,
            provider: "stripe".to_owned(),
            name: account.to_owned(),
            mode: Mode::Test,
            has_payment_unknown_here: false,
            created_at,
        }],
        clients: vec![Client {
            id: client,
            tenant: id,
            name: "web".to_owned(),
            held_seats: 0,
            held_seats_max: None,
            created_at,
        }],
        api_keys: keys.iter().map(api_key).collect(),
    }
}

/// The seed of the key that signs tickets.
pub fn ticket_key() -> Secret {
    Secret::new("7".repeat(64))
}
