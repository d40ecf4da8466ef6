//! The operator's changes to tenants, their API keys and their products, from the command line.
//!
//! On PostgreSQL the command line carries out a request itself, beside the servers. On SQLite one
//! process has the database open. If that is a server, the request goes to it through a socket
//! beside the file ([`socket`]), and the server carries it out by the same function.
//!
//! A tenant is named by its slug, its id or its name, as in the configuration.
//!
//! What must never be here: a secret in a log, or access for anybody but the owner of the database.

mod catalogue;
pub mod slug;
pub mod socket;

use api::requests::Scope;
use domain::commands::{AddApiKey, ArchiveTenant, KeyOwner, Origin, Provision, RenameTenant, RevokeApiKey};
use domain::limits::API_KEYS_MAX;
use domain::rows::{Actor, ApiKey, Client, Mode, Tenant};
use domain::working_set::{Command, Json};
use domain::{ApiKeyId, ClientId, Ids, Refusal, Reply, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Clock as _, CommandResult, Queries, Store};
use uuid::Uuid;

use crate::ids::UuidV7;
use crate::ports::clock::SystemClock;
use crate::secret;

/// The scopes of the first key of a tenant, for its own programs.
pub const CLIENT_SCOPES: [Scope; 4] = [Scope::Bookings, Scope::Payments, Scope::Catalogue, Scope::Ledger];
/// Limits the retries if others change the tenant at the same time.
const TRIES_MAX: usize = 5;
/// The most clients of a tenant that are searched for a name.
const CLIENTS_MAX: usize = 1_000;

/// A request, as it is sent through the socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum AdminRequest {
    CreateTenant {
        name: String,
        slug: String,
        mode: Mode,
    },
    RenameTenant {
        tenant: String,
        name: String,
    },
    ArchiveTenant {
        tenant: String,
    },
    /// `client` is the name or the id of a client of the tenant; an unknown name creates a client.
    CreateKey {
        tenant: String,
        client: String,
        scopes: Vec<Scope>,
        mode: Mode,
    },
    RevokeKey {
        tenant: String,
        key: Uuid,
    },
    /// `product` is a request body of the API.
    CreateProduct {
        tenant: String,
        product: Value,
    },
    /// `slots` is a request body of the API.
    AddSlots {
        tenant: String,
        product: Uuid,
        slots: Value,
    },
}

/// Carries out a request. The result may contain a secret that is shown once; a refusal is a
/// sentence.
pub async fn carry_out(store: &Store, request: AdminRequest) -> Result<Value, String> {
    match request {
        AdminRequest::CreateTenant { name, slug, mode } => create_tenant(store, &name, &slug, mode).await,
        AdminRequest::RenameTenant { tenant, name } => {
            let tenant = find(store, &tenant).await?.id;
            submit(store, RenameTenant { tenant, origin: by_person(), name }).await?.tenant()
        }
        AdminRequest::ArchiveTenant { tenant } => archive(store, find(store, &tenant).await?.id).await,
        AdminRequest::CreateKey { tenant, client, scopes, mode } => {
            create_key(store, &find(store, &tenant).await?, &client, &scopes, mode).await
        }
        AdminRequest::CreateProduct { tenant, product } => {
            catalogue::create_product(store, &find(store, &tenant).await?, product).await
        }
        AdminRequest::AddSlots { tenant, product, slots } => {
            catalogue::add_slots(store, &find(store, &tenant).await?, product, slots).await
        }
        AdminRequest::RevokeKey { tenant, key } => {
            revoke_key(store, find(store, &tenant).await?.id, key).await
        }
    }
}

/// The tenant with this slug, this id, or this name if only one has it.
pub async fn find(queries: &Queries, named: &str) -> Result<Tenant, String> {
    let broken = |error: store::Error| error.to_string();
    if let Some(tenant) = queries.tenant_of_slug(named).await.map_err(broken)? {
        return Ok(tenant);
    }
    if let Ok(id) = named.parse().map(TenantId)
        && let Some(tenant) = queries.tenant(id).await.map_err(broken)?
    {
        return Ok(tenant);
    }
    let mut tenants = queries.tenants_named(named, 2).await.map_err(broken)?;
    match (tenants.pop(), tenants.is_empty()) {
        (Some(tenant), true) => Ok(tenant),
        (Some(_), false) => Err(format!("several tenants are called `{named}`: name one by its slug or id")),
        (None, _) => Err(format!("there is no tenant `{named}`: `surehold tenant list` shows them")),
    }
}

