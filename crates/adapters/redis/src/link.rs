//! One connection to Redis, shared by all requests of the process; quick, or not at all.
//!
//! | what | how |
//! |---|---|
//! | not connected | nothing is sent; a task of its own connects again, with backoff, for as long as it takes |
//! | connected | commands of all requests go out on one connection, one after another |
//! | no answer in time | the caller goes on without; the breaker counts it |
//! | too many of those | nothing is sent for a while, and the connection is given up: behind it nobody may be left |
//!
//! So no request ever waits for a connection, and a Redis that hangs costs the first few requests their
//! timeout and the others nothing.

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

/// For the connection and its first words.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const RECONNECT: Backoff = Backoff { base: Duration::from_millis(50), cap: Duration::from_secs(5) };

/// Opens for shorter than for a provider: what is missed meanwhile is only time.
fn breaker() -> BreakerSettings {
    BreakerSettings {
        window: Duration::from_secs(10),
        open_base: Duration::from_secs(1),
        open_cap: Duration::from_secs(30),
        probe_patience: Duration::from_secs(5),
        ..BreakerSettings::default()
    }
}

/// A handle; clones share the connection, which ends with the last of them.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    client: Client,
    timeout: Duration,
    breaker: SharedBreaker,
    state: Mutex<State>,
}

enum State {
    /// Somebody is at it.
    Connecting,
    Connected {
        number: u64,
        connection: MultiplexedConnection,
    },
}

/// Why there is no answer. Nobody is told but the log and a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisUnavailable {
    NotSent,
    /// It may be carried out yet, or have been.
    Unknown,
}

impl Link {
    /// Refuses an address that cannot be one. Needs a Tokio runtime.
    pub fn open(settings: &Settings) -> Result<Link, String> {
        // What the library says of an address may repeat it, and it may hold a password.
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

    /// Sends the commands and reads their answers, in the time that there is.
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

    /// Only the first who finds it broken gives it up.
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
    /// What is behind the lock is whole between any two statements.
    fn lock(&self) -> parking_lot::MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// Another connection cures it. `ReadOnly`: it has become a replica, and another one is the primary.
fn is_of_the_connection(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// Tries until it is connected, or nobody has a handle any more.
async fn connect(inner: Weak<Inner>, number: u64) {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        // Each command has its caller's.
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
