//! A good client: Surehold's own SDK, with each of its attempts in the journal.
//!
//! The SDK retries by itself. It notifies its observer before each retry, and the notifications
//! become lines of the journal and of the report. If the SDK gives up and the outcome is unknown,
//! its caller sends the request again later under the same key, as the SDK's documentation demands.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::requests::NewCharge;
use client::{Builder, Charge, Client, Observer, OperationReply, RequestFailure, Retry};
use serde::Serialize;
use serde_json::Value;

use super::journal::{Journal, Ticket};
use super::operation_request::{OperationAnswer, OperationRequest};
use super::timeline::{self, Timeline};
use super::{Error, ScenarioContext, Target};

/// The time for one operation, with all its retries.
const PATIENCE: Duration = Duration::from_mins(3);
/// The pause before the caller sends the request again.
const LATER: Duration = Duration::from_millis(200);

/// One client of one server. Clones share its connections, its retry budget and its circuit
/// breaker.
#[derive(Clone)]
pub struct SdkClient {
    client: Client,
    transcript: Arc<Transcript>,
}

/// The requests under way, by key.
struct Transcript {
    journal: Journal,
    timeline: Timeline,
    under_way: Mutex<HashMap<String, UnderWay>>,
}

#[derive(Clone)]
struct UnderWay {
    request: OperationRequest,
    ticket: Ticket,
}

impl SdkClient {
    /// `number` chooses the server. `settings` may change the defaults of the SDK.
    pub fn new(
        context: &ScenarioContext,
        target: &Target,
        number: usize,
        settings: impl FnOnce(Builder) -> Builder,
    ) -> Result<SdkClient, Error> {
        let transcript = Arc::new(Transcript {
            journal: context.journal.clone(),
            timeline: context.timeline.clone(),
            under_way: Mutex::default(),
        });
        let base_url = &target.base_urls[number % target.base_urls.len().max(1)];
        let observer = transcript.clone();
        let builder = Client::builder(base_url, &target.api_key)
            .seed(context.draw(&format!("sdk {number}")))
            .observer(move |retry: &Retry<'_>| observer.retrying(retry));
        let client = settings(builder).build().map_err(|error| Error::Refused(error.to_string()))?;
        Ok(SdkClient { client, transcript })
    }

    /// Charges once. An error is the SDK's message. Other clients may use the same key.
    pub async fn charge(&self, request: &OperationRequest) -> Result<Result<OperationAnswer, String>, Error> {
        let unreadable = |error: String| Error::Unreadable(request.path.clone(), error);
        let charge: NewCharge =
            serde_json::from_str(&request.body).map_err(|error| unreadable(error.to_string()))?;
        let operation = self.client.charge(&charge).key(request.key.as_str());
        let operation = operation.map_err(|error| unreadable(error.to_string()))?;
        let ticket = self.transcript.journal.record_request(request).await?;
        self.transcript.begin(request, ticket);
        let sent = operation.send().await;
        let Some(UnderWay { ticket, .. }) = self.transcript.end(&request.key) else {
            return Err(unreadable("its key is not under way".to_owned()));
        };
        let answer = match sent {
            Ok(reply) => of_reply(&reply),
            Err(client::Error::Refused(refused)) => {
                OperationAnswer::read(refused.status, refused.replayed, None, shown(&refused.problem))
            }
            Err(error) => {
                self.transcript.journal.record_loss(ticket, &error.to_string());
                return Ok(Err(error.to_string()));
            }
        };
        self.transcript.journal.record_answer(ticket, &answer);
        Ok(Ok(answer))
    }

    /// Charges until the answer is definite.
    pub async fn retry_until_definite(&self, request: &OperationRequest) -> Result<OperationAnswer, Error> {
        let begun = Instant::now();
        loop {
            let outcome = match self.charge(request).await? {
                Ok(answer) if answer.reply_kind().is_definite() => return Ok(answer),
                Ok(answer) => answer.summary(),
                Err(outcome) => outcome,
            };
            if begun.elapsed() > PATIENCE {
                return Err(Error::NoAnswer { operation: request.operation.clone(), outcome });
            }
            tokio::time::sleep(LATER).await;
        }
    }
}

fn of_reply(reply: &OperationReply<Charge>) -> OperationAnswer {
    let body = match &reply.value {
        Charge::Accepted(payment) => shown(payment),
        Charge::Declined(declined) => shown(&declined.problem),
    };
    OperationAnswer::read(reply.status, reply.replayed, None, body)
}

fn shown(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("views hold only what JSON can say")
}

impl Transcript {
    fn begin(&self, request: &OperationRequest, ticket: Ticket) {
        let mut under_way = self.under_way.lock();
        under_way.insert(request.key.clone(), UnderWay { request: request.clone(), ticket });
    }

    fn end(&self, key: &str) -> Option<UnderWay> {
        self.under_way.lock().remove(key)
    }
}

impl Observer for Transcript {
    /// Records the end of the last attempt, and the next attempt before it is sent.
    fn retrying(&self, retry: &Retry<'_>) {
        let Some(key) = retry.key.map(client::IdempotencyKey::as_str) else { return };
        let Some(UnderWay { request, ticket }) = self.end(key) else { return };
        match retry.failure {
            RequestFailure::Answered { status, problem } => {
                let answer = OperationAnswer::read(*status, false, retry.retry_after, shown(problem));
                self.journal.record_answer(ticket, &answer);
            }
            failure => self.journal.record_loss(ticket, &failure.to_string()),
        }
        let journal = &self.journal;
        let handle = tokio::runtime::Handle::current();
        let written = tokio::task::block_in_place(|| handle.block_on(journal.record_request(&request)));
        // If the journal cannot be written, the next line that waits for it reports the error.
        let ticket = written.unwrap_or(ticket);
        self.timeline.retry(timeline::RecordedRetry {
            at_ms: self.timeline.now_ms(),
            operation: request.operation.clone(),
            attempt: retry.attempt + 1,
            delay_ms: u64::try_from(retry.delay.as_millis()).unwrap_or(u64::MAX),
            reason: retry.failure.label().to_owned(),
            retry_after_ms: retry.retry_after.and_then(|after| u64::try_from(after.as_millis()).ok()),
        });
        self.begin(&request, ticket);
    }
}
