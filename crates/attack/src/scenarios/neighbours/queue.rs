//! A neighbour that asks for more than can be written: what it sends fills its own part of the queue.
//!
//! | the neighbour floods with | the other sends meanwhile |
//! |---|---|
//! | holds | holds |
//! | events of its account, truly signed | an event of its own |

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Neighbour, true_event};
use crate::database_rows::{DatabaseRows, WritersPlace};
use crate::scenarios::webhooks::WebhookForwarder;
use crate::{Deployment, Error, OperationAnswer, OperationRequest, ScenarioContext, Target};
use outbound::HttpConnection;

/// Commands that wait, of all tenants and of one of them.
pub(super) const QUEUE_MAX: usize = 96;
pub(super) const TENANT_SHARE: f64 = 0.5;
/// More than one batch and a full queue after it take, by so many that some are turned away.
const FLOOD: usize = 2 * QUEUE_MAX + TURNED_AWAY;
const TURNED_AWAY: usize = 28;
/// What was turned away on the way to the queue comes again.
const TRIES: usize = 5;
/// Holds of the other tenant, meanwhile.
const HOLDS: usize = 5;
const HOLD_SECONDS: u32 = 3_600;
/// Longer than the place of the writer is taken.
const TIMEOUT: Duration = Duration::from_secs(30);
const HAPPENS_WITHIN: Duration = Duration::from_secs(30);
/// For those who are turned away to hear of it: the others hear nothing until there is a writer.
const HEARD_WITHIN: Duration = Duration::from_millis(500);

const ROOM: &str = "a_flood_leaves_room_in_the_queue";

/// There was no room: in the whole queue, or in the tenant's share of it.
fn is_turned_away(code: Option<&str>) -> bool {
    matches!(code, Some("overloaded" | "rate_limited"))
}

/// One request, and whoever says it.
struct Request {
    path: String,
    /// Besides the content's type.
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
        let why = "on PostgreSQL nobody can take the writer's place for as long as a flood lasts";
        context.findings.excuse(ROOM, why);
        context.findings.excuse("a_flood_was_turned_away", why);
        return Ok(());
    }
    context.progress.says("a flood while nobody can write");
    beside_holds(context, rows, &deployment.shop, &neighbour.shop).await?;
    beside_events(context, rows, deployment, neighbour).await
}

async fn beside_holds(
    context: &ScenarioContext,
    rows: &DatabaseRows,
    ours: &Target,
    theirs: &Target,
) -> Result<(), Error> {
    let flood = (0..FLOOD).map(|number| {
        let ask = hold(context, "flood", number, theirs);
        let authorization = format!("Bearer {}", theirs.api_key);
        let headers = vec![("authorization", authorization), ("idempotency-key", ask.key)];
        Request { path: ask.path, headers, body: ask.body }
    });
    let flood = Flood::begin(context, rows, &theirs.base_urls[0], flood.collect()).await?;
    let mut others = JoinSet::new();
    for number in 0..HOLDS {
        let ask = hold(context, "beside-the-flood", number, ours);
        let mut caller = context.caller(ours, number)?.with_timeout(TIMEOUT);
        others.spawn(async move { caller.send_once(&ask).await.map(|said| (ask, said)) });
    }
    flood.end().await;
    let mut caller = context.caller(ours, 0)?;
    while let Some(said) = others.join_next().await {
        let (ask, said) = said.map_err(std::io::Error::other)??;
        let code = said.answer().and_then(OperationAnswer::code);
        context.findings.always(ROOM, !is_turned_away(code.as_deref()), || {
            format!("{}: beside a neighbour's flood it was answered {}", ask.operation, said.words())
        });
        caller.retry_until_definite(&ask).await?;
    }
    Ok(())
}

fn hold(context: &ScenarioContext, what: &str, number: usize, shop: &Target) -> OperationRequest {
    OperationRequest::hold(&context.operation(format!("{what}-{number}")), &shop.catalogue, 0, HOLD_SECONDS)
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
    // About nothing that is sold here.
    let nothing = json!({
        "id": "evt_flood", "object": "event", "type": "product.created", "livemode": false,
        "data": { "object": {} },
    });
    let mut flood = Vec::new();
    for _ in 0..FLOOD {
        flood.push(delivery(&mut courier, &neighbour.resident.account, &nothing).await?);
    }
    let url = deployment.shop.base_urls[0].clone();
    let flood = Flood::begin(context, rows, &url, flood).await?;
    let taken = tokio::spawn(async move { say(&url, &event).await });
    flood.end().await;
    // An answer that did not come says nothing.
    if let Ok(code) = taken.await.map_err(std::io::Error::other)? {
        context.findings.always(ROOM, !is_turned_away(code.as_deref()), || {
            format!("beside a flood of a neighbour's events one was answered {code:?}")
        });
    }
    Ok(())
}

async fn delivery(courier: &mut WebhookForwarder, account: &str, event: &Value) -> Result<Request, Error> {
    let body = event.to_string();
    let headers = vec![("stripe-signature", courier.signs(account, &body, None).await?)];
    Ok(Request { path: format!("/webhooks/stripe/{account}"), headers, body })
}

/// Requests that wait to be written, while nobody can write.
struct Flood<'a> {
    context: &'a ScenarioContext,
    place: Option<WritersPlace>,
    lasting: crate::timeline::Lasting,
    waiting: JoinSet<Result<(), outbound::Error>>,
}

impl<'a> Flood<'a> {
    /// On return there is no room for more of it.
    async fn begin(
        context: &'a ScenarioContext,
        rows: &DatabaseRows,
        url: &str,
        requests: Vec<Request>,
    ) -> Result<Flood<'a>, Error> {
        let place = rows.take_writers_place().await?;
        let lasting = context.timeline.begin("nobody can write", "database");
        let (told, mut heard) = mpsc::unbounded_channel();
        let mut waiting = JoinSet::new();
        for request in requests {
            waiting.spawn(insist(url.to_owned(), request, told.clone()));
        }
        drop(told);
        let (mut turned_away, begun) = (0, Instant::now());
        while turned_away < TURNED_AWAY {
            let left = HAPPENS_WITHIN.saturating_sub(begun.elapsed());
            let Ok(Some(code)) = tokio::time::timeout(left, heard.recv()).await else { break };
            turned_away += usize::from(is_turned_away(code.as_deref()));
        }
        context.findings.reached_times("a_flood_was_turned_away", turned_away as u64);
        Ok(Flood { context, place, lasting, waiting })
    }

    /// Whoever has no room has heard of it by then.
    async fn end(mut self) {
        tokio::time::sleep(HEARD_WITHIN).await;
        drop(self.place.take());
        self.context.timeline.end(self.lasting);
        while self.waiting.join_next().await.is_some() {}
    }
}

/// Some times while there is no room; tells the last answer's code.
async fn insist(
    url: String,
    request: Request,
    told: mpsc::UnboundedSender<Option<String>>,
) -> Result<(), outbound::Error> {
    let mut code = say(&url, &request).await?;
    for _ in 1..TRIES {
        if is_turned_away(code.as_deref()) {
            code = say(&url, &request).await?;
        }
    }
    let _nobody_asks_any_more = told.send(code);
    Ok(())
}

/// The code of the answer, if it is a problem.
async fn say(url: &str, request: &Request) -> Result<Option<String>, outbound::Error> {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(request.headers.iter().map(|(name, value)| (*name, value.as_str())));
    let answer = HttpConnection::new(url).post(&request.path, &headers, request.body.clone()).await?;
    Ok(OperationAnswer::of(&answer).code())
}
