//! A server, our connection to it, and the stream's content as NATS itself reports it.

use std::sync::Arc;
use std::time::Duration;

use adapter_nats::{Nats, Settings};
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::{self, consumer};
use domain::rows::{Message, Subject};
use domain::{MessageId, TenantId, Timestamp};
use futures_util::StreamExt as _;
use server::ports::broker::{Broker as _, Publication};
use test_servers::nats::{Options, Private};
use testkit::until;
use uuid::Uuid;

/// Longer than NATS ever takes.
pub const PATIENCE: Duration = Duration::from_mins(3);
pub const DATABASE: Uuid = Uuid::from_u128(0xda7a);

pub fn server(options: Options) -> Private {
    Private::start(options).expect("a private NATS")
}

pub fn settings(server: &Private) -> Settings {
    Settings::new(vec![server.url()])
}

/// Our connection, once it is established.
pub async fn connect(settings: Settings) -> Arc<Nats> {
    let nats = Nats::connect(settings, DATABASE).await.unwrap();
    connected(&nats).await;
    nats
}

pub async fn connected(nats: &Nats) {
    until("a connection to NATS", async || nats.is_connected().then_some(())).await;
}

pub fn message(subject: u128, seq: i64) -> Publication {
    let message = Message {
        id: MessageId(Uuid::from_u128(subject * 1_000 + seq as u128)),
        tenant: TenantId(Uuid::from_u128(1)),
        subject_kind: Subject::Payment,
        subject: Uuid::from_u128(subject),
        seq,
        kind: "payment.captured".to_owned(),
        payload: format!("{{\"seq\":{seq}}}"),
        created_at: Timestamp(1_700_000_000_000_000),
        partition: Message::partition_of(Uuid::from_u128(subject)),
        position: None,
        published: 0,
        published_at: None,
        received_at: None,
    };
    Publication { message: Arc::new(message), number: 1, left_behind: false }
}

/// The next publication of the same message.
pub fn again(publication: &Publication) -> Publication {
    Publication { number: publication.number + 1, left_behind: true, ..publication.clone() }
}

/// Which messages of a batch NATS has taken.
pub async fn publish(nats: &Nats, batch: &[Publication]) -> Vec<bool> {
    let outcomes = nats.publish(batch, PATIENCE).await;
    assert_eq!(outcomes.len(), batch.len());
    outcomes.iter().map(Result::is_ok).collect()
}

/// The stream's content, in order: subject, id, and the message itself.
pub struct Kept {
    pub subject: String,
    pub id: String,
    pub body: serde_json::Value,
}

pub async fn kept(server: &Private) -> Vec<Kept> {
    let jetstream = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let stream = jetstream.get_stream("SUREHOLD").await.unwrap();
    let count = stream.cached_info().state.messages;
    let reader = stream.create_consumer(OrderedConfig::default()).await.unwrap();
    let reader: consumer::Consumer<OrderedConfig> = reader;
    let mut messages = reader.messages().await.unwrap().take(count as usize);
    let mut kept = Vec::new();
    while let Some(message) = messages.next().await {
        let message = message.unwrap();
        kept.push(Kept {
            subject: message.subject.to_string(),
            id: message.headers.as_ref().unwrap().get("Nats-Msg-Id").unwrap().to_string(),
            body: serde_json::from_slice(&message.payload).unwrap(),
        });
    }
    kept
}

pub async fn ids(server: &Private) -> Vec<String> {
    kept(server).await.into_iter().map(|kept| kept.id).collect()
}

pub async fn delete_stream(server: &Private) {
    let jetstream = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    jetstream.delete_stream("SUREHOLD").await.unwrap();
}

/// The stream loses its content, but still refuses the known ids as duplicates.
pub async fn purge_stream(server: &Private) {
    let jetstream = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    jetstream.get_stream("SUREHOLD").await.unwrap().purge().await.unwrap();
}

/// How many messages our durable consumer has not acknowledged, and how many were not delivered
/// yet.
pub async fn owed(server: &Private) -> (usize, u64) {
    let jetstream = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let consumer: consumer::PullConsumer =
        jetstream.get_consumer_from_stream("surehold", "SUREHOLD").await.unwrap();
    let info = consumer.cached_info();
    (info.num_ack_pending, info.num_pending)
}
