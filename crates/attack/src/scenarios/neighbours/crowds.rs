//! A neighbour that uses all its capacity: for webhooks, and for reads.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Neighbour, true_event};
use crate::database_rows::DatabaseRows;
use crate::scenarios::webhooks::WebhookForwarder;
use crate::{Deployment, Error, Need, ScenarioContext};
use outbound::HttpConnection;

/// More than all accounts together may have at once: the limit and one account's share.
const HALF_SENT: usize = 160;
/// This many of them must be refused, however the server counts.
const TURNED_AWAY: usize = 32;
/// Requests to the API at once: no more than the webhooks that one account may have under way.
pub(super) const REQUESTS_MAX: usize = 24;
/// The server gives up a body that does not come, and frees its capacity. Then the test runs again.
const ROUNDS: usize = 3;
/// Connections of a server for reading. A tenant may use half of them.
pub(super) const READERS: usize = 4;
/// Reads of one tenant, at each server.
const READS: usize = 3 * READERS;
/// A read that has no answer by then gets none while the neighbour's reads are stuck, which end
/// later.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);
const HAPPENS_WITHIN: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(50);
/// Further polls, during which an excess of reads would begin.
const POLLS: usize = 20;

/// The neighbour's webhooks are half sent: each keeps its permit until the rest comes.
pub(super) async fn webhooks(
    context: &ScenarioContext,
    deployment: &Deployment,
    neighbour: &Neighbour,
) -> Result<(), Error> {
    let mut courier = WebhookForwarder::new(deployment)?;
    let own = deployment.installation()?.residents()[0].account.clone();
    let body = true_event(context, deployment, &mut courier, "true").await?.to_string();
    context.progress.counts("half-sent webhooks", ROUNDS);
    for _ in 0..ROUNDS {
        let crowd = Crowd::open(context, deployment, &mut courier, &neighbour.resident.account).await?;
        // At the same server, and without a retry: a provider would send again.
        let signature = courier.signs(&own, &body, None).await?;
        let headers = [("content-type", "application/json"), ("stripe-signature", signature.as_str())];
        let path = format!("/webhooks/stripe/{own}");
        let taken =
            HttpConnection::new(&deployment.target.base_urls[0]).post(&path, &headers, body.clone()).await;
        let url = deployment.target.base_urls[0].clone();
        let read = get(url, "/v1/bookings?limit=1".to_owned(), deployment.target.api_key.clone()).await;
        drop(crowd);
        // A request without an answer proves nothing.
        let taken = taken.map(|answer| answer.status.as_u16());
        for (what, status) in [("whole webhook", taken), ("request", read)] {
            if let Ok(status) = status {
                context.findings.always("half_sent_webhooks_keep_nobody_out", status == 200, || {
                    format!("beside a neighbour's half-sent webhooks a {what} was answered {status}")
                });
            }
        }
        context.progress.advance();
    }
    Ok(())
}

/// Half-sent webhooks at one server, until this is dropped.
struct Crowd(#[expect(dead_code, reason = "it is held")] JoinSet<std::io::Result<()>>);

impl Crowd {
    /// On return the server has no capacity for more.
    async fn open(
        context: &ScenarioContext,
        deployment: &Deployment,
        courier: &mut WebhookForwarder,
        account: &str,
    ) -> Result<Crowd, Error> {
        let authority = deployment.target.base_urls[0].trim_start_matches("http://").to_owned();
        let body =
            json!({ "id": "evt_half", "object": "event", "type": "payment_intent.succeeded" }).to_string();
        let signature = courier.signs(account, &body, None).await?;
        let half = format!(
            "POST /webhooks/stripe/{account} HTTP/1.1\r\nhost: {authority}\r\n\
             content-type: application/json\r\nstripe-signature: {signature}\r\ncontent-length: {}\r\n\r\n{}",
            body.len(),
            &body[..body.len() / 2]
        );
        let (answered, mut statuses) = mpsc::unbounded_channel();
        let mut crowd = JoinSet::new();
        for _ in 0..HALF_SENT {
            crowd.spawn(send_half(authority.clone(), half.clone(), answered.clone()));
        }
        drop(answered);
        let (mut turned_away, begun) = (0, Instant::now());
        while turned_away < TURNED_AWAY {
            let left = HAPPENS_WITHIN.saturating_sub(begun.elapsed());
            match tokio::time::timeout(left, statuses.recv()).await {
                Ok(Some(status)) => turned_away += usize::from(status == "503"),
                // The server gave up all of them before there were enough: this server is slow.
                _ => break,
            }
        }
        context.findings.reached_times("half_sent_webhooks_were_turned_away", turned_away as u64);
        Ok(Crowd(crowd))
    }
}

/// Sends the status of the answer.
async fn send_half(
    authority: String,
    half: String,
    answered: mpsc::UnboundedSender<String>,
) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(authority).await?;
    stream.write_all(half.as_bytes()).await?;
    let mut line = [0; "HTTP/1.1 503".len()];
    stream.read_exact(&mut line).await?;
    let status = String::from_utf8_lossy(&line["HTTP/1.1 ".len()..]).into_owned();
    let _nobody_asks_any_more = answered.send(status);
    Ok(())
}

