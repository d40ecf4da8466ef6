//! Charges: from the request to the definite outcome, and on to the provider's evidence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::json;
use tokio::sync::{Mutex, mpsc};

use super::bench_database::{BenchDatabase, Databases};
use super::load::{self, Operator};
use super::meter;
use super::report::{Cost, Figure, Latency, Report};
use super::reserve::stopped;
use super::{Engine, Error, Options, Progress};
use check::Books;
use outbound::HttpConnection;
use testkit::program::Tenant;

const WARM_UP: Duration = Duration::from_secs(1);
/// One charge in this many is observed until its evidence is applied.
const WATCHED: u64 = 50;
const WATCHERS: usize = 8;
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The time for webhooks and the ledger to catch up after the load.
const QUIET_WITHIN: Duration = Duration::from_mins(2);
const QUIET_LOOK_EVERY: Duration = Duration::from_millis(500);
const AMOUNT_MINOR: i64 = 1_250;

/// A client that charges, each time under another key.
struct Payer {
    client: HttpConnection,
    authorization: String,
    number: Arc<AtomicU64>,
    watch: mpsc::UnboundedSender<(String, Instant)>,
}

impl Operator for Payer {
    async fn operate(&mut self) -> Result<(), String> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let begun = Instant::now();
        let body = json!({
            "amount": { "minor": AMOUNT_MINOR, "currency": "EUR" },
            "provider": "stripe", "payment_method": "pm_card_visa", "reference": format!("bench-{number}"),
        });
        let key = format!("bench-{number}");
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key.as_str()),
        ];
        let answer = self.client.post("/v1/charges", &headers, body.to_string()).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status.as_u16() != 201 {
            return Err(format!("{}: {}", answer.status, answer.text()));
        }
        if number.is_multiple_of(WATCHED)
            && let Ok(payment) = answer.json()
            && let Some(id) = payment["id"].as_str()
        {
            // The observer may have ended with the run.
            let _watched = self.watch.send((id.to_owned(), begun));
        }
        Ok(())
    }
}

/// Measures charges on each engine, with workers, the provider's sandbox and its webhooks.
pub async fn charge(options: &Options, progress: &Progress) -> Result<Report, Error> {
    let mut databases = Databases::open(options).await?;
    let mut report = Report::new("charge", options);
    for engine in &options.engines {
        progress.show(format!("{}: setting up", engine.name()));
        let stage = databases.stage(*engine, &options.program).await?;
        measure(options, progress, &mut report, *engine, &stage).await?;
    }
    progress.clear();
    databases.drop_all().await?;
    Ok(report)
}

