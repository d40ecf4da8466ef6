//! The configuration: a TOML file, environment variables and flags; the later source wins.
//!
//! A secret is given as text, or as `{ env = "NAME" }` or `{ file = "PATH" }`, so that a file under
//! version control need not contain it. Settings that cannot work are refused at the start, with a
//! sentence.

mod account;
mod broker;
pub mod fit;
mod guard;
mod metrics;
mod pix;
mod redis;
mod relay;
mod telemetry;
mod tickets;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use account::AccountFile;
pub use broker::BrokerFile;
use domain::time::Span;
pub use guard::{BreakerFile, RetryBudgetFile};
pub use metrics::MetricsFile;
pub use pix::PixFile;
use providers::Secret;
pub use redis::RedisFile;
pub use relay::{ConsumersFile, RelayFile};
use serde::Deserialize;
use server::roles::Roles;
use server::service::Settings;
use store::Location;
pub use telemetry::TelemetryFile;
pub use tickets::TicketsFile;

use crate::{Failed, failed};

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    pub database_url: Option<SecretFile>,
    pub listen: Option<SocketAddr>,
    pub role: Option<String>,
    /// Written when the server is ready: `{"base_url": ...}`.
    pub ready_file: Option<PathBuf>,
    pub log: Option<String>,
    pub log_format: Option<String>,
    pub migrate: Option<bool>,
    pub sqlite_max_page_count: Option<u32>,
    pub accounts: Vec<AccountFile>,
    pub limits: LimitsFile,
    pub workers: WorkersFile,
    pub relay: RelayFile,
    pub consumers: ConsumersFile,
    pub store: StoreFile,
    pub redis: Option<RedisFile>,
    pub broker: Option<BrokerFile>,
    pub breaker: BreakerFile,
    pub retry_budget: RetryBudgetFile,
    pub metrics: MetricsFile,
    pub tickets: TicketsFile,
    pub telemetry: Option<TelemetryFile>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum SecretFile {
    Plain(String),
    Env { env: String },
    File { file: PathBuf },
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretFile::Plain(_) => out.write_str("(hidden)"),
            SecretFile::Env { env } => write!(out, "(from ${env})"),
            SecretFile::File { file } => write!(out, "(from {})", file.display()),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsFile {
    pub requests_max: Option<usize>,
    pub connections_max: Option<usize>,
    pub request_timeout_ms: Option<u64>,
    pub wait_ms: Option<u64>,
    pub drain_ms: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkersFile {
    pub concurrency: Option<usize>,
    pub ordinary_concurrency: Option<usize>,
    pub account_share: Option<f64>,
    pub lease_ms: Option<i64>,
    pub backoff_base_ms: Option<i64>,
    pub backoff_cap_ms: Option<i64>,
    pub evidence_after_ms: Option<i64>,
    pub another_key_after_ms: Option<i64>,
    pub operation_deadline_seconds: Option<i64>,
    pub events_every_ms: Option<i64>,
    pub authorization_warning_seconds: Option<i64>,
    /// 0: only on request.
    pub reconcile_every_hours: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreFile {
    pub writers: Option<usize>,
    pub readers: Option<usize>,
    pub queue_max: Option<usize>,
    pub tenant_share: Option<f64>,
    pub replies_kept_days: Option<i64>,
    pub work_kept_days: Option<i64>,
    pub audit_kept_days: Option<i64>,
}

/// Well below the time for which a provider remembers an idempotency key.
const DEADLINE_MAX: Span = Span::seconds(12 * 60 * 60);
/// No authorisation lasts longer.
const WARNING_MAX: Span = Span::seconds(30 * 24 * 60 * 60);
/// Longer than a load balancer takes to notice.
const DRAIN_MAX: Duration = Duration::from_mins(10);

impl File {
    pub fn read(path: &Path) -> Result<File, Failed> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| failed(format!("{} cannot be read: {error}", path.display())))?;
        toml::from_str(&text)
            .map_err(|error| failed(format!("{}: {}", path.display(), explain(&error, &text))))
    }

    /// The settings of the service, without its accounts. The flags decided `listen` and
    /// `location`.
    pub fn settings(&self, listen: SocketAddr, location: Location, roles: Roles) -> Result<Settings, Failed> {
        let mut settings = Settings::new(listen, location);
        settings.roles = roles;
        settings.sqlite_max_page_count = self.sqlite_max_page_count;
        self.apply_limits(&mut settings)?;
        self.apply_workers(&mut settings)?;
        self.relay.apply(&mut settings)?;
        self.consumers.apply(&mut settings)?;
        self.apply_store(&mut settings)?;
        self.breaker.apply(&mut settings)?;
        self.retry_budget.apply(&mut settings)?;
        self.metrics.apply(&mut settings)?;
        self.tickets.apply(&mut settings)?;
        if let Some(redis) = &self.redis {
            redis.apply(&mut settings)?;
        }
        if let Some(broker) = &self.broker {
            broker.apply(&mut settings)?;
        }
        fit::check(&settings)?;
        Ok(settings)
    }

    fn apply_limits(&self, settings: &mut Settings) -> Result<(), Failed> {
        let file = &self.limits;
        let limits = &mut settings.limits;
        set(&mut limits.requests_max, file.requests_max);
        set(&mut limits.connections_max, file.connections_max);
        set(&mut limits.request_timeout, file.request_timeout_ms.map(Duration::from_millis));
        set(&mut limits.wait, file.wait_ms.map(Duration::from_millis));
        set(&mut limits.drain, file.drain_ms.map(Duration::from_millis));
        if limits.drain > DRAIN_MAX {
            return Err(failed("limits.drain_ms must be at most 600000"));
        }
        above_zero("limits.requests_max", limits.requests_max)?;
        above_zero("limits.connections_max", limits.connections_max)
    }

    fn apply_workers(&self, settings: &mut Settings) -> Result<(), Failed> {
        let file = &self.workers;
        set(&mut settings.concurrency.critical, file.concurrency);
        set(&mut settings.concurrency.ordinary, file.ordinary_concurrency);
        set(&mut settings.account_share, file.account_share);
        set(&mut settings.lease, file.lease_ms.map(Span::millis));
        set(&mut settings.pace.base, file.backoff_base_ms.map(Span::millis));
        set(&mut settings.pace.cap, file.backoff_cap_ms.map(Span::millis));
        set(&mut settings.pace.evidence_after, file.evidence_after_ms.map(Span::millis));
        set(&mut settings.pace.another_key_after, file.another_key_after_ms.map(Span::millis));
        set(&mut settings.limits.operation_deadline, file.operation_deadline_seconds.map(Span::seconds));
        set(&mut settings.events_every, file.events_every_ms.map(Span::millis));
        set(&mut settings.authorization_warning, file.authorization_warning_seconds.map(Span::seconds));
        if !(Span::seconds(60)..=WARNING_MAX).contains(&settings.authorization_warning) {
            return Err(failed("workers.authorization_warning_seconds must be from 60 to 2592000"));
        }
        if !(Span::seconds(1)..=DEADLINE_MAX).contains(&settings.limits.operation_deadline) {
            return Err(failed("workers.operation_deadline_seconds must be from 1 to 43200"));
        }
        if !(Span::millis(1_000)..=Span::seconds(3_600)).contains(&settings.pace.another_key_after) {
            return Err(failed("workers.another_key_after_ms must be from 1000 to 3600000"));
        }
        if !(Span::millis(100)..=Span::seconds(3_600)).contains(&settings.events_every) {
            return Err(failed("workers.events_every_ms must be from 100 to 3600000"));
        }
        if let Some(hours) = file.reconcile_every_hours {
            if !(0..=24 * 31).contains(&hours) {
                return Err(failed("workers.reconcile_every_hours must be from 0 to 744"));
            }
            settings.reconcile_every = (hours > 0).then(|| Span::seconds(hours * 60 * 60));
        }
        if settings.lease < Span::millis(1_000) || settings.lease > Span::seconds(3_600) {
            return Err(failed("workers.lease_ms must be from a second to an hour"));
        }
        if settings.pace.base < Span::millis(1) || settings.pace.cap < settings.pace.base {
            return Err(failed("workers.backoff_base_ms must be above zero and at most backoff_cap_ms"));
        }
        if settings.pace.evidence_after < Span::millis(100) {
            return Err(failed("workers.evidence_after_ms must be at least 100"));
        }
        if !(settings.account_share > 0.0 && settings.account_share <= 1.0) {
            return Err(failed("workers.account_share must be above 0 and at most 1"));
        }
        above_zero("workers.ordinary_concurrency", settings.concurrency.ordinary)?;
        above_zero("workers.concurrency", settings.concurrency.critical)
    }

    fn apply_store(&self, settings: &mut Settings) -> Result<(), Failed> {
        let file = &self.store;
        set(&mut settings.writers, file.writers);
        set(&mut settings.readers, file.readers);
        set(&mut settings.queue_max, file.queue_max);
        set(&mut settings.tenant_share, file.tenant_share);
        let days = |days: i64| Span::seconds(days.saturating_mul(86_400));
        set(&mut settings.replies_kept, file.replies_kept_days.map(days));
        if !(days(1)..=days(36_500)).contains(&settings.replies_kept) {
            return Err(failed("store.replies_kept_days must be from 1 to 36500"));
        }
        set(&mut settings.work_kept, file.work_kept_days.map(days));
        // Stripe lists an event for 30 days, and it is read back for as long.
        if !(days(31)..=days(36_500)).contains(&settings.work_kept) {
            return Err(failed("store.work_kept_days must be from 31 to 36500"));
        }
        settings.audit_kept = file.audit_kept_days.map(days);
        // A payment may be disputed for months, and the audit is the evidence.
        if settings.audit_kept.is_some_and(|kept| !(days(366)..=days(36_500)).contains(&kept)) {
            return Err(failed("store.audit_kept_days must be from 366 to 36500"));
        }
        if !(settings.tenant_share > 0.0 && settings.tenant_share <= 1.0) {
            return Err(failed("store.tenant_share must be above 0 and at most 1"));
        }
        above_zero("store.writers", settings.writers)?;
        above_zero("store.readers", settings.readers)?;
        above_zero("store.queue_max", settings.queue_max)
    }
}

/// Where and why, without the line and its text, which may be a secret.
fn explain(error: &toml::de::Error, text: &str) -> String {
    let why = error.message();
    let why = match (why.split_once("string \""), why.rsplit_once("\", expected")) {
        (Some((front, _)), Some((_, back))) => format!("{front}a text, expected{back}"),
        _ => why.to_owned(),
    };
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {why}", before.matches('\n').count() + 1),
        None => why,
    }
}

