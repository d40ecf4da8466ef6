//! New tenants and API keys: random, shown once, kept as hashes.

use domain::commands::Provision;
use domain::rows::{ApiKey, Client, Mode, Tenant};
use domain::working_set::Json;
use domain::{ApiKeyId, ClientId, Ids, TenantId, Timestamp};
use server::http::secret;

/// What a client of the tenant's own programs may do.
pub const CLIENT_SCOPES: &[&str] = &["bookings", "payments", "catalogue", "ledger"];
/// What the people who operate it may do besides.
pub const OPS_SCOPES: &[&str] = &["bookings", "payments", "catalogue", "ledger", "ops"];

/// A tenant with one client and one operator, and their secrets.
pub struct NewTenant {
    pub command: Provision,
    pub api_key: String,
    pub ops_key: String,
}

/// A row for a secret that is shown to its owner alone.
fn api_key(
    secret: &str,
    mode: Mode,
    tenant: TenantId,
    client: ClientId,
    scopes: &[&str],
    now: Timestamp,
) -> ApiKey {
    let hash = secret::hash(secret);
    ApiKey {
        id: ApiKeyId::of_secret_hash(&hash),
        tenant,
        client,
        hash: hash.to_vec(),
        scopes: Json(scopes.iter().map(ToString::to_string).collect()),
        mode,
        created_at: now,
        revoked_at: None,
    }
}

pub fn tenant(name: &str, mode: Mode, ids: &dyn Ids, now: Timestamp) -> NewTenant {
    let tenant = TenantId(ids.next());
    let client = |name: &str| Client {
        id: ClientId(ids.next()),
        tenant,
        name: name.to_owned(),
        held_seats: 0,
        held_seats_max: None,
        created_at: now,
    };
    let (app, ops) = (client("app"), client("ops"));
    let (app_secret, ops_secret) = (secret::new(mode), secret::new(mode));
    let api_keys = vec![
        api_key(&app_secret, mode, tenant, app.id, CLIENT_SCOPES, now),
        api_key(&ops_secret, mode, tenant, ops.id, OPS_SCOPES, now),
    ];
    let row =
        Tenant { id: tenant, name: name.to_owned(), settings: Json::default(), version: 1, created_at: now };
    NewTenant {
        command: Provision { tenant: row, accounts: vec![], clients: vec![app, ops], api_keys },
        api_key: app_secret,
        ops_key: ops_secret,
    }
}
