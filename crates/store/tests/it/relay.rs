//! The outbox with concurrent relays: one relay per partition, marks under tokens, order per
//! subject, and pruning.

use std::collections::{BTreeMap, BTreeSet};

use domain::commands::{
    ClaimPartitions, DeadLetterRef, Decided, DeliveryKey, FailDelivery, JobLease, MarkPublished,
    MarkRepublished, PartitionLease, PostTransfer, PruneDeliveries, PruneMessages, Published,
    RetryDeadLetter, SettleMessages,
};
use domain::consumers::Consumers;
use domain::limits::PARTITIONS;
use domain::reply::{ClaimedPartition, DeadLetter};
use domain::rows::{Message, Subject};
use domain::side_effects::WakeUp;
use domain::time::Span;
use domain::working_set::Command;
use domain::{MessageId, Refusal, Reply, TenantId, Timestamp, WorkerId};
use futures_util::future::join_all;
use store::{CommandResult, Store};
use testkit::new_id;
use uuid::Uuid;

use crate::store_database::StoreDatabase;

use crate::test_command::insert;

testkit::on_both_engines!(
    of_many_relays_one_gets_a_partition,
    a_zombies_marks_are_refused,
    positions_are_dense_under_rivals,
    live_messages_keep_the_order_of_their_subject,
    a_subject_with_a_backlog_waits_for_it,
    messages_that_wait_for_a_backlog_hide_no_live_one,
    partitions_with_work_are_found,
    nothing_is_pruned_before_its_receipt,
    what_nobody_receives_is_missed_more_and_more_seldom,
    what_is_due_is_found_until_it_was_published_again,
    what_is_due_and_what_is_lost_have_half_a_sweep_each,
    what_a_person_waits_for_is_kept,
    the_listener_gets_the_wake_ups,
);

const LEASE: Span = Span::seconds(15);

async fn fresh(store: &Store, command: impl Command + 'static) -> Reply {
    match store.submit(Box::new(command)).await.unwrap() {
        CommandResult::Fresh { reply, .. } => reply,
        answer => panic!("{answer:?}"),
    }
}

fn relay() -> JobLease {
    JobLease { worker: new_id::<WorkerId>(), span: LEASE }
}

async fn claim(store: &Store, lease: JobLease) -> Vec<ClaimedPartition> {
    let wanted = (0..PARTITIONS).collect();
    let Reply::Partitions { claimed, .. } =
        fresh(store, ClaimPartitions { wanted, lease, alone: false }).await
    else {
        panic!("partitions are claimed")
    };
    claimed
}

fn holds(claimed: &[ClaimedPartition]) -> Vec<PartitionLease> {
    claimed.iter().map(|one| PartitionLease { number: one.number, token: one.token }).collect()
}

fn message(tenant: TenantId, subject: Uuid, seq: i64, created_at: i64) -> Message {
    Message {
        id: new_id(),
        tenant,
        subject_kind: Subject::Payment,
        subject,
        seq,
        kind: "payment.captured".into(),
        payload: "{}".into(),
        created_at: Timestamp(created_at),
        partition: Message::partition_of(subject),
        position: None,
        published: 0,
        published_at: None,
        received_at: None,
    }
}

async fn put(store: &Store, messages: &[Message]) {
    let rows = messages.to_vec();
    let act = insert(move |outcome| rows.iter().for_each(|row| outcome.put(row.clone())));
    act.on(store).await.unwrap();
}

fn mark(holds: &[PartitionLease], messages: &[Message], received: bool) -> MarkPublished {
    let published = |message: &Message| Published {
        tenant: message.tenant,
        message: message.id,
        number: message.published + 1,
        received,
    };
    MarkPublished {
        holds: holds.to_vec(),
        published: messages.iter().map(published).collect(),
        release: vec![],
        consumers: Consumers::default(),
    }
}

