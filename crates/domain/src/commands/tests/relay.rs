//! The relay's commands: partitions, marks under their tokens, the sweep, and pruning.

use std::vec;
use std::vec::Vec;
use uuid::Uuid;

use super::test_world::{STRANGER, TENANT, TestWorld};
use crate::commands::{
    ClaimPartitions, DeliveryKey, FailDelivery, JobLease, MarkPublished, MarkRepublished, PartitionLease,
    PostTransfer, PruneDeliveries, PruneMessages, Published, SettleMessages, Subscribe,
};
use crate::consumers::{ConsumerKinds, Consumers, LEDGER};
use crate::lifecycle::delivery;
use crate::limits::{PARTITION_KEPT_FOR_SECONDS, PARTITIONS};
use crate::reply::{ClaimedPartition, Reply};
use crate::rows::{Delivery, Log, Message, Partition};
use crate::time::Span;
use crate::{InboxId, LogId, MessageId, PartitionId, Refusal, WorkerId};

const SPAN: Span = Span::seconds(15);

fn relay(number: u128) -> JobLease {
    JobLease { worker: WorkerId(Uuid::from_u128(number)), span: SPAN }
}

fn claim_with(
    world: &mut TestWorld,
    lease: JobLease,
    wanted: Vec<i64>,
    alone: bool,
) -> (Vec<ClaimedPartition>, usize) {
    let Reply::Partitions { claimed, to_come, .. } =
        world.run(&ClaimPartitions { wanted, lease, alone }).reply()
    else {
        panic!("partitions are claimed")
    };
    (claimed, to_come)
}

fn claim(world: &mut TestWorld, lease: JobLease) -> (Vec<ClaimedPartition>, usize) {
    claim_with(world, lease, (0..PARTITIONS).collect(), false)
}

fn holds(claimed: &[ClaimedPartition]) -> Vec<PartitionLease> {
    claimed.iter().map(|one| PartitionLease { number: one.number, token: one.token }).collect()
}

fn published(message: &Message, received: bool) -> Published {
    let number = message.published + 1;
    Published { tenant: message.tenant, message: message.id, number, received }
}

/// Some messages, in order.
fn messages(world: &mut TestWorld) -> Vec<Message> {
    world.paid();
    world.reserve(1);
    let mut messages: Vec<Message> = world.all();
    messages.sort_by_key(|message| message.seq);
    messages
}

fn mark(holds: &[PartitionLease], messages: &[Message], received: bool) -> MarkPublished {
    let published = messages.iter().map(|message| published(message, received)).collect();
    MarkPublished { holds: holds.to_vec(), published, release: vec![], consumers: Consumers::default() }
}

fn marked(world: &mut TestWorld, command: &MarkPublished) -> (usize, Vec<i64>, Vec<i64>) {
    let Reply::Marked { marked, lost, released } = world.run(command).reply() else { panic!("counted") };
    (marked, lost, released)
}

#[test]
fn a_subject_has_one_partition_and_subjects_are_spread() {
    let mut counts = [0; PARTITIONS as usize];
    for ascending in 0..1_600u128 {
        let partition = Message::partition_of(Uuid::from_u128(ascending << 70 | ascending));
        counts[usize::try_from(partition).unwrap()] += 1;
    }
    assert!(counts.iter().all(|count| (50..200).contains(count)), "{counts:?}");
}

#[test]
fn a_single_relay_gets_all_and_a_second_one_gets_none_before_their_release() {
    let mut world = TestWorld::new(9);
    let (first, waits) = claim(&mut world, relay(1));
    assert_eq!((first.len() as i64, waits), (PARTITIONS, 0));
    assert!(first.iter().all(|one| !one.left_behind && !one.again && one.token == 1));
    let (second, waits) = claim(&mut world, relay(2));
    assert_eq!((second.len(), waits), (0, 8), "half of them, after their release");
    assert_eq!(claim(&mut world, relay(2)), (vec![], 8), "it claims no more than its share");
    // A mark releases the partitions that another relay waits for, and the holder does not get them again.
    let (_, lost, released) = marked(&mut world, &mark(&holds(&first), &[], true));
    assert_eq!((lost.len(), released.len()), (0, 8));
    assert_eq!(claim_with(&mut world, relay(1), released.clone(), false).0, []);
    let (second, waits) = claim(&mut world, relay(2));
    assert_eq!(second.iter().map(|one| one.number).collect::<Vec<_>>(), released);
    assert!(second.iter().all(|one| !one.left_behind && one.token == 2) && waits == 0);
}

