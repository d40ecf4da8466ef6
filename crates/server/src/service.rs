//! The service: store, HTTP, workers, relay, consumers and timers, started and stopped together.
//!
//! A process keeps nothing that another could not take over, so it can be stopped and started at
//! any point. A clean stop only saves time: it takes no new requests, answers those in progress,
//! lets workers finish their calls, and drains the queue. A start that fails ends what it had
//! begun, in the same order.

mod work;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::commands::Subscribe;
use domain::consumers::Consumers;
use domain::time::Span;
use domain::{AccountId, WorkerId};
use metrics_exporter_prometheus::PrometheusHandle;
use parking_lot::Mutex;
use providers::{Registry, Secret, guard};
use store::{Clock, Location, Store};
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use work::ServiceTasks;

use crate::accounts::{self, ProviderAccounts};
pub use crate::accounts::{AccountCredentials, AccountSettings};
use crate::admin::socket::Socket;
use crate::consumers::{self, MessageDispatcher};
use crate::http::{self, App, AppParts, Limits};
use crate::ids::UuidV7;
use crate::metrics::catalogue::{BROKER_UNFIT, ROLE, STARTED};
use crate::metrics::labels;
use crate::ports::broker::{self, Broker, BrokerAdapter, BrokerParts};
use crate::ports::cache::{Cache, CacheAdapter};
use crate::ports::clock::{self, SteadyClock};
use crate::ports::{NoWorkers, WorkerPool};
use crate::relay::{self, Relay};
use crate::roles::Roles;
use crate::tickets::TicketSigner;
use crate::wake::Wake;
use crate::webhooks;
use crate::wire::Wire;
use crate::workers::{
    Driver, Gates, JobHandlers, LaneConcurrency, Pace, Pool, PoolParts, registered, schedule,
};
use crate::{figures, schedules, timers};

#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    pub roles: Roles,
    pub location: Location,
    pub accounts: Vec<AccountSettings>,
    /// The seeds of the keys of tickets; the first signs.
    pub ticket_keys: Vec<Secret>,
    pub limits: Limits,
    pub pace: Pace,
    /// The circuit breaker and retry budget of each account.
    pub guard: guard::Settings,
    pub lease: Span,
    pub concurrency: LaneConcurrency,
    /// The part of the critical workers that one account at a provider may use, if there are
    /// others.
    pub account_share: f64,
    pub writers: usize,
    pub readers: usize,
    pub queue_max: usize,
    pub tenant_share: f64,
    pub relay: relay::Settings,
    pub consumers: consumers::Settings,
    /// How often the events of each account are read back, in case a webhook was lost.
    pub events_every: Span,
    /// How long before its end the tenant is warned of an authorisation.
    pub authorization_warning: Span,
    /// How often the provider's books of each account are compared with ours; `None`: only on request.
    pub reconcile_every: Option<Span>,
    /// How long stored replies are kept at least. The keys are kept forever.
    pub replies_kept: Span,
    /// How long events and jobs are kept after their end.
    pub work_kept: Span,
    /// How long rows of the audit are kept at least; `None`: forever.
    pub audit_kept: Option<Span>,
    pub sqlite_max_page_count: Option<u32>,
    /// The cache in front of the database, if there is one.
    pub cache: Option<Arc<dyn CacheAdapter>>,
    /// The external broker that carries messages. Without it the relay delivers them itself.
    pub broker: Option<Arc<dyn BrokerAdapter>>,
    /// The source of `/metrics`; installed once per process.
    pub metrics: Option<PrometheusHandle>,
    /// How often committed rows are counted for it.
    pub figures_every: Duration,
}

impl Settings {
    pub fn new(listen: SocketAddr, location: Location) -> Settings {
        Settings {
            listen,
            roles: Roles::ALL,
            location,
            accounts: Vec::new(),
            ticket_keys: Vec::new(),
            limits: Limits::default(),
            pace: Pace::default(),
            guard: guard::Settings::default(),
            lease: crate::workers::LEASE,
            concurrency: LaneConcurrency::default(),
            account_share: crate::workers::ACCOUNT_SHARE,
            writers: 1,
            readers: store::READERS,
            queue_max: store::QUEUE_MAX,
            tenant_share: store::TENANT_SHARE,
            relay: relay::Settings::default(),
            consumers: consumers::Settings::default(),
            events_every: webhooks::feed::EVERY,
            authorization_warning: domain::limits::AUTHORIZATION_WARNING,
            reconcile_every: Some(schedule::EVERY),
            replies_kept: Span::seconds(30 * 24 * 60 * 60),
            work_kept: Span::seconds(90 * 24 * 60 * 60),
            audit_kept: None,
            sqlite_max_page_count: None,
            cache: None,
            broker: None,
            metrics: None,
            figures_every: figures::EVERY,
        }
    }

