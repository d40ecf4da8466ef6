//! `surehold serve`: the API and its workers, until the process is requested to stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use server::admin;
use server::ids::UuidV7;
use server::ports::clock::SystemClock;
use server::ports::telemetry::{RunningTelemetry, TelemetryAdapter};
use server::service::{self, AccountCredentials, AccountSettings, RunningService, Settings};
use server::wire::Wire;
use store::{Location, Options, Store};
use tracing::info;

use crate::config::{self, AccountFile, File, SecretFile, TelemetryFile};
use crate::logging::Format;
use crate::signals::Signals;
use crate::{Failed, failed};

#[derive(clap::Args)]
pub struct Arguments {
    /// The TOML file; see docs/configuration.md
    #[arg(long, env = "SUREHOLD_CONFIG")]
    config: Option<PathBuf>,
    /// `postgres://...`, or `sqlite:FILE` [default: sqlite:./surehold-data/surehold.sqlite]
    #[arg(long, env = "SUREHOLD_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Where to listen; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(long, env = "SUREHOLD_LISTEN")]
    listen: Option<SocketAddr>,
    /// The roles of this process: `all`, or some of `api`, `worker` and `relay`, separated by
    /// commas
    #[arg(long, env = "SUREHOLD_ROLE")]
    role: Option<String>,
    /// `redis://...`: the cache in front of the database [default: none]
    #[arg(long, env = "SUREHOLD_REDIS_URL", hide_env_values = true)]
    redis_url: Option<String>,
    /// `nats://...`: the broker that carries messages to the consumers [default: the relay itself]
    #[arg(long, env = "SUREHOLD_NATS_URL")]
    nats_url: Option<String>,
    /// `http://...`: the OpenTelemetry collector that receives traces [default: no traces]
    #[arg(long, env = "SUREHOLD_OTLP_ENDPOINT")]
    otlp_endpoint: Option<String>,
    /// For example `info,store=debug`
    #[arg(long, env = "SUREHOLD_LOG")]
    log: Option<String>,
    #[arg(long, value_enum)]
    log_format: Option<Format>,
}

/// How often the credentials of accounts are read again, besides at each SIGHUP.
const CREDENTIALS_EVERY: Duration = Duration::from_mins(1);

/// An unreachable database prevents the server from finishing its work.
const STOP_MAX: Duration = Duration::from_mins(2);

