//! A good client: Surehold's own SDK, with what it does in the journal.
//!
//! The SDK retries by itself. It tells of each retry before it makes it, and what it tells becomes lines of
//! the journal and of the report's transcript. Where it gives up, the outcome unknown, the program that uses
//! it asks again later under the same key, as its documentation says.

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

/// For one operation, through everything that befalls the server.
const PATIENCE: Duration = Duration::from_mins(3);
/// Before the program that uses it asks again.
const LATER: Duration = Duration::from_millis(200);

/// One client of one server; clones share its connections, its budget and its breaker.
#[derive(Clone)]
pub struct SdkClient {
    client: Client,
    transcript: Arc<Transcript>,
}

/// What is under way, by key.
struct Transcript {
    journal: Journal,
    timeline: Timeline,
    under_way: Mutex<HashMap<String, UnderWay>>,
}

#[derive(Clone)]
struct UnderWay {
    ask: OperationRequest,
    ticket: Ticket,
}

impl SdkClient {
    /// `number` says which server it asks. `settings` may change what the SDK does by default.
    pub fn new(
        context: &ScenarioContext,
        shop: &Target,
        number: usize,
        settings: impl FnOnce(Builder) -> Builder,
    ) -> Result<SdkClient, Error> {
        let transcript = Arc::new(Transcript {
            journal: context.journal.clone(),
            timeline: context.timeline.clone(),
            under_way: Mutex::default(),
        });
        let base_url = &shop.base_urls[number % shop.base_urls.len().max(1)];
        let observer = transcript.clone();
        let builder = Client::builder(base_url, &shop.api_key)
            .seed(context.draw(&format!("sdk {number}")))
            .observer(move |retry: &Retry<'_>| observer.retrying(retry));
        let client = settings(builder).build().map_err(|error| Error::Refused(error.to_string()))?;
        Ok(SdkClient { client, transcript })
    }

    /// Charges once; an error is what the SDK told, in words. Its key may be asked for by others as well.
    pub async fn charge(&self, ask: &OperationRequest) -> Result<Result<OperationAnswer, String>, Error> {
        let unreadable = |error: String| Error::Unreadable(ask.path.clone(), error);
        let request: NewCharge =
            serde_json::from_str(&ask.body).map_err(|error| unreadable(error.to_string()))?;
        let operation = self.client.charge(&request).key(ask.key.as_str());
        let operation = operation.map_err(|error| unreadable(error.to_string()))?;
        let ticket = self.transcript.journal.sends(ask).await?;
        self.transcript.begin(ask, ticket);
        let sent = operation.send().await;
        let Some(UnderWay { ticket, .. }) = self.transcript.end(&ask.key) else {
            return Err(unreadable("nobody began it".to_owned()));
        };
        let answer = match sent {
            Ok(reply) => of_reply(&reply),
            Err(client::Error::Refused(refused)) => {
                OperationAnswer::read(refused.status, refused.replayed, None, shown(&refused.problem))
            }
            Err(error) => {
                self.transcript.journal.lost(ticket, &error.to_string());
                return Ok(Err(error.to_string()));
            }
        };
        self.transcript.journal.record_answer(ticket, &answer);
        Ok(Ok(answer))
    }

    /// Charges until the answer is definite.
    pub async fn retry_until_definite(&self, ask: &OperationRequest) -> Result<OperationAnswer, Error> {
        let begun = Instant::now();
        loop {
            let told = match self.charge(ask).await? {
                Ok(answer) if answer.reply_kind().is_definite() => return Ok(answer),
                Ok(answer) => answer.words(),
                Err(told) => told,
            };
            if begun.elapsed() > PATIENCE {
                return Err(Error::NoAnswer { operation: ask.operation.clone(), told });
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
    fn begin(&self, ask: &OperationRequest, ticket: Ticket) {
        let mut under_way = self.under_way.lock();
        under_way.insert(ask.key.clone(), UnderWay { ask: ask.clone(), ticket });
    }

    fn end(&self, key: &str) -> Option<UnderWay> {
        self.under_way.lock().remove(key)
    }
}

impl Observer for Transcript {
    /// The last attempt's end, and the next one's beginning: on the disk before it is sent.
    fn retrying(&self, retry: &Retry<'_>) {
        let Some(key) = retry.key.map(client::IdempotencyKey::as_str) else { return };
        let Some(UnderWay { ask, ticket }) = self.end(key) else { return };
        match retry.failure {
            RequestFailure::Answered { status, problem } => {
                let answer = OperationAnswer::read(*status, false, retry.retry_after, shown(problem));
                self.journal.record_answer(ticket, &answer);
            }
            failure => self.journal.lost(ticket, &failure.to_string()),
        }
        let journal = &self.journal;
        let handle = tokio::runtime::Handle::current();
        let written = tokio::task::block_in_place(|| handle.block_on(journal.sends(&ask)));
        // A journal that cannot be written is told by the next line that somebody waits for.
        let ticket = written.unwrap_or(ticket);
        self.timeline.retry(timeline::RecordedRetry {
            at_ms: self.timeline.now_ms(),
            operation: ask.operation.clone(),
            attempt: retry.attempt + 1,
            delay_ms: u64::try_from(retry.delay.as_millis()).unwrap_or(u64::MAX),
            reason: retry.failure.label().to_owned(),
            retry_after_ms: retry.retry_after.and_then(|after| u64::try_from(after.as_millis()).ok()),
        });
        self.begin(&ask, ticket);
    }
}
