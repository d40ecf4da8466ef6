//! Duplicates of requests, with a Redis in front of the database and with all of its failures.
//!
//! Markers last for a minute, longer than any test waits: a marker that is not released fails its
//! test.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::{Engine, TestCatalogue, TestReply, TestService, charge, payment_of, until};

use adapter_redis::Settings;
use futures_util::future::join_all;
use providers::Secret;
use serde_json::{Value, json};
use test_servers::redis::{Options, Persistence, Private};

testkit::on_both_engines![
    a_stampede_comes_to_the_database_once,
    without_redis_a_stampede_comes_to_the_database,
    a_replay_is_the_same_with_redis_and_without,
    what_is_refused_without_a_trace_leaves_the_key_free,
    a_duplicate_learns_what_is_being_made,
    an_answer_before_the_outcome_keeps_nobody_away,
    local_work_is_done_once,
    redis_is_flushed_all_the_time,
    redis_is_killed_all_the_time,
    redis_hangs,
    redis_evicts_all_the_time,
    redis_comes_back_from_an_old_snapshot,
];

const STAMPEDE: usize = 200;
const MINUTE: Duration = Duration::from_mins(1);

/// A machine that is busy with other tests must not be taken for a Redis that hangs.
async fn service(engine: Engine, redis: &Private, lease: Duration) -> TestService {
    let settings = Settings::new(Secret::new(redis.url()));
    service_with(engine, redis, Settings { lease, timeout: Duration::from_secs(1), ..settings }).await
}

async fn service_with(engine: Engine, redis: &Private, settings: Settings) -> TestService {
    let service = TestService::with(engine, |service| service.cache = Some(Arc::new(settings))).await;
    in_use(&service, redis).await;
    service
}

/// Waits until Redis has the replies of the service.
async fn in_use(service: &TestService, redis: &Private) {
    until("redis is in use", async || {
        let key = format!("{:032x}", rand::random::<u128>());
        let product = json!({ "name": "None", "time_zone": "UTC", "currency": "EUR",
            "units": [{ "name": "Adult", "price": { "minor": 1, "currency": "EUR" } }] });
        service.one.post("/v1/products", &product).key(&key).expect(201).await;
        (redis.command(&["DBSIZE"]).unwrap() != "0").then_some(())
    })
    .await;
}

fn redis() -> Private {
    Private::start(Options::default()).unwrap()
}

async fn stampede(service: &TestService, path: &str, body: &Value, key: &str) -> Vec<TestReply> {
    let requests = (0..STAMPEDE).map(|_| service.one.post(path, body).key(key).send());
    join_all(requests).await
}

