//! A server on a fresh database, with two tenants, and a client to ask it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use api::views::Breaker;
use axum::Router;
use domain::commands::Provision;
use domain::rows::{Account, ApiKey, Client, Mode, Settings, Tenant};
use domain::working_set::Json;
use domain::{AccountId, ApiKeyId, ClientId, TenantId, Timestamp};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use server::clock::SystemClock;
use server::http::{
    Accounts, App, AppParts, Limits, NoIdempotencyCache, Waiters, Wire, WorkerPermit, WorkerPool, probes,
    router, serve,
};
use server::ids::UuidV7;
use sha2::{Digest as _, Sha256};
use store::{Clock, Location, Options, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use uuid::Uuid;

pub const ALL_SCOPES: [&str; 5] = ["bookings", "payments", "catalogue", "ops", "ledger"];

pub struct House {
    pub store: Store,
    pub waiters: Arc<Waiters>,
    pub clock: Arc<Moved>,
    pub base: String,
    pub app: App,
    http: reqwest::Client,
    _stop: watch::Sender<bool>,
    _directory: Option<TempDir>,
}

/// The machine's time, moved on by hand. PostgreSQL keeps its own.
#[derive(Default)]
pub struct Moved(AtomicI64);

impl Moved {
    pub fn on(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::SeqCst))
    }
}

/// Nobody drives what is begun.
struct NoHands;

impl WorkerPool for NoHands {
    fn place(&self) -> Option<Box<dyn WorkerPermit>> {
        None
    }
}

/// Each tenant has one account, at `stripe`.
struct Directory;

impl Accounts for Directory {
    fn account(&self, tenant: TenantId, provider: &str, _: Mode) -> Option<AccountId> {
        (provider == "stripe").then(|| AccountId::of("stripe", &tenant.to_string()))
    }

    fn providers(&self, _: TenantId, _: Mode) -> Vec<String> {
        vec!["stripe".to_owned()]
    }

    /// Seven accounts that nobody calls.
    fn breakers(&self, _: TenantId, _: Mode) -> Vec<Breaker> {
        let breaker = |number: u32| Breaker {
            provider: "stripe".to_owned(),
            account: format!("acct_{number}"),
            state: "closed".to_owned(),
            calls: 0,
            failures: 0,
            open_for_ms: 0,
            retries_left: 1,
        };
        (1..=7).map(breaker).collect()
    }
}

impl House {
    pub async fn on_sqlite() -> House {
        House::on_sqlite_with(Limits::default()).await
    }

    pub async fn on_sqlite_with(limits: Limits) -> House {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Sqlite { path: directory.path().join("books.db") };
        House::at(location, Some(directory), limits, whole).await
    }

    /// As a process without the API.
    pub async fn of_a_worker() -> House {
        House::serving(probes).await
    }

    pub async fn serving(served: fn(App) -> Router) -> House {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Sqlite { path: directory.path().join("books.db") };
        House::at(location, Some(directory), Limits::default(), served).await
    }

    pub async fn on_postgres() -> House {
        let server = server_url();
        let name = format!("http_{:032x}", rand::random::<u128>());
        let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(&format!("create database {name}")).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        let (rest, _) = server.rsplit_once('/').expect("the URL names a database");
        let location = Location::postgres(format!("{rest}/{name}"));
        House::at(location, None, Limits::default(), whole).await
    }

    async fn at(
        location: Location,
        directory: Option<TempDir>,
        limits: Limits,
        served: fn(App) -> Router,
    ) -> House {
        Store::migrate(&location).await.unwrap();
        let (clock, ids) = (Arc::new(Moved::default()), Arc::new(UuidV7::default()));
        let waiters = Arc::new(Waiters::default());
        let mut options = Options::new(location, clock.clone(), ids.clone(), Arc::new(Wire));
        options.listener = waiters.clone();
        let store = Store::open(options).await.unwrap();
        let app = App::new(AppParts {
            store: store.clone(),
            clock: clock.clone(),
            ids,
            waiters: waiters.clone(),
            accounts: Arc::new(Directory),
            hands: Arc::new(NoHands),
            hot_path: Arc::new(NoIdempotencyCache),
            metrics: Arc::new(|| "surehold_up 1\n".to_owned()),
            unfit: Arc::new(|| None),
            limits,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        let told = async move {
            let mut stopped = stopped;
            let _gone = stopped.wait_for(|stop| *stop).await;
        };
        tokio::spawn(serve(listener, served(app.clone()), limits, told));
        let http = reqwest::Client::new();
        let house = House { store, waiters, clock, base, app, http, _stop: stop, _directory: directory };
        house.tenant(tenant(1), "sk_one").await;
        house.tenant(tenant(2), "sk_two").await;
        house
    }

    /// A tenant with an account, a client, and an API key that may do everything.
    async fn tenant(&self, tenant: TenantId, secret: &str) {
        self.provision(tenant, &[(secret, &ALL_SCOPES, None)]).await;
    }

    /// API keys of the tenant's one client: secret, scopes, and when it was revoked.
    pub async fn provision(&self, id: TenantId, keys: &[(&str, &[&str], Option<Timestamp>)]) {
        let created_at = Timestamp(0);
        let client = client(id);
        let api_key = |(secret, scopes, revoked_at): &(&str, &[&str], Option<Timestamp>)| {
            let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
            ApiKey {
                id: ApiKeyId::of_secret_hash(&hash),
                tenant: id,
                client,
                hash: hash.to_vec(),
                scopes: Json(scopes.iter().map(ToString::to_string).collect()),
                mode: Mode::Test,
                created_at,
                revoked_at: *revoked_at,
            }
        };
        let name = id.to_string();
        let provision = Provision {
            tenant: Tenant {
                id,
                name: name.clone(),
                settings: Json(Settings::default()),
                version: 1,
                created_at,
                slug: id.to_string(),
                archived_at: None,
            },
            accounts: vec![Account {
                id: AccountId::of("stripe", &name),
                tenant: id,
                provider: "stripe".to_owned(),
                name,
                mode: Mode::Test,
                created_at,
            }],
            clients: vec![Client {
                id: client,
                tenant: id,
                name: "shop".to_owned(),
                held_seats: 0,
                held_seats_max: None,
                created_at,
            }],
            api_keys: keys.iter().map(api_key).collect(),
        };
        self.store.submit(Box::new(provision)).await.unwrap();
    }

    /// A request of the first tenant.
    pub fn ask(&self, method: &str, path: &str) -> Ask {
        let method = method.parse().unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base));
        Ask { request, secret: Some("sk_one".to_owned()) }
    }

