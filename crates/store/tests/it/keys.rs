//! Idempotency keys: the work is done once, and the key is known forever.

use domain::idempotency::{Fingerprint, KeyProgress};
use domain::working_set::{Claim, Decision, LateReply};
use domain::{Refusal, Reply};
use store::{CommandResult, Rendered, Unavailable};
use testkit::{Engine, OnEngine as _, new_id};
use uuid::Uuid;

use crate::store_database::StoreDatabase;

use crate::test_command::{Seller, TestCommand, WriterPause};

testkit::on_both_engines!(
    a_key_is_done_once_and_replayed,
    another_request_under_the_key_is_a_mismatch,
    a_pruned_reply_is_expired,
    an_operation_in_flight_is_answered_once,
    a_refusal_is_stored_unless_it_may_pass,
    replays_inside_one_batch,
    a_key_in_flight_inside_one_batch,
);

async fn a_key_is_done_once_and_replayed(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 5).await;
    let claim = seller.claim("one");
    let fresh = seller.reserve(slot, 2).claiming(&claim).on(&store).await.unwrap();
    let CommandResult::Fresh { rendered: Some(Rendered { status, body, location }), .. } = fresh else {
        panic!("{fresh:?}");
    };
    for _ in 0..3 {
        let replay = seller.reserve(slot, 2).claiming(&claim).on(&store).await.unwrap();
        let expected = Rendered { status, body: body.clone(), location: location.clone() };
        assert_eq!(replayed(replay), expected);
    }
    assert_eq!(store.slot(seller.tenant, slot).await.unwrap().unwrap().held, 2);
    let key = store.key(seller.tenant, claim.key).await.unwrap().unwrap();
    assert_eq!((key.progress, key.status, key.text.as_str()), (KeyProgress::Finished, Some(201), "one"));
    assert!(key.resource.is_some() && key.finished_at.is_some());
}

fn replayed(answer: CommandResult) -> Rendered {
    match answer {
        CommandResult::Replay { status, body, location } => Rendered { status, body, location },
        answer => panic!("no replay: {answer:?}"),
    }
}

async fn another_request_under_the_key_is_a_mismatch(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 5).await;
    seller.reserve(slot, 1).claiming(&seller.claim("one")).on(&store).await.unwrap();
    let other = Claim { fingerprint: Fingerprint::of("POST", "/v1/bookings", b"[]"), ..seller.claim("one") };
    let answer = seller.reserve(slot, 1).claiming(&other).on(&store).await.unwrap();
    assert!(matches!(answer, CommandResult::Mismatch), "{answer:?}");
    assert_eq!(store.slot(seller.tenant, slot).await.unwrap().unwrap().held, 1);
}

async fn a_pruned_reply_is_expired(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 5).await;
    seller.reserve(slot, 1).claiming(&seller.claim("one")).on(&store).await.unwrap();
    database.execute("update keys set body = null").await;
    let answer = seller.reserve(slot, 1).claiming(&seller.claim("one")).on(&store).await.unwrap();
    assert!(matches!(answer, CommandResult::Expired { resource: Some(_) }), "{answer:?}");
}

/// Starts an operation that a worker will answer.
fn begin(claim: &Claim, resource: Uuid) -> TestCommand {
    TestCommand::new(|_| Some(()), move |_, _| Ok(Decision::default().settles_later(resource)))
        .claiming(claim)
}

fn answer(claim: &Claim, with: impl Fn() -> LateReply + Send + Sync + 'static) -> TestCommand {
    let key = claim.key;
    TestCommand::new(
        move |rows| rows.key(key).map(drop),
        move |_, _| {
            let mut outcome = Decision::default();
            outcome.answer(Some(key), with());
            Ok(outcome)
        },
    )
}

async fn an_operation_in_flight_is_answered_once(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let (claim, resource) = (seller.claim("charge"), new_id());
    let fresh = begin(&claim, resource).on(&store).await.unwrap();
    assert!(matches!(fresh, CommandResult::Fresh { rendered: None, .. }), "{fresh:?}");
    let again = begin(&claim, resource).on(&store).await.unwrap();
    assert!(
        matches!(again, CommandResult::InFlight { resource: Some(found) } if found == resource),
        "{again:?}"
    );
    let declined = || LateReply::Refused(Refusal::NothingIsDue);
    answer(&claim, declined).on(&store).await.unwrap();
    // Later results do not change the stored reply.
    answer(&claim, || LateReply::With(Reply::Swept(9))).on(&store).await.unwrap();
    let replay = replayed(begin(&claim, resource).on(&store).await.unwrap());
    assert_eq!(replay.body, "nothing_is_due in request-charge");
    store.close().await;
    let answered: Vec<_> =
        database.commits.0.lock().iter().flat_map(|committed| committed.answered.clone()).collect();
    assert_eq!(answered, [(claim.key, replay)]);
}

