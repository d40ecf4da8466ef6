//! Lanes: neither waits for the other, whatever the other is full of. The kinds belong to this
//! test; they are registered like every kind: a line of the table, a handler, and the list that the
//! pool gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::commands::NewJob;
use domain::jobs::JobKind;
use domain::lifecycle::job;
use domain::reply::ClaimedJob;
use domain::rows::{Facts, Lane, Needs};
use domain::time::Span;
use domain::working_set::{Command, Context, Decision, DecisionResult};
use domain::{JobId, TenantId, Timestamp, WorkerId};
use futures_util::future::{BoxFuture, FutureExt as _};
use providers::Registry;
use server::ports::clock::SystemClock;
use server::workers::{
    Driver, Gates, JobHandler, JobHandlers, JobOutcome, LaneConcurrency, Pace, Pool, PoolParts, registered,
};
use store::Store;
use testkit::{Engine, ONE, TestService, charge, until};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

testkit::on_both_engines![
    an_ordinary_lane_full_of_jobs_that_hang_and_fail_delays_no_critical_job,
    a_flood_of_critical_jobs_does_not_stop_the_ordinary_lane,
    a_job_that_fails_dies_and_a_person_sends_it_round_again,
    every_kind_of_the_table_has_a_handler,
];

static URGENT: JobKind = JobKind::standalone("urgent", Lane::Critical);
static NOTICE: JobKind = {
    let mut kind = JobKind::standalone("notice", Lane::Ordinary);
    kind.attempts_max = 1;
    kind
};
const CONCURRENCY: LaneConcurrency = LaneConcurrency { critical: 2, ordinary: 2 };
/// More than both lanes have permits, and than a claim takes.
const FLOOD: usize = 80;

/// Works as the payload of a job requires: `"hang"` until it is released, `"fail"`, or at once.
struct Handler {
    begun: AtomicUsize,
    hanging: AtomicUsize,
    let_go: Semaphore,
}

