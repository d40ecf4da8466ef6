//! A lost message is found and published again; a message that comes twice has its effect once.

use testkit::{ConsumerFault, FaultyConsumer, StalledBroker, TestOutbox, until};

use super::line::{Line, trusting, watchful};
use super::stream::{connected, delete_stream, ids, purge_stream};

testkit::on_both_engines!(
    one_that_dies_before_its_mark_publishes_again_and_the_effect_is_one,
    what_the_stream_lost_is_published_again,
    a_stream_deleted_in_the_middle_loses_nothing,
    a_server_killed_in_the_middle_loses_nothing,
);

async fn one_that_dies_before_its_mark_publishes_again_and_the_effect_is_one(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let counting = FaultyConsumer::new(outbox.ledger(), ConsumerFault::Panic, &[]);
    let at_work = line.consume(outbox.patient_dispatcher(counting.clone()));
    let all = outbox.messages(10);
    outbox.append(&all).await;
    let stalling = StalledBroker::new(line.nats.clone());
    let dying = outbox.relay(stalling.clone(), trusting(), true);
    stalling.published.acquire().await.unwrap().forget();
    dying.kill().await;
    outbox.until_posted(10).await;
    assert!(outbox.found(&all).await.iter().all(|message| message.position.is_none()), "not marked");

    // The stream recognises the publications, and keeps each once.
    let successor = outbox.relay(line.nats.clone(), trusting(), true);
    outbox.until_published(&all).await;
    successor.stop().await;
    let mut kept = ids(&line.server).await;
    kept.sort_unstable();
    let mut expected: Vec<String> = all.iter().map(|message| format!("{}-1", message.id.0)).collect();
    expected.sort_unstable();
    assert_eq!(kept, expected);

    // A stream that has forgotten them, as after its window, keeps and delivers them once more.
    delete_stream(&line.server).await;
    outbox.database.execute("update outbox set position = null, published = 0, published_at = null").await;
    let successor = outbox.relay(line.nats.clone(), trusting(), true);
    until("all came twice", async || all.iter().all(|message| counting.came(message) >= 2).then_some(()))
        .await;
    successor.stop().await;
    at_work.stop().await;
    assert_eq!(outbox.posted().await, 10, "each receipt kept its effect at one");
}

async fn what_the_stream_lost_is_published_again(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let all = outbox.messages(10);
    outbox.append(&all).await;
    let relay = outbox.relay(line.nats.clone(), trusting(), true);
    outbox.until_published(&all).await;
    relay.stop().await;
    // The stream acknowledged them. It knows their ids, but has lost the messages.
    purge_stream(&line.server).await;
    assert!(ids(&line.server).await.is_empty());

    let at_work = line.consume(outbox.patient_dispatcher(outbox.ledger()));
    let relay = outbox.relay(line.nats.clone(), watchful(), true);
    let received = outbox.until_all_are_received(&all).await;
    relay.stop().await;
    at_work.stop().await;
    assert!(received.iter().all(|message| message.published >= 2), "{received:?}");
    assert_eq!(outbox.posted().await, 10);
}

async fn a_stream_deleted_in_the_middle_loses_nothing(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let at_work = line.consume(outbox.patient_dispatcher(outbox.ledger()));
    let relay = outbox.relay(line.nats.clone(), watchful(), true);
    let mut all = Vec::new();
    for _ in 0..5 {
        let some = outbox.messages(40);
        outbox.append(&some).await;
        all.extend(some);
        outbox.until_published(&all[..all.len() - 20]).await;
        delete_stream(&line.server).await;
    }
    outbox.until_all_are_received(&all).await;
    relay.stop().await;
    at_work.stop().await;
    assert_eq!(outbox.posted().await, 200);
}

async fn a_server_killed_in_the_middle_loses_nothing(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let at_work = line.consume(outbox.patient_dispatcher(outbox.ledger()));
    let relay = outbox.relay(line.nats.clone(), watchful(), true);
    let mut all = Vec::new();
    for _ in 0..3 {
        let before = outbox.messages(40);
        outbox.append(&before).await;
        outbox.until_published(&before[..20]).await;
        line.server.kill().unwrap();
        // New messages wait in the outbox meanwhile.
        let meanwhile = outbox.messages(40);
        outbox.append(&meanwhile).await;
        line.server.restart().unwrap();
        connected(&line.nats).await;
        all.extend(before.into_iter().chain(meanwhile));
    }
    outbox.until_all_are_received(&all).await;
    relay.stop().await;
    at_work.stop().await;
    assert_eq!(outbox.posted().await, 240);
}
