//! What is published, in which order, and how it is settled.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::rows::{Message, Subject};
use domain::time::Span;
use server::relay::Settings;
use testkit::{RecordingBroker, TestOutbox, new_id, until};
use uuid::Uuid;

testkit::on_both_engines!(
    what_is_appended_is_posted_and_received,
    a_subject_is_published_in_order_whatever_fails,
    what_a_broker_lost_is_published_again_under_a_new_number,
);

async fn what_is_appended_is_posted_and_received(outbox: TestOutbox) {
    let relay = outbox.relay(outbox.embedded(outbox.ledger()), Settings::default(), true);
    let mut all = Vec::new();
    for _ in 0..5 {
        let some = outbox.messages(20);
        outbox.append(&some).await;
        all.extend(some);
    }
    // No consumer receives this one, so it counts as received once it is published.
    let mut unconsumed = outbox.message(new_id(), 1);
    "booking.held".clone_into(&mut unconsumed.kind);
    outbox.append(std::slice::from_ref(&unconsumed)).await;
    all.push(unconsumed);
    let found = outbox.until_all_are_received(&all).await;
    assert!(found.iter().all(|message| message.published == 1), "each once");
    assert_eq!(outbox.posted().await, 100);
    let events = outbox.store.events_after(outbox.tenant, 0, &Subject::ALL, 200).await.unwrap();
    let positions: Vec<i64> = events.iter().filter_map(|event| event.position).collect();
    assert_eq!(positions, (1..=101).collect::<Vec<_>>());
    relay.stop().await;
}

async fn a_subject_is_published_in_order_whatever_fails(outbox: TestOutbox) {
    let broker = Arc::new(RecordingBroker::default());
    let subjects: Vec<Uuid> = (0..40).map(|_| new_id::<domain::TenantId>().0).collect();
    let mut all = Vec::new();
    for subject in &subjects {
        all.extend((1..=5).map(|seq| outbox.message(*subject, seq)));
    }
    let refused: Vec<&Message> =
        all.iter().filter(|message| message.subject == subjects[0] && message.seq == 3).collect();
    broker.refuses.lock().insert(refused[0].id);
    // The highest are appended first: the order is that of the subject, not of the table.
    let mut backwards = all.clone();
    backwards.reverse();
    for some in backwards.chunks(7) {
        outbox.append(some).await;
    }
    let relay = outbox.relay(broker.clone(), Settings::default(), true);
    until("everything but the refused subject is published", async || {
        let found = outbox.found(&all).await;
        let waits = found.iter().filter(|message| message.position.is_none()).count();
        (waits == 3).then_some(())
    })
    .await;
    assert!(broker.numbers(refused[0].id).is_empty());
    broker.refuses.lock().clear();
    outbox.until_published(&all).await;
    relay.stop().await;
    let mut next: BTreeMap<Uuid, i64> = BTreeMap::new();
    for seen in broker.seen.lock().iter() {
        let expected = next.entry(seen.subject).or_insert(1);
        assert_eq!((seen.seq, seen.number), (*expected, 1), "{seen:?}");
        *expected += 1;
    }
    assert!(next.values().all(|next| *next == 6), "each once");
}

async fn what_a_broker_lost_is_published_again_under_a_new_number(outbox: TestOutbox) {
    let broker = Arc::new(RecordingBroker::default());
    let message = outbox.message(new_id(), 1);
    outbox.append(std::slice::from_ref(&message)).await;
    let settings = Settings { unreceived_after: Span::seconds(30), ..Settings::default() };
    let relay = outbox.relay(broker.clone(), settings, true);
    for number in 1..=3 {
        until("it is published once more", async || {
            let published = broker.numbers(message.id).len();
            (published == number).then_some(())
        })
        .await;
        until("it is marked", async || {
            let found = outbox.found(std::slice::from_ref(&message)).await;
            (found[0].published == number as i64).then_some(())
        })
        .await;
        assert_eq!(broker.numbers(message.id), (1..=number as i64).collect::<Vec<_>>());
        assert_eq!(outbox.found(std::slice::from_ref(&message)).await[0].received_at, None);
        // As if it had been published that long ago: twice as long each time.
        let micros = 31_000_000 << (number - 1);
        outbox.database.execute(&format!("update outbox set published_at = published_at - {micros}")).await;
    }
    // A receipt that came in another way settles it.
    let consumer = outbox.ledger();
    consumer.receive(&message).await.unwrap();
    outbox.until_all_are_received(std::slice::from_ref(&message)).await;
    relay.stop().await;
    assert_eq!(outbox.posted().await, 1);
}
