//! The service and the sandbox in this process, on a private database, with two tenants.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use domain::time::Span;
use providers::stripe;
use serde_json::{Value, json};
use server::ports::clock::SystemClock;
use server::service::{self, Settings};
use store::{Clock as _, Store};

use crate::{
    Engine, ONE, OnEngine as _, SandboxBooks, SandboxClient, TWO, TestClient, TestDatabase, TestTenant,
    traffic, until,
};

pub struct TestService {
    /// Clients of the two tenants.
    pub one: TestClient,
    pub two: TestClient,
    pub provider: SandboxClient,
    pub database: TestDatabase,
    settings: Settings,
    service: Option<service::RunningService>,
    sandbox: sandbox::RunningSandbox,
}

impl TestService {
    pub async fn on(engine: Engine) -> TestService {
        TestService::with(engine, |_| ()).await
    }

    /// If a webhook is lost, the object is fetched soon.
    pub async fn watchful(engine: Engine) -> TestService {
        TestService::with(engine, |settings| settings.pace.evidence_after = Span::millis(300)).await
    }

    pub async fn with(engine: Engine, change: impl FnOnce(&mut Settings)) -> TestService {
        let database = TestDatabase::on(engine).await;
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let journal = database.directory().join("sandbox.journal");
        let options = sandbox::Options { listen: anywhere, journal, record: traffic::file() };
        let sandbox = sandbox::start(options).await.unwrap();
        let sandbox_url = format!("http://{}", sandbox.address);
        let store = database.open().await;
        for tenant in [ONE, TWO] {
            store.submit(Box::new(tenant.provision())).await.unwrap();
        }
        store.close().await;

        let mut settings = Settings::new(anywhere, database.location.clone());
        // A failed call is retried soon; a missing webhook is awaited longer than a test takes.
        settings.pace.base = Span::millis(10);
        settings.pace.cap = Span::millis(200);
        settings.pace.evidence_after = Span::seconds(60);
        settings.events_every = Span::seconds(3_600);
        settings.reconcile_every = None;
        // An open circuit is probed soon; and only the tests of the budget run short of tokens.
        settings.guard.breaker.open_base = Duration::from_millis(100);
        settings.guard.breaker.open_cap = Duration::from_millis(400);
        settings.guard.budget.floor_per_second = 1_000.0;
        settings.accounts = [ONE, TWO].map(|tenant| tenant.account_settings(&sandbox_url)).to_vec();
        settings.ticket_keys = vec![crate::ticket_key()];
        change(&mut settings);
        let http = reqwest::Client::new();
        let provider = SandboxClient { http: http.clone(), base_url: sandbox_url };
        // The service reads the events of its accounts as soon as it is at work. Their webhooks have its address, so
        // they come later.
        for tenant in [ONE, TWO] {
            let account = json!({ "id": tenant.account_name(), "secret_key": tenant.provider_key() });
            provider.post("/sandbox/accounts", &account).await;
        }
        let service = start(&settings).await;
        settings.listen = service.address;
        let base_url = format!("http://{}", service.address);
        let client = |tenant: TestTenant| TestClient {
            http: http.clone(),
            base_url: base_url.clone(),
            secret: tenant.api_key(),
        };
        let running = TestService {
            one: client(ONE),
            two: client(TWO),
            provider,
            database,
            settings,
            service: Some(service),
            sandbox,
        };
        for tenant in [ONE, TWO] {
            running.open_account(tenant, &[&tenant.webhook_secret()]).await;
        }
        running
    }

    /// Creates an account in the sandbox, with the address of its webhooks and their secrets.
    pub async fn open_account(&self, tenant: TestTenant, secrets: &[&str]) {
        self.change_account(tenant, secrets, json!({})).await;
    }

    /// From now on the provider keeps these fees of the tenant's payments.
    pub async fn charge_fees(&self, tenant: TestTenant, fees: Value) {
        self.change_account(tenant, &[&tenant.webhook_secret()], fees).await;
    }

    async fn change_account(&self, tenant: TestTenant, secrets: &[&str], fees: Value) {
        let account = json!({
            "id": tenant.account_name(),
            "secret_key": tenant.provider_key(),
            "fees": fees,
            "webhook": {
                "url": format!("{}{}", self.one.base_url, tenant.webhook_path()),
                "secrets": secrets,
                "enabled_events": stripe::EVENTS,
            },
        });
        self.provider.post("/sandbox/accounts", &account).await;
    }

    pub fn store(&self) -> &Store {
        &self.running().store
    }

    pub fn running(&self) -> &service::RunningService {
        self.service.as_ref().expect("the service is at work")
    }

    pub async fn stop_service(&mut self) {
        self.service.take().expect("the service is at work").stop().await;
    }

