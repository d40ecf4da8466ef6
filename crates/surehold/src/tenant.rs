//! `surehold tenant`: the operators that sell. Creating one shows its first API keys, once.

use std::process::ExitCode;

use api::card_number;
use api::limits::NAME_CHARS_MAX;
use api::validation_errors::ValidationErrors;
use clap::Subcommand;
use domain::rows::Mode;
use server::admin::{self, AdminRequest, slug};
use store::Store;

use crate::administration::{carry_out, queries, show, show_list};
use crate::database::Database;
use crate::failed;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// All tenants, oldest first
    List {
        #[command(flatten)]
        database: Database,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Create a tenant; prints its ids and keys as JSON. The keys are not shown again
    Create {
        #[command(flatten)]
        database: Database,
        #[arg(long)]
        name: String,
        /// The unique short name for configurations and scripts [default: derived from the name]
        #[arg(long)]
        slug: Option<String>,
        /// Keys for live money; test and live are never mixed
        #[arg(long)]
        live: bool,
    },
    /// Rename a tenant; its slug stays
    Rename {
        #[command(flatten)]
        database: Database,
        /// The tenant's slug, id or name
        tenant: String,
        #[arg(long)]
        name: String,
    },
    /// Revoke all keys of a tenant permanently; work in progress is finished
    Archive {
        #[command(flatten)]
        database: Database,
        /// The tenant's slug, id or name
        tenant: String,
    },
}

/// The list ends here, with a message.
const TENANTS_MAX: usize = 10_000;

pub async fn run(arguments: Arguments) -> crate::Exit {
    match arguments.action {
        Action::List { database, json } => list(&database, json).await?,
        Action::Create { database, name, slug, live } => {
            check_name("a tenant", &name)?;
            let name = name.trim().to_owned();
            let slug = slug.unwrap_or_else(|| slug::of_name(&name));
            slug::check(&slug).map_err(failed)?;
            let location = database.location()?;
            Store::migrate(&location).await?;
            let mode = if live { Mode::Live } else { Mode::Test };
            show(&carry_out(&location, AdminRequest::CreateTenant { name, slug, mode }).await?);
        }
        Action::Rename { database, tenant, name } => {
            check_name("a tenant", &name)?;
            let request = AdminRequest::RenameTenant { tenant, name: name.trim().to_owned() };
            show(&carry_out(&database.location()?, request).await?);
        }
        Action::Archive { database, tenant } => {
            show(&carry_out(&database.location()?, AdminRequest::ArchiveTenant { tenant }).await?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(database: &Database, json: bool) -> Result<(), crate::Failed> {
    let tenants = queries(&database.location()?).await?.tenants(TENANTS_MAX + 1).await?;
    let rows: Vec<_> = tenants.iter().take(TENANTS_MAX).map(admin::shown).collect();
    show_list(&rows, ["slug", "name", "tenant_id", "created_at", "archived_at"], json);
    if tenants.len() > TENANTS_MAX {
        eprintln!("there are more than {TENANTS_MAX} tenants: these are the oldest");
    }
    Ok(())
}

/// `owner` is a tenant or a client.
pub fn check_name(owner: &str, name: &str) -> Result<(), crate::Failed> {
    let mut findings = ValidationErrors::default();
    findings.line("", name, NAME_CHARS_MAX);
    if let Some(mistake) = findings.errors().first() {
        return Err(failed(format!("the name of {owner} {}", mistake.detail)));
    }
    if card_number::is_in(name) {
        return Err(failed(format!("the name of {owner} must not contain what looks like a card number")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_contains_no_card_number() {
        let long = "n".repeat(201);
        for (name, reason) in [
            ("", "empty"),
            ("  ", "empty"),
            ("a\nb", "control"),
            ("a\u{200B}b", "U+200B"),
            (&long, "200 characters"),
            ("Tours 4242 4242 4242 4242", "card number"),
        ] {
            let refused = check_name("a tenant", name).unwrap_err().to_string();
            assert!(refused.contains(reason) && !refused.contains("4242"), "{name}: {refused}");
        }
        check_name("a tenant", "Harbour Tours 2026").unwrap();
    }
}
