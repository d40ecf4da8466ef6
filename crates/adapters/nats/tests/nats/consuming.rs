//! The consumers' side: what is delivered, how often, how much at the same time, and the replies to
//! NATS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::commands::{DeadLetterRef, Decided, RetryDeadLetter};
use domain::consumers::LEDGER;
use domain::rows::Message;
use futures_util::future::{BoxFuture, FutureExt as _};
use server::consumers::{Consumer, ConsumerFailure};
use server::ports::broker::{Broker as _, Publication};
use store::CommandResult;
use testkit::{ConsumerFault, FaultyConsumer, TestOutbox, new_id, until};
use tokio::sync::Semaphore;

use super::line::{Line, trusting, watchful};
use super::stream::{PATIENCE, owed};

testkit::on_both_engines!(
    everything_is_received_once_and_acknowledged,
    two_processes_share_the_work,
    a_subjects_messages_come_in_order,
    what_could_not_be_committed_is_delivered_again,
    a_message_that_kills_its_process_is_counted_and_dies,
    poison_dies_the_rest_flows_and_mended_it_is_had_once,
    what_is_no_message_is_let_go,
    unknown_messages_are_dropped_and_the_outbox_row_is_used,
    no_more_is_in_progress_than_there_is_room_for,
    one_that_takes_long_is_not_delivered_again,
);

async fn nothing_is_owed(line: &Line) {
    until("all is acknowledged", async || (owed(&line.server).await == (0, 0)).then_some(())).await;
}

/// Counts the messages at work at the same time; each permit lets one finish.
struct Gate {
    inner: Arc<dyn Consumer>,
    at_work: AtomicUsize,
    most: AtomicUsize,
    came: AtomicUsize,
    let_go: Semaphore,
}

impl Gate {
    fn new(inner: Arc<dyn Consumer>) -> Arc<Gate> {
        let (at_work, most, came) = Default::default();
        Arc::new(Gate { inner, at_work, most, came, let_go: Semaphore::new(0) })
    }
}

impl Consumer for Gate {
    fn name(&self) -> &'static str {
        LEDGER
    }

    fn receive<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), ConsumerFailure>> {
        async move {
            self.came.fetch_add(1, Ordering::SeqCst);
            let at_work = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(at_work, Ordering::SeqCst);
            self.let_go.acquire().await.unwrap().forget();
            let outcome = self.inner.receive(message).await;
            self.at_work.fetch_sub(1, Ordering::SeqCst);
            outcome
        }
        .boxed()
    }
}

async fn everything_is_received_once_and_acknowledged(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let counting = FaultyConsumer::new(outbox.ledger(), ConsumerFault::Panic, &[]);
    let at_work = line.consume(outbox.patient_dispatcher(counting.clone()));
    let relay = outbox.relay(line.nats.clone(), trusting(), true);
    let all = outbox.messages(300);
    outbox.append(&all).await;
    outbox.until_posted(300).await;
    nothing_is_owed(&line).await;
    relay.stop().await;
    at_work.stop().await;
    assert!(all.iter().all(|message| counting.came(message) == 1), "each came once");
}

async fn two_processes_share_the_work(outbox: TestOutbox) {
    let line = Line::with(&outbox, |settings| settings.deliveries_max = 4).await;
    let gates = [Gate::new(outbox.ledger()), Gate::new(outbox.ledger())];
    let at_work = gates.clone().map(|gate| line.consume(outbox.patient_dispatcher(gate)));
    let relay = outbox.relay(line.nats.clone(), trusting(), true);
    let all = outbox.messages(40);
    outbox.append(&all).await;
    until("both have some in progress", async || {
        gates.iter().all(|gate| gate.at_work.load(Ordering::SeqCst) == 4).then_some(())
    })
    .await;
    for gate in &gates {
        gate.let_go.add_permits(1_000);
    }
    outbox.until_posted(40).await;
    nothing_is_owed(&line).await;
    relay.stop().await;
    for process in at_work {
        process.stop().await;
    }
    let came: usize = gates.iter().map(|gate| gate.came.load(Ordering::SeqCst)).sum();
    assert_eq!(came, 40, "each to one of them");
}