    /// Puts an earlier copy of the database in its place, while the service is stopped.
    pub fn restore(&mut self, backup: TestDatabase) {
        self.settings.location = backup.location.clone();
        // The directory of the first database has the sandbox's journal.
        self.database.restore(backup);
    }

    /// Ends the test without checks: rows or the provider's books were spoiled on purpose.
    pub async fn stop(self) {
        if let Some(service) = self.service {
            service.stop().await;
        }
        self.sandbox.stop().await;
    }

    /// Takes effect at the next start of the service.
    pub fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub async fn start_service(&mut self) {
        self.service = Some(start(&self.settings).await);
    }

    pub fn nobody(&self) -> TestClient {
        TestClient { secret: String::new(), ..self.one.clone() }
    }

    /// The provider's id of the object for a payment of the first tenant.
    pub async fn provider_reference(&self, payment: &str) -> String {
        self.one.payment(payment).await["provider_reference"].as_str().unwrap().to_owned()
    }

    /// Moves the ends of holds into the past, while the service is stopped.
    pub async fn age_holds(&self, seconds: i64) {
        let older = format!(
            "update bookings set hold_expires_at = hold_expires_at - {seconds}000000, \
             sweep_at = sweep_at - {seconds}000000"
        );
        self.database.execute(&older).await;
    }

    /// The provider's books once all work is done, its messages are published, and the ledger has
    /// posted them.
    pub async fn quiet(&self) -> SandboxBooks {
        until("everything is done, published and posted", async || {
            let figures = self.store().figures(SystemClock.now()).await.unwrap();
            let open: i64 = figures.jobs.iter().map(|jobs| jobs.count).sum();
            let waits = open + figures.backlog.outbox_pending + figures.backlog.events_received;
            (waits == 0).then_some(())
        })
        .await;
        self.provider.books().await
    }

    /// Ends the test: nothing is open, all promises hold, and there is no review case.
    pub async fn end(self) {
        self.end_reviewed(&[]).await;
    }

    /// The same, with review cases for these reasons, in this order.
    pub async fn end_reviewed(self, reasons: &[&str]) {
        let books = self.quiet().await;
        books.check_calls();
        for client in [&self.one, &self.two] {
            let balances = client.see("/v1/ledger/accounts").await;
            let balances = balances["data"].as_array().unwrap().iter();
            let sum: i64 = balances.map(|account| account["balance"]["minor"].as_i64().unwrap()).sum();
            assert_eq!(sum, 0, "the ledger of {} balances", client.secret);
        }
        assert_eq!(self.reviews().await, reasons);
        let (kept, counted) = (self.store().figures(SystemClock.now()), self.store().recounted());
        assert_eq!(kept.await.unwrap().counters, counted.await.unwrap(), "what was counted as it was moved");
        let verdicts = until("the provider's books can be held against ours", async || {
            let books = check::Books::read(&self.provider.base_url).await.unwrap();
            let verdicts = check::run(&self.database.location, Some(books)).await.unwrap();
            // A webhook that was still on its way may have arrived meanwhile.
            let compared = !verdicts.has_notes() || !reasons.is_empty();
            (compared || !verdicts.all_hold()).then_some(verdicts)
        })
        .await;
        assert!(verdicts.all_hold(), "{verdicts}");
        if let Some(service) = self.service {
            service.stop().await;
        }
        self.sandbox.stop().await;
    }

    /// A person closes the review cases of the first tenant with this reason.
    pub async fn resolve(&self, reason: &str) {
        let cases = self.one.see("/v1/ops/review_cases").await;
        let cases = cases["data"].as_array().unwrap().iter().filter(|case| case["reason"] == reason);
        let paths =
            cases.map(|case| format!("/v1/ops/review_cases/{}/resolve", case["id"].as_str().unwrap()));
        let paths: Vec<String> = paths.collect();
        assert!(!paths.is_empty(), "no case of {reason}");
        for path in paths {
            self.one.post(&path, &json!({ "resolution": "looked it up" })).expect(200).await;
        }
    }

    /// The reasons of the first tenant's open review cases.
    pub async fn reviews(&self) -> Vec<String> {
        let reviews = self.one.see("/v1/ops/review_cases").await;
        let reviews = reviews["data"].as_array().unwrap().iter();
        reviews.map(|review| review["reason"].as_str().unwrap().to_owned()).collect()
    }
}

/// A program that another test starts at this moment inherits our open files until its own start is
/// complete, and with them the lock of a database that was just closed.
async fn start(settings: &Settings) -> service::RunningService {
    until("nobody holds the database", async || match service::start(settings.clone()).await {
        Err(service::Error::Store(store::Error::InUse { .. })) => None,
        started => Some(started.unwrap()),
    })
    .await
}
