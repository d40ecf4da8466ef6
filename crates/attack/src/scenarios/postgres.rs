//! PostgreSQL is stopped, disconnected and blocked, while customers pay.
//!
//! | part | the fault | what must hold |
//! |---|---|---|
//! | load | stopped immediately (nothing flushed) and started again; every connection ended | every commit is there; all other requests are sent again |
//! | held up | a transaction locks a row that some need, and another keeps its snapshot | requests that need the row are refused for now; all others succeed |

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::json;
use store::Location;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_postgres::NoTls;

use crate::incidents::{Incident, plan};
use crate::load_with_faults::{ALWAYS, JudgedLoad, LoadWithFaults, run_load};
use crate::orders::orders;
use crate::{Deployment, Error, Need, OperationRequest, ReplyKind, Scenario, ScenarioContext, Tuning, judge};

pub const SCENARIO: Scenario = Scenario {
    number: 7,
    name: "postgres",
    promise: "PostgreSQL may be stopped immediately, disconnected, or blocked by a transaction: every commit stays, all other work is done once, and a locked row blocks only requests that need it.",
    needs: &[Need::Deployment, Need::PrivatePostgres],
    always: &[ALWAYS[0], ALWAYS[1], "a_held_row_delays_no_stranger", "a_held_row_is_served_once_it_is_free"],
    sometimes: &[
        "stopped_under_load",
        "connections_cut_under_load",
        "told_to_come_again",
        "row_was_held",
        "snapshot_was_held",
    ],
    run: |context| Box::pin(run(context)),
};

const CLIENTS: usize = 24;
/// Orders for each incident.
const ORDERS_A_STOP: usize = 150;
const ORDERS_A_CUT: usize = 100;
const STOPS_MIN: usize = 3;
const CUTS_MIN: usize = 4;
/// Clients that need the locked row, and clients that do not.
const BLOCKED: usize = 6;
const STRANGERS: usize = 60;
const STRANGERS_AT_ONCE: usize = 12;
/// Far longer than they take.
const STRANGERS_WITHIN: Duration = Duration::from_mins(1);
/// The time for each client that needs the row to be refused.
const REFUSED_WITHIN: Duration = Duration::from_mins(1);

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = context.operations();
    let orders = orders(&context, count, &mut context.random("orders"));
    let stops = vec![Incident::RestartDatabase; (count / ORDERS_A_STOP).max(STOPS_MIN)];
    let cuts = vec![Incident::CutConnections; (count / ORDERS_A_CUT).max(CUTS_MIN)];
    let plan = plan(&[stops, cuts].concat(), count, &mut context.random("incidents"));
    // Slow enough that work is always under way.
    let faults = json!({ "seed": context.draw("provider") >> 12, "delay_ms": [10, 120] });
    let tuning = Tuning::default();
    let load = LoadWithFaults { orders, clients: CLIENTS, plan, faults, tuning };
    let JudgedLoad { deployment, under_load } = run_load(&context, load).await?;
    for incident in under_load {
        match incident {
            Incident::RestartDatabase => context.findings.reached("stopped_under_load"),
            _ => context.findings.reached("connections_cut_under_load"),
        }
    }
    let lost = |code: &str| {
        context.timeline.taken().retries.iter().filter(|retry| retry.reason.contains(code)).count()
    };
    for code in ["storage_unavailable", "commit_outcome_unknown", "overloaded", "rate_limited"] {
        context.findings.figure(format!("answered {code}"), lost(code) as f64);
    }
    held_up(&context, &deployment).await?;
    judge(&context, &deployment).await?;
    Ok(())
}

/// A transaction of the test, until it ends.
struct Transaction {
    client: tokio_postgres::Client,
    connection: JoinHandle<()>,
}

impl Transaction {
    async fn begin(location: &Location, how: &str) -> Result<Transaction, Error> {
        let Location::Postgres { url } = location else { return Err(Error::NotOurs("postgres".to_owned())) };
        let (client, connection) = tokio_postgres::connect(url.expose(), NoTls).await?;
        let connection = tokio::spawn(async move { drop(connection.await) });
        client.batch_execute(how).await?;
        Ok(Transaction { client, connection })
    }

    /// Idempotency keys that the transaction sees.
    async fn keys(&self) -> Result<i64, Error> {
        Ok(self.client.query_one("select count(*) from keys", &[]).await?.get(0))
    }

    async fn end(self) -> Result<(), Error> {
        self.client.batch_execute("rollback").await?;
        drop(self.client);
        let _ended = self.connection.await;
        Ok(())
    }
}

