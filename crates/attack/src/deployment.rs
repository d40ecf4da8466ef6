//! The program in processes of its own, on loopback, which scenarios kill, stall and restart. Or a
//! deployment that runs already, which no function here can change.
//!
//! | engine | processes |
//! |---|---|
//! | SQLite | `server-1`, which does everything; `sandbox`, the provider's stand-in |
//! | PostgreSQL | `server-1`.. with the API, `worker-1`.., `relay-1`.., and `sandbox` |
//!
//! A process keeps its address when it is started again. All processes end when the value is
//! dropped, and with this process, also if it is killed. Each fault records itself in the timeline.

mod backup;
mod process;
mod tuning;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use server::ports::clock::SystemClock;
use store::queries::{Backlog, Figures};
use store::{Clock as _, Location, Store};
use test_servers::postgres::Private;
use tokio::task::AbortHandle;

use super::backlog_wait::Patience;
use super::methods::{MERCADO_PAGO, PaymentMethod, STRIPE};
use super::orders::SLOTS;
use super::timeline::{Lasting, Timeline};
use super::{Error, Ground, ScenarioContext, Target};
use check::{Books, Verdicts};
use outbound::HttpConnection;
pub use process::Part;
use process::Process;
use testkit::databases::Databases;
use testkit::program::{Catalogue, Installation, Resident, sell};
use testkit::scrape::Scrape;
pub use tuning::{ACCOUNTS, LEASE_MS, Tuning};

/// The longest wait for work under way without any progress, after the last fault.
const QUIET_WITHIN: Duration = Duration::from_mins(1);
/// The wait if an invariant is broken already: the state is only read once more.
const QUIET_WITHIN_IF_BROKEN: Duration = Duration::from_secs(3);
const POLL_EVERY: Duration = Duration::from_millis(100);
/// More seats than any scenario takes.
const CAPACITY: i64 = 100_000;
const SANDBOX: &str = "sandbox";

/// One deployment; see the module's table.
pub struct Deployment {
    context: ScenarioContext,
    /// The processes that we started; `None` if the deployment ran already.
    own: Option<Own>,
    /// The addresses of the servers, or of proxies before them. Filled by [`Deployment::start`].
    pub target: Target,
    /// Where the provider's books can be read.
    books: Option<String>,
    /// The provider's objects that the restored database has no payment for, and whose clients are gone.
    pub lost: BTreeSet<String>,
}

struct Own {
    installation: Installation,
    /// The provider's address for the servers: a proxy, or the sandbox itself.
    provider_url: String,
    /// The address for the provider's webhooks: a proxy, or the first server.
    webhook_url: Option<String>,
    sandbox_url: String,
    /// The provider's faults. The sandbox forgets them when it dies.
    faults: Value,
    /// These faults in the timeline.
    faulty: Option<Lasting>,
    timeline: Timeline,
    processes: BTreeMap<String, Process>,
    watch: Option<AbortHandle>,
}

/// The state after the last fault.
pub struct Rest {
    pub verdicts: Verdicts,
    /// No work is under way any more, so every promise could be checked.
    pub reached: bool,
}

impl Deployment {
    pub(super) async fn prepare(context: &ScenarioContext) -> Result<Deployment, Error> {
        let nothing = Catalogue { product: String::new(), unit: String::new(), slots: Vec::new() };
        let mut target = Target {
            base_urls: Vec::new(),
            api_key: String::new(),
            ops_key: None,
            catalogue: nothing,
            in_other_currencies: BTreeMap::new(),
            sandbox_url: None,
        };
        if let Ground::Target { url, api_key, books } = context.ground.as_ref() {
            target.base_urls = vec![url.trim_end_matches('/').to_owned()];
            target.api_key.clone_from(api_key);
            return Ok(Deployment {
                context: context.clone(),
                own: None,
                target,
                books: books.clone(),
                lost: BTreeSet::new(),
            });
        }
        std::fs::create_dir_all(&context.directory)?;
        let url = match context.databases.lock().await.as_mut() {
            Some(databases) => databases.create(&context.database()).await?,
            None => Installation::sqlite_url(&context.directory),
        };
        let installation = Installation::new(&context.program, &context.directory, &url).await?;
        let sandbox = installation.sandbox("127.0.0.1:0").await?;
        let sandbox_url = sandbox.base_url.clone();
        target.api_key.clone_from(&installation.tenant.api_key);
        target.ops_key = Some(installation.tenant.ops_key.clone());
        target.sandbox_url = Some(sandbox_url.clone());
        let processes = BTreeMap::from([(SANDBOX.to_owned(), Process::of_sandbox(sandbox))]);
        let own = Own {
            installation,
            provider_url: sandbox_url.clone(),
            webhook_url: None,
            sandbox_url: sandbox_url.clone(),
            faults: json!({}),
            faulty: None,
            timeline: context.timeline.clone(),
            processes,
            watch: None,
        };
        Ok(Deployment {
            context: context.clone(),
            own: Some(own),
            target,
            books: Some(sandbox_url),
            lost: BTreeSet::new(),
        })
    }

