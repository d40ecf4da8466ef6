//! What was received long ago is let go, messages first.

use domain::rows::Message;
use domain::time::Span;
use server::relay::Settings;
use server::timers::prune_messages;
use store::Clock as _;
use tokio::sync::watch;

use crate::post::{Post, id, until};

both!(messages_go_first_and_their_receipts_as_late_again);

const DAY: Span = Span::seconds(86_400);

async fn pruned(post: &Post, kept: Span, done: impl AsyncFn() -> bool) {
    let (stop, stopped) = watch::channel(false);
    let timer = tokio::spawn(prune_messages(post.store.clone(), post.clock.clone(), kept, stopped));
    until("it is let go", async || done().await.then_some(())).await;
    stop.send_replace(true);
    timer.await.unwrap();
}

/// To the process they always pass. The database has a clock of its own where it is PostgreSQL: there the
/// rows become older, and to the process twice as old, which must change nothing.
async fn days_pass(post: &Post, days: i64) {
    let span = days * DAY.0;
    post.clock.on(Span(span));
    if post.has_a_clock_of_its_own() {
        let older = format!(
            "update outbox set received_at = received_at - {span}; \
             update inbox set updated_at = updated_at - {span};"
        );
        post.sql(&older).await;
    }
}

async fn messages_go_first_and_their_receipts_as_late_again(post: Post) {
    let received: Vec<Message> = (0..70).map(|_| post.message(id(), 1)).collect();
    let mut poison = post.message(id(), 1);
    "{}".clone_into(&mut poison.payload);
    let after =
        Message { subject: poison.subject, seq: 2, partition: poison.partition, ..post.message(id(), 2) };
    let kept = [poison, after];
    post.append(&[received.clone(), kept.to_vec()].concat()).await;
    let relay = post.relay(post.embedded(post.ledger()), Settings::default(), true);
    post.until_all_are_received(&[received.clone(), vec![kept[1].clone()]].concat()).await;
    relay.stop().await;
    // Ids are not of this time here: the receipt of the youngest tells how many are left.
    let ever = post.clock.now().plus(Span(i64::MAX / 4));
    let receipts = async || post.store.prunable_deliveries(ever, 1_000).await.unwrap().len();
    let kept_for = Span(8 * DAY.0);
    days_pass(&post, 10).await;
    pruned(&post, kept_for, async || post.found(&received).await.is_empty()).await;
    assert_eq!(receipts().await, 70, "the second half of their time begins");
    assert_eq!(post.found(&kept).await.len(), 2, "one waits for a person, and the other for it");
    days_pass(&post, 10).await;
    pruned(&post, kept_for, async || receipts().await == 0).await;
    assert!(post.delivery(&kept[0]).await.is_some() && post.delivery(&kept[1]).await.is_some());
    assert_eq!(post.posted().await, 71, "the ledger stays");
}