/// The neighbour's reads wait for a locked table.
pub(super) async fn reads(
    context: &ScenarioContext,
    deployment: &Deployment,
    neighbour: &Neighbour,
) -> Result<(), Error> {
    if !context.has(Need::Postgres) {
        let why = "a read of SQLite waits for nobody, so none can be made to be stuck";
        context.findings.excuse("stuck_reads_leave_room_for_a_neighbour", why);
        context.findings.excuse("reads_were_stuck", why);
        return Ok(());
    }
    let location = deployment.location().ok_or_else(|| Error::NotOurs("the database".to_owned()))?;
    let (lock, rows) = (DatabaseRows::of(location).await?, DatabaseRows::of(location).await?);
    // Only a read of products needs this table.
    lock.execute("begin; lock table units in access exclusive mode").await?;
    let lasting = context.timeline.begin("table locked", "units");
    let mut stuck = JoinSet::new();
    for url in &deployment.target.base_urls {
        for _ in 0..READS {
            stuck.spawn(get(url.clone(), "/v1/products".to_owned(), neighbour.target.api_key.clone()));
        }
    }
    let part = READERS / 2 * deployment.target.base_urls.len();
    let readers = readers_stuck(&rows, part).await?;
    if readers >= part {
        context.findings.reached("reads_were_stuck");
    }
    context.findings.always("stuck_reads_leave_room_for_a_neighbour", readers <= part, || {
        format!("one tenant's reads have {readers} readers, and may have {part}")
    });
    for url in &deployment.target.base_urls {
        let read = get(url.clone(), "/v1/bookings?limit=1".to_owned(), deployment.target.api_key.clone());
        let read = tokio::time::timeout(ANSWERED_WITHIN, read).await;
        let answered = matches!(read, Ok(Ok(200)));
        context.findings.always("stuck_reads_leave_room_for_a_neighbour", answered, || {
            let answer = match &read {
                Ok(Ok(status)) => status.to_string(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("nothing within {ANSWERED_WITHIN:?}"),
            };
            format!("beside a neighbour's stuck reads one was answered {answer}")
        });
    }
    lock.execute("rollback").await?;
    context.timeline.end(lasting);
    Ok(())
}

/// The number of readers that wait, once there are at least this many and more have had time to
/// begin.
async fn readers_stuck(rows: &DatabaseRows, at_least: usize) -> Result<usize, Error> {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() \
               and application_name = 'surehold reader' and wait_event_type = 'Lock'";
    let (mut readers, mut polls, begun) = (0, 0, Instant::now());
    while polls < POLLS && readers <= at_least && begun.elapsed() < HAPPENS_WITHIN {
        let found = rows.select(sql).await?;
        let count = found.into_iter().flatten().flatten().next().and_then(|count| count.parse().ok());
        readers = readers.max(count.unwrap_or(0));
        polls += usize::from(readers >= at_least);
        tokio::time::sleep(POLL_EVERY).await;
    }
    Ok(readers)
}

/// The answer's status.
async fn get(url: String, path: String, key: String) -> Result<u16, outbound::Error> {
    let authorization = format!("Bearer {key}");
    let answer = HttpConnection::new(&url).get(&path, &[("authorization", &authorization)]).await?;
    Ok(answer.status.as_u16())
}