/// One of them is fresh; the others are replays, or are asked to come again.
fn check_stampede(answers: &[TestReply], id: &str) {
    let done: Vec<&TestReply> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert!(done.iter().all(|answer| answer.text == done[0].text && answer.id() == id));
    assert_eq!(done.iter().filter(|answer| !answer.is_replay()).count(), 1, "one is fresh");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((answer.status, answer.code()), (409, "request_in_progress"), "{}", answer.text);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

/// The number of commands that the store carried out meanwhile.
async fn commands(service: &TestService, work: impl Future<Output = ()>) -> u64 {
    let before = service.store().stats().commands;
    work.await;
    service.store().stats().commands - before
}

async fn a_slow_charge_in_a_stampede(service: &TestService) {
    service.provider.faults(json!({ "seed": 7, "delay_ms": [200, 300] })).await;
    let body = charge(1_000, "pm_card_visa");
    let answers = stampede(service, "/v1/charges", &body, "k").await;
    let after = service.one.persist("/v1/charges", &body, "k").await;
    assert!(after.is_replay());
    check_stampede(&answers, &after.id());
    assert_eq!(service.quiet().await.stands(&after.id()), ("succeeded", 1_000, 1_000, 0));
}

async fn a_stampede_comes_to_the_database_once(engine: Engine) {
    let redis = redis();
    let service = service(engine, &redis, MINUTE).await;
    let commands = commands(&service, a_slow_charge_in_a_stampede(&service)).await;
    assert!(commands < STAMPEDE as u64 / 4, "{commands} commands for {STAMPEDE} requests");
    service.end().await;
}

/// The comparison for the count above.
async fn without_redis_a_stampede_comes_to_the_database(engine: Engine) {
    let service = TestService::on(engine).await;
    let commands = commands(&service, a_slow_charge_in_a_stampede(&service)).await;
    assert!(commands >= STAMPEDE as u64, "{commands} commands for {STAMPEDE} requests");
    service.end().await;
}

async fn a_replay_is_the_same_with_redis_and_without(engine: Engine) {
    let redis = redis();
    let mut service = service(engine, &redis, MINUTE).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let bodies = [
        ("/v1/charges", charge(1_000, "pm_card_visa"), 201),
        ("/v1/charges", charge(1_000, "pm_card_chargeDeclined"), 402),
        ("/v1/bookings", catalogue.booking(2, "ana"), 201),
        // The slot has not that many seats: the refusal is definite, and stored.
        ("/v1/bookings", catalogue.booking(9, "eva"), 409),
    ];
    for (number, (path, body, status)) in bodies.iter().enumerate() {
        let key = format!("k-{number}");
        let changed = charge(1_001, "pm_card_visa");
        let changed = if *path == "/v1/charges" { changed } else { catalogue.booking(1, "ana") };
        let first = service.one.post(path, body).key(&key).expect(*status).await;
        // From Redis, from the database, from Redis again.
        for round in 0..3 {
            if round == 1 {
                redis.command(&["FLUSHALL"]).unwrap();
            }
            let from_redis = commands(&service, async {
                let again = service.one.post(path, body).key(&key).expect(*status).await;
                assert!(again.is_replay(), "{key}, round {round}");
                assert_eq!(again.text, first.text);
                for header in ["location", "content-type"] {
                    assert_eq!(again.header(header), first.header(header), "{key}, round {round}: {header}");
                }
            })
            .await
                == 0;
            // The workers do no replays, but their work is counted.
            assert!(!from_redis || round != 1, "{key}, round {round}");
            service.one.post(path, &changed).key(&key).refused(422, "idempotency_key_reused").await;
        }
    }
    // Another process of the same database finds them too.
    service.stop_service().await;
    service.start_service().await;
    let (path, body, _) = &bodies[2];
    assert!(service.one.post(path, body).key("k-2").expect(201).await.is_replay());
    service.end().await;
}

async fn what_is_refused_without_a_trace_leaves_the_key_free(engine: Engine) {
    let redis = redis();
    let service = service(engine, &redis, MINUTE).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b", 1).await;
    let nowhere = payment_of(&uuid::Uuid::nil().to_string(), "pm_card_visa");
    let here = payment_of(&booking, "pm_card_visa");
    for _ in 0..3 {
        // Refused each time, at once: no client has to wait.
        service.one.post("/v1/payments", &nowhere).key("k").refused(404, "booking_not_found").await;
    }
    let made = service.one.post("/v1/payments", &here).key("k").expect(201).await;
    assert!(!made.is_replay());
    service.one.post("/v1/payments", &nowhere).key("k").refused(422, "idempotency_key_reused").await;
    // The same for local work, such as a hold that cannot be cancelled.
    let cancel = format!("/v1/bookings/{}/cancel", uuid::Uuid::nil());
    for _ in 0..2 {
        service.one.post(&cancel, &json!({})).key("c").refused(404, "booking_not_found").await;
    }
    service.end().await;
}

async fn a_duplicate_learns_what_is_being_made(engine: Engine) {
    let redis = redis();
    let service = service(engine, &redis, MINUTE).await;
    // In progress until the duplicate has its response, however long that takes.
    service.provider.faults(json!({ "unavailable": 1 })).await;
    let body = charge(1_000, "pm_card_visa");
    let first = service.one.post("/v1/charges", &body).key("k").header("prefer", "wait=30").send();
    let duplicate = async {
        let resource = until("a duplicate gets the id of the payment", async || {
            let again = service.one.post("/v1/charges", &body).key("k").without_waiting().send().await;
            // On a busy machine Redis may not answer in time; then the database does.
            if again.status == 202 {
                return None;
            }
            assert_eq!((again.status, again.code()), (409, "request_in_progress"), "{}", again.text);
            again.body["resource"].as_str().map(str::to_owned)
        });
        let resource = resource.await;
        service.provider.faults(json!({})).await;
        resource
    };
    let (first, duplicate) = tokio::join!(first, duplicate);
    let fresh = if first.status == 201 {
        first.id()
    } else {
        service.one.persist("/v1/charges", &body, "k").await.id()
    };
    assert_eq!(duplicate, fresh);
    service.end().await;
}

async fn an_answer_before_the_outcome_keeps_nobody_away(engine: Engine) {
    let redis = redis();
    let service = service(engine, &redis, MINUTE).await;
    service.provider.faults(json!({ "seed": 7, "delay_ms": [200, 200] })).await;
    let body = charge(1_000, "pm_card_visa");
    let payment = service.one.post("/v1/charges", &body).key("k").without_waiting().expect(202).await.id();
    // The database returns it at once, although no waiting request could have stored it in Redis.
    let after = service.one.persist("/v1/charges", &body, "k").await;
    assert_eq!((after.id(), after.is_replay()), (payment, true));
    service.end().await;
}

async fn local_work_is_done_once(engine: Engine) {
    let redis = redis();
    let service = service(engine, &redis, MINUTE).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let body = catalogue.booking(2, "ana");
    let answers = stampede(&service, "/v1/bookings", &body, "k").await;
    let after = service.one.persist("/v1/bookings", &body, "k").await;
    check_stampede(&answers, &after.id());
    assert_eq!(catalogue.vacancies(&service.one).await, 8);
    let cancel = format!("/v1/bookings/{}/cancel", after.id());
    let answers: Vec<TestReply> = stampede(&service, &cancel, &json!({}), "c").await;
    let (done, waits): (Vec<&TestReply>, Vec<&TestReply>) =
        answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(done.iter().filter(|answer| !answer.is_replay()).count(), 1);
    assert!(waits.iter().all(|answer| answer.code() == "request_in_progress"));
    assert_eq!(catalogue.vacancies(&service.one).await, 10);
    service.end().await;
}

const OPERATIONS: usize = 30;
const DUPLICATES: usize = 6;

/// Charges that several clients request at the same time, while Redis fails again and again. Each
/// is done once, and all of its clients get the same reply.
async fn in_the_middle_of_duplicates(service: &TestService, trouble: impl AsyncFn(usize)) {
    let over = AtomicBool::new(false);
    let troubled = async {
        let mut round = 0;
        while !over.load(Ordering::Acquire) {
            trouble(round).await;
            round += 1;
        }
        round
    };
    let clients = async {
        let mut answers = Vec::new();
        // In waves, so that the later ones find the entries of the earlier ones.
        for wave in waves() {
            let requests =
                wave.flat_map(|number| (0..DUPLICATES).map(move |_| number)).map(|number| async move {
                    let body = charge(1_000 + number as i64, "pm_card_visa");
                    (number, service.one.persist("/v1/charges", &body, &format!("k-{number}")).await)
                });
            answers.extend(join_all(requests).await);
        }
        over.store(true, Ordering::Release);
        answers
    };
    let (rounds, answers) = tokio::join!(troubled, clients);
    assert!(rounds > 0);
    let books = service.quiet().await;
    for number in 0..OPERATIONS {
        let mut of = answers.iter().filter(|(at, _)| *at == number).map(|(_, answer)| answer);
        let first = of.next().unwrap();
        assert!(first.status == 201 && of.all(|answer| answer.text == first.text), "{}", first.text);
        let minor = 1_000 + number as i64;
        assert_eq!(books.stands(&first.id()), ("succeeded", minor, minor, 0));
    }
    assert_eq!(books.charges().len(), OPERATIONS, "effects");
}

fn waves() -> impl Iterator<Item = Range<usize>> {
    (0..OPERATIONS).step_by(10).map(|from| from..(from + 10).min(OPERATIONS))
}

/// Short, so that a marker that was lost expires.
const SHORT: Duration = Duration::from_millis(200);

async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

async fn redis_is_flushed_all_the_time(engine: Engine) {
    let redis = redis();
    let service = service(engine, &redis, MINUTE).await;
    in_the_middle_of_duplicates(&service, async |_| {
        redis.command(&["FLUSHALL"]).unwrap();
        a_moment().await;
    })
    .await;
    service.end().await;
}

async fn redis_is_killed_all_the_time(engine: Engine) {
    let redis = redis();
    let service = service(engine, &redis, SHORT).await;
    in_the_middle_of_duplicates(&service, async |round| {
        if round % 2 == 0 {
            redis.kill().unwrap();
        } else {
            redis.restart().unwrap();
        }
        a_moment().await;
    })
    .await;
    service.end().await;
}

/// It answers nothing from the first request to the last, and no request waits for it.
async fn redis_hangs(engine: Engine) {
    let redis = redis();
    let settings = Settings { lease: SHORT, ..Settings::new(Secret::new(redis.url())) };
    let service = service_with(engine, &redis, settings).await;
    redis.pause().unwrap();
    in_the_middle_of_duplicates(&service, async |_| a_moment().await).await;
    redis.resume().unwrap();
    // The commands that it gets late were true at their time.
    in_use(&service, &redis).await;
    for number in 0..OPERATIONS {
        let body = charge(1_000 + number as i64, "pm_card_visa");
        let again = service.one.persist("/v1/charges", &body, &format!("k-{number}")).await;
        assert!(again.status == 201 && again.is_replay(), "{}", again.text);
    }
    service.end().await;
}

async fn redis_evicts_all_the_time(engine: Engine) {
    let tiny =
        Options { memory_max_mb: Some(2), eviction: Some("allkeys-random".to_owned()), ..Options::default() };
    let redis = Private::start(tiny).unwrap();
    let service = service(engine, &redis, MINUTE).await;
    let ballast = "x".repeat(100_000);
    in_the_middle_of_duplicates(&service, async |round| {
        for number in 0..10 {
            redis.command(&["SET", &format!("ballast-{}-{number}", round % 5), &ballast]).unwrap();
        }
        a_moment().await;
    })
    .await;
    service.end().await;
}

async fn redis_comes_back_from_an_old_snapshot(engine: Engine) {
    let redis = Private::start(Options { persistence: Persistence::Snapshot, ..Options::default() }).unwrap();
    let service = service(engine, &redis, SHORT).await;
    let old = redis.save().unwrap();
    in_the_middle_of_duplicates(&service, async |round| {
        // From the beginning, or from the middle.
        if round % 2 == 0 {
            redis.restore(&old).unwrap();
        } else {
            let now = redis.save().unwrap();
            a_moment().await;
            redis.restore(&now).unwrap();
        }
        a_moment().await;
    })
    .await;
    service.end().await;
}
