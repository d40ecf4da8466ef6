//! A neighbour that sends more than can be written: it fills only its own share of the queue.
//!
//! | the neighbour floods with | the other sends meanwhile |
//! |---|---|
//! | holds | holds |
//! | events of its account, with valid signatures | an event of its own account |

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Neighbour, true_event};
use crate::database_rows::{DatabaseRows, WriteLock};
use crate::scenarios::webhooks::WebhookForwarder;
use crate::{Deployment, Error, OperationAnswer, OperationRequest, ScenarioContext, Target};
use outbound::HttpConnection;

/// Commands that wait: of all tenants, and of one tenant.
pub(super) const QUEUE_MAX: usize = 96;
pub(super) const TENANT_SHARE: f64 = 0.5;
/// More than a batch and a full queue together, so that some are refused.
const FLOOD: usize = 2 * QUEUE_MAX + TURNED_AWAY;
const TURNED_AWAY: usize = 28;
/// A request that was refused before the queue is sent again.
const TRIES: usize = 5;
/// Holds of the other tenant meanwhile.
const HOLDS: usize = 5;
const HOLD_SECONDS: u32 = 3_600;
/// Longer than the test holds the write lock.
const TIMEOUT: Duration = Duration::from_secs(30);
const HAPPENS_WITHIN: Duration = Duration::from_secs(30);
/// The time for refusals to arrive. The others get no answer before a writer works.
const REFUSED_WITHIN: Duration = Duration::from_millis(500);

const ROOM: &str = "a_flood_leaves_room_in_the_queue";

/// The codes of a full queue: the whole queue, or the tenant's share of it.
fn is_turned_away(code: Option<&str>) -> bool {
    matches!(code, Some("overloaded" | "rate_limited"))
}

/// One request, as its sender needs it.
struct Request {
    path: String,
    /// The headers besides the content type.
    headers: Vec<(&'static str, String)>,
    body: String,
}

pub(super) async fn run(
    context: &ScenarioContext,
    rows: &DatabaseRows,
    deployment: &Deployment,
    neighbour: &Neighbour,
) -> Result<(), Error> {
    if deployment.location().is_some_and(|location| matches!(location, store::Location::Postgres { .. })) {
        let why = "PostgreSQL has no single writer that could be blocked during a flood";
        context.findings.excuse(ROOM, why);
        context.findings.excuse("a_flood_was_turned_away", why);
        return Ok(());
    }
    context.progress.show("a flood while nobody can write");
    beside_holds(context, rows, &deployment.target, &neighbour.target).await?;
    beside_events(context, rows, deployment, neighbour).await
}

async fn beside_holds(
    context: &ScenarioContext,
    rows: &DatabaseRows,
    ours: &Target,
    theirs: &Target,
) -> Result<(), Error> {
    let flood = (0..FLOOD).map(|number| {
        let request = hold(context, "flood", number, theirs);
        let authorization = format!("Bearer {}", theirs.api_key);
        let headers = vec![("authorization", authorization), ("idempotency-key", request.key)];
        Request { path: request.path, headers, body: request.body }
    });
    let flood = Flood::begin(context, rows, &theirs.base_urls[0], flood.collect()).await?;
    let mut others = JoinSet::new();
    for number in 0..HOLDS {
        let request = hold(context, "beside-the-flood", number, ours);
        let mut caller = context.caller(ours, number).with_timeout(TIMEOUT);
        others.spawn(async move { caller.send_once(&request).await.map(|result| (request, result)) });
    }
    flood.end().await;
    let mut caller = context.caller(ours, 0);
    while let Some(result) = others.join_next().await {
        let (request, result) = result.map_err(std::io::Error::other)??;
        let code = result.answer().and_then(OperationAnswer::code);
        context.findings.always(ROOM, !is_turned_away(code.as_deref()), || {
            format!("{}: beside a neighbour's flood it was answered {}", request.operation, result.summary())
        });
        caller.retry_until_definite(&request).await?;
    }
    Ok(())
}

fn hold(context: &ScenarioContext, what: &str, number: usize, target: &Target) -> OperationRequest {
    OperationRequest::hold(&context.operation(format!("{what}-{number}")), &target.catalogue, 0, HOLD_SECONDS)
}

async fn beside_events(
    context: &ScenarioContext,
    rows: &DatabaseRows,
    deployment: &Deployment,
    neighbour: &Neighbour,
) -> Result<(), Error> {
    let mut courier = WebhookForwarder::new(deployment)?;
    let own = deployment.installation()?.residents()[0].account.clone();
    let event = true_event(context, deployment, &mut courier, "beside-events").await?;
    let event = delivery(&mut courier, &own, &event).await?;
    // About a payment that is not ours.
    let nothing = json!({
        "id": "evt_flood", "object": "event", "type": "product.created", "livemode": false,
        "data": { "object": {} },
    });
    let mut flood = Vec::new();
    for _ in 0..FLOOD {
        flood.push(delivery(&mut courier, &neighbour.resident.account, &nothing).await?);
    }
    let url = deployment.target.base_urls[0].clone();
    let flood = Flood::begin(context, rows, &url, flood).await?;
    let taken = tokio::spawn(async move { send(&url, &event).await });
    flood.end().await;
    // A request without an answer proves nothing.
    if let Ok(code) = taken.await.map_err(std::io::Error::other)? {
        context.findings.always(ROOM, !is_turned_away(code.as_deref()), || {
            let code = code.as_deref().unwrap_or("without a code");
            format!("beside a flood of a neighbour's events one was refused: {code}")
        });
    }
    Ok(())
}

async fn delivery(courier: &mut WebhookForwarder, account: &str, event: &Value) -> Result<Request, Error> {
    let body = event.to_string();
    let headers = vec![("stripe-signature", courier.signs(account, &body, None).await?)];
    Ok(Request { path: format!("/webhooks/stripe/{account}"), headers, body })
}

/// Requests that wait to be written, while no writer can work.
struct Flood<'a> {
    context: &'a ScenarioContext,
    write_lock: Option<WriteLock>,
    lasting: crate::timeline::Lasting,
    waiting: JoinSet<Result<(), outbound::Error>>,
}

