//! A gate before a server, like a load balancer that sheds load: it refuses each request as often
//! as it was configured to, and then lets it pass. It records when clients really come back, and
//! not only what they report about their pauses.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use domain::Timestamp;
use server::ports::clock::SystemClock;
use store::Clock as _;
use tokio::task::AbortHandle;

use crate::{Error, OperationRequest, ScenarioContext};
use outbound::HttpConnection;

/// Headers that are passed on to the server.
const LED_ON: [&str; 4] = ["authorization", "content-type", "idempotency-key", "prefer"];

/// The form of Retry-After.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Seconds(u64),
    /// As a date this many seconds from now, on the next whole second.
    Date {
        seconds: u64,
    },
}

/// The refusal of a request.
#[derive(Clone, Copy, Debug)]
pub struct RetryInstruction {
    status: StatusCode,
    when: Option<When>,
}

impl RetryInstruction {
    pub fn busy(when: Option<When>) -> RetryInstruction {
        RetryInstruction { status: StatusCode::SERVICE_UNAVAILABLE, when }
    }

    pub fn limited(when: Option<When>) -> RetryInstruction {
        RetryInstruction { status: StatusCode::TOO_MANY_REQUESTS, when }
    }
}

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub struct GateRequest {
    came: Instant,
    /// By the wall clock, as dates are.
    came_at: Timestamp,
    instruction: Option<(RetryInstruction, Instant)>,
    /// The refusal, and the time before which the client must not come back.
    until: Option<Timestamp>,
}

#[derive(Default)]
struct Key {
    /// The refusals that are left, last first.
    instructions: Vec<RetryInstruction>,
    arrivals: Vec<GateRequest>,
}

struct Shared {
    server: String,
    keys: Mutex<HashMap<String, Key>>,
}

/// Ends when it is dropped.
pub struct Gate {
    url: String,
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gate {
    pub async fn open(server: &str) -> Result<Gate, Error> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared { server: server.to_owned(), keys: Mutex::default() });
        let router = Router::new().fallback(pass).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Ok(Gate { url, shared, task })
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Refuses requests with this key, once for each instruction.
    pub fn turns_away(&self, key: &str, mut instructions: Vec<RetryInstruction>) {
        instructions.reverse();
        self.shared.keys().entry(key.to_owned()).or_default().instructions = instructions;
    }

    pub fn arrivals(&self, key: &str) -> Vec<GateRequest> {
        self.shared.keys().get(key).map(|key| key.arrivals.clone()).unwrap_or_default()
    }

    /// Checks that no client came back before its own pause was over, nor before Retry-After.
    pub fn judge(&self, context: &ScenarioContext, requests: &[OperationRequest]) {
        let retries = context.timeline.taken().retries;
        for request in requests {
            let arrivals = self.arrivals(&request.key);
            let mut own_retries = retries.iter().filter(|retry| retry.operation == request.operation);
            for pair in arrivals.windows(2) {
                let [first, next] = pair else { continue };
                let Some((instruction, answered)) = first.instruction else { continue };
                let paused = next.came.saturating_duration_since(answered);
                let own = own_retries.next().map(|retry| Duration::from_millis(retry.delay_ms));
                let (wanted, state) = match instruction.when {
                    None => (Duration::ZERO, None),
                    Some(When::Seconds(seconds)) => (Duration::from_secs(seconds), Some("told_in_seconds")),
                    Some(When::Date { .. }) => (Duration::ZERO, Some("told_by_a_date")),
                };
                let in_time = first.until.is_none_or(|until| next.came_at >= until);
                let holds = in_time && paused >= wanted && own.is_some_and(|own| paused >= own);
                context.findings.always("comes_back_no_sooner_than_told", holds, || {
                    format!(
                        "{}: {instruction:?}, its own pause was {own:?}, and it came after {paused:?}",
                        request.operation
                    )
                });
                if let Some(state) = state {
                    context.findings.reached(state);
                }
            }
        }
    }
}

impl Shared {
    fn keys(&self) -> MutexGuard<'_, HashMap<String, Key>> {
        self.keys.lock()
    }

    /// Records the arrival, and takes the next instruction.
    fn arrives(&self, key: &str) -> Option<(RetryInstruction, Option<Timestamp>)> {
        let mut keys = self.keys();
        let key = keys.entry(key.to_owned()).or_default();
        let (came, came_at) = (Instant::now(), SystemClock.now());
        let instruction = key.instructions.pop();
        let until = match instruction.and_then(|instruction| instruction.when) {
            Some(When::Date { seconds }) => Some(date(came_at, seconds)),
            _ => None,
        };
        key.arrivals.push(GateRequest {
            came,
            came_at,
            instruction: instruction.map(|instruction| (instruction, Instant::now())),
            until,
        });
        instruction.map(|instruction| (instruction, until))
    }
}

/// Dates in HTTP are of whole seconds.
fn date(now: Timestamp, seconds: u64) -> Timestamp {
    Timestamp((now.unix_seconds() + 1 + seconds.cast_signed()) * 1_000_000)
}

async fn pass(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let key = text("idempotency-key").unwrap_or_default().trim_matches('"').to_owned();
    if let Some((instruction, until)) = shared.arrives(&key) {
        let mut response = (instruction.status, "busy").into_response();
        let when = match (instruction.when, until) {
            (Some(When::Seconds(seconds)), _) => Some(seconds.to_string()),
            (_, Some(until)) => {
                let since = Duration::from_secs(until.unix_seconds().unsigned_abs());
                Some(httpdate::fmt_http_date(UNIX_EPOCH + since))
            }
            _ => None,
        };
        if let Some(when) = when.and_then(|when| when.parse().ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, when);
        }
        return response;
    }
    let led_on: Vec<(&str, &str)> = LED_ON.iter().filter_map(|name| Some((*name, text(name)?))).collect();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    match HttpConnection::new(&shared.server).request(method, path, &led_on, body).await {
        Ok(answer) => {
            let mut response = (answer.status, answer.body).into_response();
            for name in ["content-type", "idempotent-replayed", "retry-after"] {
                if let Some(value) = answer.headers.get(name) {
                    response.headers_mut().insert(name, value.clone());
                }
            }
            response
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