/// A new tenant with one client and one operator, and their secrets.
pub struct NewTenant {
    pub command: Provision,
    pub api_key: String,
    pub ops_key: String,
}

impl NewTenant {
    pub fn new(name: &str, slug: &str, mode: Mode, ids: &dyn Ids, now: Timestamp) -> NewTenant {
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
        let key = |secret: &str, client: ClientId, scopes: &[Scope]| {
            let hash = secret::hash(secret);
            ApiKey {
                id: ApiKeyId::of_secret_hash(&hash),
                tenant,
                client,
                hash: hash.to_vec(),
                scopes: Json(names(scopes)),
                mode,
                created_at: now,
                revoked_at: None,
            }
        };
        let api_keys = vec![key(&app_secret, app.id, &CLIENT_SCOPES), key(&ops_secret, ops.id, &Scope::ALL)];
        let row = Tenant {
            id: tenant,
            name: name.to_owned(),
            settings: Json::default(),
            version: 1,
            created_at: now,
            slug: slug.to_owned(),
            archived_at: None,
        };
        NewTenant {
            command: Provision { tenant: row, accounts: vec![], clients: vec![app, ops], api_keys },
            api_key: app_secret,
            ops_key: ops_secret,
        }
    }
}

fn names(scopes: &[Scope]) -> Vec<String> {
    scopes.iter().map(|scope| scope.name().to_owned()).collect()
}

async fn create_tenant(store: &Store, name: &str, slug: &str, mode: Mode) -> Result<Value, String> {
    let taken = || format!("there is a tenant `{slug}` already: give this one another slug with --slug");
    if is_taken(store, slug).await? {
        return Err(taken());
    }
    let new = NewTenant::new(name, slug, mode, &UuidV7::default(), SystemClock.now());
    let tenant = new.command.tenant.id;
    // If two are created at the same time, the unique index refuses the second.
    if let Err(why) = store.submit(Box::new(new.command)).await {
        return Err(if is_taken(store, slug).await? { taken() } else { why.to_string() });
    }
    Ok(json!({
        "tenant_id": tenant.0, "slug": slug, "name": name, "mode": mode.name(),
        "api_key": new.api_key, "ops_key": new.ops_key,
    }))
}

async fn is_taken(store: &Store, slug: &str) -> Result<bool, String> {
    Ok(store.tenant_of_slug(slug).await.map_err(|error| error.to_string())?.is_some())
}

async fn archive(store: &Store, tenant: TenantId) -> Result<Value, String> {
    let command = |tenant_version, live| ArchiveTenant { tenant, origin: by_person(), tenant_version, live };
    again(store, tenant, command).await?.tenant()
}

async fn create_key(
    store: &Store,
    tenant: &Tenant,
    client: &str,
    scopes: &[Scope],
    mode: Mode,
) -> Result<Value, String> {
    let owner = owner(store, tenant.id, client).await?;
    let secret = secret::new(mode);
    let command = |tenant_version, live| AddApiKey {
        tenant: tenant.id,
        origin: by_person(),
        owner: owner.clone(),
        hash: secret::hash(&secret),
        scopes: names(scopes),
        mode,
        tenant_version,
        live,
    };
    let mut shown = again(store, tenant.id, command).await?.key()?;
    shown["api_key"] = json!(secret);
    Ok(shown)
}

async fn revoke_key(store: &Store, tenant: TenantId, key: Uuid) -> Result<Value, String> {
    let key = ApiKeyId(key);
    let found = store.api_key(key).await.map_err(|error| error.to_string())?;
    let found = found.filter(|found| found.tenant == tenant);
    let mode = found.ok_or("the tenant has no such API key: `surehold key list` shows them")?.mode;
    let (_, live) = keys_of(store, tenant).await?;
    submit(store, RevokeApiKey { tenant, origin: by_person(), mode, key, live }).await?.key()
}