#[test]
fn what_is_kept_for_a_relay_that_never_comes_is_free_again() {
    let mut world = TestWorld::new(9);
    let (first, _) = claim(&mut world, relay(1));
    claim(&mut world, relay(2));
    let (_, _, released) = marked(&mut world, &mark(&holds(&first), &[], true));
    world.wait(Span::seconds(PARTITION_KEPT_FOR_SECONDS));
    let (claimed, _) = claim_with(&mut world, relay(1), released.clone(), false);
    assert_eq!(claimed.len(), released.len());
    assert!(claimed.iter().all(|one| one.again), "nobody else had them");
}

#[test]
fn a_lapsed_lease_is_taken_over_and_reported() {
    let mut world = TestWorld::new(9);
    let (first, _) = claim(&mut world, relay(1));
    world.wait(Span(SPAN.0 - 1));
    assert_eq!(claim(&mut world, relay(2)).0, []);
    world.wait(Span(1));
    let (second, _) = claim(&mut world, relay(2));
    assert_eq!(second.len() as i64, PARTITIONS);
    assert!(second.iter().all(|one| one.left_behind && one.token == 2));
    // Neither the marks nor the release of the zombie have an effect.
    let all = messages(&mut world);
    let late = MarkPublished { release: vec![0], ..mark(&holds(&first), &all, true) };
    assert_eq!(world.refused(&late), Refusal::LeaseLost);
    let (count, ..) = marked(&mut world, &mark(&holds(&second), &all, true));
    assert_eq!(count, all.len());
    // On SQLite no other process can be alive.
    let (third, _) = claim_with(&mut world, relay(3), vec![0, 1], true);
    assert!(third.len() == 2 && third.iter().all(|one| one.left_behind), "{third:?}");
}

#[test]
fn of_a_lost_partition_nothing_is_marked_and_of_the_others_everything() {
    let mut world = TestWorld::new(9);
    let (claimed, _) = claim(&mut world, relay(1));
    let all = messages(&mut world);
    let lost = all[0].partition;
    let row: Partition = world.get(PartitionId::of(lost));
    world.set(&Partition { token: row.token + 1, ..row });
    let here = all.iter().filter(|message| message.partition != lost).count();
    assert_eq!(marked(&mut world, &mark(&holds(&claimed), &all, true)), (here, vec![lost], vec![]));
    for message in &all {
        let found: Message = world.get(message.id);
        assert_eq!(found.position.is_some(), message.partition != lost, "{found:?}");
    }
}

#[test]
fn positions_are_dense_and_given_once() {
    let mut world = TestWorld::new(9);
    let (claimed, _) = claim(&mut world, relay(1));
    let holds = holds(&claimed);
    let all = messages(&mut world);
    let theirs: Vec<Message> = all.iter().map(|row| Message { tenant: STRANGER, ..row.clone() }).collect();
    assert_eq!(marked(&mut world, &mark(&holds, &theirs, true)).0, 0, "not theirs");
    let (first, rest) = all.split_at(2);
    assert_eq!(marked(&mut world, &mark(&holds, first, true)).0, 2);
    assert_eq!(marked(&mut world, &mark(&holds, first, true)).0, 0, "a repetition moves nothing");
    assert_eq!(marked(&mut world, &mark(&holds, &all, true)).0, rest.len());
    let found: Vec<Message> = all.iter().map(|row| world.get(row.id)).collect();
    let positions: Vec<i64> = found.iter().map(|row| row.position.unwrap()).collect();
    assert_eq!(positions, (1..=all.len() as i64).collect::<Vec<_>>(), "in the order given");
    assert!(found.iter().all(|row| row.published == 1 && row.received_at == Some(world.now)));
    assert_eq!(world.get::<Log>(LogId::of(TENANT)).position, all.len() as i64);
}