pub async fn run(arguments: Arguments) -> crate::Exit {
    let mut signals = Signals::listen()?;
    let file = file(&arguments)?;
    start_logging(&arguments, &file)?;
    let Serving { running, telemetry, drain } = tokio::select! {
        started = start(&arguments, &file) => started?,
        () = signals.stop_requested() => {
            info!("stopped before the server was ready");
            return Ok(ExitCode::SUCCESS);
        }
    };
    signals.stop_requested_or(CREDENTIALS_EVERY, || read_credentials(&arguments, &running)).await;
    leave(&running, drain, &mut signals).await;
    info!("stopping: no new requests; requests in progress are finished");
    let in_order = tokio::select! {
        () = running.stop() => true,
        () = signals.stop_requested() => false,
        () = tokio::time::sleep(STOP_MAX) => false,
    };
    if !in_order {
        // As after a kill: another process finds and continues the work.
        tracing::warn!("ending although work is still in progress");
        std::process::exit(1);
    }
    if let Some(telemetry) = telemetry {
        telemetry.stop().await;
    }
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Reads the credentials of the accounts again, and replaces those that changed. What cannot be read, or is
/// refused, leaves the old ones in use.
fn read_credentials(arguments: &Arguments, running: &RunningService) {
    let read = || -> Result<Vec<AccountCredentials>, Failed> {
        file(arguments)?.accounts.iter().map(AccountFile::credentials).collect()
    };
    match read() {
        Ok(credentials) => running.replace_credentials(credentials),
        Err(error) => tracing::error!(%error, "the credentials could not be read again; the old ones stay"),
    }
}

/// The file, with the values of flags and variables.
fn file(arguments: &Arguments) -> Result<File, Failed> {
    let mut file = arguments.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
    if let Some(url) = &arguments.redis_url {
        file.redis.get_or_insert_default().url = Some(SecretFile::Plain(url.clone()));
    }
    if let Some(url) = &arguments.nats_url {
        file.broker.get_or_insert_default().nats_url = Some(url.clone());
    }
    if let Some(endpoint) = &arguments.otlp_endpoint {
        file.telemetry.get_or_insert_default().otlp_endpoint = Some(endpoint.clone());
    }
    Ok(file)
}

struct Serving {
    running: RunningService,
    telemetry: Option<Box<dyn RunningTelemetry>>,
    drain: Duration,
}

/// A failure ends everything that was started before it.
async fn start(arguments: &Arguments, file: &File) -> Result<Serving, Failed> {
    let telemetry = file.telemetry.as_ref().map(TelemetryFile::adapter).transpose()?;
    let location = location(arguments, file)?;
    let listen = arguments.listen.or(file.listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
    let roles = config::roles(arguments.role.as_deref().or(file.role.as_deref()).unwrap_or("all"))?;
    let mut settings = file.settings(listen, location, roles)?;
    settings.check()?;
    if file.migrate.unwrap_or(true) {
        Store::migrate(&settings.location).await?;
    }
    settings.accounts = accounts(&settings.location, &file.accounts).await?;
    config::fit::check(&settings)?;
    let names = settings.accounts.iter().map(|account| account.name.as_str());
    settings.metrics = Some(server::metrics::install(names)?);
    log_settings(&settings, telemetry.as_deref());
    if Store::open_read_only(&settings.location).await?.tenants(1).await?.is_empty() {
        tracing::warn!(
            "there is no tenant, so nobody can call the API: create one with `surehold tenant create`"
        );
    }
    let telemetry = telemetry.map(|adapter| adapter.start()).transpose().map_err(failed)?;
    let drain = settings.limits.drain;
    let failed = match service::start(settings).await {
        Ok(running) => match ready(&running, file.ready_file.as_deref()) {
            Ok(()) => return Ok(Serving { running, telemetry, drain }),
            Err(failed) => {
                running.stop().await;
                failed
            }
        },
        Err(error) => error.into(),
    };
    if let Some(telemetry) = telemetry {
        telemetry.stop().await;
    }
    Err(failed)
}

fn location(arguments: &Arguments, file: &File) -> Result<Location, Failed> {
    let of_file = file.database_url.as_ref().map(|url| url.read("database_url")).transpose()?;
    let of_file = of_file.as_ref().map(providers::Secret::expose);
    let url = arguments.database_url.as_deref().or(of_file).unwrap_or(crate::database::DEFAULT);
    Ok(Location::parse(url)?)
}

fn start_logging(arguments: &Arguments, file: &File) -> Result<(), Failed> {
    let format = match (arguments.log_format, file.log_format.as_deref()) {
        (Some(format), _) => format,
        (None, Some("text")) => Format::Text,
        (None, None | Some("json")) => Format::Json,
        (None, Some(other)) => return Err(failed(format!("log_format is `json` or `text`, not `{other}`"))),
    };
    let filter = arguments.log.as_deref().or(file.log.as_deref()).unwrap_or("info");
    crate::logging::start(filter, format)?;
    server::panics::install();
    Ok(())
}

/// Logs the settings, without secrets.
fn log_settings(settings: &Settings, telemetry: Option<&dyn TelemetryAdapter>) {
    let account = |account: &AccountSettings| {
        let (settings, provider) = (&account.settings, account.adapter.name);
        format!("{provider}/{} ({}, {})", account.name, settings.mode.name(), settings.wire.base_url)
    };
    let accounts: Vec<String> = settings.accounts.iter().map(account).collect();
    let nats = settings.broker.as_ref().map(|broker| broker.address());
    info!(
        version = env!("CARGO_PKG_VERSION"),
        database = %settings.location,
        listen = %settings.listen,
        role = %settings.roles,
        accounts = accounts.join(", "),
        concurrency = settings.concurrency.critical,
        ordinary_concurrency = settings.concurrency.ordinary,
        lease_ms = settings.lease.as_millis(),
        writers = settings.writers,
        readers = settings.readers,
        queue_max = settings.queue_max,
        requests_max = settings.limits.requests_max,
        redis = settings.cache.is_some(),
        nats = nats.as_deref().unwrap_or("none"),
        traces = telemetry.map(TelemetryAdapter::address).as_deref().unwrap_or("none"),
        "starting"
    );
    if settings.accounts.is_empty() && (settings.roles.api || settings.roles.worker) {
        tracing::warn!("no provider account is configured ([[accounts]]): bookings can be held but not paid");
    }
}

fn ready(running: &RunningService, file: Option<&Path>) -> Result<(), Failed> {
    let base_url = format!("http://{}", running.address);
    info!(%base_url, "serving");
    let Some(path) = file else { return Ok(()) };
    write_whole(path, &serde_json::json!({ "base_url": base_url, "pid": std::process::id() }).to_string())
        .map_err(|why| failed(format!("ready_file: {}: {why}", path.display())))
}

/// Writes a file atomically, so that nobody reads a part of it.
pub fn write_whole(path: &Path, text: &str) -> Result<(), Failed> {
    let draft = path.with_extension("draft");
    std::fs::write(&draft, text)?;
    std::fs::rename(&draft, path)?;
    Ok(())
}

/// The configured accounts, with their tenants found by slug, id or name.
async fn accounts(location: &Location, files: &[AccountFile]) -> Result<Vec<AccountSettings>, Failed> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let queries = Store::open_read_only(location).await?;
    let mut accounts = Vec::new();
    for file in files {
        let tenant = admin::find(&queries, &file.tenant).await;
        let tenant = tenant.map_err(|why| failed(format!("accounts `{}`: {why}", file.name)))?;
        accounts.push(file.settings(tenant.id)?);
    }
    Ok(accounts)
}

/// A store for a subcommand that writes and does not serve.
pub async fn open(location: Location) -> Result<Store, store::Error> {
    let ids = std::sync::Arc::new(UuidV7::default());
    let clock = std::sync::Arc::new(SystemClock);
    Store::open(Options::new(location, clock, ids, std::sync::Arc::new(Wire))).await
}

/// Gives a load balancer the time to notice. A second signal ends the wait.
async fn leave(running: &RunningService, drain: Duration, signals: &mut Signals) {
    if drain.is_zero() {
        return;
    }
    info!(drain_ms = drain.as_millis(), "leaving: not ready any more; requests are served until the end");
    running.leave();
    tokio::select! {
        () = signals.stop_requested() => {}
        () = tokio::time::sleep(drain) => {}
    }
}
