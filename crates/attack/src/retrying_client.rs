//! A client that never gives up: what it says is in the journal first, and it says it again under the same
//! key until the answer is definite. It is more impatient than a good client on purpose: it does not wait
//! as long as it is told to.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::sync::Barrier;

use super::journal::{Journal, Ticket};
use super::operation_request::{OperationAnswer, OperationRequest, ReplyKind};
use super::timeline::{RecordedRetry, Timeline};
use super::{Error, Target};
use outbound::HttpConnection;

/// For one request, through everything that befalls the server.
const PATIENCE: Duration = Duration::from_mins(2);
/// Shorter than the server's own wait, so that clients are also seen to hang up.
pub const TIMEOUT: Duration = Duration::from_secs(3);
/// Full jitter: at random up to the base, doubled with each attempt, at most the cap.
const BACKOFF_BASE_MS: u64 = 40;
const BACKOFF_CAP_MS: u64 = 1_000;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What became of one request.
#[derive(Clone, Debug)]
pub enum RequestResult {
    Answered(OperationAnswer),
    Lost(String),
}

impl RequestResult {
    pub fn reply_kind(&self) -> ReplyKind {
        match self {
            RequestResult::Answered(answer) => answer.reply_kind(),
            RequestResult::Lost(_) => ReplyKind::Lost,
        }
    }

    pub fn answer(&self) -> Option<&OperationAnswer> {
        match self {
            RequestResult::Answered(answer) => Some(answer),
            RequestResult::Lost(_) => None,
        }
    }

    pub fn words(&self) -> String {
        match self {
            RequestResult::Answered(answer) => answer.words(),
            RequestResult::Lost(why) => format!("no answer: {why}"),
        }
    }
}

/// One client, with a connection to each server.
pub struct RetryingClient {
    clients: Vec<HttpConnection>,
    /// The server that is asked now; the next one after a loss.
    at: usize,
    authorization: String,
    journal: Journal,
    timeline: Timeline,
    random: StdRng,
}

impl RetryingClient {
    /// `number` says which server it asks first.
    pub fn new(
        shop: &Target,
        journal: &Journal,
        timeline: &Timeline,
        number: usize,
        random: StdRng,
    ) -> RetryingClient {
        let client = |url: &String| HttpConnection::new(url).with_timeout(TIMEOUT);
        let clients: Vec<HttpConnection> = shop.base_urls.iter().map(client).collect();
        RetryingClient {
            at: number % clients.len().max(1),
            clients,
            authorization: format!("Bearer {}", shop.api_key),
            journal: journal.clone(),
            timeline: timeline.clone(),
            random,
        }
    }

    /// How long it waits for an answer.
    pub fn with_timeout(mut self, timeout: Duration) -> RetryingClient {
        self.clients = self.clients.into_iter().map(|client| client.with_timeout(timeout)).collect();
        self
    }

    /// Says it once.
    pub async fn send_once(&mut self, ask: &OperationRequest) -> Result<RequestResult, Error> {
        let ticket = self.journal.sends(ask).await?;
        Ok(self.send(ask, ticket).await)
    }

    /// Says it until the answer is definite.
    pub async fn retry_until_definite(&mut self, ask: &OperationRequest) -> Result<OperationAnswer, Error> {
        let begun = Instant::now();
        let mut tries = 0;
        loop {
            let ticket = self.journal.sends(ask).await?;
            let said = self.send(ask, ticket).await;
            match said {
                RequestResult::Answered(answer) if answer.reply_kind().is_definite() => return Ok(answer),
                said if begun.elapsed() > PATIENCE => {
                    return Err(Error::NoAnswer { operation: ask.operation.clone(), told: said.words() });
                }
                said => self.pause(ask, &said, tries).await,
            }
            tries += 1;
        }
    }

    /// Reads something. With `key` another's API key than the clients'.
    pub async fn get(&mut self, path: &str, key: Option<&str>) -> Result<Value, Error> {
        let authorization = key.map_or_else(|| self.authorization.clone(), |key| format!("Bearer {key}"));
        let begun = Instant::now();
        loop {
            let got = self.clients[self.at].get(path, &[("authorization", &authorization)]).await;
            let told = match got {
                Ok(answer) if answer.status.is_success() => {
                    return answer
                        .json()
                        .map_err(|error| Error::Unreadable(path.to_owned(), error.to_string()));
                }
                Ok(answer) => format!("{}: {}", answer.status, answer.text()),
                Err(error) => error.to_string(),
            };
            if begun.elapsed() > PATIENCE {
                return Err(Error::NoAnswer { operation: format!("GET {path}"), told });
            }
            self.at = (self.at + 1) % self.clients.len();
            tokio::time::sleep(Duration::from_millis(BACKOFF_BASE_MS)).await;
        }
    }

    /// Reads something until it is so, for so long; what was read last.
    pub async fn until(
        &mut self,
        path: &str,
        within: Duration,
        so: impl Fn(&Value) -> bool,
    ) -> Result<Value, Error> {
        let begun = Instant::now();
        loop {
            let seen = self.get(path, None).await?;
            if so(&seen) || begun.elapsed() > within {
                return Ok(seen);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn send(&mut self, ask: &OperationRequest, ticket: Ticket) -> RequestResult {
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", ask.header_key.as_deref().unwrap_or(&ask.key)),
        ];
        match self.clients[self.at].post(&ask.path, &headers, ask.body.clone()).await {
            Ok(response) => {
                let answer = OperationAnswer::of(&response);
                self.journal.record_answer(ticket, &answer);
                RequestResult::Answered(answer)
            }
            Err(error) => {
                self.at = (self.at + 1) % self.clients.len();
                let why = error.to_string();
                self.journal.lost(ticket, &why);
                RequestResult::Lost(why)
            }
        }
    }

    async fn pause(&mut self, ask: &OperationRequest, said: &RequestResult, tries: u32) {
        let most = BACKOFF_BASE_MS.saturating_mul(1 << tries.min(20)).min(BACKOFF_CAP_MS);
        let delay_ms = self.random.random_range(0..=most);
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        let retry_after = said.answer().and_then(|answer| answer.retry_after);
        self.timeline.retry(RecordedRetry {
            at_ms: self.timeline.now_ms(),
            operation: ask.operation.clone(),
            attempt: tries + 2,
            delay_ms,
            reason: said.words(),
            retry_after_ms: retry_after.and_then(|after| u64::try_from(after.as_millis()).ok()),
        });
    }
}

/// Says each once, all at the same moment: written down and connected first, then let go together.
pub async fn at_once(
    callers: &mut [RetryingClient],
    asks: &[OperationRequest],
) -> Result<Vec<RequestResult>, Error> {
    staggered(callers, asks, &[]).await
}

/// The same, but some of them so much later than the first.
pub async fn staggered(
    callers: &mut [RetryingClient],
    asks: &[OperationRequest],
    lags: &[Duration],
) -> Result<Vec<RequestResult>, Error> {
    let barrier = Barrier::new(callers.len().min(asks.len()));
    let barrier = &barrier;
    let lags = lags.iter().copied().chain(std::iter::repeat(Duration::ZERO));
    let said = callers.iter_mut().zip(asks).zip(lags).map(|((caller, ask), lag)| async move {
        let ticket = caller.journal.sends(ask).await;
        let at = caller.at;
        // A server that cannot be reached now is told by the request itself.
        let _told_then = caller.clients[at].open().await;
        barrier.wait().await;
        if !lag.is_zero() {
            tokio::time::sleep(lag).await;
        }
        Ok(caller.send(ask, ticket?).await)
    });
    join_all(said).await.into_iter().collect()
}
