//! The plain form: the same reservation with the same framework and the same tables, as one would
//! write it without batches. The bench compares with it.
//!
//! | statement | round trip on PostgreSQL |
//! |---|---|
//! | `BEGIN` | 1 |
//! | the key, if it was used before | 2 |
//! | the unit with its product, the slot `FOR UPDATE` | 3, 4 |
//! | the customer, made or counted up | 5 |
//! | the booking, the slot's seats, the audit row, the message | 6, 7, 8, 9 |
//! | the key with its reply | 10 |
//! | `COMMIT` | 11 |
//!
//! One transaction per request, one connection of a pool, every statement prepared. The comparison
//! is fair: durability and guarantees are those of the real program, and the plain form does no
//! other work (no relay, no workers, no limits on clients). It is only for the bench, and knows one
//! tenant.
//!
//! No other crate but the store knows SQL. This one needs it, because it is what the store is
//! compared with.

mod param;
mod postgres;
mod rows;
mod sqlite;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use domain::TenantId;
use sha2::{Digest as _, Sha256};
use store::Location;
use tokio::net::TcpListener;

use rows::Reservation;

#[derive(Clone, Debug)]
pub struct Options {
    /// Migrated, with the tenant and its slots.
    pub location: Location,
    pub listen: SocketAddr,
    pub tenant: TenantId,
    pub api_key: String,
    /// The file for `{"base_url"}`, which is written once it serves.
    pub ready_file: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("PostgreSQL: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    #[error("no connection to PostgreSQL: {0}")]
    Pool(String),
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    File(#[from] std::io::Error),
}

/// The metrics that the bench reads, under the names that the real server uses.
#[derive(Default)]
struct Counters {
    commands: AtomicU64,
    commits: AtomicU64,
    round_trips: AtomicU64,
    wal_bytes: AtomicU64,
}

#[derive(Clone)]
enum Engine {
    Postgres(postgres::Pool),
    Sqlite(sqlite::File),
}

#[derive(Clone)]
struct Server {
    engine: Engine,
    tenant: TenantId,
    /// The SHA-256 of the API key, as the database stores it.
    api_key: [u8; 32],
    counters: Arc<Counters>,
}

/// The result of a reservation.
enum Done {
    /// Done now, or the stored reply.
    Stored {
        status: u16,
        body: String,
    },
    Refused(&'static str),
}

/// Serves until the process ends.
pub async fn serve(options: Options) -> Result<(), Error> {
    let counters = Arc::new(Counters::default());
    let engine = match &options.location {
        Location::Postgres { url } => Engine::Postgres(postgres::Pool::new(url.expose(), counters.clone())?),
        Location::Sqlite { path } => Engine::Sqlite(sqlite::File::open(path, &counters)?),
    };
    let api_key = Sha256::digest(options.api_key.as_bytes()).into();
    let server = Server { engine, tenant: options.tenant, api_key, counters };
    let router =
        Router::new().route("/v1/bookings", post(reserve)).route("/metrics", get(metrics)).with_state(server);
    let listener = TcpListener::bind(options.listen).await?;
    let ready = serde_json::json!({ "base_url": format!("http://{}", listener.local_addr()?) });
    std::fs::write(&options.ready_file, ready.to_string())?;
    Ok(axum::serve(listener, router).await?)
}

async fn reserve(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let secret = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let hash = secret.map(|secret| <[u8; 32]>::from(Sha256::digest(secret.as_bytes())));
    if hash != Some(server.api_key) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Some(key) = text("idempotency-key") else { return StatusCode::BAD_REQUEST.into_response() };
    let reservation = match Reservation::parse(server.tenant, key, &body) {
        Ok(reservation) => reservation,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let done = match server.engine {
        Engine::Postgres(pool) => pool.reserve(reservation).await,
        Engine::Sqlite(file) => file.reserve(reservation).await,
    };
    server.counters.commands.fetch_add(1, Ordering::Relaxed);
    match done {
        Ok(Done::Stored { status, body }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Ok(Done::Refused(why)) => (StatusCode::CONFLICT, why).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

async fn metrics(State(server): State<Server>) -> String {
    let Counters { commands, commits, round_trips, wal_bytes } = &*server.counters;
    let line = |name: &str, counter: &AtomicU64| {
        format!("surehold_store_{name}_total {}\n", counter.load(Ordering::Relaxed))
    };
    [
        line("commands", commands),
        line("commits", commits),
        line("round_trips", round_trips),
        line("wal_bytes", wal_bytes),
    ]
    .concat()
}
