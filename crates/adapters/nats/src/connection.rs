//! The connection: one per process, made in the background, retried forever with full jitter.
//!
//! A server that is down does not prevent our start: the API still takes work, and its messages
//! wait in the outbox. Errors that can be detected, such as a missing file, are refused at the
//! start.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use resilience::backoff::Backoff;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use tracing::{info, warn};
use uuid::Uuid;

use super::settings::{Credentials, Settings};

/// A server that does not answer two pings is gone: a cut connection is detected within three of
/// these.
const PING: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// While there is no connection.
const RECHECK: Duration = Duration::from_millis(200);
/// Between two attempts to connect. Without jitter all processes would come back at once.
const RECONNECT: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(5) };

/// A connection to NATS, and the known state of the stream.
pub struct Nats {
    pub(super) client: Client,
    pub(super) jetstream: Context,
    pub(super) settings: Settings,
    pub(super) database: Uuid,
    /// The stream was seen since the last sign that it may be gone. It is made under the lock.
    pub(super) stream_seen: AtomicBool,
    pub(super) making: Mutex<()>,
    /// Why the existing stream is not ours, once that was detected.
    pub(super) unfit: parking_lot::Mutex<Option<String>>,
    /// Counts the connections, so that code that waits on an old one is notified.
    pub(super) connections: watch::Receiver<u64>,
}

impl Nats {
    /// Returns before it is connected. Messages of different databases are distinguished by
    /// `database`.
    pub async fn connect(settings: Settings, database: Uuid) -> Result<Arc<Nats>, String> {
        settings.check()?;
        let (made, connections) = watch::channel(0);
        let options = options(&settings)?.event_callback(move |event| {
            log_event(&event);
            if event == Event::Connected {
                made.send_modify(|count| *count += 1);
            }
            async {}
        });
        let addresses: Result<Vec<ServerAddr>, _> = settings.urls.iter().map(|url| url.parse()).collect();
        let addresses = addresses.map_err(|error| format!("an address of NATS: {error}"))?;
        let client = options.connect(addresses).await.map_err(|error| format!("NATS: {error}"))?;
        let builder = ContextBuilder::new().timeout(settings.publish_timeout);
        let jetstream = match &settings.domain {
            Some(domain) => builder.domain(domain).build(client.clone()),
            None => builder.build(client.clone()),
        };
        Ok(Arc::new(Nats {
            client,
            jetstream,
            settings,
            database,
            stream_seen: AtomicBool::new(false),
            making: Mutex::new(()),
            unfit: parking_lot::Mutex::default(),
            connections,
        }))
    }

    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Waits for a connection. The notification comes a moment before the state changes, so the
    /// state is checked again.
    pub(super) async fn connected(&self) {
        let mut connections = self.connections.clone();
        while !self.is_connected() {
            let _changed_or_not = timeout(RECHECK, connections.changed()).await;
        }
    }

    /// The stream or a consumer may be gone: the next use checks, and makes it again.
    pub(super) fn doubt(&self) {
        self.stream_seen.store(false, Ordering::Release);
    }
}

fn options(settings: &Settings) -> Result<ConnectOptions, String> {
    let mut options = ConnectOptions::new()
        .name("surehold")
        .retry_on_initial_connect()
        .connection_timeout(CONNECT_TIMEOUT)
        .ping_interval(PING)
        .reconnect_delay_callback(|attempt| {
            let attempt = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
            RECONNECT.pause(attempt, &mut rand::rng())
        });
    if let Some(authorities) = &settings.tls.authorities {
        readable(authorities)?;
        options = options.add_root_certificates(authorities.clone());
    }
    if let Some((certificate, key)) = &settings.tls.certificate {
        readable(certificate)?;
        readable(key)?;
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    // Settings with an authority or a certificate must not use a plain connection.
    if settings.tls.authorities.is_some() || settings.tls.certificate.is_some() {
        options = options.require_tls(true);
    }
    Ok(match &settings.credentials {
        Credentials::None => options,
        Credentials::Password { user, password } => {
            options.user_and_password(user.clone(), password.expose().to_owned())
        }
        Credentials::Token(token) => options.token(token.expose().to_owned()),
        Credentials::Nkey(seed) => options.nkey(seed.expose().to_owned()),
        Credentials::File(text) => options
            .credentials(text.expose())
            .map_err(|error| format!("the credentials of NATS cannot be read: {error}"))?,
    })
}

fn readable(path: &Path) -> Result<(), String> {
    match std::fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

fn log_event(event: &Event) {
    match event {
        Event::Connected => info!("connected to NATS"),
        Event::Disconnected => warn!("the connection to NATS is cut: messages wait in the outbox"),
        other => warn!(event = %other, "NATS"),
    }
}
