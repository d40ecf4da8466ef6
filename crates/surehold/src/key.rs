//! `surehold key`: the API keys of a tenant. A secret is shown once, when its key is created.

use std::process::ExitCode;

use api::requests::Scope;
use clap::Subcommand;
use domain::rows::{ApiKey, Mode};
use server::admin::{self, AdminRequest};
use store::queries::Cursor;
use uuid::Uuid;

use crate::administration::{carry_out, queries, show, show_list};
use crate::database::Database;
use crate::failed;
use crate::tenant::check_name;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// The keys of a tenant, newest first, of both modes
    List {
        #[command(flatten)]
        tenant: TenantArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Create a key; prints it as JSON, with its secret, which is not shown again
    Create {
        #[command(flatten)]
        tenant: TenantArguments,
        /// The key's client, by name or id; an unknown name creates a new client
        #[arg(long)]
        client: String,
        /// The key's scopes, separated by commas: bookings, payments, catalogue, ledger, payouts, ops
        #[arg(long, value_delimiter = ',', value_parser = scope, required = true)]
        scopes: Vec<Scope>,
        /// A key for live money; test and live are never mixed
        #[arg(long)]
        live: bool,
    },
    /// Revoke a key, immediately and permanently
    Revoke {
        #[command(flatten)]
        tenant: TenantArguments,
        /// The key's id, as `key list` shows it
        id: Uuid,
    },
}

#[derive(clap::Args)]
pub struct TenantArguments {
    /// The tenant's slug, id or name
    #[arg(long)]
    pub tenant: String,
    #[command(flatten)]
    pub database: Database,
}

/// Rows per read of the database.
const PAGE: usize = 200;

pub async fn run(arguments: Arguments) -> crate::Exit {
    match arguments.action {
        Action::List { tenant, json } => list(&tenant, json).await?,
        Action::Create { tenant: TenantArguments { tenant, database }, client, scopes, live } => {
            check_name("a client", &client)?;
            let mode = if live { Mode::Live } else { Mode::Test };
            let request = AdminRequest::CreateKey { tenant, client: client.trim().to_owned(), scopes, mode };
            show(&carry_out(&database.location()?, request).await?);
        }
        Action::Revoke { tenant: TenantArguments { tenant, database }, id } => {
            let request = AdminRequest::RevokeKey { tenant, key: id };
            show(&carry_out(&database.location()?, request).await?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(tenant: &TenantArguments, json: bool) -> Result<(), crate::Failed> {
    let queries = queries(&tenant.database.location()?).await?;
    let id = admin::find(&queries, &tenant.tenant).await.map_err(failed)?.id;
    let mut rows = Vec::new();
    for mode in [Mode::Live, Mode::Test] {
        let mut after = None;
        loop {
            let page = queries.api_keys_of(id, mode, after, PAGE).await?;
            let at = |(key, _): &(ApiKey, _)| Cursor { created_at: key.created_at, id: key.id.0 };
            after = page.last().map(at);
            rows.extend(page.iter().map(|(key, client)| admin::shown_key(key, client)));
            if page.len() < PAGE {
                break;
            }
        }
    }
    show_list(&rows, ["key_id", "client", "mode", "scopes", "created_at", "revoked_at"], json);
    Ok(())
}

fn scope(name: &str) -> Result<Scope, String> {
    Scope::ALL
        .into_iter()
        .find(|scope| scope.name() == name)
        .ok_or_else(|| format!("there is no scope `{name}`"))
}
