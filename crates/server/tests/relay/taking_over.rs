//! Relays that die after they published, are suspended past their lease, or share the work.

use std::sync::Arc;

use domain::rows::Subject;
use domain::time::Span;
use server::relay::Settings;
use testkit::{RecordingBroker, StalledBroker, TestOutbox, until};

testkit::on_both_engines!(
    one_that_dies_before_its_mark_publishes_again_and_the_effect_is_one,
    a_zombie_marks_nothing,
    two_share_the_work_and_nothing_comes_twice,
);

async fn one_that_dies_before_its_mark_publishes_again_and_the_effect_is_one(outbox: TestOutbox) {
    let all = outbox.messages(10);
    outbox.append(&all).await;
    let stalling = StalledBroker::new(outbox.embedded(outbox.ledger()));
    let dying = outbox.relay(stalling.clone(), Settings::default(), true);
    stalling.published.acquire().await.unwrap().forget();
    dying.kill().await;
    assert_eq!(outbox.posted().await, 10, "published, and not marked");
    assert!(outbox.found(&all).await.iter().all(|message| message.position.is_none()));
    // As the restarted process on SQLite does; on PostgreSQL the lease expires first.
    let broker = Arc::new(RecordingBroker::default());
    let successor = outbox.relay(broker.clone(), Settings::default(), true);
    outbox.until_published(&all).await;
    successor.stop().await;
    for message in &all {
        assert_eq!(broker.numbers(message.id), [1], "the same publication once more");
    }
    let settings = Settings { unreceived_after: Span::millis(1), ..Settings::default() };
    let last = outbox.relay(outbox.embedded(outbox.ledger()), settings, true);
    outbox.until_all_are_received(&all).await;
    last.stop().await;
    assert_eq!(outbox.posted().await, 10, "each receipt kept its effect at one");
}

async fn a_zombie_marks_nothing(outbox: TestOutbox) {
    let all = outbox.messages(10);
    outbox.append(&all).await;
    let stalling = StalledBroker::new(outbox.embedded(outbox.ledger()));
    let settings = Settings { lease: Span::seconds(3_600), ..Settings::default() };
    let zombie = outbox.relay(stalling.clone(), settings, false);
    stalling.published.acquire().await.unwrap().forget();
    outbox.database.execute("update partitions set lease_until = 0").await;
    let successor = outbox.relay(outbox.embedded(outbox.ledger()), settings, false);
    let marked = outbox.until_all_are_received(&all).await;
    stalling.go_on.add_permits(1_000);
    // It goes on after the refusal: either relay may publish the next messages, and each is
    // published once.
    let more = outbox.messages(10);
    outbox.append(&more).await;
    outbox.until_all_are_received(&more).await;
    zombie.stop().await;
    successor.stop().await;
    assert_eq!(outbox.found(&all).await, marked, "the zombie's mark changed nothing");
    assert_eq!(outbox.posted().await, 20);
    let events = outbox.store.events_after(outbox.tenant, 0, &Subject::ALL, 100).await.unwrap();
    assert_eq!(events.len(), 20);
}

async fn two_share_the_work_and_nothing_comes_twice(outbox: TestOutbox) {
    let brokers = [Arc::new(RecordingBroker::default()), Arc::new(RecordingBroker::default())];
    let relays = brokers.clone().map(|broker| outbox.relay(broker, Settings::default(), false));
    let mut all = Vec::new();
    until("both have published", async || {
        let some = outbox.messages(20);
        outbox.append(&some).await;
        all.extend(some);
        brokers.iter().all(|broker| !broker.seen.lock().is_empty()).then_some(())
    })
    .await;
    outbox.until_published(&all[all.len().saturating_sub(500)..]).await;
    for relay in relays {
        relay.stop().await;
    }
    let seen: usize = brokers.iter().map(|broker| broker.seen.lock().len()).sum();
    assert_eq!(seen, all.len(), "each once, by one of them");
}
