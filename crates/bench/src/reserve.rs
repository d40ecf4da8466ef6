//! Reservations, over many slots and on one hot slot.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::{SlotId, TenantId};
use store::{Location, Store};
use uuid::Uuid;

use super::bench_database::{BenchDatabase, Databases};
use super::load::{self, Loaded, Operator};
use super::meter;
use super::report::{Cost, Figure, Latency, Report};
use super::{Engine, Error, Options, Progress};
use outbound::HttpConnection;
use testkit::program::{Catalogue, RunningProgram};

/// The highest capacity of a slot, so that no slot is ever full.
const CAPACITY: i64 = 1_000_000;
/// The time for caches, prepared statements and the query plans of PostgreSQL.
const WARM_UP: Duration = Duration::from_secs(1);
const HOT: &str = "hot slot";

/// A client that reserves, each time for another customer and under another key.
struct Customer {
    client: HttpConnection,
    authorization: String,
    unit: Arc<str>,
    slots: Arc<[String]>,
    number: Arc<AtomicU64>,
}

impl Operator for Customer {
    async fn operate(&mut self) -> Result<(), String> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let slot = &self.slots[usize::try_from(number).unwrap_or(0) % self.slots.len()];
        let body = format!(
            "{{\"slot_id\":\"{slot}\",\"units\":[{{\"unit_id\":\"{}\",\"quantity\":1}}],\
             \"customer\":{{\"name\":\"Ana Lima\",\"email\":\"ana-{number}@example.com\"}}}}",
            self.unit
        );
        let key = format!("bench-{number}");
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key.as_str()),
        ];
        match self.client.post("/v1/bookings", &headers, body).await {
            Ok(answer) if answer.status.as_u16() == 201 => Ok(()),
            Ok(answer) => Err(format!("{}: {}", answer.status, answer.text())),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Measures reservations on each engine, the real form and the plain one.
pub async fn reserve(options: &Options, progress: &Progress) -> Result<Report, Error> {
    let mut databases = Databases::open(options).await?;
    let wide = format!("{} slots", options.slots);
    let mut report = Report::new("reserve", options);
    for engine in &options.engines {
        for form in ["surehold", "plain"] {
            progress.show(format!("{}, {form}: setting up", engine.name()));
            let stage = databases.stage(*engine, &options.program).await?;
            measure(options, progress, &mut report, *engine, form, &stage).await?;
        }
        compare(&mut report, engine.name(), &wide);
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
    form: &'static str,
    stage: &BenchDatabase,
) -> Result<(), Error> {
    let installation = &stage.installation;
    let running = installation.serve("127.0.0.1:0", None, "log = \"warn\"\n").await?;
    let catalogue = installation.sell(&running.base_url, options.slots + 1, CAPACITY).await?;
    let running = if form == "plain" {
        // Both forms find the same catalogue; only one serves it.
        stopped(running).await?;
        stage.serve_plain(&options.program).await?
    } else {
        running
    };
    let (hot, wide) = catalogue.slots.split_at(1);
    let works = [(format!("{} slots", options.slots), wide), (HOT.to_owned(), hot)];
    let number = Arc::new(AtomicU64::new(0));
    let mut reserved = 0;
    for (work, slots) in works.into_iter().filter(|(work, _)| !options.hot_only || work == HOT) {
        let customers = customers(options, stage, &running, &catalogue, slots, &number);
        progress.show(format!("{}, {form}, {work}: warming up", engine.name()));
        let (customers, warm) = load::closed(customers, WARM_UP, progress).await;
        progress.show(format!("{}, {form}, {work}: full load", engine.name()));
        let before = meter::read(&running, &installation.location).await?;
        let (customers, loaded) = load::closed(customers, options.duration, progress).await;
        let after = meter::read(&running, &installation.location).await?;
        progress.show(format!("{}, {form}, {work}: half load", engine.name()));
        let half = loaded.per_second() / 2.0;
        let (_, paced) = load::open(customers, half, options.duration / 2, progress).await;
        reserved += [&warm, &loaded, &paced].iter().map(|loaded| loaded.done).sum::<u64>();
        for loaded in [&warm, &loaded, &paced] {
            refuse_failures(&work, loaded)?;
        }
        report.figures.push(Figure {
            engine: engine.name(),
            form,
            work,
            operations: loaded.done,
            failed: loaded.failed,
            per_second: loaded.per_second(),
            latency: Latency::of(&loaded.latencies),
            half_load: Some(Latency::of(&paced.latencies)),
            evidence: None,
            cost: Cost::of(&before, &after, &loaded),
            memory_mb: running.usage().resident_peak_bytes as f64 / 1_048_576.0,
        });
    }
    if form == "plain" {
        running.kill().await?;
    } else {
        stopped(running).await?;
    }
    progress.show(format!("{}, {form}: checking the books", engine.name()));
    let tenant = &installation.tenant.tenant_id;
    exact(form, &installation.location, tenant, &catalogue, reserved).await
}

fn customers(
    options: &Options,
    stage: &BenchDatabase,
    running: &RunningProgram,
    catalogue: &Catalogue,
    slots: &[String],
    number: &Arc<AtomicU64>,
) -> Vec<Customer> {
    let (unit, slots): (Arc<str>, Arc<[String]>) = (catalogue.unit.as_str().into(), slots.into());
    let customer = |_| Customer {
        client: HttpConnection::new(&running.base_url),
        authorization: format!("Bearer {}", stage.installation.tenant.api_key),
        unit: unit.clone(),
        slots: slots.clone(),
        number: number.clone(),
    };
    (0..options.tasks).map(customer).collect()
}

/// The figures are void if requests were refused.
fn refuse_failures(work: &str, loaded: &Loaded) -> Result<(), Error> {
    match &loaded.first_failure {
        Some(text) => Err(Error::Failed(format!("{work}: {} failed, the first: {text}", loaded.failed))),
        None => Ok(()),
    }
}

pub(super) async fn stopped(running: RunningProgram) -> Result<(), Error> {
    let status = running.stop("TERM").await?;
    if status.success() { Ok(()) } else { Err(Error::Failed(format!("the server ended with {status}"))) }
}

/// Every answered reservation must hold its seat, and no other seat may be held.
async fn exact(
    form: &str,
    location: &Location,
    tenant: &str,
    catalogue: &Catalogue,
    reserved: u64,
) -> Result<(), Error> {
    let not_exact =
        |text: String| Error::Failed(format!("the books are not exact after {form} reservations: {text}"));
    let queries = Store::open_read_only(location).await?;
    let tenant = TenantId(tenant.parse().unwrap_or(Uuid::nil()));
    let mut held = 0;
    for slot in &catalogue.slots {
        let id = SlotId(slot.parse().unwrap_or(Uuid::nil()));
        held += queries.slot(tenant, id).await?.map_or(0, |slot| slot.held);
    }
    if u64::try_from(held).ok() != Some(reserved) {
        return Err(not_exact(format!("{reserved} reservations were answered, {held} seats are held")));
    }
    let verdicts = check::run(location, None).await?;
    if verdicts.all_hold() { Ok(()) } else { Err(not_exact(format!("\n{verdicts}"))) }
}

/// The comparisons that the targets need.
fn compare(report: &mut Report, engine: &str, wide: &str) {
    let mut findings = Vec::new();
    for work in [wide, HOT] {
        let (real, plain) = (report.find(engine, "surehold", work), report.find(engine, "plain", work));
        if let (Some(real), Some(plain)) = (real, plain) {
            let ratio = real.per_second / plain.per_second.max(f64::MIN_POSITIVE);
            findings.push(format!("{engine}, {work}: {ratio:.1}x the plain form"));
        }
    }
    let (hot, spread) = (report.find(engine, "surehold", HOT), report.find(engine, "surehold", wide));
    if let (Some(hot), Some(spread)) = (hot, spread) {
        let ratio = hot.per_second / spread.per_second.max(f64::MIN_POSITIVE);
        findings.push(format!("{engine}: one hot slot takes {ratio:.2}x what {wide} take"));
    }
    report.findings.extend(findings);
}
