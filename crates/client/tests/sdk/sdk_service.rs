//! The service and the sandbox in this process, with a network before each of them that fails on command.

use parking_lot::Mutex;
use std::sync::Arc;

use client::requests::NewCharge;
use client::{Builder, Client, Currency, Money, Retry};
use domain::commands::{CloseEvent, RecordEvent};
use testkit::proxy::{Plan, Proxy};
use testkit::{Engine, ONE, TestService};
use tokio::sync::watch;
use uuid::Uuid;

pub struct SdkService {
    /// Between the client and the service.
    pub line: Proxy,
    /// Between the service and the provider.
    pub provider_line: Proxy,
    service: TestService,
}

/// Retries as the observer received them.
#[derive(Clone)]
pub struct RecordedRetries(Arc<Mutex<Vec<&'static str>>>, watch::Sender<usize>);

impl RecordedRetries {
    pub fn nothing() -> RecordedRetries {
        RecordedRetries(Arc::default(), watch::Sender::new(0))
    }

    pub fn words(&self) -> Vec<&'static str> {
        self.0.lock().clone()
    }

    /// Returns once there is one.
    pub async fn first(&self) {
        self.1.subscribe().wait_for(|count| *count > 0).await.unwrap();
    }

    pub fn observer(&self) -> impl Fn(&Retry<'_>) + Send + Sync + 'static {
        let retries = self.clone();
        move |retry| {
            retries.0.lock().push(retry.failure.label());
            retries.1.send_modify(|count| *count += 1);
        }
    }
}

impl SdkService {
    pub async fn start() -> SdkService {
        let mut provider_line = None;
        let service = TestService::with(Engine::Sqlite, |settings| {
            let base_url = &mut settings.accounts[0].settings.wire.base_url;
            let proxy = proxy_to(base_url, Plan::pass());
            *base_url = proxy.url();
            provider_line = Some(proxy);
        })
        .await;
        let line = proxy_to(&service.one.base_url, Plan::pass());
        SdkService { line, provider_line: provider_line.unwrap(), service }
    }

    /// Another line to the service.
    pub fn line_to_service(&self, plan: Plan) -> Proxy {
        proxy_to(&self.service.one.base_url, plan)
    }

    pub fn client(&self) -> Client {
        self.client_with(|builder| builder)
    }

    pub fn client_with(&self, change: impl FnOnce(Builder) -> Builder) -> Client {
        SdkService::client_over(&self.line, change)
    }

    pub fn client_over(line: &Proxy, change: impl FnOnce(Builder) -> Builder) -> Client {
        change(Client::builder(line.url(), ONE.api_key())).build().unwrap()
    }

    /// An event of the provider that nothing can be made of, given up.
    pub async fn dead_event(&self) -> Uuid {
        let event = RecordEvent {
            tenant: ONE.id(),
            account: ONE.account(),
            name: "evt_1".to_owned(),
            kind: "payment_intent.succeeded".to_owned(),
            body: b"no JSON".to_vec(),
        };
        let id = event.id();
        let closed = CloseEvent { event: id, why: "nothing can be made of it".to_owned(), dead: true };
        self.service.store().submit(Box::new(event)).await.unwrap();
        self.service.store().submit(Box::new(closed)).await.unwrap();
        id.0
    }

    /// What the provider has taken: the payments, each with what was captured of it.
    pub async fn charged(&self) -> Vec<(Uuid, i64)> {
        let books = self.service.provider.books().await;
        let taken = books.charges().iter().filter(|charge| charge["captured_minor"] != 0);
        let taken = taken.map(|charge| {
            let payment = charge["reference"].as_str().unwrap().parse().unwrap();
            (payment, charge["captured_minor"].as_i64().unwrap())
        });
        taken.collect()
    }

    /// Ends the test: nothing is left open, and all promises hold.
    pub async fn end(self) {
        self.service.end().await;
    }

    /// The same, where these reasons wait for a person.
    pub async fn end_reviewed(self, reasons: &[&str]) {
        self.service.end_reviewed(reasons).await;
    }
}

fn proxy_to(base_url: &str, plan: Plan) -> Proxy {
    Proxy::start(base_url.trim_start_matches("http://").parse().unwrap(), plan).unwrap()
}

pub fn euros(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

pub fn new_charge(minor: i64, payment_method: &str) -> NewCharge {
    NewCharge::new(euros(minor), "stripe", payment_method)
}