async fn of_many_relays_one_gets_a_partition(database: StoreDatabase) {
    let stores = match &database.location {
        // SQLite has one process.
        store::Location::Sqlite { .. } => vec![database.open().await],
        store::Location::Postgres { .. } => {
            vec![database.open().await, database.open().await, database.open().await]
        }
    };
    let rivals = (0..12).map(|at| claim(&stores[at % stores.len()], relay()));
    let won: Vec<ClaimedPartition> = join_all(rivals).await.into_iter().flatten().collect();
    let numbers: BTreeSet<i64> = won.iter().map(|one| one.number).collect();
    assert_eq!(won.len(), numbers.len(), "a partition has one relay");
    assert!(won.iter().all(|one| one.token == 1 && !one.left_behind));
    assert_eq!(numbers.len() as i64, PARTITIONS);
}

async fn a_zombies_marks_are_refused(database: StoreDatabase) {
    let store = database.open().await;
    let (zombie, successor) = (relay(), relay());
    let stale = claim(&store, zombie).await;
    // The test cannot move PostgreSQL's clock, so it ends the lease in the table.
    database.execute("update partitions set lease_until = 0").await;
    let taken = claim(&store, successor).await;
    assert!(taken.len() as i64 == PARTITIONS && taken.iter().all(|one| one.left_behind && one.token == 2));
    let messages = [message(new_id(), new_id(), 1, 5)];
    put(&store, &messages).await;
    let late = MarkPublished { release: (0..PARTITIONS).collect(), ..mark(&holds(&stale), &messages, true) };
    let answer = store.submit(Box::new(late)).await.unwrap();
    assert!(matches!(answer, CommandResult::Refused { refusal: Refusal::LeaseLost, .. }), "{answer:?}");
    assert_eq!(store.messages(&[messages[0].id]).await.unwrap()[0].position, None);
    let reply = fresh(&store, mark(&holds(&taken), &messages, true)).await;
    assert!(matches!(reply, Reply::Marked { marked: 1, .. }), "{reply:?}");
    let found = store.messages(&[messages[0].id]).await.unwrap();
    assert!(found[0].position == Some(1) && found[0].received_at.is_some());
}

async fn positions_are_dense_under_rivals(database: StoreDatabase) {
    let store = database.open().await;
    let tenant: TenantId = new_id();
    let holds = holds(&claim(&store, relay()).await);
    let all: Vec<Message> = (0..60).map(|at| message(tenant, new_id(), 1, at)).collect();
    put(&store, &all).await;
    // Each message is in two concurrent marks.
    let marks = all.chunks(5).zip(all.chunks(10).cycle());
    let marks = marks.flat_map(|(small, large)| [mark(&holds, small, true), mark(&holds, large, true)]);
    join_all(marks.map(|mark| fresh(&store, mark))).await;
    let ids: Vec<MessageId> = all.iter().map(|message| message.id).collect();
    let found = store.messages(&ids).await.unwrap();
    let positions: BTreeSet<i64> = found.iter().filter_map(|message| message.position).collect();
    assert_eq!(positions, (1..=60).collect());
    assert!(found.iter().all(|message| message.published == 1));
}

/// With any limit, no message comes before a lower one of its subject.
fn in_order(found: &[Message]) {
    let mut next: BTreeMap<Uuid, i64> = BTreeMap::new();
    for message in found {
        let seq = next.entry(message.subject).or_insert(1);
        assert_eq!(message.seq, *seq, "a message was left out or comes too early");
        *seq += 1;
    }
}

async fn live_messages_keep_the_order_of_their_subject(database: StoreDatabase) {
    let store = database.open().await;
    let (tenant, subjects) =
        (new_id(), [new_id::<TenantId>().0, new_id::<TenantId>().0, new_id::<TenantId>().0]);
    let mut all = Vec::new();
    for seq in 1..=4 {
        for subject in subjects {
            all.push(message(tenant, subject, seq, 100 + seq));
        }
    }
    all.reverse();
    put(&store, &all).await;
    let partitions: Vec<i64> = (0..PARTITIONS).collect();
    for max in 1..=13 {
        let found = store.live_messages(&partitions, Timestamp(100), max).await.unwrap();
        assert_eq!(found.len(), max.min(12));
        in_order(&found);
    }
    let one = Message::partition_of(subjects[0]);
    let found = store.live_messages(&[one], Timestamp(100), 99).await.unwrap();
    assert!(found.len() >= 4 && found.iter().all(|message| message.partition == one));
    assert_eq!(store.live_messages(&[], Timestamp(0), 9).await.unwrap(), []);
    assert_eq!(store.live_messages(&partitions, Timestamp(105), 99).await.unwrap(), [], "none is so young");
}

