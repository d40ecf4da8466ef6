//! The demo's tenants: created once per data directory and database, then reused.

use std::path::Path;

use domain::commands::{AddSlots, CreateProduct, NewSlot, NewUnit};
use domain::provider::TenantProviders;
use domain::rows::{Actor, Mode, Slot};
use domain::time::Span;
use domain::{ClientId, Currency, ProductId, Reply, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use server::admin::{NewTenant, slug};
use server::ids::UuidV7;
use server::ports::clock::SystemClock;
use store::{Clock as _, CommandResult, Location, Queries, Store};
use uuid::Uuid;

use super::accounts::{SeededAccount, new_accounts};
use crate::{Failed, failed};

const DAY: Span = Span::seconds(24 * 60 * 60);
const SLOT_CAPACITY: i64 = 1_000;
pub const SMALL_CAPACITY: i64 = 10;
/// If fewer slots than this are ahead, more are opened.
const SLOTS_AHEAD: usize = 5;

/// What the demo stores between two runs. It contains secrets, so only its owner may read it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seeds {
    /// The database that it was created in: another database is seeded again.
    pub database_id: Uuid,
    /// Signs the tickets of bookings.
    pub ticket_key: String,
    pub tenants: Vec<SeededTenant>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeededTenant {
    pub id: Uuid,
    pub client_id: Uuid,
    pub name: String,
    pub api_key: String,
    pub ops_key: String,
    pub accounts: Vec<SeededAccount>,
    pub product: SeededProduct,
    /// Sold in reais, for the providers of Brazil.
    pub product_in_reais: SeededProduct,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SeededProduct {
    pub id: Uuid,
    pub unit_id: Uuid,
}

/// The seeds of this database, from the file or created now.
pub async fn load_or_create(store: &Store, file: &Path) -> Result<Seeds, Failed> {
    if let Some(seeds) = read(file)?.filter(|seeds| seeds.database_id == store.database_id()) {
        return Ok(seeds);
    }
    let mut tenants = Vec::new();
    for (name, product, in_reais) in [
        (
            "Harbour Tours",
            NewProduct::in_euros("Sunset sail", 4_500),
            NewProduct::in_reais("Island ferry", 15_000),
        ),
        (
            "Alpine Guides",
            NewProduct::in_euros("Glacier walk", 12_500),
            NewProduct::in_reais("Dune walk", 20_000),
        ),
    ] {
        let slug = slug::of_name(name);
        let new = NewTenant::new(name, &slug, Mode::Test, &UuidV7::default(), SystemClock.now());
        let (tenant, client) = (new.command.tenant.id, new.command.clients[0].id);
        submit(store, new.command).await?;
        tenants.push(SeededTenant {
            id: tenant.0,
            client_id: client.0,
            name: name.to_owned(),
            api_key: new.api_key,
            ops_key: new.ops_key,
            accounts: new_accounts(tenant.0),
            product: make_product(store, tenant, client, &product).await?,
            product_in_reais: make_product(store, tenant, client, &in_reais).await?,
        });
    }
    let ticket_key = hex::encode(rand::random::<[u8; 32]>());
    let seeds = Seeds { database_id: store.database_id(), ticket_key, tenants };
    write_private(file, &serde_json::to_string_pretty(&seeds)?)?;
    Ok(seeds)
}

/// Refuses a database with tenants that this directory's demo did not create: a configuration that
/// names a tenant could then mean either.
pub async fn refuse_others(location: &Location, queries: &Queries, file: &Path) -> Result<(), Failed> {
    let own: Vec<Uuid> =
        read(file)?.map_or_else(Vec::new, |seeds| seeds.tenants.iter().map(|tenant| tenant.id).collect());
    let others = queries.tenants(own.len() + 1).await?;
    let Some(other) = others.iter().find(|tenant| !own.contains(&tenant.id.0)) else {
        return Ok(());
    };
    Err(failed(format!(
        "{location} has a tenant that this demo did not create, `{}`: give the demo an empty database, or \
         another directory with --data and no --database-url",
        other.name
    )))
}

fn read(file: &Path) -> Result<Option<Seeds>, Failed> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(serde_json::from_str(&text).map_err(|error| {
            failed(format!("{} cannot be read ({error}); remove it to start again", file.display()))
        })?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes a file atomically that only its owner may read.
pub fn write_private(file: &Path, text: &str) -> Result<(), Failed> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let draft = file.with_extension("draft");
    let mut options = std::fs::OpenOptions::new();
    let mut draft_file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    draft_file.write_all(text.as_bytes())?;
    std::fs::rename(draft, file)?;
    Ok(())
}

async fn submit(
    store: &Store,
    command: impl domain::working_set::Command + 'static,
) -> Result<Reply, Failed> {
    match store.submit(Box::new(command)).await? {
        CommandResult::Fresh { reply, .. } => Ok(reply),
        answer => Err(failed(format!("a seed was refused: {}", answer.name()))),
    }
}

struct NewProduct {
    name: &'static str,
    time_zone: &'static str,
    currency: Currency,
    price_minor: i64,
    providers: &'static [&'static str],
}

impl NewProduct {
    fn in_euros(name: &'static str, price_minor: i64) -> Self {
        let (time_zone, currency) = ("Europe/Lisbon", Currency::EUR);
        Self { name, time_zone, currency, price_minor, providers: &["stripe"] }
    }

    fn in_reais(name: &'static str, price_minor: i64) -> Self {
        let (time_zone, currency) = ("America/Recife", Currency::BRL);
        Self { name, time_zone, currency, price_minor, providers: &["mercado_pago", "pix"] }
    }
}

async fn make_product(
    store: &Store,
    tenant: TenantId,
    client: ClientId,
    new: &NewProduct,
) -> Result<SeededProduct, Failed> {
    let unit = |name: &str, price_minor| NewUnit { name: name.to_owned(), price_minor, seats: 1 };
    let names = new.providers.iter().map(|name| (*name).to_owned()).collect();
    let create = CreateProduct {
        claim: None,
        tenant,
        by: Actor::Client(client),
        name: new.name.to_owned(),
        description: String::new(),
        time_zone: new.time_zone.to_owned(),
        currency: new.currency,
        units: vec![unit("Adult", new.price_minor), unit("Child", new.price_minor / 2)],
        taxes: vec![],
        metadata: std::collections::BTreeMap::new(),
        providers: TenantProviders { names, amounts: providers::AMOUNTS },
    };
    match submit(store, create).await? {
        Reply::Product(made) => Ok(SeededProduct { id: made.0.id.0, unit_id: made.1[0].id.0 }),
        _ => Err(failed("a product's seed was answered with something else")),
    }
}

/// Slots ahead of the first tenant's products.
pub struct OpenSlots {
    pub slots: Vec<Slot>,
    pub in_reais: Vec<Slot>,
}

pub async fn open_slots(store: &Store, seeds: &Seeds) -> Result<OpenSlots, Failed> {
    let mut ahead = Vec::new();
    for tenant in &seeds.tenants {
        let slots = open_slots_of(store, tenant, tenant.product).await?;
        ahead.push(OpenSlots {
            slots,
            in_reais: open_slots_of(store, tenant, tenant.product_in_reais).await?,
        });
    }
    ahead.into_iter().next().ok_or_else(|| failed("the demo has no tenant"))
}

/// Opens slots over the coming days if few are ahead: the small one first, then one per day.
async fn open_slots_of(
    store: &Store,
    tenant: &SeededTenant,
    product: SeededProduct,
) -> Result<Vec<Slot>, Failed> {
    let now = SystemClock.now();
    let (id, product) = (TenantId(tenant.id), ProductId(product.id));
    let slots = slots_ahead(store, id, product, now).await?;
    let has_small =
        slots.iter().any(|slot| slot.capacity == SMALL_CAPACITY && slot.vacancies() == SMALL_CAPACITY);
    if slots.len() >= SLOTS_AHEAD && has_small {
        return Ok(slots);
    }
    let midnight = Timestamp(now.0 - now.0.rem_euclid(DAY.0));
    let small = NewSlot { starts_at: now.plus(DAY), capacity: SMALL_CAPACITY };
    let daily = (1..=7).map(|day| NewSlot {
        starts_at: midnight.plus(Span(DAY.0 * day)).plus(Span::seconds(17 * 3_600)),
        capacity: SLOT_CAPACITY,
    });
    // A product has one departure per point in time.
    let is_new = |new: &NewSlot| slots.iter().all(|slot| slot.starts_at != new.starts_at);
    let add = AddSlots {
        claim: None,
        tenant: id,
        by: Actor::Client(ClientId(tenant.client_id)),
        product,
        slots: std::iter::once(small).chain(daily).filter(is_new).collect(),
        all_units: vec![],
    };
    submit(store, add).await?;
    slots_ahead(store, id, product, now).await
}

async fn slots_ahead(
    store: &Store,
    tenant: TenantId,
    product: ProductId,
    now: Timestamp,
) -> Result<Vec<Slot>, Failed> {
    let until = now.plus(Span(DAY.0 * 30));
    Ok(store.slots(tenant, product, now.plus(Span::seconds(3_600))..until, None, 100).await?)
}