/// The message of a movement, published and not received.
fn stored(world: &mut TestWorld) -> (Message, DeliveryKey) {
    let (claimed, _) = claim(world, relay(1));
    let all = messages(world);
    let release = (0..PARTITIONS).collect();
    world.run(&MarkPublished { release, ..mark(&holds(&claimed), &all, false) }).reply();
    for message in &all {
        let row: Message = world.get(message.id);
        assert_eq!(row.received_at.is_some(), row.kind != "payment.captured", "only the ledger waits");
    }
    let message = all.into_iter().find(|message| message.kind == "payment.captured").unwrap();
    let at = DeliveryKey { tenant: TENANT, message: message.id, consumer: LEDGER };
    (world.get(message.id), at)
}

const UNRECEIVED_AFTER: Span = Span::seconds(30);

fn settle(world: &mut TestWorld, message: MessageId) -> (usize, usize) {
    let messages = vec![message, MessageId(Uuid::nil())];
    let settle =
        SettleMessages { messages, unreceived_after: UNRECEIVED_AFTER, consumers: Consumers::default() };
    let Reply::Settled { settled, again, at } = world.run(&settle).reply() else { panic!("settled") };
    assert_eq!(at, world.now);
    (settled, again.len())
}

fn fail(world: &mut TestWorld, at: DeliveryKey, pause: Span, attempts_max: i64) {
    world.run(&FailDelivery { at, error: "broken".into(), pause, attempts_max, counted: false }).reply();
}

/// As a sweep that found the messages just now.
fn republish(world: &mut TestWorld, message: MessageId) {
    let published = vec![published(&world.get::<Message>(message), false)];
    let found_at = world.now;
    assert!(matches!(
        world.run(&MarkRepublished { published, found_at, consumers: Consumers::default() }).reply(),
        Reply::Swept(1)
    ));
}

#[test]
fn the_sweep_believes_receipts_and_nothing_else() {
    let mut world = TestWorld::new(9);
    let (message, at) = stored(&mut world);
    world.wait(UNRECEIVED_AFTER);
    assert_eq!(settle(&mut world, message.id), (0, 0), "it may still be on its way");
    world.wait(Span(1));
    assert_eq!(settle(&mut world, message.id), (0, 1), "its receipt is missing");
    fail(&mut world, at, Span::seconds(5), 9);
    assert_eq!(settle(&mut world, message.id), (0, 0), "not yet");
    world.wait(Span::seconds(5));
    assert_eq!(settle(&mut world, message.id), (0, 1), "it is due");
    let row: Delivery = world.get(at.id());
    fail(&mut world, at, Span::seconds(5), 1);
    assert_eq!(settle(&mut world, message.id), (0, 0), "a person decides");
    world.set(&row);
    world.run(&PostTransfer::of(&message).unwrap().unwrap()).reply();
    assert_eq!(settle(&mut world, message.id), (1, 0), "received");
    assert_eq!(settle(&mut world, message.id), (0, 0), "once");
}

#[test]
fn what_is_due_is_wanted_once_for_each_time_it_is_due_and_then_more_and_more_seldom() {
    let mut world = TestWorld::new(9);
    let (message, at) = stored(&mut world);
    // The consumer failed before the mark of the first publication.
    let marked_at = world.now.plus(Span(9));
    world.set(&Message { published_at: Some(marked_at), ..message.clone() });
    fail(&mut world, at, Span(0), 99);
    assert_eq!(settle(&mut world, message.id), (0, 1), "the first time it is due");
    // And a second time before the mark: a republication has the time at which the sweep found the message.
    republish(&mut world, message.id);
    fail(&mut world, at, Span(0), 99);
    assert_eq!(settle(&mut world, message.id), (0, 1), "the second time");
    world.wait(Span(1));
    for waits in [4, 8, 16, 16] {
        republish(&mut world, message.id);
        assert_eq!(settle(&mut world, message.id), (0, 0), "it is on its way");
        world.wait(Span(UNRECEIVED_AFTER.0 * waits));
        assert_eq!(settle(&mut world, message.id), (0, 0), "and may be for {waits} waits");
        world.wait(Span(1));
        assert_eq!(settle(&mut world, message.id), (0, 1), "it is lost");
    }
    republish(&mut world, message.id);
    world.wait(Span(1));
    fail(&mut world, at, Span(0), 99);
    assert_eq!(settle(&mut world, message.id), (0, 1), "it was not: it is due once more");
}

