//! A second consumer, registered like every consumer: its line in the table, and itself in the
//! list. It receives its kinds once, fails and dies alone, and the ledger goes on.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::commands::{DeliveryKey, RetryDeadLetter, Subscribe};
use domain::consumers::{ConsumerKinds, Consumers, LEDGER};
use domain::ledger::POSTED;
use domain::lifecycle::delivery;
use domain::rows::{Facts, Message, Needs};
use domain::working_set::{Command, Context, Decision, DecisionResult};
use domain::{MessageId, TenantId};
use futures_util::future::{BoxFuture, FutureExt as _};
use resilience::Backoff;
use server::consumers::{self, Consumer, ConsumerFailure, MessageDispatcher};
use server::ports::broker::embedded::Embedded;
use server::relay::Settings;
use store::{CommandResult, Store};
use testkit::{ConsumerFault, FaultyConsumer, TestOutbox, new_id, until};

use crate::failing::decided;
testkit::on_both_engines!(
    a_second_consumer_has_its_kinds_once_and_dies_alone,
    one_that_hangs_keeps_the_ledger_from_nothing,
    what_is_dead_at_one_consumer_is_still_brought_to_another,
    every_consumer_of_the_table_is_there,
);

const NOTICES: &str = "notices";
static BOTH: [ConsumerKinds; 2] = [(NOTICES, &["payment.captured"]), (LEDGER, &POSTED)];
const REGISTERED: Consumers = Consumers(&BOTH);

struct Notices {
    store: Store,
    /// It fails, or hangs if `hangs`, with these messages.
    with: Mutex<BTreeSet<MessageId>>,
    hangs: bool,
    effects: AtomicUsize,
}

#[derive(Debug)]
struct Notice(DeliveryKey);

impl Command for Notice {
    fn tenant(&self) -> Option<TenantId> {
        None
    }
    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.delivery(self.0.id());
        Some(())
    }
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let mut outcome = Decision::default();
        outcome.put(self.0.receipt(facts, context.now)?);
        Ok(outcome)
    }
}

impl Notices {
    fn new(outbox: &TestOutbox, hangs: bool, with: &[&Message]) -> Arc<Notices> {
        let with = Mutex::new(with.iter().map(|message| message.id).collect());
        Arc::new(Notices { store: outbox.store.clone(), with, hangs, effects: AtomicUsize::new(0) })
    }

    fn effects(&self) -> usize {
        self.effects.load(Ordering::SeqCst)
    }
}

impl Consumer for Notices {
    fn name(&self) -> &'static str {
        NOTICES
    }

    fn receive<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), ConsumerFailure>> {
        async {
            if self.with.lock().contains(&message.id) {
                if self.hangs {
                    std::future::pending::<()>().await;
                }
                return Err(ConsumerFailure::Broken("on purpose".to_owned()));
            }
            let at = DeliveryKey { tenant: message.tenant, message: message.id, consumer: NOTICES };
            let answer = self.store.submit(Box::new(Notice(at))).await;
            self.effects
                .fetch_add(usize::from(matches!(answer, Ok(CommandResult::Fresh { .. }))), Ordering::SeqCst);
            answer.map(drop).map_err(|error| ConsumerFailure::Unavailable(error.to_string()))
        }
        .boxed()
    }
}

fn dispatcher(
    outbox: &TestOutbox,
    notices: &Arc<Notices>,
    ledger: Arc<dyn Consumer>,
    settings: consumers::Settings,
) -> Arc<Embedded> {
    let both: Vec<Arc<dyn Consumer>> = vec![notices.clone(), ledger];
    Arc::new(Embedded {
        dispatcher: Arc::new(MessageDispatcher::with(outbox.store.clone(), settings, REGISTERED, both)),
    })
}

fn quick() -> consumers::Settings {
    consumers::Settings {
        attempts_max: 3,
        backoff: Backoff { base: Duration::from_millis(1), cap: Duration::from_millis(20) },
        ..consumers::Settings::default()
    }
}

async fn stands(outbox: &TestOutbox, consumer: &str, message: &Message, state: delivery::State) {
    until("the delivery stands there", async || {
        outbox.delivery_at(consumer, message).await.filter(|delivery| delivery.state.is(state))
    })
    .await;
}

