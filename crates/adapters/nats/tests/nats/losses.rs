//! What is lost on the way is missed and published again; what comes twice has its effect once.

use domain::rows::Message;

use super::line::{Line, trusting, watchful};
use super::stream::{connected, delete_stream, ids, purge_stream};
use crate::brokers::{Does, Moody, Stalling};
use crate::post::{Post, id, until};

both!(
    one_that_dies_before_its_mark_publishes_again_and_the_effect_is_one,
    what_the_stream_lost_is_published_again,
    a_stream_deleted_in_the_middle_loses_nothing,
    a_server_killed_in_the_middle_loses_nothing,
);

fn messages(post: &Post, count: usize) -> Vec<Message> {
    (0..count).map(|_| post.message(id(), 1)).collect()
}

async fn published(post: &Post, all: &[Message]) {
    until("all are published", async || {
        post.found(all).await.iter().all(|message| message.position.is_some()).then_some(())
    })
    .await;
}

async fn one_that_dies_before_its_mark_publishes_again_and_the_effect_is_one(post: Post) {
    let line = Line::of(&post).await;
    let counting = Moody::new(post.ledger(), Does::Panic, &[]);
    let at_work = line.consume(post.patient_desk(counting.clone()));
    let all = messages(&post, 10);
    post.append(&all).await;
    let stalling = Stalling::new(line.nats.clone());
    let dying = post.relay(stalling.clone(), trusting(), true);
    stalling.published.acquire().await.unwrap().forget();
    dying.kill().await;
    until("all have their effect", async || (post.posted().await == 10).then_some(())).await;
    assert!(post.found(&all).await.iter().all(|message| message.position.is_none()), "not marked");

    // The stream knows the publications again, and keeps each once.
    let successor = post.relay(line.nats.clone(), trusting(), true);
    published(&post, &all).await;
    successor.stop().await;
    let mut kept = ids(&line.server).await;
    kept.sort_unstable();
    let mut expected: Vec<String> = all.iter().map(|message| format!("{}-1", message.id.0)).collect();
    expected.sort_unstable();
    assert_eq!(kept, expected);

    // One that has forgotten them, as after its window, keeps and brings them once more.
    delete_stream(&line.server).await;
    post.sql("update outbox set position = null, published = 0, published_at = null").await;
    let successor = post.relay(line.nats.clone(), trusting(), true);
    until("all came twice", async || all.iter().all(|message| counting.came(message) >= 2).then_some(()))
        .await;
    successor.stop().await;
    at_work.stop().await;
    assert_eq!(post.posted().await, 10, "each receipt kept its effect at one");
}

async fn what_the_stream_lost_is_published_again(post: Post) {
    let line = Line::of(&post).await;
    let all = messages(&post, 10);
    post.append(&all).await;
    let relay = post.relay(line.nats.clone(), trusting(), true);
    published(&post, &all).await;
    relay.stop().await;
    // It said that it keeps them. It remembers their ids, and has lost the messages.
    purge_stream(&line.server).await;
    assert!(ids(&line.server).await.is_empty());

    let at_work = line.consume(post.patient_desk(post.ledger()));
    let relay = post.relay(line.nats.clone(), watchful(), true);
    let received = post.until_all_are_received(&all).await;
    relay.stop().await;
    at_work.stop().await;
    assert!(received.iter().all(|message| message.published >= 2), "{received:?}");
    assert_eq!(post.posted().await, 10);
}

async fn a_stream_deleted_in_the_middle_loses_nothing(post: Post) {
    let line = Line::of(&post).await;
    let at_work = line.consume(post.patient_desk(post.ledger()));
    let relay = post.relay(line.nats.clone(), watchful(), true);
    let mut all = Vec::new();
    for _ in 0..5 {
        let some = messages(&post, 40);
        post.append(&some).await;
        all.extend(some);
        published(&post, &all[..all.len() - 20]).await;
        delete_stream(&line.server).await;
    }
    post.until_all_are_received(&all).await;
    relay.stop().await;
    at_work.stop().await;
    assert_eq!(post.posted().await, 200);
}

async fn a_server_killed_in_the_middle_loses_nothing(post: Post) {
    let line = Line::of(&post).await;
    let at_work = line.consume(post.patient_desk(post.ledger()));
    let relay = post.relay(line.nats.clone(), watchful(), true);
    let mut all = Vec::new();
    for _ in 0..3 {
        let before = messages(&post, 40);
        post.append(&before).await;
        published(&post, &before[..20]).await;
        line.server.kill().unwrap();
        // What is told meanwhile waits in the outbox.
        let meanwhile = messages(&post, 40);
        post.append(&meanwhile).await;
        line.server.restart().unwrap();
        connected(&line.nats).await;
        all.extend(before.into_iter().chain(meanwhile));
    }
    post.until_all_are_received(&all).await;
    relay.stop().await;
    at_work.stop().await;
    assert_eq!(post.posted().await, 240);
}