async fn a_subject_with_a_backlog_waits_for_it(database: StoreDatabase) {
    let store = database.open().await;
    let (tenant, old, young) = (new_id(), new_id::<TenantId>().0, new_id::<TenantId>().0);
    let all = [
        message(tenant, old, 1, 10),
        message(tenant, old, 2, 20),
        message(tenant, old, 3, 200),
        message(tenant, young, 1, 200),
    ];
    put(&store, &all).await;
    let partitions: Vec<i64> = (0..PARTITIONS).collect();
    let live = store.live_messages(&partitions, Timestamp(100), 99).await.unwrap();
    assert_eq!(live.iter().map(|message| message.subject).collect::<Vec<_>>(), [young]);
    let with_backlog = store.partitions_with_backlog(&partitions, Timestamp(100)).await.unwrap();
    assert_eq!(with_backlog, [Message::partition_of(old)]);
    assert_eq!(store.partitions_with_backlog(&[], Timestamp(100)).await.unwrap(), [0; 0]);
    for max in 1..=3 {
        let found = store.backlog_messages(with_backlog[0], Timestamp(100), max).await.unwrap();
        assert_eq!(found.len(), max);
        in_order(&found);
        assert!(found.iter().all(|message| message.subject == old));
    }
    let holds = holds(&claim(&store, relay()).await);
    fresh(&store, mark(&holds, &all[..2], true)).await;
    let live = store.live_messages(&partitions, Timestamp(100), 99).await.unwrap();
    assert_eq!(live.len(), 2, "its turn has come");
}

async fn messages_that_wait_for_a_backlog_hide_no_live_one(database: StoreDatabase) {
    let store = database.open().await;
    let (tenant, live) = (new_id(), new_id::<TenantId>().0);
    let mut all = vec![message(tenant, live, 1, 200), message(tenant, live, 2, 201)];
    for subject in (0..5).map(|_| new_id::<TenantId>().0) {
        all.extend([message(tenant, subject, 1, 10), message(tenant, subject, 2, 150)]);
    }
    put(&store, &all).await;
    let partitions: Vec<i64> = (0..PARTITIONS).collect();
    for max in 1..=9 {
        let found = store.live_messages(&partitions, Timestamp(100), max).await.unwrap();
        assert_eq!(found.len(), max.min(2), "of at most {max}");
        in_order(&found);
        assert!(found.iter().all(|message| message.subject == live));
    }
}

async fn partitions_with_work_are_found(database: StoreDatabase) {
    let store = database.open().await;
    assert_eq!(store.partitions_with_work(Timestamp(0)).await.unwrap(), []);
    let all: Vec<Message> = (0..3).map(|at| message(new_id(), new_id(), 1, at)).collect();
    put(&store, &all).await;
    let numbers: BTreeSet<i64> = all.iter().map(|message| message.partition).collect();
    let free = |work: &[store::queries::PartitionBacklog]| {
        let (all, free): (Vec<_>, Vec<_>) = work.iter().map(|work| (work.number, work.free)).unzip();
        (BTreeSet::from_iter(all), free.into_iter().all(|free| free))
    };
    let work = store.partitions_with_work(Timestamp(0)).await.unwrap();
    assert_eq!(free(&work), (numbers.clone(), true));
    let holds = holds(&claim(&store, relay()).await);
    let work = store.partitions_with_work(Timestamp(0)).await.unwrap();
    assert!(work.iter().all(|work| !work.free), "{work:?}");
    let work = store.partitions_with_work(Timestamp(i64::MAX)).await.unwrap();
    assert_eq!(free(&work), (numbers, true), "every lease has lapsed by then");
    fresh(&store, mark(&holds, &all, true)).await;
    assert_eq!(store.partitions_with_work(Timestamp(0)).await.unwrap(), []);
}

