//! The two tenants, `one` and `two`: their API keys, accounts and secrets are named after them.

use std::sync::Arc;

use domain::commands::Provision;
use domain::rows::{self, ApiKey, Mode};
use domain::working_set::Json;
use domain::{ApiKeyId, ClientId, TenantId, Timestamp};
use providers::{Secret, stripe};
use server::clock::SystemClock;
use server::ids::UuidV7;
use server::service::AccountSettings;
use server::wire::Wire;
use sha2::{Digest as _, Sha256};
use store::{Location, Options, Store};
use uuid::Uuid;

pub const TENANTS: [&str; 2] = ["one", "two"];
const SCOPES: [&str; 5] = ["bookings", "payments", "catalogue", "ops", "ledger"];

pub fn account_name(tenant: &str) -> String {
    format!("acct_{tenant}")
}

pub fn webhook_path(tenant: &str) -> String {
    format!("/webhooks/stripe/{}", account_name(tenant))
}

pub fn webhook_secret(tenant: &str) -> String {
    format!("whsec_{tenant}")
}

pub fn secret_key(tenant: &str) -> String {
    format!("sk_test_{tenant}")
}

pub fn tenant_id(name: &str) -> TenantId {
    TenantId(Uuid::from_u128(1 + TENANTS.iter().position(|tenant| *tenant == name).unwrap() as u128))
}

pub fn client_id(tenant: &str) -> ClientId {
    ClientId(Uuid::from_u128(tenant_id(tenant).0.as_u128() + 1_000))
}

pub fn account(name: &str, sandbox_url: &str) -> AccountSettings {
    let secrets = vec![Secret::new(webhook_secret(name))];
    let mut stripe = stripe::Settings::new(Secret::new(secret_key(name)), secrets, Mode::Test);
    sandbox_url.clone_into(&mut stripe.base_url);
    AccountSettings { tenant: tenant_id(name), name: account_name(name), stripe }
}

pub async fn provision(location: &Location) {
    let options =
        Options::new(location.clone(), Arc::new(SystemClock), Arc::new(UuidV7::default()), Arc::new(Wire));
    let store = Store::open(options).await.unwrap();
    for name in TENANTS {
        let created_at = Timestamp(0);
        let tenant = tenant_id(name);
        let client = client_id(name);
        let hash: [u8; 32] = Sha256::digest(format!("sk_{name}")).into();
        let provision = Provision {
            tenant: rows::Tenant {
                id: tenant,
                name: name.to_owned(),
                settings: Json(rows::Settings::default()),
                version: 1,
                created_at,
                slug: tenant.to_string(),
                archived_at: None,
            },
            accounts: vec![],
            clients: vec![rows::Client {
                id: client,
                tenant,
                name: "shop".to_owned(),
                held_seats: 0,
                held_seats_max: None,
                created_at,
            }],
            api_keys: vec![ApiKey {
                id: ApiKeyId::of_secret_hash(&hash),
                tenant,
                client,
                hash: hash.to_vec(),
                scopes: Json(SCOPES.map(str::to_owned).to_vec()),
                mode: Mode::Test,
                created_at,
                revoked_at: None,
            }],
        };
        store.submit(Box::new(provision)).await.unwrap();
    }
    store.close().await;
}
