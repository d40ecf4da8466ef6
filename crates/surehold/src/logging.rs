//! Logs: structured, to standard error, so that standard output is a subcommand's own.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    Json,
    #[default]
    Text,
}

/// Starts logging. `filter` as in `info,store=debug`.
pub fn start(filter: &str, format: Format) -> Result<(), crate::Failed> {
    // PostgreSQL's notices (a table exists already) are no news to anybody.
    let filter = EnvFilter::try_new(format!("tokio_postgres=warn,{filter}"))
        .map_err(|error| crate::failed(format!("the log filter cannot be read: {error}")))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        Format::Json => builder.json().flatten_event(true).try_init(),
        Format::Text => builder.compact().with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    started.map_err(|error| crate::failed(error.to_string()))
}