fn at(message: &Message) -> DeliveryKey {
    DeliveryKey { tenant: message.tenant, message: message.id, consumer: domain::consumers::LEDGER }
}

fn fail(message: &Message, attempts_max: i64) -> FailDelivery {
    FailDelivery {
        at: at(message),
        error: "broken".into(),
        pause: Span::seconds(0),
        attempts_max,
        counted: false,
    }
}

fn readable(mut message: Message) -> Message {
    message.payload = format!(
        r#"{{"movement": "payment.captured/{}", "moved": {{"minor": 5, "currency": "EUR"}},
            "provider": "stripe", "account_id": "{}", "booking_id": null}}"#,
        message.id,
        Uuid::nil()
    );
    message
}

/// Published, and not received by any consumer.
async fn stored(store: &Store, all: &[Message]) {
    put(store, all).await;
    let claimed = claim(store, relay()).await;
    let release = (0..PARTITIONS).collect();
    fresh(store, MarkPublished { release, ..mark(&holds(&claimed), all, false) }).await;
}

async fn receive(store: &Store, message: &Message) {
    fresh(store, PostTransfer::of(message).unwrap().unwrap()).await;
    let settle = SettleMessages {
        messages: vec![message.id],
        unreceived_after: Span::seconds(30),
        consumers: Consumers::default(),
    };
    let reply = fresh(store, settle).await;
    assert!(matches!(reply, Reply::Settled { settled: 1, .. }), "{reply:?}");
}

async fn what_nobody_receives_is_missed_more_and_more_seldom(database: StoreDatabase) {
    let store = database.open().await;
    let message = readable(message(new_id(), new_id::<TenantId>().0, 1, 5));
    stored(&store, std::slice::from_ref(&message)).await;
    let wait = Span::seconds(30);
    for times in [1, 2, 4, 8, 16, 16] {
        let row = store.messages(&[message.id]).await.unwrap().remove(0);
        let late = row.published_at.unwrap().plus(Span(wait.0 * times));
        for (now, found) in [(late, 0), (late.plus(Span(1)), 1)] {
            let missed =
                store.unsettled_messages(Consumers::default(), now.minus(wait), now, 9).await.unwrap();
            assert_eq!(missed.len(), found, "published {} times", row.published);
        }
        let MarkPublished { published, .. } = mark(&[], &[row], false);
        let found_at = late;
        fresh(&store, MarkRepublished { published, found_at, consumers: Consumers::default() }).await;
    }
    // A receipt is found at once.
    fresh(&store, PostTransfer::of(&message).unwrap().unwrap()).await;
    let late = store.messages(&[message.id]).await.unwrap()[0].published_at.unwrap().plus(Span(1));
    assert_eq!(
        store.unsettled_messages(Consumers::default(), late, late.plus(wait), 9).await.unwrap(),
        [message.id]
    );
}

async fn what_is_due_is_found_until_it_was_published_again(database: StoreDatabase) {
    let store = database.open().await;
    let [known, unmarked] = [1, 2].map(|_| message(new_id(), new_id::<TenantId>().0, 1, 5));
    stored(&store, std::slice::from_ref(&known)).await;
    // The relay died before its mark, and the next one publishes the message again.
    put(&store, std::slice::from_ref(&unmarked)).await;
    join_all([&known, &unmarked].map(|message| fresh(&store, fail(message, 9)))).await;
    let due = async || {
        store.unsettled_messages(Consumers::default(), Timestamp(0), Timestamp(i64::MAX), 9).await.unwrap()
    };
    // The consumer may have failed before or after the mark of the first publication.
    for due_at in [1, i64::MAX] {
        database.execute(&format!("update inbox set due_at = {due_at}")).await;
        assert_eq!(due().await, [known.id]);
    }
    let row = store.messages(&[known.id]).await.unwrap().remove(0);
    let MarkPublished { published, .. } = mark(&[], &[row], false);
    fresh(&store, MarkRepublished { published, found_at: Timestamp(1_000), consumers: Consumers::default() })
        .await;
    for (due_at, found) in [(999, 0), (1_000, 1), (1_001, 1)] {
        database.execute(&format!("update inbox set due_at = {due_at}")).await;
        assert_eq!(due().await.len(), found, "due at {due_at}");
    }
}