async fn a_subjects_messages_come_in_order(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let counting = FaultyConsumer::new(outbox.ledger(), ConsumerFault::Panic, &[]);
    let at_work = line.consume(outbox.patient_dispatcher(counting.clone()));
    let relay = outbox.relay(line.nats.clone(), trusting(), true);
    let subjects: Vec<uuid::Uuid> = (0..8).map(|_| new_id()).collect();
    let mut all = Vec::new();
    for seq in 1..=25 {
        let some: Vec<Message> = subjects.iter().map(|subject| outbox.message(*subject, seq)).collect();
        outbox.append(&some).await;
        all.extend(some);
    }
    outbox.until_posted(200).await;
    relay.stop().await;
    at_work.stop().await;
    let came = counting.came.lock().clone();
    for subject in subjects {
        let appended = all.iter().filter(|message| message.subject == subject).map(|message| message.id);
        let appended: Vec<_> = appended.collect();
        let received: Vec<_> = came.iter().copied().filter(|message| appended.contains(message)).collect();
        assert_eq!(received, appended, "{subject}");
    }
}

async fn what_could_not_be_committed_is_delivered_again(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let all = outbox.messages(20);
    let moody = FaultyConsumer::new(
        outbox.ledger(),
        ConsumerFault::StoreUnavailable,
        &all[..5].iter().collect::<Vec<_>>(),
    );
    let at_work = line.consume(outbox.dispatcher(moody.clone()));
    // Only NATS delivers again here.
    let relay = outbox.relay(line.nats.clone(), trusting(), true);
    outbox.append(&all).await;
    outbox.until_posted(15).await;
    until("each came again", async || all[..5].iter().all(|message| moody.came(message) > 1).then_some(()))
        .await;
    moody.with.lock().clear();
    outbox.until_posted(20).await;
    nothing_is_owed(&line).await;
    relay.stop().await;
    at_work.stop().await;
}

/// The consuming process is killed again and again while the handler has the message.
async fn a_message_that_kills_its_process_is_counted_and_dies(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let (killer, good) = (outbox.message(new_id(), 1), outbox.messages(5));
    let hanging = FaultyConsumer::new(outbox.ledger(), ConsumerFault::Hang, &[&killer]);
    let relay = outbox.relay(line.nats.clone(), watchful(), true);
    outbox.append(&[vec![killer.clone()], good.clone()].concat()).await;
    for death in 1..=4 {
        let process = line.consume(outbox.dispatcher(hanging.clone()));
        until("the handler has the message", async || (hanging.came(&killer) >= death).then_some(())).await;
        process.kill().await;
    }
    let survivor = line.consume(outbox.dispatcher(hanging.clone()));
    let letter = outbox.until_dead(&killer).await;
    assert_eq!(letter.attempts, 3);
    outbox.until_all_are_received(&good).await;
    relay.stop().await;
    survivor.stop().await;
    assert_eq!(outbox.posted().await, 5);
}

async fn poison_dies_the_rest_flows_and_mended_it_is_had_once(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let at_work = line.consume(outbox.dispatcher(outbox.ledger()));
    let relay = outbox.relay(line.nats.clone(), watchful(), true);
    let good = outbox.messages(20);
    let (mut poison, after) = (outbox.message(new_id(), 1), outbox.message(new_id(), 1));
    let readable = std::mem::replace(&mut poison.payload, "not JSON".to_owned());
    let after = Message { subject: poison.subject, partition: poison.partition, seq: 2, ..after };
    outbox.append(&[vec![poison.clone(), after.clone()], good.clone()].concat()).await;
    outbox.until_all_are_received(&[vec![after], good].concat()).await;
    let letter = outbox.until_dead(&poison).await;
    assert_eq!(letter.attempts, 3);
    assert_eq!(outbox.posted().await, 21);

    outbox
        .database
        .execute(&format!("update outbox set payload = '{readable}' where payload = 'not JSON'"))
        .await;
    let retry = RetryDeadLetter(Decided {
        kinds: domain::jobs::JobKinds::default(),
        claim: None,
        tenant: outbox.tenant,
        client: new_id(),
        request_id: "request".to_owned(),
        letter: DeadLetterRef::Message(letter.id),
        person: "Ana".to_owned(),
        why: "mended".to_owned(),
    });
    assert!(matches!(outbox.store.submit(Box::new(retry)).await.unwrap(), CommandResult::Fresh { .. }));
    outbox.until_all_are_received(std::slice::from_ref(&poison)).await;
    assert_eq!(outbox.posted().await, 22);
    nothing_is_owed(&line).await;
    relay.stop().await;
    at_work.stop().await;
}

