//! An outbox whose messages go over NATS: a server, our connection to it, and consumers that come
//! and go.

use std::sync::Arc;
use std::time::Duration;

use adapter_nats::{Nats, NatsConsumer, Settings};
use domain::time::Span;
use server::consumers::MessageDispatcher;
use server::relay;
use store::Store;
use test_servers::nats::{Options, Private};
use testkit::TestOutbox;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::stream;

pub struct Line {
    pub server: Private,
    pub nats: Arc<Nats>,
    store: Store,
}

/// A running consumer of a process.
pub struct AtWork {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Line {
    pub async fn of(outbox: &TestOutbox) -> Line {
        Line::with(outbox, |_| ()).await
    }

    pub async fn with(outbox: &TestOutbox, change: impl FnOnce(&mut Settings)) -> Line {
        let server = stream::server(Options::default());
        let mut settings = stream::settings(&server);
        // A delivery that a consumer left behind is repeated soon.
        settings.ack_wait = Duration::from_secs(1);
        change(&mut settings);
        let nats = Nats::connect(settings, outbox.store.database_id()).await.unwrap();
        stream::connected(&nats).await;
        Line { server, nats, store: outbox.store.clone() }
    }

    pub fn consume(&self, dispatcher: Arc<MessageDispatcher>) -> AtWork {
        let (stop, stopped) = watch::channel(false);
        let consumer = NatsConsumer { nats: self.nats.clone(), store: self.store.clone(), dispatcher };
        AtWork { stop, task: tokio::spawn(consumer.run(stopped)) }
    }
}

impl AtWork {
    /// Ends after its messages in progress.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }

    /// Ends at once, with its messages in progress.
    pub async fn kill(self) {
        self.task.abort();
        let _aborted = self.task.await;
    }
}

/// A relay whose sweep soon publishes again.
pub fn watchful() -> relay::Settings {
    relay::Settings { unreceived_after: Span::millis(500), ..relay::Settings::default() }
}

/// A relay whose sweep does nothing within the time of a test.
pub fn trusting() -> relay::Settings {
    relay::Settings { unreceived_after: Span::seconds(3_600), ..relay::Settings::default() }
}