impl Handler {
    fn new() -> Arc<Handler> {
        Arc::new(Handler {
            begun: AtomicUsize::new(0),
            hanging: AtomicUsize::new(0),
            let_go: Semaphore::new(0),
        })
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

impl JobHandler for Handler {
    fn run<'a>(&'a self, claimed: &'a ClaimedJob) -> BoxFuture<'a, JobOutcome> {
        async {
            let job = claimed.job();
            self.begun.fetch_add(1, Ordering::SeqCst);
            match job.payload.as_str() {
                "\"hang\"" => {
                    self.hanging.fetch_add(1, Ordering::SeqCst);
                    drop(self.let_go.acquire().await);
                }
                "\"fail\"" => return JobOutcome::Failed("on purpose".to_owned()),
                _ => {}
            }
            JobOutcome::Done
        }
        .boxed()
    }
}

#[derive(Debug)]
struct Enqueue(Vec<NewJob>);

impl Command for Enqueue {
    fn tenant(&self) -> Option<TenantId> {
        None
    }
    fn needs(&self, _: &mut Needs<'_>) -> Option<()> {
        Some(())
    }
    fn decide(&self, _: &Facts, context: &Context<'_>) -> DecisionResult {
        let mut outcome = Decision::default();
        self.0.iter().for_each(|job| outcome.put(job.clone().row(context.now)));
        Ok(outcome)
    }
}

async fn enqueue(store: &Store, kind: &'static JobKind, payloads: &[&str]) -> Vec<JobId> {
    let new = |payload: &&str| NewJob {
        id: JobId(Uuid::from_u128(rand::random())),
        tenant: ONE.id(),
        kind,
        subject_kind: "booking",
        subject: Uuid::from_u128(rand::random()),
        concurrency_key: None,
        payload: format!("\"{payload}\""),
        due_at: Timestamp(0),
        deadline_at: None,
    };
    let jobs: Vec<NewJob> = payloads.iter().map(new).collect();
    let ids = jobs.iter().map(|job| job.id).collect();
    store.submit(Box::new(Enqueue(jobs))).await.unwrap();
    ids
}

/// A pool beside the service's own, which does not know these kinds.
struct Workers {
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
    urgent: Arc<Handler>,
    notice: Arc<Handler>,
}

impl Workers {
    fn at(service: &TestService, urgent_kind: &'static JobKind, notice_kind: &'static JobKind) -> Workers {
        let (urgent, notice) = (Handler::new(), Handler::new());
        let pool = Pool::new(PoolParts {
            store: service.store().clone(),
            clock: Arc::new(SystemClock),
            gates: Arc::new(Gates::new(&Registry::new(), 1, 1.0)),
            handlers: JobHandlers::new(vec![(urgent_kind, urgent.clone()), (notice_kind, notice.clone())]),
            worker: WorkerId(Uuid::from_u128(rand::random())),
            lease: Span::seconds(60),
            concurrency: CONCURRENCY,
            wake: Arc::new(Notify::new()),
        });
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(pool.run(false, stopped));
        Workers { stop, running, urgent, notice }
    }

    async fn end(self) {
        self.let_go();
        self.stop.send_replace(true);
        self.running.await.unwrap();
    }

    fn let_go(&self) {
        self.urgent.let_go.add_permits(FLOOD);
        self.notice.let_go.add_permits(FLOOD);
    }
}

async fn until_all_are(service: &TestService, jobs: &[JobId], state: job::State) {
    for id in jobs {
        until("the job ends", async || {
            let job = service.store().job(ONE.id(), *id).await.unwrap().unwrap();
            job.state.is(state).then_some(())
        })
        .await;
    }
}

async fn an_ordinary_lane_full_of_jobs_that_hang_and_fail_delays_no_critical_job(engine: Engine) {
    let service = TestService::on(engine).await;
    let payloads: Vec<&str> = (0..FLOOD).map(|at| if at % 2 == 0 { "hang" } else { "fail" }).collect();
    enqueue(service.store(), &NOTICE, &payloads).await;
    let workers = Workers::at(&service, &URGENT, &NOTICE);
    until("the ordinary lane is full", async || {
        (workers.notice.hanging.load(Ordering::SeqCst) == CONCURRENCY.ordinary).then_some(())
    })
    .await;
    let urgent = enqueue(service.store(), &URGENT, &["work"; FLOOD]).await;
    until_all_are(&service, &urgent, job::State::Done).await;
    // Payments too, by the service's own workers: they leave the others' kinds alone.
    service.one.post("/v1/charges", &charge(900, "pm_card_visa")).key("c-1").expect(201).await;
    workers.let_go();
    service.quiet().await;
    workers.end().await;
    service.end().await;
}

async fn a_flood_of_critical_jobs_does_not_stop_the_ordinary_lane(engine: Engine) {
    let service = TestService::on(engine).await;
    let flood = enqueue(service.store(), &URGENT, &["hang"; FLOOD]).await;
    let workers = Workers::at(&service, &URGENT, &NOTICE);
    until("the critical lane is full", async || {
        (workers.urgent.hanging.load(Ordering::SeqCst) == CONCURRENCY.critical).then_some(())
    })
    .await;
    let notices = enqueue(service.store(), &NOTICE, &["work"; FLOOD]).await;
    until_all_are(&service, &notices, job::State::Done).await;
    assert_eq!(workers.urgent.begun(), CONCURRENCY.critical, "a lane has its permits, and no more");
    workers.let_go();
    until_all_are(&service, &flood, job::State::Done).await;
    assert_eq!((workers.urgent.begun(), workers.notice.begun()), (FLOOD, FLOOD), "each once");
    workers.end().await;
    service.end().await;
}

async fn a_job_that_fails_dies_and_a_person_sends_it_round_again(engine: Engine) {
    static BRIEF: JobKind = {
        let mut kind = JobKind::standalone("brief", Lane::Ordinary);
        kind.attempts_max = 2;
        kind.backoff_cap = Span::millis(1);
        kind.backoff_base = Span::millis(1);
        kind
    };
    let service = TestService::on(engine).await;
    let workers = Workers::at(&service, &URGENT, &BRIEF);
    let jobs = enqueue(service.store(), &BRIEF, &["fail"]).await;
    until_all_are(&service, &jobs, job::State::Dead).await;
    assert_eq!(workers.notice.begun(), 2);
    let id = jobs[0].0.to_string();
    let letter = service.one.letter(&id).await;
    assert_eq!(
        (letter["kind"].as_str(), letter["reason"].as_str(), letter["attempts"].as_i64()),
        (Some("job"), Some("on purpose"), Some(2))
    );
    assert_eq!(letter["payload"]["operation"], "brief");
    assert_eq!(letter["payload"]["subject"], "booking");
    service.one.decide(&id, "retry").await;
    until("it was tried again", async || (workers.notice.begun() == 4).then_some(())).await;
    until_all_are(&service, &jobs, job::State::Dead).await;
    workers.end().await;
    service.end().await;
}

async fn every_kind_of_the_table_has_a_handler(engine: Engine) {
    let service = TestService::on(engine).await;
    let registry = Arc::new(Registry::new());
    let driver = Driver {
        store: service.store().clone(),
        gates: Arc::new(Gates::new(&registry, 1, 1.0)),
        registry,
        clock: Arc::new(SystemClock),
        pace: Pace::default(),
        operation_deadline: Span::seconds(60),
    };
    let handled: Vec<&str> = registered(&driver).iter().map(|(kind, _)| kind.name).collect();
    assert_eq!(handled, domain::jobs::ALL.map(|kind| kind.name));
    service.end().await;
}