    /// Refuses invalid settings before anything is opened.
    pub fn check(&self) -> Result<(), Error> {
        if self.roles != Roles::ALL && self.is_alone() {
            return Err(Error::RoleNeedsPostgres);
        }
        TicketSigner::of(&self.ticket_keys).map_err(Error::TicketKeys)?;
        Ok(())
    }

    /// The lock file of SQLite excludes every other process.
    fn is_alone(&self) -> bool {
        matches!(self.location, Location::Sqlite { .. })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("{0}")]
    Cache(String),
    #[error("who receives messages could not be written down: {0}")]
    Subscribe(store::Unavailable),
    #[error("the broker: {0}")]
    Broker(String),
    #[error("cannot listen on {address}: {cause}")]
    Listen { address: SocketAddr, cause: std::io::Error },
    #[error("the account {account}: {why}")]
    Account { account: String, why: String },
    #[error("the keys of tickets: {0}")]
    TicketKeys(String),
    #[error("SQLite is one process: the role must be `all`")]
    RoleNeedsPostgres,
    #[error("the account {account} could not be written down: {why}")]
    NotWritten { account: String, why: String },
}

const WAITING_MAX: u32 = 1_024;

pub struct RunningService {
    pub address: SocketAddr,
    pub store: Store,
    app: App,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    work: ServiceTasks,
    registry: Arc<Registry>,
    accounts: Mutex<Vec<AccountSettings>>,
}

impl RunningService {
    /// Replaces the credentials of accounts that have others now, without a restart.
    pub fn replace_credentials(&self, now: Vec<AccountCredentials>) {
        let mut accounts = self.accounts.lock();
        for credentials in now {
            let account = credentials.account.clone();
            match accounts::replace_credentials(&self.registry, &mut accounts, credentials) {
                Ok(true) => tracing::info!(account, "the credentials of the account were replaced"),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the account keeps its old credentials"),
            }
        }
    }

    /// Readiness is refused, and each response closes its connection. Requests are served as before
    /// until [`RunningService::stop`]. The caller decides how long to wait in between.
    pub fn leave(&self) {
        self.app.leave();
    }

    /// Answers requests in progress, finishes calls in progress, drains the queue.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // A task that panicked has logged it already.
        let _ = self.serving.await;
        self.work.end().await;
        self.store.close().await;
    }
}

/// The parts that the service's tasks share.
struct Common {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<UuidV7>,
    wake: Wake,
}

/// Opens everything and starts to serve. The schema must have been migrated.
pub async fn start(settings: Settings) -> Result<RunningService, Error> {
    settings.check()?;
    // First, because if another process listens here, the database must not be touched.
    let socket = bind(settings.listen)?;
    let common = Common::open(&settings).await?;
    let mut work = ServiceTasks::new();
    match serve(&settings, &common, socket, &mut work).await {
        Ok((Serving { address, app, stop, task }, registry)) => Ok(RunningService {
            address,
            store: common.store,
            app,
            stop,
            serving: task,
            work,
            registry,
            accounts: Mutex::new(settings.accounts),
        }),
        Err(error) => {
            work.end().await;
            common.store.close().await;
            Err(error)
        }
    }
}

/// Binds the address, without accepting connections yet.
fn bind(address: SocketAddr) -> Result<TcpSocket, Error> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Connections of an earlier process may still be closing.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    bound().map_err(|cause| Error::Listen { address, cause })
}

impl Common {
    async fn open(settings: &Settings) -> Result<Common, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SteadyClock::start());
        let ids = Arc::new(UuidV7::default());
        let wake = Wake::default();
        let mut options =
            store::Options::new(settings.location.clone(), clock.clone(), ids.clone(), Arc::new(Wire));
        options.listener = Arc::new(wake.clone());
        options.writers = settings.writers;
        options.readers = settings.readers;
        options.queue_max = settings.queue_max;
        options.tenant_share = settings.tenant_share;
        options.max_page_count = settings.sqlite_max_page_count;
        let store = Store::open(options).await?;
        clock::warn_if_behind(clock.as_ref(), &store).await?;
        Ok(Common { store, clock, ids, wake })
    }

    fn worker(&self) -> WorkerId {
        WorkerId(domain::Ids::next(self.ids.as_ref()))
    }
}

