//! The demo's environment: a data directory, the sandbox, the seeded database, the server,
//! `demo.json`.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use domain::rows::Slot;
use providers::Secret;
use serde_json::{Value, json};
use server::service::{self, Settings};
use store::{Location, Store};

use super::seeds::{self, OpenSlots, SMALL_CAPACITY, Seeds};
use crate::serve::open;
use crate::{Failed, failed};

pub struct DemoEnvironment {
    pub seeds: Seeds,
    pub slots: Vec<Slot>,
    pub small_slot: Slot,
    pub slot_in_reais: Slot,
    pub base_url: String,
    pub sandbox_url: String,
    pub location: Location,
    pub data: PathBuf,
    server: service::RunningService,
    sandbox: sandbox::RunningSandbox,
}

impl DemoEnvironment {
    pub async fn set(arguments: &super::Arguments) -> Result<DemoEnvironment, Failed> {
        let data = arguments.data.clone();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&data)
            .map_err(|error| failed(format!("{} cannot be created: {error}", data.display())))?;
        let location = match &arguments.database_url {
            Some(url) => Location::parse(url)?,
            None => Location::Sqlite { path: data.join("surehold.sqlite") },
        };
        let secrets = data.join("demo-secrets.json");
        refuse_another_schema(&location, &secrets, arguments.database_url.is_some()).await?;
        Store::migrate(&location).await?;
        let store = open(location.clone()).await?;
        let seeds = match seeds::refuse_others(&location, &store, &secrets).await {
            Ok(()) => seeds::load_or_create(&store, &secrets).await?,
            Err(others) => {
                store.close().await;
                return Err(others);
            }
        };
        let OpenSlots { slots, in_reais } = seeds::open_slots(&store, &seeds).await?;
        store.close().await;
        let small_slot = slots
            .iter()
            .find(|slot| slot.capacity == SMALL_CAPACITY && slot.vacancies() == SMALL_CAPACITY)
            .cloned()
            .ok_or_else(|| failed("the small slot is missing"))?;
        let slot_in_reais = in_reais
            .into_iter()
            .max_by_key(Slot::vacancies)
            .ok_or_else(|| failed("the slot in reais is missing"))?;

        let (listen, journal) = (arguments.sandbox_listen, data.join("sandbox.journal"));
        let options = sandbox::Options { listen, journal, record: None };
        let sandbox = sandbox::start(options).await?;
        let sandbox_url = format!("http://{}", sandbox.address);
        let mut settings = Settings::new(arguments.listen, location.clone());
        settings.ticket_keys = vec![Secret::new(seeds.ticket_key.clone())];
        for tenant in &seeds.tenants {
            let accounts = tenant.accounts.iter().map(|account| account.settings(tenant.id, &sandbox_url));
            settings.accounts.extend(accounts.collect::<Result<Vec<_>, Failed>>()?);
        }
        let names = settings.accounts.iter().map(|account| account.name.as_str());
        settings.metrics = Some(server::metrics::install(names)?);
        let server = service::start(settings).await?;
        let base_url = format!("http://{}", server.address);
        let stage = DemoEnvironment {
            seeds,
            slots,
            small_slot,
            slot_in_reais,
            base_url,
            sandbox_url,
            location,
            data,
            server,
            sandbox,
        };
        match stage.create_accounts().await.and_then(|()| stage.write_demo_json()) {
            Ok(()) => Ok(stage),
            Err(failed) => {
                stage.stop().await;
                Err(failed)
            }
        }
    }

    /// Creates the accounts in the sandbox, with the addresses of their webhooks.
    async fn create_accounts(&self) -> Result<(), Failed> {
        let mut sandbox = outbound::HttpConnection::new(&self.sandbox_url);
        for account in self.seeds.tenants.iter().flat_map(|tenant| &tenant.accounts) {
            let account = account.at_sandbox(&self.base_url);
            let headers = [("content-type", "application/json")];
            let answer = sandbox.post("/sandbox/accounts", &headers, account.to_string()).await?;
            if !answer.status.is_success() {
                return Err(failed(format!("the sandbox refused an account: {}", answer.text())));
            }
        }
        Ok(())
    }

    fn write_demo_json(&self) -> Result<(), Failed> {
        let tenants: Vec<_> = self
            .seeds
            .tenants
            .iter()
            .map(|tenant| {
                json!({
                    "name": tenant.name, "api_key": tenant.api_key, "ops_key": tenant.ops_key,
                    "accounts": accounts(tenant),
                })
            })
            .collect();
        let slots: Vec<_> = self
            .slots
            .iter()
            .filter(|slot| slot.capacity != SMALL_CAPACITY)
            .map(|slot| json!({ "id": slot.id.0, "capacity": slot.capacity, "starts_at": starts_at(slot) }))
            .collect();
        let first = &self.seeds.tenants[0];
        let demo = json!({
            "base_url": self.base_url,
            "pid": std::process::id(),
            "sandbox_url": self.sandbox_url,
            "tenants": tenants,
            "product_id": first.product.id,
            "unit_id": first.product.unit_id,
            "slots": slots,
            "small_slot": { "id": self.small_slot.id.0, "capacity": self.small_slot.capacity },
            "in_reais": {
                "product_id": first.product_in_reais.id,
                "unit_id": first.product_in_reais.unit_id,
                "slot_id": self.slot_in_reais.id.0,
            },
        });
        seeds::write_private(&self.data.join("demo.json"), &format!("{demo:#}\n"))
    }

    /// Stops cleanly: the server first, so that its calls in progress still reach the provider.
    pub async fn stop(self) {
        self.server.stop().await;
        self.sandbox.stop().await;
    }
}

/// A database that is not the demo's is left unchanged: neither migrated nor added to.
async fn refuse_another_schema(location: &Location, secrets: &Path, is_given: bool) -> Result<(), Failed> {
    match Store::open_read_only(location).await {
        Ok(queries) => seeds::refuse_others(location, &queries, secrets).await,
        Err(store::Error::Missing { .. } | store::Error::NotMigrated { found: 0, .. }) => Ok(()),
        // The demo's own file, written by an older version of the program.
        Err(store::Error::NotMigrated { .. }) if !is_given => Ok(()),
        Err(error) => Err(failed(format!("{location}: {error}"))),
    }
}

fn starts_at(slot: &Slot) -> String {
    jiff::Timestamp::from_microsecond(slot.starts_at.0).map_or_else(|_| String::new(), |at| at.to_string())
}

/// The names of the tenant's accounts, by provider.
fn accounts(tenant: &seeds::SeededTenant) -> Value {
    tenant.accounts.iter().map(|account| (account.provider.clone(), json!(account.name))).collect()
}