async fn a_second_consumer_has_its_kinds_once_and_dies_alone(outbox: TestOutbox) {
    outbox.store.submit(Box::new(Subscribe { consumers: REGISTERED })).await.unwrap();
    let good = outbox.messages(20);
    let bad = outbox.message(new_id(), 1);
    let other = Message { kind: "payment.disputed".to_owned(), ..outbox.message(new_id(), 1) };
    let notices = Notices::new(&outbox, false, &[&bad]);
    let broker = dispatcher(&outbox, &notices, outbox.ledger(), quick());
    outbox.append(&[vec![bad.clone(), other.clone()], good.clone()].concat()).await;
    let relay = outbox.relay_for(REGISTERED, broker, Settings::default(), true);

    outbox.until_all_are_received(&[good.clone(), vec![other.clone()]].concat()).await;
    stands(&outbox, NOTICES, &bad, delivery::State::Dead).await;
    stands(&outbox, LEDGER, &bad, delivery::State::Received).await;
    assert_eq!(outbox.delivery_at(NOTICES, &bad).await.unwrap().attempts, 3);
    assert!(outbox.delivery_at(NOTICES, &other).await.is_none(), "none of its kinds");
    assert!(
        outbox.found(std::slice::from_ref(&bad)).await[0].received_at.is_none(),
        "one still waits for it"
    );
    assert_eq!((outbox.posted().await, notices.effects()), (good.len() + 2, good.len()));

    // A person retries it: it has its effect once, and the ledger does not post a second time.
    notices.with.lock().clear();
    let letter = outbox.delivery_at(NOTICES, &bad).await.unwrap();
    let retry = RetryDeadLetter(decided(&outbox, &letter));
    assert!(matches!(outbox.store.submit(Box::new(retry)).await.unwrap(), CommandResult::Fresh { .. }));
    outbox.until_all_are_received(std::slice::from_ref(&bad)).await;
    assert_eq!((outbox.posted().await, notices.effects()), (good.len() + 2, good.len() + 1));
    relay.stop().await;
}

/// It uses all of its own permits, and none of the ledger's.
async fn one_that_hangs_keeps_the_ledger_from_nothing(outbox: TestOutbox) {
    let messages = outbox.messages(12);
    let notices = Notices::new(&outbox, true, &messages.iter().collect::<Vec<_>>());
    let settings =
        consumers::Settings { concurrency: 2, attempt_timeout: Duration::from_mins(10), ..quick() };
    let broker = dispatcher(&outbox, &notices, outbox.ledger(), settings);
    outbox.append(&messages).await;
    let relay = outbox.relay_for(REGISTERED, broker, Settings::default(), true);
    outbox.until_posted(messages.len()).await;
    assert_eq!(notices.effects(), 0);
    relay.kill().await;
}

/// The ledger is unreachable for a message that the other consumer gives up meanwhile.
async fn what_is_dead_at_one_consumer_is_still_brought_to_another(outbox: TestOutbox) {
    let message = outbox.message(new_id(), 1);
    let notices = Notices::new(&outbox, false, &[&message]);
    let moody = FaultyConsumer::new(outbox.ledger(), ConsumerFault::StoreUnavailable, &[&message]);
    outbox.append(std::slice::from_ref(&message)).await;
    let broker =
        dispatcher(&outbox, &notices, moody.clone(), consumers::Settings { attempts_max: 1, ..quick() });
    // Published and marked as a relay would, but the ledger never received it.
    let relay = outbox.relay_for(REGISTERED, broker, Settings::default(), true);
    stands(&outbox, NOTICES, &message, delivery::State::Dead).await;
    relay.kill().await;
    outbox.database.execute("update outbox set position = 1, published = 1, published_at = 1").await;
    moody.with.lock().clear();
    let broker = dispatcher(&outbox, &notices, moody, consumers::Settings { attempts_max: 1, ..quick() });
    let relay = outbox.relay_for(REGISTERED, broker, Settings::default(), true);
    stands(&outbox, LEDGER, &message, delivery::State::Received).await;
    assert_eq!(outbox.posted().await, 1);
    relay.stop().await;
}

async fn every_consumer_of_the_table_is_there(outbox: TestOutbox) {
    let named: Vec<&str> = Consumers::default().names().collect();
    let there: Vec<&str> = consumers::all(&outbox.store).iter().map(|consumer| consumer.name()).collect();
    assert_eq!(there, named);
}