    /// Sets the provider's address for the servers, such as a proxy before
    /// [`Deployment::sandbox_url`]. Must be called before the start.
    pub fn provider_is_at(&mut self, url: impl Into<String>) -> Result<(), Error> {
        self.own_mut()?.provider_url = url.into();
        Ok(())
    }

    /// Sets the address for the provider's webhooks, such as a proxy before a server.
    pub async fn webhooks_go_to(&mut self, url: impl Into<String>) -> Result<(), Error> {
        let own = self.own_mut()?;
        let url = own.webhook_url.insert(url.into());
        Ok(own.installation.open_account(&own.sandbox_url, url).await?)
    }

    /// Adds another tenant, with an account of its own at the same provider. Must be called before
    /// the start.
    pub async fn neighbour(&mut self) -> Result<Resident, Error> {
        Ok(self.own_mut()?.installation.neighbour().await?)
    }

    /// Starts every process, and creates a product. On return the program serves.
    pub async fn start(&mut self, tuning: &Tuning) -> Result<(), Error> {
        let ground = self.context.ground.clone();
        let tuning = self.context.servers.tune(tuning, &self.context.stream());
        if let Some(own) = &mut self.own {
            let planned = process::planned(&ground, &tuning);
            let started = planned.into_iter().map(|mut process| {
                let (installation, provider) = (&own.installation, own.provider_url.as_str());
                let findings = self.context.findings.clone();
                async move { process.start(installation, provider, &findings).await.map(|()| process) }
            });
            for process in join_all(started).await {
                let process = process?;
                own.processes.insert(process.name.clone(), process);
            }
            let servers = own.processes.values().filter(|process| process.part == Part::Server);
            self.target.base_urls = servers.map(|server| server.base_url.clone()).collect();
            let webhooks = own.webhook_url.clone().unwrap_or_else(|| self.target.base_urls[0].clone());
            own.installation.open_account(&own.sandbox_url, &webhooks).await?;
            let watch = watch::outbox(own.installation.location.clone(), self.context.timeline.clone());
            own.watch = Some(tokio::spawn(watch).abort_handle());
        }
        self.target.catalogue = self.sell(SLOTS, CAPACITY).await?;
        if self.own.is_some() {
            let other = self.sell_for(&MERCADO_PAGO, SLOTS, CAPACITY).await?;
            self.target.in_other_currencies.insert(MERCADO_PAGO.currency, other);
        }
        Ok(())
    }

    /// Creates a product with `slots` slots of this capacity. One seat costs
    /// [`super::operation_request::PRICE_MINOR`].
    pub async fn sell(&self, slots: usize, capacity: i64) -> Result<Catalogue, Error> {
        self.sell_for(&STRIPE, slots, capacity).await
    }

    /// The same in the currency of this method.
    pub async fn sell_for(
        &self,
        method: &PaymentMethod,
        slots: usize,
        capacity: i64,
    ) -> Result<Catalogue, Error> {
        let currency = method.currency;
        let name = self.context.operation(format!("catalogue-{currency}-{slots}-{capacity}"));
        let base_url = self.target.base_urls.first().map_or("", String::as_str);
        Ok(sell(base_url, &self.target.api_key, &name, currency, slots, capacity).await?)
    }

    /// The database, if it is ours.
    pub fn location(&self) -> Option<&Location> {
        self.own.as_ref().map(|own| &own.installation.location)
    }

    pub fn installation(&self) -> Result<&Installation, Error> {
        Ok(&self.own()?.installation)
    }

    pub fn sandbox_url(&self) -> Result<&str, Error> {
        Ok(&self.own()?.sandbox_url)
    }

    pub fn names(&self, part: Part) -> Vec<String> {
        let processes = self.own.iter().flat_map(|own| own.processes.values());
        processes.filter(|process| process.part == part).map(|process| process.name.clone()).collect()
    }

