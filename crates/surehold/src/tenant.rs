//! `surehold tenant create`: a tenant and its first API keys, shown once.

use std::process::ExitCode;

use api::card_number;
use api::findings::Findings;
use api::limits::NAME_CHARS_MAX;
use clap::Subcommand;
use domain::rows::Mode;
use server::clock::SystemClock;
use server::ids::UuidV7;
use store::{Clock as _, Store};

use crate::database::Database;
use crate::provision;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a tenant; prints its ids and keys as JSON. The keys are not shown again
    Create {
        #[command(flatten)]
        database: Database,
        #[arg(long)]
        name: String,
        /// Keys for live money; test and live never mix
        #[arg(long)]
        live: bool,
    },
}

pub async fn run(arguments: Arguments) -> crate::Outcome {
    let Action::Create { database, name, live } = arguments.action;
    check_name(&name)?;
    let location = database.location()?;
    Store::migrate(&location).await?;
    let store = crate::serve::open(location).await?;
    let mode = if live { Mode::Live } else { Mode::Test };
    let new = provision::tenant(name.trim(), mode, &UuidV7::default(), SystemClock.now());
    let tenant = new.command.tenant.id;
    store.submit(Box::new(new.command)).await?;
    store.close().await;
    let shown = serde_json::json!({
        "tenant_id": tenant.0, "name": name.trim(), "mode": mode.name(),
        "api_key": new.api_key, "ops_key": new.ops_key,
    });
    println!("{shown:#}");
    Ok(ExitCode::SUCCESS)
}

fn check_name(name: &str) -> Result<(), crate::Failed> {
    let mut findings = Findings::default();
    findings.line("", name, NAME_CHARS_MAX);
    if let Some(mistake) = findings.errors().first() {
        return Err(crate::failed(format!("a tenant's name {}", mistake.detail)));
    }
    if card_number::is_in(name) {
        return Err(crate::failed("a tenant's name must not hold what looks like a card number"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_holds_no_card_number() {
        let long = "n".repeat(201);
        for (name, reason) in [
            ("", "empty"),
            ("  ", "empty"),
            ("a\nb", "control"),
            ("a\u{200B}b", "U+200B"),
            (&long, "200 characters"),
            ("Tours 4242 4242 4242 4242", "card number"),
        ] {
            let refused = check_name(name).unwrap_err().to_string();
            assert!(refused.contains(reason) && !refused.contains("4242"), "{name}: {refused}");
        }
        check_name("Harbour Tours 2026").unwrap();
    }
}
