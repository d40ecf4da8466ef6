//! One connection to Redis, shared by all requests of the process, with short limits.
//!
//! | state | what happens |
//! |---|---|
//! | not connected | nothing is sent; a separate task connects again, with backoff, until it succeeds |
//! | connected | commands of all requests go over one connection, one after another |
//! | no reply in time | the caller continues without it; the breaker counts it |
//! | too many of those | nothing is sent for a while, and the connection is dropped, because its peer may be gone |
//!
//! So no request ever waits for a connection, and a Redis that hangs costs the first few requests
//! their timeout and the others nothing.

use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, IntoConnectionInfo as _, Pipeline, RedisError,
    ServerErrorKind,
};
use resilience::breaker::{BreakerState, Health, Settings as BreakerSettings};
use resilience::{Backoff, SharedBreaker};
use tokio::time::{sleep, timeout};

use super::Settings;

/// For the connection and its handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const RECONNECT: Backoff = Backoff { base: Duration::from_millis(50), cap: Duration::from_secs(5) };

/// Opens for a shorter time than for a provider, because a missed answer only costs time.
fn breaker() -> BreakerSettings {
    BreakerSettings {
        window: Duration::from_secs(10),
        open_base: Duration::from_secs(1),
        open_cap: Duration::from_secs(30),
        probe_patience: Duration::from_secs(5),
        ..BreakerSettings::default()
    }
}

/// A handle. Clones share the connection, which ends with the last of them.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    client: Client,
    timeout: Duration,
    breaker: SharedBreaker,
    state: Mutex<State>,
}

enum State {
    Connecting,
    Connected { number: u64, connection: MultiplexedConnection },
}

/// Why there is no reply. Only the log and a counter show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisUnavailable {
    NotSent,
    /// The command may have been carried out, or may still be.
    Unknown,
}

impl Link {
    /// Refuses an invalid address. Needs a Tokio runtime.
    pub fn open(settings: &Settings) -> Result<Link, String> {
        // The library's error may repeat the address, which may contain a password.
        let address = settings.url.expose().into_connection_info();
        let address =
            address.map(|address| address.set_tcp_settings(TcpSettings::default().set_nodelay(true)));
        let client = address.and_then(Client::open).map_err(|error| {
            let hint = if cfg!(feature = "tls") { "" } else { " (`rediss://` needs --features tls)" };
            format!("the address cannot be read: {}{hint}", error.category())
        })?;
        let link = Link(Arc::new(Inner {
            client,
            timeout: settings.timeout,
            breaker: SharedBreaker::new(breaker()),
            state: Mutex::new(State::Connecting),
        }));
        tokio::spawn(connect(Arc::downgrade(&link.0), 0));
        Ok(link)
    }

    /// Sends the commands and reads their replies, within the timeout.
    pub async fn run<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, RedisUnavailable> {
        let (number, mut connection) = self.connection().ok_or(RedisUnavailable::NotSent)?;
        let call = self.0.breaker.admit().map_err(|_| RedisUnavailable::NotSent)?;
        match timeout(self.0.timeout, commands.query_async(&mut connection)).await {
            Ok(Ok(answer)) => {
                call.end(Health::Good);
                return Ok(answer);
            }
            Ok(Err(error)) => {
                call.end(Health::Bad);
                tracing::debug!(%error, "redis refused");
                if is_of_the_connection(&error) {
                    self.lost(number, &error.to_string());
                }
            }
            Err(_) => call.end(Health::Bad),
        }
        if self.0.breaker.state() == BreakerState::Open {
            self.lost(number, "it answers too late");
        }
        Err(RedisUnavailable::Unknown)
    }

    fn connection(&self) -> Option<(u64, MultiplexedConnection)> {
        match &*self.0.lock() {
            State::Connecting => None,
            State::Connected { number, connection } => Some((*number, connection.clone())),
        }
    }

    /// Only the first caller that finds the connection broken drops it.
    fn lost(&self, broken: u64, why: &str) {
        let mut state = self.0.lock();
        if matches!(&*state, State::Connected { number, .. } if *number == broken) {
            let number = broken + 1;
            *state = State::Connecting;
            tracing::warn!(why, "redis is out of reach: requests go to the database");
            tokio::spawn(connect(Arc::downgrade(&self.0), number));
        }
    }
}

impl Inner {
    /// The state behind the lock is consistent between any two statements.
    fn lock(&self) -> parking_lot::MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// A new connection helps. `ReadOnly`: the server has become a replica, and another one is the
/// primary.
fn is_of_the_connection(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// Tries until it is connected, or until the last handle is dropped.
async fn connect(inner: Weak<Inner>, number: u64) {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        // The caller of each command sets its timeout.
        .set_response_timeout(None);
    let mut tries = 0;
    while let Some(client) = inner.upgrade().map(|inner| inner.client.clone()) {
        let made =
            timeout(CONNECT_TIMEOUT, client.get_multiplexed_async_connection_with_config(&config)).await;
        let failed = match made {
            Ok(Ok(connection)) => {
                let Some(inner) = inner.upgrade() else { return };
                *inner.lock() = State::Connected { number, connection };
                tracing::info!("redis is connected");
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        if tries == 0 {
            tracing::warn!(failed, "redis cannot be reached: requests go to the database; it is tried again");
        }
        let pause = RECONNECT.pause(tries, &mut rand::rng());
        sleep(pause).await;
        tries = tries.saturating_add(1);
    }
}
