//! Surehold installed in a directory: a database, a tenant, a provider's account, and a
//! configuration.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use store::Location;

use super::{Error, Ready, RunningProgram, run};
use crate::traffic;
use outbound::HttpConnection;

/// The seed of the key that signs tickets.
const TICKET_KEY: &str = "7777777777777777777777777777777777777777777777777777777777777777";

/// A tenant in the output of `surehold tenant create`.
#[derive(Clone, Debug, Deserialize)]
pub struct Tenant {
    pub tenant_id: String,
    pub api_key: String,
    pub ops_key: String,
}

#[derive(Clone, Debug)]
pub struct Catalogue {
    pub product: String,
    pub unit: String,
    pub slots: Vec<String>,
}

/// A tenant, with its accounts at the providers.
#[derive(Clone, Debug)]
pub struct Resident {
    pub tenant: Tenant,
    /// The account at Stripe, and its keys.
    pub account: String,
    pub secret_key: String,
    pub webhook_secret: String,
    /// Every account, that at Stripe included.
    pub accounts: Vec<InstalledAccount>,
}

/// An account at a provider.
#[derive(Clone, Debug)]
pub struct InstalledAccount {
    pub provider: &'static str,
    pub name: String,
    /// The key by which the provider knows the account's owner.
    pub secret_key: String,
    /// The secret that signs webhooks as the provider does; at a bank a part of their address.
    pub webhook_secret: String,
    /// The client's name at a bank. Its secret is `secret_key`.
    pub client_id: Option<String>,
}

/// The account of a tenant at each provider, by the digits of the tenant's id.
const ACCOUNTS: [fn(&str) -> InstalledAccount; 3] = [stripe, mercado_pago, bank];

fn stripe(tenant: &str) -> InstalledAccount {
    InstalledAccount {
        provider: "stripe",
        name: format!("acct_{tenant}"),
        secret_key: format!("sk_test_{tenant}"),
        webhook_secret: format!("whsec_{tenant}"),
        client_id: None,
    }
}

/// Its accounts are numbers, too short to be taken for the number of a card.
fn mercado_pago(tenant: &str) -> InstalledAccount {
    let number = u64::from_str_radix(&tenant[tenant.len() - 9..], 16).unwrap_or_default();
    InstalledAccount {
        provider: "mercado_pago",
        name: number.to_string(),
        secret_key: format!("TEST-{tenant}"),
        webhook_secret: format!("signature-{tenant}"),
        client_id: None,
    }
}

/// A bank with the central bank's API of Pix.
fn bank(tenant: &str) -> InstalledAccount {
    InstalledAccount {
        provider: "pix",
        name: format!("bank_{tenant}"),
        secret_key: format!("secret-{tenant}"),
        webhook_secret: format!("webhooks-{tenant}"),
        client_id: Some(format!("client-{tenant}")),
    }
}

/// The installation of one tenant, with its sandbox.
pub struct Installation {
    program: PathBuf,
    directory: PathBuf,
    pub database_url: String,
    pub location: Location,
    pub tenant: Tenant,
    pub account: String,
    /// The tenant above, and the neighbours that were added.
    residents: Vec<Resident>,
}

/// One process of the installation.
#[derive(Clone, Copy, Debug)]
pub struct Serving<'a> {
    /// The name of its files: configuration, log.
    pub name: &'a str,
    pub role: &'a str,
    pub listen: &'a str,
    /// The address of the provider.
    pub provider: Option<&'a str>,
    /// Further TOML for each account.
    pub account: &'a str,
    /// Further TOML, with sections last.
    pub more: &'a str,
}

/// Per request.
const SLOTS_PER_REQUEST: usize = 100;

impl Installation {
    /// Migrates the database and creates the tenant. No server may have a SQLite file open.
    pub async fn new(program: &Path, directory: &Path, database_url: &str) -> Result<Installation, Error> {
        let own = Resident::new(program, database_url, "Ferry").await?;
        let location = Location::parse(database_url)
            .map_err(|error| Error::Failed { what: "the database".to_owned(), message: error.to_string() })?;
        Ok(Installation {
            program: program.to_owned(),
            directory: directory.to_owned(),
            database_url: database_url.to_owned(),
            location,
            tenant: own.tenant.clone(),
            account: own.account.clone(),
            residents: vec![own],
        })
    }

    /// Adds a tenant to the same deployment, with its own account at the same provider. No server
    /// may run yet.
    pub async fn neighbour(&mut self) -> Result<Resident, Error> {
        let name = format!("Neighbour {}", self.residents.len());
        let neighbour = Resident::new(&self.program, &self.database_url, &name).await?;
        self.residents.push(neighbour.clone());
        Ok(neighbour)
    }

