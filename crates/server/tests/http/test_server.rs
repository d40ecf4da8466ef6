//! The HTTP side of a server on a private database, with two tenants. It has no workers.

use std::ops::{Deref, RangeInclusive};
use std::sync::Arc;

use api::views::Breaker;
use axum::Router;
use domain::rows::{Mode, PayBy};
use domain::{AccountId, TenantId, Timestamp};
use server::http::{App, AppParts, Limits, probes, router, serve};
use server::ids::UuidV7;
use server::ports::{Accounts, NoIdempotencyCache, NoWorkers, PaymentAccount};
use server::tickets::TicketSigner;
use server::wake::Waiters;
use server::wire::Wire;
use store::{Options, Store};
use testkit::{
    Engine, ONE, OnEngine, TWO, TestCatalogue, TestClient, TestClock, TestDatabase, TestReply, TestTenant,
};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub struct TestServer {
    pub store: Store,
    pub waiters: Arc<Waiters>,
    pub clock: Arc<TestClock>,
    pub app: App,
    client: TestClient,
    _stop: watch::Sender<bool>,
    database: TestDatabase,
}

/// Its requests are those of the first tenant.
impl Deref for TestServer {
    type Target = TestClient;

    fn deref(&self) -> &TestClient {
        &self.client
    }
}

/// Each tenant has seven accounts, all at `stripe`; only the first is called.
struct Directory;

const ACCOUNTS: RangeInclusive<u32> = 1..=7;

fn name(number: u32) -> String {
    format!("acct_{number}")
}

impl Accounts for Directory {
    fn accounts(&self, tenant: TenantId, _: Mode) -> Vec<PaymentAccount> {
        let Some(tenant) = [ONE, TWO].into_iter().find(|known| known.id() == tenant) else {
            return Vec::new();
        };
        let account = |number: u32| PaymentAccount {
            id: if number == 1 { tenant.account() } else { AccountId::of("stripe", &name(number)) },
            provider: "stripe".to_owned(),
            name: name(number),
            currencies: None,
            methods: vec![PayBy::Card],
        };
        ACCOUNTS.map(account).collect()
    }

    fn breakers(&self, _: TenantId, _: Mode) -> Vec<Breaker> {
        let breaker = |number: u32| Breaker {
            provider: "stripe".to_owned(),
            account: name(number),
            state: "closed".to_owned(),
            calls: 0,
            failures: 0,
            open_for_ms: 0,
            retries_left: 1,
        };
        ACCOUNTS.map(breaker).collect()
    }
}

impl OnEngine for TestServer {
    async fn on(engine: Engine) -> TestServer {
        TestServer::start(engine, Limits::default(), whole).await
    }
}

impl TestServer {
    pub async fn with(limits: Limits) -> TestServer {
        TestServer::start(Engine::Sqlite, limits, whole).await
    }

    /// A process without the API.
    pub async fn of_a_worker() -> TestServer {
        TestServer::serving(probes).await
    }

    pub async fn serving(served: fn(App) -> Router) -> TestServer {
        TestServer::start(Engine::Sqlite, Limits::default(), served).await
    }

    async fn start(engine: Engine, limits: Limits, served: fn(App) -> Router) -> TestServer {
        let database = TestDatabase::on(engine).await;
        let (clock, ids) = (Arc::new(TestClock::default()), Arc::new(UuidV7::default()));
        let waiters = Arc::new(Waiters::default());
        let mut options = Options::new(database.location.clone(), clock.clone(), ids.clone(), Arc::new(Wire));
        options.listener = waiters.clone();
        let store = Store::open(options).await.unwrap();
        let app = App::new(AppParts {
            store: store.clone(),
            clock: clock.clone(),
            ids,
            waiters: waiters.clone(),
            accounts: Arc::new(Directory),
            providers: Arc::default(),
            workers: Arc::new(NoWorkers),
            tickets: Arc::new(TicketSigner::of(&[testkit::ticket_key()]).unwrap()),
            idempotency_cache: Arc::new(NoIdempotencyCache),
            metrics: Arc::new(|| "surehold_up 1\n".to_owned()),
            unfit: Arc::new(|| None),
            limits,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, mut stopped) = watch::channel(false);
        let until_stopped = async move {
            let _gone = stopped.wait_for(|stop| *stop).await;
        };
        tokio::spawn(serve(listener, served(app.clone()), limits, until_stopped));
        let client = TestClient { http: reqwest::Client::new(), base_url, secret: ONE.api_key() };
        let server = TestServer { store, waiters, clock, app, client, _stop: stop, database };
        for tenant in [ONE, TWO] {
            server.store.submit(Box::new(tenant.provision())).await.unwrap();
        }
        server
    }

    /// API keys of the tenant's only client: secret, scopes, and the time of the revocation.
    pub async fn provision_keys(&self, tenant: TestTenant, keys: &[(&str, &[&str], Option<Timestamp>)]) {
        self.store.submit(Box::new(tenant.provision_keys(keys))).await.unwrap();
    }

    /// The stores of so many other servers. A file has one server only, so its store is used by all.
    pub async fn other_stores(&self, count: usize) -> Vec<Store> {
        let mut stores = Vec::new();
        for _ in 0..count {
            stores.push(match self.database.engine() {
                Engine::Sqlite => self.store.clone(),
                Engine::Postgres => self.database.open().await,
            });
        }
        stores
    }

    /// A booking of the first tenant.
    pub async fn book(&self, catalogue: &TestCatalogue, key: &str, quantity: i64) -> TestReply {
        self.post("/v1/bookings", &catalogue.booking(quantity, "ana")).key(key).expect(201).await
    }
}

/// The API, and an address that panics.
fn whole(app: App) -> Router {
    let panics = axum::routing::get(|| async { panic!("on purpose") as &'static str });
    router(app, Router::new().route("/extra/panic", panics))
}
