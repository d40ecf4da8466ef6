//! A consumer that delivers to nobody what its stream has is detected and made again.

use std::path::Path;
use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, stream::Stream};
use futures_util::StreamExt as _;
use test_servers::nats::Private;
use testkit::{TestOutbox, until};

use super::line::{Line, trusting, watchful};
use super::stream::owed;

testkit::on_both_engines!(
    a_consumer_whose_deliveries_somebody_keeps_is_made_anew,
    a_consumer_ahead_of_its_stream_is_made_anew,
    a_consumer_that_owes_nothing_is_left_alone,
);

const HOUR: Duration = Duration::from_hours(1);

async fn stream(server: &Private) -> Stream {
    let jetstream = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    until("the stream is made", async || jetstream.get_stream("SUREHOLD").await.ok()).await
}

async fn consumer(stream: &Stream) -> PullConsumer {
    until("the consumer is made", async || stream.get_consumer("surehold").await.ok()).await
}

async fn a_consumer_whose_deliveries_somebody_keeps_is_made_anew(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let at_work = line.consume(outbox.patient_dispatcher(outbox.ledger()));
    let stream = stream(&line.server).await;

    // Another client takes one message and neither acknowledges nor returns it, and there is no
    // room for a second one.
    let taken = consumer(&stream).await;
    let narrow = pull::Config { max_ack_pending: 1, ack_wait: HOUR, backoff: vec![], ..config(&taken) };
    let taken = stream.create_consumer(narrow).await.unwrap();
    let mut kept = taken.batch().max_messages(1).expires(HOUR).messages().await.unwrap();
    let relay = outbox.relay(line.nats.clone(), trusting(), true);
    let all = outbox.messages(10);
    outbox.append(&all).await;
    let kept = kept.next().await.expect("one is delivered to somebody").unwrap();

    outbox.until_posted(10).await;
    until("nothing is owed", async || (owed(&line.server).await == (0, 0)).then_some(())).await;
    let anew = consumer(&stream).await;
    assert_ne!(anew.cached_info().created, taken.cached_info().created);
    assert!(
        matches!(anew.cached_info().config.deliver_policy, DeliverPolicy::ByStartSequence { start_sequence }
            if start_sequence <= kept.info().unwrap().stream_sequence),
        "it begins behind what was acknowledged: {:?}",
        anew.cached_info().config
    );
    relay.stop().await;
    at_work.stop().await;
}

async fn a_consumer_ahead_of_its_stream_is_made_anew(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let at_work = line.consume(outbox.patient_dispatcher(outbox.ledger()));
    let relay = outbox.relay(line.nats.clone(), watchful(), true);
    let posted = async |count, all| {
        outbox.append(&outbox.messages(count)).await;
        outbox.until_posted(all).await;
    };
    posted(10, 10).await;
    line.server.stop().unwrap();
    let stream = line.server.directory().join("jetstream/jetstream/$G/streams/SUREHOLD/msgs");
    let backup = line.server.directory().join("backup");
    copy(&stream, &backup);
    line.server.restart().unwrap();
    posted(500, 510).await;

    // A server that had not flushed, or was restored, may have an old stream and a newer consumer.
    // The consumer ignores new messages whose sequence is below its position, and the sweep would
    // have to publish a message hundreds of times to pass it.
    line.server.stop().unwrap();
    std::fs::remove_dir_all(&stream).unwrap();
    copy(&backup, &stream);
    line.server.restart().unwrap();
    posted(5, 515).await;
    relay.stop().await;
    at_work.stop().await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

async fn a_consumer_that_owes_nothing_is_left_alone(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let at_work = line.consume(outbox.patient_dispatcher(outbox.ledger()));
    let relay = outbox.relay(line.nats.clone(), trusting(), true);
    outbox.append(&outbox.messages(10)).await;
    outbox.until_posted(10).await;
    let stream = stream(&line.server).await;
    let before = consumer(&stream).await;
    // It checks each second, also while the stream is empty.
    tokio::time::sleep(Duration::from_secs(4)).await;
    stream.purge().await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(consumer(&stream).await.cached_info().created, before.cached_info().created);
    relay.stop().await;
    at_work.stop().await;
}

fn config(of: &PullConsumer) -> pull::Config {
    use async_nats::jetstream::consumer::FromConsumer as _;
    pull::Config::try_from_consumer_config(of.cached_info().config.clone()).unwrap()
}