    /// Creates a key of the tenant as an operator does, and returns its secret. `scopes` are
    /// separated by commas.
    pub async fn key(&self, scopes: &str, live: bool) -> Result<String, Error> {
        let Installation { database_url, tenant, .. } = self;
        let mut arguments =
            vec!["key", "create", "--database-url", database_url, "--tenant", &tenant.tenant_id];
        arguments.extend(["--client", "another", "--scopes", scopes]);
        arguments.extend(live.then_some("--live"));
        let printed = run(&self.program, &arguments).await?;
        let made: Value = serde_json::from_str(&printed).unwrap_or_default();
        let secret = made["api_key"].as_str().map(str::to_owned);
        let failed =
            || Error::Failed { what: "surehold key create".to_owned(), message: "no key".to_owned() };
        secret.ok_or_else(failed)
    }

    /// The first one is the installation's own tenant.
    pub fn residents(&self) -> &[Resident] {
        &self.residents
    }

    pub fn sqlite_url(directory: &Path) -> String {
        format!("sqlite:{}", directory.join("surehold.sqlite").display())
    }

    /// Serves as the only process. `more` is further TOML, with sections last; `provider` is the
    /// sandbox's address.
    pub async fn serve(
        &self,
        listen: &str,
        provider: Option<&str>,
        more: &str,
    ) -> Result<RunningProgram, Error> {
        self.serve_as(&Serving { name: "server", role: "all", listen, provider, account: "", more }).await
    }

    /// Serves as one process of several.
    pub async fn serve_as(&self, serving: &Serving<'_>) -> Result<RunningProgram, Error> {
        let Serving { name, role, listen, provider, account, more } = *serving;
        let ready = self.directory.join(format!("{name}.ready.json"));
        let mut toml = format!(
            "database_url = {}\nrole = {}\nlisten = {}\nready_file = {}\n",
            quoted(&self.database_url),
            quoted(role),
            quoted(listen),
            quoted(&ready.display().to_string())
        );
        let sections = more.find('[').unwrap_or(more.len());
        toml.push_str(&more[..sections]);
        if let Some(provider) = provider {
            let residents = self.residents.iter().map(|resident| resident.toml(provider, account));
            toml.extend(residents);
        }
        write!(toml, "\n[tickets]\nsigning_keys = [{}]\n", quoted(TICKET_KEY)).expect("a String takes it");
        write!(toml, "\n{}", &more[sections..]).expect("a String takes it");
        let config = self.directory.join(format!("{name}.toml"));
        std::fs::write(&config, toml)?;
        let config = config.display().to_string();
        let arguments = ["serve", "--config", &config];
        RunningProgram::start(&self.program, &arguments, Ready::File(ready), self.log(name)).await
    }

    /// The log of all processes that had this name.
    pub fn log(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.log"))
    }

    /// The provider's sandbox, with its books in the directory.
    pub async fn sandbox(&self, listen: &str) -> Result<RunningProgram, Error> {
        let journal = self.directory.join("provider.journal").display().to_string();
        let log = self.log("sandbox");
        let record = traffic::file().map(|file| file.display().to_string());
        let mut arguments = vec!["sandbox", "--listen", listen, "--journal", &journal];
        arguments.extend(record.iter().flat_map(|file| ["--record", file]));
        RunningProgram::start(&self.program, &arguments, Ready::Line, log).await
    }

    /// Creates every account in the sandbox, with the address of its webhooks.
    pub async fn open_account(&self, sandbox_url: &str, server_url: &str) -> Result<(), Error> {
        for account in self.residents.iter().flat_map(|resident| &resident.accounts) {
            account.open(sandbox_url, server_url).await?;
        }
        Ok(())
    }

    /// Creates a product at 25 EUR per seat, with slots of this capacity some time in the future.
    pub async fn sell(&self, base_url: &str, slots: usize, capacity: i64) -> Result<Catalogue, Error> {
        sell(base_url, &self.tenant.api_key, "installation", "EUR", slots, capacity).await
    }
}

fn quoted(text: &str) -> String {
    json!(text).to_string()
}

impl Resident {
    async fn new(program: &Path, database_url: &str, name: &str) -> Result<Resident, Error> {
        let tenant = ["tenant", "create", "--database-url", database_url, "--name", name];
        let printed = run(program, &tenant).await?;
        let failed = |message: String| Error::Failed { what: "surehold tenant create".to_owned(), message };
        let tenant: Tenant = serde_json::from_str(&printed).map_err(|error| failed(error.to_string()))?;
        let digits = tenant.tenant_id.replace('-', "");
        let accounts = ACCOUNTS.map(|account| account(&digits)).to_vec();
        let InstalledAccount { name: account, secret_key, webhook_secret, .. } = accounts[0].clone();
        Ok(Resident { tenant, account, secret_key, webhook_secret, accounts })
    }