    /// The processes that run jobs.
    pub fn workers(&self) -> Vec<String> {
        let workers = self.names(Part::Worker);
        if workers.is_empty() { self.names(Part::Server) } else { workers }
    }

    /// The address of a process.
    pub fn base_url(&self, name: &str) -> Result<&str, Error> {
        Ok(&self.process(name)?.base_url)
    }

    /// Sends SIGKILL: nothing is flushed. The process stays dead until [`Deployment::start_again`].
    pub async fn kill(&mut self, name: &str) -> Result<(), Error> {
        self.context.timeline.fault("kill -9", name, "");
        self.process_mut(name)?.kill().await
    }

    /// Sends SIGTERM, as a supervisor does, or SIGINT, as a terminal does. The process must end
    /// with success.
    pub async fn stop(&mut self, name: &str, signal: &str) -> Result<(), Error> {
        self.context.timeline.fault(format!("SIG{signal}"), name, "");
        self.process_mut(name)?.stop(signal).await
    }

    /// Starts a process that was killed or stopped, at the same address, and returns when it
    /// serves. A database that is starting too may refuse it for a while.
    pub async fn start_again(&mut self, name: &str) -> Result<(), Error> {
        let findings = self.context.findings.clone();
        let own = self.own_mut()?;
        let process = own.processes.get_mut(name).ok_or_else(|| Error::NotOurs(name.to_owned()))?;
        process.start(&own.installation, &own.provider_url, &findings).await?;
        if process.part == Part::Sandbox {
            send_faults(&own.sandbox_url, &own.faults).await?;
        }
        self.context.timeline.fault("start", name, "");
        Ok(())
    }

    /// Stops every process but the provider, one after the other, and starts it with other
    /// settings.
    pub async fn retune(&mut self, tuning: &Tuning) -> Result<(), Error> {
        let tuning = self.context.servers.tune(tuning, &self.context.stream());
        for part in [Part::Server, Part::Worker, Part::Relay] {
            for name in self.names(part) {
                self.stop(&name, "TERM").await?;
                self.process_mut(&name)?.tune(&tuning);
                self.start_again(&name).await?;
            }
        }
        Ok(())
    }

    /// SIGSTOP, until [`Deployment::thaw`] or [`Deployment::kill`].
    pub async fn freeze(&self, name: &str) -> Result<(), Error> {
        self.process(name)?.freeze().await
    }

    pub async fn thaw(&self, name: &str) -> Result<(), Error> {
        self.process(name)?.thaw().await
    }

    /// Stalls a process: SIGSTOP, a pause of `span`, SIGCONT. The process keeps its leases and
    /// locks meanwhile.
    pub async fn stall(&mut self, name: &str, span: Duration) -> Result<(), Error> {
        let lasting = self.context.timeline.begin("stall", name);
        let stalled = self.process(name)?.stall(span).await;
        self.context.timeline.end(lasting);
        stalled
    }

    /// Acts on the database server, if it is ours.
    pub async fn database(
        &self,
        act: impl FnOnce(&Private) -> Result<(), test_servers::postgres::Error> + Send + 'static,
    ) -> Result<(), Error> {
        let databases = self.context.databases.clone().lock_owned().await;
        let act = move || {
            let server = databases.as_ref().and_then(Databases::server);
            act(server.ok_or_else(|| Error::NotOurs("postgres".to_owned()))?).map_err(Error::from)
        };
        tokio::task::spawn_blocking(act).await.map_err(std::io::Error::other)?
    }

