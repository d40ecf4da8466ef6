//! A client that retries under the same key until the answer is definite. Each request is in the
//! journal before it is sent. On purpose the client does not wait as long as Retry-After demands.

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

/// The time for one request, with all its retries.
const PATIENCE: Duration = Duration::from_mins(2);
/// Shorter than the server's own wait, so that clients also hang up.
pub const TIMEOUT: Duration = Duration::from_secs(3);
/// Full jitter: a random delay up to the base, which doubles with each attempt up to the cap.
const BACKOFF_BASE_MS: u64 = 40;
const BACKOFF_CAP_MS: u64 = 1_000;
const POLL_EVERY: Duration = Duration::from_millis(100);

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

    pub fn summary(&self) -> String {
        match self {
            RequestResult::Answered(answer) => answer.summary(),
            RequestResult::Lost(why) => format!("no answer: {why}"),
        }
    }
}

/// One client, with a connection to each server.
pub struct RetryingClient {
    clients: Vec<HttpConnection>,
    /// The index of the current server. A lost reply moves on to the next.
    at: usize,
    authorization: String,
    journal: Journal,
    timeline: Timeline,
    random: StdRng,
}

impl RetryingClient {
    /// `number` chooses the first server.
    pub fn new(
        target: &Target,
        journal: &Journal,
        timeline: &Timeline,
        number: usize,
        random: StdRng,
    ) -> RetryingClient {
        let client = |url: &String| HttpConnection::new(url).with_timeout(TIMEOUT);
        let clients: Vec<HttpConnection> = target.base_urls.iter().map(client).collect();
        RetryingClient {
            at: number % clients.len().max(1),
            clients,
            authorization: format!("Bearer {}", target.api_key),
            journal: journal.clone(),
            timeline: timeline.clone(),
            random,
        }
    }

    /// How long it waits for a reply.
    pub fn with_timeout(mut self, timeout: Duration) -> RetryingClient {
        self.clients = self.clients.into_iter().map(|client| client.with_timeout(timeout)).collect();
        self
    }

    /// Sends the request once.
    pub async fn send_once(&mut self, request: &OperationRequest) -> Result<RequestResult, Error> {
        let ticket = self.journal.record_request(request).await?;
        Ok(self.send(request, ticket).await)
    }

    /// Sends the request until the answer is definite.
    pub async fn retry_until_definite(
        &mut self,
        request: &OperationRequest,
    ) -> Result<OperationAnswer, Error> {
        let begun = Instant::now();
        let mut tries = 0;
        loop {
            let ticket = self.journal.record_request(request).await?;
            let result = self.send(request, ticket).await;
            match result {
                RequestResult::Answered(answer) if answer.reply_kind().is_definite() => return Ok(answer),
                result if begun.elapsed() > PATIENCE => {
                    return Err(Error::NoAnswer {
                        operation: request.operation.clone(),
                        outcome: result.summary(),
                    });
                }
                result => self.pause(request, &result, tries).await,
            }
            tries += 1;
        }
    }

    /// Reads a resource. `key` is another API key than the client's own.
    pub async fn get(&mut self, path: &str, key: Option<&str>) -> Result<Value, Error> {
        let authorization = key.map_or_else(|| self.authorization.clone(), |key| format!("Bearer {key}"));
        let begun = Instant::now();
        loop {
            let got = self.clients[self.at].get(path, &[("authorization", &authorization)]).await;
            let outcome = match got {
                Ok(answer) if answer.status.is_success() => {
                    return answer
                        .json()
                        .map_err(|error| Error::Unreadable(path.to_owned(), error.to_string()));
                }
                Ok(answer) => format!("{}: {}", answer.status, answer.text()),
                Err(error) => error.to_string(),
            };
            if begun.elapsed() > PATIENCE {
                return Err(Error::NoAnswer { operation: format!("GET {path}"), outcome });
            }
            self.at = (self.at + 1) % self.clients.len();
            tokio::time::sleep(Duration::from_millis(BACKOFF_BASE_MS)).await;
        }
    }

    /// Reads a resource until `so` holds or the time is over. Returns what was read last.
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
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    async fn send(&mut self, request: &OperationRequest, ticket: Ticket) -> RequestResult {
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", request.header_key.as_deref().unwrap_or(&request.key)),
        ];
        match self.clients[self.at].post(&request.path, &headers, request.body.clone()).await {
            Ok(response) => {
                let answer = OperationAnswer::of(&response);
                self.journal.record_answer(ticket, &answer);
                RequestResult::Answered(answer)
            }
            Err(error) => {
                self.at = (self.at + 1) % self.clients.len();
                let why = error.to_string();
                self.journal.record_loss(ticket, &why);
                RequestResult::Lost(why)
            }
        }
    }

    async fn pause(&mut self, request: &OperationRequest, result: &RequestResult, tries: u32) {
        let most = BACKOFF_BASE_MS.saturating_mul(1 << tries.min(20)).min(BACKOFF_CAP_MS);
        let delay_ms = self.random.random_range(0..=most);
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        let retry_after = result.answer().and_then(|answer| answer.retry_after);
        self.timeline.retry(RecordedRetry {
            at_ms: self.timeline.now_ms(),
            operation: request.operation.clone(),
            attempt: tries + 2,
            delay_ms,
            reason: result.summary(),
            retry_after_ms: retry_after.and_then(|after| u64::try_from(after.as_millis()).ok()),
        });
    }
}

/// Sends each request once, all at the same moment: each is in the journal and has its connection
/// before the first is sent.
pub async fn at_once(
    callers: &mut [RetryingClient],
    requests: &[OperationRequest],
) -> Result<Vec<RequestResult>, Error> {
    staggered(callers, requests, &[]).await
}

/// The same, but each request waits for its lag first.
pub async fn staggered(
    callers: &mut [RetryingClient],
    requests: &[OperationRequest],
    lags: &[Duration],
) -> Result<Vec<RequestResult>, Error> {
    let barrier = Barrier::new(callers.len().min(requests.len()));
    let barrier = &barrier;
    let lags = lags.iter().copied().chain(std::iter::repeat(Duration::ZERO));
    let sending = callers.iter_mut().zip(requests).zip(lags).map(|((caller, request), lag)| async move {
        let ticket = caller.journal.record_request(request).await;
        let at = caller.at;
        // If the server cannot be reached, the request itself reports the error.
        let _reported_by_the_request = caller.clients[at].open().await;
        barrier.wait().await;
        if !lag.is_zero() {
            tokio::time::sleep(lag).await;
        }
        Ok(caller.send(request, ticket?).await)
    });
    join_all(sending).await.into_iter().collect()
}