    /// The account at this provider.
    pub fn account_at(&self, provider: &str) -> Option<&InstalledAccount> {
        self.accounts.iter().find(|account| account.provider == provider)
    }

    fn toml(&self, base_url: &str, more: &str) -> String {
        let account = |account: &InstalledAccount| {
            format!(
                "\n[[accounts]]\ntenant = {}\nprovider = {}\nname = {}\nmode = \"test\"\n\
                 base_url = {}\nsecret_key = {}\nwebhook_secrets = [{}]\n{more}{}",
                quoted(&self.tenant.tenant_id),
                quoted(account.provider),
                quoted(&account.name),
                quoted(base_url),
                quoted(&account.secret_key),
                quoted(&account.webhook_secret),
                account.client_id.as_deref().map(client_toml).unwrap_or_default()
            )
        };
        self.accounts.iter().map(account).collect()
    }
}

/// The block of an account at a bank, which is the last of its account.
fn client_toml(client_id: &str) -> String {
    format!(
        "\n[accounts.pix]\nclient_id = {}\nkey = \"pix@ferry.example\"\nreceiver_name = \"Ferry\"\n\
         receiver_city = \"RECIFE\"\n",
        quoted(client_id)
    )
}

impl InstalledAccount {
    async fn open(&self, sandbox_url: &str, server_url: &str) -> Result<(), Error> {
        let mut webhook = format!("{server_url}/webhooks/{}/{}", self.provider, self.name);
        let mut secret_key = self.secret_key.clone();
        if let Some(client_id) = &self.client_id {
            webhook = format!("{webhook}?hmac={}", self.webhook_secret);
            secret_key = format!("{client_id}:{secret_key}");
        }
        let account = json!({
            "id": self.name,
            "provider": self.provider,
            "secret_key": secret_key,
            "fees": { "basis_points": 290, "fixed_minor": 30, "dispute_minor": 1_500 },
            "webhook": { "url": webhook, "secrets": [self.webhook_secret] },
        });
        let answer =
            HttpConnection::new(sandbox_url).post("/sandbox/accounts", &[], account.to_string()).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(Error::Failed { what: "POST /sandbox/accounts".to_owned(), message: answer.text() })
    }
}

/// Creates a product at 25 of the currency per seat, of which 5 are tax, with slots of this capacity some time in the
/// future. `name` begins the idempotency keys.
pub async fn sell(
    base_url: &str,
    api_key: &str,
    name: &str,
    currency: &str,
    slots: usize,
    capacity: i64,
) -> Result<Catalogue, Error> {
    let mut client = HttpConnection::new(base_url);
    let product = json!({
        "name": "Sunset sail", "time_zone": "Europe/Lisbon", "currency": currency,
        "units": [{ "name": "Adult", "price": { "minor": 2_500, "currency": currency } }],
        "taxes": [{ "name": "VAT", "rate_basis_points": 2_500, "included": true }],
    });
    let made = post(&mut client, api_key, "/v1/products", &format!("{name}-product"), &product).await?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut catalogue =
        Catalogue { product: text(&made["id"]), unit: text(&made["units"][0]["id"]), slots: Vec::new() };
    let path = format!("/v1/products/{}/slots", catalogue.product);
    for first in (0..slots).step_by(SLOTS_PER_REQUEST) {
        let slot = |at: usize| {
            let (day, hour) = (1 + at / 24 % 28, at % 24);
            let (year, month) = (2_099 + at / (24 * 28 * 12), 1 + at / (24 * 28) % 12);
            json!({ "starts_at": format!("{year}-{month:02}-{day:02}T{hour:02}:00:00Z"), "capacity": capacity })
        };
        let opened: Vec<Value> = (first..slots.min(first + SLOTS_PER_REQUEST)).map(slot).collect();
        let key = format!("{name}-slots-{first}");
        let made = post(&mut client, api_key, &path, &key, &json!({ "slots": opened })).await?;
        let made = made["data"].as_array().cloned().unwrap_or_default();
        catalogue.slots.extend(made.iter().map(|slot| text(&slot["id"])));
    }
    if catalogue.slots.len() != slots {
        let message = format!("{} of {slots} slots were opened", catalogue.slots.len());
        return Err(Error::Failed { what: path, message });
    }
    Ok(catalogue)
}

async fn post(
    client: &mut HttpConnection,
    api_key: &str,
    path: &str,
    key: &str,
    body: &Value,
) -> Result<Value, Error> {
    let authorization = format!("Bearer {api_key}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    let answer = client.post(path, &headers, body.to_string()).await?;
    let failed = |message| Error::Failed { what: format!("POST {path}"), message };
    if !answer.status.is_success() {
        return Err(failed(format!("{}: {}", answer.status, answer.text())));
    }
    answer.json().map_err(|error| failed(error.to_string()))
}