async fn owner(store: &Store, tenant: TenantId, named: &str) -> Result<KeyOwner, String> {
    let clients = store.clients(tenant, CLIENTS_MAX).await.map_err(|error| error.to_string())?;
    let is_named = |client: &&Client| client.name == named || client.id.0.to_string() == named;
    let mut found = clients.iter().filter(is_named);
    match (found.next(), found.next()) {
        (Some(client), None) => Ok(KeyOwner::Known(client.id)),
        (Some(_), Some(_)) => Err(format!("several clients are called `{named}`: name one by its id")),
        (None, _) => Ok(KeyOwner::New(named.to_owned())),
    }
}

/// The tenant's version, and the keys that existed at that version or later.
async fn keys_of(store: &Store, tenant: TenantId) -> Result<(i64, Vec<ApiKeyId>), String> {
    let row = store.tenant(tenant).await.map_err(|error| error.to_string())?;
    let version = row.ok_or("there is no such tenant")?.version;
    let keys = store.live_api_keys(tenant, API_KEYS_MAX + 1).await.map_err(|error| error.to_string())?;
    Ok((version, keys.into_iter().map(|key| key.id).collect()))
}

fn by_person() -> Origin {
    Origin { why: Some("the command line".to_owned()), ..Origin::of(Actor::Person) }
}

/// Reads the tenant and tries again if another change came first.
async fn again<C: Command + 'static>(
    store: &Store,
    tenant: TenantId,
    command: impl Fn(i64, Vec<ApiKeyId>) -> C,
) -> Result<Done, String> {
    let mut tries = 1;
    loop {
        let (version, live) = keys_of(store, tenant).await?;
        match store.submit(Box::new(command(version, live))).await.map_err(|why| why.to_string())? {
            CommandResult::Refused { refusal: Refusal::ChangedMeanwhile, .. } if tries < TRIES_MAX => {
                tries += 1;
            }
            answer => return done(answer),
        }
    }
}

async fn submit(store: &Store, command: impl Command + 'static) -> Result<Done, String> {
    done(store.submit(Box::new(command)).await.map_err(|why| why.to_string())?)
}

fn done(answer: CommandResult) -> Result<Done, String> {
    match answer {
        CommandResult::Fresh { reply, .. } => Ok(Done(reply)),
        CommandResult::Refused { refusal, .. } => {
            let problem = api::Problem::of(&refusal, "");
            Err(format!("{}: {}", problem.title, problem.detail))
        }
        _ => Err("it was answered with something else".to_owned()),
    }
}

struct Done(Reply);

impl Done {
    fn tenant(self) -> Result<Value, String> {
        match self.0 {
            Reply::Tenant(tenant) => Ok(shown(&tenant)),
            _ => Err("it was answered with something else".to_owned()),
        }
    }

    /// The view that the API returns.
    fn view(self) -> Result<Value, String> {
        serde_json::from_str(&api::render_reply(&self.0).body).map_err(|error| error.to_string())
    }

    fn key(self) -> Result<Value, String> {
        match self.0 {
            Reply::ApiKey(made) => Ok(shown_key(&made.0, &made.1)),
            _ => Err("it was answered with something else".to_owned()),
        }
    }
}

pub fn shown(tenant: &Tenant) -> Value {
    json!({
        "tenant_id": tenant.id.0,
        "slug": tenant.slug,
        "name": tenant.name,
        "created_at": api::time::instant(tenant.created_at).to_string(),
        "archived_at": tenant.archived_at.map(|at| api::time::instant(at).to_string()),
    })
}

/// A key as a list shows it: never its secret.
pub fn shown_key(key: &ApiKey, client: &Client) -> Value {
    json!({
        "key_id": key.id.0,
        "client_id": client.id.0,
        "client": client.name,
        "mode": key.mode.name(),
        "scopes": key.scopes.0,
        "created_at": api::time::instant(key.created_at).to_string(),
        "revoked_at": key.revoked_at.map(|at| api::time::instant(at).to_string()),
    })
}