async fn what_is_due_and_what_is_lost_have_half_a_sweep_each(database: StoreDatabase) {
    let store = database.open().await;
    let messages = |created_at| (0..6).map(move |_| message(new_id(), new_id::<TenantId>().0, 1, created_at));
    let (due, lost): (Vec<Message>, Vec<Message>) = (messages(1).collect(), messages(2).collect());
    stored(&store, &[due.clone(), lost.clone()].concat()).await;
    join_all(due.iter().map(|message| fresh(&store, fail(message, 9)))).await;
    database.execute("update outbox set published_at = 5 where created_at = 2").await;
    let (early, late) = (Timestamp(0), Timestamp(i64::MAX));
    for (published_before, now, max, of_due, of_lost) in [
        (Timestamp(10), late, 1, 1, 0),
        (Timestamp(10), late, 4, 2, 2),
        (Timestamp(10), late, 5, 3, 2),
        (Timestamp(10), late, 99, 6, 6),
        // A single group may use the other's half as well.
        (early, late, 4, 4, 0),
        (Timestamp(10), early, 4, 0, 4),
    ] {
        let found = store.unsettled_messages(Consumers::default(), published_before, now, max).await.unwrap();
        let of = |all: &[Message]| all.iter().filter(|message| found.contains(&message.id)).count();
        assert_eq!((of(&due), of(&lost), found.len()), (of_due, of_lost, of_due + of_lost), "of {max}");
    }
}

/// A message that was received in the same microsecond is pruned as well.
const NOT_AT_ALL: Span = Span(-1);

async fn nothing_is_pruned_before_its_receipt(database: StoreDatabase) {
    let store = database.open().await;
    let (tenant, subject) = (new_id(), new_id::<TenantId>().0);
    let all = [1, 2].map(|seq| readable(message(tenant, subject, seq, 5)));
    stored(&store, &all).await;
    let ever = Timestamp(i64::MAX);
    let ids = all.clone().map(|message| message.id);
    let found = store.unsettled_messages(Consumers::default(), ever, Timestamp(0), 9).await.unwrap();
    assert_eq!(BTreeSet::from_iter(found), BTreeSet::from(ids), "nobody received them");
    assert_eq!(
        store.unsettled_messages(Consumers::default(), Timestamp(0), Timestamp(0), 9).await.unwrap(),
        [],
        "too young"
    );
    receive(&store, &all[1]).await;
    assert_eq!(store.prunable_messages(ever, 9).await.unwrap(), [], "a lower one still waits");
    // A message that was not received stays even if a command names it.
    let named = PruneMessages { messages: vec![ids[0]], kept: NOT_AT_ALL };
    assert!(matches!(fresh(&store, named).await, Reply::Swept(0)));
    receive(&store, &all[0]).await;
    assert_eq!(store.prunable_deliveries(ever, 9).await.unwrap(), [], "their messages are there");
    let found = store.prunable_messages(ever, 9).await.unwrap();
    assert_eq!(BTreeSet::from_iter(found.clone()), BTreeSet::from(ids));
    let early = PruneMessages { messages: found.clone(), kept: Span::seconds(3_600) };
    assert!(matches!(fresh(&store, early).await, Reply::Swept(0)), "too young");
    // Two concurrent sweeps delete each row once.
    let prune = || fresh(&store, PruneMessages { messages: found.clone(), kept: NOT_AT_ALL });
    let pruned = join_all([prune(), prune()]).await;
    let count = |reply: &Reply| if let Reply::Swept(count) = reply { *count } else { panic!("{reply:?}") };
    assert_eq!(pruned.iter().map(count).sum::<usize>(), 2);
    assert_eq!(store.messages(&ids).await.unwrap(), []);
    let deliveries = store.prunable_deliveries(ever, 9).await.unwrap();
    assert_eq!(deliveries.len(), 2);
    let reply = fresh(&store, PruneDeliveries { deliveries, kept: NOT_AT_ALL }).await;
    assert!(matches!(reply, Reply::Swept(2)), "{reply:?}");
}

