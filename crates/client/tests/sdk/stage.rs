//! The stage: the service and the sandbox in this process, and a network that can be sent to fail before
//! each of them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use client::requests::NewCharge;
use client::{Builder, Client, Currency, Money, Retry};
use domain::commands::{CloseEvent, Provision, RecordEvent};
use domain::rows::{self, ApiKey, Mode};
use domain::time::Span;
use domain::working_set::Json;
use domain::{AccountId, ApiKeyId, ClientId, TenantId, Timestamp};
use harness::oracle;
use harness::proxy::{Plan, Proxy};
use providers::{Secret, stripe};
use serde_json::{Value, json};
use server::clock::SystemClock;
use server::http::Wire;
use server::ids::UuidV7;
use server::service::{self, AccountSettings, Settings};
use sha2::{Digest as _, Sha256};
use store::{Location, Options, Store};
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

pub const API_KEY: &str = "sh_test_sdk";
const SCOPES: [&str; 5] = ["bookings", "payments", "catalogue", "ops", "ledger"];
const TENANT: TenantId = TenantId(Uuid::from_u128(1));
const ACCOUNT: &str = "acct_sdk";
const SECRET_KEY: &str = "sk_test_sdk";
const WEBHOOK_SECRET: &str = "whsec_sdk";
/// For a condition to come true. Far longer than any takes.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

pub struct Stage {
    /// Between the client and the service.
    pub line: Proxy,
    /// Between the service and the provider.
    pub provider_line: Proxy,
    location: Location,
    service: service::RunningService,
    sandbox: sandbox::RunningSandbox,
    _directory: TempDir,
}