async fn held_up(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let mut random = context.random("held up");
    let location = deployment.location().ok_or_else(|| Error::NotOurs("postgres".to_owned()))?;
    let scarce = deployment.sell(1, 1_000).await?;
    let reader = Transaction::begin(location, "begin isolation level repeatable read read only").await?;
    let before = reader.keys().await?;
    let lock = format!("begin; select 1 from slots where id = '{}' for update", scarce.slots[0]);
    let holder = Transaction::begin(location, &lock).await?;
    context.timeline.fault("held", "postgres", "a row and a snapshot");
    context.findings.reached("row_was_held");

    let needy: Vec<OperationRequest> = (0..BLOCKED)
        .map(|number| {
            OperationRequest::hold(&context.operation(format!("needy-{number}")), &scarce, 0, 3_600)
        })
        .collect();
    let (free, freed) = watch::channel(false);
    let (count_refused, mut refused) = watch::channel(0);
    let needy = retry_while_blocked(context, deployment, needy, freed, count_refused);
    let strangers = strangers(context, deployment, &mut random);
    let beside = async {
        let went_on = strangers.await;
        // The row stays locked until each client that needs it has been refused.
        let all = tokio::time::timeout(REFUSED_WITHIN, refused.wait_for(|count| *count == BLOCKED));
        if all.await.is_ok_and(|counted| counted.is_ok()) {
            context.findings.reached("told_to_come_again");
        }
        holder.end().await?;
        free.send_replace(true);
        went_on
    };
    let (needy, beside) = tokio::join!(needy, beside);
    needy?;
    beside?;

    // The transaction has seen none of it, so nothing that it could see was removed.
    if reader.keys().await? == before {
        context.findings.reached("snapshot_was_held");
    }
    reader.end().await
}

/// The clients retry while the row is locked, and succeed once it is free.
async fn retry_while_blocked(
    context: &ScenarioContext,
    deployment: &Deployment,
    requests: Vec<OperationRequest>,
    freed: watch::Receiver<bool>,
    count_refused: watch::Sender<usize>,
) -> Result<(), Error> {
    let mut clients = JoinSet::new();
    for (number, request) in requests.into_iter().enumerate() {
        let mut caller = context.caller(&deployment.target, number);
        let (context, freed, count_refused) = (context.clone(), freed.clone(), count_refused.clone());
        clients.spawn(async move {
            let mut refused = false;
            while !*freed.borrow() {
                let unavailable = caller.send_once(&request).await?.reply_kind() == ReplyKind::Unavailable;
                if unavailable && !std::mem::replace(&mut refused, true) {
                    count_refused.send_modify(|count| *count += 1);
                }
            }
            let answer = caller.retry_until_definite(&request).await?;
            context.findings.always("a_held_row_is_served_once_it_is_free", answer.is_success(), || {
                format!("{}: {}", request.operation, answer.summary())
            });
            Ok::<_, Error>(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client.map_err(std::io::Error::other)??;
    }
    Ok(())
}

/// Charges, and seats of another slot, while the row is locked.
async fn strangers(
    context: &ScenarioContext,
    deployment: &Deployment,
    random: &mut StdRng,
) -> Result<(), Error> {
    let requests: Vec<OperationRequest> = (0..STRANGERS)
        .map(|number| {
            let operation = context.operation(format!("stranger-{number}"));
            if number.is_multiple_of(2) {
                OperationRequest::charge(
                    &operation,
                    random.random_range(100..=9_999),
                    context.card(number / 2),
                )
            } else {
                OperationRequest::hold(&operation, &deployment.target.catalogue, 0, 3_600)
            }
        })
        .collect();
    context.progress.counts("strangers beside a held row", requests.len());
    let mut clients = JoinSet::new();
    for (number, requests) in requests.chunks(STRANGERS.div_ceil(STRANGERS_AT_ONCE)).enumerate() {
        let mut caller = context.caller(&deployment.target, BLOCKED + number);
        let (context, requests) = (context.clone(), requests.to_vec());
        clients.spawn(async move {
            for request in &requests {
                caller.retry_until_definite(request).await?;
                context.progress.advance();
            }
            Ok::<_, Error>(requests.len())
        });
    }
    let mut done = 0;
    let all = async {
        while let Some(client) = clients.join_next().await {
            done += client.map_err(std::io::Error::other)??;
        }
        Ok::<_, Error>(())
    };
    // A client that still waits goes on once the row is free.
    let ended = tokio::time::timeout(STRANGERS_WITHIN, all).await;
    context.findings.always("a_held_row_delays_no_stranger", done == STRANGERS, || {
        format!("{done} of {STRANGERS} were served in {STRANGERS_WITHIN:?} while a row was held that none of them needs")
    });
    clients.detach_all();
    ended.unwrap_or(Ok(()))
}
