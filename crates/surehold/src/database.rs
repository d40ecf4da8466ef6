//! The database of a subcommand: the same flag, variable and default for all.

use store::Location;

use crate::Failed;

/// Where `serve` stores its database by default.
pub const DEFAULT: &str = "sqlite:./surehold-data/surehold.sqlite";

#[derive(clap::Args)]
pub struct Database {
    /// `postgres://...`, or `sqlite:FILE`
    #[arg(long, env = "SUREHOLD_DATABASE_URL", hide_env_values = true, default_value = DEFAULT)]
    database_url: String,
}

impl Database {
    pub fn location(&self) -> Result<Location, Failed> {
        Ok(Location::parse(&self.database_url)?)
    }
}