#[test]
fn a_message_is_counted_each_time_it_is_published() {
    let mut world = TestWorld::new(9);
    let (message, _) = stored(&mut world);
    let again = |world: &mut TestWorld, received| {
        let published = vec![published(&world.get::<Message>(message.id), received)];
        MarkRepublished { published, found_at: world.now.minus(Span(7)), consumers: Consumers::default() }
    };
    let first = again(&mut world, false);
    assert!(matches!(world.run(&first).reply(), Reply::Swept(1)));
    assert!(matches!(world.run(&first).reply(), Reply::Swept(0)), "of two at once, one counts");
    let row: Message = world.get(message.id);
    assert_eq!((row.published, row.position, row.received_at), (2, message.position, None));
    assert_eq!(row.published_at, Some(world.now.minus(Span(7))), "when the sweep found it");
    let last = again(&mut world, true);
    world.run(&last).reply();
    assert_eq!(world.get::<Message>(message.id).received_at, Some(world.now));
}

#[test]
fn nothing_is_let_go_before_its_receipt_and_no_receipt_before_its_message() {
    let mut world = TestWorld::new(9);
    let (message, at) = stored(&mut world);
    let prune = |world: &mut TestWorld| {
        world.wait(Span(1));
        let command = PruneMessages { messages: vec![message.id], kept: Span(0) };
        let Reply::Swept(pruned) = world.run(&command).reply() else { panic!("counted") };
        pruned
    };
    let prune_receipt = |world: &mut TestWorld, id: InboxId| {
        world.wait(Span(1));
        let command = PruneDeliveries { deliveries: vec![id, InboxId(Uuid::nil())], kept: Span(0) };
        let Reply::Swept(pruned) = world.run(&command).reply() else { panic!("counted") };
        pruned
    };
    assert_eq!(prune(&mut world), 0, "nobody received it");
    world.run(&PostTransfer::of(&message).unwrap().unwrap()).reply();
    assert_eq!(prune(&mut world), 0, "not settled");
    assert_eq!(prune_receipt(&mut world, at.id()), 0, "its message may come again");
    settle(&mut world, message.id);
    let early = PruneMessages { messages: vec![message.id], kept: Span::seconds(1) };
    assert!(matches!(world.run(&early).reply(), Reply::Swept(0)), "too young");
    assert_eq!(prune(&mut world), 1);
    assert!(world.find::<Message>(message.id).is_none());
    // A dead delivery stays even without its message.
    let row: Delivery = world.get(at.id());
    let fail = FailDelivery {
        at: DeliveryKey { message: MessageId(Uuid::from_u128(5)), ..at },
        error: "x".into(),
        pause: Span(0),
        attempts_max: 1,
        counted: false,
    };
    world.run(&fail).reply();
    assert_eq!(prune_receipt(&mut world, fail.at.id()), 0);
    assert_eq!(prune_receipt(&mut world, row.id), 1);
    assert!(world.get::<Delivery>(fail.at.id()).state.is(delivery::State::Dead));
}

#[test]
fn a_message_is_not_received_while_a_consumer_that_this_version_does_not_know_waits_for_it() {
    static NEXT: [ConsumerKinds; 1] = [("notices", &["booking.held", "payment.captured"])];
    let mut world = TestWorld::new(9);
    world.run(&Subscribe::default()).reply();
    assert_eq!(world.refused(&Subscribe::default()), Refusal::NothingToDo, "it is written down");
    // The next version is rolled out beside this one.
    world.run(&Subscribe { consumers: Consumers(&NEXT) }).reply();
    assert_eq!(world.refused(&Subscribe::default()), Refusal::NothingToDo, "and nobody takes it out");

    let all = messages(&mut world);
    let (claimed, _) = claim(&mut world, relay(1));
    for message in &all {
        if let Some(post) = PostTransfer::of(message).unwrap() {
            world.run(&post).reply();
        }
    }
    let (count, ..) = marked(&mut world, &mark(&holds(&claimed), &all, true));
    assert_eq!(count, all.len());
    let messages = all.iter().map(|message| message.id).collect();
    let command = SettleMessages { messages, unreceived_after: SPAN, consumers: Consumers::default() };
    world.run(&command).reply();
    for message in world.all::<Message>() {
        let expected = !NEXT[0].1.contains(&message.kind.as_str());
        assert_eq!(message.received_at.is_some(), expected, "{}", message.kind);
    }
}
