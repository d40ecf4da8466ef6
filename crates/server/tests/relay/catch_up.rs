//! A backlog is published at its rate, by a clock that the test moves; young messages go first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::PARTITIONS;
use domain::rows::Message;
use domain::time::Span;
use server::relay::Settings;
use testkit::{RecordingBroker, TestOutbox, new_id, until};

testkit::on_both_engines!(a_backlog_keeps_its_rate_and_young_messages_do_not_wait);

/// Messages per partition and second.
const RATE: usize = 2;

fn old(outbox: &TestOutbox, each: usize) -> Vec<Message> {
    let mut of: BTreeMap<i64, Vec<Message>> = BTreeMap::new();
    while of.len() < PARTITIONS as usize || of.values().any(|messages| messages.len() < each) {
        let mut message = outbox.message(new_id(), 1);
        message.created_at = message.created_at.minus(Span::seconds(60));
        let of = of.entry(message.partition).or_default();
        if of.len() < each {
            of.push(message);
        }
    }
    of.into_values().flatten().collect()
}

async fn a_backlog_keeps_its_rate_and_young_messages_do_not_wait(outbox: TestOutbox) {
    outbox.clock.stop();
    let broker = Arc::new(RecordingBroker::default());
    let backlog = old(&outbox, 8);
    outbox.append(&backlog).await;
    let catch_up_per_second = u32::try_from(RATE * PARTITIONS as usize).unwrap();
    let settings = Settings { catch_up_per_second, ..Settings::default() };
    let relay = outbox.relay(broker.clone(), settings, true);
    let published = || broker.seen.lock().len();
    // The clock stands still: no backlog is allowed, and young messages go at once.
    let mut young = outbox.message(new_id(), 1);
    // PostgreSQL's clock, which the relay uses, goes on meanwhile.
    young.created_at = young.created_at.plus(Span::seconds(3_600));
    outbox.append(std::slice::from_ref(&young)).await;
    until("the young message is published", async || (!broker.numbers(young.id).is_empty()).then_some(()))
        .await;
    assert_eq!(published(), 1, "and nothing of the backlog");
    for second in 1..=4 {
        outbox.clock.advance(Span::seconds(1));
        let allowed = 1 + second * RATE * PARTITIONS as usize;
        until("what a second allows is published", async || (published() >= allowed).then_some(())).await;
        // After many more passes it is no more.
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(published(), allowed, "in second {second}");
    }
    assert_eq!(published(), 1 + backlog.len());
    relay.stop().await;
}