/// The HTTP side, and what stops it.
struct Serving {
    address: SocketAddr,
    app: App,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

async fn serve(
    settings: &Settings,
    common: &Common,
    socket: TcpSocket,
    work: &mut ServiceTasks,
) -> Result<(Serving, Arc<Registry>), Error> {
    let Common { store, clock, ids, wake } = common;
    let cache = match &settings.cache {
        Some(adapter) => adapter.open(store).await.map_err(Error::Cache)?,
        None => Cache::default(),
    };
    let ProviderAccounts { registry, entries, directory } =
        accounts::open(store, settings, cache.floors.as_ref(), clock.now()).await?;
    let registry = Arc::new(registry);
    let directory = if settings.roles.worker { directory } else { directory.without_circuits() };
    let waits = webhooks::Waits {
        recheck_delays: settings.pace.recheck_delays(),
        operation_deadline: settings.limits.operation_deadline,
    };
    let (hooks, reader) = webhooks::new(store.clone(), registry.clone(), clock.clone(), entries, waits);
    let mut worker_pool: Arc<dyn WorkerPool> = Arc::new(NoWorkers);
    if settings.roles.worker {
        let pool = pool(settings, common, &registry);
        worker_pool = Arc::new(pool.clone());
        work.extend(workers(settings, common, pool, &work.stopped()));
    }
    let mut broker = None;
    if settings.roles.relay || settings.roles.worker {
        let (carrying, opened) = messages(settings, common, &work.stopped()).await?;
        work.extend(carrying);
        broker = Some(opened);
    }
    // The process that takes an event processes it: that needs no provider, and no other process
    // has to be woken. Workers process the events that were left behind.
    if settings.roles.api || settings.roles.worker {
        work.push(tokio::spawn(reader.run(settings.roles.worker, work.stopped())));
    }
    if settings.roles.worker {
        let reading = webhooks::feed::read_back(hooks.clone(), settings.events_every, work.stopped());
        work.push(tokio::spawn(reading));
    }
    let scrape = figures::MetricsText {
        store: store.clone(),
        queue_max: settings.queue_max,
        circuits: directory.circuits(),
        handle: settings.metrics.clone(),
    };
    show_roles(settings.roles, clock.now());
    let every = settings.figures_every;
    work.push(tokio::spawn(figures::refresh(scrape.clone(), every, clock.clone(), work.stopped())));

    let app = App::new(AppParts {
        store: store.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        waiters: wake.waiters.clone(),
        accounts: Arc::new(directory),
        providers: registry.clone(),
        workers: worker_pool,
        tickets: Arc::new(TicketSigner::of(&settings.ticket_keys).map_err(Error::TicketKeys)?),
        idempotency_cache: cache.idempotency,
        metrics: Arc::new(move || scrape.text()),
        unfit: Arc::new(move || broker.as_ref().and_then(|broker| broker.unfit())),
        limits: Limits { readers: settings.readers, ..settings.limits },
    });
    if let Location::Sqlite { path } = &settings.location {
        work.extend(command_line(path, &app, work.stopped()));
    }
    let router = if settings.roles.api {
        http::router(app.clone(), http::webhook_router(hooks))
    } else {
        http::probes(app.clone())
    };
    Ok((listen(settings, socket, app, router)?, registry))
}

/// The socket for the command line, which cannot open the file itself. Without it everything else
/// still works.
fn command_line(path: &Path, app: &App, stop: watch::Receiver<bool>) -> Option<JoinHandle<()>> {
    match Socket::open(path) {
        Ok(socket) => {
            let (store, app) = (app.store().clone(), app.clone());
            let forget = move || app.known_keys.forget();
            Some(tokio::spawn(socket.serve(store, forget, stop)))
        }
        Err(error) => {
            tracing::warn!(%error, "no socket for the command line: while this runs, it cannot change tenants and keys");
            None
        }
    }
}

fn listen(settings: &Settings, socket: TcpSocket, app: App, router: axum::Router) -> Result<Serving, Error> {
    let failed = |cause| Error::Listen { address: settings.listen, cause };
    let listener = socket.listen(WAITING_MAX).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (stop, stopped) = watch::channel(false);
    let limits = settings.limits;
    let task = tokio::spawn(async move {
        if let Err(error) = http::serve(listener, router, limits, stop_requested(stopped)).await {
            tracing::error!(%error, "serving ended");
        }
    });
    Ok(Serving { address, app, stop, task })
}

fn pool(settings: &Settings, common: &Common, registry: &Arc<Registry>) -> Arc<Pool> {
    let gates = Arc::new(Gates::new(registry, settings.concurrency.critical, settings.account_share));
    let driver = Driver {
        store: common.store.clone(),
        registry: registry.clone(),
        gates: gates.clone(),
        clock: common.clock.clone(),
        pace: settings.pace,
        operation_deadline: settings.limits.operation_deadline,
    };
    Pool::new(PoolParts {
        store: common.store.clone(),
        clock: common.clock.clone(),
        gates,
        handlers: JobHandlers::new(registered(&driver)),
        worker: common.worker(),
        lease: settings.lease,
        concurrency: settings.concurrency,
        wake: common.wake.jobs.clone(),
    })
}

fn show_roles(roles: Roles, now: domain::Timestamp) {
    let labels = [
        (roles.api, labels::Role::Api),
        (roles.worker, labels::Role::Worker),
        (roles.relay, labels::Role::Relay),
    ];
    for (_, role) in labels.into_iter().filter(|(has, _)| *has) {
        ROLE.set(role, 1.0);
    }
    STARTED.set((), now.unix_seconds() as f64);
    BROKER_UNFIT.set((), 0.0);
}

/// The workers that drive attempts, and the timers.
fn workers(
    settings: &Settings,
    common: &Common,
    pool: Arc<Pool>,
    stop: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let Common { store, clock, .. } = common;
    let (replies_kept, work_kept) = (settings.replies_kept, settings.work_kept);
    let prune_audit =
        |kept| tokio::spawn(timers::prune_audit(store.clone(), clock.clone(), kept, stop.clone()));
    let warned_before = settings.authorization_warning;
    let check = timers::check_authorizations(store.clone(), clock.clone(), warned_before, stop.clone());
    let reconcile = |every| {
        let accounts = settings
            .accounts
            .iter()
            .map(|account| (account.tenant, AccountId::of(account.adapter.name, &account.name)));
        let accounts = accounts.collect();
        tokio::spawn(schedule::start_due(store.clone(), accounts, every, stop.clone()))
    };
    let reconciling = settings.reconcile_every.map(reconcile);
    let timers = [
        tokio::spawn(check),
        tokio::spawn(pool.run(settings.is_alone(), stop.clone())),
        tokio::spawn(timers::expire_holds(store.clone(), clock.clone(), stop.clone())),
        tokio::spawn(timers::release_funds(store.clone(), clock.clone(), stop.clone())),
        tokio::spawn(schedules::make_due_slots(store.clone(), clock.clone(), stop.clone())),
        tokio::spawn(timers::prune_replies(store.clone(), clock.clone(), replies_kept, stop.clone())),
        tokio::spawn(timers::prune_work(store.clone(), clock.clone(), work_kept, stop.clone())),
    ];
    timers.into_iter().chain(settings.audit_kept.map(prune_audit)).chain(reconciling).collect()
}

/// The relay, its sweep, and the pruning of old messages; and with an external broker, the consumer
/// that takes messages from it.
async fn messages(
    settings: &Settings,
    common: &Common,
    stop: &watch::Receiver<bool>,
) -> Result<(Vec<JoinHandle<()>>, Arc<dyn Broker>), Error> {
    let Common { store, clock, wake, .. } = common;
    // Nearly always it is registered already.
    let registered = Consumers::default();
    let _subscribed =
        store.submit(Box::new(Subscribe { consumers: registered })).await.map_err(Error::Subscribe)?;
    let dispatcher = Arc::new(MessageDispatcher::new(store.clone(), settings.consumers));
    let consumes = settings.roles.worker;
    let parts = BrokerParts { store: store.clone(), dispatcher, consumes, stop: stop.clone() };
    let opened = broker::open(settings.broker.as_deref(), parts).await.map_err(Error::Broker)?;
    let mut work = Vec::from_iter(opened.consuming);
    if settings.roles.relay {
        let parts = relay::RelayShares::new(
            store.clone(),
            opened.broker.clone(),
            clock.clone(),
            settings.relay,
            registered,
        );
        let relay = Relay::new(parts.clone(), common.worker(), wake.outbox.clone(), settings.is_alone());
        let kept = settings.relay.messages_kept;
        work.push(tokio::spawn(relay.run(stop.clone())));
        work.push(tokio::spawn(relay::sweep::run(parts, wake.sweep.clone(), stop.clone())));
        work.push(tokio::spawn(timers::prune_messages(store.clone(), clock.clone(), kept, stop.clone())));
    }
    Ok((work, opened.broker))
}

/// Ready when it is time to stop, or when the sender is gone.
async fn stop_requested(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