fn set<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

fn above_zero(name: &str, value: usize) -> Result<(), Failed> {
    if value == 0 { Err(failed(format!("{name} must be above 0"))) } else { Ok(()) }
}

impl SecretFile {
    #[expect(clippy::disallowed_methods, reason = "the configuration is where the environment is read")]
    pub fn read(&self, what: &str) -> Result<Secret, Failed> {
        let text = match self {
            SecretFile::Plain(text) => text.clone(),
            SecretFile::Env { env } => std::env::var(env)
                .map_err(|_| failed(format!("{what}: the environment variable {env} is not set")))?,
            SecretFile::File { file } => std::fs::read_to_string(file)
                .map_err(|error| failed(format!("{what}: {} cannot be read: {error}", file.display())))?,
        };
        Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
    }
}

pub fn roles(text: &str) -> Result<Roles, Failed> {
    Roles::parse(text).map_err(|name| {
        failed(format!(
            "the role is `all`, or some of `api`, `worker`, `relay` separated by commas, not `{name}`"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every setting is shown with its default.
    #[test]
    fn the_example_shows_the_defaults() {
        let example = include_str!("../../../docs/surehold.example.toml");
        let (settings, accounts) = example.split_once("[[accounts]]").unwrap();
        let (shown, defaults) = (parse(settings).unwrap(), parse("").unwrap());
        assert_eq!(format!("{shown:?}"), format!("{defaults:?}"));
        let account: toml::Table = toml::from_str(accounts).unwrap();
        account.try_into::<AccountFile>().unwrap();
    }

    fn parse(text: &str) -> Result<Settings, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let location = Location::parse("sqlite:x").unwrap();
        for account in &file.accounts {
            account.settings(domain::TenantId(uuid::Uuid::nil())).map_err(|failed| failed.to_string())?;
        }
        file.settings("127.0.0.1:0".parse().unwrap(), location, Roles::ALL)
            .map_err(|failed| failed.to_string())
    }

    #[test]
    fn an_error_in_a_file_is_reported_without_its_secrets() {
        let account = "[[accounts]]\ntenant = 'a'\nprovider = 'stripe'\nname = 'acct_1'\nmode = 'test'\n";
        for (text, reason) in [
            (
                "listen = '127.0.0.1:1'\ndatabase_url = postgres://me:hunter2@host/books".to_owned(),
                "line 2: ",
            ),
            ("database_url = 'postgres://me:hunter2@host/books".to_owned(), "line 1: "),
            (
                format!("{account}secret_key = 'hunter2'\nwebhook_secrets = 'hunter2'"),
                "a text, expected a sequence",
            ),
            (format!("{account}secret_key = 'hunter2', 'hunter2'"), "line 6: "),
            (format!("{account}secret_key = {{ value = 'hunter2' }}\nwebhook_secrets = []"), "line 6: "),
        ] {
            let error = toml::from_str::<File>(&text).unwrap_err();
            let explanation = explain(&error, &text);
            assert!(
                explanation.contains(reason) && !explanation.contains("hunter2"),
                "{text}\n{explanation}"
            );
        }
        let file: File = toml::from_str("database_url = 'postgres://me:hunter2@host/books'").unwrap();
        assert!(!format!("{file:?}").contains("hunter2"));
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_the_reason() {
        let account = "[[accounts]]\ntenant = 'a'\nprovider = 'stripe'\nname = 'acct_1'\nmode = 'test'\n\
                       base_url = 'http://127.0.0.1:1'\nwebhook_secrets = ['whsec_1']\n";
        for (text, reason) in [
            ("colour = 'red'", "unknown field"),
            ("[limits]\nrequests_max = 0", "above 0"),
            ("[limits]\ndrain_ms = 600001", "drain_ms"),
            ("[workers]\nlease_ms = 10", "from a second"),
            ("[workers]\nlease_ms = 9223372036854775807", "from a second"),
            ("[workers]\nbackoff_cap_ms = 9223372036854775807", "backoff_cap_ms"),
            ("[workers]\nevidence_after_ms = 9223372036854775807", "evidence_after_ms"),
            ("[workers]\noperation_deadline_seconds = 0", "operation_deadline_seconds"),
            ("[workers]\noperation_deadline_seconds = 43201", "operation_deadline_seconds"),
            ("[workers]\nevents_every_ms = 99", "events_every_ms"),
            ("[workers]\nreconcile_every_hours = 745", "reconcile_every_hours"),
            ("[workers]\nreconcile_every_hours = -1", "reconcile_every_hours"),
            ("[workers]\nanother_key_after_ms = 999", "another_key_after_ms"),
            ("[workers]\nauthorization_warning_seconds = 59", "authorization_warning_seconds"),
            ("[store]\nreplies_kept_days = 9223372036854775807", "replies_kept_days"),
            ("[store]\nwork_kept_days = 30", "work_kept_days"),
            ("[store]\nwork_kept_days = 9223372036854775807", "work_kept_days"),
            ("[store]\naudit_kept_days = 365", "audit_kept_days"),
            ("[store]\naudit_kept_days = 36501", "audit_kept_days"),
            ("[workers]\nbackoff_base_ms = 100\nbackoff_cap_ms = 10", "at most"),
            ("[workers]\naccount_share = 0.0", "account_share"),
            ("[workers]\nordinary_concurrency = 0", "above 0"),
            ("[store]\ntenant_share = 2.0", "tenant_share"),
            ("[store]\nwriters = 0", "above 0"),
            ("[metrics]\nfigures_every_ms = 99", "figures_every_ms"),
            ("[store]\nreplies_kept_days = 0", "replies_kept_days"),
            ("[tickets]\nsigning_keys = ['hunter2']", "key 1: 64 hexadecimal digits"),
            (&format!("{account}secret_key = 'sk_live_1'"), "test mode"),
            (&format!("{account}secret_key = {{ env = 'SUREHOLD_NO_SUCH_VARIABLE' }}"), "is not set"),
            (&format!("{account}secret_key = {{ file = '/no/such/file' }}"), "cannot be read"),
            (
                &account
                    .replace("'stripe'", "'paypal'")
                    .replace("\nmode", "\nsecret_key = 'sk_test_1'\nmode"),
                "paypal",
            ),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(reason), "{text}\n-> {refused}");
        }
        parse(&format!("{account}secret_key = 'sk_test_1'")).unwrap();
        parse("").unwrap();
        let card = account.replace("acct_1", "acct_4242424242424242");
        let refused = parse(&format!("{card}secret_key = 'sk_test_1'")).unwrap_err();
        assert!(refused.contains("card number") && !refused.contains("4242"), "{refused}");
    }

    #[test]
    fn a_secret_is_never_shown() {
        let shown = format!("{:?}", SecretFile::Plain("sk_test_hidden".to_owned()));
        assert!(!shown.contains("sk_test"), "{shown}");
    }
}