    /// Acts on Redis, if it is ours.
    pub async fn redis<T: Send + 'static>(
        &self,
        act: impl FnOnce(&test_servers::redis::Private) -> Result<T, test_servers::Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.context.servers.redis(act).await
    }

    /// Acts on NATS, if it is ours.
    pub async fn nats<T: Send + 'static>(
        &self,
        act: impl FnOnce(&test_servers::nats::Private) -> Result<T, test_servers::Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.context.servers.nats(act).await
    }

    /// Sets the provider's faults. They survive a restart of the provider.
    pub async fn set_faults(&mut self, faults: Value) -> Result<(), Error> {
        let own = self.own_mut()?;
        own.end_faults();
        let clean = faults.as_object().is_some_and(serde_json::Map::is_empty);
        own.faulty = (!clean).then(|| own.timeline.begin_with("faults", "provider", faults.to_string()));
        own.faults = faults;
        send_faults(&own.sandbox_url, &own.faults).await
    }

    /// The provider's books with every raw call; `None` if their address is unknown.
    pub async fn books(&self) -> Result<Option<Books>, Error> {
        match &self.books {
            Some(url) => Ok(Some(Books::read(&books_of(url)).await?)),
            None => Ok(None),
        }
    }

    /// The verdicts of `surehold check` on the current state.
    pub async fn verdicts(&self) -> Result<Verdicts, Error> {
        let own = self.own()?;
        Ok(check::run(&own.installation.location, self.books().await?).await?)
    }

    /// Waits until no work is under way, or until the work has not become less for too long.
    pub async fn rest(&self) -> Result<Rest, Error> {
        let queries = Store::open_read_only(&self.own()?.installation.location).await?;
        let begun = Instant::now();
        let mut patience = Patience::of(QUIET_WITHIN);
        loop {
            let verdicts = self.verdicts().await?;
            let reached = verdicts.all_hold() && !verdicts.has_notes();
            let under_way = under_way(&queries.figures(SystemClock.now()).await?);
            let waits = if self.context.findings.any_broken() {
                begun.elapsed() <= QUIET_WITHIN_IF_BROKEN
            } else {
                patience.lasts(under_way as f64)
            };
            if reached || !waits {
                return Ok(Rest { verdicts, reached });
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// The metrics of a process.
    pub async fn scrape(&self, name: &str) -> Result<Scrape, Error> {
        Ok(Scrape::of(&self.process(name)?.base_url).await?)
    }

    /// The log of a process over all its starts.
    pub fn log(&self, name: &str) -> Result<String, Error> {
        let log = self.own()?.installation.log(name);
        Ok(String::from_utf8_lossy(&std::fs::read(log)?).into_owned())
    }

    /// The number of lines in all logs that contain this text.
    pub fn log_lines_with(&self, text: &str) -> Result<u64, Error> {
        let mut count = 0;
        for name in self.own()?.processes.keys() {
            count += self.log(name)?.lines().filter(|line| line.contains(text)).count() as u64;
        }
        Ok(count)
    }

    /// Fails with the end of its log if a process that should be alive has ended.
    pub fn all_alive(&mut self) -> Result<(), Error> {
        match &mut self.own {
            Some(own) => own.processes.values_mut().try_for_each(Process::check_alive),
            None => Ok(()),
        }
    }

    fn own(&self) -> Result<&Own, Error> {
        self.own.as_ref().ok_or_else(|| Error::NotOurs("any".to_owned()))
    }

    fn own_mut(&mut self) -> Result<&mut Own, Error> {
        self.own.as_mut().ok_or_else(|| Error::NotOurs("any".to_owned()))
    }

    fn process(&self, name: &str) -> Result<&Process, Error> {
        self.own()?.processes.get(name).ok_or_else(|| Error::NotOurs(name.to_owned()))
    }

    fn process_mut(&mut self, name: &str) -> Result<&mut Process, Error> {
        self.own_mut()?.processes.get_mut(name).ok_or_else(|| Error::NotOurs(name.to_owned()))
    }
}

/// The number of unfinished jobs, attempts, messages and events.
fn under_way(figures: &Figures) -> i64 {
    let Backlog { outbox_pending, outbox_unreceived, deliveries_waiting, events_received, .. } =
        figures.backlog;
    let counted = figures.jobs.iter().chain(&figures.attempts_open).map(|counted| counted.count);
    outbox_pending + outbox_unreceived + deliveries_waiting + events_received + counted.sum::<i64>()
}

impl Own {
    fn end_faults(&mut self) {
        if let Some(lasting) = self.faulty.take() {
            self.timeline.end(lasting);
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.end_faults();
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

/// With a sandbox's address the books include every call. Any other source is a file, or has its
/// own query.
fn books_of(source: &str) -> String {
    let whole = source.starts_with("http") && !source.contains('?');
    if whole { format!("{}?calls=true", source.trim_end_matches('/')) } else { source.to_owned() }
}

async fn send_faults(sandbox_url: &str, faults: &Value) -> Result<(), Error> {
    let answer = HttpConnection::new(sandbox_url).post("/sandbox/faults", &[], faults.to_string()).await?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(Error::Unexpected { operation: "POST /sandbox/faults".to_owned(), outcome: answer.text() })
}
