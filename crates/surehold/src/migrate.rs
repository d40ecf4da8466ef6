//! `surehold migrate`: forward only, and safe from many servers at once.

use std::process::ExitCode;

use store::{Location, Store};

#[derive(clap::Args)]
pub struct Arguments {
    /// `postgres://...`, or `sqlite:FILE`
    #[arg(long, env = "SUREHOLD_DATABASE_URL", hide_env_values = true)]
    database_url: String,
}

pub async fn run(arguments: Arguments) -> crate::Outcome {
    let location = Location::parse(&arguments.database_url)?;
    let migrated = Store::migrate(&location).await?;
    match migrated.from {
        from if from == migrated.to => println!("{location}: the schema is at version {from} already"),
        from => println!("{location}: the schema went from version {from} to {}", migrated.to),
    }
    Ok(ExitCode::SUCCESS)
}
