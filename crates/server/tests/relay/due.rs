//! What the sweep publishes again, and when: once for each due time, by the database's clock.

use std::sync::Arc;
use std::time::Duration;

use domain::commands::{DeliveryKey, FailDelivery};
use domain::consumers::LEDGER;
use domain::rows::Message;
use domain::time::Span;
use futures_util::future::{BoxFuture, FutureExt as _};
use server::ports::broker::{Ack, Broker, Error, Publication};
use server::relay::Settings;
use store::Store;
use testkit::{RecordingBroker, TestOutbox, new_id, until};

testkit::on_both_engines!(
    what_is_due_is_published_once_for_each_time_it_is_due,
    a_consumer_that_is_quicker_than_the_mark_is_brought_its_message_again,
    a_process_whose_clock_is_behind_misses_what_is_lost,
    a_process_whose_clock_is_ahead_misses_nothing_early,
);

const HOUR: Span = Span::seconds(3_600);

/// Submits what a consumer does that fails, with a pause of zero.
async fn fail(store: &Store, message: &Message) {
    let at = DeliveryKey { tenant: message.tenant, message: message.id, consumer: LEDGER };
    let error = "broken".to_owned();
    let fail = FailDelivery { at, error, pause: Span(0), attempts_max: 99, counted: false };
    store.submit(Box::new(fail)).await.unwrap();
}

async fn until_numbers(broker: &RecordingBroker, message: &Message, last: i64) {
    until("it is published so often", async || broker.numbers(message.id).contains(&last).then_some(()))
        .await;
}

/// A message that a consumer had and failed. Once it was published again, there was a sweep.
async fn failed(outbox: &TestOutbox, broker: &RecordingBroker) -> Message {
    let message = outbox.message(new_id(), 1);
    outbox.append(std::slice::from_ref(&message)).await;
    outbox.until_published(std::slice::from_ref(&message)).await;
    fail(&outbox.store, &message).await;
    until_numbers(broker, &message, 2).await;
    message
}

async fn what_is_due_is_published_once_for_each_time_it_is_due(outbox: TestOutbox) {
    let broker = Arc::new(RecordingBroker::default());
    let relay = outbox.relay(broker.clone(), Settings::default(), true);
    // No consumer takes the repeated publications; later sweeps see each of them.
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(failed(&outbox, &broker).await);
    }
    for message in &all {
        assert_eq!(broker.numbers(message.id), [1, 2]);
    }
    // It was taken, and failed once more.
    fail(&outbox.store, &all[0]).await;
    until_numbers(&broker, &all[0], 3).await;
    relay.stop().await;
    assert_eq!(broker.numbers(all[0].id), [1, 2, 3]);
}

/// A broker whose consumer fails before the relay can mark the publication.
struct Hasty {
    store: Store,
    seen: RecordingBroker,
}

impl Broker for Hasty {
    fn publish<'a>(
        &'a self,
        batch: &'a [Publication],
        patience: Duration,
    ) -> BoxFuture<'a, Vec<Result<Ack, Error>>> {
        async move {
            let answers = self.seen.publish(batch, patience).await;
            for publication in batch {
                fail(&self.store, &publication.message).await;
            }
            answers
        }
        .boxed()
    }
}

async fn a_consumer_that_is_quicker_than_the_mark_is_brought_its_message_again(outbox: TestOutbox) {
    let broker = Arc::new(Hasty { store: outbox.store.clone(), seen: RecordingBroker::default() });
    let message = outbox.message(new_id(), 1);
    outbox.append(std::slice::from_ref(&message)).await;
    // If the sweep considered it to be on its way, it would wait for longer than the test.
    let settings = Settings { unreceived_after: HOUR, ..Settings::default() };
    let relay = outbox.relay(broker.clone(), settings, true);
    until_numbers(&broker.seen, &message, 4).await;
    relay.stop().await;
}

async fn a_process_whose_clock_is_behind_misses_what_is_lost(outbox: TestOutbox) {
    outbox.clock.advance(Span(-HOUR.0));
    let broker = Arc::new(RecordingBroker::default());
    let settings = Settings { unreceived_after: Span::seconds(1), ..Settings::default() };
    let relay = outbox.relay(broker.clone(), settings, true);
    let lost = outbox.message(new_id(), 1);
    outbox.append(std::slice::from_ref(&lost)).await;
    until_numbers(&broker, &lost, 2).await;
    relay.stop().await;
}

async fn a_process_whose_clock_is_ahead_misses_nothing_early(outbox: TestOutbox) {
    outbox.clock.advance(HOUR);
    let broker = Arc::new(RecordingBroker::default());
    let settings = Settings { unreceived_after: Span(HOUR.0 / 2), ..Settings::default() };
    let relay = outbox.relay(broker.clone(), settings, true);
    let on_its_way = outbox.message(new_id(), 1);
    outbox.append(std::slice::from_ref(&on_its_way)).await;
    outbox.until_published(std::slice::from_ref(&on_its_way)).await;
    for _ in 0..2 {
        failed(&outbox, &broker).await;
    }
    relay.stop().await;
    assert_eq!(broker.numbers(on_its_way.id), [1]);
}
