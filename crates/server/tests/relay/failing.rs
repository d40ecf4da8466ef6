//! Messages that fail, panic, or die with their process: counted, set aside, and applied once after
//! the repair.

use std::sync::Arc;
use std::time::Duration;

use domain::commands::{DeadLetterRef, Decided, DiscardDeadLetter, RetryDeadLetter};
use domain::consumers::Consumers;
use domain::rows::{Delivery, Message};
use domain::time::Span;
use resilience::Backoff;
use server::consumers::{self, MessageDispatcher};
use server::ports::broker::embedded::Embedded;
use server::relay::Settings;
use store::CommandResult;
use testkit::{ConsumerFault, FaultyConsumer, TestOutbox, new_id, until};

testkit::on_both_engines!(
    poison_dies_the_rest_flows_and_mended_it_is_had_once,
    a_handler_that_panics_is_an_error_of_its_message,
    a_message_that_kills_its_process_is_counted_and_dies,
    one_that_hangs_is_counted_and_dies_and_the_rest_flows,
    one_that_hangs_for_longer_than_the_relay_waits_stops_nobody_else,
    an_outage_of_the_store_kills_no_message,
    what_is_discarded_is_never_had,
);

pub fn decided(outbox: &TestOutbox, delivery: &Delivery) -> Decided {
    Decided {
        claim: None,
        kinds: domain::jobs::JobKinds::default(),
        tenant: outbox.tenant,
        client: new_id(),
        request_id: "request".to_owned(),
        letter: DeadLetterRef::Message(delivery.id),
        person: "Ana".to_owned(),
        why: "mended".to_owned(),
    }
}

async fn poison_dies_the_rest_flows_and_mended_it_is_had_once(outbox: TestOutbox) {
    let good = outbox.messages(20);
    let (mut poison, after) = (outbox.message(new_id(), 1), outbox.message(new_id(), 1));
    let readable = std::mem::replace(&mut poison.payload, "not JSON".to_owned());
    // The next message of the same subject does not wait for it.
    let after = Message { subject: poison.subject, partition: poison.partition, seq: 2, ..after };
    outbox.append(&[vec![poison.clone(), after.clone()], good.clone()].concat()).await;
    let relay = outbox.relay(outbox.embedded(outbox.ledger()), Settings::default(), true);
    outbox.until_all_are_received(&[vec![after], good].concat()).await;
    let letter = outbox.until_dead(&poison).await;
    assert_eq!(letter.attempts, 3);
    assert!(letter.last_error.as_deref().unwrap().contains("cannot be read"), "{letter:?}");
    assert_eq!(outbox.posted().await, 21);
    // It is repaired, and retried by a person; a second retry does nothing more.
    outbox
        .database
        .execute(&format!("update outbox set payload = '{readable}' where payload = 'not JSON'"))
        .await;
    let retry = RetryDeadLetter(decided(&outbox, &letter));
    assert!(matches!(
        outbox.store.submit(Box::new(retry.clone())).await.unwrap(),
        CommandResult::Fresh { .. }
    ));
    outbox.until_all_are_received(std::slice::from_ref(&poison)).await;
    assert!(matches!(outbox.store.submit(Box::new(retry)).await.unwrap(), CommandResult::Refused { .. }));
    assert_eq!(outbox.posted().await, 22);
    relay.stop().await;
}

async fn a_handler_that_panics_is_an_error_of_its_message(outbox: TestOutbox) {
    let (bad, good) = (outbox.message(new_id(), 1), outbox.message(new_id(), 1));
    let consumer = FaultyConsumer::new(outbox.ledger(), ConsumerFault::Panic, &[&bad]);
    let relay = outbox.relay(outbox.embedded(consumer.clone()), Settings::default(), true);
    outbox.append(&[bad.clone(), good.clone()]).await;
    let letter = outbox.until_dead(&bad).await;
    assert_eq!((letter.attempts, letter.last_error.as_deref()), (3, Some("it panicked: on command")));
    assert_eq!(consumer.came(&bad), 3);
    // Relay and dispatcher go on.
    let more = outbox.message(new_id(), 1);
    outbox.append(std::slice::from_ref(&more)).await;
    outbox.until_all_are_received(&[good, more]).await;
    relay.stop().await;
}