    pub fn get(&self, path: &str) -> Ask {
        self.ask("GET", path)
    }

    pub fn post(&self, path: &str, body: &Value) -> Ask {
        self.ask("POST", path).json(body)
    }

    /// A product with an adult for 45 euros, a free child, and a slot of ten seats in a far future.
    pub async fn sail(&self) -> Sail {
        let eur = |minor: i64| json!({ "minor": minor, "currency": "EUR" });
        let product = self
            .post(
                "/v1/products",
                &json!({
                    "name": "Sunset sail",
                    "time_zone": "Europe/Lisbon",
                    "currency": "EUR",
                    "units": [{ "name": "Adult", "price": eur(4_500) }, { "name": "Child", "price": eur(0) }],
                }),
            )
            .expect(201)
            .await
            .body;
        let id = |value: &Value| value.as_str().unwrap().to_owned();
        let path = format!("/v1/products/{}/slots", id(&product["id"]));
        let slots = json!({ "slots": [{ "starts_at": "2050-07-01T20:00:00+01:00", "capacity": 10 }] });
        let slots = self.post(&path, &slots).expect(201).await.body;
        Sail {
            product: id(&product["id"]),
            adult: id(&product["units"][0]["id"]),
            slot: id(&slots["data"][0]["id"]),
        }
    }

    /// A booking of the first tenant.
    pub async fn book(&self, sail: &Sail, key: &str, quantity: i64) -> Answer {
        self.post("/v1/bookings", &sail.booking(quantity)).key(key).expect(201).await
    }

    pub async fn vacancies(&self, sail: &Sail) -> i64 {
        let path = format!(
            "/v1/availability?product_id={}&from=2050-01-01T00:00:00Z&to=2051-01-01T00:00:00Z",
            sail.product
        );
        self.get(&path).expect(200).await.body["data"][0]["vacancies"].as_i64().unwrap()
    }
}

/// The API, and beside it something that panics.
fn whole(app: App) -> Router {
    let panics = axum::routing::get(|| async { panic!("on purpose") as &'static str });
    router(app, Router::new().route("/extra/panic", panics))
}

pub fn tenant(number: u128) -> TenantId {
    TenantId(Uuid::from_u128(number))
}

/// The client of a tenant.
pub fn client(tenant: TenantId) -> ClientId {
    ClientId(Uuid::from_u128(tenant.0.as_u128() + 1_000))
}

pub struct Sail {
    pub product: String,
    pub adult: String,
    pub slot: String,
}

impl Sail {
    pub fn booking(&self, quantity: i64) -> Value {
        json!({
            "slot_id": self.slot,
            "units": [{ "unit_id": self.adult, "quantity": quantity }],
            "customer": { "name": "Ana Lima", "email": "ana@example.com" },
        })
    }
}

pub struct Ask {
    request: reqwest::RequestBuilder,
    secret: Option<String>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Ask {
    pub fn json(self, body: &Value) -> Ask {
        self.bytes(body.to_string().into_bytes())
    }

    pub fn bytes(self, body: Vec<u8>) -> Ask {
        self.header("content-type", "application/json").raw(body)
    }

    pub fn raw(self, body: Vec<u8>) -> Ask {
        Ask { request: self.request.body(body), ..self }
    }

    pub fn header(self, name: &str, value: &str) -> Ask {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        Ask { request: self.request.header(name, value), ..self }
    }

    pub fn key(self, key: &str) -> Ask {
        self.header("idempotency-key", key)
    }

    /// Somebody else asks; nobody, where it is empty.
    pub fn by(self, secret: &str) -> Ask {
        Ask { secret: (!secret.is_empty()).then(|| secret.to_owned()), ..self }
    }

    pub async fn send(self) -> Answer {
        let request = match self.secret {
            Some(secret) => self.request.header("authorization", format!("Bearer {secret}")),
            None => self.request,
        };
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, text, body }
    }

    pub async fn expect(self, status: u16) -> Answer {
        let answer = self.send().await;
        assert_eq!(answer.status, status, "{}", answer.text);
        answer
    }

    /// A problem document with this code, and all that every one of them must have.
    pub async fn refused(self, status: u16, code: &str) -> Answer {
        let answer = self.send().await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.body["status"], status);
        assert_eq!(answer.body["type"], format!("/docs/errors#{code}"));
        assert!(answer.body["retryable"].is_boolean());
        assert!(answer.body["title"].is_string() && answer.body["detail"].is_string());
        answer
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    /// The pointers of the mistakes.
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no program that would read its configuration")]
fn server_url() -> String {
    std::env::var("SUREHOLD_TEST_POSTGRES")
        .expect("SUREHOLD_TEST_POSTGRES names no server: run `cargo xtask test`, which starts one")
}
