//! Structured logs on standard error; standard output belongs to the subcommand.
//!
//! Each line has the work context in which it was written: request, tenant, client, operation. A
//! message says what happened, and does not repeat the context. A message that repeats thousands of
//! times is limited ([`limit`]).

mod limit;

use std::fmt;
use std::io::IsTerminal as _;
use std::time::Instant;

use clap::ValueEnum;
use limit::Limit;
use server::work_context;
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object per line.
    Json,
    #[default]
    Text,
}

/// Starts logging. `filter` is for example `info,store=debug`.
pub fn start(filter: &str, format: Format) -> Result<(), crate::Failed> {
    // PostgreSQL's notices (such as "table exists already") are of no interest, and its driver
    // would log the parameters of each statement.
    let filter = EnvFilter::try_new(format!("{filter},tokio_postgres=warn"))
        .map_err(|error| crate::failed(format!("the log filter cannot be read: {error}")))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        Format::Json => {
            let json = tracing_subscriber::fmt::format().json().flatten_event(true).with_span_list(false);
            let builder = builder.fmt_fields(tracing_subscriber::fmt::format::JsonFields::new());
            builder.event_format(Lines { inner: json, format, limit: Limit::default() }).try_init()
        }
        Format::Text => {
            let ansi = std::io::stderr().is_terminal();
            let text = tracing_subscriber::fmt::format().compact().with_ansi(ansi);
            builder
                .with_ansi(ansi)
                .event_format(Lines { inner: text, format, limit: Limit::default() })
                .try_init()
        }
    };
    started.map_err(|error| crate::failed(error.to_string()))
}

/// Adds the work context to every line of `inner`.
struct Lines<F> {
    inner: F,
    format: Format,
    limit: Limit,
}

impl<S, N, F> FormatEvent<S, N> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(left_out) = self.limit.admit(event.metadata().callsite(), Instant::now()) else {
            return Ok(());
        };
        let mut fields: Vec<(&str, serde_json::Value)> = Vec::new();
        if let Some(work_context) = work_context::current() {
            let named = work_context.fields();
            fields.extend(named.map(|(name, value)| (name, serde_json::Value::String(value))));
        }
        if left_out > 0 {
            fields.push(("left_out", left_out.into()));
        }
        if fields.is_empty() {
            return self.inner.format_event(context, out, event);
        }
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end_matches('\n');
        match self.format {
            Format::Json => {
                out.write_str(line.strip_suffix('}').unwrap_or(line))?;
                for (name, value) in fields {
                    write!(out, ",\"{name}\":{value}")?;
                }
                out.write_str("}\n")
            }
            Format::Text => {
                out.write_str(line)?;
                for (name, value) in fields {
                    match value {
                        serde_json::Value::String(text) => write!(out, " {name}={text}")?,
                        value => write!(out, " {name}={value}")?,
                    }
                }
                out.write_char('\n')
            }
        }
    }
}