async fn what_a_person_waits_for_is_kept(database: StoreDatabase) {
    let store = database.open().await;
    let tenant: TenantId = new_id();
    let all = [1, 2].map(|_| readable(message(tenant, new_id::<TenantId>().0, 1, 5)));
    stored(&store, &all).await;
    fresh(&store, fail(&all[0], 9)).await;
    fresh(&store, fail(&all[1], 1)).await;
    let (ever, now) = (Timestamp(i64::MAX), Timestamp(i64::MAX));
    let due = store.unsettled_messages(Consumers::default(), Timestamp(0), now, 9).await.unwrap();
    assert_eq!(due, [all[0].id], "what is dead is not due");
    assert_eq!(
        store.unsettled_messages(Consumers::default(), ever, Timestamp(0), 9).await.unwrap(),
        [],
        "nor is what waits"
    );
    let letters = store.dead_letters(tenant, None, 9).await.unwrap();
    let [DeadLetter::Message { delivery, message }] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((message.id, delivery.last_error.as_deref()), (all[1].id, Some("broken")));
    assert_eq!(store.letter(tenant, delivery.id.0).await.unwrap().as_ref(), Some(&letters[0]));
    assert_eq!(store.letter(new_id(), delivery.id.0).await.unwrap(), None, "another tenant's");
    let cursor = store::queries::Cursor { created_at: letters[0].moved_at(), id: letters[0].id() };
    assert_eq!(store.dead_letters(tenant, Some(cursor), 9).await.unwrap(), []);
    assert_eq!(store.prunable_messages(ever, 9).await.unwrap(), []);
    let named = PruneDeliveries { deliveries: vec![delivery.id], kept: NOT_AT_ALL };
    assert!(matches!(fresh(&store, named).await, Reply::Swept(0)));
    assert_eq!(store.figures(Timestamp(0)).await.unwrap().deliveries_dead, 1);
    receive(&store, &all[0]).await;
    assert_eq!(store.backlog().await.unwrap().outbox_unreceived, 1);
}

async fn the_listener_gets_the_wake_ups(database: StoreDatabase) {
    let store = database.open().await;
    let tenant: TenantId = new_id();
    let message = readable(message(tenant, new_id::<TenantId>().0, 1, 5));
    put(&store, std::slice::from_ref(&message)).await;
    let first = holds(&claim(&store, relay()).await);
    claim(&store, relay()).await;
    fresh(&store, mark(&first, &[], true)).await;
    fresh(&store, fail(&message, 1)).await;
    let decided = Decided {
        kinds: domain::jobs::JobKinds::default(),
        claim: None,
        tenant,
        client: new_id(),
        request_id: "request".into(),
        letter: DeadLetterRef::Message(at(&message).id()),
        person: "Ana".into(),
        why: "mended".into(),
    };
    fresh(&store, RetryDeadLetter(decided)).await;
    let commits = database.commits.0.lock().clone();
    let woken: Vec<Vec<WakeUp>> =
        commits.iter().map(|commit| commit.wake_ups.iter().copied().collect()).collect();
    let expected = [&[WakeUp::Messages][..], &[], &[], &[WakeUp::Partitions], &[], &[WakeUp::Retries]];
    assert_eq!(woken, expected);
}