async fn what_is_no_message_is_let_go(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let relay = outbox.relay(line.nats.clone(), trusting(), true);
    let all = outbox.messages(10);
    outbox.append(&all).await;
    outbox.until_published(&all).await;
    let stranger = async_nats::connect(line.server.url()).await.unwrap();
    for body in ["nonsense", "{}", ""] {
        let subject = format!("surehold.{}.3.payment.captured", outbox.store.database_id());
        async_nats::jetstream::new(stranger.clone())
            .publish(subject, body.into())
            .await
            .unwrap()
            .await
            .unwrap();
    }
    let at_work = line.consume(outbox.patient_dispatcher(outbox.ledger()));
    outbox.until_posted(10).await;
    nothing_is_owed(&line).await;
    relay.stop().await;
    at_work.stop().await;
}

/// A client that can write to the stream cannot post anything.
async fn unknown_messages_are_dropped_and_the_outbox_row_is_used(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let relay = outbox.relay(line.nats.clone(), trusting(), true);
    let all = outbox.messages(2);
    outbox.append(&all[..1]).await;
    outbox.until_published(&all[..1]).await;
    relay.stop().await;
    // One message that was never appended, and one whose text was changed on the way.
    outbox.append(&all[1..]).await;
    let mut changed = all[1].clone();
    changed.payload = changed.payload.replace("\"minor\": 5", "\"minor\": 500");
    assert_ne!(changed.payload, all[1].payload, "it was changed");
    let forged = [outbox.message(new_id(), 1), changed].map(|message| Publication {
        message: Arc::new(message),
        number: 1,
        left_behind: false,
    });
    let taken = line.nats.publish(&forged, PATIENCE).await;
    assert!(taken.iter().all(Result::is_ok), "{taken:?}");

    let at_work = line.consume(outbox.patient_dispatcher(outbox.ledger()));
    outbox.until_posted(2).await;
    nothing_is_owed(&line).await;
    at_work.stop().await;
    assert_eq!(outbox.posted().await, 2);
    assert_eq!(moved_minor(&outbox).await, 10, "as the outbox has it");
}

/// The sum of the ledger's movements, in minor units.
async fn moved_minor(outbox: &TestOutbox) -> i64 {
    let transfers = outbox.store.transfers(outbox.tenant, None, 1_000).await.unwrap();
    let postings = transfers.iter().flat_map(|(_, postings)| postings);
    postings.map(|posting| posting.amount_minor.max(0)).sum()
}

async fn no_more_is_in_progress_than_there_is_room_for(outbox: TestOutbox) {
    let line = Line::with(&outbox, |settings| settings.deliveries_max = 8).await;
    let relay = outbox.relay(line.nats.clone(), trusting(), true);
    let all = outbox.messages(200);
    outbox.append(&all).await;
    outbox.until_published(&all).await;
    let gate = Gate::new(outbox.ledger());
    let at_work = line.consume(outbox.patient_dispatcher(gate.clone()));
    until("there is no more room", async || (gate.at_work.load(Ordering::SeqCst) == 8).then_some(())).await;
    assert_eq!(owed(&line.server).await, (8, 192), "NATS keeps what we have no room for");
    gate.let_go.add_permits(1_000);
    outbox.until_posted(200).await;
    nothing_is_owed(&line).await;
    relay.stop().await;
    at_work.stop().await;
    assert_eq!(gate.most.load(Ordering::SeqCst), 8);
}

async fn one_that_takes_long_is_not_delivered_again(outbox: TestOutbox) {
    let line = Line::of(&outbox).await;
    let gate = Gate::new(outbox.ledger());
    let at_work = line.consume(outbox.patient_dispatcher(gate.clone()));
    let relay = outbox.relay(line.nats.clone(), trusting(), true);
    // The second message waits behind the first of the same subject.
    let subject = new_id();
    outbox.append(&[outbox.message(subject, 1), outbox.message(subject, 2)]).await;
    until("it has begun", async || (gate.at_work.load(Ordering::SeqCst) == 1).then_some(())).await;
    // No event shows that nothing happens, so the test waits for three times the ack wait.
    let begun = Instant::now();
    until("time has passed", async || (begun.elapsed() > Duration::from_secs(3)).then_some(())).await;
    assert_eq!(gate.came.load(Ordering::SeqCst), 1, "the second one waits for the first");
    gate.let_go.add_permits(1_000);
    outbox.until_posted(2).await;
    nothing_is_owed(&line).await;
    relay.stop().await;
    at_work.stop().await;
    assert_eq!(gate.came.load(Ordering::SeqCst), 2, "each was delivered once");
}