async fn a_refusal_is_stored_unless_it_may_pass(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 0).await;
    let full = seller.claim("full");
    let refused = seller.reserve(slot, 1).claiming(&full).on(&store).await.unwrap();
    let CommandResult::Refused { rendered: Some(rendered), .. } = refused else { panic!("{refused:?}") };
    database.execute("update slots set capacity = 9").await;
    assert_eq!(replayed(seller.reserve(slot, 1).claiming(&full).on(&store).await.unwrap()), rendered);

    let (lost, nowhere) = (seller.claim("lost"), new_id());
    for _ in 0..2 {
        let refused = seller.reserve(nowhere, 1).claiming(&lost).on(&store).await.unwrap();
        let expected = Refusal::SlotNotFound;
        assert!(
            matches!(&refused, CommandResult::Refused { refusal, rendered: None } if *refusal == expected)
        );
    }
    assert_eq!(store.key(seller.tenant, lost.key).await.unwrap(), None, "the key can be used again");
}

async fn replays_inside_one_batch(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 100).await;
    let keys = ["a", "b", "a", "a", "b", "c"];
    let acts = keys.iter().map(|key| seller.reserve(slot, 1).claiming(&seller.claim(key))).collect();
    let answers = WriterPause::start(&store).together(&store, acts).await;
    let mut bodies = std::collections::BTreeMap::<&str, Vec<Rendered>>::new();
    let mut fresh = 0;
    for (key, answer) in keys.into_iter().zip(answers) {
        bodies.entry(key).or_default().push(match answer.unwrap() {
            CommandResult::Fresh { rendered: Some(rendered), .. } => {
                fresh += 1;
                rendered
            }
            answer => replayed(answer),
        });
    }
    assert_eq!(fresh, 3);
    assert!(bodies.values().all(|bodies| bodies.iter().all(|body| *body == bodies[0])), "{bodies:?}");
    assert_eq!(store.slot(seller.tenant, slot).await.unwrap().unwrap().held, 3);
}

async fn a_key_in_flight_inside_one_batch(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let (claim, resource) = (seller.claim("charge"), new_id());
    let acts = (0..3).map(|_| begin(&claim, resource)).collect();
    let answers = WriterPause::start(&store).together(&store, acts).await;
    let fresh = answers.iter().filter(|answer| matches!(answer, Ok(CommandResult::Fresh { .. }))).count();
    let in_flight =
        answers.iter().filter(|answer| matches!(answer, Ok(CommandResult::InFlight { .. }))).count();
    assert_eq!((fresh, in_flight), (1, 2));
}

/// Two servers get the same request concurrently, many times.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn one_key_at_once_from_two_servers_is_done_once() {
    let database = StoreDatabase::on(Engine::Postgres).await;
    let stores = [database.open().await, database.open().await];
    let seller = Seller::open(&stores[0]).await;
    // Each server reserves a slot of its own: with one slot the lock would separate them.
    let slots = [seller.slot(&stores[0], 1000).await, seller.slot(&stores[0], 1000).await];
    for round in 0..10 {
        let claim = seller.claim(&format!("round {round}"));
        let request = |at: usize| {
            let (store, act) = (stores[at % 2].clone(), seller.reserve(slots[at % 2], 1).claiming(&claim));
            tokio::spawn(async move { act.on(&store).await })
        };
        let tasks: Vec<_> = (0..200).map(request).collect();
        let (mut fresh, mut bodies) = (0, std::collections::BTreeSet::new());
        for task in tasks {
            match task.await.unwrap() {
                Ok(CommandResult::Fresh { rendered: Some(rendered), .. }) => {
                    fresh += 1;
                    bodies.insert(rendered.body);
                }
                Ok(answer) => {
                    bodies.insert(replayed(answer).body);
                }
                Err(why) => assert_eq!(why, Unavailable::Contended),
            }
        }
        assert_eq!((fresh, bodies.len()), (1, 1));
    }
    let mut held = 0;
    for slot in slots {
        held += stores[0].slot(seller.tenant, slot).await.unwrap().unwrap().held;
    }
    assert_eq!(held, 10);
    let met = stores[0].stats().retries + stores[1].stats().retries;
    assert!(met > 0, "the two never met");
}