/// The relay is killed again and again while the handler has the message.
async fn a_message_that_kills_its_process_is_counted_and_dies(outbox: TestOutbox) {
    let (killer, good) = (outbox.message(new_id(), 1), outbox.message(new_id(), 1));
    let consumer = FaultyConsumer::new(outbox.ledger(), ConsumerFault::Hang, &[&killer]);
    outbox.append(&[killer.clone(), good.clone()]).await;
    for death in 1..=4 {
        let relay = outbox.relay(outbox.embedded(consumer.clone()), Settings::default(), true);
        until("the handler has the message", async || (consumer.came(&killer) == death).then_some(())).await;
        // The first time nothing was known of it, so it was not counted.
        let attempts = outbox.delivery(&killer).await.map_or(0, |delivery| delivery.attempts);
        assert_eq!(attempts, death as i64 - 1, "counted before it is handled");
        relay.kill().await;
        outbox.database.execute("update inbox set due_at = 0 where state = 'waiting'").await;
    }
    let relay = outbox.relay(outbox.embedded(consumer.clone()), Settings::default(), true);
    let letter = outbox.until_dead(&killer).await;
    assert_eq!(letter.attempts, 3);
    assert!(letter.last_error.as_deref().unwrap().contains("never came to an end"), "{letter:?}");
    assert_eq!(consumer.came(&killer), 4, "it is not begun any more");
    outbox.until_all_are_received(&[good]).await;
    relay.stop().await;
}

/// With the default timeouts of the program, but a shorter pause.
async fn one_that_hangs_is_counted_and_dies_and_the_rest_flows(outbox: TestOutbox) {
    let hangs = outbox.message(new_id(), 1);
    let rest = outbox.messages(20);
    let consumer = FaultyConsumer::new(outbox.ledger(), ConsumerFault::Hang, &[&hangs]);
    let backoff = Backoff { base: Duration::from_millis(1), cap: Duration::from_millis(20) };
    let settings = consumers::Settings { attempts_max: 2, backoff, ..consumers::Settings::default() };
    let dispatcher = Arc::new(MessageDispatcher::with(
        outbox.store.clone(),
        settings,
        Consumers::default(),
        vec![consumer.clone()],
    ));
    outbox.append(&[vec![hangs.clone()], rest.clone()].concat()).await;
    let relay = outbox.relay(Arc::new(Embedded { dispatcher }), Settings::default(), true);
    outbox.until_all_are_received(&rest).await;
    let letter = outbox.until_dead(&hangs).await;
    assert_eq!((letter.attempts, consumer.came(&hangs)), (2, 2));
    assert!(letter.last_error.as_deref().unwrap().contains("took longer than"), "{letter:?}");
    relay.stop().await;
}

/// Its attempt never ends in this test, and it is always the first message to publish.
async fn one_that_hangs_for_longer_than_the_relay_waits_stops_nobody_else(outbox: TestOutbox) {
    let hangs = outbox.message(new_id(), 1);
    let consumer = FaultyConsumer::new(outbox.ledger(), ConsumerFault::Hang, &[&hangs]);
    let broker = Arc::new(Embedded { dispatcher: outbox.patient_dispatcher(consumer.clone()) });
    let settings = Settings { lease: Span::seconds(2), ..Settings::default() };
    outbox.append(std::slice::from_ref(&hangs)).await;
    let relay = outbox.relay(broker, settings, true);
    for _ in 0..3 {
        let more = outbox.messages(20);
        outbox.append(&more).await;
        outbox.until_all_are_received(&more).await;
    }
    relay.kill().await;
    assert!(consumer.came(&hangs) > 1);
}

async fn an_outage_of_the_store_kills_no_message(outbox: TestOutbox) {
    let message = outbox.message(new_id(), 1);
    let consumer = FaultyConsumer::new(outbox.ledger(), ConsumerFault::StoreUnavailable, &[&message]);
    outbox.append(std::slice::from_ref(&message)).await;
    // A relay that died left it behind: each attempt is counted before it begins.
    let killed = outbox.relay(outbox.embedded(consumer.clone()), Settings::default(), true);
    until("it came", async || (consumer.came(&message) >= 1).then_some(())).await;
    killed.kill().await;
    let relay = outbox.relay(outbox.embedded(consumer.clone()), Settings::default(), true);
    until("it came more often than a message may fail", async || (consumer.came(&message) > 8).then_some(()))
        .await;
    consumer.with.lock().clear();
    outbox.until_all_are_received(std::slice::from_ref(&message)).await;
    relay.stop().await;
    assert_eq!(outbox.posted().await, 1);
}

async fn what_is_discarded_is_never_had(outbox: TestOutbox) {
    let mut poison = outbox.message(new_id(), 1);
    "{}".clone_into(&mut poison.payload);
    outbox.append(std::slice::from_ref(&poison)).await;
    let relay = outbox.relay(outbox.embedded(outbox.ledger()), Settings::default(), true);
    let letter = outbox.until_dead(&poison).await;
    let discard = DiscardDeadLetter(decided(&outbox, &letter));
    outbox.store.submit(Box::new(discard)).await.unwrap();
    // A person's decision settled it; nothing was posted.
    outbox.database.execute("update outbox set published_at = 0").await;
    outbox.until_all_are_received(std::slice::from_ref(&poison)).await;
    assert_eq!(outbox.posted().await, 0);
    relay.stop().await;
}