async fn measure(
    options: &Options,
    progress: &Progress,
    report: &mut Report,
    engine: Engine,
    stage: &BenchDatabase,
) -> Result<(), Error> {
    let installation = &stage.installation;
    let provider = installation.sandbox("127.0.0.1:0").await?;
    let log = "log = \"warn\"\n";
    let running = installation.serve("127.0.0.1:0", Some(&provider.base_url), log).await?;
    installation.open_account(&provider.base_url, &running.base_url).await?;
    let (watch, watched) = mpsc::unbounded_channel();
    let watched = Arc::new(Mutex::new(watched));
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|_| watch_evidence(running.base_url.clone(), installation.tenant.clone(), watched.clone()))
        .map(tokio::spawn)
        .collect();
    let number = Arc::new(AtomicU64::new(0));
    let payer = |_| Payer {
        client: HttpConnection::new(&running.base_url),
        authorization: format!("Bearer {}", installation.tenant.api_key),
        number: number.clone(),
        watch: watch.clone(),
    };
    let payers: Vec<Payer> = (0..options.tasks).map(payer).collect();
    drop(watch);

    progress.show(format!("{}: warming up", engine.name()));
    let (payers, warm) = load::closed(payers, WARM_UP, progress).await;
    progress.show(format!("{}: full load", engine.name()));
    let before = meter::read(&running, &installation.location).await?;
    let (payers, loaded) = load::closed(payers, options.duration, progress).await;
    let after = meter::read(&running, &installation.location).await?;
    progress.show(format!("{}: half load", engine.name()));
    let (payers, paced) = load::open(payers, loaded.per_second() / 2.0, options.duration / 2, progress).await;
    drop(payers);
    progress.show(format!("{}: until the last evidence", engine.name()));
    let mut evidence = load::latencies();
    for watcher in watchers {
        evidence.add(watcher.await.map_err(std::io::Error::other)??).map_err(std::io::Error::other)?;
    }
    for loaded in [&warm, &loaded, &paced] {
        if let Some(text) = &loaded.first_failure {
            return Err(Error::Failed(format!("{} charges failed, the first: {text}", loaded.failed)));
        }
    }
    let drained = Instant::now();
    let charged = warm.done + loaded.done + paced.done;
    exact(installation, &provider.base_url, charged).await?;
    let memory_mb = running.usage().resident_peak_bytes as f64 / 1_048_576.0;
    report.findings.push(format!(
        "{}: {charged} charges captured once each; ledger and provider agreed {:.1} s after the load",
        engine.name(),
        drained.elapsed().as_secs_f64()
    ));
    report.figures.push(Figure {
        engine: engine.name(),
        form: "surehold",
        work: "charge".to_owned(),
        operations: loaded.done,
        failed: loaded.failed,
        per_second: loaded.per_second(),
        latency: Latency::of(&loaded.latencies),
        half_load: Some(Latency::of(&paced.latencies)),
        evidence: Some(Latency::of(&evidence)),
        cost: Cost::of(&before, &after, &loaded),
        memory_mb,
    });
    stopped(running).await?;
    Ok(provider.kill().await?)
}

/// Polls each payment until its evidence is applied, and measures the time from the request.
async fn watch_evidence(
    base_url: String,
    tenant: Tenant,
    watched: Arc<Mutex<mpsc::UnboundedReceiver<(String, Instant)>>>,
) -> Result<Histogram<u64>, Error> {
    let mut client = HttpConnection::new(&base_url);
    let authorization = format!("Bearer {}", tenant.api_key);
    let mut latencies = load::latencies();
    loop {
        let next = watched.lock().await.recv().await;
        let Some((payment, begun)) = next else { return Ok(latencies) };
        loop {
            let path = format!("/v1/payments/{payment}");
            let answer = client.get(&path, &[("authorization", &authorization)]).await?;
            if answer.json().is_ok_and(|payment| payment["confirmed_by_provider"] == true) {
                break;
            }
            if begun.elapsed() > QUIET_WITHIN {
                return Err(Error::Failed(format!("{payment} was never confirmed: {}", answer.text())));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        latencies.saturating_record(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
}

/// The provider captured each charge once, and our ledger agrees.
async fn exact(
    installation: &testkit::program::Installation,
    sandbox_url: &str,
    charged: u64,
) -> Result<(), Error> {
    let not_exact = |text: String| Error::Failed(format!("the books are not exact after charges: {text}"));
    let begun = Instant::now();
    loop {
        let books = Books::read(sandbox_url).await?;
        let captured = books.charges.iter().filter(|charge| charge.captured_minor == AMOUNT_MINOR).count();
        if captured as u64 != charged || captured != books.charges.len() {
            let objects = books.charges.len();
            let text = format!("{charged} were answered, {captured} of {objects} objects were captured");
            return Err(not_exact(text));
        }
        let verdicts = check::run(&installation.location, Some(books)).await?;
        if !verdicts.has_notes() && verdicts.all_hold() {
            return Ok(());
        }
        if begun.elapsed() > QUIET_WITHIN {
            return Err(not_exact(format!("\n{verdicts}")));
        }
        tokio::time::sleep(QUIET_LOOK_EVERY).await;
    }
}