/// Retries as the observer recorded them.
#[derive(Clone)]
pub struct RecordedRetries(Arc<Mutex<Vec<&'static str>>>, watch::Sender<usize>);

impl RecordedRetries {
    pub fn nothing() -> RecordedRetries {
        RecordedRetries(Arc::default(), watch::Sender::new(0))
    }

    pub fn words(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }

    /// Returns once something was recorded.
    pub async fn first(&self) {
        self.1.subscribe().wait_for(|recorded| *recorded > 0).await.unwrap();
    }

    pub fn observer(&self) -> impl Fn(&Retry<'_>) + Send + Sync + 'static {
        let recorded = self.clone();
        move |retry| {
            recorded.0.lock().unwrap().push(retry.failure.label());
            recorded.1.send_modify(|recorded| *recorded += 1);
        }
    }
}

impl Stage {
    pub async fn set() -> Stage {
        let directory = tempfile::tempdir().unwrap();
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let options =
            sandbox::Options { listen: anywhere, journal: directory.path().join("sandbox.journal") };
        let sandbox = sandbox::start(options).await.unwrap();
        let provider_line = Proxy::start(sandbox.address, Plan::pass()).unwrap();
        let location = Location::Sqlite { path: directory.path().join("surehold.sqlite") };
        Store::migrate(&location).await.unwrap();
        provision(&location).await;

        let mut settings = Settings::new(anywhere, location.clone());
        // A call that goes wrong is soon tried again.
        settings.pace.base = Span::millis(10);
        settings.pace.cap = Span::millis(200);
        let secrets = vec![Secret::new(WEBHOOK_SECRET.to_owned())];
        let mut stripe = stripe::Settings::new(Secret::new(SECRET_KEY.to_owned()), secrets, Mode::Test);
        stripe.base_url = provider_line.url();
        settings.accounts = vec![AccountSettings { tenant: TENANT, name: ACCOUNT.to_owned(), stripe }];
        let service = service::start(settings).await.unwrap();
        let line = Proxy::start(service.address, Plan::pass()).unwrap();
        let stage = Stage { line, provider_line, location, service, sandbox, _directory: directory };
        stage.introduce().await;
        stage
    }

    /// Tells the sandbox of the account, and where it wants its webhooks.
    async fn introduce(&self) {
        let url = format!("http://{}/webhooks/stripe/{ACCOUNT}", self.service.address);
        let webhook = json!({ "url": url, "secrets": [WEBHOOK_SECRET], "enabled_events": stripe::EVENTS });
        let account = json!({ "id": ACCOUNT, "secret_key": SECRET_KEY, "webhook": webhook });
        let headers = [("content-type", "application/json")];
        let answer = self.sandbox().post("/sandbox/accounts", &headers, account.to_string()).await.unwrap();
        assert!(answer.status.is_success(), "{}", answer.text());
    }

    fn sandbox(&self) -> harness::http::HttpClient {
        harness::http::HttpClient::new(&format!("http://{}", self.sandbox.address)).unwrap()
    }

    /// Another line to the service.
    pub fn line_to_service(&self, plan: Plan) -> Proxy {
        Proxy::start(self.service.address, plan).unwrap()
    }

    pub fn client(&self) -> Client {
        self.client_with(|builder| builder)
    }

    pub fn client_with(&self, change: impl FnOnce(Builder) -> Builder) -> Client {
        Stage::client_over(&self.line, change)
    }

    pub fn client_over(line: &Proxy, change: impl FnOnce(Builder) -> Builder) -> Client {
        change(Client::builder(line.url(), API_KEY)).build().unwrap()
    }

    /// An event of the provider that nothing can be made of, given up.
    pub async fn dead_event(&self) -> Uuid {
        let event = RecordEvent {
            tenant: TENANT,
            account: AccountId::of("stripe", ACCOUNT),
            name: "evt_1".to_owned(),
            kind: "payment_intent.succeeded".to_owned(),
            body: b"no JSON".to_vec(),
        };
        let id = event.id();
        let closed = CloseEvent { event: id, why: "nothing can be made of it".to_owned(), dead: true };
        self.service.store.submit(Box::new(event)).await.unwrap();
        self.service.store.submit(Box::new(closed)).await.unwrap();
        id.0
    }

    /// What the provider has taken: the payments, each with what was captured of it.
    pub async fn charged(&self) -> Vec<(Uuid, i64)> {
        let books: Value = self.sandbox().get("/sandbox/books", &[]).await.unwrap().json().unwrap();
        let charges = books["charges"].as_array().unwrap().iter();
        let taken = charges.filter(|charge| charge["captured_minor"] != 0).map(|charge| {
            let payment = charge["reference"].as_str().unwrap().parse().unwrap();
            (payment, charge["captured_minor"].as_i64().unwrap())
        });
        taken.collect()
    }

    /// Ends the test: once all that was sent is posted, all promises hold.
    pub async fn end(self) {
        let provider = format!("http://{}", self.sandbox.address);
        let mut seen = None;
        until("all promises hold, and the books can be compared", async || {
            let books = oracle::Books::read(&provider).await.unwrap();
            let verdicts = oracle::check(&self.location, Some(books)).await.unwrap();
            let done = verdicts.all_hold() && !verdicts.has_notes();
            if !done && seen.replace(verdicts.to_string()) != Some(verdicts.to_string()) {
                println!("{verdicts}");
            }
            done.then_some(())
        })
        .await;
        self.service.stop().await;
        self.sandbox.stop().await;
    }
}

/// Looks until there is something to see.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

pub fn euros(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

pub fn new_charge(minor: i64, payment_method: &str) -> NewCharge {
    NewCharge {
        amount: euros(minor),
        provider: "stripe".to_owned(),
        payment_method: payment_method.to_owned(),
        reference: None,
        return_url: None,
        metadata: Default::default(),
    }
}

async fn provision(location: &Location) {
    let options =
        Options::new(location.clone(), Arc::new(SystemClock), Arc::new(UuidV7::default()), Arc::new(Wire));
    let store = Store::open(options).await.unwrap();
    let (tenant, client, created_at) = (TENANT, ClientId(Uuid::from_u128(2)), Timestamp(0));
    let hash: [u8; 32] = Sha256::digest(API_KEY).into();
    let settings = Json(rows::Settings::default());
    let provision = Provision {
        tenant: rows::Tenant {
            id: tenant,
            name: "sdk".to_owned(),
            settings,
            version: 1,
            created_at,
            slug: tenant.to_string(),
            archived_at: None,
        },
        accounts: vec![],
        clients: vec![rows::Client {
            id: client,
            tenant,
            name: "shop".to_owned(),
            held_seats: 0,
            held_seats_max: None,
            created_at,
        }],
        api_keys: vec![ApiKey {
            id: ApiKeyId::of_secret_hash(&hash),
            tenant,
            client,
            hash: hash.to_vec(),
            scopes: Json(SCOPES.map(str::to_owned).to_vec()),
            mode: Mode::Test,
            created_at,
            revoked_at: None,
        }],
    };
    store.submit(Box::new(provision)).await.unwrap();
    store.close().await;
}