impl<'a> Flood<'a> {
    /// On return the tenant's share is full.
    async fn begin(
        context: &'a ScenarioContext,
        rows: &DatabaseRows,
        url: &str,
        requests: Vec<Request>,
    ) -> Result<Flood<'a>, Error> {
        let write_lock = rows.lock_writes().await?;
        let lasting = context.timeline.begin("nobody can write", "database");
        let (codes, mut received) = mpsc::unbounded_channel();
        let mut waiting = JoinSet::new();
        for request in requests {
            waiting.spawn(send_with_retries(url.to_owned(), request, codes.clone()));
        }
        drop(codes);
        let (mut turned_away, begun) = (0, Instant::now());
        while turned_away < TURNED_AWAY {
            let left = HAPPENS_WITHIN.saturating_sub(begun.elapsed());
            let Ok(Some(code)) = tokio::time::timeout(left, received.recv()).await else { break };
            turned_away += usize::from(is_turned_away(code.as_deref()));
        }
        context.findings.reached_times("a_flood_was_turned_away", turned_away as u64);
        Ok(Flood { context, write_lock, lasting, waiting })
    }

    /// Every refusal has arrived by then.
    async fn end(mut self) {
        tokio::time::sleep(REFUSED_WITHIN).await;
        drop(self.write_lock.take());
        self.context.timeline.end(self.lasting);
        while self.waiting.join_next().await.is_some() {}
    }
}

/// Sends again while the queue is full, a limited number of times. Reports the last code.
async fn send_with_retries(
    url: String,
    request: Request,
    codes: mpsc::UnboundedSender<Option<String>>,
) -> Result<(), outbound::Error> {
    let mut code = send(&url, &request).await?;
    for _ in 1..TRIES {
        if is_turned_away(code.as_deref()) {
            code = send(&url, &request).await?;
        }
    }
    let _ignored_after_the_flood = codes.send(code);
    Ok(())
}

/// The code of the answer, if it is a problem.
async fn send(url: &str, request: &Request) -> Result<Option<String>, outbound::Error> {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(request.headers.iter().map(|(name, value)| (*name, value.as_str())));
    let answer = HttpConnection::new(url).post(&request.path, &headers, request.body.clone()).await?;
    Ok(OperationAnswer::of(&answer).code())
}
