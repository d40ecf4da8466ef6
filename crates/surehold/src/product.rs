//! `surehold product` and `surehold slot`: what a tenant sells, as over the API.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::rows::Product;
use serde_json::{Value, json};
use server::admin::{self, AdminRequest};
use store::queries::Cursor;
use uuid::Uuid;

use crate::administration::{carry_out, queries, show, show_list};
use crate::failed;
use crate::key::TenantArguments;

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// The products of a tenant, newest first
    List {
        #[command(flatten)]
        tenant: TenantArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Create a product and put it on sale; prints it as JSON
    Create {
        #[command(flatten)]
        tenant: TenantArguments,
        #[arg(long)]
        name: String,
        /// For example `Europe/Lisbon`
        #[arg(long)]
        time_zone: String,
        /// For example `EUR`
        #[arg(long)]
        currency: String,
        /// A kind of guest and the price in the minor unit, for example `Adult=4500`; may be given
        /// more than once
        #[arg(long = "unit", required = true)]
        units: Vec<String>,
    },
}

#[derive(Args)]
pub struct SlotArguments {
    #[command(subcommand)]
    action: SlotAction,
}

#[derive(Subcommand)]
enum SlotAction {
    /// Open slots of a product, all of them or none; prints them as JSON
    Add {
        #[command(flatten)]
        tenant: TenantArguments,
        /// The product's id, as `product list` shows it
        #[arg(long)]
        product: Uuid,
        /// For example `2027-07-01T19:00:00+01:00`; may be given more than once
        #[arg(long, required = true)]
        starts_at: Vec<String>,
        #[arg(long)]
        capacity: i64,
    },
}

/// Rows per read of the database.
const PAGE: usize = 200;

pub async fn run(arguments: Arguments) -> crate::Exit {
    match arguments.action {
        Action::List { tenant, json } => list(&tenant, json).await?,
        Action::Create { tenant: TenantArguments { tenant, database }, name, time_zone, currency, units } => {
            let units = units.iter().map(|unit| priced(unit, &currency)).collect::<Result<Vec<_>, _>>()?;
            let product =
                json!({ "name": name, "time_zone": time_zone, "currency": currency, "units": units });
            let request = AdminRequest::CreateProduct { tenant, product };
            show(&carry_out(&database.location()?, request).await?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn run_slot(arguments: SlotArguments) -> crate::Exit {
    let SlotAction::Add { tenant: TenantArguments { tenant, database }, product, starts_at, capacity } =
        arguments.action;
    let slot = |at: &String| json!({ "starts_at": at, "capacity": capacity });
    let slots = json!({ "slots": starts_at.iter().map(slot).collect::<Vec<_>>() });
    show(&carry_out(&database.location()?, AdminRequest::AddSlots { tenant, product, slots }).await?);
    Ok(ExitCode::SUCCESS)
}

fn priced(unit: &str, currency: &str) -> Result<Value, crate::Failed> {
    let split = unit.rsplit_once('=').and_then(|(name, price)| Some((name, price.parse::<i64>().ok()?)));
    let (name, minor) = split.ok_or_else(|| {
        failed(format!("--unit is a name and a price in the minor unit, as in `Adult=4500`, not `{unit}`"))
    })?;
    Ok(json!({ "name": name, "price": { "minor": minor, "currency": currency } }))
}

async fn list(tenant: &TenantArguments, json: bool) -> Result<(), crate::Failed> {
    let queries = queries(&tenant.database.location()?).await?;
    let id = admin::find(&queries, &tenant.tenant).await.map_err(failed)?.id;
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = queries.products(id, after, PAGE).await?;
        after = page.last().map(|last| Cursor { created_at: last.created_at, id: last.id.0 });
        rows.extend(page.iter().map(shown));
        if page.len() < PAGE {
            break;
        }
    }
    show_list(&rows, ["product_id", "name", "currency", "time_zone", "state"], json);
    Ok(())
}

fn shown(product: &Product) -> Value {
    json!({
        "product_id": product.id.0,
        "name": product.name,
        "currency": product.currency.code(),
        "time_zone": product.time_zone,
        "state": if product.active { "on sale" } else { "not on sale" },
    })
}
