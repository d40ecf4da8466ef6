//! Messages that were received long ago are deleted, before their receipts.

use domain::rows::Message;
use domain::time::Span;
use server::relay::Settings;
use server::timers::prune_messages;
use store::Clock as _;
use testkit::{TestOutbox, new_id, until};
use tokio::sync::watch;

testkit::on_both_engines!(messages_go_first_and_their_receipts_as_late_again);

const DAY: Span = Span::seconds(86_400);

async fn pruned(outbox: &TestOutbox, kept: Span, done: impl AsyncFn() -> bool) {
    let (stop, stopped) = watch::channel(false);
    let timer = tokio::spawn(prune_messages(outbox.store.clone(), outbox.clock.clone(), kept, stopped));
    until("it is let go", async || done().await.then_some(())).await;
    stop.send_replace(true);
    timer.await.unwrap();
}

/// For the process this many days pass. On PostgreSQL the database has its own clock: there the
/// rows become older, so for the process they are twice as old, which must change nothing.
async fn days_pass(outbox: &TestOutbox, days: i64) {
    let span = days * DAY.0;
    outbox.clock.advance(Span(span));
    if outbox.has_a_clock_of_its_own() {
        let older = format!(
            "update outbox set received_at = received_at - {span}; \
             update inbox set updated_at = updated_at - {span};"
        );
        outbox.database.execute(&older).await;
    }
}

async fn messages_go_first_and_their_receipts_as_late_again(outbox: TestOutbox) {
    let received = outbox.messages(70);
    let mut poison = outbox.message(new_id(), 1);
    "{}".clone_into(&mut poison.payload);
    let after = Message {
        subject: poison.subject,
        seq: 2,
        partition: poison.partition,
        ..outbox.message(new_id(), 2)
    };
    let kept = [poison, after];
    outbox.append(&[received.clone(), kept.to_vec()].concat()).await;
    let relay = outbox.relay(outbox.embedded(outbox.ledger()), Settings::default(), true);
    outbox.until_all_are_received(&[received.clone(), vec![kept[1].clone()]].concat()).await;
    relay.stop().await;
    // The ids here do not show the time: the receipt of the youngest message counts how many are
    // left.
    let ever = outbox.clock.now().plus(Span(i64::MAX / 4));
    let receipts = async || outbox.store.prunable_deliveries(ever, 1_000).await.unwrap().len();
    let kept_for = Span(8 * DAY.0);
    days_pass(&outbox, 10).await;
    pruned(&outbox, kept_for, async || outbox.found(&received).await.is_empty()).await;
    assert_eq!(receipts().await, 70, "the second half of their time begins");
    assert_eq!(outbox.found(&kept).await.len(), 2, "one waits for a person, and the other for it");
    days_pass(&outbox, 10).await;
    pruned(&outbox, kept_for, async || receipts().await == 0).await;
    assert!(outbox.delivery(&kept[0]).await.is_some() && outbox.delivery(&kept[1]).await.is_some());
    assert_eq!(outbox.posted().await, 71, "the ledger stays");
}
