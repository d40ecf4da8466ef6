//! How long an idle relay sleeps.

use std::sync::Arc;

use domain::rows::{Facts, Message, Needs, Subject};
use domain::working_set::{Command, Context, Decision, DecisionResult};
use domain::{Ids, MessageId, TenantId, WorkerId};
use store::{Location, Options, Store};
use tempfile::TempDir;
use uuid::Uuid;

use super::{POLL, POLL_BUSY, Relay, RelayShares, Settings};
use crate::ports::clock::SystemClock;
use domain::consumers::Consumers;

use crate::consumers::{self, MessageDispatcher};
use crate::ids::UuidV7;
use crate::ports::broker::embedded::Embedded;
use crate::wake::Wake;
use crate::wire::Wire;

async fn parts(directory: &TempDir) -> RelayShares {
    let location = Location::Sqlite { path: directory.path().join("books.db") };
    Store::migrate(&location).await.unwrap();
    let clock = Arc::new(SystemClock);
    let ids = Arc::new(UuidV7::default());
    let store = Store::open(Options::new(location, clock.clone(), ids, Arc::new(Wire))).await.unwrap();
    let dispatcher = Arc::new(MessageDispatcher::new(store.clone(), consumers::Settings::default()));
    RelayShares::new(
        store,
        Arc::new(Embedded { dispatcher }),
        clock,
        Settings::default(),
        Consumers::default(),
    )
}

fn relay(parts: &RelayShares) -> Relay {
    Relay::new(parts.clone(), WorkerId(UuidV7::default().next()), Wake::default().outbox, false)
}

/// Appends a message that no consumer receives.
#[derive(Debug)]
struct Append(Message);

impl Command for Append {
    fn tenant(&self) -> Option<TenantId> {
        None
    }
    fn needs(&self, _: &mut Needs<'_>) -> Option<()> {
        Some(())
    }
    fn decide(&self, _: &Facts, _: &Context<'_>) -> DecisionResult {
        let mut outcome = Decision::default();
        outcome.put(self.0.clone());
        Ok(outcome)
    }
}

async fn append(parts: &RelayShares) {
    let subject = UuidV7::default().next();
    let message = Message {
        id: MessageId(subject),
        tenant: TenantId(Uuid::nil()),
        subject_kind: Subject::Booking,
        subject,
        seq: 1,
        kind: "booking.held".to_owned(),
        payload: "{}".to_owned(),
        created_at: parts.now(),
        partition: Message::partition_of(subject),
        position: None,
        published: 0,
        published_at: None,
        received_at: None,
    };
    parts.store.submit(Box::new(Append(message))).await.unwrap();
}

#[tokio::test]
async fn a_relay_that_waits_for_partitions_without_work_does_not_hurry() {
    let directory = tempfile::tempdir().unwrap();
    let parts = parts(&directory).await;
    let (mut holder, mut second) = (relay(&parts), relay(&parts));
    append(&parts).await;
    holder.claim().await.unwrap();
    second.claim().await.unwrap();
    assert_eq!((second.to_come, second.idle(false)), (8, POLL_BUSY), "its share, and soon");
    // Everything is published, and the share is handed back with the mark.
    assert_eq!(holder.pass().await.unwrap().published, 1);
    second.claim().await.unwrap();
    assert_eq!((second.to_come, second.idle(false)), (0, POLL), "no partition has anything to publish");
}
